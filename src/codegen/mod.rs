//! From `.proto` files to typed stubs, in `build.rs`.
//!
//! No `protoc` is needed: `protox` reads the files, `prost-build` makes the messages. For each service `Greeter` there is
//! a module `greeter_rpc` beside the messages of its package:
//!
//! | in it | is |
//! |---|---|
//! | `NAME`, `SAY_HELLO`, `METHODS` | the service's full name, a [`Method`](crate::grpc::Method) for each method, all of them |
//! | `pure` | typed calls over the pure [`Connection`](crate::Connection), for a runtime of your own |
//! | `tokio` | `GreeterClient`; the trait `Greeter` and `router`: for [`Config::tokio`] |
//! | `mio` | the trait `Greeter` and `add_to`, for an event loop: for [`Config::mio`] |
//! | `blocking` | `GreeterClient`, the trait `Greeter` and `add_to`, with threads: for [`Config::blocking`] |
//!
//! ```no_run
//! // build.rs, with grpc-sansio = { version = "0.1", features = ["codegen"] } in [build-dependencies]
//! fn main() -> Result<(), grpc_sansio::codegen::Error> {
//!     grpc_sansio::codegen::Config::new().tokio().compile(&["proto/greeter.proto"], &["proto"])
//! }
//! ```
//!
//! In the crate, with the features `prost` and `tokio`:
//!
//! ```ignore
//! mod proto {
//!     grpc_sansio::include_protos!();
//! }
//! use proto::helloworld::{HelloReply, HelloRequest, greeter_rpc::tokio::GreeterClient};
//! ```

mod comments;
mod config;
mod emit;
mod error;
mod generate;
mod names;
mod service;

pub use config::Config;
pub use error::Error;
pub use generate::Generated;
pub use prost_build;
