//! Zstandard (RFC 8878).

use super::Codec;
use super::error::CodecFault;
use super::level::Level;
use super::output::Output;
use super::pool::Pool;
use crate::grpc::encoding;
use zstd_safe::{CCtx, CompressionLevel, DCtx, get_error_name};

/// The only failure after which a larger buffer helps.
const NO_ROOM: &str = "Destination buffer is too small";

impl Level {
    const fn zstd(self) -> CompressionLevel {
        match self {
            Self::Low => 1,
            Self::Medium => 3,
            Self::High => 12,
        }
    }
}

/// The coding `zstd`: not in gRPC's own list, but many know it.
///
/// Frames are decompressed straight into the message, without a window beside it, so what a frame says of its window and of
/// its length costs nothing.
///
/// ```
/// use grpc_sansio::codec::{Codecs, Level, Zstd};
///
/// let codecs = Codecs::new().with(Zstd::new(Level::Low)).sending(&["zstd"]);
/// # let _ = codecs;
/// ```
#[derive(Debug)]
pub struct Zstd {
    level: Level,
    compressing: Pool<CCtx<'static>>,
    decompressing: Pool<DCtx<'static>>,
}

impl Zstd {
    /// Compresses at this level. It keeps up to four workspaces for the next messages, whose size follows the level and the
    /// messages.
    pub const fn new(level: Level) -> Self {
        Self { level, compressing: Pool::new(), decompressing: Pool::new() }
    }
}

impl Default for Zstd {
    fn default() -> Self {
        Self::new(Level::default())
    }
}

impl Codec for Zstd {
    fn name(&self) -> &str {
        encoding::ZSTD
    }

    fn compress(&self, payload: &[u8], output: &mut Output) -> Result<(), CodecFault> {
        self.compressing.with(CCtx::create, |workspace| {
            into(output, |buffer| workspace.compress(buffer, payload, self.level.zstd()))
        })
    }

    fn decompress(&self, payload: &[u8], output: &mut Output) -> Result<(), CodecFault> {
        if payload.is_empty() {
            return Err(CodecFault::new("it has no frame"));
        }
        self.decompressing.with(DCtx::create, |workspace| into(output, |buffer| workspace.decompress(buffer, payload)))
    }
}

/// Tries again with a larger buffer for as long as there is one: each is a few times larger than the one before.
fn into(
    output: &mut Output,
    mut work: impl FnMut(&mut alloc::vec::Vec<u8>) -> Result<usize, usize>,
) -> Result<(), CodecFault> {
    loop {
        match work(output.whole()).map_err(get_error_name) {
            Ok(_) => return Ok(()),
            Err(NO_ROOM) => output.grow()?,
            Err(reason) => return Err(CodecFault::new(reason)),
        }
    }
}
