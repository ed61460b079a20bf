//! The event log: what is in it, that it replays, what a masked one hides, and what is said of a bad one.
#![cfg(all(feature = "event-log", feature = "testing"))]

#[path = "event_log/bad.rs"]
mod bad;
#[path = "event_log/copies.rs"]
mod copies;
#[path = "event_log/due.rs"]
mod due;
#[path = "event_log/kept.rs"]
mod kept;
#[path = "event_log/leaks.rs"]
mod leaks;
#[path = "event_log/masked.rs"]
mod masked;
#[path = "event_log/replay.rs"]
mod replay;
#[path = "event_log/talk.rs"]
mod talk;
#[path = "event_log/viewer.rs"]
mod viewer;
