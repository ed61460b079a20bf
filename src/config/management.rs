//! How long connections live, and how it is found out that they are dead (gRFC A8, A9, A18).

use super::{ClientConfig, ClientConfigBuilder, Limits, ServerConfig, ServerConfigBuilder, must};
use crate::error::ConfigError;
use crate::http2;
use alloc::sync::Arc;
use core::time::Duration;

/// A client that asks more often is more of a load than a help (G-200).
const LEAST_CLIENT_TIME: Duration = Duration::from_secs(10);

/// The same of a server, whose clients nobody else configures.
const LEAST_SERVER_TIME: Duration = Duration::from_secs(1);

/// How a client finds out that a connection is dead, and when it gives up one that nobody uses.
///
/// ```
/// use core::time::Duration;
/// use grpc_sansio::{ClientConfig, ClientManagement};
///
/// let mut management = ClientManagement::default();
/// management.keepalive_time = Some(Duration::from_secs(5 * 60));
/// let config = ClientConfig::builder("localhost").management(management).build()?;
/// assert_eq!(config.tcp_user_timeout(), Some(Duration::from_secs(20)));
/// # Ok::<(), grpc_sansio::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "event-log", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "event-log", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct ClientManagement {
    /// How long nothing may have been received, while a call is open, before a PING asks whether the server is still there.
    /// Never, unless set: a server has to permit it, mostly no more often than each five minutes, and ends a connection that
    /// asks too often (G-207). Less than 10 s is taken for 10 s.
    pub keepalive_time: Option<Duration>,
    /// How long nothing may be received after the PING; then the connection is dead, and its calls end with UNAVAILABLE. Any
    /// octet counts. 20 s; it should be some times the round trip.
    pub keepalive_timeout: Duration,
    /// PINGs go out without a call too. Off: a server has to permit that apart.
    pub keepalive_without_calls: bool,
    /// How long a connection may be without a call before it is closed gracefully (`max_idle`). For ever.
    pub max_connection_idle: Option<Duration>,
}

impl Default for ClientManagement {
    fn default() -> Self {
        Self {
            keepalive_time: None,
            keepalive_timeout: Duration::from_secs(20),
            keepalive_without_calls: false,
            max_connection_idle: None,
        }
    }
}

/// How long a server keeps a connection, how it finds out that one is dead, and which PINGs it permits.
///
/// Graceful means here: GOAWAY, then the calls in flight, a second GOAWAY, and the end when the last call has ended (G-180).
///
/// ```
/// use core::time::Duration;
/// use grpc_sansio::{ServerConfig, ServerManagement};
///
/// let mut management = ServerManagement::default();
/// management.max_connection_age = Some(Duration::from_secs(30 * 60));
/// management.max_connection_age_grace = Some(Duration::from_secs(60));
/// let config = ServerConfig::builder().seed(0x5eed).management(management).build()?;
/// # Ok::<(), grpc_sansio::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "event-log", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "event-log", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct ServerManagement {
    /// How long nothing may have been received, with calls or without, before a PING asks whether the client is still there.
    /// 2 hours; less than 1 s is taken for 1 s.
    pub keepalive_time: Option<Duration>,
    /// How long nothing may be received after the PING; then the connection is dead, and its calls stop. Any octet counts.
    /// 20 s.
    pub keepalive_timeout: Duration,
    /// How long a connection may be without a call before it is closed gracefully (`max_idle`). For ever.
    pub max_connection_idle: Option<Duration>,
    /// How old a connection may become before it is closed gracefully (`max_age`), so that its client looks for another
    /// server. For ever. Each connection has up to a tenth more or less, by the config's seed and its own
    /// ([`Connection::with_seed`](crate::Connection::with_seed)), so that those who came together do not come back together.
    pub max_connection_age: Option<Duration>,
    /// How long calls may go on then, from the second GOAWAY; what is left is cut off (`max_age_grace`). For ever.
    pub max_connection_age_grace: Option<Duration>,
    /// Calls of one connection, counted by their stream ids; with so many it is closed gracefully (`max_calls`). Those in
    /// flight at that time are still served. No limit.
    pub max_connection_calls: Option<u32>,
    /// How far apart a client's PINGs must be, unless HEADERS or DATA were sent to it in between. 5 minutes.
    pub min_ping_interval: Duration,
    /// The same holds for PINGs without an open call, which otherwise must be two hours apart. Off.
    pub pings_without_calls: bool,
    /// PINGs that may come too early; one more ends the connection with ENHANCE_YOUR_CALM (`too_many_pings`). 2; `None` does
    /// not count.
    pub max_ping_strikes: Option<u32>,
}

