//! The two directions of a streaming call, with typed messages, as a client has them.

use crate::adapter::tokio::{CallReceiver, CallSender, Failure, Outcome, ResponseHead};
use crate::error::{Misuse, Origin};
use crate::grpc::{Code, Message, Metadata, Retry, Side, Status};
use crate::stub::SendTypedError;
use crate::stub::codec::{self, Codec, CodecError};
use futures_core::Stream;
use std::boxed::Box;
use std::fmt;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use tokio::task::AbortHandle;

/// A codec that is known to be one for `T`, and to nobody else: what streams are does not depend on it.
pub(super) type Decode<T> = Box<dyn Fn(Message) -> Result<T, Status> + Send + Sync>;
type Encode<T> = Box<dyn Fn(&T) -> Result<Message, CodecError> + Send + Sync>;

/// The responses of a call: a [`Stream`], and [`Streaming::message`] for a loop. Dropping it before its end cancels the
/// call.
#[must_use]
pub struct Streaming<T> {
    receiver: CallReceiver,
    decode: Decode<T>,
    requests: Option<Pump>,
    /// The call ended here, with this failure or with one that was given out.
    over: bool,
}

impl<T> Streaming<T> {
    pub(super) fn new<C: Codec<T>>(receiver: CallReceiver, codec: C) -> Self {
        let decode = Box::new(move |message| codec::from_message(&codec, Side::Client, message));
        Self { receiver, decode, requests: None, over: false }
    }

    /// Sends the messages of a stream in a task of its own, which ends with this.
    pub(super) fn fed_by<S, C>(mut self, requests: S, sender: CallSender, codec: C) -> Self
    where
        S: Stream<Item: Send + Sync> + Send + 'static,
        C: Codec<S::Item>,
    {
        let broken = Arc::new(OnceLock::new());
        let told = Arc::clone(&broken);
        let task = tokio::spawn(async move {
            let mut sender = sender;
            if let Err(error) = send_all(requests, &mut sender, &codec).await {
                // Before the sender goes, which cancels the call.
                let _ = told.set(error);
            }
        });
        self.requests = Some(Pump { broken, task: task.abort_handle() });
        self
    }

    /// Waits for the head with initial metadata; `None` where the call ended without one.
    pub async fn head(&mut self) -> Option<&ResponseHead> {
        self.receiver.head().await
    }

    /// Waits for the next message; `None` where the call ended well. Dropped while it waits, it has taken nothing.
    ///
    /// # Errors
    ///
    /// [`Failure`] where the call ended with another status than OK, or with INTERNAL where a message could not be
    /// decoded: the call is cancelled then.
    pub async fn message(&mut self) -> Result<Option<T>, Failure> {
        poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await.transpose()
    }

    /// Waits for the end of the call, dropping messages that were not taken.
    pub async fn outcome(&mut self) -> &Outcome {
        self.receiver.outcome().await
    }

    /// Waits for the end of the call, dropping messages that were not taken, and gives its trailing metadata.
    pub async fn trailers(&mut self) -> &Metadata {
        &self.receiver.outcome().await.trailers
    }

    /// Cancels the call.
    pub fn cancel(&mut self) {
        self.receiver.cancel();
    }
}

impl<T> Stream for Streaming<T> {
    type Item = Result<T, Failure>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.over {
            return Poll::Ready(None);
        }
        let Poll::Ready(item) = Pin::new(&mut this.receiver).poll_next(context) else { return Poll::Pending };
        let result = match item {
            Some(Ok(message)) => match (this.decode)(message) {
                Ok(message) => return Poll::Ready(Some(Ok(message))),
                Err(status) => Some(Err(failed(status))),
            },
            Some(Err(failure)) => {
                let broken = this.requests.as_ref().and_then(|requests| requests.broken.get().cloned());
                Some(Err(broken.map_or(failure, failed)))
            }
            None => None,
        };
        this.over = true;
        this.receiver.cancel();
        Poll::Ready(result)
    }
}

impl<T> fmt::Debug for Streaming<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streaming").field("receiver", &self.receiver).finish_non_exhaustive()
    }
}

/// The task that sends requests while responses are received.
struct Pump {
    /// What its codec could not write.
    broken: Arc<OnceLock<Status>>,
    task: AbortHandle,
}

impl Drop for Pump {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The requests of a call, sent one by one. Dropping it before [`Sender::half_close`] cancels the call, unless the server
/// has ended it.
#[must_use]
pub struct Sender<T> {
    sender: CallSender,
    encode: Encode<T>,
}

impl<T> Sender<T> {
    pub(super) fn new<C: Codec<T>>(sender: CallSender, codec: C) -> Self {
        Self { sender, encode: Box::new(move |message| codec::to_message(&codec, message)) }
    }

    /// Queues a message, waiting until the queue has room. Dropped while it waits, it has sent nothing.
    ///
    /// # Errors
    ///
    /// [`SendTypedError::Refused`] with [`SendError::Ended`](crate::SendError::Ended) where the call has ended: its
    /// outcome says how; [`SendTypedError::Codec`].
    pub async fn send(&mut self, message: &T) -> Result<(), SendTypedError> {
        let message = (self.encode)(message).map_err(SendTypedError::Codec)?;
        Ok(self.sender.send(message).await.map_err(|error| error.map(|_| ()))?)
    }

    /// Says that no more messages follow; those queued are still sent.
    ///
    /// # Errors
    ///
    /// [`Misuse::HalfClosed`] where that was said before.
    pub fn half_close(&mut self) -> Result<(), Misuse> {
        self.sender.half_close()
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("sender", &self.sender).finish_non_exhaustive()
    }
}

/// Sends all messages of a stream, and says that these were all. Where the call has ended before that, the rest is left.
pub(super) async fn send_all<S, C>(requests: S, sender: &mut CallSender, codec: &C) -> Result<(), Status>
where
    S: Stream,
    C: Codec<S::Item>,
{
    let mut requests = pin!(requests);
    while let Some(message) = poll_fn(|context| requests.as_mut().poll_next(context)).await {
        let message = codec::to_message(codec, &message).map_err(|error| error.unwritten(Side::Client))?;
        match sender.send(message).await {
            Ok(()) => {}
            // The outcome says why.
            Err(crate::SendError::Ended(_)) => break,
            Err(error) => return Err(Status::of(Side::Client, Code::Internal, error)),
        }
    }
    // Nobody half-closed before.
    let _ = sender.half_close();
    Ok(())
}

/// A call that failed here.
pub(super) fn failed(status: Status) -> Failure {
    Failure::new(Outcome::local(status, Origin::Local, Retry::Useless), Metadata::new())
}
