//! The services that everybody expects of a gRPC server, and the error details that go with them, as pure machines: octets
//! of a message in, octets of messages out. The adapters mount them; any other driver can.
//!
//! | feature | brings |
//! |---|---|
//! | `health` | [`health`]: `grpc.health.v1.Health`, what load balancers and Kubernetes ask |
//! | `reflection` | [`reflection`]: `grpc.reflection.v1` and `v1alpha`, what grpcurl asks |
//! | `details` | [`details`]: `google.rpc.Status` and its standard details, in `grpc-status-details-bin` |

#[cfg(feature = "details")]
#[cfg_attr(docsrs, doc(cfg(feature = "details")))]
pub mod details;
#[cfg(feature = "health")]
#[cfg_attr(docsrs, doc(cfg(feature = "health")))]
pub mod health;
#[cfg(feature = "reflection")]
#[cfg_attr(docsrs, doc(cfg(feature = "reflection")))]
pub mod reflection;

#[cfg(any(feature = "health", feature = "reflection"))]
use crate::grpc::{Code, Layer, Retry, Side, Status};

/// A request message, or the status that its call ends with (G-083).
#[cfg(any(feature = "health", feature = "reflection"))]
fn request<M: prost::Message + Default>(octets: &[u8]) -> Result<M, Status> {
    M::decode(octets)
        .map_err(|error| Status::explained(Side::Server, Layer::Message, Code::Internal, Retry::Useless, error))
}
