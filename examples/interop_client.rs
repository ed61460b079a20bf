//! gRPC's interop tests over tokio: the client side.
//!
//! Run it against `interop_server`, or that of any other implementation, with
//! `cargo run --example interop_client --features tokio,tls,gzip -- --server_port 50051 --test_case large_unary`.
//! With `--use_tls=true` it believes the system's roots, or `--ca_file`, and presents `--tls_cert_file` and
//! `--tls_key_file`, if they are given.
//! It ends with 0 if the case passes, and else with one line that says why not.

#![allow(clippy::print_stderr, reason = "it is a program")]

mod testservice;

use grpc_sansio::ClientConfig;
use grpc_sansio::adapter::tls::{ClientTls, Identity, Roots};
use grpc_sansio::adapter::tokio::{Call, CallError, Channel, Failure, Request, ResponseHead};
use grpc_sansio::codec::{Codecs, Gzip};
use grpc_sansio::grpc::{Code, Kind, Message, Metadata, Method, Status};
use prost::Message as _;
use std::fmt::Debug;
use std::pin::Pin;
use std::process::ExitCode;
use std::time::Duration;
use testservice::flags::Flags;
use testservice::{
    BoolValue, ECHO_INITIAL, ECHO_TRAILING, EMPTY_CALL, EchoStatus, Empty, FULL_DUPLEX_CALL, Payload,
    ResponseParameters, STREAMING_INPUT_CALL, STREAMING_OUTPUT_CALL, SimpleRequest, SimpleResponse,
    StreamingInputCallRequest, StreamingInputCallResponse, StreamingOutputCallRequest, StreamingOutputCallResponse,
    UNARY_CALL, UNIMPLEMENTED_CALL, UNIMPLEMENTED_SERVICE_CALL,
};

/// Why a case did not pass.
type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

const REQUEST_SIZES: [usize; 4] = [27_182, 8, 1_828, 45_904];
const RESPONSE_SIZES: [usize; 4] = [31_415, 9, 2_653, 58_979];
const LARGE_REQUEST: usize = 271_828;
const LARGE_RESPONSE: usize = 314_159;

/// Far above what a healthy case needs.
const PATIENCE: Duration = Duration::from_secs(20);

const EMPTY: Method = Method::from_static(EMPTY_CALL, Kind::Unary);
const UNARY: Method = Method::from_static(UNARY_CALL, Kind::Unary);
const OUTPUT: Method = Method::from_static(STREAMING_OUTPUT_CALL, Kind::ServerStreaming);
const INPUT: Method = Method::from_static(STREAMING_INPUT_CALL, Kind::ClientStreaming);
const DUPLEX: Method = Method::from_static(FULL_DUPLEX_CALL, Kind::BidiStreaming);

async fn empty_unary(channel: Channel) -> Result {
    let response = channel.unary(&EMPTY, request(&Empty {})).await?;
    equal("response octets", response.message.data.len(), 0)
}

async fn large_unary(channel: Channel) -> Result {
    let response = channel.unary(&UNARY, request(&large_request())).await?;
    check_simple(&response.message)
}

async fn client_streaming(channel: Channel) -> Result {
    let mut call = channel.client_streaming(&INPUT, patient()).await?;
    for size in REQUEST_SIZES {
        let payload = Some(Payload::zeros(size));
        call.send(StreamingInputCallRequest { payload, ..Default::default() }.encode_to_vec()).await?;
    }
    let response: StreamingInputCallResponse = decode(&call.response().await?.message)?;
    equal("aggregated size", response.aggregated_payload_size, 74_922)
}

async fn server_streaming(channel: Channel) -> Result {
    let mut call = channel.server_streaming(&OUTPUT, request(&output_request(None, &RESPONSE_SIZES))).await?;
    for size in RESPONSE_SIZES {
        check_output(call.message().await?, size)?;
    }
    equal("further responses", call.message().await?, None)
}

async fn ping_pong(channel: Channel) -> Result {
    let mut call = channel.bidi_streaming(&DUPLEX, patient()).await?;
    for (request, response) in REQUEST_SIZES.into_iter().zip(RESPONSE_SIZES) {
        call.send(output_request(Some(request), &[response]).encode_to_vec()).await?;
        check_output(call.message().await?, response)?;
    }
    call.half_close()?;
    equal("further responses", call.message().await?, None)
}

async fn empty_stream(channel: Channel) -> Result {
    let mut call = channel.bidi_streaming(&DUPLEX, patient()).await?;
    call.half_close()?;
    equal("responses", call.message().await?, None)
}

