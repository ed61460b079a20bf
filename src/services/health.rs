//! `grpc.health.v1.Health`: who serves, told to whoever asks and to whoever watches (G-293 to G-298).
//!
//! ```
//! use grpc_sansio::services::health::{Health, ServingStatus};
//!
//! // A watcher is named as its driver likes: here by a number.
//! let mut health: Health<u32> = Health::new();
//! let _ = health.set("shop.v1.Cart", ServingStatus::Serving);
//!
//! // A call of Watch, with the octets of its request.
//! let watch = health.watch(b"\x0a\x0cshop.v1.Cart", 7)?;
//! assert_eq!(health.next(watch).unwrap(), &b"\x08\x01"[..], "the status is sent at once");
//! assert_eq!(health.next(watch), None, "and then each change");
//!
//! // Whoever waits is to be woken, once, and takes the latest.
//! assert_eq!(health.set("shop.v1.Cart", ServingStatus::NotServing), [7]);
//! assert!(health.set("shop.v1.Cart", ServingStatus::Unknown).is_empty());
//! assert!(health.next(watch).unwrap().is_empty(), "UNKNOWN is 0, and zeros are left out");
//! health.unwatch(watch);
//! # Ok::<(), grpc_sansio::grpc::Status>(())
//! ```

use super::request;
use crate::grpc::{Code, Kind, Method, Status};
use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use bytes::Bytes;
use prost::Message as _;

/// The name of the service.
pub const SERVICE: &str = "grpc.health.v1.Health";
/// Asks for the status of one service.
pub const CHECK: Method = Method::from_static("/grpc.health.v1.Health/Check", Kind::Unary);
/// Asks for the status of all.
pub const LIST: Method = Method::from_static("/grpc.health.v1.Health/List", Kind::Unary);
/// Asks for the status of one service, and for each change of it.
pub const WATCH: Method = Method::from_static("/grpc.health.v1.Health/Watch", Kind::ServerStreaming);

/// The most services that a `List` names (G-296).
pub const MOST_LISTED: usize = 100;

/// Whether a service takes calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum ServingStatus {
    /// It is not known yet.
    Unknown = 0,
    /// It does.
    Serving = 1,
    /// It does not.
    NotServing = 2,
    /// There is no such service; only said to those who watch.
    ServiceUnknown = 3,
}

/// What `Check` and `Watch` are asked.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct HealthCheckRequest {
    /// The full name of a service; empty for the server as a whole.
    #[prost(string, tag = "1")]
    pub service: String,
}

/// What they answer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
pub struct HealthCheckResponse {
    /// The status.
    #[prost(enumeration = "ServingStatus", tag = "1")]
    pub status: i32,
}

/// What `List` answers. Its request is empty.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct HealthListResponse {
    /// The status of each service.
    #[prost(btree_map = "string, message", tag = "1")]
    pub statuses: BTreeMap<String, HealthCheckResponse>,
}

/// Names one call of `Watch`. It never names another one later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WatchId(u64);

/// The status of each service of a server, and who watches them; `W` is the driver's name of a watcher, by which it wakes it.
///
/// The server as a whole, whose name is empty, serves from the start.
#[derive(Clone, Debug)]
pub struct Health<W> {
    services: BTreeMap<String, Service>,
    watchers: BTreeMap<WatchId, Watcher<W>>,
    next: u64,
    /// Everything is not serving, whatever is said.
    down: bool,
}

/// A service that has a status, or that somebody watches.
#[derive(Clone, Debug, Default)]
struct Service {
    status: Option<ServingStatus>,
    watched_by: Vec<WatchId>,
}

#[derive(Clone, Debug)]
struct Watcher<W> {
    who: W,
    service: String,
    told: Option<ServingStatus>,
    /// It was told all there is, and is to be woken.
    waits: bool,
}

impl<W: Clone> Health<W> {
    /// A server that serves, without any service of a name.
    pub fn new() -> Self {
        let whole = Service { status: Some(ServingStatus::Serving), watched_by: Vec::new() };
        Self { services: BTreeMap::from([(String::new(), whole)]), watchers: BTreeMap::new(), next: 0, down: false }
    }

    /// Sets the status of a service; the empty name is the server as a whole. Returns the watchers to be woken.
    ///
    /// After [`Health::shut_down`] it is kept, and not told before [`Health::resume`].
    #[must_use = "the watchers named are to be woken"]
    pub fn set(&mut self, service: &str, status: ServingStatus) -> Vec<W> {
        match self.services.get_mut(service) {
            Some(known) => known.status = Some(status),
            None => {
                let new = Service { status: Some(status), watched_by: Vec::new() };
                self.services.insert(service.to_owned(), new);
            }
        }
        self.wake(service)
    }

    /// Forgets a service. Returns the watchers to be woken.
    #[must_use = "the watchers named are to be woken"]
    pub fn remove(&mut self, service: &str) -> Vec<W> {
        if let Some(known) = self.services.get_mut(service) {
            known.status = None;
        }
        let woken = self.wake(service);
        self.tidy(service);
        woken
    }

