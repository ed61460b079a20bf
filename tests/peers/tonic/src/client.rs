//! The client role.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status, Streaming};

use crate::pb::test_service_client::TestServiceClient;
use crate::pb::unimplemented_service_client::UnimplementedServiceClient;
use crate::pb::{
    EchoStatus, Empty, Payload, ResponseParameters, SimpleRequest, StreamingInputCallRequest,
    StreamingOutputCallRequest, StreamingOutputCallResponse,
};
use crate::{INITIAL, TRAILING};

type Error = Box<dyn std::error::Error>;
type Client = TestServiceClient<Channel>;

const REQUESTS: [usize; 4] = [27182, 8, 1828, 45904];
const REPLIES: [usize; 4] = [31415, 9, 2653, 58979];
const LARGE_REQUEST: usize = 271828;
const LARGE_REPLY: usize = 314159;

pub(crate) async fn run(address: &str, case: &str) -> Result<(), Error> {
    let channel = Endpoint::new(address.to_owned())?.connect().await?;
    let client = &mut TestServiceClient::new(channel.clone());
    let body = async {
        match case {
            "empty_unary" => empty_unary(client).await,
            "large_unary" => large_unary(client).await,
            "client_streaming" => client_streaming(client).await,
            "server_streaming" => server_streaming(client).await,
            "ping_pong" => ping_pong(client).await,
            "empty_stream" => empty_stream(client).await,
            "custom_metadata" => custom_metadata(client).await,
            "status_code_and_message" => status_code_and_message(client).await,
            "special_status_message" => special_status_message(client).await,
            "unimplemented_method" => fails(client.unimplemented_call(Empty {}).await, Code::Unimplemented, None),
            "unimplemented_service" => {
                let reply = UnimplementedServiceClient::new(channel).unimplemented_call(Empty {}).await;
                fails(reply, Code::Unimplemented, None)
            }
            "cancel_after_begin" => cancel_after_begin(client).await,
            "cancel_after_first_response" => cancel_after_first_response(client).await,
            "timeout_on_sleeping_server" => timeout_on_sleeping_server(client).await,
            _ => Err("no such case".into()),
        }
    };
    // Far above what a healthy case needs and below the runner's own limit, so that a hang is named here.
    tokio::time::timeout(Duration::from_secs(20), body).await.map_err(|_| "not finished after 20 s")?
}

fn equal<T: PartialEq + Debug>(what: &str, got: T, want: T) -> Result<(), Error> {
    if got == want { Ok(()) } else { Err(format!("{what}: got {got:?}, want {want:?}").into()) }
}

