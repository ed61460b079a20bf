//! nghttp2 through its Rust binding: what the call and the stream share.
//!
//! The safety of this file: a session is used by one thread and lives as long as its state, to which callbacks get a pointer
//! while nobody else holds a reference; octets and fields handed to the library outlive the call that takes them, or are
//! static.
#![allow(unsafe_code, reason = "a C library")]

use libnghttp2_sys as sys;
use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

pub type Callbacks = *mut sys::nghttp2_session_callbacks;

/// Allocations of the library: it is the only one beside Rust's own allocator.
static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);
static OCTETS: AtomicUsize = AtomicUsize::new(0);

/// Allocations of all sessions and codecs so far, and the octets asked for.
pub fn allocated() -> (usize, usize) {
    (ALLOCATIONS.load(Ordering::Relaxed), OCTETS.load(Ordering::Relaxed))
}

fn count(size: usize) {
    ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
    OCTETS.fetch_add(size, Ordering::Relaxed);
}

unsafe extern "C" fn malloc(size: usize, _: *mut c_void) -> *mut c_void {
    count(size);
    unsafe { libc::malloc(size) }
}

unsafe extern "C" fn free(at: *mut c_void, _: *mut c_void) {
    unsafe { libc::free(at) }
}

unsafe extern "C" fn calloc(number: usize, size: usize, _: *mut c_void) -> *mut c_void {
    count(number * size);
    unsafe { libc::calloc(number, size) }
}

unsafe extern "C" fn realloc(at: *mut c_void, size: usize, _: *mut c_void) -> *mut c_void {
    count(size);
    unsafe { libc::realloc(at, size) }
}

/// C's allocator, counted; that takes some five instructions an allocation.
pub fn memory() -> sys::nghttp2_mem {
    sys::nghttp2_mem {
        mem_user_data: ptr::null_mut(),
        malloc: Some(malloc),
        free: Some(free),
        calloc: Some(calloc),
        realloc: Some(realloc),
    }
}

/// One end of a connection, with the state `T` that its callbacks are given.
pub struct Session<T> {
    pub raw: *mut sys::nghttp2_session,
    state: *mut T,
}

impl<T> Drop for Session<T> {
    fn drop(&mut self) {
        unsafe {
            sys::nghttp2_session_del(self.raw);
            drop(Box::from_raw(self.state));
        }
    }
}

impl<T> Session<T> {
    /// A session whose SETTINGS allow so many streams with such a window; the connection's window is as large.
    pub fn new(is_client: bool, state: T, streams: u32, window: u32, set: impl FnOnce(Callbacks)) -> Self {
        let state = Box::into_raw(Box::new(state));
        let mut raw = ptr::null_mut();
        unsafe {
            let mut memory = memory();
            let mut callbacks = ptr::null_mut();
            assert_eq!(sys::nghttp2_session_callbacks_new(&mut callbacks), 0);
            set(callbacks);
            let new = if is_client { sys::nghttp2_session_client_new3 } else { sys::nghttp2_session_server_new3 };
            assert_eq!(new(&mut raw, callbacks, state.cast(), ptr::null(), &mut memory), 0);
            sys::nghttp2_session_callbacks_del(callbacks);
            let settings = [
                (sys::NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, streams),
                (sys::NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window),
            ];
            let settings = settings.map(|(id, value)| sys::nghttp2_settings_entry { settings_id: id as i32, value });
            assert_eq!(sys::nghttp2_submit_settings(raw, 0, settings.as_ptr(), settings.len()), 0);
            assert_eq!(sys::nghttp2_session_set_local_window_size(raw, 0, 0, window as i32), 0);
        }
        Self { raw, state }
    }

    /// Between calls of the library nobody else has a reference.
    pub fn state(&mut self) -> &mut T {
        unsafe { &mut *self.state }
    }

    /// Adds what this end has to say, up to about `most` octets.
    pub fn send(&mut self, pipe: &mut Vec<u8>, most: usize) {
        while pipe.len() < most {
            let mut data = ptr::null();
            unsafe {
                let len = sys::nghttp2_session_mem_send2(self.raw, &mut data);
                assert!(len >= 0, "{len}");
                if len == 0 {
                    return;
                }
                pipe.extend_from_slice(std::slice::from_raw_parts(data, len as usize));
            }
        }
    }

    pub fn receive(&mut self, octets: &[u8]) {
        let taken = unsafe { sys::nghttp2_session_mem_recv2(self.raw, octets.as_ptr(), octets.len()) };
        assert_eq!(taken, octets.len() as isize);
    }
}

/// All that one end has to say goes to the other, through a pipe of 64 KiB: the library gives its output frame by frame, and
/// a socket wants it in one piece.
pub fn carry<A, B>(from: &mut Session<A>, to: &mut Session<B>, pipe: &mut Vec<u8>) {
    loop {
        pipe.clear();
        from.send(pipe, 64 * 1024);
        if pipe.is_empty() {
            return;
        }
        to.receive(pipe);
    }
}

/// SETTINGS both ways, and their acknowledgements.
pub fn shake_hands<A, B>(client: &mut Session<A>, server: &mut Session<B>, pipe: &mut Vec<u8>) {
    for _ in 0..2 {
        carry(client, server, pipe);
        carry(server, client, pipe);
    }
}

/// A field that the library need not copy.
pub fn kept(name: &'static str, value: &'static str) -> sys::nghttp2_nv {
    let flags = (sys::NGHTTP2_NV_FLAG_NO_COPY_NAME | sys::NGHTTP2_NV_FLAG_NO_COPY_VALUE) as u8;
    sys::nghttp2_nv { flags, ..field(name, value) }
}

/// A field whose value the library copies.
pub fn field(name: &'static str, value: &str) -> sys::nghttp2_nv {
    sys::nghttp2_nv {
        name: name.as_ptr().cast_mut(),
        value: value.as_ptr().cast_mut(),
        namelen: name.len(),
        valuelen: value.len(),
        flags: sys::NGHTTP2_NV_FLAG_NO_COPY_NAME as u8,
    }
}

/// What a callback was given.
///
/// # Safety
///
/// The pointer is what the library passed on, and the reference ends with the callback.
pub unsafe fn octets<'a>(at: *const u8, len: usize) -> &'a [u8] {
    unsafe { std::slice::from_raw_parts(at, len) }
}

pub const OK: c_int = 0;
