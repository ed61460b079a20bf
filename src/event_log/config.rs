//! The config of a connection as its log has it.

use crate::config::{
    ClientConfig, ClientConfigBuilder, ClientManagement, Limits, ServerConfig, ServerConfigBuilder, ServerManagement,
    Settings,
};
use crate::grpc::timeout::Precision;
use crate::grpc::{Codings, Scheme};
use alloc::string::{String, ToString};
use serde::{Deserialize, Serialize};

/// All that a config says. What is left out has its default, so that a config of an older version still is one.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Config {
    /// Of the connection itself.
    pub(super) seed: u64,
    authority: String,
    user_agent: String,
    secure: bool,
    /// As `grpc-accept-encoding` spells them.
    codings: String,
    exact_timeouts: bool,
    require_te: bool,
    answer_expired: bool,
    limits: Limits,
    client_management: ClientManagement,
    server_management: ServerManagement,
}

impl Config {
    /// That of a connection with a seed of its own.
    pub(super) fn of(settings: &Settings, seed: u64) -> Self {
        // Every field is named, so that one which is added is not forgotten here.
        let Settings {
            limits,
            http2: _,
            codings,
            scheme,
            authority,
            user_agent,
            request: _,
            response: _,
            timeout_precision,
            require_te,
            answer_expired,
            client_management,
            server_management,
            rules: _,
            watchers: _,
            small_received: _,
            small_sent: _,
            idle_trim: _,
        } = settings;
        Self {
            seed,
            authority: authority.clone(),
            user_agent: user_agent.clone(),
            secure: *scheme == Scheme::Https,
            codings: codings.as_str().to_string(),
            exact_timeouts: *timeout_precision == Precision::Exact,
            require_te: *require_te,
            answer_expired: *answer_expired,
            limits: limits.clone(),
            client_management: client_management.clone(),
            server_management: server_management.clone(),
        }
    }
}

impl Config {
    fn codings(&self) -> Result<Codings, String> {
        Codings::new(self.codings.split(',').filter(|name| !name.is_empty())).map_err(|error| error.to_string())
    }

    /// What a client's connection is made of.
    pub(super) fn client(
        self,
        more: impl FnOnce(ClientConfigBuilder) -> ClientConfigBuilder,
    ) -> Result<ClientConfig, String> {
        let codings = self.codings()?;
        let builder = ClientConfig::builder(&self.authority)
            .limits(self.limits)
            .seed(self.seed)
            .scheme(if self.secure { Scheme::Https } else { Scheme::Http })
            .codings(codings)
            .user_agent_as_it_is(self.user_agent)
            .management(self.client_management)
            .timeout_precision(if self.exact_timeouts { Precision::Exact } else { Precision::ThreeDigits });
        more(builder).build().map_err(|error| error.to_string())
    }

    /// What a server's connection is made of.
    pub(super) fn server(
        self,
        more: impl FnOnce(ServerConfigBuilder) -> ServerConfigBuilder,
    ) -> Result<ServerConfig, String> {
        let codings = self.codings()?;
        let builder = ServerConfig::builder()
            .limits(self.limits)
            .seed(self.seed)
            .codings(codings)
            .require_te(self.require_te)
            .answer_expired(self.answer_expired)
            .management(self.server_management);
        more(builder).build().map_err(|error| error.to_string())
    }
}
