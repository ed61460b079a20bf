//! nghttp2 as a server in memory: octets in, octets out, and what it told its application.

use crate::observed::{Observed, Server};
use libnghttp2_sys as ffi;
use std::ffi::{c_int, c_void};
use std::ptr;

/// A session; its application answers each request that has ended with an empty response.
pub struct Nghttp2 {
    session: *mut ffi::nghttp2_session,
    /// What the callbacks write to; boxed, since the session keeps its address.
    seen: Box<Seen>,
}

#[derive(Default)]
struct Seen {
    observed: Observed,
    /// Requests that have ended and were not answered yet.
    ended: Vec<i32>,
    gave_up: bool,
}

impl Nghttp2 {
    /// `consumes` is whether DATA goes back to the client's windows.
    pub fn new(consumes: bool) -> Self {
        let mut seen = Box::<Seen>::default();
        let mut session = ptr::null_mut();
        // SAFETY: every pointer is to a live object; the session copies callbacks and options, and keeps the address of
        // `seen`, which lives in a box until the session is deleted.
        unsafe {
            let (mut callbacks, mut option) = (ptr::null_mut(), ptr::null_mut());
            check(ffi::nghttp2_session_callbacks_new(&mut callbacks));
            ffi::nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, Some(frame_received));
            ffi::nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, Some(data_received));
            check(ffi::nghttp2_option_new(&mut option));
            ffi::nghttp2_option_set_no_auto_window_update(option, c_int::from(!consumes));
            let user = ptr::from_mut(&mut *seen).cast::<c_void>();
            check(ffi::nghttp2_session_server_new2(&mut session, callbacks, user, option));
            ffi::nghttp2_option_del(option);
            ffi::nghttp2_session_callbacks_del(callbacks);
            let limit = ffi::nghttp2_settings_entry { settings_id: 3, value: crate::observed::MAX_STREAMS };
            check(ffi::nghttp2_submit_settings(session, 0, &limit, 1));
        }
        Self { session, seen }
    }
}

impl Server for Nghttp2 {
    fn receive(&mut self, octets: &[u8]) {
        // SAFETY: the octets live during the call.
        let taken = unsafe { ffi::nghttp2_session_mem_recv2(self.session, octets.as_ptr(), octets.len()) };
        if taken < 0 {
            // A wrong preface, or a flood: there is nothing left to say.
            self.seen.gave_up = true;
        }
        for stream in std::mem::take(&mut self.seen.ended) {
            let field = |name: &'static [u8], value: &'static [u8]| ffi::nghttp2_nv {
                name: name.as_ptr().cast_mut(),
                value: value.as_ptr().cast_mut(),
                namelen: name.len(),
                valuelen: value.len(),
                flags: 0,
            };
            let fields = [field(b":status", b"200")];
            // SAFETY: the fields are copied during the call. A stream that is gone is an error and nothing else.
            unsafe { ffi::nghttp2_submit_response2(self.session, stream, fields.as_ptr(), 1, ptr::null()) };
        }
    }

    fn transmit(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            let mut data = ptr::null();
            // SAFETY: what is returned lives until the next call of the session.
            unsafe {
                match ffi::nghttp2_session_mem_send2(self.session, &mut data) {
                    len @ 1.. => all.extend_from_slice(std::slice::from_raw_parts(data, len as usize)),
                    0 => return all,
                    _ => {
                        self.seen.gave_up = true;
                        return all;
                    }
                }
            }
        }
    }

    fn observed(&mut self) -> &mut Observed {
        &mut self.seen.observed
    }

    fn gave_up(&self) -> bool {
        // SAFETY: a question, to a session that lives.
        self.seen.gave_up || unsafe { ffi::nghttp2_session_want_read(self.session) == 0 }
    }

    fn reason(&self) -> &'static str {
        ""
    }
}

impl Drop for Nghttp2 {
    fn drop(&mut self) {
        // SAFETY: made by `new`, and deleted once.
        unsafe { ffi::nghttp2_session_del(self.session) };
    }
}

fn check(result: c_int) {
    assert_eq!(result, 0, "nghttp2 is out of memory");
}

unsafe extern "C" fn frame_received(
    _: *mut ffi::nghttp2_session,
    frame: *const ffi::nghttp2_frame,
    user: *mut c_void,
) -> c_int {
    // SAFETY: `user` is the box of `new`, which nothing else refers to during a callback; every frame has a head.
    let (seen, head) = unsafe { (&mut *user.cast::<Seen>(), (*frame).hd) };
    if head.type_ == 1 {
        // SAFETY: the head says that it is HEADERS.
        let category = unsafe { (*frame).headers.cat };
        if category == ffi::NGHTTP2_HCAT_REQUEST {
            seen.observed.accepted.push(head.stream_id as u32);
        }
    }
    if matches!(head.type_, 0 | 1) && head.flags & 1 == 1 {
        seen.observed.ended.push(head.stream_id as u32);
        seen.ended.push(head.stream_id);
    }
    0
}

unsafe extern "C" fn data_received(
    _: *mut ffi::nghttp2_session,
    _: u8,
    stream: i32,
    _: *const u8,
    len: usize,
    user: *mut c_void,
) -> c_int {
    // SAFETY: as in `frame_received`.
    let seen = unsafe { &mut *user.cast::<Seen>() };
    *seen.observed.data.entry(stream as u32).or_default() += len;
    0
}
