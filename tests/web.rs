//! gRPC-Web in front of a server's connection, without a socket: what a browser, a proxy or an attacker says goes in, and what
//! comes out is read as a browser would.

#![cfg(feature = "web")]

#[path = "web/calls.rs"]
mod calls;
#[path = "web/cors.rs"]
mod cors;
#[path = "web/harness.rs"]
mod harness;
#[path = "web/hostile.rs"]
mod hostile;
#[path = "web/over_http2.rs"]
mod over_http2;
#[path = "web/pressure.rs"]
mod pressure;
#[path = "web/wire.rs"]
mod wire;
