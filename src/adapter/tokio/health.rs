//! Health, mounted on a [`Router`].

use super::error::{Refusal, Stopped};
use super::request::Response;
use super::router::{Incoming, Router};
use super::server_call::Responses;
use crate::grpc::Metadata;
use crate::services::health::{self, ServingStatus, WatchId};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::vec::Vec;
use tokio::sync::Notify;

impl Router {
    /// Serves `grpc.health.v1.Health`. The service can be cloned before, to change what it says later.
    ///
    /// A client that watches keeps its call open for ever: a server that shuts down gracefully needs a
    /// [grace](super::Server::with_grace).
    #[cfg_attr(docsrs, doc(cfg(feature = "health")))]
    pub fn health(self, service: &Health) -> Self {
        let (check, list, watch) = (service.clone(), service.clone(), service.clone());
        self.unary(&health::CHECK, move |request| {
            let answer = check.lock().check(&request.message.data);
            async move { Ok(Response::new(answer?)) }
        })
        .unary(&health::LIST, move |_| {
            let answer = list.lock().list();
            async move { Ok(Response::new(answer?)) }
        })
        .server_streaming(&health::WATCH, move |request, responses| watch.clone().watch(request, responses))
    }
}

/// What a server says of its health. Clones say the same, and any of them can change it at any time, from any thread.
///
/// ```
/// use grpc_sansio::adapter::tokio::{Health, Router};
/// use grpc_sansio::services::health::ServingStatus;
///
/// let health = Health::new();
/// let router = Router::new().health(&health);
/// health.set("shop.v1.Cart", ServingStatus::Serving);
/// // ... and when it is time to go:
/// health.shut_down();
/// # let _ = router;
/// ```
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<Mutex<health::Health<Arc<Notify>>>>);

impl Health {
    /// A server that serves, without any service of a name.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the status of a service, and tells those who watch it; the empty name is the server as a whole.
    pub fn set(&self, service: &str, status: ServingStatus) {
        self.change(|health| health.set(service, status));
    }

    /// Forgets a service.
    pub fn remove(&self, service: &str) {
        self.change(|health| health.remove(service));
    }

    /// Says that nothing serves any more: the first step of a graceful shutdown.
    pub fn shut_down(&self) {
        self.change(health::Health::shut_down);
    }

    /// Takes [`Health::shut_down`] back.
    pub fn resume(&self) {
        self.change(health::Health::resume);
    }

    /// The status of a service; `None` for one that is not known.
    pub fn status(&self, service: &str) -> Option<ServingStatus> {
        self.lock().status(service)
    }

    fn lock(&self) -> MutexGuard<'_, health::Health<Arc<Notify>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut health::Health<Arc<Notify>>) -> Vec<Arc<Notify>>) {
        let woken = change(&mut self.lock());
        woken.iter().for_each(|watcher| watcher.notify_one());
    }

    async fn watch(self, request: Incoming, mut responses: Responses) -> Result<Metadata, Refusal> {
        let news = Arc::new(Notify::new());
        let id = self.lock().watch(&request.message.data, Arc::clone(&news))?;
        let watching = Watching { health: self, id };
        loop {
            while let Some(message) = watching.next() {
                responses.send(message).await?;
            }
            tokio::select! {
                () = news.notified() => {}
                () = request.cancellation.cancelled() => {
                    return Err(Stopped { reason: request.cancellation.reason() }.into());
                }
            }
        }
    }
}

/// Ends the watch when its call does.
struct Watching {
    health: Health,
    id: WatchId,
}

impl Watching {
    fn next(&self) -> Option<bytes::Bytes> {
        self.health.lock().next(self.id)
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.health.lock().unwatch(self.id);
    }
}
