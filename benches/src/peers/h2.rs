//! The same unary call through h2, polled by hand: the prefix of a message, the names of gRPC and the status are its
//! caller's work, and there is no timer. Headers go in and come out as `HeaderMap`. Octets go through a pipe of 64 KiB, into
//! it and out of it by a copy, as the traits of tokio want it.

use crate::Work;
use crate::request::{AUTHORIZATION, MESSAGE, PATH, RequestId};
use bytes::{Bytes, BytesMut};
use h2::client::{ResponseFuture, SendRequest};
use h2::server::SendResponse;
use h2::{RecvStream, client, server};
use http::header::HeaderValue;
use http::{HeaderMap, Method, Request, Response, Uri};
use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Octets that a pipe holds.
const PIPE: usize = 64 * 1024;

/// One end of a transport in memory.
pub struct End {
    read: Rc<RefCell<BytesMut>>,
    write: Rc<RefCell<BytesMut>>,
}

impl AsyncRead for End {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut pipe = self.read.borrow_mut();
        let count = pipe.len().min(into.remaining());
        if count == 0 {
            return Poll::Pending;
        }
        into.put_slice(&pipe.split_to(count));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for End {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        let mut pipe = self.write.borrow_mut();
        let count = octets.len().min(PIPE - pipe.len());
        if count == 0 {
            return Poll::Pending;
        }
        pipe.extend_from_slice(&octets[..count]);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

pub fn pipe() -> (End, End) {
    let (a, b) = (Rc::default(), Rc::default());
    (End { read: Rc::clone(&a), write: Rc::clone(&b) }, End { read: b, write: a })
}

/// Waves of `open` calls, as those of our own.
pub struct Unary {
    open: usize,
    requests: SendRequest<Bytes>,
    client: Client,
    server: Server,
    authority: Uri,
    id: RequestId,
}

type Client = Pin<Box<client::Connection<End, Bytes>>>;
type Server = server::Connection<End, Bytes>;

/// Both ends, past their handshake.
pub fn connect(client: &client::Builder, server: &server::Builder) -> (SendRequest<Bytes>, Client, Server) {
    let context = &mut Context::from_waker(Waker::noop());
    let (near, far) = pipe();
    let mut opening = Box::pin(client.handshake::<_, Bytes>(near));
    let mut accepting = Box::pin(server.handshake::<_, Bytes>(far));
    let (mut client, mut server) = (None, None);
    while client.is_none() || server.is_none() {
        if client.is_none()
            && let Poll::Ready(done) = opening.as_mut().poll(context)
        {
            client = Some(done.expect("a handshake"));
        }
        if server.is_none()
            && let Poll::Ready(done) = accepting.as_mut().poll(context)
        {
            server = Some(done.expect("a handshake"));
        }
    }
    let (Some((requests, client)), Some(server)) = (client, server) else { unreachable!() };
    (requests, Box::pin(client), server)
}

impl Unary {
    pub fn new(open: usize) -> Self {
        let (requests, client, server) =
            connect(client::Builder::new().initial_max_send_streams(open), &server::Builder::new());
        let authority = Uri::from_static("http://localhost:50051/helloworld.Greeter/SayHello");
        Self { open, requests, client, server, authority, id: RequestId::new() }
    }

    fn request(&mut self) -> Request<()> {
        let mut request = Request::new(());
        (*request.method_mut(), *request.uri_mut()) = (Method::POST, self.authority.clone());
        let headers = request.headers_mut();
        headers.insert("te", HeaderValue::from_static("trailers"));
        headers.insert("content-type", HeaderValue::from_static("application/grpc"));
        headers.insert("user-agent", HeaderValue::from_static("grpc-sansio/0.1"));
        headers.insert("grpc-timeout", HeaderValue::from_static("1S"));
        headers.insert("authorization", HeaderValue::from_static(AUTHORIZATION));
        headers.insert("x-request-id", HeaderValue::from_str(self.id.next()).expect("ASCII"));
        request
    }

    fn wave(&mut self) {
        let context = &mut Context::from_waker(Waker::noop());
        let mut responses: Vec<Pending> = Vec::with_capacity(self.open);
        for _ in 0..self.open {
            assert!(self.requests.poll_ready(context).is_ready());
            let request = self.request();
            let (response, mut body) = self.requests.send_request(request, false).expect("a stream");
            body.send_data(message(), true).expect("an open stream");
            responses.push(Pending::Head(response));
        }
        let mut served: Vec<(RecvStream, SendResponse<Bytes>)> = Vec::with_capacity(self.open);
        let mut ended = 0;
        while ended < self.open {
            assert!(self.client.as_mut().poll(context).is_pending());
            while let Poll::Ready(Some(accepted)) = self.server.poll_accept(context) {
                let (request, respond) = accepted.expect("a request");
                assert_eq!(request.uri().path(), PATH);
                served.push((request.into_body(), respond));
            }
            served.retain_mut(|(body, respond)| !serve(body, respond, context));
            assert!(self.server.poll_accept(context).is_pending());
            assert!(self.client.as_mut().poll(context).is_pending());
            responses.retain_mut(|pending| {
                let over = pending.poll(context);
                ended += usize::from(over);
                !over
            });
        }
    }
}

impl Work for Unary {
    fn run(&mut self, units: u64) {
        for _ in 0..units.div_ceil(self.open as u64) {
            self.wave();
        }
    }
}

fn message() -> Bytes {
    let mut octets = BytesMut::with_capacity(5 + MESSAGE.len());
    octets.extend_from_slice(&[0, 0, 0, 0, MESSAGE.len() as u8]);
    octets.extend_from_slice(&MESSAGE);
    octets.freeze()
}

/// Takes what a body has; true once it has ended.
fn drain(body: &mut RecvStream, context: &mut Context<'_>) -> bool {
    loop {
        match body.poll_data(context) {
            Poll::Ready(Some(data)) => {
                let data = data.expect("DATA");
                assert_eq!(data.len(), 5 + MESSAGE.len());
                body.flow_control().release_capacity(data.len()).expect("what was received");
            }
            Poll::Ready(None) => return true,
            Poll::Pending => return false,
        }
    }
}

/// Answers a request that has ended; true if it did.
fn serve(body: &mut RecvStream, respond: &mut SendResponse<Bytes>, context: &mut Context<'_>) -> bool {
    if !drain(body, context) {
        return false;
    }
    let mut response = Response::new(());
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    let mut send = respond.send_response(response, false).expect("an open stream");
    send.send_data(message(), false).expect("an open stream");
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    send.send_trailers(trailers).expect("an open stream");
    true
}

enum Pending {
    Head(ResponseFuture),
    Body(RecvStream),
}

impl Pending {
    /// True once the call has ended.
    fn poll(&mut self, context: &mut Context<'_>) -> bool {
        if let Self::Head(head) = self {
            let Poll::Ready(response) = Pin::new(head).poll(context) else { return false };
            *self = Self::Body(response.expect("a response").into_body());
        }
        let Self::Body(body) = self else { return false };
        if !drain(body, context) {
            return false;
        }
        let Poll::Ready(trailers) = body.poll_trailers(context) else { return false };
        assert_eq!(trailers.expect("no error").expect("trailers")["grpc-status"], "0");
        true
    }
}
