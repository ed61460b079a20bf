//! gzip (RFC 1952) and `deflate`, which in gRPC is the zlib format (RFC 1950).

use super::Codec;
use super::error::CodecFault;
use super::level::Level;
use super::output::Output;
use super::pool::Pool;
use crate::grpc::encoding;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

/// 32 KiB, the largest window, so that whatever a peer sends can be read.
#[cfg(feature = "gzip")]
const WINDOW_BITS: u8 = 15;

/// Members of one message. Some tools write several; each costs a fresh workspace, however short it is.
#[cfg(feature = "gzip")]
const MOST_MEMBERS: usize = 64;

impl Level {
    const fn deflate(self) -> Compression {
        match self {
            Self::Low => Compression::new(1),
            Self::Medium => Compression::new(6),
            Self::High => Compression::new(9),
        }
    }
}

/// The coding `gzip`.
///
/// ```
/// use grpc_sansio::codec::{Codecs, Gzip, Level};
///
/// let codecs = Codecs::new().with(Gzip::new(Level::High)).sending(&["gzip"]);
/// # let _ = codecs;
/// ```
#[cfg(feature = "gzip")]
#[derive(Debug)]
pub struct Gzip {
    level: Level,
    compressing: Pool<Compress>,
    decompressing: Pool<Decompress>,
}

#[cfg(feature = "gzip")]
impl Gzip {
    /// Compresses at this level. It keeps up to four workspaces of about 380 KiB for the next messages.
    pub const fn new(level: Level) -> Self {
        Self { level, compressing: Pool::new(), decompressing: Pool::new() }
    }
}

#[cfg(feature = "gzip")]
impl Default for Gzip {
    fn default() -> Self {
        Self::new(Level::default())
    }
}

#[cfg(feature = "gzip")]
impl Codec for Gzip {
    fn name(&self) -> &str {
        encoding::GZIP
    }

    fn compress(&self, payload: &[u8], output: &mut Output) -> Result<(), CodecFault> {
        let make = || Compress::new_gzip(self.level.deflate(), WINDOW_BITS);
        self.compressing.with(make, |workspace| compress(workspace, payload, output))
    }

    fn decompress(&self, payload: &[u8], output: &mut Output) -> Result<(), CodecFault> {
        // RFC 1952 §2.2: members follow one another, and there is at least one.
        self.decompressing.with(
            || Decompress::new_gzip(WINDOW_BITS),
            |workspace| {
                let mut rest = payload;
                for _ in 0..MOST_MEMBERS {
                    rest = decompress(workspace, rest, output)?;
                    if rest.is_empty() {
                        return Ok(());
                    }
                }
                Err(CodecFault::new("it has more than 64 members"))
            },
        )
    }
}

/// The coding `deflate`, which is zlib's format.
#[cfg(feature = "deflate")]
#[derive(Debug)]
pub struct Deflate {
    level: Level,
    compressing: Pool<Compress>,
    decompressing: Pool<Decompress>,
}

#[cfg(feature = "deflate")]
impl Deflate {
    /// Compresses at this level. It keeps up to four workspaces of about 380 KiB for the next messages.
    pub const fn new(level: Level) -> Self {
        Self { level, compressing: Pool::new(), decompressing: Pool::new() }
    }
}

#[cfg(feature = "deflate")]
impl Default for Deflate {
    fn default() -> Self {
        Self::new(Level::default())
    }
}

#[cfg(feature = "deflate")]
impl Codec for Deflate {
    fn name(&self) -> &str {
        encoding::DEFLATE
    }

    fn compress(&self, payload: &[u8], output: &mut Output) -> Result<(), CodecFault> {
        let make = || Compress::new(self.level.deflate(), true);
        self.compressing.with(make, |workspace| compress(workspace, payload, output))
    }

    fn decompress(&self, payload: &[u8], output: &mut Output) -> Result<(), CodecFault> {
        self.decompressing.with(
            || Decompress::new(true),
            |workspace| match decompress(workspace, payload, output)? {
                [] => Ok(()),
                _ => Err(CodecFault::new("octets follow its end")),
            },
        )
    }
}

fn compress(workspace: &mut Compress, payload: &[u8], output: &mut Output) -> Result<(), CodecFault> {
    workspace.reset();
    loop {
        let rest = payload.get(consumed(workspace.total_in())..).unwrap_or_default();
        let status = workspace.compress_vec(rest, output.spare()?, FlushCompress::Finish);
        match status {
            Ok(Status::StreamEnd) => return Ok(()),
            Ok(Status::Ok | Status::BufError) => {}
            Err(_) => return Err(CodecFault::new("it cannot be compressed")),
        }
    }
}

/// Decompresses one stream; returns what follows it.
fn decompress<'p>(workspace: &mut Decompress, payload: &'p [u8], output: &mut Output) -> Result<&'p [u8], CodecFault> {
    workspace.reset(true);
    loop {
        let before = (workspace.total_in(), workspace.total_out());
        let rest = payload.get(consumed(before.0)..).unwrap_or_default();
        let status = workspace.decompress_vec(rest, output.spare()?, FlushDecompress::None);
        let after = (workspace.total_in(), workspace.total_out());
        match status {
            Ok(Status::StreamEnd) => return Ok(payload.get(consumed(after.0)..).unwrap_or_default()),
            Ok(_) if before == after => return Err(CodecFault::new("it is cut off")),
            Ok(_) => {}
            Err(error) => return Err(CodecFault::new(alloc::format!("{error}"))),
        }
    }
}

/// Both sides lie in memory, so the count fits.
fn consumed(octets: u64) -> usize {
    usize::try_from(octets).unwrap_or(usize::MAX)
}
