//! One call of a client: its handle, and the two halves of it.

use super::error::{CallError, Failure, Outcome};
use super::intercept::ClientWatch;
use super::parent::Leash;
use super::request::{Response, ResponseHead};
use super::server_call::Cancellation;
use super::shared::Shared;
use crate::call::{Client, Item};
use crate::error::{Misuse, Origin, SendError};
use crate::event::CallId;
use crate::grpc::{CARDINALITY_VIOLATION, Code, Kind, Layer, Message, Metadata, Side, Status};
use futures_core::Stream;
use std::borrow::Cow;
use std::future::poll_fn;
use std::pin::Pin;
use std::string::String;
use std::sync::Arc;
use std::task::{Context, Poll};

/// A call that a client made. Dropping it before its end cancels it.
#[derive(Debug)]
#[must_use]
pub struct Call {
    sender: CallSender,
    receiver: CallReceiver,
}

impl Call {
    /// A call that was opened with this coding; `closed` where its only message was sent too.
    pub(super) fn new(
        shared: Arc<Shared<Client>>,
        id: CallId,
        kind: Kind,
        closed: bool,
        coding: Option<String>,
    ) -> Self {
        let streams = kind.client_streams();
        let sender = CallSender { shared: Arc::clone(&shared), id, streams, closed, coding };
        let receiver = CallReceiver { shared, id, head: None, outcome: None, watch: None, leash: None };
        Self { sender, receiver }
    }

    /// Tells these hooks how it goes on.
    pub(super) fn watch(&mut self, watch: Option<ClientWatch>) {
        self.receiver.watch = watch;
    }

    /// Cancels it when `parent` stops.
    pub(super) fn tie_to(&mut self, parent: Cancellation) {
        self.receiver.leash = Some(Leash::new(parent, &self.receiver.shared, self.receiver.id));
    }

    /// As [`CallSender::send`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn send(&mut self, message: impl Into<Message>) -> Result<(), SendError<Message>> {
        self.sender.send(message).await
    }

    /// As [`CallSender::half_close`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn half_close(&mut self) -> Result<(), Misuse> {
        self.sender.half_close()
    }

    /// As [`CallReceiver::head`].
    pub async fn head(&mut self) -> Option<&ResponseHead> {
        self.receiver.head().await
    }

    /// As [`CallReceiver::message`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn message(&mut self) -> Result<Option<Message>, Failure> {
        self.receiver.message().await
    }

    /// As [`CallReceiver::outcome`].
    pub async fn outcome(&mut self) -> &Outcome {
        self.receiver.outcome().await
    }

    /// Says that no more messages follow, and waits for the end of the call. Of several messages the last one counts.
    ///
    /// # Errors
    ///
    /// [`CallError::Failed`] for every status but OK; [`CallError::Misuse`] where the method's one message was not sent.
    pub async fn response(mut self) -> Result<Response, CallError> {
        if !self.sender.closed {
            self.half_close()?;
        }
        let receiver = &mut self.receiver;
        let mut message = None;
        while let Some(item) = poll_fn(|context| receiver.poll_item(context)).await {
            message = item.or(message);
        }
        let outcome = receiver.outcome.take().unwrap_or_else(cancelled);
        let head = receiver.head.take().unwrap_or_default();
        if !outcome.status.is_ok() {
            return Err(Failure::new(outcome, head.metadata).into());
        }
        match message {
            Some(message) => Ok(Response {
                message,
                metadata: head.metadata,
                trailers: outcome.trailers,
                encoding: head.encoding.map(Cow::Owned),
            }),
            // Only methods that stream may end so.
            None => {
                let status = Status::local(Side::Client, CARDINALITY_VIOLATION, "the server sent no message (G-081)");
                Err(Outcome::local(status, Origin::Local, CARDINALITY_VIOLATION.retry()).into())
            }
        }
    }

    /// Cancels the call. It ends with CANCELLED, unless its end was read before.
    pub fn cancel(&mut self) {
        self.receiver.cancel();
    }

    /// The two halves, to send and to receive at the same time.
    pub fn split(self) -> (CallSender, CallReceiver) {
        (self.sender, self.receiver)
    }
}

