//! Configuration of a connection, checked when it is built.

mod limits;
mod management;
mod request;
mod watch;

use crate::error::ConfigError;
use crate::grpc::timeout::Precision;
use crate::grpc::{Codings, Metadata, Path, RequestHead, ResponseHead, Scheme, content_type, encoding, user_agent};
use crate::hpack::FieldBlock;
use crate::http2;
use alloc::string::{String, ToString};
use alloc::sync::Arc;

pub use limits::Limits;
pub(crate) use limits::ORDINARY_HEADERS;
pub(crate) use management::Rules;
pub use management::{ClientManagement, ServerManagement};
pub(crate) use request::{LastStarts, RequestTemplate, TIMEOUT, wire_field};
#[cfg(any(feature = "event-log", feature = "metrics", feature = "tracing"))]
pub(crate) use watch::Watch;
pub(crate) use watch::Watchers;

fn must(first: &'static str, second: &'static str, rule: &'static str, holds: bool) -> Result<(), ConfigError> {
    if holds { Ok(()) } else { Err(ConfigError { first, second, rule }) }
}

/// Whether this is host and port alone, or nothing.
pub(crate) fn is_authority(text: &str) -> bool {
    text.bytes().all(|octet| octet.is_ascii_graphic() && !b"@/?#".contains(&octet))
}

/// What the engine needs, of either role.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) limits: Limits,
    pub(crate) http2: http2::Config,
    pub(crate) client_management: ClientManagement,
    pub(crate) server_management: ServerManagement,
    pub(crate) rules: Rules,
    pub(crate) codings: Codings,
    pub(crate) scheme: Scheme,
    pub(crate) authority: String,
    pub(crate) user_agent: String,
    /// The usual request of a client.
    pub(crate) request: RequestTemplate,
    /// The usual response head of a server.
    pub(crate) response: FieldBlock,
    pub(crate) timeout_precision: Precision,
    pub(crate) require_te: bool,
    pub(crate) answer_expired: bool,
    pub(crate) watchers: Watchers,
    /// Messages with fewer octets than this are small: copied, and within their limit.
    pub(crate) small_received: usize,
    pub(crate) small_sent: usize,
    /// [`Limits::idle_trim`], in nanoseconds; as many as can be counted where it is longer.
    pub(crate) idle_trim: u64,
}

impl Settings {
    fn new(side: http2::Side) -> Self {
        let mut settings = Self {
            http2: http2::Config::new(side),
            limits: Limits::default(),
            client_management: ClientManagement::default(),
            server_management: ServerManagement::default(),
            rules: ClientManagement::default().rules(),
            codings: Codings::default(),
            scheme: Scheme::Http,
            authority: String::new(),
            user_agent: user_agent::USER_AGENT.to_string(),
            request: RequestTemplate::default(),
            response: FieldBlock::new(),
            timeout_precision: Precision::ThreeDigits,
            require_te: false,
            answer_expired: false,
            watchers: Watchers::default(),
            small_received: 0,
            small_sent: 0,
            idle_trim: 0,
        };
        settings.derive(side, 0);
        settings
    }

    /// What follows from the rest, once that is checked.
    fn derive(&mut self, side: http2::Side, seed: u64) {
        let limits = &self.limits;
        let small = |limit: Option<u32>| limits.copy_below.min(limit.unwrap_or(u32::MAX).saturating_add(1)) as usize;
        (self.small_received, self.small_sent) = (small(limits.max_receive_message), small(limits.max_send_message));
        self.idle_trim = u64::try_from(limits.idle_trim.as_nanos()).unwrap_or(u64::MAX);
        match side {
            http2::Side::Client => {
                self.http2 = self.limits.http2(side, seed);
                self.client_management = self.client_management.clone().within_reason();
                self.rules = self.client_management.rules();
                self.request = RequestTemplate::new(&self.request_head(Path::ANY));
            }
            http2::Side::Server => {
                self.http2 = self.server_management.http2(&self.limits, seed);
                self.server_management = self.server_management.clone().within_reason();
                self.rules = self.server_management.rules();
                self.response = self.usual_response();
            }
        }
    }

    /// What `grpc-accept-encoding` says: nothing where only `identity` can be decoded.
    pub(crate) fn accept_encoding(&self) -> Option<&str> {
        Some(self.codings.as_str()).filter(|list| *list != encoding::IDENTITY)
    }

    /// A response as the config alone makes it. It lists the codings: whoever sent a message in one that it was not told of
    /// learns that it is known (G-099).
    fn usual_response(&self) -> FieldBlock {
        let metadata = Metadata::new();
        let mut head = ResponseHead::new(content_type::GRPC, &metadata);
        head.accept_encoding = self.accept_encoding();
        head.fields().map(wire_field).collect()
    }

    /// A request as the config alone makes it.
    pub(crate) fn request_head<'a>(&'a self, path: Path<'a>) -> RequestHead<'a> {
        let mut head = RequestHead::new(path);
        head.scheme = self.scheme;
        head.authority = Some(self.authority.as_str()).filter(|name| !name.is_empty());
        head.accept_encoding = self.accept_encoding();
        head.user_agent = Some(&self.user_agent);
        head
    }

    /// Whether the application said that it has a codec for `coding`, which is not `identity`.
    pub(crate) fn knows(&self, coding: &[u8]) -> bool {
        coding != crate::grpc::encoding::IDENTITY.as_bytes() && self.codings.contains(coding)
    }
}

/// Configuration of a client's connection. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ClientConfig(pub(crate) Arc<Settings>);