impl Default for ServerManagement {
    fn default() -> Self {
        Self {
            keepalive_time: Some(Duration::from_secs(2 * 60 * 60)),
            keepalive_timeout: Duration::from_secs(20),
            max_connection_idle: None,
            max_connection_age: None,
            max_connection_age_grace: None,
            max_connection_calls: None,
            min_ping_interval: Duration::from_secs(5 * 60),
            pings_without_calls: false,
            max_ping_strikes: Some(2),
        }
    }
}

/// Either of them, as the engine reads it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) keepalive: Option<Duration>,
    pub(crate) keepalive_timeout: Duration,
    /// PINGs go out without a call too.
    pub(crate) without_calls: bool,
    pub(crate) idle: Option<Duration>,
    pub(crate) age: Option<Duration>,
    pub(crate) grace: Option<Duration>,
    pub(crate) calls: Option<u32>,
}

impl ClientManagement {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        above_zero("keepalive_timeout", Some(self.keepalive_timeout))?;
        above_zero("max_connection_idle", self.max_connection_idle)
    }

    /// What is below the least that makes sense is raised to it (G-200).
    pub(super) fn within_reason(mut self) -> Self {
        self.keepalive_time = self.keepalive_time.map(|time| time.max(LEAST_CLIENT_TIME));
        self
    }

    pub(super) fn rules(&self) -> Rules {
        Rules {
            keepalive: self.keepalive_time,
            keepalive_timeout: self.keepalive_timeout,
            without_calls: self.keepalive_without_calls,
            idle: self.max_connection_idle,
            age: None,
            grace: None,
            calls: None,
        }
    }
}

impl ServerManagement {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        above_zero("keepalive_timeout", Some(self.keepalive_timeout))?;
        above_zero("max_connection_idle", self.max_connection_idle)?;
        above_zero("max_connection_age", self.max_connection_age)?;
        must("max_connection_calls", "max_connection_calls", "at least 1", self.max_connection_calls != Some(0))
    }

    pub(super) fn within_reason(mut self) -> Self {
        self.keepalive_time = self.keepalive_time.map(|time| time.max(LEAST_SERVER_TIME));
        self
    }

    pub(super) fn rules(&self) -> Rules {
        Rules {
            keepalive: self.keepalive_time,
            keepalive_timeout: self.keepalive_timeout,
            // G-214: independent of streams.
            without_calls: true,
            idle: self.max_connection_idle,
            age: self.max_connection_age,
            grace: self.max_connection_age_grace,
            calls: self.max_connection_calls,
        }
    }

    /// What HTTP/2 has to know of it.
    pub(super) fn http2(&self, limits: &Limits, seed: u64) -> http2::Config {
        let mut config = limits.http2(http2::Side::Server, seed);
        config.max_ping_strikes = self.max_ping_strikes;
        config.min_ping_interval = self.min_ping_interval;
        config.pings_without_streams = self.pings_without_calls;
        config
    }
}

impl Rules {
    /// G-215: what the system should know where it can notice a dead connection by itself.
    pub(super) fn tcp_user_timeout(&self) -> Option<Duration> {
        self.keepalive.map(|_| self.keepalive_timeout)
    }
}

impl ClientConfig {
    /// How connections are managed, as it holds: what was set too low is raised.
    pub fn management(&self) -> &ClientManagement {
        &self.0.client_management
    }

    /// What the socket's `TCP_USER_TIMEOUT` should be: `keepalive_timeout` where keepalive is on (G-215, gRFC A18). The
    /// adapters set it on sockets of their own, on Linux.
    pub fn tcp_user_timeout(&self) -> Option<Duration> {
        self.0.rules.tcp_user_timeout()
    }

    /// The same with twice the keepalive time: for who was told that it sends too many PINGs (G-206).
    pub(crate) fn with_keepalive_doubled(mut self) -> Self {
        let settings = Arc::make_mut(&mut self.0);
        let time = settings.client_management.keepalive_time;
        settings.client_management.keepalive_time = time.map(|time| time.saturating_mul(2));
        settings.rules = settings.client_management.rules();
        self
    }
}

impl ServerConfig {
    /// How connections are managed, as it holds: what was set too low is raised.
    pub fn management(&self) -> &ServerManagement {
        &self.0.server_management
    }

    /// The seed, to be varied for each connection.
    #[cfg(any(feature = "tokio", feature = "mio"))]
    pub(crate) fn seed(&self) -> u64 {
        self.0.http2.seed
    }

    /// What a socket's `TCP_USER_TIMEOUT` should be: `keepalive_timeout` where keepalive is on (G-215, gRFC A18). The mio
    /// adapter sets it on Linux; tokio's hands sockets on as its listener makes them.
    pub fn tcp_user_timeout(&self) -> Option<Duration> {
        self.0.rules.tcp_user_timeout()
    }
}

