//! A call that is open in a server, and how it goes on.

use super::handler::Peer;
use super::intercept::Watch;
use super::responder::{Failure, Incoming, Next, Reply, Responder, UnaryRequest};
use crate::call::{Call, Item, Payload, Server};
use crate::codec::Codecs;
use crate::error::{Misuse, SendError};
use crate::grpc::{Code, Layer, Message, Metadata, Retry, Side, Status, encoding};
use crate::intercept::Refused;
use crate::time::Instant;
use std::borrow::ToOwned;
use std::boxed::Box;
use std::string::String;

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

impl End {
    /// As interceptors leave it.
    pub(super) fn watched(mut self, watch: Option<Watch>, now: Instant) -> Self {
        if let Some(watch) = watch {
            watch.end(&mut self.status, &mut self.trailers, now);
        }
        self
    }
}

impl From<Failure> for End {
    fn from(failure: Failure) -> Self {
        Self { status: failure.status, trailers: failure.trailers }
    }
}

impl From<Refused> for End {
    fn from(refused: Refused) -> Self {
        let (status, trailers) = refused.into_parts();
        Self { status, trailers }
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
        Status::of(Side::Server, Code::Internal, misuse).into()
    }
}

/// The codings of one call, on a server with codecs; without any, messages come and go as they are.
pub(super) struct Coding {
    /// What the client's codec is called.
    received: Option<String>,
    /// Ours; `None` where nothing is compressed.
    sent: Option<String>,
    /// Octets of a received message, once it is decompressed.
    limit: Option<u32>,
}

impl Coding {
    pub(super) fn new(received: Option<&str>, limit: Option<u32>) -> Self {
        Self { received: received.map(ToOwned::to_owned), sent: None, limit }
    }
}

/// A call that goes on: with its codings, and the codecs if the server has any.
pub(super) struct Talk<'t, 'c> {
    pub(super) call: &'t mut Call<'c, Server>,
    pub(super) coding: &'t mut Coding,
    pub(super) codecs: Option<&'t Codecs>,
    pub(super) watch: Option<&'t mut Watch>,
    pub(super) now: Instant,
}

impl Talk<'_, '_> {
    /// Names the coding of compressed messages: the handler's `own`, or the usual one. With codecs only what the client
    /// accepts is named, and `identity` is none (G-092).
    fn name_coding(&mut self, own: Option<&'static str>) -> Result<(), End> {
        let Some(codecs) = self.codecs else {
            return own.map_or(Ok(()), |own| Ok(self.call.set_encoding(own)?));
        };
        let mut accepts = |name: &str| self.call.set_encoding(name).is_ok();
        self.coding.sent = match own {
            Some(encoding::IDENTITY) => None,
            Some(own) => accepts(own).then(|| own.to_owned()),
            None => codecs.choose(accepts).map(ToOwned::to_owned),
        };
        Ok(())
    }

    fn send_head(&mut self, own: Option<&'static str>, metadata: &Metadata) -> Result<(), End> {
        self.name_coding(own)?;
        if metadata.is_empty() {
            return Ok(());
        }
        match &mut self.watch {
            None => self.call.send_head(metadata)?,
            Some(watch) => {
                let mut metadata = metadata.clone();
                watch.head(&mut metadata);
                self.call.send_head(&metadata)?;
            }
        }
        Ok(())
    }

    /// A head that the first message implies is shown to interceptors, and sent if they have something to say.
    fn imply_head(&mut self) -> Result<(), End> {
        let Some(watch) = &mut self.watch else { return Ok(()) };
        let mut metadata = Metadata::new();
        if watch.head(&mut metadata) && !metadata.is_empty() {
            self.call.send_head(&metadata)?;
        }
        Ok(())
    }

