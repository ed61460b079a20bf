//! The last header block of a response: the status, and metadata.
#![expect(clippy::arithmetic_side_effects, reason = "lengths of what is in memory, and a few octets")]

use alloc::borrow::Cow;
use alloc::vec::Vec;

use super::binary;
use super::field::{FIELD_OVERHEAD, Field, Single, list_size, plain};
use super::metadata::Metadata;
use super::percent;
use super::reserved::Block;
use super::status::{MalformedStatus, ParsedCode, Status, parse_code};

const STATUS: &str = "grpc-status";
const MESSAGE: &str = "grpc-message";
const DETAILS: &str = "grpc-status-details-bin";

/// Trailers to be sent, or Trailers-Only (G-034, G-037).
///
/// The encoded message and details lie in a buffer of the caller's, so a warm one costs no allocation.
///
/// ```
/// use grpc_sansio::grpc::{Code, Metadata, Status, Trailers};
///
/// let (status, metadata, mut scratch) = (Status::new(Code::NotFound, "no \u{2713}"), Metadata::new(), Vec::new());
/// let trailers = Trailers::new(&status, &metadata, &mut scratch);
/// let fields: Vec<_> = trailers.fields().collect();
/// assert_eq!(fields[0], (&b"grpc-status"[..], &b"5"[..], false));
/// assert_eq!(fields[1], (&b"grpc-message"[..], &b"no %E2%9C%93"[..], false));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Trailers<'a> {
    code: &'static str,
    message: &'a [u8],
    details: &'a [u8],
    metadata: Option<&'a Metadata>,
}

impl<'a> Trailers<'a> {
    /// Encodes `status` into `scratch`, which is emptied first.
    pub fn new(status: &Status, metadata: &'a Metadata, scratch: &'a mut Vec<u8>) -> Self {
        Self::encode(status, status.message(), details_of(status), Some(metadata), scratch)
    }

    /// The same within a header list of `limit` octets, the peer's SETTINGS_MAX_HEADER_LIST_SIZE (G-059, G-149).
    ///
    /// `head` is the size of the fields that go before them: zero for Trailers, [`only_overhead`](Self::only_overhead)
    /// for Trailers-Only. Where everything does not fit, details are dropped (G-333), then metadata too, and the message is
    /// cut between two characters. `None` where not even the code fits: reset the stream.
    ///
    /// ```
    /// use grpc_sansio::grpc::{Code, Metadata, Status, Trailers};
    ///
    /// let (status, metadata, mut scratch) = (Status::new(Code::Internal, "far too long"), Metadata::new(), Vec::new());
    /// let trailers = Trailers::within(&status, &metadata, 0, 96, &mut scratch).unwrap();
    /// assert_eq!(trailers.fields().nth(1).unwrap().1, b"far too");
    /// ```
    pub fn within(
        status: &Status,
        metadata: &'a Metadata,
        head: usize,
        limit: usize,
        scratch: &'a mut Vec<u8>,
    ) -> Option<Self> {
        let room = limit.checked_sub(head)?;
        for details in [details_of(status), &[]] {
            if Self::full_size(status, details, metadata) <= room {
                return Some(Self::encode(status, status.message(), details, Some(metadata), scratch));
            }
        }
        let code_size = STATUS.len() + status.code().as_str_number().len() + FIELD_OVERHEAD;
        let room = room.checked_sub(code_size)?;
        let message = percent::truncate(status.message(), room.saturating_sub(MESSAGE.len() + FIELD_OVERHEAD));
        Some(Self::encode(status, message, &[], None, scratch))
    }

    /// The fields of Trailers.
    pub fn fields(&self) -> impl Iterator<Item = Field<'a>> + Clone + use<'a> {
        let present = |name, value: &'a [u8]| (!value.is_empty()).then_some(plain(name, value));
        // Details of the status go before those that the application put into the metadata itself.
        let has_details = !self.details.is_empty();
        [Some(plain(STATUS, self.code.as_bytes())), present(MESSAGE, self.message), present(DETAILS, self.details)]
            .into_iter()
            .flatten()
            .chain(
                self.metadata
                    .into_iter()
                    .flat_map(|metadata| metadata.fields(Block::Trailers))
                    .filter(move |(name, ..)| !(has_details && *name == DETAILS.as_bytes())),
            )
    }

    /// The fields of Trailers-Only: the whole response in one block that ends the stream. `accept_encoding` goes with
    /// the refusal of a coding (G-063).
    pub fn only(
        &self,
        content_type: &'a str,
        accept_encoding: Option<&'a str>,
    ) -> impl Iterator<Item = Field<'a>> + Clone + use<'a> {
        [
            Some(plain(":status", b"200")),
            Some(plain("content-type", content_type.as_bytes())),
            accept_encoding.map(|codings| plain("grpc-accept-encoding", codings.as_bytes())),
        ]
        .into_iter()
        .flatten()
        .chain(self.fields())
    }

