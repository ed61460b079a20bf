//! What pages of other origins may do: CORS, by the Fetch standard (G-326).

use super::answer::Answer;
use crate::hpack::{Field, FieldBlock};
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;
use core::time::Duration;

/// The longest `access-control-request-headers` that is echoed, in octets.
const LONGEST_ECHO: usize = 4_096;

/// The longest `origin` that is echoed: a host name has 253 octets at most.
const LONGEST_ORIGIN: usize = 512;

/// Names of fields: those of a list, or whatever is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Names {
    /// All that come up: those that a preflight asks for, or those that a response has.
    #[default]
    Asked,
    /// These only.
    Listed(Vec<String>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Origins {
    Any,
    Listed(Vec<String>),
}

/// Which pages of other origins may call, and what they may say and see.
///
/// A page of the server's own origin needs none of this. Without a [`Cors`] no other page can read a response, nor even
/// send a request, since each needs a preflight.
///
/// ```
/// use grpc_sansio::web::{Config, Cors};
/// use std::time::Duration;
///
/// let cors = Cors::origins(["https://app.example"]).max_age(Duration::from_secs(600)).credentials(true);
/// let config = Config::default().cors(cors);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cors {
    origins: Origins,
    allow: Names,
    expose: Names,
    max_age: Option<Duration>,
    credentials: bool,
}

impl Cors {
    /// Pages of any origin.
    pub const fn any() -> Self {
        Self::of(Origins::Any)
    }

    /// Pages of these origins, each as a browser spells it: scheme, host in lower case, and the port unless it is the
    /// scheme's own, as `https://app.example` or `http://localhost:8080`.
    pub fn origins<S: Into<String>>(origins: impl IntoIterator<Item = S>) -> Self {
        Self::of(Origins::Listed(origins.into_iter().map(Into::into).collect()))
    }

    const fn of(origins: Origins) -> Self {
        Self { origins, allow: Names::Asked, expose: Names::Asked, max_age: None, credentials: false }
    }

    /// The request fields that a page may set. Whatever it asks for, unless set.
    #[must_use]
    pub fn allow_headers<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.allow = Names::Listed(names.into_iter().map(Into::into).collect());
        self
    }

    /// The response fields that a page may read besides `grpc-status`, `grpc-message` and `grpc-status-details-bin`. All
    /// that the response has, unless set.
    #[must_use]
    pub fn expose_headers<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.expose = Names::Listed(names.into_iter().map(Into::into).collect());
        self
    }

    /// How long a browser may remember a preflight, in whole seconds. Browsers have a rule of their own unless set, mostly
    /// 5 s.
    #[must_use]
    pub const fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// Whether requests may carry cookies and the like. Not, unless set. Think twice before allowing it to any origin.
    #[must_use]
    pub const fn credentials(mut self, allowed: bool) -> Self {
        self.credentials = allowed;
        self
    }

    fn allows(&self, origin: &[u8]) -> bool {
        match &self.origins {
            // What is echoed goes into a head of ours.
            _ if origin.is_empty() || origin.len() > LONGEST_ORIGIN || !origin.is_ascii() => false,
            Origins::Any => true,
            Origins::Listed(list) => list.iter().any(|one| one.as_bytes() == origin),
        }
    }

    /// What the answer to a page's request says, if it may read it. The origin is spelled out even where any is allowed:
    /// `*` would not do with credentials.
    pub(super) fn grant(&self, origin: &[u8]) -> Option<Grant> {
        self.allows(origin).then(|| Grant {
            origin: origin.to_owned(),
            credentials: self.credentials,
            expose: self.expose.clone(),
        })
    }

    /// The answer to a preflight.
    pub(super) fn preflight(&self, origin: &[u8], headers: Option<&[u8]>) -> Answer {
        let Some(grant) = self.grant(origin) else { return Answer::refusal(403, "CORS: this origin may not call") };
        let mut answer = Answer::empty(204);
        let fields = &mut answer.fields;
        grant.push_origin(fields);
        fields.push(Field::new(b"vary", b"origin, access-control-request-method, access-control-request-headers"));
        fields.push(Field::new(b"access-control-allow-methods", b"POST"));
        let listed = match &self.allow {
            Names::Asked => {
                headers.filter(|names| names.len() <= LONGEST_ECHO && names.is_ascii()).map(ToOwned::to_owned)
            }
            Names::Listed(names) => Some(names.join(", ").into_bytes()),
        };
        if let Some(names) = listed.filter(|names| !names.is_empty()) {
            fields.push(Field::new(b"access-control-allow-headers", &names));
        }
        if let Some(age) = self.max_age {
            let mut seconds = String::new();
            // Writing into a String cannot fail.
            let _ = write!(seconds, "{}", age.as_secs());
            fields.push(Field::new(b"access-control-max-age", seconds.as_bytes()));
        }
        answer
    }
}

/// What a page of another origin was granted.
#[derive(Clone, Debug)]
pub(super) struct Grant {
    origin: Vec<u8>,
    credentials: bool,
    expose: Names,
}

impl Grant {
    fn push_origin(&self, fields: &mut FieldBlock) {
        fields.push(Field::new(b"access-control-allow-origin", &self.origin));
        if self.credentials {
            fields.push(Field::new(b"access-control-allow-credentials", b"true"));
        }
    }

    /// Adds what lets the page read a response with these fields.
    pub(super) fn push(&self, fields: &mut FieldBlock) {
        let mut exposed: Vec<u8> = b"grpc-status, grpc-message, grpc-status-details-bin".to_vec();
        let mut expose = |name: &[u8]| {
            exposed.extend_from_slice(b", ");
            exposed.extend_from_slice(name);
        };
        match &self.expose {
            Names::Listed(names) => names.iter().for_each(|name| expose(name.as_bytes())),
            Names::Asked => fields
                .fields()
                .map(|field| field.name)
                .filter(|name| !name.starts_with(b":") && !name.starts_with(b"grpc-") && *name != b"content-type")
                .for_each(expose),
        }
        self.push_origin(fields);
        fields.push(Field::new(b"vary", b"origin"));
        fields.push(Field::new(b"access-control-expose-headers", &exposed));
    }
}
