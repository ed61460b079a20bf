//! `grpc.testing.TestService` over tokio: the server side of gRPC's interop tests.
//!
//! Run it with `cargo run --example interop_server --features tokio,tls,gzip,health,reflection,details,web -- --port 50051`.
//! Port 0, which is also what it takes without `--port`, is a free one. It prints `listening on ADDRESS:PORT` when it is ready. With
//! `--use_tls=true` it needs `--tls_cert_file` and `--tls_key_file`; with `--ca_file` too its clients need certificates. It serves
//! health and reflection too, so `grpcurl -plaintext localhost:50051 list` and the like work. With `--web true` it speaks
//! gRPC-Web as well, and with `--web examples/web` it serves the page there ([how](web/README.md)).

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is a program")]

mod testservice;

use grpc_sansio::ServerConfig;
use grpc_sansio::adapter::tls::{ClientAuth, Identity, Roots, ServerTls};
use grpc_sansio::adapter::tokio::{
    Health, Incoming, Refusal, RequestHead, Requests, Response, Responses, Router, Server,
};
use grpc_sansio::codec::{Codecs, Gzip};
use grpc_sansio::grpc::{Code, Kind, Message, Metadata, Method};
use grpc_sansio::services::details::{BadRequest, Details, ErrorInfo, FieldViolation, RetryInfo};
use grpc_sansio::services::health::ServingStatus;
use grpc_sansio::services::reflection::Reflection;
use grpc_sansio::web::{Config as WebConfig, Cors};
use prost::Message as _;
use std::process::ExitCode;
use std::time::Duration;
use testservice::flags::Flags;
use testservice::{
    BoolValue, CACHEABLE_UNARY_CALL, ECHO_INITIAL, ECHO_TRAILING, EMPTY_CALL, EchoStatus, Empty, FULL_DUPLEX_CALL,
    HALF_DUPLEX_CALL, Payload, ResponseParameters, STREAMING_INPUT_CALL, STREAMING_OUTPUT_CALL, SimpleRequest,
    SimpleResponse, StreamingInputCallRequest, StreamingInputCallResponse, StreamingOutputCallRequest,
    StreamingOutputCallResponse, UNARY_CALL,
};

/// The request metadata that goes back: one entry as initial, one as trailing metadata.
struct Echo {
    initial: Metadata,
    trailing: Metadata,
}

impl Echo {
    fn of(head: &RequestHead) -> Result<Self, Refusal> {
        let (mut initial, mut trailing) = (Metadata::new(), Metadata::new());
        let unfit = |error: &dyn std::error::Error| Refusal::new(Code::InvalidArgument, error.to_string());
        if let Some(value) = head.metadata.get(ECHO_INITIAL) {
            initial.append(ECHO_INITIAL, value).map_err(|error| unfit(&error))?;
        }
        if let Some(value) = head.metadata.get_bin(ECHO_TRAILING) {
            let value = value.map_err(|error| unfit(&error))?;
            trailing.append_bin(ECHO_TRAILING, &value).map_err(|error| unfit(&error))?;
        }
        Ok(Self { initial, trailing })
    }

    /// Sends the initial metadata of a stream. Without any, the head is left to the first message, so that a call that
    /// has none can still be answered by a status alone.
    fn begin(&self, responses: &mut Responses) -> Result<(), Refusal> {
        if !self.initial.is_empty() {
            responses.send_head(&self.initial)?;
        }
        Ok(())
    }

    fn on(self, result: Result<Response, Refusal>) -> Result<Response, Refusal> {
        match result {
            Ok(mut response) => {
                response.metadata.extend(&self.initial);
                Ok(response.with_trailers(self.trailing))
            }
            Err(refusal) => Err(refusal.with_metadata(self.initial).with_trailers(self.trailing)),
        }
    }

    fn on_stream(self, result: Result<(), Refusal>) -> Result<Metadata, Refusal> {
        match result {
            Ok(()) => Ok(self.trailing),
            Err(refusal) => Err(refusal.with_trailers(self.trailing)),
        }
    }
}

