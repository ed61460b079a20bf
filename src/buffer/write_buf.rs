//! Outgoing bytes, owned by whoever drives the connection.
#![expect(
    clippy::indexing_slicing,
    reason = "the segments say how `copied` is divided, and only this file writes them"
)]

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;

use bytes::{Buf, Bytes};

/// A run of waiting bytes. Never empty.
#[derive(Clone)]
enum Segment {
    /// The next so many octets of `WriteBuf::copied`.
    Copied(usize),
    /// A payload held by reference.
    Shared(Bytes),
}

/// Bytes on their way to the peer, owned by the caller: framing is copied in, large payloads are held by reference.
///
/// What is in it is committed: it goes to the transport in order, whole, and before anything that is said later. Take
/// it out in one of two ways.
///
/// * Readiness IO: it is a [`Buf`]. Write [`chunk`](Buf::chunk) or, with the feature `std`,
///   [`chunks_vectored`](Buf::chunks_vectored), then [`advance`](Buf::advance) by what the transport took, however
///   little. [`copy_to_bytes`](Buf::copy_to_bytes) does not copy where it stays within one shared payload.
/// * Completion IO: [`next_chunk`](Self::next_chunk) gives owned bytes that stay where they are.
///
/// Once its memory has grown to what the traffic needs, framing is written and taken without allocating. The work is
/// linear in the bytes, one octet at a time included.
///
/// ```
/// use bytes::Buf;
/// use grpc_sansio::WriteBuf;
///
/// let out = WriteBuf::new();
/// assert_eq!(out.target(), WriteBuf::DEFAULT_TARGET);
/// assert!(!out.has_remaining() && !out.is_full());
/// ```
///
/// # Panics
///
/// As with every `Buf`, it is a bug of the caller to [`advance`](Buf::advance) or [`copy_to_bytes`](Buf::copy_to_bytes)
/// past the end, and it panics.
#[derive(Clone)]
pub struct WriteBuf {
    /// Framing: `copied[..read]` is gone, `copied[read..]` is what the `Copied` segments count, in order, and `last`
    /// after them.
    copied: Vec<u8>,
    read: usize,
    segments: VecDeque<Segment>,
    /// Octets copied since the last segment was made: the last run, which still grows.
    last: usize,
    /// The octets of all segments.
    len: usize,
    target: usize,
}

impl WriteBuf {
    /// The target of [`new`](Self::new), in octets: enough for a few full frames in one write.
    pub const DEFAULT_TARGET: usize = 65_536;

    /// Octets taken from the front of `copied` before it is worth moving the rest there.
    const COMPACT_FROM: usize = 4_096;

    /// An empty buffer with the target [`DEFAULT_TARGET`](Self::DEFAULT_TARGET). Allocates nothing yet.
    pub const fn new() -> Self {
        Self::with_target(Self::DEFAULT_TARGET)
    }

    /// An empty buffer that a connection stops filling near `target` waiting octets. The frame that reaches the target
    /// is completed, so it may be exceeded by about one frame. A target of 0 counts as 1: an empty buffer always takes
    /// something.
    ///
    /// ```
    /// assert_eq!(grpc_sansio::WriteBuf::with_target(1_000).target(), 1_000);
    /// ```
    pub const fn with_target(target: usize) -> Self {
        let target = if target == 0 { 1 } else { target };
        Self { copied: Vec::new(), read: 0, segments: VecDeque::new(), last: 0, len: 0, target }
    }

    /// How many waiting octets a connection aims at.
    pub const fn target(&self) -> usize {
        self.target
    }

    /// Waiting octets, the same as [`Buf::remaining`].
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing waits.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether the target is met.
    pub const fn is_full(&self) -> bool {
        self.len >= self.target
    }

    /// Takes the next run of bytes as an owned value whose address does not change, for IO that is handed a buffer and
    /// completes later. A shared payload comes as it is, framing is copied out. `None` when nothing waits.
    ///
    /// ```
    /// # let mut out = grpc_sansio::WriteBuf::new();
    /// while let Some(bytes) = out.next_chunk() {
    ///     // submit `bytes` and keep it until the completion
    ///     # let _: bytes::Bytes = bytes;
    /// }
    /// ```
    pub fn next_chunk(&mut self) -> Option<Bytes> {
        if self.segments.is_empty() {
            self.end_run();
        }
        match self.segments.pop_front()? {
            Segment::Copied(count) => {
                let bytes = Bytes::copy_from_slice(&self.copied[self.read..self.read + count]);
                self.len -= count;
                self.skip_copied(count);
                Some(bytes)
            }
            Segment::Shared(bytes) => {
                self.len -= bytes.len();
                Some(bytes)
            }
        }
    }

