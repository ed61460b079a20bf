//! The server role.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::BodyExt;
use tokio::net::TcpListener;
use tokio_stream::{Stream, wrappers::TcpListenerStream};
use tonic::body::Body;
use tonic::{Code, Request, Response, Status, Streaming};
use tower::{Service, layer::layer_fn};

use crate::pb::test_service_server::{TestService, TestServiceServer};
use crate::pb::{
    EchoStatus, Empty, Payload, ResponseParameters, SimpleRequest, SimpleResponse, StreamingInputCallRequest,
    StreamingInputCallResponse, StreamingOutputCallRequest, StreamingOutputCallResponse,
};
use crate::{INITIAL, TRAILING};

pub(crate) async fn serve(port: u16) -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on {}", listener.local_addr()?);
    let mut server = tonic::transport::Server::builder().layer(layer_fn(EchoMetadata));
    let server = server.add_service(TestServiceServer::new(Interop));
    Ok(server.serve_with_incoming(TcpListenerStream::new(listener)).await?)
}

struct Interop;

type Replies = Pin<Box<dyn Stream<Item = Result<StreamingOutputCallResponse, Status>> + Send>>;

/// Counts one call; prints its line when the call is dropped. Cancelled unless it was told its end.
struct Seen {
    method: &'static str,
    code: Code,
    requests: usize,
    replies: usize,
    bytes: usize,
}

impl Seen {
    fn new(method: &'static str) -> Self {
        Self { method, code: Code::Cancelled, requests: 0, replies: 0, bytes: 0 }
    }

    fn take(&mut self, payload: Option<&Payload>) {
        self.requests += 1;
        self.bytes += payload.map_or(0, |payload| payload.body.len());
    }

    /// The call ends with `result`.
    fn end<T>(&mut self, result: Result<T, Status>) -> Result<T, Status> {
        self.code = result.as_ref().map_or_else(Status::code, |_| Code::Ok);
        result
    }

    /// The call ends with `message` as its only reply.
    fn reply<T>(&mut self, message: T) -> Result<Response<T>, Status> {
        self.replies += 1;
        self.end(Ok(Response::new(message)))
    }
}

impl Drop for Seen {
    fn drop(&mut self) {
        let Self { method, code, requests, replies, bytes } = self;
        println!("call {method} {} {requests} {replies} {bytes}", *code as i32);
    }
}

fn echo_status(wanted: Option<&EchoStatus>) -> Result<(), Status> {
    match wanted {
        Some(status) if status.code != 0 => Err(Status::new(Code::from_i32(status.code), status.message.clone())),
        _ => Ok(()),
    }
}

/// The next request, or `None` at the half-close.
async fn next<T>(requests: &mut Streaming<T>, seen: &mut Seen) -> Result<Option<T>, Status> {
    let request = requests.message().await;
    if let Ok(None) = request {
        // A cancelled request stream ends like a finished one; a little later the cancellation drops the handler.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    request.or_else(|status| seen.end(Err(status)))
}

/// The replies one request asks for, each after its interval.
fn replies_to(parameters: Vec<ResponseParameters>) -> impl Stream<Item = StreamingOutputCallResponse> {
    async_stream::stream! {
        for wanted in parameters {
            tokio::time::sleep(Duration::from_micros(wanted.interval_us.max(0) as u64)).await;
            let payload = Payload::zeros(wanted.size.max(0) as usize);
            yield StreamingOutputCallResponse { payload, ..Default::default() };
        }
    }
}

#[tonic::async_trait]
impl TestService for Interop {
    async fn empty_call(&self, _: Request<Empty>) -> Result<Response<Empty>, Status> {
        let mut seen = Seen::new("EmptyCall");
        seen.take(None);
        seen.reply(Empty {})
    }

    async fn unary_call(&self, request: Request<SimpleRequest>) -> Result<Response<SimpleResponse>, Status> {
        let mut seen = Seen::new("UnaryCall");
        let request = request.into_inner();
        seen.take(request.payload.as_ref());
        let status = echo_status(request.response_status.as_ref());
        seen.end(status)?;
        let payload = Payload::zeros(request.response_size.max(0) as usize);
        seen.reply(SimpleResponse { payload, ..Default::default() })
    }

    type StreamingOutputCallStream = Replies;

    async fn streaming_output_call(
        &self,
        request: Request<StreamingOutputCallRequest>,
    ) -> Result<Response<Replies>, Status> {
        let mut seen = Seen::new("StreamingOutputCall");
        let request = request.into_inner();
        seen.take(request.payload.as_ref());
        Ok(Response::new(Box::pin(async_stream::try_stream! {
            for await reply in replies_to(request.response_parameters) {
                seen.replies += 1;
                yield reply;
            }
            seen.end(echo_status(request.response_status.as_ref()))?;
        })))
    }

    async fn streaming_input_call(
        &self,
        request: Request<Streaming<StreamingInputCallRequest>>,
    ) -> Result<Response<StreamingInputCallResponse>, Status> {
        let mut seen = Seen::new("StreamingInputCall");
        let mut requests = request.into_inner();
        while let Some(request) = next(&mut requests, &mut seen).await? {
            seen.take(request.payload.as_ref());
        }
        let aggregated_payload_size = seen.bytes as i32;
        seen.reply(StreamingInputCallResponse { aggregated_payload_size })
    }

    type FullDuplexCallStream = Replies;

    async fn full_duplex_call(
        &self,
        request: Request<Streaming<StreamingOutputCallRequest>>,
    ) -> Result<Response<Replies>, Status> {
        let mut seen = Seen::new("FullDuplexCall");
        let mut requests = request.into_inner();
        Ok(Response::new(Box::pin(async_stream::try_stream! {
            while let Some(request) = next(&mut requests, &mut seen).await? {
                seen.take(request.payload.as_ref());
                for await reply in replies_to(request.response_parameters) {
                    seen.replies += 1;
                    yield reply;
                }
                if let Err(status) = echo_status(request.response_status.as_ref()) {
                    seen.end(Err(status))?;
                }
            }
            seen.end(Ok(()))?;
        })))
    }

    // No case calls these three; the last one must not be implemented.

    async fn cacheable_unary_call(&self, _: Request<SimpleRequest>) -> Result<Response<SimpleResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    type HalfDuplexCallStream = Replies;

    async fn half_duplex_call(
        &self,
        _: Request<Streaming<StreamingOutputCallRequest>>,
    ) -> Result<Response<Replies>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn unimplemented_call(&self, _: Request<Empty>) -> Result<Response<Empty>, Status> {
        Err(Status::unimplemented(""))
    }
}

/// Echoes the two metadata entries. A layer, since tonic's handlers cannot set the trailers of a call that succeeds.
#[derive(Clone)]
struct EchoMetadata<S>(S);

impl<S> Service<http::Request<Body>> for EchoMetadata<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let initial = request.headers().get(INITIAL).cloned();
        let trailing = request.headers().get(TRAILING).cloned();
        let response = self.0.call(request);
        Box::pin(async move {
            let mut response = response.await?;
            if let Some(value) = initial {
                response.headers_mut().insert(INITIAL, value);
            }
            Ok(response.map(|body| {
                Body::new(body.map_frame(move |mut frame| {
                    if let (Some(trailers), Some(value)) = (frame.trailers_mut(), &trailing) {
                        trailers.insert(TRAILING, value.clone());
                    }
                    frame
                }))
            }))
        })
    }
}