    /// Says that nothing serves any more (G-297): a server that shuts down says so before it refuses calls. Returns the
    /// watchers to be woken.
    #[must_use = "the watchers named are to be woken"]
    pub fn shut_down(&mut self) -> Vec<W> {
        self.set_down(true)
    }

    /// Takes [`Health::shut_down`] back. Returns the watchers to be woken.
    #[must_use = "the watchers named are to be woken"]
    pub fn resume(&mut self) -> Vec<W> {
        self.set_down(false)
    }

    fn set_down(&mut self, down: bool) -> Vec<W> {
        self.down = down;
        let services: Vec<String> = self.services.keys().cloned().collect();
        services.iter().flat_map(|service| self.wake(service)).collect()
    }

    /// The status of a service; `None` for one that is not known.
    pub fn status(&self, service: &str) -> Option<ServingStatus> {
        let status = self.services.get(service)?.status?;
        Some(if self.down { ServingStatus::NotServing } else { status })
    }

    /// Answers a call of [`CHECK`].
    ///
    /// # Errors
    ///
    /// NOT_FOUND for an unknown service (G-294), INTERNAL for a request that is none.
    pub fn check(&self, message: &[u8]) -> Result<Bytes, Status> {
        let HealthCheckRequest { service } = request(message)?;
        match self.status(&service) {
            Some(status) => Ok(response(status)),
            None => Err(Status::new(Code::NotFound, "unknown service")),
        }
    }

    /// Answers a call of [`LIST`].
    ///
    /// # Errors
    ///
    /// RESOURCE_EXHAUSTED for more than [`MOST_LISTED`] services (G-296).
    pub fn list(&self) -> Result<Bytes, Status> {
        let known = self.services.keys().filter_map(|name| Some((name.clone(), self.status(name)?)));
        let statuses = known.map(|(name, status)| (name, HealthCheckResponse { status: status.into() }));
        let list = HealthListResponse { statuses: statuses.collect() };
        if list.statuses.len() > MOST_LISTED {
            return Err(Status::new(Code::ResourceExhausted, "there are more than 100 services"));
        }
        Ok(list.encode_to_vec().into())
    }

    /// Begins a call of [`WATCH`]. [`Health::next`] has its first message; `who` is returned when there is another.
    ///
    /// # Errors
    ///
    /// INTERNAL for a request that is none.
    pub fn watch(&mut self, message: &[u8], who: W) -> Result<WatchId, Status> {
        let HealthCheckRequest { service } = request(message)?;
        let id = WatchId(self.next);
        self.next = self.next.wrapping_add(1);
        self.services.entry(service.clone()).or_default().watched_by.push(id);
        self.watchers.insert(id, Watcher { who, service, told: None, waits: false });
        Ok(id)
    }

    /// The next message of a call of `Watch`: the latest status, unless it is what was told last (G-295, G-298). After
    /// `None` its watcher is woken by the next change.
    pub fn next(&mut self, watch: WatchId) -> Option<Bytes> {
        let service = &self.watchers.get(&watch)?.service;
        let status = self.status(service).unwrap_or(ServingStatus::ServiceUnknown);
        let watcher = self.watchers.get_mut(&watch)?;
        watcher.waits = watcher.told == Some(status);
        if watcher.waits {
            return None;
        }
        watcher.told = Some(status);
        Some(response(status))
    }

    /// Ends a call of `Watch`.
    pub fn unwatch(&mut self, watch: WatchId) {
        let Some(Watcher { service, .. }) = self.watchers.remove(&watch) else { return };
        if let Some(watched) = self.services.get_mut(&service) {
            watched.watched_by.retain(|id| *id != watch);
        }
        self.tidy(&service);
    }

    /// Calls of `Watch` that are open.
    pub fn watchers(&self) -> usize {
        self.watchers.len()
    }

    /// Those who watch a service, and wait for another status than they were told.
    fn wake(&mut self, service: &str) -> Vec<W> {
        let status = self.status(service).unwrap_or(ServingStatus::ServiceUnknown);
        let Some(watched) = self.services.get(service) else { return Vec::new() };
        let mut woken = Vec::new();
        for id in &watched.watched_by {
            if let Some(watcher) = self.watchers.get_mut(id)
                && watcher.told != Some(status)
                && core::mem::take(&mut watcher.waits)
            {
                woken.push(watcher.who.clone());
            }
        }
        woken
    }

    /// Keeps nothing of a service that has no status and that nobody watches: its name may have been any client's idea.
    fn tidy(&mut self, service: &str) {
        if self.services.get(service).is_some_and(|known| known.status.is_none() && known.watched_by.is_empty()) {
            self.services.remove(service);
        }
    }
}

impl<W: Clone> Default for Health<W> {
    fn default() -> Self {
        Self::new()
    }
}

fn response(status: ServingStatus) -> Bytes {
    HealthCheckResponse { status: status.into() }.encode_to_vec().into()
}
