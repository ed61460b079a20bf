//! The messages of `grpc/reflection/v1/reflection.proto`; those of `v1alpha` have the same octets. And as much of
//! `google/protobuf/descriptor.proto` as names things.

use alloc::string::String;
use alloc::vec::Vec;
use bytes::Bytes;

/// What a client asks.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct ServerReflectionRequest {
    /// The host that it means; echoed.
    #[prost(string, tag = "1")]
    pub host: String,
    /// The question.
    #[prost(oneof = "MessageRequest", tags = "3, 4, 5, 6, 7")]
    pub message_request: Option<MessageRequest>,
}

/// The question of a [`ServerReflectionRequest`].
#[derive(Clone, PartialEq, Eq, Hash, prost::Oneof)]
pub enum MessageRequest {
    /// The file of this name.
    #[prost(string, tag = "3")]
    FileByFilename(String),
    /// The file that declares this name, fully qualified, without a leading dot.
    #[prost(string, tag = "4")]
    FileContainingSymbol(String),
    /// The file that declares this extension.
    #[prost(message, tag = "5")]
    FileContainingExtension(ExtensionRequest),
    /// The numbers of all known extensions of this message.
    #[prost(string, tag = "6")]
    AllExtensionNumbersOfType(String),
    /// The services; the text does not matter.
    #[prost(string, tag = "7")]
    ListServices(String),
}

/// Names an extension.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct ExtensionRequest {
    /// The message that is extended.
    #[prost(string, tag = "1")]
    pub containing_type: String,
    /// The field's number.
    #[prost(int32, tag = "2")]
    pub extension_number: i32,
}

/// What the server answers.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct ServerReflectionResponse {
    /// The request's host.
    #[prost(string, tag = "1")]
    pub valid_host: String,
    /// The request.
    #[prost(message, optional, tag = "2")]
    pub original_request: Option<ServerReflectionRequest>,
    /// The answer.
    #[prost(oneof = "MessageResponse", tags = "4, 5, 6, 7")]
    pub message_response: Option<MessageResponse>,
}

/// The answer of a [`ServerReflectionResponse`].
#[derive(Clone, PartialEq, Eq, Hash, prost::Oneof)]
pub enum MessageResponse {
    /// A file with its imports.
    #[prost(message, tag = "4")]
    FileDescriptorResponse(FileDescriptorResponse),
    /// Numbers of extensions.
    #[prost(message, tag = "5")]
    AllExtensionNumbersResponse(ExtensionNumberResponse),
    /// The services.
    #[prost(message, tag = "6")]
    ListServicesResponse(ListServiceResponse),
    /// There is no such thing.
    #[prost(message, tag = "7")]
    ErrorResponse(ErrorResponse),
}

/// Files, as encoded `google.protobuf.FileDescriptorProto`.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct FileDescriptorResponse {
    /// The file that was asked for, then its imports.
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub file_descriptor_proto: Vec<Bytes>,
}

/// The extensions of a message.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct ExtensionNumberResponse {
    /// The message.
    #[prost(string, tag = "1")]
    pub base_type_name: String,
    /// Their numbers, in order.
    #[prost(int32, repeated, tag = "2")]
    pub extension_number: Vec<i32>,
}

/// The services of the server.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct ListServiceResponse {
    /// One for each.
    #[prost(message, repeated, tag = "1")]
    pub service: Vec<ServiceResponse>,
}

/// One service.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct ServiceResponse {
    /// Its full name.
    #[prost(string, tag = "1")]
    pub name: String,
}

/// Why there is no answer.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct ErrorResponse {
    /// A status code of gRPC.
    #[prost(int32, tag = "1")]
    pub error_code: i32,
    /// What is missing.
    #[prost(string, tag = "2")]
    pub error_message: String,
}

/// `google.protobuf.FileDescriptorSet`, with its files as octets: they are handed on as they are.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct FileSet {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub(super) file: Vec<Bytes>,
}

/// `google.protobuf.FileDescriptorProto`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct File {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(string, tag = "2")]
    pub(super) package: String,
    #[prost(string, repeated, tag = "3")]
    pub(super) dependency: Vec<String>,
    #[prost(message, repeated, tag = "4")]
    pub(super) message_type: Vec<Descriptor>,
    #[prost(message, repeated, tag = "5")]
    pub(super) enum_type: Vec<EnumDescriptor>,
    #[prost(message, repeated, tag = "6")]
    pub(super) service: Vec<ServiceDescriptor>,
    #[prost(message, repeated, tag = "7")]
    pub(super) extension: Vec<Field>,
}

/// `google.protobuf.DescriptorProto`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Descriptor {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(message, repeated, tag = "2")]
    pub(super) field: Vec<Field>,
    #[prost(message, repeated, tag = "3")]
    pub(super) nested_type: Vec<Descriptor>,
    #[prost(message, repeated, tag = "4")]
    pub(super) enum_type: Vec<EnumDescriptor>,
    #[prost(message, repeated, tag = "6")]
    pub(super) extension: Vec<Field>,
    #[prost(message, repeated, tag = "8")]
    pub(super) oneof_decl: Vec<Named>,
}

/// `google.protobuf.FieldDescriptorProto`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Field {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(string, tag = "2")]
    pub(super) extendee: String,
    #[prost(int32, tag = "3")]
    pub(super) number: i32,
}

/// `google.protobuf.EnumDescriptorProto`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct EnumDescriptor {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(message, repeated, tag = "2")]
    pub(super) value: Vec<Named>,
}

/// `google.protobuf.ServiceDescriptorProto`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ServiceDescriptor {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(message, repeated, tag = "2")]
    pub(super) method: Vec<Named>,
}

/// Anything else of which only the name matters.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Named {
    #[prost(string, tag = "1")]
    pub(super) name: String,
}