async fn custom_metadata(channel: Channel) -> Result {
    let (initial, trailing) = ("test_initial_metadata_value", b"\xab\xab\xab");
    let mut metadata = Metadata::new();
    metadata.append(ECHO_INITIAL, initial)?;
    metadata.append_bin(ECHO_TRAILING, trailing)?;
    let check = |head: &Metadata, trailers: &Metadata| {
        equal("initial metadata", head.get_all(ECHO_INITIAL).collect(), vec![initial])?;
        let values: std::result::Result<Vec<_>, _> = trailers.get_all_bin(ECHO_TRAILING).collect();
        equal("trailing metadata", values?, vec![trailing.to_vec()])
    };

    let response = channel.unary(&UNARY, request(&large_request()).with_metadata(metadata.clone())).await?;
    check_simple(&response.message)?;
    check(&response.metadata, &response.trailers)?;

    let mut call = channel.bidi_streaming(&DUPLEX, patient().with_metadata(metadata)).await?;
    call.send(output_request(Some(LARGE_REQUEST), &[LARGE_RESPONSE]).encode_to_vec()).await?;
    call.half_close()?;
    let head = call.head().await.map(|head: &ResponseHead| head.metadata.clone()).unwrap_or_default();
    check_output(call.message().await?, LARGE_RESPONSE)?;
    equal("further responses", call.message().await?, None)?;
    check(&head, &call.outcome().await.trailers)
}

async fn status_code_and_message(channel: Channel) -> Result {
    let wanted = EchoStatus { code: 2, message: "test status message".into() };
    let status = Status::new(Code::Unknown, wanted.message.clone());
    let unary = SimpleRequest { response_status: Some(wanted.clone()), ..Default::default() };
    failed(channel.unary(&UNARY, request(&unary)).await, &status)?;

    let mut call = channel.bidi_streaming(&DUPLEX, patient()).await?;
    let duplex = StreamingOutputCallRequest { response_status: Some(wanted), ..Default::default() };
    call.send(duplex.encode_to_vec()).await?;
    call.half_close()?;
    failed(call.message().await, &status)
}

async fn special_status_message(channel: Channel) -> Result {
    let message = "\t\ntest with whitespace\r\nand Unicode BMP \u{263a} and non-BMP \u{1f608}\t\n";
    let wanted = EchoStatus { code: 2, message: message.into() };
    let unary = SimpleRequest { response_status: Some(wanted), ..Default::default() };
    failed(channel.unary(&UNARY, request(&unary)).await, &Status::new(Code::Unknown, message))
}

async fn unimplemented_method(channel: Channel) -> Result {
    let method = Method::from_static(UNIMPLEMENTED_CALL, Kind::Unary);
    code(channel.unary(&method, request(&Empty {})).await, Code::Unimplemented)
}

async fn unimplemented_service(channel: Channel) -> Result {
    let method = Method::from_static(UNIMPLEMENTED_SERVICE_CALL, Kind::Unary);
    code(channel.unary(&method, request(&Empty {})).await, Code::Unimplemented)
}

async fn cancel_after_begin(channel: Channel) -> Result {
    let mut call = channel.client_streaming(&INPUT, patient()).await?;
    call.cancel();
    cancelled(call).await
}

async fn cancel_after_first_response(channel: Channel) -> Result {
    let mut call = channel.bidi_streaming(&DUPLEX, patient()).await?;
    call.send(output_request(Some(REQUEST_SIZES[0]), &[RESPONSE_SIZES[0]]).encode_to_vec()).await?;
    check_output(call.message().await?, RESPONSE_SIZES[0])?;
    call.cancel();
    cancelled(call).await
}

async fn timeout_on_sleeping_server(channel: Channel) -> Result {
    let impatient = Request::empty().with_timeout(Duration::from_millis(1));
    let mut call = match channel.bidi_streaming(&DUPLEX, impatient).await {
        Ok(call) => call,
        // The millisecond may be over before the call is opened.
        error => return code(error.map(|_| ()), Code::DeadlineExceeded),
    };
    let request = StreamingOutputCallRequest { payload: Some(Payload::zeros(REQUEST_SIZES[0])), ..Default::default() };
    // It may also be over by now; the outcome says so.
    let _ = call.send(request.encode_to_vec()).await;
    equal("status", call.outcome().await.status.code(), Code::DeadlineExceeded)
}

/// A server that does not look at compression would let the first request pass.
async fn client_compressed_unary(channel: Channel) -> Result {
    let wanted = |compressed| SimpleRequest { expect_compressed: compressed, ..large_request() };
    let probe = request(&wanted(YES)).with_encoding("identity");
    code(channel.unary(&UNARY, probe).await, Code::InvalidArgument)?;

    check_simple(&channel.unary(&UNARY, request(&wanted(YES)).with_encoding("gzip")).await?.message)?;
    let plain = patient().with_encoding("gzip").with_message(Message::as_is(wanted(NO).encode_to_vec()));
    check_simple(&channel.unary(&UNARY, plain).await?.message)
}

