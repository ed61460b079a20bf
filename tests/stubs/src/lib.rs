//! Generated stubs, under lints as strict as a user's may be.

pub mod guide;

/// The files as they are: messages by prost.
pub mod proto {
    grpc_sansio::include_protos!();
}

/// The same service with JSON for a codec.
pub mod json {
    include!(concat!(env!("OUT_DIR"), "/json/protos.rs"));
}

/// The same service with messages that are octets.
pub mod raw {
    include!(concat!(env!("OUT_DIR"), "/raw/protos.rs"));
}

/// What reflection would answer from.
pub static DESCRIPTORS: &[u8] = grpc_sansio::include_descriptor_set!();

/// A codec that is not the crate's.
#[derive(Clone, Copy, Debug, Default)]
pub struct Json;

impl<T: serde::Serialize + serde::de::DeserializeOwned> grpc_sansio::stub::Codec<T> for Json {
    fn content_subtype(&self) -> Option<&'static str> {
        Some("json")
    }

    fn encode(&self, message: &T, buffer: &mut Vec<u8>) -> Result<(), grpc_sansio::stub::CodecError> {
        serde_json::to_writer(buffer, message).map_err(grpc_sansio::stub::CodecError::new)
    }

    fn decode(&self, octets: grpc_sansio::stub::Encoded<'_>) -> Result<T, grpc_sansio::stub::CodecError> {
        serde_json::from_slice(&octets).map_err(grpc_sansio::stub::CodecError::new)
    }
}
