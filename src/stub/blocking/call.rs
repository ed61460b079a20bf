//! A call that goes on, in a client that blocks.

use super::channel::{Channel, Taken};
use super::error::{CallError, Failure};
use super::intercept::Watch;
use super::link::Adopted;
use crate::error::{Origin, SendError};
use crate::grpc::{Code, Layer, Metadata, Retry, Side, Status};
use crate::stub::codec::Codec;
use crate::stub::{ClientCall, SendTypedError};
use core::fmt;
use core::iter::FusedIterator;
use std::boxed::Box;

/// A call with a stream in one direction at least: its responses are read as an iterator, each `next` waiting for one.
/// Dropping it before its end cancels the call.
///
/// After an error, as after the last response, the iterator is over.
#[must_use]
pub struct Call<Req, Res, C>
where
    C: Codec<Req> + Codec<Res>,
{
    channel: Channel,
    handle: ClientCall<Req, Res, C>,
    head: Option<Metadata>,
    outcome: Option<Box<Failure>>,
    /// What interceptors are told.
    watch: Option<Watch>,
    /// What it is made on behalf of.
    parent: Option<Adopted>,
}

impl<Req, Res, C: Codec<Req> + Codec<Res>> Call<Req, Res, C> {
    pub(super) fn new(
        channel: Channel,
        handle: ClientCall<Req, Res, C>,
        watch: Option<Watch>,
        parent: Option<Adopted>,
    ) -> Self {
        Self { channel, handle, head: None, outcome: None, watch, parent }
    }

    /// Sends a message, waiting until there is room. Where server and client both send more than their windows hold, read
    /// in between, or use the method that takes an iterator.
    ///
    /// `false` where the call has ended: the next response, or the lack of one, says why.
    ///
    /// # Errors
    ///
    /// [`CallError`] for a message that cannot be sent.
    pub fn send(&mut self, message: &Req) -> Result<bool, CallError> {
        loop {
            match self.channel.try_send(&self.handle, message) {
                Ok(()) => return Ok(true),
                Err(SendTypedError::Refused(SendError::Full(()))) => self.wait()?,
                Err(SendTypedError::Refused(SendError::Ended(()))) => return Ok(false),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Says that no more messages follow; those queued are still sent.
    ///
    /// # Errors
    ///
    /// [`Misuse`](crate::Misuse) where the method takes one message, or where that was said before.
    pub fn half_close(&mut self) -> Result<(), CallError> {
        Ok(self.channel.half_close(&self.handle)?)
    }

    /// Initial metadata, once a response or the end is there.
    pub fn head(&self) -> Option<&Metadata> {
        self.head.as_ref()
    }

    /// Trailing metadata, once the call has ended.
    pub fn trailers(&self) -> Option<&Metadata> {
        self.outcome.as_ref().map(|outcome| &outcome.trailers)
    }

    /// Initial and trailing metadata of a call that has ended.
    pub(super) fn into_metadata(mut self) -> (Metadata, Metadata) {
        let trailers = self.outcome.as_mut().map(|outcome| core::mem::take(&mut outcome.trailers));
        (self.head.take().unwrap_or_default(), trailers.unwrap_or_default())
    }

    /// Sends the messages of an iterator while responses are read, and then half-closes. A message is taken from it when
    /// there is room for one, so an iterator that waits for a response keeps the responses from being read: use
    /// [`Call::send`] there.
    pub fn feed<I: Iterator<Item = Req>>(self, requests: I) -> Fed<I, Req, Res, C> {
        Fed { call: self, requests: Some(requests), refused: None }
    }

    /// What has come, without waiting.
    fn poll(&mut self) -> Option<Result<Option<Res>, CallError>> {
        loop {
            if self.outcome.is_some() {
                return Some(Ok(None));
            }
            match self.channel.try_take(&self.handle)? {
                Ok(Taken::Head(mut head)) => {
                    if let Some(watch) = &mut self.watch {
                        watch.head(&mut head);
                    }
                    self.head = Some(head);
                }
                Ok(Taken::Message(message)) => return Some(Ok(Some(message))),
                Ok(Taken::End(mut outcome)) => {
                    self.tell_end(&mut outcome);
                    let failure = (!outcome.status.is_ok()).then(|| outcome.clone());
                    self.outcome = Some(outcome);
                    return Some(failure.map_or(Ok(None), |failure| Err(failure.into())));
                }
                Err(status) => return Some(Err(self.give_up(status, Retry::Useless).into())),
            }
        }
    }

    /// Cancels the call, for this reason.
    fn give_up(&mut self, status: Status, retry: Retry) -> Box<Failure> {
        self.channel.forget(self.handle.id());
        let mut outcome = Failure::local(status, retry);
        self.tell_end(&mut outcome);
        self.outcome.insert(outcome).clone()
    }

    fn tell_end(&mut self, outcome: &mut Failure) {
        if let Some(watch) = self.watch.take() {
            let stopped = outcome.origin != Origin::Peer;
            watch.end(&mut outcome.status, &mut outcome.trailers, self.channel.now(), stopped);
        }
    }

    /// Waits until something happens. Where that is not possible, the call is over.
    fn wait(&mut self) -> Result<(), CallError> {
        if self.parent.as_ref().is_some_and(Adopted::is_orphaned) {
            let rule = "the call on whose behalf it was made has stopped";
            let (code, retry) = (Code::Cancelled, Retry::IfIdempotent);
            let status = Status::explained(Side::Client, Layer::Application, code, retry, rule);
            return Err(self.give_up(status, retry).into());
        }
        self.channel.wait().map_err(|error| {
            let retry = Retry::IfIdempotent;
            let rule = format_args!("transport: waiting for the socket failed; retry: {retry}");
            self.give_up(Status::of(Side::Client, Code::Unavailable, rule), retry);
            error.into()
        })
    }

    /// Waits for the next response; `None` where the call ended well, and after an error.
    ///
    /// # Errors
    ///
    /// [`CallError::Failed`] where the call ended with another status than OK, or INTERNAL where a message could not be
    /// decoded: the call is cancelled then.
    pub fn message(&mut self) -> Result<Option<Res>, CallError> {
        loop {
            match self.poll() {
                Some(result) => return result,
                None => self.wait()?,
            }
        }
    }
}

impl<Req, Res, C: Codec<Req> + Codec<Res>> Iterator for Call<Req, Res, C> {
    type Item = Result<Res, CallError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.message().transpose()
    }
}

impl<Req, Res, C: Codec<Req> + Codec<Res>> FusedIterator for Call<Req, Res, C> {}

impl<Req, Res, C: Codec<Req> + Codec<Res>> Drop for Call<Req, Res, C> {
    fn drop(&mut self) {
        self.channel.forget(self.handle.id());
        if let Some(watch) = self.watch.take() {
            watch.drop_call(self.channel.now());
        }
    }
}

impl<Req, Res, C: Codec<Req> + Codec<Res>> fmt::Debug for Call<Req, Res, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("id", &self.handle.id()).field("outcome", &self.outcome).finish_non_exhaustive()
    }
}

