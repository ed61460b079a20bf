//! What a session allows.

use super::answer::Answer;
use super::cors::Cors;
use super::http1::PENDING;
use super::http2::RESPONSE_QUEUE;
use super::link::{REQUEST_QUEUE, RESPONSE_WINDOW};
use crate::config::ServerConfig;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Bytes;
use core::time::Duration;

/// What a session costs before anything was received: the buffers between it and its connection, and what both ends of the
/// way between the two keep for reuse.
const BASE: u64 = 64 * 1024;

/// How gRPC-Web is spoken. Cheap to clone.
///
/// By default no other origin may call, a head has 16 KiB, and a body has 16 MiB. Limits on messages, calls and HTTP/2
/// are those of the [`ServerConfig`](crate::ServerConfig).
///
/// ```
/// use grpc_sansio::web::{Config, Cors};
///
/// let config = Config::default()
///     .cors(Cors::any())
///     .page("/", "text/html; charset=utf-8", &b"<!doctype html><title>hello</title>"[..]);
/// ```
#[derive(Clone, Debug)]
pub struct Config(pub(super) Arc<Settings>);

#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) cors: Option<Cors>,
    pub(super) max_head: usize,
    pub(super) max_fields: usize,
    pub(super) max_body: u64,
    pub(super) head_timeout: Duration,
    pub(super) body_timeout: Duration,
    pub(super) idle_timeout: Duration,
    pub(super) mixed: bool,
    pages: Vec<Page>,
}

#[derive(Clone, Debug)]
struct Page {
    path: String,
    content_type: String,
    body: Bytes,
}

impl Default for Config {
    fn default() -> Self {
        Self(Arc::new(Settings {
            cors: None,
            max_head: 16 * 1024,
            max_fields: 100,
            max_body: 16 * 1024 * 1024,
            head_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(60),
            mixed: false,
            pages: Vec::new(),
        }))
    }
}

impl Config {
    /// The most heap that a [`Session`](super::Session) uses beside its [`Connection`](crate::Connection), in octets,
    /// whatever the peer does: over HTTP/1.1 four times 64 KiB and `max_head`, over HTTP/2 as much as another connection and
    /// 192 KiB for each call that both sides hold up; 40 MiB with the defaults of both configs. On top comes four times what
    /// the transport hands in at once. [`ServerConfig::connection_bytes`] is the connection's own bound.
    ///
    /// ```
    /// use grpc_sansio::web::Config;
    /// use grpc_sansio::{Limits, ServerConfig};
    ///
    /// let mut limits = Limits::default();
    /// limits.max_concurrent_calls = 10;
    /// let few = ServerConfig::builder().limits(limits).build()?;
    /// let config = Config::default();
    /// assert!(config.session_bytes(&few) < config.session_bytes(&ServerConfig::default()));
    /// # Ok::<(), grpc_sansio::ConfigError>(())
    /// ```
    pub fn session_bytes(&self, server: &ServerConfig) -> u64 {
        // The list that is made of a head has more of a field than its octets.
        let head = (self.0.max_head as u64).saturating_add((self.0.max_fields as u64).saturating_mul(64));
        let calls = u64::from(server.limits().max_concurrent_calls);
        // What waits for the engine, and as base64 what it said and the peer does not take.
        const CALL: u64 =
            (REQUEST_QUEUE as u64 + RESPONSE_QUEUE as u64 + RESPONSE_WINDOW as u64 * 4 / 3).next_multiple_of(64 * 1024);
        let http1 = head.saturating_add(PENDING as u64).saturating_mul(4);
        let http2 = server.connection_bytes().saturating_add(calls.saturating_mul(CALL));
        http1.max(http2).saturating_add(BASE)
    }

    fn set(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    /// Lets pages of other origins call. None may, unless set.
    #[must_use]
    pub fn cors(self, cors: Cors) -> Self {
        self.set(|settings| settings.cors = Some(cors))
    }

    /// Serves a page, or a script of one, to GET: enough for a small front end or a demonstration, on the same port and
    /// so without CORS. `path` is compared as a whole, without the query.
    #[must_use]
    pub fn page(self, path: impl Into<String>, content_type: impl Into<String>, body: impl Into<Bytes>) -> Self {
        let page = Page { path: path.into(), content_type: content_type.into(), body: body.into() };
        self.set(|settings| settings.pages.push(page))
    }

    /// Octets of a request's head over HTTP/1.1: the request line, the fields and the empty line. 16 KiB.
    #[must_use]
    pub fn max_head(self, octets: usize) -> Self {
        self.set(|settings| settings.max_head = octets)
    }

    /// Fields of a request over HTTP/1.1. 100.
    #[must_use]
    pub fn max_fields(self, fields: usize) -> Self {
        self.set(|settings| settings.max_fields = fields)
    }

    /// Octets of a request's body over HTTP/1.1, as base64 where it is that: 16 MiB. What a message may have is the
    /// engine's own limit.
    #[must_use]
    pub fn max_body(self, octets: u64) -> Self {
        self.set(|settings| settings.max_body = octets)
    }

    /// How long a request's head may take over HTTP/1.1: 10 s from its first octet, or from the connection's beginning.
    #[must_use]
    pub fn head_timeout(self, timeout: Duration) -> Self {
        self.set(|settings| settings.head_timeout = timeout)
    }

    /// How long no octet of a request's body may come over HTTP/1.1 while one could be taken: 30 s.
    #[must_use]
    pub fn body_timeout(self, timeout: Duration) -> Self {
        self.set(|settings| settings.body_timeout = timeout)
    }

    /// How long a connection over HTTP/1.1 is kept without a request: 60 s.
    #[must_use]
    pub fn idle_timeout(self, timeout: Duration) -> Self {
        self.set(|settings| settings.idle_timeout = timeout)
    }

    /// Takes native gRPC and gRPC-Web on one and the same HTTP/2 connection, as a proxy may send them that pools its
    /// connections. Without it the first request decides what a connection carries: after a native one the engine speaks
    /// to the peer itself, as fast as without gRPC-Web, and refuses what is not native with 415.
    #[must_use]
    pub fn mixed(self, mixed: bool) -> Self {
        self.set(|settings| settings.mixed = mixed)
    }
}

impl Settings {
    /// The page that `target` names, query and all.
    pub(super) fn find(&self, target: &[u8]) -> Option<Answer> {
        let path = target.split(|octet| *octet == b'?').next().unwrap_or_default();
        let page = self.pages.iter().find(|page| page.path.as_bytes() == path)?;
        Some(Answer::with(200, &page.content_type, page.body.clone()).also("x-content-type-options", "nosniff"))
    }
}
