//! Liveness and data loss: the L rows, a property or a table each, named after their numbers. `docs/liveness.md` has a
//! verdict for each row, and names the tests that are elsewhere.
#![cfg(feature = "testing")]

#[path = "conformance/named.rs"]
mod named;
#[path = "calls/raw.rs"]
mod raw;

#[path = "liveness/busy.rs"]
mod busy;
#[path = "liveness/keepalive.rs"]
mod keepalive;
#[path = "liveness/long.rs"]
mod long;
#[path = "liveness/page.rs"]
mod page;
#[path = "liveness/responses.rs"]
mod responses;
#[path = "liveness/settings.rs"]
mod settings;
#[path = "liveness/states.rs"]
mod states;
#[path = "liveness/traffic.rs"]
mod traffic;
#[path = "liveness/whole.rs"]
mod whole;
#[path = "liveness/windows.rs"]
mod windows;

use proptest::prelude::ProptestConfig;

/// So many cases, or as many as `PROPTEST_CASES` says.
pub(crate) fn cases(cases: u32) -> ProptestConfig {
    let wanted = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig { cases: wanted.unwrap_or(cases), failure_persistence: None, ..ProptestConfig::default() }
}