/// Configuration of a server's connection. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ServerConfig(pub(crate) Arc<Settings>);

impl ClientConfig {
    /// What `:authority` says unless a call overrides it.
    pub fn authority(&self) -> &str {
        &self.0.authority
    }

    /// The same with another `:scheme`: what the transport turns out to be (G-003).
    pub fn with_scheme(mut self, scheme: Scheme) -> Self {
        let settings = Arc::make_mut(&mut self.0);
        settings.scheme = scheme;
        settings.request = RequestTemplate::new(&settings.request_head(Path::ANY));
        self
    }

    /// Starts from the defaults; `authority` is what `:authority` says unless a call overrides it, such as
    /// `example.com:443`.
    pub fn builder(authority: &str) -> ClientConfigBuilder {
        let settings = Settings::new(http2::Side::Client);
        ClientConfigBuilder { settings: Settings { authority: authority.to_string(), ..settings }, seed: 0 }
    }

    /// The limits.
    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// [`Limits::connection_bytes`].
    pub fn connection_bytes(&self) -> u64 {
        self.0.limits.connection_bytes()
    }
}

impl ServerConfig {
    /// Starts from the defaults.
    pub fn builder() -> ServerConfigBuilder {
        let settings = Settings::new(http2::Side::Server);
        ServerConfigBuilder { settings, seed: 0 }
    }

    /// The limits.
    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// [`Limits::connection_bytes`].
    pub fn connection_bytes(&self) -> u64 {
        self.0.limits.connection_bytes()
    }
}

impl Default for ServerConfig {
    /// [`ServerConfig::builder`] as it is.
    fn default() -> Self {
        Self(Arc::new(Settings::new(http2::Side::Server)))
    }
}

/// Builds a [`ClientConfig`].
#[derive(Debug)]
pub struct ClientConfigBuilder {
    settings: Settings,
    seed: u64,
}

impl ClientConfigBuilder {
    /// Replaces the limits.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.settings.limits = limits;
        self
    }

    /// Seeds the hash tables, so that a peer cannot prepare collisions. The octets sent do not depend on it.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// What `:scheme` says (G-003). Cleartext unless set.
    pub fn scheme(mut self, scheme: Scheme) -> Self {
        self.settings.scheme = scheme;
        self
    }

    /// The message codings that the application can decode, sent as `grpc-accept-encoding` (G-012).
    pub fn codings(mut self, codings: Codings) -> Self {
        self.settings.codings = codings;
        self
    }

    /// The application's own part of `user-agent`, put before the library's (G-010).
    pub fn user_agent(mut self, prefix: &str) -> Self {
        self.settings.user_agent = user_agent::with_prefix(prefix).unwrap_or_default();
        self
    }

    /// The whole of `user-agent`, as a log has it.
    #[cfg(feature = "event-log")]
    pub(crate) fn user_agent_as_it_is(mut self, user_agent: String) -> Self {
        let sendable = crate::grpc::reserved::is_ascii_value(user_agent.as_bytes());
        self.settings.user_agent = if sendable { user_agent } else { String::new() };
        self
    }

    /// How `grpc-timeout` is rounded (G-123).
    pub fn timeout_precision(mut self, precision: Precision) -> Self {
        self.settings.timeout_precision = precision;
        self
    }

    /// Checks the whole.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the two fields that contradict each other.
    pub fn build(mut self) -> Result<ClientConfig, ConfigError> {
        self.settings.limits.check()?;
        let field = |name| move |holds| must(name, name, "visible ASCII, as an HTTP field value", holds);
        must(
            "authority",
            "authority",
            "a host, with a port if need be, and neither scheme nor path (RFC 9110 section 7.2)",
            is_authority(&self.settings.authority),
        )?;
        field("user_agent")(!self.settings.user_agent.is_empty())?;
        self.settings.client_management.check()?;
        self.settings.derive(http2::Side::Client, self.seed);
        Ok(ClientConfig(Arc::new(self.settings)))
    }
}

/// Builds a [`ServerConfig`].
#[derive(Debug)]
pub struct ServerConfigBuilder {
    settings: Settings,
    seed: u64,
}

impl ServerConfigBuilder {
    /// Replaces the limits.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.settings.limits = limits;
        self
    }

    /// Seeds the hash tables, so that a peer cannot prepare collisions, and the jitter of
    /// [`max_connection_age`](ServerManagement::max_connection_age). The octets sent do not depend on it.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The message codings that the application can decode, sent as `grpc-accept-encoding`; a request in another one is
    /// answered UNIMPLEMENTED (G-094).
    /// The first eight besides `identity` can be used for responses.
    pub fn codings(mut self, codings: Codings) -> Self {
        self.settings.codings = codings;
        self
    }

    /// Refuses requests without `te: trailers` (G-025). Off unless set.
    pub fn require_te(mut self, require: bool) -> Self {
        self.settings.require_te = require;
        self
    }

    /// Answers a call whose deadline passed with DEADLINE_EXCEEDED, where nothing was sent yet, instead of RST_STREAM
    /// (G-131). Off unless set.
    pub fn answer_expired(mut self, answer: bool) -> Self {
        self.settings.answer_expired = answer;
        self
    }

    /// Checks the whole.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the two fields that contradict each other.
    pub fn build(mut self) -> Result<ServerConfig, ConfigError> {
        self.settings.limits.check()?;
        self.settings.server_management.check()?;
        self.settings.derive(http2::Side::Server, self.seed);
        Ok(ServerConfig(Arc::new(self.settings)))
    }
}

#[cfg(test)]
mod tests;