fn check_payload(payload: Option<Payload>, size: usize) -> Result<(), Error> {
    let payload = payload.ok_or("a reply without payload")?;
    equal("payload type", payload.r#type, 0)?;
    equal("payload size", payload.body.len(), size)?;
    equal("payload bytes other than zero", payload.body.iter().filter(|byte| **byte != 0).count(), 0)
}

/// The call has to end with `code`, and with `message` if one is given.
fn fails<T>(result: Result<T, Status>, code: Code, message: Option<&str>) -> Result<(), Error> {
    let Err(status) = result else { return Err(format!("OK, want {code:?}").into()) };
    equal("status", (status.code(), message.map(|_| status.message())), (code, message))
}

fn output_request(size: usize, replies: &[usize]) -> StreamingOutputCallRequest {
    let parameter = |size: &usize| ResponseParameters { size: *size as i32, ..Default::default() };
    let response_parameters = replies.iter().map(parameter).collect();
    StreamingOutputCallRequest { response_parameters, payload: Payload::zeros(size), ..Default::default() }
}

fn large_request() -> SimpleRequest {
    SimpleRequest { response_size: LARGE_REPLY as i32, payload: Payload::zeros(LARGE_REQUEST), ..Default::default() }
}

async fn next(replies: &mut Streaming<StreamingOutputCallResponse>, size: usize) -> Result<(), Error> {
    check_payload(replies.message().await?.ok_or("a reply is missing")?.payload, size)
}

async fn no_more(replies: &mut Streaming<StreamingOutputCallResponse>) -> Result<(), Error> {
    equal("one reply too many", replies.message().await?, None)
}

/// A request stream to feed while the replies are read; dropping the sender half-closes.
fn feed<T>() -> (mpsc::Sender<T>, ReceiverStream<T>) {
    let (sender, receiver) = mpsc::channel(1);
    (sender, ReceiverStream::new(receiver))
}

async fn empty_unary(client: &mut Client) -> Result<(), Error> {
    equal("reply", client.empty_call(Empty {}).await?.into_inner(), Empty {})
}

async fn large_unary(client: &mut Client) -> Result<(), Error> {
    check_payload(client.unary_call(large_request()).await?.into_inner().payload, LARGE_REPLY)
}

async fn client_streaming(client: &mut Client) -> Result<(), Error> {
    let request = |size| StreamingInputCallRequest { payload: Payload::zeros(size), ..Default::default() };
    let reply = client.streaming_input_call(tokio_stream::iter(REQUESTS.map(request))).await?;
    equal("aggregated size", reply.into_inner().aggregated_payload_size, 74922)
}

async fn server_streaming(client: &mut Client) -> Result<(), Error> {
    let request = StreamingOutputCallRequest { payload: None, ..output_request(0, &REPLIES) };
    let mut replies = client.streaming_output_call(request).await?.into_inner();
    for size in REPLIES {
        next(&mut replies, size).await?;
    }
    no_more(&mut replies).await
}

async fn ping_pong(client: &mut Client) -> Result<(), Error> {
    let (sender, requests) = feed();
    // Sent before the replies exist: a server may withhold its headers until the first request.
    sender.send(output_request(REQUESTS[0], &REPLIES[..1])).await?;
    let mut replies = client.full_duplex_call(requests).await?.into_inner();
    next(&mut replies, REPLIES[0]).await?;
    for (request, reply) in REQUESTS.into_iter().zip(REPLIES).skip(1) {
        sender.send(output_request(request, &[reply])).await?;
        next(&mut replies, reply).await?;
    }
    drop(sender);
    no_more(&mut replies).await
}

async fn empty_stream(client: &mut Client) -> Result<(), Error> {
    no_more(&mut client.full_duplex_call(tokio_stream::empty()).await?.into_inner()).await
}

async fn custom_metadata(client: &mut Client) -> Result<(), Error> {
    fn with_metadata<T>(message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert(INITIAL, MetadataValue::from_static("test_initial_metadata_value"));
        request.metadata_mut().insert_bin(TRAILING, MetadataValue::from_bytes(b"\xab\xab\xab"));
        request
    }
    fn check_initial(metadata: &MetadataMap) -> Result<(), Error> {
        let value = metadata.get(INITIAL).map(MetadataValue::as_encoded_bytes);
        equal("initial metadata", value, Some(b"test_initial_metadata_value".as_slice()))
    }
    fn check_trailing(metadata: &MetadataMap) -> Result<(), Error> {
        let value = metadata.get_bin(TRAILING).and_then(|value| value.to_bytes().ok());
        equal("trailing metadata", value.as_deref(), Some(b"\xab\xab\xab".as_slice()))
    }

    // tonic merges the initial and the trailing metadata of a unary reply.
    let (metadata, reply, _) = client.unary_call(with_metadata(large_request())).await?.into_parts();
    check_payload(reply.payload, LARGE_REPLY)?;
    check_initial(&metadata)?;
    check_trailing(&metadata)?;

    let requests = tokio_stream::once(output_request(LARGE_REQUEST, &[LARGE_REPLY]));
    let (metadata, mut replies, _) = client.full_duplex_call(with_metadata(requests)).await?.into_parts();
    check_initial(&metadata)?;
    next(&mut replies, LARGE_REPLY).await?;
    no_more(&mut replies).await?;
    check_trailing(&replies.trailers().await?.ok_or("no trailing metadata")?)
}

async fn status_code_and_message(client: &mut Client) -> Result<(), Error> {
    let message = "test status message";
    let response_status = Some(EchoStatus { code: 2, message: message.into() });
    let request = SimpleRequest { response_status: response_status.clone(), ..Default::default() };
    fails(client.unary_call(request).await, Code::Unknown, Some(message))?;
    let request = StreamingOutputCallRequest { response_status, ..Default::default() };
    let end = match client.full_duplex_call(tokio_stream::once(request)).await {
        Ok(replies) => replies.into_inner().message().await,
        Err(status) => Err(status),
    };
    fails(end, Code::Unknown, Some(message))
}

async fn special_status_message(client: &mut Client) -> Result<(), Error> {
    let message = "\t\ntest with whitespace\r\nand Unicode BMP \u{263a} and non-BMP \u{1f608}\t\n";
    let response_status = Some(EchoStatus { code: 2, message: message.into() });
    let request = SimpleRequest { response_status, ..Default::default() };
    fails(client.unary_call(request).await, Code::Unknown, Some(message))
}

/// tonic cancels a call by dropping it, so no CANCELLED is seen on this side: what is checked is that the call does not
/// end by itself and that the connection still works afterwards.
async fn cancel_after_begin(client: &mut Client) -> Result<(), Error> {
    let (_sender, requests) = feed::<StreamingInputCallRequest>();
    let call = client.streaming_input_call(requests);
    if let Ok(reply) = tokio::time::timeout(Duration::from_millis(100), call).await {
        return Err(format!("ended before it was cancelled: {reply:?}").into());
    }
    empty_unary(client).await
}

async fn cancel_after_first_response(client: &mut Client) -> Result<(), Error> {
    let (sender, requests) = feed();
    sender.send(output_request(27182, &[31415])).await?;
    let mut replies = client.full_duplex_call(requests).await?.into_inner();
    next(&mut replies, 31415).await?;
    drop((replies, sender));
    empty_unary(client).await
}

async fn timeout_on_sleeping_server(client: &mut Client) -> Result<(), Error> {
    let (sender, requests) = feed();
    sender.send(StreamingOutputCallRequest { payload: Payload::zeros(27182), ..Default::default() }).await?;
    let mut request = Request::new(requests);
    let (began, timeout) = (Instant::now(), Duration::from_millis(1));
    request.set_timeout(timeout);
    let end = match client.full_duplex_call(request).await {
        Ok(replies) => replies.into_inner().message().await,
        Err(status) => Err(status),
    };
    // Two ends of the same deadline reach tonic's caller as CANCELLED: its own timer, and the reset of a server whose
    // timer was first.
    match end {
        Err(status) if status.code() == Code::Cancelled && began.elapsed() >= timeout => Ok(()),
        end => fails(end, Code::DeadlineExceeded, None),
    }
}
