//! The messages and method paths of `grpc.testing.TestService`, the service of the interop tests.
//!
//! Written by hand so that no protobuf compiler is needed. The definition is in `tests/peers/proto/grpc/testing`;
//! `tests/peers/tonic/tests/testservice.rs` compares every message here with the code generated from it.

// Included by several examples, none of which needs all of it.
#![allow(dead_code)]

use std::collections::HashMap;

pub(crate) mod flags;
#[cfg(feature = "event-log")]
pub(crate) mod record;

/// `EmptyCall`: [`Empty`] to [`Empty`].
pub(crate) const EMPTY_CALL: &str = "/grpc.testing.TestService/EmptyCall";
/// `UnaryCall`: [`SimpleRequest`] to [`SimpleResponse`].
pub(crate) const UNARY_CALL: &str = "/grpc.testing.TestService/UnaryCall";
/// `CacheableUnaryCall`: [`SimpleRequest`] to [`SimpleResponse`], with cache control headers in the response.
pub(crate) const CACHEABLE_UNARY_CALL: &str = "/grpc.testing.TestService/CacheableUnaryCall";
/// `StreamingOutputCall`: [`StreamingOutputCallRequest`] to a stream of [`StreamingOutputCallResponse`].
pub(crate) const STREAMING_OUTPUT_CALL: &str = "/grpc.testing.TestService/StreamingOutputCall";
/// `StreamingInputCall`: a stream of [`StreamingInputCallRequest`] to [`StreamingInputCallResponse`].
pub(crate) const STREAMING_INPUT_CALL: &str = "/grpc.testing.TestService/StreamingInputCall";
/// `FullDuplexCall`: a stream of [`StreamingOutputCallRequest`], each answered at once by a number of
/// [`StreamingOutputCallResponse`].
pub(crate) const FULL_DUPLEX_CALL: &str = "/grpc.testing.TestService/FullDuplexCall";
/// `HalfDuplexCall`: as `FullDuplexCall`, but answered after the last request.
pub(crate) const HALF_DUPLEX_CALL: &str = "/grpc.testing.TestService/HalfDuplexCall";
/// A method of the service that no server implements: [`Empty`] to [`Empty`].
pub(crate) const UNIMPLEMENTED_CALL: &str = "/grpc.testing.TestService/UnimplementedCall";
/// A method of a service that no server implements: [`Empty`] to [`Empty`].
pub(crate) const UNIMPLEMENTED_SERVICE_CALL: &str = "/grpc.testing.UnimplementedService/UnimplementedCall";

/// Request metadata that the server sends back as initial metadata.
pub(crate) const ECHO_INITIAL: &str = "x-grpc-test-echo-initial";
/// Binary request metadata that the server sends back as trailing metadata.
pub(crate) const ECHO_TRAILING: &str = "x-grpc-test-echo-trailing-bin";

/// No content.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct Empty {}

/// A bool that can be absent.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct BoolValue {
    /// The value.
    #[prost(bool, tag = "1")]
    pub(crate) value: bool,
}

/// The kind of payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum PayloadType {
    /// Text that compresses; the cases use zeros.
    Compressable = 0,
}

/// A block of data, there for its size.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Payload {
    /// The kind of data in `body`.
    #[prost(enumeration = "PayloadType", tag = "1")]
    pub(crate) r#type: i32,
    /// The data.
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) body: Vec<u8>,
}

impl Payload {
    /// `size` zeros.
    pub(crate) fn zeros(size: usize) -> Self {
        Self { body: vec![0; size], ..Self::default() }
    }
}

/// The status a client wants to get.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct EchoStatus {
    /// The gRPC status code.
    #[prost(int32, tag = "1")]
    pub(crate) code: i32,
    /// The status message.
    #[prost(string, tag = "2")]
    pub(crate) message: String,
}

/// The way a call took to its server, where a gRPCLB load balancer is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum GrpclbRouteType {
    /// The server does not know.
    Unknown = 0,
    /// By the fallback path.
    Fallback = 1,
    /// To an address that the balancer gave.
    Backend = 2,
}