    /// Queues a message; gives it back, compressed if it is to be, where there is no room.
    fn send(&mut self, message: Message) -> Result<Option<Message>, End> {
        self.imply_head()?;
        let message = match self.codecs {
            Some(codecs) => codecs.encode(self.coding.sent.as_deref(), message),
            None => message,
        };
        match self.call.send(message) {
            Ok(()) => Ok(None),
            Err(SendError::Full(message)) => Ok(Some(message)),
            // Stopped says so, and nobody waits for the message.
            Err(SendError::Ended(_)) => Ok(None),
            Err(SendError::TooLarge(message)) => {
                let (code, length) = (Code::ResourceExhausted, message.data.len());
                let rule = format_args!("a message of {length} octets is longer than max_send_message");
                Err(Status::explained(Side::Server, Layer::Application, code, Retry::Useless, rule).into())
            }
            Err(SendError::Misuse(misuse)) => Err(misuse.into()),
        }
    }
}

/// A payload as the client meant it.
fn decode<'p>(codecs: Option<&Codecs>, coding: &Coding, payload: Payload<'p>) -> Result<Payload<'p>, Failure> {
    match codecs {
        Some(codecs) if payload.compressed() => {
            let decoded = codecs.decode(coding.received.as_deref(), &payload, coding.limit);
            decoded.map(Payload::from_decoded).map_err(|error| error.status(Side::Server).into())
        }
        _ => Ok(payload),
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
    /// Begins a call; `metadata` makes a copy of its metadata.
    pub(super) fn start(
        route: &mut Route,
        incoming: &Incoming<'_>,
        metadata: impl FnOnce() -> Metadata,
    ) -> Result<Self, Failure> {
        Ok(match route {
            Route::Unary(_) => Self::Unary { metadata: metadata(), deadline: incoming.deadline() },
            Route::Streaming(start) => Self::Streaming { responder: start(incoming)?, refused: None },
        })
    }

    /// Says what is to be said before anything is read.
    pub(super) fn send_head(&mut self, talk: &mut Talk<'_, '_>) -> Result<(), End> {
        match self {
            Self::Unary { .. } => Ok(()),
            Self::Streaming { responder, .. } => talk.send_head(responder.encoding(), &responder.metadata()),
        }
    }

    /// Goes on as far as it gets. An error is the end, a good one included.
    pub(super) fn advance(&mut self, route: &mut Route, peer: &Peer, talk: &mut Talk<'_, '_>) -> Result<(), End> {
        match (self, route) {
            (Self::Unary { metadata, deadline }, Route::Unary(answer)) => {
                while let Some(item) = talk.call.read() {
                    if let Item::Message(message) = item {
                        let message = decode(talk.codecs, talk.coding, message)?;
                        let reply =
                            answer(UnaryRequest { metadata, deadline: *deadline, message, peer, now: talk.now })?;
                        return reply_with(talk, reply);
                    }
                }
                Ok(())
            }
            (Self::Streaming { responder, refused }, _) => stream(responder.as_mut(), refused, talk),
            (Self::Unary { .. }, Route::Streaming(_)) => Ok(()),
        }
    }
}

fn reply_with(talk: &mut Talk<'_, '_>, reply: Reply) -> Result<(), End> {
    talk.send_head(reply.encoding, &reply.metadata)?;
    // Nothing else is queued, so there is room.
    talk.send(reply.message)?;
    Err(End { status: Status::ok(), trailers: reply.trailers })
}

fn stream(responder: &mut dyn Responder, refused: &mut Option<Message>, talk: &mut Talk<'_, '_>) -> Result<(), End> {
    if let Some(message) = refused.take() {
        *refused = talk.send(message)?;
    }
    while refused.is_none() && talk.call.stopped().is_none() {
        match responder.next()? {
            Next::Message(message) => *refused = talk.send(message)?,
            Next::Head(metadata) => talk.send_head(responder.encoding(), &metadata)?,
            Next::Finish(trailers) => return Err(End { status: Status::ok(), trailers }),
            Next::Wait if !responder.is_ready() => return Ok(()),
            Next::Wait => match talk.call.read() {
                Some(Item::Message(message)) => responder.message(decode(talk.codecs, talk.coding, message)?)?,
                Some(Item::End(_)) => responder.half_close()?,
                Some(Item::Head(_)) => {}
                None => return Ok(()),
            },
        }
    }
    Ok(())
}
