//! What all servers do: send the request's message back.

use grpc_sansio::grpc::{Kind, Method};

pub const PATH: &str = "/helloworld.Greeter/SayHello";
pub static SAY_HELLO: Method = Method::from_static(PATH, Kind::Unary);
