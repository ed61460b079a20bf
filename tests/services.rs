//! The standard services as pure machines.
#![cfg(all(feature = "health", feature = "reflection", feature = "details"))]

#[path = "services/details.rs"]
mod details;
#[path = "services/health.rs"]
mod health;
#[path = "services/reflection.rs"]
mod reflection;
