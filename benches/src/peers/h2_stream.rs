//! Server streaming through h2, polled by hand: a message is serialised by one copy into a `Bytes` with its prefix, small ones
//! packed into 16 KiB (h2 makes a frame of each piece it is given, and its client ends a connection that gets too many small
//! ones); it goes through the pipe, and is put together again by one copy out of h2's. Window is asked for and given back as
//! h2's documentation says.

use super::h2::{End, connect};
use super::sink::{Sink, prefix};
use crate::Work;
use bytes::{Bytes, BytesMut};
use h2::{RecvStream, SendStream, client, server};
use http::{Method, Request, Response, Uri};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// What small messages are packed into.
const PACK: usize = 16 * 1024;

pub struct Stream {
    client: Pin<Box<client::Connection<End, Bytes>>>,
    server: server::Connection<End, Bytes>,
    send: SendStream<Bytes>,
    body: RecvStream,
    sink: Sink,
    message: Vec<u8>,
    /// What was serialised and not taken.
    pending: Bytes,
    // Its window would close with them.
    _requests: client::SendRequest<Bytes>,
}

impl Stream {
    pub fn new(size: usize, window: u32) -> Self {
        let context = &mut Context::from_waker(Waker::noop());
        let mut builder = client::Builder::new();
        builder.initial_window_size(window).initial_connection_window_size(window);
        let (mut requests, mut client, mut server) = connect(&builder, &server::Builder::new());
        let mut request = Request::new(());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = Uri::from_static("http://localhost:50051/helloworld.Greeter/List");
        let (mut response, _) = requests.send_request(request, true).expect("a stream");
        let (mut send, mut body) = (None, None);
        while body.is_none() {
            assert!(client.as_mut().poll(context).is_pending());
            if let Poll::Ready(Some(accepted)) = server.poll_accept(context) {
                let (_, mut respond) = accepted.expect("a request");
                send = Some(respond.send_response(Response::new(()), false).expect("an open stream"));
            }
            if let Poll::Ready(response) = Pin::new(&mut response).poll(context) {
                body = Some(response.expect("a response").into_body());
            }
        }
        let (Some(send), Some(body)) = (send, body) else { unreachable!() };
        let message = vec![0x5a; size];
        Self { client, server, send, body, sink: Sink::new(size), message, pending: Bytes::new(), _requests: requests }
    }

    /// Serialises up to so many messages into one piece.
    fn serialise(&mut self, most: u64) -> u64 {
        let each = 5 + self.message.len();
        let count = ((PACK / each) as u64).clamp(1, most);
        let mut piece = BytesMut::with_capacity(each * count as usize);
        for _ in 0..count {
            piece.extend_from_slice(&prefix(self.message.len()));
            piece.extend_from_slice(&self.message);
        }
        self.pending = piece.freeze();
        count
    }
}

impl Work for Stream {
    fn run(&mut self, units: u64) {
        let context = &mut Context::from_waker(Waker::noop());
        let mut made = 0;
        self.sink.received = 0;
        while self.sink.received < units {
            loop {
                if self.pending.is_empty() {
                    if made == units {
                        break;
                    }
                    made += self.serialise(units - made);
                }
                self.send.reserve_capacity(self.pending.len());
                let granted = match self.send.capacity() {
                    0 => match self.send.poll_capacity(context) {
                        Poll::Ready(Some(granted)) => granted.expect("an open stream"),
                        _ => 0,
                    },
                    granted => granted,
                };
                if granted == 0 {
                    break;
                }
                let piece = self.pending.split_to(granted.min(self.pending.len()));
                self.send.send_data(piece, false).expect("an open stream");
            }
            assert!(self.server.poll_accept(context).is_pending());
            assert!(self.client.as_mut().poll(context).is_pending());
            while let Poll::Ready(Some(data)) = self.body.poll_data(context) {
                let data = data.expect("DATA");
                self.sink.take(&data);
                self.body.flow_control().release_capacity(data.len()).expect("what was received");
            }
        }
    }
}