impl Stream for Call {
    type Item = Result<Message, Failure>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.get_mut().receiver).poll_next(context)
    }
}

/// The sending half of a call. Dropping it before [`CallSender::half_close`] cancels the call, unless the server has ended
/// it: what was cut short must not look complete.
#[derive(Debug)]
#[must_use]
pub struct CallSender {
    shared: Arc<Shared<Client>>,
    id: CallId,
    /// The method takes any number of messages.
    streams: bool,
    /// No more messages follow.
    closed: bool,
    /// What its codec is called.
    coding: Option<String>,
}

impl CallSender {
    /// Queues a message, waiting until the queue has room: that is how a slow server slows its client. Dropped while it
    /// waits, it has sent nothing.
    ///
    /// # Errors
    ///
    /// [`SendError::Ended`] hands the message back where the call has ended, well or badly: its outcome says how. Never
    /// [`SendError::Full`].
    pub async fn send(&mut self, message: impl Into<Message>) -> Result<(), SendError<Message>> {
        let mut message = Some(self.shared.encode(self.coding.as_deref(), message.into()));
        poll_fn(|context| self.shared.with(|state| state.poll_send(self.id, &mut message, context))).await?;
        self.closed |= !self.streams;
        Ok(())
    }

    /// Queues a message if there is room. One that is handed back may have been compressed, and can be sent again so.
    ///
    /// # Errors
    ///
    /// As [`CallSender::send`], and [`SendError::Full`].
    pub fn try_send(&mut self, message: impl Into<Message>) -> Result<(), SendError<Message>> {
        let message = self.shared.encode(self.coding.as_deref(), message.into());
        self.shared.with(|state| state.try_send(self.id, message))?;
        self.closed |= !self.streams;
        Ok(())
    }

    /// Says that no more messages follow; those queued are still sent.
    ///
    /// # Errors
    ///
    /// [`Misuse::MessageMissing`] where the method takes exactly one message and none was sent.
    pub fn half_close(&mut self) -> Result<(), Misuse> {
        self.shared.with(|state| match state.connection.call(self.id) {
            Some(mut call) => call.half_close(),
            None => Ok(()),
        })?;
        self.closed = true;
        Ok(())
    }
}

impl Drop for CallSender {
    fn drop(&mut self) {
        if self.closed {
            return;
        }
        // A server that has ended the call already did not need the rest, and its status is still to be read.
        let ended = self.shared.with(|state| state.connection.call(self.id).is_none_or(|call| call.has_ended()));
        if !ended {
            cancel(&self.shared, self.id);
        }
    }
}

/// The receiving half of a call. Dropping it before the call's end cancels the call.
#[derive(Debug)]
#[must_use]
pub struct CallReceiver {
    shared: Arc<Shared<Client>>,
    id: CallId,
    head: Option<ResponseHead>,
    outcome: Option<Outcome>,
    /// What interceptors are told.
    watch: Option<ClientWatch>,
    /// What it is tied to.
    leash: Option<Leash>,
}

impl CallReceiver {
    /// Waits for the head with initial metadata; `None` where the call ended without one.
    pub async fn head(&mut self) -> Option<&ResponseHead> {
        // The head comes first, so nothing is lost by this read.
        while self.head.is_none() && self.outcome.is_none() {
            poll_fn(|context| self.poll_step(context)).await;
        }
        self.head.as_ref()
    }

    /// Waits for the next message; `None` where the call ended well. Taking it makes room for the server to send more.
    /// Dropped while it waits, it has taken nothing.
    ///
    /// # Errors
    ///
    /// [`Failure`] where the call ended with another status than OK. [`CallReceiver::outcome`] still has it afterwards.
    pub async fn message(&mut self) -> Result<Option<Message>, Failure> {
        poll_fn(|context| self.poll_message(context)).await
    }