    /// [`Buf::advance`] by a part, or over payloads that are held by reference.
    #[inline(never)]
    fn advance_within(&mut self, mut count: usize) {
        assert!(count <= self.len, "cannot advance by {count} of {} waiting octets", self.len);
        self.len -= count;
        while count > 0 {
            let size = self.chunk().len();
            let step = count.min(size);
            match self.segments.front_mut() {
                Some(Segment::Copied(waiting)) => {
                    *waiting -= step;
                    self.skip_copied(step);
                }
                Some(Segment::Shared(bytes)) => bytes.advance(step),
                None => {
                    self.last -= step;
                    self.skip_copied(step);
                }
            }
            if step == size {
                self.segments.pop_front();
            }
            count -= step;
        }
    }

    /// A copy of what waits behind the first `from` octets.
    #[cfg(feature = "event-log")]
    pub(crate) fn copy_from(&self, from: usize) -> Vec<u8> {
        let mut rest = self.clone();
        let mut copy = alloc::vec![0; self.len.saturating_sub(from)];
        rest.advance(from.min(self.len));
        rest.copy_to_slice(&mut copy);
        copy
    }

    /// Marks the next `count` octets of `copied` as gone. With the last of them the memory starts again at the front.
    fn skip_copied(&mut self, count: usize) {
        self.read += count;
        if self.read == self.copied.len() {
            self.copied.clear();
            self.read = 0;
        }
    }

    /// Appends bytes by copying them.
    pub(crate) fn put_slice(&mut self, bytes: &[u8]) {
        self.with_vec(|copied| copied.extend_from_slice(bytes));
    }

    /// Appends bytes by reference.
    pub(crate) fn put_shared(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.end_run();
            self.len += bytes.len();
            self.segments.push_back(Segment::Shared(bytes));
        }
    }

    /// Appends whatever `write` appends to the `Vec`. It may also change what it has appended, such as a frame head
    /// whose length was not known; what was there before it must leave alone.
    #[inline]
    pub(crate) fn with_vec<R>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        if self.read >= Self::COMPACT_FROM {
            self.compact();
        }
        let before = self.copied.len();
        let result = write(&mut self.copied);
        debug_assert!(self.copied.len() >= before, "bytes that were committed have been taken back");
        let added = self.copied.len() - before;
        self.len += added;
        self.last += added;
        result
    }

    /// The last run is followed by something else, or taken.
    fn end_run(&mut self) {
        if self.last > 0 {
            self.segments.push_back(Segment::Copied(core::mem::take(&mut self.last)));
        }
    }

    /// Moves the waiting part of `copied` to its front once the part that is gone is the larger one. Each octet moved
    /// is paid for by one taken since the last move, so the work stays linear and the memory below twice the need.
    fn compact(&mut self) {
        let waiting = self.copied.len() - self.read;
        if self.read >= waiting {
            self.copied.copy_within(self.read.., 0);
            self.copied.truncate(waiting);
            self.read = 0;
        }
    }
}

impl Buf for WriteBuf {
    fn remaining(&self) -> usize {
        self.len
    }

    fn chunk(&self) -> &[u8] {
        match self.segments.front() {
            Some(Segment::Copied(count)) => &self.copied[self.read..self.read + count],
            Some(Segment::Shared(bytes)) => bytes,
            None => &self.copied[self.read..self.read + self.last],
        }
    }

    #[cfg(feature = "std")]
    fn chunks_vectored<'a>(&'a self, slices: &mut [std::io::IoSlice<'a>]) -> usize {
        let mut copied = &self.copied[self.read..];
        let mut filled = 0;
        for (slice, segment) in slices.iter_mut().zip(&self.segments) {
            let bytes = match segment {
                Segment::Copied(count) => {
                    let (bytes, rest) = copied.split_at(*count);
                    copied = rest;
                    bytes
                }
                Segment::Shared(bytes) => bytes,
            };
            *slice = std::io::IoSlice::new(bytes);
            filled += 1;
        }
        if let Some(slice) = slices.get_mut(filled).filter(|_| self.last > 0) {
            *slice = std::io::IoSlice::new(copied);
            filled += 1;
        }
        filled
    }

