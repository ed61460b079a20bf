//! A unary gRPC client over the `h2` crate: of `grpc-sansio` only the module `grpc`, the wire format, takes part.
//!
//! `over_h2 --server_port P --test_case C` runs one of the unary interop cases; it exits 0, or prints why not and exits 1.

#[path = "../../../../examples/testservice/mod.rs"]
mod testservice;

use bytes::Bytes;
use grpc_sansio::grpc::http::{fields, parse_response, request_parts};
use grpc_sansio::grpc::message::{DEFAULT_LIMIT, encode_message};
use grpc_sansio::grpc::timeout::{self, Precision};
use grpc_sansio::grpc::{
    Code, Message, MessageReader, Metadata, Path, RequestHead, Side, Status, TrailersParts, outcome, user_agent,
};
use h2::client::SendRequest;
use prost::Message as _;
use std::fmt::Debug;
use std::process::ExitCode;
use std::time::Duration;
use testservice::flags::Flags;
use testservice::{
    ECHO_INITIAL, ECHO_TRAILING, EMPTY_CALL, EchoStatus, Empty, Payload, SimpleRequest, SimpleResponse, UNARY_CALL,
    UNIMPLEMENTED_CALL, UNIMPLEMENTED_SERVICE_CALL,
};
use tokio::net::TcpStream;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

const PATIENCE: Duration = Duration::from_secs(20);

/// A connection to one server.
struct Client {
    h2: SendRequest<Bytes>,
    authority: String,
}

/// How a call ended.
struct Ended {
    status: Status,
    message: Option<Message>,
    initial: Metadata,
    trailing: Metadata,
}

impl From<Status> for Ended {
    fn from(status: Status) -> Self {
        Self { status, message: None, initial: Metadata::new(), trailing: Metadata::new() }
    }
}

impl Client {
    async fn connect(host: &str, port: u16) -> Result<Self> {
        let stream = TcpStream::connect((host, port)).await?;
        stream.set_nodelay(true)?;
        let (h2, connection) = h2::client::handshake(stream).await?;
        tokio::spawn(connection);
        Ok(Self { h2, authority: format!("{host}:{port}") })
    }

    async fn unary(&self, path: &str, message: &impl prost::Message, metadata: &Metadata) -> Result<Ended> {
        let mut head = RequestHead::new(Path::parse(path.as_bytes())?);
        head.authority = Some(&self.authority);
        head.timeout = Some(timeout::encode(PATIENCE, Precision::default()));
        head.user_agent = Some(user_agent::USER_AGENT);
        head.metadata = metadata;
        let request = http::Request::from_parts(request_parts(&head)?, ());
        let mut body = Vec::new();
        encode_message(&message.encode_to_vec(), false, &mut body)?;

        let (response, mut sender) = self.h2.clone().ready().await?.send_request(request, false)?;
        // The one message may be queued whole: h2 sends it as the windows allow.
        sender.send_data(body.into(), true)?;
        let (parts, mut body) = match response.await {
            Ok(response) => response.into_parts(),
            Err(error) => return Ok(reset(&error)?.into()),
        };
        let head = match parse_response(&parts) {
            Ok(head) => head.summary(),
            Err(status) => return Ok(status.into()),
        };
        let content_type = parts.headers.get("content-type").map(|value| value.as_bytes());
        if body.is_end_stream() {
            let trailers = TrailersParts::parse(fields(&parts.headers));
            let mut ended = Ended::from(outcome::from_trailers_only(head, content_type, &trailers));
            ended.trailing = Metadata::from_received(fields(&parts.headers));
            return Ok(ended);
        }
        if !head.is_grpc {
            let start = body.data().await.transpose()?.unwrap_or_default();
            return Ok(outcome::not_grpc(head.http_status, content_type, &start).into());
        }

        let (mut reader, mut messages) = (MessageReader::new(Some(DEFAULT_LIMIT)), Vec::new());
        while let Some(data) = body.data().await {
            let mut data = match data {
                Ok(data) => data,
                Err(error) => return Ok(reset(&error)?.into()),
            };
            body.flow_control().release_capacity(data.len())?;
            loop {
                match reader.read(&mut data) {
                    Ok(Some(message)) => messages.push(message),
                    Ok(None) => break,
                    Err(error) => return Ok(error.status(Side::Client).into()),
                }
            }
        }
        let trailers = body.trailers().await?;
        let mut status = match &trailers {
            Some(trailers) => outcome::from_trailers(head, &TrailersParts::parse(fields(trailers))),
            None => outcome::from_data_end(head),
        };
        if status.is_ok() {
            if let Err(error) = reader.finish() {
                status = error.status(Side::Client);
            }
            equal("messages of a unary response", messages.len(), 1)?;
        }
        Ok(Ended {
            status,
            message: messages.pop(),
            initial: Metadata::from_received(fields(&parts.headers)),
            trailing: trailers.map_or_else(Metadata::new, |trailers| Metadata::from_received(fields(&trailers))),
        })
    }
}