async fn server_compressed_unary(channel: Channel) -> Result {
    for (wanted, compressed) in [(YES, true), (NO, false)] {
        let simple = SimpleRequest { response_compressed: wanted, ..large_request() };
        let message = channel.unary(&UNARY, request(&simple)).await?.message;
        equal("whether the response was compressed", message.decoded, compressed)?;
        check_simple(&message)?;
    }
    Ok(())
}

async fn client_compressed_streaming(channel: Channel) -> Result {
    let octets = |size, expect_compressed| {
        let payload = Some(Payload::zeros(size));
        StreamingInputCallRequest { payload, expect_compressed }.encode_to_vec()
    };
    let mut probe = channel.client_streaming(&INPUT, patient().with_encoding("identity")).await?;
    // The server may refuse it before it is sent.
    let _ = probe.send(octets(27_182, YES)).await;
    code(probe.response().await, Code::InvalidArgument)?;

    let mut call = channel.client_streaming(&INPUT, patient().with_encoding("gzip")).await?;
    call.send(octets(27_182, YES)).await?;
    call.send(Message::as_is(octets(45_904, NO))).await?;
    let response: StreamingInputCallResponse = decode(&call.response().await?.message)?;
    equal("aggregated size", response.aggregated_payload_size, 73_086)
}

async fn server_compressed_streaming(channel: Channel) -> Result {
    let wanted = [(31_415, YES), (92_653, NO)];
    let parameters = |(size, compressed)| ResponseParameters { size, compressed, ..Default::default() };
    let output =
        StreamingOutputCallRequest { response_parameters: wanted.map(parameters).to_vec(), ..Default::default() };
    let mut call = channel.server_streaming(&OUTPUT, request(&output)).await?;
    for (size, compressed) in wanted {
        let message = call.message().await?;
        let decoded = message.as_ref().is_some_and(|message| message.decoded);
        equal("whether the response was compressed", Some(decoded), compressed.map(|wanted| wanted.value))?;
        check_output(message, size as usize)?;
    }
    equal("further responses", call.message().await?, None)
}

const YES: Option<BoolValue> = Some(BoolValue { value: true });
const NO: Option<BoolValue> = Some(BoolValue { value: false });

type Case = fn(Channel) -> Pin<Box<dyn Future<Output = Result>>>;

const CASES: [(&str, Case); 18] = [
    ("empty_unary", |channel| Box::pin(empty_unary(channel))),
    ("large_unary", |channel| Box::pin(large_unary(channel))),
    ("client_streaming", |channel| Box::pin(client_streaming(channel))),
    ("server_streaming", |channel| Box::pin(server_streaming(channel))),
    ("ping_pong", |channel| Box::pin(ping_pong(channel))),
    ("empty_stream", |channel| Box::pin(empty_stream(channel))),
    ("custom_metadata", |channel| Box::pin(custom_metadata(channel))),
    ("status_code_and_message", |channel| Box::pin(status_code_and_message(channel))),
    ("special_status_message", |channel| Box::pin(special_status_message(channel))),
    ("unimplemented_method", |channel| Box::pin(unimplemented_method(channel))),
    ("unimplemented_service", |channel| Box::pin(unimplemented_service(channel))),
    ("cancel_after_begin", |channel| Box::pin(cancel_after_begin(channel))),
    ("cancel_after_first_response", |channel| Box::pin(cancel_after_first_response(channel))),
    ("timeout_on_sleeping_server", |channel| Box::pin(timeout_on_sleeping_server(channel))),
    ("client_compressed_unary", |channel| Box::pin(client_compressed_unary(channel))),
    ("server_compressed_unary", |channel| Box::pin(server_compressed_unary(channel))),
    ("client_compressed_streaming", |channel| Box::pin(client_compressed_streaming(channel))),
    ("server_compressed_streaming", |channel| Box::pin(server_compressed_streaming(channel))),
];

fn patient() -> Request<()> {
    Request::empty().with_timeout(PATIENCE)
}

fn request(message: &impl prost::Message) -> Request {
    patient().with_message(message.encode_to_vec())
}

fn large_request() -> SimpleRequest {
    let payload = Some(Payload::zeros(LARGE_REQUEST));
    SimpleRequest { response_size: LARGE_RESPONSE as i32, payload, ..Default::default() }
}