    #[inline]
    fn advance(&mut self, count: usize) {
        if count == self.len && self.segments.is_empty() {
            // All that was copied, which is how most of it goes.
            (self.len, self.last, self.read) = (0, 0, 0);
            return self.copied.clear();
        }
        self.advance_within(count);
    }

    fn copy_to_bytes(&mut self, count: usize) -> Bytes {
        assert!(count <= self.len, "cannot take {count} of {} waiting octets", self.len);
        if let Some(Segment::Shared(bytes)) = self.segments.front_mut() {
            if count < bytes.len() {
                self.len -= count;
                return bytes.split_to(count);
            }
            if count == bytes.len() {
                return self.next_chunk().unwrap_or_default();
            }
        }
        let mut bytes = Vec::with_capacity(count);
        while bytes.len() < count {
            let chunk = self.chunk();
            let step = chunk.len().min(count - bytes.len());
            bytes.extend_from_slice(&chunk[..step]);
            self.advance(step);
        }
        bytes.into()
    }
}

impl Default for WriteBuf {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for WriteBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteBuf")
            .field("len", &self.len)
            .field("target", &self.target)
            .field("segments", &self.segments.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Step {
        Slice(usize),
        Shared(usize),
        /// Placeholder octets that are filled in after more has been written.
        Patched(usize),
        /// Of what waits, so many 256ths.
        Advance(u8),
        CopyToBytes(u8),
        NextChunk,
        /// So many slices to fill.
        Vectored(usize),
        DrainByOne,
    }

    fn step() -> impl Strategy<Value = Step> {
        let size = || prop_oneof![4 => 0..40_usize, 1 => 0..6_000_usize];
        prop_oneof![
            3 => size().prop_map(Step::Slice),
            2 => size().prop_map(Step::Shared),
            1 => size().prop_map(Step::Patched),
            3 => any::<u8>().prop_map(Step::Advance),
            1 => any::<u8>().prop_map(Step::CopyToBytes),
            1 => Just(Step::NextChunk),
            1 => (0..6_usize).prop_map(Step::Vectored),
            1 => Just(Step::DrainByOne),
        ]
    }

    /// Bytes that tell a wrong order or a lost octet.
    fn numbered(next: &mut u32, size: usize) -> Vec<u8> {
        (0..size)
            .map(|_| {
                *next = next.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                next.to_be_bytes()[0]
            })
            .collect()
    }

    fn assert_sound(buf: &WriteBuf, model: &[u8]) {
        assert_eq!((buf.len(), buf.remaining(), buf.is_empty()), (model.len(), model.len(), model.is_empty()));
        assert_eq!(buf.is_full(), model.len() >= buf.target());
        assert!(model.starts_with(buf.chunk()));
        assert_eq!(buf.chunk().is_empty(), model.is_empty());
        assert!(buf.copied.len() - buf.read <= model.len());
    }

    proptest! {
        /// The buffer and a plain `Vec` that is cut at the front hold the same bytes, however they are put and taken.
        #[test]
        fn it_is_a_queue_of_bytes(steps in proptest::collection::vec(step(), 0..60)) {
            let (mut buf, mut model, mut next) = (WriteBuf::with_target(1_000), Vec::new(), 1);
            for step in steps {
                match step {
                    Step::Slice(size) => {
                        let bytes = numbered(&mut next, size);
                        model.extend_from_slice(&bytes);
                        buf.put_slice(&bytes);
                    }
                    Step::Shared(size) => {
                        let bytes = numbered(&mut next, size);
                        model.extend_from_slice(&bytes);
                        buf.put_shared(bytes.into());
                    }
                    Step::Patched(size) => {
                        let bytes = numbered(&mut next, size);
                        model.extend_from_slice(&bytes);
                        let written = buf.with_vec(|out| {
                            let start = out.len();
                            out.resize(start + size, 0);
                            out[start..].copy_from_slice(&bytes);
                            out.len() - start
                        });
                        prop_assert_eq!(written, size);
                    }
                    Step::Advance(part) => {
                        let count = model.len() * usize::from(part) / 255;
                        buf.advance(count);
                        model.drain(..count);
                    }
                    Step::CopyToBytes(part) => {
                        let count = model.len() * usize::from(part) / 255;
                        let bytes = buf.copy_to_bytes(count);
                        prop_assert!(model.drain(..count).eq(bytes));
                    }
                    Step::NextChunk => match buf.next_chunk() {
                        Some(bytes) => {
                            prop_assert!(!bytes.is_empty());
                            prop_assert!(model.drain(..bytes.len()).eq(bytes));
                        }
                        None => prop_assert!(model.is_empty()),
                    },
                    Step::Vectored(count) => {
                        let mut slices = vec![std::io::IoSlice::new(&[]); count];
                        let filled = buf.chunks_vectored(&mut slices);
                        let bytes: Vec<u8> = slices[..filled].iter().flat_map(|slice| slice.iter().copied()).collect();
                        prop_assert!(model.starts_with(&bytes));
                        prop_assert!(slices[..filled].iter().all(|slice| !slice.is_empty()));
                        // without `std` it is the provided method, which fills one
                        prop_assert!(filled == count || bytes.len() == model.len() || !cfg!(feature = "std"));
                    }
                    Step::DrainByOne => {
                        for byte in model.drain(..) {
                            prop_assert_eq!(buf.get_u8(), byte);
                        }
                    }
                }
                assert_sound(&buf, &model);
            }
            prop_assert_eq!(buf.clone().copy_to_bytes(model.len()), model);
        }
    }

    #[test]
    fn a_shared_payload_is_never_copied() {
        let payload = Bytes::from(vec![7; 10_000]);
        let mut buf = WriteBuf::new();
        buf.put_slice(b"head");
        buf.put_shared(payload.clone());
        assert_eq!(buf.next_chunk().unwrap(), &b"head"[..]);
        assert_eq!(buf.chunk().as_ptr(), payload.as_ptr());
        let part = buf.copy_to_bytes(4_000);
        assert_eq!((part.len(), part.as_ptr()), (4_000, payload.as_ptr()));
        let rest = buf.next_chunk().unwrap();
        assert_eq!((rest.len(), rest.as_ptr()), (6_000, payload.slice(4_000..).as_ptr()));
        assert_eq!(buf.next_chunk(), None);
    }

    #[test]
    fn the_memory_is_used_again_when_it_has_been_drained() {
        let mut buf = WriteBuf::new();
        let mut memory = None;
        for _ in 0..1_000 {
            for _ in 0..20 {
                buf.put_slice(&[1; 50]);
            }
            let now = (buf.copied.as_ptr(), buf.copied.capacity(), buf.segments.capacity());
            assert_eq!(*memory.get_or_insert(now), now);
            buf.advance(buf.len());
        }
    }

    /// A consumer that never quite catches up must not make the memory grow.
    #[test]
    fn the_memory_is_used_again_when_it_is_never_drained() {
        let mut buf = WriteBuf::new();
        buf.put_slice(&[1; 3_000]);
        for _ in 0..10_000 {
            buf.put_slice(&[1; 700]);
            buf.put_shared(Bytes::from_static(&[2; 300]));
            buf.advance(1_000);
        }
        assert_eq!(buf.len(), 3_000);
        assert!(buf.copied.capacity() <= 4 * WriteBuf::COMPACT_FROM, "{}", buf.copied.capacity());
        assert!(buf.segments.capacity() <= 32, "{}", buf.segments.capacity());
    }

    /// Moving the rest at each step would be 2^40 octets of work here.
    #[test]
    fn one_octet_at_a_time_is_linear() {
        let mut buf = WriteBuf::new();
        buf.put_slice(&vec![1; 1 << 20]);
        for _ in 0..1 << 20 {
            buf.put_slice(&[1]);
            buf.advance(1);
        }
        assert_eq!(buf.len(), 1 << 20);
        assert!(buf.copied.capacity() <= 1 << 22);
    }

    #[test]
    fn it_is_full_at_its_target_and_an_empty_one_never_is() {
        let mut buf = WriteBuf::with_target(2);
        buf.put_slice(&[1]);
        assert!(!buf.is_full());
        buf.put_shared(Bytes::from_static(&[1]));
        assert!(buf.is_full());
        assert!(!WriteBuf::with_target(0).is_full());
    }

    #[test]
    #[should_panic = "cannot advance by 2 of 1 waiting octets"]
    fn advancing_past_the_end_is_a_bug_of_the_caller() {
        let mut buf = WriteBuf::new();
        buf.put_slice(&[1]);
        buf.advance(2);
    }
}
