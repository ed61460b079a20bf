//! What this library calls itself in `user-agent` (G-010).

use alloc::string::String;

/// The name of this library and its version.
pub const USER_AGENT: &str = concat!("grpc-rust-sansio/", env!("CARGO_PKG_VERSION"));

/// The prefix of an application cannot be sent: it has an octet that is not visible ASCII or space, or a space at an
/// edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("a user-agent prefix is visible ASCII without a space at its edges")]
pub struct InvalidUserAgent;

/// The value of `user-agent`, with the application's own name before the library's (G-010).
///
/// An empty prefix is none. Made once per configuration.
///
/// # Errors
///
/// [`InvalidUserAgent`] where the prefix cannot be sent.
///
/// ```
/// use grpc_sansio::grpc::user_agent::{USER_AGENT, with_prefix};
///
/// assert_eq!(with_prefix("shop/2.1").unwrap(), format!("shop/2.1 {USER_AGENT}"));
/// assert!(with_prefix("shop\n").is_err());
/// ```
pub fn with_prefix(prefix: &str) -> Result<String, InvalidUserAgent> {
    let sendable = prefix.bytes().all(|octet| matches!(octet, 0x20..=0x7e)) && prefix.trim_matches(' ') == prefix;
    match prefix {
        _ if !sendable => Err(InvalidUserAgent),
        "" => Ok(String::from(USER_AGENT)),
        _ => Ok(alloc::format!("{prefix} {USER_AGENT}")),
    }
}
