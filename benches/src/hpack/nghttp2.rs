//! nghttp2's codec through its public functions, with its assertions on, as its Rust binding builds it.
#![allow(unsafe_code, reason = "a C library")]

use super::codec;
use super::lists::List;
use crate::peers;
use libnghttp2_sys::{
    nghttp2_hd_deflate_del, nghttp2_hd_deflate_hd2, nghttp2_hd_deflate_new2, nghttp2_hd_deflater,
    nghttp2_hd_inflate_del, nghttp2_hd_inflate_end_headers, nghttp2_hd_inflate_hd3, nghttp2_hd_inflate_new2,
    nghttp2_hd_inflater, nghttp2_mem, nghttp2_nv,
};
use std::ffi::c_int;
use std::ptr;

const FLAG_NO_INDEX: u8 = 1;
const INFLATE_FINAL: c_int = 1;
const INFLATE_EMIT: c_int = 2;

/// A codec keeps the pointer.
fn memory() -> *mut nghttp2_mem {
    Box::leak(Box::new(peers::nghttp2::memory()))
}

pub struct Deflate {
    deflater: *mut nghttp2_hd_deflater,
    lists: Vec<Vec<nghttp2_nv>>,
    out: Vec<u8>,
}

impl codec::Encode for Deflate {
    fn new(lists: &'static [List]) -> Self {
        let field = |(name, value, sensitive): &'static (Vec<u8>, Vec<u8>, bool)| nghttp2_nv {
            name: name.as_ptr().cast_mut(),
            value: value.as_ptr().cast_mut(),
            namelen: name.len(),
            valuelen: value.len(),
            flags: if *sensitive { FLAG_NO_INDEX } else { 0 },
        };
        let lists = lists.iter().map(|list| list.iter().map(field).collect()).collect();
        let mut deflater = ptr::null_mut();
        assert_eq!(unsafe { nghttp2_hd_deflate_new2(&mut deflater, 4096, memory()) }, 0);
        Self { deflater, lists, out: vec![0; 16_384] }
    }

    fn encode(&mut self, at: usize) -> &[u8] {
        let list = &self.lists[at];
        let (out, len) = (self.out.as_mut_ptr(), self.out.len());
        // The fields are only read, and lie in memory that is never given back.
        let len = unsafe { nghttp2_hd_deflate_hd2(self.deflater, out, len, list.as_ptr(), list.len()) };
        &self.out[..usize::try_from(len).expect("a block")]
    }
}

impl Drop for Deflate {
    fn drop(&mut self) {
        unsafe { nghttp2_hd_deflate_del(self.deflater) }
    }
}

pub struct Inflate(*mut nghttp2_hd_inflater);

impl codec::Decode for Inflate {
    fn new() -> Self {
        let mut inflater = ptr::null_mut();
        assert_eq!(unsafe { nghttp2_hd_inflate_new2(&mut inflater, memory()) }, 0);
        Self(inflater)
    }

    fn decode(&mut self, mut block: &[u8]) -> usize {
        let mut octets = 0;
        loop {
            let mut field =
                nghttp2_nv { name: ptr::null_mut(), value: ptr::null_mut(), namelen: 0, valuelen: 0, flags: 0 };
            let mut flags = 0;
            let used =
                unsafe { nghttp2_hd_inflate_hd3(self.0, &mut field, &mut flags, block.as_ptr(), block.len(), 1) };
            block = &block[usize::try_from(used).expect("a sound block")..];
            if flags & INFLATE_EMIT != 0 {
                octets += field.namelen + field.valuelen;
            }
            if flags & INFLATE_FINAL != 0 {
                assert_eq!(unsafe { nghttp2_hd_inflate_end_headers(self.0) }, 0);
                return octets;
            }
        }
    }
}

impl Drop for Inflate {
    fn drop(&mut self) {
        unsafe { nghttp2_hd_inflate_del(self.0) }
    }
}