impl ClientConfigBuilder {
    /// How connections are managed: keepalive, idleness.
    pub fn management(mut self, management: ClientManagement) -> Self {
        self.settings.client_management = management;
        self
    }
}

impl ServerConfigBuilder {
    /// How connections are managed: keepalive, age, idleness, and which PINGs are permitted.
    pub fn management(mut self, management: ServerManagement) -> Self {
        self.settings.server_management = management;
        self
    }
}

/// A timer that is due as soon as it is set would leave `poll_timeout` in the past.
fn above_zero(field: &'static str, duration: Option<Duration>) -> Result<(), ConfigError> {
    must(field, field, "more than 0", duration.is_none_or(|duration| !duration.is_zero()))
}

#[cfg(test)]
mod tests {
    use super::{ClientManagement, ServerManagement};
    use crate::{ClientConfig, ServerConfig};
    use core::time::Duration;

    fn server(change: impl FnOnce(&mut ServerManagement)) -> Result<ServerConfig, &'static str> {
        let mut management = ServerManagement::default();
        change(&mut management);
        ServerConfig::builder().management(management).build().map_err(|error| error.first)
    }

    fn client(change: impl FnOnce(&mut ClientManagement)) -> Result<ClientConfig, &'static str> {
        let mut management = ClientManagement::default();
        change(&mut management);
        ClientConfig::builder("a").management(management).build().map_err(|error| error.first)
    }

    /// G-200, G-207, G-211 to G-214: the defaults are those of gRPC.
    #[test]
    fn g_200_g_214_defaults() {
        let seconds = Duration::from_secs;
        let ours = ClientManagement::default();
        let on_client = (ours.keepalive_time, ours.keepalive_timeout, ours.keepalive_without_calls);
        assert_eq!(on_client, (None, seconds(20), false));
        let ours = ServerManagement::default();
        assert_eq!((ours.keepalive_time, ours.keepalive_timeout), (Some(seconds(7_200)), seconds(20)));
        let policy = (ours.min_ping_interval, ours.pings_without_calls, ours.max_ping_strikes);
        assert_eq!(policy, (seconds(300), false, Some(2)));
        assert_eq!(
            (ours.max_connection_idle, ours.max_connection_age, ours.max_connection_age_grace),
            (None, None, None)
        );
    }

    /// G-200: what is less than the least is the least.
    #[test]
    fn g_200_the_least_keepalive_times() {
        let millis = Duration::from_millis;
        for (set, got) in [(0, 10_000), (9_999, 10_000), (10_000, 10_000), (10_001, 10_001)] {
            let config = client(|management| management.keepalive_time = Some(millis(set))).unwrap();
            assert_eq!(config.management().keepalive_time, Some(millis(got)));
        }
        for (set, got) in [(0, 1_000), (999, 1_000), (1_000, 1_000), (1_001, 1_001)] {
            let config = server(|management| management.keepalive_time = Some(millis(set))).unwrap();
            assert_eq!(config.management().keepalive_time, Some(millis(got)));
        }
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        let (zero, least) = (Duration::ZERO, Duration::from_nanos(1));
        assert_eq!(client(|m| m.keepalive_timeout = zero).unwrap_err(), "keepalive_timeout");
        assert_eq!(client(|m| m.max_connection_idle = Some(zero)).unwrap_err(), "max_connection_idle");
        assert!(client(|m| (m.keepalive_timeout, m.max_connection_idle) = (least, Some(least))).is_ok());
        assert_eq!(server(|m| m.keepalive_timeout = zero).unwrap_err(), "keepalive_timeout");
        assert_eq!(server(|m| m.max_connection_idle = Some(zero)).unwrap_err(), "max_connection_idle");
        assert_eq!(server(|m| m.max_connection_age = Some(zero)).unwrap_err(), "max_connection_age");
        assert_eq!(server(|m| m.max_connection_calls = Some(0)).unwrap_err(), "max_connection_calls");
        assert!(server(|m| (m.max_connection_age, m.max_connection_calls) = (Some(least), Some(1))).is_ok());
    }

    /// G-215: only where keepalive is on.
    #[test]
    fn g_215_tcp_user_timeout() {
        assert_eq!(client(|_| {}).unwrap().tcp_user_timeout(), None);
        let on = client(|m| (m.keepalive_time, m.keepalive_timeout) = (Some(Duration::MAX), Duration::from_secs(7)));
        assert_eq!(on.unwrap().tcp_user_timeout(), Some(Duration::from_secs(7)));
        assert_eq!(server(|_| {}).unwrap().tcp_user_timeout(), Some(Duration::from_secs(20)));
        assert_eq!(server(|m| m.keepalive_time = None).unwrap().tcp_user_timeout(), None);
    }
}
