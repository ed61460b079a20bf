//! What the link needs of the side that speaks to the peer.

use crate::frame::ErrorCode;
use crate::hpack::FieldBlock;
use crate::http2::StreamKey;
use bytes::Bytes;

/// The peer's side. A response is a head, data, and an end; `stream` is what its [`Exchange`](super::exchange::Exchange)
/// says.
pub(super) trait Outer {
    /// Whether more of any response is welcome.
    fn has_room(&self) -> bool;
    /// Begins a response; `end` where that is all of it.
    fn head(&mut self, stream: Option<StreamKey>, head: FieldBlock, end: bool);
    /// More of its body.
    fn data(&mut self, stream: Option<StreamKey>, octets: Bytes);
    /// Whether so much of it waits that the engine had better wait too. Who says so calls
    /// [`Link::taken`](super::link::Link::taken) when it is over.
    fn is_behind(&mut self, stream: Option<StreamKey>) -> bool;
    /// Ends it, by trailers of HTTP where there are any.
    fn end(&mut self, stream: Option<StreamKey>, trailers: Option<FieldBlock>);
    /// Breaks it off.
    fn reset(&mut self, stream: Option<StreamKey>, code: ErrorCode);
    /// What waited of the request has left for the engine: there is room for more.
    fn request_taken(&mut self, stream: Option<StreamKey>);
}