/// A call whose requests come out of an iterator, sent as there is room while its responses are read.
#[must_use]
pub struct Fed<I, Req, Res, C>
where
    C: Codec<Req> + Codec<Res>,
{
    call: Call<Req, Res, C>,
    /// `None` once all were sent, or nobody wants them.
    requests: Option<I>,
    refused: Option<Req>,
}

impl<I: Iterator<Item = Req>, Req, Res, C: Codec<Req> + Codec<Res>> Fed<I, Req, Res, C> {
    /// Initial metadata, once a response or the end is there.
    pub fn head(&self) -> Option<&Metadata> {
        self.call.head()
    }

    /// Trailing metadata, once the call has ended.
    pub fn trailers(&self) -> Option<&Metadata> {
        self.call.trailers()
    }

    /// Sends what there is room for.
    fn send(&mut self) -> Result<(), CallError> {
        while let Some(requests) = &mut self.requests {
            let Some(message) = self.refused.take().or_else(|| requests.next()) else {
                self.requests = None;
                return self.call.half_close();
            };
            match self.call.channel.try_send(&self.call.handle, &message) {
                Ok(()) => {}
                Err(SendTypedError::Refused(SendError::Full(()))) => {
                    self.refused = Some(message);
                    return Ok(());
                }
                Err(SendTypedError::Refused(SendError::Ended(()))) => self.requests = None,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

impl<I: Iterator<Item = Req>, Req, Res, C: Codec<Req> + Codec<Res>> Iterator for Fed<I, Req, Res, C> {
    type Item = Result<Res, CallError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            // Responses first, so that a server that waits for room gets it.
            if let Some(result) = self.call.poll() {
                return result.transpose();
            }
            if let Err(error) = self.send() {
                self.requests = None;
                let (code, rule) = (Code::Cancelled, "a request could not be sent");
                let status = Status::explained(Side::Client, Layer::Application, code, code.retry(), rule);
                self.call.give_up(status, code.retry());
                return Some(Err(error));
            }
            if let Err(error) = self.call.wait() {
                return Some(Err(error));
            }
        }
    }
}

impl<I, Req, Res, C: Codec<Req> + Codec<Res>> fmt::Debug for Fed<I, Req, Res, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fed").field("call", &self.call).finish_non_exhaustive()
    }
}
