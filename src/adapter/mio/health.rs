//! Health, mounted on [`Routes`].

use super::handler::ConnectionId;
use super::responder::{Failure, Incoming, Next, Reply, Responder};
use super::resumer::Resumer;
use super::routes::Routes;
use crate::call::Payload;
use crate::event::CallId;
use crate::services::health::{self, ServingStatus, WatchId};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::vec::Vec;

impl Routes {
    /// Serves `grpc.health.v1.Health`. The service can be cloned, to change what it says later.
    ///
    /// A client that watches keeps its call open for ever: a server that shuts down gracefully needs a grace.
    #[cfg_attr(docsrs, doc(cfg(feature = "health")))]
    pub fn health(&mut self, service: &Health) -> &mut Self {
        let (check, list, watch) = (service.clone(), service.clone(), service.clone());
        self.unary(&health::CHECK, move |request| Ok(Reply::new(check.lock().check(&request.message)?)));
        self.unary(&health::LIST, move |_| Ok(Reply::new(list.lock().list()?)));
        self.streaming(&health::WATCH, move |incoming: &Incoming<'_>| {
            Ok(Watching { health: watch.clone(), who: (incoming.connection, incoming.call), id: None })
        })
    }
}

type Who = (ConnectionId, CallId);

/// What a server says of its health. Clones say the same, and any of them can change it at any time, from any thread.
///
/// ```
/// use grpc_sansio::adapter::mio::{Health, Routes, Server};
/// use grpc_sansio::ServerConfig;
/// use grpc_sansio::services::health::ServingStatus;
///
/// let server = Server::bind("127.0.0.1:0".parse()?, &ServerConfig::default())?;
/// let mut routes = Routes::new();
/// let health = Health::new(routes.resumer(server.remote()));
/// routes.health(&health);
/// health.set("shop.v1.Cart", ServingStatus::Serving)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Health {
    health: Arc<Mutex<health::Health<Who>>>,
    resumer: Resumer,
}

impl Health {
    /// A server that serves, without any service of a name. It wakes those who watch through `resumer`.
    pub fn new(resumer: Resumer) -> Self {
        Self { health: Arc::default(), resumer }
    }

    /// Sets the status of a service, and tells those who watch it; the empty name is the server as a whole.
    ///
    /// # Errors
    ///
    /// As [`Resumer::resume`]; the status is set all the same. Likewise below.
    pub fn set(&self, service: &str, status: ServingStatus) -> std::io::Result<()> {
        self.change(|health| health.set(service, status))
    }

    /// Forgets a service.
    ///
    /// # Errors
    ///
    /// As [`Health::set`].
    pub fn remove(&self, service: &str) -> std::io::Result<()> {
        self.change(|health| health.remove(service))
    }

    /// Says that nothing serves any more: the first step of a graceful shutdown.
    ///
    /// # Errors
    ///
    /// As [`Health::set`].
    pub fn shut_down(&self) -> std::io::Result<()> {
        self.change(health::Health::shut_down)
    }

    /// Takes [`Health::shut_down`] back.
    ///
    /// # Errors
    ///
    /// As [`Health::set`].
    pub fn resume(&self) -> std::io::Result<()> {
        self.change(health::Health::resume)
    }

    /// The status of a service; `None` for one that is not known.
    pub fn status(&self, service: &str) -> Option<ServingStatus> {
        self.lock().status(service)
    }

    fn lock(&self) -> MutexGuard<'_, health::Health<Who>> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut health::Health<Who>) -> Vec<Who>) -> std::io::Result<()> {
        let woken = change(&mut self.lock());
        woken.into_iter().try_for_each(|(connection, call)| self.resumer.resume(connection, call))
    }
}

/// One call of `Watch`.
struct Watching {
    health: Health,
    who: Who,
    id: Option<WatchId>,
}

impl Responder for Watching {
    fn message(&mut self, message: Payload<'_>) -> Result<(), Failure> {
        self.id = Some(self.health.lock().watch(&message, self.who)?);
        Ok(())
    }

    fn next(&mut self) -> Result<Next, Failure> {
        let message = self.id.and_then(|id| self.health.lock().next(id));
        Ok(message.map_or(Next::Wait, |message| Next::Message(message.into())))
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.health.lock().unwatch(id);
        }
    }
}