/// What RST_STREAM means; another error of h2 is no outcome of the call.
fn reset(error: &h2::Error) -> Result<Status> {
    match error.reason() {
        Some(reason) if error.is_reset() => Ok(outcome::from_reset(None, reason.into())),
        _ => Err(format!("the connection failed: {error}").into()),
    }
}

fn equal<T: PartialEq + Debug>(what: &str, got: T, want: T) -> Result {
    if got == want { Ok(()) } else { Err(format!("{what}: got {got:.200?}, want {want:.200?}").into()) }
}

fn large_request() -> SimpleRequest {
    SimpleRequest { response_size: 314_159, payload: Some(Payload::zeros(271_828)), ..Default::default() }
}

fn check_large(ended: &Ended) -> Result {
    equal("status", ended.status.code(), Code::Ok)?;
    let message = ended.message.as_ref().ok_or("no message")?;
    let payload = SimpleResponse::decode(&message.data[..])?.payload.ok_or("no payload")?;
    equal("payload", payload.body, vec![0; 314_159])
}

async fn run(client: &Client, case: &str) -> Result {
    let none = Metadata::new();
    match case {
        "empty_unary" => {
            let ended = client.unary(EMPTY_CALL, &Empty {}, &none).await?;
            equal("status", ended.status.code(), Code::Ok)?;
            equal("octets", ended.message.map(|message| message.data.len()), Some(0))
        }
        "large_unary" => check_large(&client.unary(UNARY_CALL, &large_request(), &none).await?),
        "custom_metadata" => {
            let mut metadata = Metadata::new();
            metadata.append(ECHO_INITIAL, "test_initial_metadata_value")?;
            metadata.append_bin(ECHO_TRAILING, b"\xab\xab\xab")?;
            let ended = client.unary(UNARY_CALL, &large_request(), &metadata).await?;
            check_large(&ended)?;
            equal("initial metadata", ended.initial.get(ECHO_INITIAL), Some("test_initial_metadata_value"))?;
            equal("trailing metadata", ended.trailing.get_bin(ECHO_TRAILING), Some(Ok(b"\xab\xab\xab".to_vec())))
        }
        "status_code_and_message" => status(client, "test status message").await,
        "special_status_message" => {
            status(client, "\t\ntest with whitespace\r\nand Unicode BMP \u{263a} and non-BMP \u{1f608}\t\n").await
        }
        "unimplemented_method" => unimplemented(client, UNIMPLEMENTED_CALL).await,
        "unimplemented_service" => unimplemented(client, UNIMPLEMENTED_SERVICE_CALL).await,
        _ => Err("there is no such unary case".into()),
    }
}

async fn status(client: &Client, message: &'static str) -> Result {
    let wanted = EchoStatus { code: 2, message: message.into() };
    let request = SimpleRequest { response_status: Some(wanted), ..Default::default() };
    let ended = client.unary(UNARY_CALL, &request, &Metadata::new()).await?;
    equal("status", ended.status, Status::new(Code::Unknown, message))
}

async fn unimplemented(client: &Client, path: &str) -> Result {
    let ended = client.unary(path, &Empty {}, &Metadata::new()).await?;
    equal("status", ended.status.code(), Code::Unimplemented)
}

fn arguments() -> std::result::Result<(String, u16, String), String> {
    let flags = Flags::read(&["server_host", "server_port", "test_case"])?;
    let host = flags.get("server_host").unwrap_or("127.0.0.1").to_owned();
    let port = flags.port("server_port")?.ok_or("--server_port is missing")?;
    Ok((host, port, flags.get("test_case").ok_or("--test_case is missing")?.to_owned()))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let (host, port, case) = match arguments() {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("{error}\nusage: over_h2 [--server_host HOST] --server_port PORT --test_case CASE");
            return ExitCode::from(2);
        }
    };
    let result = async { run(&Client::connect(&host, port).await?, &case).await };
    match tokio::time::timeout(PATIENCE, result).await {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => {
            eprintln!("{case}: {error}");
            ExitCode::FAILURE
        }
        Err(_) => {
            eprintln!("{case}: no answer");
            ExitCode::FAILURE
        }
    }
}
