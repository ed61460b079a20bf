//! The frame in which trailers travel (G-315 to G-318).

use super::text::frame;
use crate::grpc::Field;
use crate::http2::{is_valid_name, is_valid_value};
use alloc::vec::Vec;

/// The bit of a frame's first octet that says that it holds trailers.
pub const TRAILERS_FLAG: u8 = 0x80;

/// Why the payload of a trailers frame cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum TrailersError {
    /// A line without a colon.
    #[error("a line of the trailers has no colon")]
    NoColon,
    /// A name that HTTP does not know, or that is empty.
    #[error("a line of the trailers has an invalid name")]
    Name,
    /// A value with a control octet in it, such as a single CR or LF (T-73).
    #[error("a line of the trailers has an invalid value")]
    Value,
}

/// The payload of a trailers frame, read: `name: value` lines with CR LF between them.
///
/// It is there for clients and tests; a [`Session`](super::Session) only writes such frames.
///
/// ```
/// use grpc_sansio::web::Trailers;
///
/// let trailers = Trailers::parse(b"grpc-status:0\r\nX-Cost: 3\r\nx-cost:4")?;
/// let fields: Vec<_> = trailers.fields().collect();
/// assert_eq!(fields[0], (&b"grpc-status"[..], &b"0"[..], false));
/// assert_eq!((fields[1].0, fields[1].1, fields[2].1), (&b"x-cost"[..], &b"3"[..], &b"4"[..]));
/// # Ok::<(), grpc_sansio::web::TrailersError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trailers {
    fields: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Trailers {
    /// Reads the payload of a whole frame: splits a line at its first colon, strips blanks around the value, lowers names,
    /// keeps duplicates, and does without the last CR LF (G-317). Work and memory are linear in the payload.
    ///
    /// # Errors
    ///
    /// [`TrailersError`]: the call's outcome is INTERNAL.
    pub fn parse(payload: &[u8]) -> Result<Self, TrailersError> {
        let mut fields = Vec::new();
        let mut rest = payload;
        while !rest.is_empty() {
            let end = rest.windows(2).position(|pair| pair == b"\r\n");
            let (line, later) = rest.split_at(end.unwrap_or(rest.len()));
            rest = later.get(2..).unwrap_or_default();
            let colon = line.iter().position(|octet| *octet == b':').ok_or(TrailersError::NoColon)?;
            let (name, value) = line.split_at(colon);
            let (name, value) = (name.to_ascii_lowercase(), value.get(1..).unwrap_or_default());
            let value = value.trim_ascii_start().trim_ascii_end();
            if !is_valid_name(&name) {
                return Err(TrailersError::Name);
            }
            if !is_valid_value(value) {
                return Err(TrailersError::Value);
            }
            fields.push((name, value.to_vec()));
        }
        Ok(Self { fields })
    }

    /// The fields in their order, for [`TrailersParts`](crate::grpc::TrailersParts) and
    /// [`MetadataView`](crate::grpc::MetadataView).
    pub fn fields(&self) -> impl Iterator<Item = Field<'_>> + Clone {
        self.fields.iter().map(|(name, value)| (&name[..], &value[..], false))
    }

    /// The frame, flag and length included. A field whose name or value cannot be in a line is left out (T-73).
    pub fn encode<'f>(fields: impl IntoIterator<Item = (&'f [u8], &'f [u8])>) -> Vec<u8> {
        let mut payload = Vec::new();
        for (name, value) in fields.into_iter().filter(|(name, value)| is_valid_name(name) && is_valid_value(value)) {
            for part in [name, b": ", value, b"\r\n"] {
                payload.extend_from_slice(part);
            }
        }
        frame(TRAILERS_FLAG, &payload)
    }
}
