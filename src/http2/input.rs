//! Received octets on their way through the layers.

use bytes::Bytes;

/// What is left of one read. Each layer takes its part from the front; DATA payload is left for the layer above.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    octets: &'a [u8],
    shared: Option<&'a Bytes>,
}

impl<'a> Input<'a> {
    /// Octets that only live for this call.
    pub const fn slice(octets: &'a [u8]) -> Self {
        Self { octets, shared: None }
    }

    /// Octets whose memory may be shared: [`Input::take_shared`] then costs no copy.
    pub fn bytes(bytes: &'a Bytes) -> Self {
        Self { octets: bytes, shared: Some(bytes) }
    }

    /// What has not been taken yet.
    pub const fn as_slice(&self) -> &'a [u8] {
        self.octets
    }

    /// Whether all octets were taken.
    pub const fn is_empty(&self) -> bool {
        self.octets.is_empty()
    }

    /// Takes up to `count` octets from the front.
    pub fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.octets.split_at(count.min(self.octets.len()));
        self.octets = rest;
        taken
    }

    /// Takes all that lies before the `rest`, which is the end of it.
    #[inline]
    pub(crate) fn skip_to(&mut self, rest: &'a [u8]) {
        debug_assert!(self.octets.ends_with(rest), "an end of what is there");
        self.octets = rest;
    }

    /// Splits up to `count` octets off the front, as an input of their own that shares memory as this one does.
    pub fn split(&mut self, count: usize) -> Self {
        Self { octets: self.take(count), shared: self.shared }
    }

    /// Takes up to `count` octets from the front as shared memory; `None`, with nothing taken, where the memory is only
    /// lent, or where the octets are less than four fifths of the read, which they would keep alive.
    pub fn take_shared(&mut self, count: usize) -> Option<Bytes> {
        let shared = self.shared?;
        let count = count.min(self.octets.len());
        if count < shared.len() / 5 * 4 {
            return None;
        }
        let taken = self.take(count);
        Some(shared.slice_ref(taken))
    }
}

#[cfg(test)]
mod tests {
    use super::Input;
    use bytes::Bytes;

    #[test]
    fn takes_from_the_front_and_never_past_the_end() {
        let mut input = Input::slice(b"abcdef");
        assert_eq!(input.take(2), b"ab");
        assert_eq!(input.take_shared(2), None);
        assert_eq!(input.take(9), b"cdef");
        assert!(input.is_empty());
    }

    #[test]
    fn shares_only_most_of_a_read() {
        let bytes = Bytes::from_static(&[7; 100]);
        let mut input = Input::bytes(&bytes);
        assert_eq!(input.take_shared(79), None);
        let shared = input.take_shared(80).unwrap();
        assert_eq!((shared.as_ptr(), shared.len()), (bytes.as_ptr(), 80));
        assert_eq!(input.as_slice().len(), 20);
    }
}
