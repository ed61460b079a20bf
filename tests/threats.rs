//! Every published attack, written frame by frame: what comes of it, what it costs, and who else notices. The rows are
//! those of `docs/threats.md`; `benches/src/under_attack.rs` runs the same over real sockets, for as long as one likes.
#![cfg(feature = "testing")]

#[path = "threats/api.rs"]
mod api;
#[path = "threats/attacks/mod.rs"]
mod attacks;
#[path = "threats/control.rs"]
mod control;
#[path = "threats/data.rs"]
mod data;
#[path = "threats/framing.rs"]
mod framing;
#[path = "threats/grpc.rs"]
mod grpc;
#[path = "threats/headers.rs"]
mod headers;
#[path = "threats/keepalive.rs"]
mod keepalive;
#[path = "threats/meter.rs"]
mod meter;
#[path = "conformance/named.rs"]
mod named;
#[path = "threats/page.rs"]
mod page;
#[path = "threats/streams.rs"]
mod streams;
#[path = "threats/talk.rs"]
mod talk;
#[cfg(feature = "web")]
#[path = "threats/web.rs"]
mod web;
