//! `grpc.reflection.v1` and `v1alpha`: what a server serves, told from the descriptors of its `.proto` files (G-304 to
//! G-311). grpcurl and its like need nothing else to list, describe and call.
//!
//! ```
//! use grpc_sansio::services::reflection::Reflection;
//!
//! // What protoc, protox or prost-build write: a FileDescriptorSet with all imports.
//! # let file = b"\x0a\x0ca/shop.proto\x12\x01a\x32\x06\x0a\x04Shop";
//! # let set = [&[0x0a, file.len() as u8][..], file].concat();
//! let reflection = Reflection::new().with(&set)?;
//! let services: Vec<_> = reflection.services().collect();
//! assert_eq!(services, ["a.Shop", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"]);
//!
//! // One stream of calls: each request message has its answer.
//! let mut stream = reflection.stream();
//! let list_services = b"\x3a\x01*";
//! let answer = stream.answer(list_services).unwrap();
//! assert!(answer.windows(6).any(|name| name == b"a.Shop"));
//! # Ok::<(), grpc_sansio::services::reflection::DescriptorError>(())
//! ```

mod index;
mod messages;

pub use index::DescriptorError;
pub use messages::{
    ErrorResponse, ExtensionNumberResponse, ExtensionRequest, FileDescriptorResponse, ListServiceResponse,
    MessageRequest, MessageResponse, ServerReflectionRequest, ServerReflectionResponse, ServiceResponse,
};

use super::request;
use crate::grpc::{Code, Kind, Method, Status};
use alloc::borrow::ToOwned;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Bytes;
use index::Index;
use prost::Message as _;

/// Both versions have the same messages, and clients ask the older one where there is no newer one.
pub const SERVICES: [&str; 2] = ["grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"];

/// The one method, in both versions.
pub const METHODS: [Method; 2] = [
    Method::from_static("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", Kind::BidiStreaming),
    Method::from_static("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", Kind::BidiStreaming),
];

/// The descriptors of `grpc/reflection/v1/reflection.proto` and `grpc/reflection/v1alpha/reflection.proto`.
const OWN: &[u8] = include_bytes!("descriptors.bin");

/// What a server tells about itself. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Reflection {
    index: Arc<Index>,
}

impl Reflection {
    /// Only reflection itself.
    pub fn new() -> Self {
        let mut index = Index::default();
        // A test reads it.
        let _ = index.add(OWN);
        Self { index: Arc::new(index) }
    }

    /// With the files of an encoded `google.protobuf.FileDescriptorSet`, imports included. Their services are listed.
    ///
    /// # Errors
    ///
    /// [`DescriptorError`] for a set that cannot be read, that lacks an import, or that contradicts another.
    pub fn with(mut self, file_descriptor_set: &[u8]) -> Result<Self, DescriptorError> {
        Arc::make_mut(&mut self.index).add(file_descriptor_set)?;
        Ok(self)
    }

    /// With `grpc.health.v1.Health`.
    #[cfg(feature = "health")]
    pub fn with_health(mut self) -> Self {
        // The same test reads it; a set that has it already has the same file.
        let _ = Arc::make_mut(&mut self.index).add(HEALTH);
        self
    }

    /// With `google.rpc.Status` and the standard details, so that clients can show those of a call that failed.
    #[cfg(feature = "details")]
    pub fn with_details(mut self) -> Self {
        let _ = Arc::make_mut(&mut self.index).add(DETAILS);
        self
    }

    /// Lists this service no more, such as one whose file is there and that this server does not serve. What is asked of it
    /// by name is still answered.
    pub fn without(mut self, service: &str) -> Self {
        Arc::make_mut(&mut self.index).services.remove(service);
        self
    }

    /// The services that are listed, in order.
    pub fn services(&self) -> impl Iterator<Item = &str> {
        self.index.services.iter().map(String::as_str)
    }

    /// The machine of one call.
    pub fn stream(&self) -> ReflectionStream {
        ReflectionStream { index: Arc::clone(&self.index), sent: BTreeSet::new() }
    }
}

/// The descriptor of `grpc/health/v1/health.proto`.
#[cfg(feature = "health")]
const HEALTH: &[u8] = include_bytes!("../health.bin");

/// The descriptors of `google/rpc/status.proto` and `google/rpc/error_details.proto`, with what they import.
#[cfg(feature = "details")]
const DETAILS: &[u8] = include_bytes!("../details/descriptors.bin");

impl Default for Reflection {
    fn default() -> Self {
        Self::new()
    }
}

/// One call of either version's method: one answer for each request, in order (G-307).
#[derive(Clone, Debug)]
pub struct ReflectionStream {
    index: Arc<Index>,
    /// Files that this client has; they are not sent again as imports (G-308).
    sent: BTreeSet<usize>,
}

impl ReflectionStream {
    /// The answer to a request message. What is not there is said in the answer, and the call goes on (G-309).
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT for a request that asks for nothing, INTERNAL for one that is none: the call ends with it.
    pub fn answer(&mut self, message: &[u8]) -> Result<Bytes, Status> {
        let asked: ServerReflectionRequest = request(message)?;
        let answer = match &asked.message_request {
            None => return Err(Status::new(Code::InvalidArgument, "the request asks for nothing")),
            Some(MessageRequest::FileByFilename(name)) => self.file(self.index.file(name), || format!("file {name:?}")),
            Some(MessageRequest::FileContainingSymbol(name)) => {
                self.file(self.index.symbol(name), || format!("symbol {name:?}"))
            }
            Some(MessageRequest::FileContainingExtension(ExtensionRequest { containing_type, extension_number })) => {
                let file = self.index.extension(containing_type, *extension_number);
                self.file(file, || format!("extension {extension_number} of {containing_type:?}"))
            }
            Some(MessageRequest::AllExtensionNumbersOfType(name)) => match self.index.extension_numbers(name) {
                Some(extension_number) => MessageResponse::AllExtensionNumbersResponse(ExtensionNumberResponse {
                    base_type_name: name.clone(),
                    extension_number,
                }),
                None => not_found(&format!("message {name:?}")),
            },
            Some(MessageRequest::ListServices(_)) => {
                let service = |name: &String| ServiceResponse { name: name.clone() };
                let service = self.index.services.iter().map(service).collect();
                MessageResponse::ListServicesResponse(ListServiceResponse { service })
            }
        };
        let response = ServerReflectionResponse {
            valid_host: asked.host.clone(),
            original_request: Some(asked),
            message_response: Some(answer),
        };
        Ok(response.encode_to_vec().into())
    }

    /// A file, first, and those of its imports, theirs included, that this client does not have.
    fn file(&mut self, file: Option<usize>, what: impl FnOnce() -> String) -> MessageResponse {
        let Some(asked) = file else { return not_found(&what()) };
        let mut files = Vec::from([asked]);
        self.sent.insert(asked);
        let mut at = 0;
        while let Some(&file) = files.get(at) {
            files.extend(self.index.imports(file).iter().filter(|import| self.sent.insert(**import)));
            at = at.saturating_add(1);
        }
        let file_descriptor_proto = files.into_iter().map(|file| self.index.octets(file)).collect();
        MessageResponse::FileDescriptorResponse(FileDescriptorResponse { file_descriptor_proto })
    }
}

fn not_found(what: &str) -> MessageResponse {
    MessageResponse::ErrorResponse(ErrorResponse {
        error_code: Code::NotFound.as_u8().into(),
        error_message: format!("there is no {}", what.to_owned()),
    })
}
