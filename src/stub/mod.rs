//! What generated code stands on: codecs, and calls with typed messages over each adapter.
//!
//! [`codegen`](https://docs.rs/grpc-sansio/latest/grpc_sansio/codegen) makes, for each service of a `.proto` file, a module
//! with its methods, its client and its server. They are thin: what they do is done here.
//!
//! | over | client | server |
//! |---|---|---|
//! | the pure [`Connection`](crate::Connection) | [`Opening`], [`CallHandle`] | [`CallHandle`] |
//! | [`adapter::tokio`](crate::adapter::tokio) | [`tokio::Stub`] | [`tokio::Service`] |
//! | [`adapter::mio`](crate::adapter::mio), in its loop | | [`mio::Service`] |
//! | [`adapter::mio`](crate::adapter::mio), with methods that block | [`blocking::Stub`] | [`blocking::Service`] |
//!
//! A [`Codec`] turns messages into octets. Generated code takes any, [`Prost`] unless told otherwise.

mod call;
mod codec;
#[cfg(feature = "prost")]
mod prost;

#[cfg(feature = "mio")]
#[cfg_attr(docsrs, doc(cfg(feature = "mio")))]
pub mod blocking;
#[cfg(feature = "mio")]
#[cfg_attr(docsrs, doc(cfg(feature = "mio")))]
pub mod mio;
#[cfg(feature = "tokio")]
#[cfg_attr(docsrs, doc(cfg(feature = "tokio")))]
pub mod tokio;

pub use call::{CallHandle, ClientCall, Item, Opening, SendTypedError, ServerCall, Sided, TypedCall};
pub use codec::{Codec, CodecError, Encoded, Raw};
#[cfg(feature = "prost")]
#[cfg_attr(docsrs, doc(cfg(feature = "prost")))]
pub use prost::Prost;

/// Includes what `codegen` made of all files: a module for each package.
///
/// ```ignore
/// pub mod proto {
///     grpc_sansio::include_protos!();
/// }
/// use proto::helloworld::HelloRequest;
/// ```
#[macro_export]
macro_rules! include_protos {
    () => {
        include!(concat!(env!("OUT_DIR"), "/protos.rs"));
    };
}

/// The `google.protobuf.FileDescriptorSet` of all files that `codegen` was given, imports included, as octets: what
/// reflection answers from.
#[macro_export]
macro_rules! include_descriptor_set {
    () => {
        include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"))
    };
}