/// Sets the health of the test service to the number in this metadata.
const SET_HEALTH: &str = "x-test-set-health";
/// With this metadata a call that fails has rich details.
const DETAILS: &str = "x-test-details";

async fn empty_call(request: Incoming, health: Health) -> Result<Response, Refusal> {
    if let Some(status) = request.metadata().get(SET_HEALTH) {
        let status = status.parse().ok().and_then(|status: i32| ServingStatus::try_from(status).ok());
        health.set("grpc.testing.TestService", status.unwrap_or(ServingStatus::Unknown));
    }
    let echo = Echo::of(&request.head)?;
    echo.on(decode(&request.message).map(|empty: Empty| encoded(&empty)))
}

async fn unary_call(request: Incoming) -> Result<Response, Refusal> {
    Echo::of(&request.head)?.on(simple_response(&request))
}

/// As `unary_call`, but proxies may keep the response.
async fn cacheable_unary_call(request: Incoming) -> Result<Response, Refusal> {
    let mut response = unary_call(request).await?;
    let kept = response.metadata.append("cache-control", "max-age=60, public");
    kept.map_err(|error| Refusal::new(Code::Internal, error.to_string()))?;
    Ok(response)
}

fn simple_response(request: &Incoming) -> Result<Response, Refusal> {
    let wanted: SimpleRequest = decode(&request.message)?;
    check_compression(&request.message, wanted.expect_compressed)?;
    let echoed = echo_status(wanted.response_status.as_ref());
    echoed.map_err(|refusal| if request.metadata().get(DETAILS).is_some() { detailed(&refusal) } else { refusal })?;
    let payload = Some(payload(wanted.response_size)?);
    let response = encoded(&SimpleResponse { payload, ..SimpleResponse::default() });
    Ok(match wanted.response_compressed {
        Some(BoolValue { value: true }) => response.with_encoding("gzip"),
        _ => response,
    })
}

async fn streaming_output_call(request: Incoming, mut responses: Responses) -> Result<Metadata, Refusal> {
    let echo = Echo::of(&request.head)?;
    // Which of its messages are compressed, the request says. A client that knows no gzip gets them as they are.
    let _ = responses.set_encoding("gzip");
    echo.begin(&mut responses)?;
    let result = async {
        let wanted: StreamingOutputCallRequest = decode(&request.message)?;
        answer(&wanted, &mut responses).await
    };
    let result = result.await;
    echo.on_stream(result)
}

async fn streaming_input_call(mut request: Incoming<Requests>) -> Result<Response, Refusal> {
    let echo = Echo::of(&request.head)?;
    let result = async {
        let mut size = 0;
        while let Some(message) = request.message().await? {
            let input: StreamingInputCallRequest = decode(&message)?;
            check_compression(&message, input.expect_compressed)?;
            size += input.payload.map_or(0, |payload| payload.body.len());
        }
        let aggregated_payload_size = i32::try_from(size).unwrap_or(i32::MAX);
        Ok(encoded(&StreamingInputCallResponse { aggregated_payload_size }))
    };
    let result = result.await;
    echo.on(result)
}

async fn full_duplex_call(mut request: Incoming<Requests>, mut responses: Responses) -> Result<Metadata, Refusal> {
    let echo = Echo::of(&request.head)?;
    let _ = responses.set_encoding("gzip");
    echo.begin(&mut responses)?;
    let result = async {
        while let Some(message) = request.message().await? {
            answer(&decode(&message)?, &mut responses).await?;
        }
        Ok(())
    };
    let result = result.await;
    echo.on_stream(result)
}

