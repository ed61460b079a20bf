//! Server streaming through nghttp2: messages are serialised by one copy into the library's frame, prefix included and packed
//! in full frames, and put together again by one copy out of its data callback. With the copy into the pipe that makes three.
//! Flow control is the library's own. Safety: see `nghttp2.rs`.
#![allow(unsafe_code, reason = "a C library")]

use super::nghttp2::{Callbacks, OK, Session, carry, kept, octets, shake_hands};
use super::sink::{Sink, prefix};
use crate::Work;
use libnghttp2_sys as sys;
use std::ffi::{c_int, c_void};

/// What is left of the message that is being written, and how many follow.
struct Source {
    message: Vec<u8>,
    /// Octets of it, prefix included, that were written.
    written: usize,
    left: u64,
}

impl Source {
    fn fill(&mut self, mut into: &mut [u8]) -> usize {
        let room = into.len();
        let prefix = prefix(self.message.len());
        while self.left > 0 && !into.is_empty() {
            let rest = match self.written {
                written @ 0..5 => &prefix[written..],
                written => &self.message[written - 5..],
            };
            let count = rest.len().min(into.len());
            into[..count].copy_from_slice(&rest[..count]);
            into = &mut into[count..];
            self.written += count;
            if self.written == 5 + self.message.len() {
                (self.written, self.left) = (0, self.left - 1);
            }
        }
        room - into.len()
    }
}

unsafe extern "C" fn read(
    _: *mut sys::nghttp2_session,
    _: i32,
    into: *mut u8,
    room: usize,
    _: *mut u32,
    _: *mut sys::nghttp2_data_source,
    state: *mut c_void,
) -> isize {
    let count = unsafe { (*state.cast::<Source>()).fill(std::slice::from_raw_parts_mut(into, room)) };
    if count == 0 { sys::NGHTTP2_ERR_DEFERRED as isize } else { count as isize }
}

unsafe extern "C" fn chunk(
    _: *mut sys::nghttp2_session,
    _: u8,
    _: i32,
    data: *const u8,
    len: usize,
    state: *mut c_void,
) -> c_int {
    unsafe { (*state.cast::<Sink>()).take(octets(data, len)) };
    OK
}

pub struct Stream {
    client: Session<Sink>,
    server: Session<Source>,
    pipe: Vec<u8>,
}

const STREAM: i32 = 1;

impl Stream {
    pub fn new(size: usize, window: u32) -> Self {
        let of_client = |callbacks: Callbacks| unsafe {
            sys::nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, Some(chunk));
        };
        let source = Source { message: vec![0x5a; size], written: 0, left: 0 };
        let mut client = Session::new(true, Sink::new(size), 100, window, of_client);
        let mut server = Session::new(false, source, 100, window, |_| {});
        let mut pipe = Vec::new();
        shake_hands(&mut client, &mut server, &mut pipe);
        let fields = [
            kept(":method", "POST"),
            kept(":scheme", "http"),
            kept(":path", "/helloworld.Greeter/List"),
            kept(":authority", "localhost:50051"),
            kept("te", "trailers"),
            kept("content-type", "application/grpc"),
        ];
        let (none, nothing, no_data) = (std::ptr::null(), std::ptr::null(), std::ptr::null_mut());
        let stream =
            unsafe { sys::nghttp2_submit_request2(client.raw, none, fields.as_ptr(), fields.len(), nothing, no_data) };
        assert_eq!(stream, STREAM);
        carry(&mut client, &mut server, &mut pipe);
        let fields = [kept(":status", "200"), kept("content-type", "application/grpc")];
        let source = sys::nghttp2_data_source { ptr: std::ptr::null_mut() };
        let body = sys::nghttp2_data_provider2 { source, read_callback: Some(read) };
        let result = unsafe { sys::nghttp2_submit_response2(server.raw, stream, fields.as_ptr(), fields.len(), &body) };
        assert_eq!(result, 0);
        carry(&mut server, &mut client, &mut pipe);
        Self { client, server, pipe }
    }
}

impl Work for Stream {
    fn run(&mut self, units: u64) {
        self.server.state().left = units;
        self.client.state().received = 0;
        // No error that matters: a stream that was not put off yet.
        _ = unsafe { sys::nghttp2_session_resume_data(self.server.raw, STREAM) };
        while self.client.state().received < units {
            self.pipe.clear();
            self.server.send(&mut self.pipe, 64 * 1024);
            self.client.receive(&self.pipe);
            carry(&mut self.client, &mut self.server, &mut self.pipe);
        }
    }
}
