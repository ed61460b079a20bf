//! Every published attack, written frame by frame: what comes of it, what it costs, and who else notices. The rows are
//! those of `docs/threats.md`.
//!
//! `THREATS=full cargo test --release --features testing --test threats` runs each with 64 times the input.
#![cfg(feature = "testing")]

#[path = "threats/attacks/mod.rs"]
mod attacks;
#[path = "threats/control.rs"]
mod control;
#[path = "threats/meter.rs"]
mod meter;
#[path = "threats/streams.rs"]
mod streams;