/// As `full_duplex_call`, but nothing is answered before the last request has come.
async fn half_duplex_call(mut request: Incoming<Requests>, mut responses: Responses) -> Result<Metadata, Refusal> {
    let echo = Echo::of(&request.head)?;
    let _ = responses.set_encoding("gzip");
    echo.begin(&mut responses)?;
    let result = async {
        let mut all: Vec<StreamingOutputCallRequest> = Vec::new();
        while let Some(message) = request.message().await? {
            all.push(decode(&message)?);
        }
        for wanted in all {
            answer(&wanted, &mut responses).await?;
        }
        Ok(())
    };
    let result = result.await;
    echo.on_stream(result)
}

/// The messages that one request asks for, and the status that it may ask for in the end.
async fn answer(wanted: &StreamingOutputCallRequest, responses: &mut Responses) -> Result<(), Refusal> {
    for &ResponseParameters { size, interval_us, compressed, .. } in &wanted.response_parameters {
        if let Ok(interval @ 1..) = u64::try_from(interval_us) {
            tokio::time::sleep(Duration::from_micros(interval)).await;
        }
        let payload = Some(payload(size)?);
        let response = StreamingOutputCallResponse { payload, ..StreamingOutputCallResponse::default() };
        let octets = response.encode_to_vec();
        let compressed = compressed.is_some_and(|compressed| compressed.value);
        responses.send(if compressed { Message::new(octets) } else { Message::as_is(octets) }).await?;
    }
    echo_status(wanted.response_status.as_ref())
}

fn echo_status(wanted: Option<&EchoStatus>) -> Result<(), Refusal> {
    match wanted {
        Some(EchoStatus { code, message }) if *code != 0 => {
            Err(Refusal::new(Code::from_i32(*code).unwrap_or(Code::Unknown), message.clone()))
        }
        _ => Ok(()),
    }
}

/// The same refusal with some of the standard details.
fn detailed(refusal: &Refusal) -> Refusal {
    let metadata = [("service".into(), "test".into())].into();
    let info = ErrorInfo { reason: "WANTED".into(), domain: "grpc.testing".into(), metadata };
    let violation = FieldViolation::new("response_status.code", "is not zero");
    let details = Details::new()
        .with(&info)
        .with(&RetryInfo::after(Duration::from_millis(1_500)))
        .with(&BadRequest { field_violations: vec![violation] });
    let status = refusal.status();
    details.into_status(status.code(), status.message().to_string()).into()
}

/// A client may insist on how its request arrives.
fn check_compression(message: &Message, expected: Option<BoolValue>) -> Result<(), Refusal> {
    match expected {
        Some(expected) if expected.value != message.decoded => {
            let was = if message.decoded { "compressed" } else { "not compressed" };
            Err(Refusal::new(
                Code::InvalidArgument,
                format!("the request is {was}, and says that it should be otherwise"),
            ))
        }
        _ => Ok(()),
    }
}

fn payload(size: i32) -> Result<Payload, Refusal> {
    match usize::try_from(size) {
        Ok(size) => Ok(Payload::zeros(size)),
        Err(_) => Err(Refusal::new(Code::InvalidArgument, format!("a payload of {size} octets"))),
    }
}

fn decode<M: prost::Message + Default>(message: &Message) -> Result<M, Refusal> {
    M::decode(&message.data[..]).map_err(|error| Refusal::new(Code::Internal, error.to_string()))
}

fn encoded(message: &impl prost::Message) -> Response {
    Response::new(message.encode_to_vec())
}

