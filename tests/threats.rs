//! Every published attack, written frame by frame: what comes of it, what it costs, and who else notices. The rows are
//! those of `docs/threats.md`.
//!
//! `THREATS=full cargo test --release --features testing --test threats` runs each with 64 times the input.
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
#[path = "threats/meter.rs"]
mod meter;
#[path = "threats/streams.rs"]
mod streams;
#[path = "threats/talk.rs"]
mod talk;