    /// Waits for the end of the call, dropping messages that were not taken.
    pub async fn outcome(&mut self) -> &Outcome {
        while poll_fn(|context| self.poll_item(context)).await.is_some() {}
        self.outcome.get_or_insert_with(cancelled)
    }

    /// Cancels the call. It ends with CANCELLED, unless its end was read before.
    pub fn cancel(&mut self) {
        if self.outcome.is_none() {
            cancel(&self.shared, self.id);
        }
    }

    fn poll_message(&mut self, context: &Context<'_>) -> Poll<Result<Option<Message>, Failure>> {
        loop {
            match self.poll_item(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Some(message))) => return Poll::Ready(Ok(Some(message))),
                Poll::Ready(Some(None)) => {}
                Poll::Ready(None) => {
                    let outcome = self.outcome.get_or_insert_with(cancelled);
                    return Poll::Ready(if outcome.status.is_ok() {
                        Ok(None)
                    } else {
                        Err(Failure::new(outcome.clone(), Metadata::new()))
                    });
                }
            }
        }
    }

    /// Takes one item: `Some(None)` for a head, `None` for the end.
    fn poll_item(&mut self, context: &Context<'_>) -> Poll<Option<Option<Message>>> {
        if self.outcome.is_some() {
            return Poll::Ready(None);
        }
        self.poll_step(context).map(|message| self.outcome.is_none().then_some(message))
    }

    fn poll_step(&mut self, context: &Context<'_>) -> Poll<Option<Message>> {
        let step = self.poll_raw(context).map(|message| message.and_then(|message| self.decode(message)));
        if step.is_ready()
            && let Some(watch) = &mut self.watch
        {
            watch.look(self.head.as_mut(), self.outcome.as_mut());
        }
        step
    }

    /// A message as the server meant it. One that cannot be decompressed ends the call.
    fn decode(&mut self, message: Message) -> Option<Message> {
        let coding = self.head.as_ref().and_then(|head| head.encoding.as_deref());
        match self.shared.decode(coding, message) {
            Ok(message) => Some(message),
            Err(error) => {
                cancel(&self.shared, self.id);
                self.outcome = Some(Outcome::local(error.status(Side::Client), Origin::Local, error.retry()));
                None
            }
        }
    }

    fn poll_raw(&mut self, context: &Context<'_>) -> Poll<Option<Message>> {
        let (head, outcome) = (&mut self.head, &mut self.outcome);
        self.shared.with(|state| {
            let mut message = None;
            let read = state.poll_read(self.id, context, |item| match item {
                Item::Head(next) => *head = Some(ResponseHead::new(&next)),
                Item::Message(payload) => message = Some(own(payload)),
                Item::End(end) => *outcome = Some(Outcome::new(&end)),
            });
            match read {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(())) => {}
                Poll::Ready(None) => *outcome = Some(cancelled()),
            }
            if outcome.is_some() && read.is_ready() {
                // A sender that waits for room learns that there is none to come.
                state.wake_all_of(self.id);
            }
            Poll::Ready(message)
        })
    }
}

impl Stream for CallReceiver {
    type Item = Result<Message, Failure>;

    /// After a failure, as after the last message, the stream is over.
    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.outcome.is_some() {
            return Poll::Ready(None);
        }
        this.poll_message(context).map(Result::transpose)
    }
}

impl Drop for CallReceiver {
    fn drop(&mut self) {
        self.cancel();
    }
}

/// A received message, to keep.
pub(super) fn own(payload: crate::Payload<'_>) -> Message {
    let compressed = payload.compressed();
    let mut message = Message::new(payload.into_bytes());
    message.compressed = compressed;
    message
}

fn cancel(shared: &Shared<Client>, id: CallId) {
    shared.with(|state| {
        if let Some(call) = state.connection.call(id) {
            call.cancel();
            state.wake_all_of(id);
        }
    });
}

fn cancelled() -> Outcome {
    let (code, rule) = (Code::Cancelled, "the call was cancelled here");
    let status = Status::explained(Side::Client, Layer::Application, code, code.retry(), rule);
    Outcome::local(status, Origin::Application, code.retry())
}
