//! What a client says when it opens a call.

use crate::grpc::{Metadata, Method};
use crate::time::Instant;

static NO_METADATA: Metadata = Metadata::new();

/// What to call and how. Everything is borrowed; nothing is kept but octets in the connection's own buffers.
///
/// ```
/// use grpc_sansio::grpc::{Kind, Metadata, Method};
/// use grpc_sansio::{Instant, OpenOptions};
///
/// static SAY_HELLO: Method = Method::from_static("/helloworld.Greeter/SayHello", Kind::Unary);
/// let mut metadata = Metadata::new();
/// metadata.append("x-request-id", "17").unwrap();
/// let options = OpenOptions::new(&SAY_HELLO)
///     .metadata(&metadata)
///     .deadline(Instant::from_nanos(1_000_000_000));
/// # let _ = options;
/// ```
#[derive(Clone, Copy, Debug)]
pub struct OpenOptions<'a> {
    pub(crate) method: &'a Method,
    pub(crate) metadata: &'a Metadata,
    pub(crate) deadline: Option<Instant>,
    pub(crate) authority: Option<&'a str>,
    pub(crate) encoding: Option<&'a str>,
    pub(crate) content_subtype: Option<&'a str>,
    pub(crate) previous_attempts: u8,
}

impl<'a> OpenOptions<'a> {
    /// A call of `method` without metadata and without a deadline.
    pub const fn new(method: &'a Method) -> Self {
        Self {
            method,
            metadata: &NO_METADATA,
            deadline: None,
            authority: None,
            encoding: None,
            content_subtype: None,
            previous_attempts: 0,
        }
    }

    /// Whether the config decides all fields but the path and the metadata.
    pub(crate) const fn is_usual(&self) -> bool {
        self.authority.is_none()
            && self.encoding.is_none()
            && self.content_subtype.is_none()
            && self.previous_attempts == 0
    }

    /// Initial metadata.
    pub const fn metadata(mut self, metadata: &'a Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    /// When the call ends with DEADLINE_EXCEEDED; what remains when it is sent goes out as `grpc-timeout` (G-124).
    pub const fn deadline(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// The same, to end no later than this, if it is a deadline: one line for a call that is made on behalf of another on the
    /// same clock (G-137). What has passed until HEADERS leave is taken off what goes out.
    ///
    /// ```
    /// # use grpc_sansio::{OpenOptions, Request, grpc::Method};
    /// # fn forward<'a>(method: &'a Method, incoming: &Request<'_>) -> OpenOptions<'a> {
    /// OpenOptions::new(method).within(incoming.deadline())
    /// # }
    /// ```
    pub fn within(mut self, deadline: Option<Instant>) -> Self {
        self.deadline = [self.deadline, deadline].into_iter().flatten().min();
        self
    }

    /// `:authority` of this call, instead of the config's. Visible ASCII.
    pub const fn authority(mut self, authority: &'a str) -> Self {
        self.authority = Some(authority);
        self
    }

    /// `grpc-encoding`: the coding of messages sent with their compressed flag set. It must be in the config's list.
    pub const fn encoding(mut self, coding: &'a str) -> Self {
        self.encoding = Some(coding);
        self
    }

    /// What follows `application/grpc+` in `content-type`, such as `proto`.
    pub const fn content_subtype(mut self, subtype: &'a str) -> Self {
        self.content_subtype = Some(subtype);
        self
    }

    /// `grpc-previous-rpc-attempts`: how often this call was tried before (G-241). More than nine are said as nine.
    pub const fn previous_attempts(mut self, attempts: u8) -> Self {
        self.previous_attempts = attempts;
        self
    }
}