fn output_request(payload: Option<usize>, sizes: &[usize]) -> StreamingOutputCallRequest {
    let parameters = |size: &usize| ResponseParameters { size: *size as i32, ..Default::default() };
    StreamingOutputCallRequest {
        response_parameters: sizes.iter().map(parameters).collect(),
        payload: payload.map(Payload::zeros),
        ..Default::default()
    }
}

fn decode<M: prost::Message + Default>(message: &Message) -> Result<M> {
    equal("compressed flag", message.compressed, false)?;
    Ok(M::decode(&message.data[..])?)
}

fn equal<T: PartialEq + Debug>(what: &str, got: T, want: T) -> Result {
    if got == want { Ok(()) } else { Err(format!("{what}: got {got:.200?}, want {want:.200?}").into()) }
}

fn check_payload(payload: Option<Payload>, size: usize) -> Result {
    let payload = payload.ok_or("the response has no payload")?;
    equal("payload type", payload.r#type, 0)?;
    equal("payload size", payload.body.len(), size)?;
    equal("payload octets other than zero", payload.body.iter().filter(|octet| **octet != 0).count(), 0)
}

fn check_simple(message: &Message) -> Result {
    check_payload(decode::<SimpleResponse>(message)?.payload, LARGE_RESPONSE)
}

fn check_output(message: Option<Message>, size: usize) -> Result {
    let message = message.ok_or("the responses ended too early")?;
    check_payload(decode::<StreamingOutputCallResponse>(&message)?.payload, size)
}

/// The call has to have failed with this status.
fn failed<T>(result: std::result::Result<T, impl Into<CallError>>, status: &Status) -> Result {
    let failure: Failure = match result.map_err(Into::into) {
        Ok(_) => return Err(format!("status: got OK, want {status}").into()),
        Err(CallError::Failed(failure)) => failure,
        Err(error) => return Err(error.into()),
    };
    equal("status", failure.code(), status.code())?;
    equal("status message", failure.status().message(), status.message())
}

fn code<T>(result: std::result::Result<T, CallError>, code: Code) -> Result {
    match result {
        Ok(_) => Err(format!("status: got OK, want {code}").into()),
        Err(error) => equal("status", error.code(), Some(code)),
    }
}

async fn cancelled(mut call: Call) -> Result {
    equal("status", call.outcome().await.status.code(), Code::Cancelled)
}

async fn run(flags: &Flags, port: u16, case: Case) -> Result {
    let host = flags.get("server_host").unwrap_or("127.0.0.1");
    let codecs = Codecs::new().with(Gzip::default());
    let config = ClientConfig::builder(&format!("{host}:{port}")).codings(codecs.codings());
    #[cfg(feature = "event-log")]
    let config = config.event_log(testservice::record::start("client"));
    let config = config.build()?;
    let channel = if flags.use_tls()? {
        Channel::connect_tls((host, port), &config, &tls(flags)?).await?
    } else {
        let connected = Channel::connect((host, port), &config).await;
        connected.map_err(|error| format!("cannot connect to {host}:{port}: {error}"))?
    };
    case(channel.with_codecs(codecs)).await
}

fn tls(flags: &Flags) -> Result<ClientTls> {
    let roots = match flags.get("ca_file") {
        Some(file) => Roots::from_file(file)?,
        None => Roots::system()?,
    };
    let identity = match flags.get("tls_cert_file") {
        Some(chain) => Some(Identity::from_files(chain, flags.needed("tls_key_file")?)?),
        None => None,
    };
    let tls = ClientTls::new(roots, identity.as_ref())?;
    Ok(match flags.get("server_host_override") {
        Some(name) => tls.with_server_name(name)?,
        None => tls,
    })
}

fn arguments() -> std::result::Result<(Flags, u16, (&'static str, Case)), String> {
    let flags = Flags::read(&[
        "server_host",
        "server_port",
        "test_case",
        "use_tls",
        "ca_file",
        "server_host_override",
        "tls_cert_file",
        "tls_key_file",
    ])?;
    flags.use_tls()?;
    let port = flags.port("server_port")?.ok_or("--server_port is missing")?;
    let name = flags.get("test_case").ok_or("--test_case is missing")?;
    let case = CASES.into_iter().find(|(known, _)| *known == name);
    let case = case.ok_or_else(|| {
        let known: Vec<_> = CASES.iter().map(|(name, _)| *name).collect();
        format!("there is no test case {name}; there are {}", known.join(", "))
    })?;
    Ok((flags, port, case))
}

#[tokio::main]
async fn main() -> ExitCode {
    let (flags, port, (name, case)) = match arguments() {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("{error}\nusage: interop_client [--server_host HOST] --server_port PORT --test_case CASE");
            return ExitCode::from(2);
        }
    };
    match run(&flags, port, case).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: {error}");
            ExitCode::FAILURE
        }
    }
}