    /// The size of the fields that [`only`](Self::only) puts before the trailers, for [`within`](Self::within).
    pub const fn only_overhead(content_type: &str, accept_encoding: Option<&str>) -> usize {
        let codings = match accept_encoding {
            Some(codings) => "grpc-accept-encoding".len() + codings.len() + FIELD_OVERHEAD,
            None => 0,
        };
        ":status".len() + "200".len() + "content-type".len() + content_type.len() + 2 * FIELD_OVERHEAD + codings
    }

    /// The size of the header list of Trailers (G-059).
    pub fn list_size(&self) -> usize {
        list_size(self.fields())
    }

    fn encode(
        status: &Status,
        message: &str,
        details: &[u8],
        metadata: Option<&'a Metadata>,
        scratch: &'a mut Vec<u8>,
    ) -> Self {
        scratch.clear();
        percent::encode_into(message, scratch);
        let split = scratch.len();
        binary::encode_into(details, scratch);
        let (message, details) = scratch.split_at_checked(split).unwrap_or_default();
        Self { code: status.code().as_str_number(), message, details, metadata }
    }

    /// The size of everything, found without encoding anything; metadata that details replace is counted too.
    fn full_size(status: &Status, details: &[u8], metadata: &Metadata) -> usize {
        let field = |name: &str, len: usize| if len == 0 { 0 } else { name.len() + len + FIELD_OVERHEAD };
        field(STATUS, status.code().as_str_number().len())
            + field(MESSAGE, percent::encoded_len(status.message()))
            + field(DETAILS, binary::encoded_len(details.len()))
            + metadata.list_size()
    }
}

/// The details that are sent: OK has none (G-332).
fn details_of(status: &Status) -> &[u8] {
    if status.is_ok() { &[] } else { status.details() }
}

/// What the `grpc-status` fields of a block say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GrpcStatus<'a> {
    /// There is none.
    Missing,
    /// There is one, or several that agree (G-057).
    Known(ParsedCode),
    /// It is not a decimal number without leading zeros (G-056).
    Malformed(&'a [u8]),
    /// There are several that differ (G-057).
    Conflicting,
}

/// What gRPC reads in the last header block of a response, borrowed from it. Metadata is a
/// [`MetadataView`](super::MetadataView) over the same fields.
///
/// It says what stands there; [`outcome`](super::outcome) tells what it means.
///
/// ```
/// use grpc_sansio::grpc::{GrpcStatus, TrailersParts};
///
/// let trailers = TrailersParts::parse([(&b"grpc-message"[..], &b"100%25"[..], false)]);
/// assert_eq!((trailers.status, &*trailers.message()), (GrpcStatus::Missing, "100%"));
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct TrailersParts<'a> {
    /// `grpc-status`.
    pub status: GrpcStatus<'a>,
    /// `grpc-message` as it came, the first where there are several (G-057).
    pub raw_message: Option<&'a [u8]>,
    /// `grpc-status-details-bin` as it came.
    pub raw_details: Option<&'a [u8]>,
}

impl<'a> TrailersParts<'a> {
    /// Reads the last header block of a response; never fails.
    pub fn parse(fields: impl IntoIterator<Item = Field<'a>>) -> Self {
        let mut status = Single::default();
        let (mut raw_message, mut raw_details) = (None, None);
        for (name, value, _) in fields {
            match name {
                b"grpc-status" => status.add(value),
                b"grpc-message" => raw_message = raw_message.or(Some(value)),
                b"grpc-status-details-bin" => raw_details = raw_details.or(Some(value)),
                _ => {}
            }
        }
        let status = match status.get() {
            Err(_) => GrpcStatus::Conflicting,
            Ok(None) => GrpcStatus::Missing,
            Ok(Some(value)) => match parse_code(value) {
                Ok(code) => GrpcStatus::Known(code),
                Err(MalformedStatus) => GrpcStatus::Malformed(value),
            },
        };
        Self { status, raw_message, raw_details }
    }

    /// The message, decoded (G-148).
    pub fn message(&self) -> Cow<'a, str> {
        percent::decode(self.raw_message.unwrap_or_default())
    }

    /// The details, decoded; empty where there are none or they are not base64 (G-111).
    pub fn details(&self) -> Vec<u8> {
        binary::decode(self.raw_details.unwrap_or_default()).unwrap_or_default()
    }
}
