//! The unary call through nghttp2: header callbacks that look at `:path` and `grpc-status` only, and a reply that is written in
//! the data callback; the prefix of a message, the names of gRPC and the status are its caller's work, and there is no timer.
//! This is the cheapest sensible use. Safety: see `nghttp2.rs`.
#![allow(unsafe_code, reason = "a C library")]

use super::nghttp2::{Callbacks, OK, Session, carry, field, kept, octets, shake_hands};
use crate::Work;
use crate::request::{AUTHORIZATION, MESSAGE, PATH, RequestId};
use libnghttp2_sys as sys;
use std::ffi::{c_int, c_void};

#[derive(Default)]
struct Client {
    status_seen: u64,
    ended: u64,
}

#[derive(Default)]
struct Server {
    paths: u64,
}

pub struct Unary {
    client: Session<Client>,
    server: Session<Server>,
    pipe: Vec<u8>,
    open: u64,
    id: RequestId,
}

const WINDOW: u32 = 65_535;

fn framed_message(into: *mut u8, room: usize) -> isize {
    let len = 5 + MESSAGE.len();
    assert!(room >= len);
    let into = unsafe { std::slice::from_raw_parts_mut(into, len) };
    into[..5].copy_from_slice(&[0, 0, 0, 0, MESSAGE.len() as u8]);
    into[5..].copy_from_slice(&MESSAGE);
    len as isize
}

unsafe extern "C" fn read_request(
    _: *mut sys::nghttp2_session,
    _: i32,
    into: *mut u8,
    room: usize,
    flags: *mut u32,
    _: *mut sys::nghttp2_data_source,
    _: *mut c_void,
) -> isize {
    unsafe { *flags |= sys::NGHTTP2_DATA_FLAG_EOF };
    framed_message(into, room)
}

unsafe extern "C" fn read_reply(
    session: *mut sys::nghttp2_session,
    stream: i32,
    into: *mut u8,
    room: usize,
    flags: *mut u32,
    _: *mut sys::nghttp2_data_source,
    _: *mut c_void,
) -> isize {
    let trailers = [kept("grpc-status", "0")];
    unsafe {
        *flags |= sys::NGHTTP2_DATA_FLAG_EOF | sys::NGHTTP2_DATA_FLAG_NO_END_STREAM;
        assert_eq!(sys::nghttp2_submit_trailer(session, stream, trailers.as_ptr(), trailers.len()), 0);
    }
    framed_message(into, room)
}

unsafe extern "C" fn server_header(
    _: *mut sys::nghttp2_session,
    _: *const sys::nghttp2_frame,
    name: *const u8,
    name_len: usize,
    value: *const u8,
    value_len: usize,
    _: u8,
    state: *mut c_void,
) -> c_int {
    unsafe {
        if octets(name, name_len) == b":path" {
            assert_eq!(octets(value, value_len), PATH.as_bytes());
            (*state.cast::<Server>()).paths += 1;
        }
    }
    OK
}

unsafe extern "C" fn message_chunk(
    _: *mut sys::nghttp2_session,
    _: u8,
    _: i32,
    _: *const u8,
    len: usize,
    _: *mut c_void,
) -> c_int {
    assert_eq!(len, 5 + MESSAGE.len());
    OK
}

unsafe extern "C" fn server_frame(
    session: *mut sys::nghttp2_session,
    frame: *const sys::nghttp2_frame,
    _: *mut c_void,
) -> c_int {
    unsafe {
        let head = &(*frame).hd;
        if u32::from(head.flags) & sys::NGHTTP2_FLAG_END_STREAM != 0 && u32::from(head.type_) == sys::NGHTTP2_DATA {
            let fields = [kept(":status", "200"), kept("content-type", "application/grpc")];
            let source = sys::nghttp2_data_source { ptr: std::ptr::null_mut() };
            let body = sys::nghttp2_data_provider2 { source, read_callback: Some(read_reply) };
            assert_eq!(sys::nghttp2_submit_response2(session, head.stream_id, fields.as_ptr(), fields.len(), &body), 0);
        }
    }
    OK
}

unsafe extern "C" fn client_header(
    _: *mut sys::nghttp2_session,
    _: *const sys::nghttp2_frame,
    name: *const u8,
    name_len: usize,
    value: *const u8,
    value_len: usize,
    _: u8,
    state: *mut c_void,
) -> c_int {
    unsafe {
        if octets(name, name_len) == b"grpc-status" {
            assert_eq!(octets(value, value_len), b"0");
            (*state.cast::<Client>()).status_seen += 1;
        }
    }
    OK
}

unsafe extern "C" fn client_close(_: *mut sys::nghttp2_session, _: i32, code: u32, state: *mut c_void) -> c_int {
    assert_eq!(code, 0);
    unsafe { (*state.cast::<Client>()).ended += 1 };
    OK
}

impl Unary {
    pub fn new(open: u32) -> Self {
        let streams = open.max(100);
        let of_client = |callbacks: Callbacks| unsafe {
            sys::nghttp2_session_callbacks_set_on_header_callback(callbacks, Some(client_header));
            sys::nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, Some(message_chunk));
            sys::nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, Some(client_close));
        };
        let of_server = |callbacks: Callbacks| unsafe {
            sys::nghttp2_session_callbacks_set_on_header_callback(callbacks, Some(server_header));
            sys::nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, Some(message_chunk));
            sys::nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, Some(server_frame));
        };
        let mut client = Session::new(true, Client::default(), streams, WINDOW, of_client);
        let mut server = Session::new(false, Server::default(), streams, WINDOW, of_server);
        let mut pipe = Vec::new();
        shake_hands(&mut client, &mut server, &mut pipe);
        Self { client, server, pipe, open: u64::from(open), id: RequestId::new() }
    }

    fn wave(&mut self) {
        for _ in 0..self.open {
            let fields = [
                kept(":method", "POST"),
                kept(":scheme", "http"),
                kept(":path", PATH),
                kept(":authority", "localhost:50051"),
                kept("te", "trailers"),
                kept("content-type", "application/grpc"),
                kept("user-agent", "grpc-sansio/0.1"),
                kept("grpc-timeout", "1S"),
                kept("authorization", AUTHORIZATION),
                field("x-request-id", self.id.next()),
            ];
            let source = sys::nghttp2_data_source { ptr: std::ptr::null_mut() };
            let body = sys::nghttp2_data_provider2 { source, read_callback: Some(read_request) };
            let (none, no_data) = (std::ptr::null(), std::ptr::null_mut());
            let (raw, count) = (self.client.raw, fields.len());
            let stream = unsafe { sys::nghttp2_submit_request2(raw, none, fields.as_ptr(), count, &body, no_data) };
            assert!(stream > 0);
        }
        carry(&mut self.client, &mut self.server, &mut self.pipe);
        carry(&mut self.server, &mut self.client, &mut self.pipe);
        let client = std::mem::take(self.client.state());
        assert_eq!((client.ended, client.status_seen), (self.open, self.open));
        assert_eq!(std::mem::take(self.server.state()).paths, self.open);
    }
}

impl Work for Unary {
    fn run(&mut self, units: u64) {
        for _ in 0..units.div_ceil(self.open) {
            self.wave();
        }
    }
}
