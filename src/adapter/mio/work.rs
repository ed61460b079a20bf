//! A call that is open in a server, and how it goes on.

use super::handler::Peer;
use super::responder::{Failure, Incoming, Next, Reply, Responder, UnaryRequest};
use crate::call::{Call, Item, Server};
use crate::error::{Misuse, SendError};
use crate::grpc::{Code, Message, Metadata, Status};
use crate::time::Instant;
use std::boxed::Box;
use std::string::ToString;

pub(super) type Unary = Box<dyn FnMut(UnaryRequest<'_>) -> Result<Reply, Failure>>;
pub(super) type Start = Box<dyn FnMut(&Incoming<'_>) -> Result<Box<dyn Responder>, Failure>>;

/// What answers the calls of a method.
pub(super) enum Route {
    Unary(Unary),
    Streaming(Start),
}

/// How a call ends, well or not.
pub(super) struct End {
    pub(super) status: Status,
    pub(super) trailers: Metadata,
}

impl From<Failure> for End {
    fn from(failure: Failure) -> Self {
        Self { status: failure.status, trailers: failure.trailers }
    }
}

impl From<Status> for End {
    fn from(status: Status) -> Self {
        Self { status, trailers: Metadata::new() }
    }
}

/// The application said something that makes no sense here: its client is told so.
impl From<Misuse> for End {
    fn from(misuse: Misuse) -> Self {
        Status::new(Code::Internal, misuse.to_string()).into()
    }
}

pub(super) enum Work {
    /// Waits for the message of a unary method.
    Unary {
        metadata: Metadata,
        deadline: Option<Instant>,
    },
    Streaming {
        responder: Box<dyn Responder>,
        refused: Option<Message>,
    },
}

impl Work {
    /// Begins a call; `spare` gives metadata whose memory can be used again.
    pub(super) fn start(
        route: &mut Route,
        incoming: &Incoming<'_>,
        spare: impl FnOnce() -> Metadata,
    ) -> Result<Self, Failure> {
        Ok(match route {
            Route::Unary(_) => {
                let mut metadata = spare();
                incoming.request.metadata().copy_to(&mut metadata);
                Self::Unary { metadata, deadline: incoming.request.deadline() }
            }
            Route::Streaming(start) => Self::Streaming { responder: start(incoming)?, refused: None },
        })
    }

    /// Says what is to be said before anything is read.
    pub(super) fn send_head(&mut self, call: &mut Call<'_, Server>) -> Result<(), End> {
        match self {
            Self::Unary { .. } => Ok(()),
            Self::Streaming { responder, .. } => send_head(call, responder.encoding(), &responder.metadata()),
        }
    }

    /// Goes on as far as it gets. An error is the end, a good one included.
    pub(super) fn advance(&mut self, route: &mut Route, peer: &Peer, call: &mut Call<'_, Server>) -> Result<(), End> {
        match (self, route) {
            (Self::Unary { metadata, deadline }, Route::Unary(answer)) => {
                while let Some(item) = call.read() {
                    if let Item::Message(message) = item {
                        let reply = answer(UnaryRequest { metadata, deadline: *deadline, message, peer })?;
                        return reply_with(call, reply);
                    }
                }
                Ok(())
            }
            (Self::Streaming { responder, refused }, _) => stream(responder.as_mut(), refused, call),
            (Self::Unary { .. }, Route::Streaming(_)) => Ok(()),
        }
    }
}

fn send_head(call: &mut Call<'_, Server>, encoding: Option<&str>, metadata: &Metadata) -> Result<(), End> {
    if let Some(coding) = encoding {
        call.set_encoding(coding)?;
    }
    if metadata.iter().next().is_some() {
        call.send_head(metadata)?;
    }
    Ok(())
}

fn reply_with(call: &mut Call<'_, Server>, reply: Reply) -> Result<(), End> {
    send_head(call, reply.encoding, &reply.metadata)?;
    // Nothing else is queued, so there is room.
    send(call, reply.message)?;
    Err(End { status: Status::ok(), trailers: reply.trailers })
}

/// Queues a message; gives it back where there is no room.
fn send(call: &mut Call<'_, Server>, message: Message) -> Result<Option<Message>, End> {
    match call.send(message) {
        Ok(()) => Ok(None),
        Err(SendError::Full(message)) => Ok(Some(message)),
        // Stopped says so, and nobody waits for the message.
        Err(SendError::Ended(_)) => Ok(None),
        Err(SendError::TooLarge(message)) => {
            let text = std::format!("a message of {} octets is longer than max_send_message", message.data.len());
            Err(Status::new(Code::ResourceExhausted, text).into())
        }
        Err(SendError::Misuse(misuse)) => Err(misuse.into()),
    }
}

fn stream(
    responder: &mut dyn Responder,
    refused: &mut Option<Message>,
    call: &mut Call<'_, Server>,
) -> Result<(), End> {
    if let Some(message) = refused.take() {
        *refused = send(call, message)?;
    }
    while refused.is_none() && call.stopped().is_none() {
        match responder.next()? {
            Next::Message(message) => *refused = send(call, message)?,
            Next::Finish(trailers) => return Err(End { status: Status::ok(), trailers }),
            Next::Wait => match call.read() {
                Some(Item::Message(message)) => responder.message(message)?,
                Some(Item::End(_)) => responder.half_close()?,
                Some(Item::Head(_)) => {}
                None => return Ok(()),
            },
        }
    }
    Ok(())
}