/// The test service, health and reflection.
fn router() -> Result<Router, Box<dyn std::error::Error>> {
    let health = Health::new();
    health.set("grpc.testing.TestService", ServingStatus::Serving);
    let reflection =
        Reflection::new().with_health().with_details().with(include_bytes!("testservice/descriptors.bin"))?;
    let reflection = ["UnimplementedService", "ReconnectService", "LoadBalancerStatsService", "HookService"]
        .into_iter()
        .chain(["XdsUpdateHealthService", "XdsUpdateClientConfigureService"])
        .fold(reflection, |reflection, name| reflection.without(&format!("grpc.testing.{name}")));
    let unary = |path| Method::from_static(path, Kind::Unary);
    let bidi = |path| Method::from_static(path, Kind::BidiStreaming);
    let router = Router::new()
        .health(&health)
        .reflection(&reflection)
        .unary(&unary(EMPTY_CALL), move |request| empty_call(request, health.clone()))
        .unary(&unary(UNARY_CALL), unary_call)
        .unary(&unary(CACHEABLE_UNARY_CALL), cacheable_unary_call)
        .server_streaming(&Method::from_static(STREAMING_OUTPUT_CALL, Kind::ServerStreaming), streaming_output_call)
        .client_streaming(&Method::from_static(STREAMING_INPUT_CALL, Kind::ClientStreaming), streaming_input_call)
        .bidi_streaming(&bidi(FULL_DUPLEX_CALL), full_duplex_call)
        .bidi_streaming(&bidi(HALF_DUPLEX_CALL), half_duplex_call);
    Ok(router)
}

/// How TLS is to be spoken, if it is.
fn tls(flags: &Flags) -> Result<Option<ServerTls>, String> {
    if !flags.use_tls()? {
        return Ok(None);
    }
    let (chain, key) = (flags.needed("tls_cert_file")?, flags.needed("tls_key_file")?);
    let read = || {
        let clients = match flags.get("ca_file") {
            Some(roots) => ClientAuth::Required(Roots::from_file(roots)?),
            None => ClientAuth::None,
        };
        ServerTls::new(&Identity::from_files(chain, key)?, clients)
    };
    read().map(Some).map_err(|error| error.to_string())
}

/// gRPC-Web for pages of any origin, and the page of `examples/web` where its folder is named.
fn web(flags: &Flags) -> Result<Option<WebConfig>, String> {
    let Some(folder) = flags.get("web") else { return Ok(None) };
    let config = WebConfig::default().cors(Cors::any());
    if folder == "true" {
        return Ok(Some(config));
    }
    let read = |name: &str| {
        let path = std::path::Path::new(folder).join(name);
        std::fs::read(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))
    };
    let page = config.page("/", "text/html; charset=utf-8", read("index.html")?);
    Ok(Some(page.page("/app.js", "text/javascript", read("dist/app.js")?)))
}

async fn serve(port: u16, tls: Option<ServerTls>, web: Option<WebConfig>) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    let router = router().map_err(|error| std::io::Error::other(error.to_string()))?;
    println!("listening on {}", listener.local_addr()?);
    let interrupted = async { tokio::signal::ctrl_c().await.unwrap_or_default() };
    // A client whose own timer is a little late gets the same status from here, and not just RST_STREAM.
    let codecs = Codecs::new().with(Gzip::default());
    let config = ServerConfig::builder().answer_expired(true).codings(codecs.codings());
    #[cfg(feature = "event-log")]
    let config = config.event_log(testservice::record::start("server"));
    let config = config.build().map_err(std::io::Error::other)?;
    let mut server = Server::new(config).with_codecs(codecs).with_grace(Duration::from_secs(10));
    if let Some(tls) = tls {
        server = server.with_tls(tls).on_failure(|peer, error| eprintln!("{peer:?}: {error}"));
    }
    if let Some(web) = web {
        server = server.with_web(web);
    }
    server.serve_with_shutdown(listener, router, interrupted).await;
    Ok(())
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = || {
        let flags = Flags::read(&["port", "use_tls", "tls_cert_file", "tls_key_file", "ca_file", "web"])?;
        Ok::<_, String>((flags.port("port")?.unwrap_or(0), tls(&flags)?, web(&flags)?))
    };
    let (port, tls, web) = match arguments() {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!(
                "{error}\nusage: interop_server [--port PORT] [--web true|FOLDER] [--use_tls=true --tls_cert_file .. --tls_key_file ..]"
            );
            return ExitCode::from(2);
        }
    };
    match serve(port, tls, web).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cannot listen on port {port}: {error}");
            ExitCode::FAILURE
        }
    }
}
