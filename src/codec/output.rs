//! Where codecs write: a buffer with an end.

use alloc::vec::Vec;

/// Up to here a buffer grows as usual, and beyond it at once.
const FIRST: usize = 64 * 1024;

/// The largest limit that is reserved in one go. What is reserved and not written costs addresses, not memory.
const AT_ONCE: usize = 16 << 20;

/// There is no room for what was to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("there is no more room")]
pub struct Full;

/// Takes what a [`Codec`](super::Codec) writes, up to a limit.
///
/// A first buffer of up to 64 KiB doubles as usual. What outgrows it moves to one that is as long as the limit, if that is
/// at most 16 MiB, so a bomb costs the limit and those 64 KiB (T-68); for larger limits buffers go on doubling, and it costs
/// half as much again.
#[derive(Debug)]
pub struct Output {
    buffer: Vec<u8>,
    limit: usize,
    /// Something was refused.
    full: bool,
}

impl Output {
    /// Takes what `compressed` octets may come to.
    pub(super) fn up_to(limit: Option<u32>, compressed: usize) -> Self {
        let limit = limit.map_or(usize::MAX - 1, |limit| limit as usize).min(usize::MAX - 1);
        let first = compressed.saturating_mul(4).clamp(64, FIRST).min(limit.saturating_add(1));
        Self { buffer: Vec::with_capacity(first), limit, full: false }
    }

    /// Takes less than `octets`.
    pub(super) fn smaller_than(octets: usize) -> Self {
        let limit = octets.saturating_sub(1);
        let first = (octets / 4).clamp(64, FIRST);
        Self { buffer: Vec::with_capacity(first), limit, full: false }
    }

    /// Appends octets.
    ///
    /// # Errors
    ///
    /// [`Full`] where they do not fit; none of them is taken then, and the message is over.
    #[expect(clippy::arithmetic_side_effects, reason = "a length is within its capacity")]
    pub fn extend_from_slice(&mut self, octets: &[u8]) -> Result<(), Full> {
        if octets.len() > self.room() {
            self.full = true;
            return Err(Full);
        }
        while self.buffer.capacity() - self.buffer.len() < octets.len() {
            self.grow()?;
        }
        self.buffer.extend_from_slice(octets);
        Ok(())
    }

    /// Octets that still fit.
    pub fn room(&self) -> usize {
        self.limit.saturating_sub(self.buffer.len())
    }

    /// The buffer with some spare capacity, for codecs that fill that. One octet beyond the limit may be written, and tells
    /// that there was more to come.
    #[cfg(any(feature = "gzip", feature = "deflate"))]
    pub(super) fn spare(&mut self) -> Result<&mut Vec<u8>, Full> {
        if self.full || self.buffer.len() > self.limit {
            self.full = true;
            return Err(Full);
        }
        if self.buffer.len() == self.buffer.capacity() {
            self.grow()?;
        }
        Ok(&mut self.buffer)
    }

    /// The buffer, empty, for codecs that write all at once.
    #[cfg(feature = "zstd")]
    pub(super) fn whole(&mut self) -> &mut Vec<u8> {
        self.buffer.clear();
        &mut self.buffer
    }

    /// A larger buffer; [`Full`] where it has the limit already, or where there is no memory.
    pub(super) fn grow(&mut self) -> Result<(), Full> {
        let capacity = self.buffer.capacity();
        let most = self.limit.saturating_add(1);
        let target = match capacity {
            _ if capacity >= most => capacity,
            0..FIRST => capacity.saturating_mul(2).clamp(64, FIRST).min(most),
            _ if most <= AT_ONCE => most,
            _ => capacity.saturating_mul(2).min(most),
        };
        let more = target.saturating_sub(self.buffer.len());
        if target == capacity || self.buffer.try_reserve_exact(more).is_err() {
            self.full = true;
            return Err(Full);
        }
        Ok(())
    }

    /// What was written; `None` where something was refused.
    pub(super) fn finish(mut self) -> Option<Vec<u8>> {
        if self.full || self.buffer.len() > self.limit {
            return None;
        }
        // It may be kept for long.
        if self.buffer.capacity() / 4 > self.buffer.len() / 3 {
            self.buffer.shrink_to_fit();
        }
        Some(self.buffer)
    }
}

/// For codecs that write to a [`Write`](std::io::Write).
#[cfg(feature = "std")]
impl std::io::Write for Output {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        self.extend_from_slice(octets).map_err(std::io::Error::other)?;
        Ok(octets.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_taken_and_one_more_is_not() {
        for limit in [0, 1, 63, 64, 65, 1000, FIRST - 1, FIRST, FIRST + 1, 200_000] {
            for step in [1, 7, 64, 9_000] {
                let mut output = Output::up_to(Some(limit as u32), 1);
                while output.room() > 0 {
                    let octets = step.min(output.room());
                    output.extend_from_slice(&[0; 9_000][..octets]).unwrap();
                }
                assert!(output.buffer.capacity() <= (limit + 1).max(64), "{limit}: {}", output.buffer.capacity());
                assert_eq!(output.extend_from_slice(&[]), Ok(()));
                assert_eq!(output.extend_from_slice(&[0]), Err(Full));
                assert_eq!(output.finish(), None, "what was refused stays refused");

                let mut output = Output::up_to(Some(limit as u32), 1);
                for _ in 0..limit {
                    output.extend_from_slice(&[1]).unwrap();
                }
                assert_eq!(output.finish().unwrap().len(), limit);
            }
        }
    }

    #[test]
    fn a_result_keeps_no_more_than_a_third_above_its_length() {
        for len in [0, 10, 100, 70_000, 1_000_000] {
            let mut output = Output::up_to(Some(4 << 20), 20_000);
            output.extend_from_slice(&std::vec![1; len]).unwrap();
            let buffer = output.finish().unwrap();
            assert!(buffer.capacity() <= len + len / 3 + 3, "{len}: {}", buffer.capacity());
        }
    }
}
