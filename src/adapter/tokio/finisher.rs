//! How a server's call ends.

use super::error::{Refusal, Stopped};
use super::intercept::ServerWatch;
use super::request::Response;
use super::shared::Shared;
use crate::call::Server;
use crate::error::SendError;
use crate::event::CallId;
use crate::grpc::{Code, Layer, Message, Metadata, Side, Status, encoding};
use std::borrow::ToOwned;
use std::sync::Arc;

/// Ends a call. Dropped before, it ends it with UNKNOWN.
#[derive(Debug)]
#[must_use]
pub struct Finisher {
    pub(super) shared: Arc<Shared<Server>>,
    id: CallId,
    finished: bool,
    pub(super) watch: Option<ServerWatch>,
}

impl Finisher {
    pub(super) fn new(shared: Arc<Shared<Server>>, id: CallId) -> Self {
        Self { shared, id, finished: false, watch: None }
    }

    /// As [`ServerCall::finish`](super::ServerCall::finish).
    pub fn finish(mut self, status: &Status, trailers: &Metadata) {
        let end = self.watched_end(status, trailers);
        let (status, trailers) = end.as_ref().map_or((status, trailers), |(status, trailers)| (status, trailers));
        self.end(|call| call.finish(status, trailers));
    }

    /// As [`ServerCall::respond`](super::ServerCall::respond).
    pub fn respond(self, result: Result<Response, Refusal>) {
        let result = result.map(|response| self.encode(response));
        self.answer(result);
    }

    /// What interceptors make of the end, if there are any. One that has stopped before tells how.
    fn watched_end(&self, status: &Status, trailers: &Metadata) -> Option<(Status, Metadata)> {
        let watch = self.watch.as_ref()?;
        let stop = self.shared.with(|state| match state.connection.call(self.id) {
            Some(call) => call.stopped().map(|reason| Stopped { reason: Some(reason) }),
            None => Some(Stopped { reason: None }),
        });
        let (mut status, mut trailers) = match stop {
            None => (status.clone(), trailers.clone()),
            Some(stopped) => (Refusal::from(stopped).status().clone(), Metadata::new()),
        };
        watch.end(&mut status, &mut trailers, stop.is_some());
        Some((status, trailers))
    }

    /// As [`Finisher::answer`], with interceptors, which run without a lock.
    fn answer_watched(self, watch: &ServerWatch, result: Result<Response, Refusal>) {
        let said = result.and_then(|mut response| {
            watch.head(&mut response.metadata);
            let Response { message, metadata, trailers, encoding } = response;
            self.shared.with(|state| match state.connection.call(self.id) {
                Some(mut call) => say(&mut call, message, &metadata, encoding.as_deref()),
                None => Ok(()),
            })?;
            Ok(trailers)
        });
        self.conclude(said);
    }

    pub(super) fn answer(mut self, result: Result<Response, Refusal>) {
        if let Some(watch) = self.watch.clone() {
            return self.answer_watched(&watch, result);
        }
        self.end(|mut call| {
            let refusal = match result {
                Ok(response) => {
                    let Response { message, metadata, trailers, encoding } = response;
                    match say(&mut call, message, &metadata, encoding.as_deref()) {
                        Ok(()) => return call.finish(&Status::ok(), &trailers),
                        Err(refusal) => refusal,
                    }
                }
                Err(refusal) => refusal,
            };
            refuse(call, &refusal);
        });
    }

    /// Names the coding of a response, if the client accepts it, and compresses the message (G-092).
    fn encode(&self, mut response: Response) -> Response {
        let Some(codecs) = self.shared.codecs().filter(|_| !response.message.compressed) else { return response };
        let accepts = |name: &str| {
            self.shared.with(|state| match state.connection.call(self.id) {
                Some(mut call) => call.set_encoding(name).is_ok(),
                None => false,
            })
        };
        let coding = match response.encoding.take() {
            Some(own) if own == encoding::IDENTITY => None,
            Some(own) => Some(own).filter(|own| accepts(own)),
            None => codecs.choose(accepts).map(|name| name.to_owned().into()),
        };
        response.message = codecs.encode(coding.as_deref(), response.message);
        response
    }

    /// Ends a call whose handler has sent its messages itself: with OK and trailing metadata, or with a refusal.
    pub fn conclude(mut self, result: Result<Metadata, Refusal>) {
        let mut result = result;
        if let Some(watch) = &self.watch {
            result = self.conclude_watched(watch, result);
        }
        self.end(|call| match result {
            Ok(trailers) => call.finish(&Status::ok(), &trailers),
            Err(refusal) => refuse(call, &refusal),
        });
    }

    fn conclude_watched(&self, watch: &ServerWatch, result: Result<Metadata, Refusal>) -> Result<Metadata, Refusal> {
        let (status, trailers, metadata) = match result {
            Ok(trailers) => (Status::ok(), trailers, None),
            Err(refusal) => refusal.into_parts(),
        };
        let metadata = metadata.map(|mut metadata| {
            watch.head(&mut metadata);
            metadata
        });
        let (status, trailers) = self.watched_end(&status, &trailers).unwrap_or((status, trailers));
        if status.is_ok() {
            return Ok(trailers);
        }
        let refusal = Refusal::from(status).with_trailers(trailers);
        Err(match metadata {
            Some(metadata) => refusal.with_metadata(metadata),
            None => refusal,
        })
    }

    fn end(&mut self, end: impl FnOnce(crate::Call<'_, Server>)) {
        self.finished = true;
        self.shared.with(|state| {
            if let Some(call) = state.connection.call(self.id) {
                end(call);
                state.wake_all_of(self.id);
            }
        });
    }
}

/// The whole of a response but its end.
fn say(
    call: &mut crate::Call<'_, Server>,
    message: Message,
    metadata: &Metadata,
    encoding: Option<&str>,
) -> Result<(), Refusal> {
    if let Some(coding) = encoding {
        call.set_encoding(coding)?;
    }
    if !metadata.is_empty() {
        call.send_head(metadata)?;
    }
    match call.send(message) {
        // The call has stopped: finishing it lets go of it.
        Ok(()) | Err(SendError::Ended(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn refuse(mut call: crate::Call<'_, Server>, refusal: &Refusal) {
    if let Some(metadata) = refusal.metadata() {
        // The head may have been sent before; the status matters more than what it was to say.
        let _ = call.send_head(metadata);
    }
    call.finish(refusal.status(), refusal.trailers().unwrap_or(&Metadata::new()));
}

impl Drop for Finisher {
    fn drop(&mut self) {
        if !self.finished {
            let rule = if std::thread::panicking() {
                "the handler panicked"
            } else {
                "the handler ended without finishing the call"
            };
            let code = Code::Unknown;
            let status = Status::explained(Side::Server, Layer::Application, code, code.retry(), rule);
            let end = self.watched_end(&status, &Metadata::new());
            let (status, trailers) = end.unwrap_or((status, Metadata::new()));
            self.end(|call| call.finish(&status, &trailers));
        }
    }
}