/// A request for one response.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SimpleRequest {
    /// The kind of payload wanted.
    #[prost(enumeration = "PayloadType", tag = "1")]
    pub(crate) response_type: i32,
    /// The payload size wanted.
    #[prost(int32, tag = "2")]
    pub(crate) response_size: i32,
    /// Data that makes the request larger.
    #[prost(message, optional, tag = "3")]
    pub(crate) payload: Option<Payload>,
    /// Whether the response is to have the user name.
    #[prost(bool, tag = "4")]
    pub(crate) fill_username: bool,
    /// Whether the response is to have the OAuth scope.
    #[prost(bool, tag = "5")]
    pub(crate) fill_oauth_scope: bool,
    /// Whether the response is to be compressed; absent if the client cannot tell.
    #[prost(message, optional, tag = "6")]
    pub(crate) response_compressed: Option<BoolValue>,
    /// The status wanted instead of a response.
    #[prost(message, optional, tag = "7")]
    pub(crate) response_status: Option<EchoStatus>,
    /// Whether the server is to insist on this request being compressed, or on its not being so.
    #[prost(message, optional, tag = "8")]
    pub(crate) expect_compressed: Option<BoolValue>,
    /// Whether the response is to have the server id.
    #[prost(bool, tag = "9")]
    pub(crate) fill_server_id: bool,
    /// Whether the response is to have the route type.
    #[prost(bool, tag = "10")]
    pub(crate) fill_grpclb_route_type: bool,
    /// The load report wanted for this call.
    #[prost(message, optional, tag = "11")]
    pub(crate) orca_per_query_report: Option<TestOrcaReport>,
}

/// The response to a [`SimpleRequest`].
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SimpleResponse {
    /// Data of the size asked for.
    #[prost(message, optional, tag = "1")]
    pub(crate) payload: Option<Payload>,
    /// The user who sent the request.
    #[prost(string, tag = "2")]
    pub(crate) username: String,
    /// The OAuth scope.
    #[prost(string, tag = "3")]
    pub(crate) oauth_scope: String,
    /// The server's id: the same in all of its responses, and no other server's.
    #[prost(string, tag = "4")]
    pub(crate) server_id: String,
    /// The way the call took.
    #[prost(enumeration = "GrpclbRouteType", tag = "5")]
    pub(crate) grpclb_route_type: i32,
    /// The server's host name.
    #[prost(string, tag = "6")]
    pub(crate) hostname: String,
}

/// One of the requests of a client stream.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct StreamingInputCallRequest {
    /// Data whose size the server adds up.
    #[prost(message, optional, tag = "1")]
    pub(crate) payload: Option<Payload>,
    /// Whether the server is to insist on this request being compressed, or on its not being so.
    #[prost(message, optional, tag = "2")]
    pub(crate) expect_compressed: Option<BoolValue>,
}

/// The response to a client stream.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct StreamingInputCallResponse {
    /// The sum of the payload sizes.
    #[prost(int32, tag = "1")]
    pub(crate) aggregated_payload_size: i32,
}

/// What one response of a stream is to be.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct ResponseParameters {
    /// The payload size wanted.
    #[prost(int32, tag = "1")]
    pub(crate) size: i32,
    /// The pause before this response, in microseconds.
    #[prost(int32, tag = "2")]
    pub(crate) interval_us: i32,
    /// Whether the response is to be compressed; absent if the client cannot tell.
    #[prost(message, optional, tag = "3")]
    pub(crate) compressed: Option<BoolValue>,
    /// Whether the response is to have the client's socket address.
    #[prost(message, optional, tag = "4")]
    pub(crate) fill_peer_socket_address: Option<BoolValue>,
}

/// A request for a number of responses.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct StreamingOutputCallRequest {
    /// The kind of payload wanted.
    #[prost(enumeration = "PayloadType", tag = "1")]
    pub(crate) response_type: i32,
    /// The responses wanted, in order.
    #[prost(message, repeated, tag = "2")]
    pub(crate) response_parameters: Vec<ResponseParameters>,
    /// Data that makes the request larger.
    #[prost(message, optional, tag = "3")]
    pub(crate) payload: Option<Payload>,
    /// The status wanted after the responses.
    #[prost(message, optional, tag = "7")]
    pub(crate) response_status: Option<EchoStatus>,
    /// The load report wanted from the server's out-of-band service.
    #[prost(message, optional, tag = "8")]
    pub(crate) orca_oob_report: Option<TestOrcaReport>,
}

/// One of the responses of a stream.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct StreamingOutputCallResponse {
    /// Data of the size asked for.
    #[prost(message, optional, tag = "1")]
    pub(crate) payload: Option<Payload>,
    /// The client's socket address, if asked for.
    #[prost(string, tag = "2")]
    pub(crate) peer_socket_address: String,
}

/// A load report, as a client wants to get it back.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct TestOrcaReport {
    /// CPU use.
    #[prost(double, tag = "1")]
    pub(crate) cpu_utilization: f64,
    /// Memory use.
    #[prost(double, tag = "2")]
    pub(crate) memory_utilization: f64,
    /// Costs of the request, by name.
    #[prost(map = "string, double", tag = "3")]
    pub(crate) request_cost: HashMap<String, f64>,
    /// Use of other resources, by name.
    #[prost(map = "string, double", tag = "4")]
    pub(crate) utilization: HashMap<String, f64>,
}
