//! The model of one call.

use bytes::Bytes;
use grpc_sansio::grpc::{Code, Kind, Status};
use grpc_sansio::{CallId, Instant};
use std::fmt;

/// What may end a call besides its two ends.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Causes {
    /// Its connection was lost, or was going away.
    pub(crate) lost: bool,
    /// Its deadline passed at the server.
    pub(crate) expired_at_server: bool,
    /// One of its messages was more than its receiver takes.
    pub(crate) too_large: bool,
}

pub(crate) struct Call {
    pub(crate) kind: Kind,
    pub(crate) deadline: Option<Instant>,
    pub(crate) client: CallId,
    /// The server's name for it, once it was shown there.
    pub(crate) server: Option<CallId>,
    /// Messages that each side's queue took, in order.
    pub(crate) up: Vec<Bytes>,
    pub(crate) down: Vec<Bytes>,
    /// The server's application said what kind this is, so that the library checks what it sends.
    pub(crate) told_kind: bool,
    pub(crate) half_closed: bool,
    pub(crate) cancelled: bool,
    /// The server's last word, where it had one before it heard that the call stopped.
    pub(crate) finished: Option<Code>,
    /// How its RST_STREAM reads, where it ended the call by one.
    pub(crate) reset: Option<Code>,
    /// The server was told the kind of the method.
    pub(crate) expected: bool,
    /// How many messages each side has read.
    pub(crate) up_read: usize,
    pub(crate) down_read: usize,
    pub(crate) saw_half_close: bool,
    pub(crate) outcome: Option<Code>,
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lengths = |messages: &[Bytes]| messages.iter().map(Bytes::len).collect::<Vec<_>>();
        f.debug_struct("Call")
            .field("kind", &self.kind)
            .field("deadline", &self.deadline)
            .field("ids", &(self.client, self.server))
            .field("up", &(self.up_read, lengths(&self.up)))
            .field("down", &(self.down_read, lengths(&self.down)))
            .field("half_closed", &(self.half_closed, self.saw_half_close))
            .field("expected", &self.expected)
            .field("ended", &(self.cancelled, self.finished, self.reset, self.outcome))
            .finish()
    }
}

impl Call {
    pub(crate) fn new(kind: Kind, deadline: Option<Instant>, client: CallId) -> Self {
        Self {
            kind,
            deadline,
            client,
            server: None,
            up: Vec::new(),
            down: Vec::new(),
            told_kind: false,
            half_closed: false,
            cancelled: false,
            finished: None,
            reset: None,
            expected: false,
            up_read: 0,
            down_read: 0,
            saw_half_close: false,
            outcome: None,
        }
    }

    /// The server answers with one message.
    pub(crate) fn is_single(&self) -> bool {
        matches!(self.kind, Kind::Unary | Kind::ClientStreaming)
    }

    pub(crate) fn server_reads(&mut self, message: &[u8]) {
        assert!(!self.saw_half_close, "a message behind the half-close");
        assert!(self.up.get(self.up_read).is_some_and(|sent| sent == message), "not what was sent: {}", self.up_read);
        self.up_read += 1;
    }

    pub(crate) fn client_reads(&mut self, message: &[u8]) {
        assert!(self.outcome.is_none(), "a message behind the end");
        assert!(
            self.down.get(self.down_read).is_some_and(|sent| sent == message),
            "not what was sent: {}",
            self.down_read
        );
        self.down_read += 1;
    }

    pub(crate) fn server_sees_half_close(&mut self) {
        assert!(self.half_closed && self.up_read == self.up.len() && !self.saw_half_close);
        self.saw_half_close = true;
    }

    /// The call's only end has come.
    pub(crate) fn client_ends(&mut self, status: &Status, unprocessed: bool, now: Instant, causes: Causes) {
        assert!(self.outcome.is_none(), "a second end");
        let (code, message) = (status.code(), status.message());
        self.outcome = Some(code);
        if unprocessed {
            // Refused, as the server's application is slow to let go of other calls, or never sent.
            assert_eq!(self.server, None);
            let expired = code == Code::DeadlineExceeded && self.deadline.is_some_and(|deadline| deadline <= now);
            return assert!(expired || code == Code::Unavailable, "{code}");
        }
        let single = self.is_single();
        if code == Code::DeadlineExceeded && self.deadline.is_some_and(|deadline| deadline <= now) {
            return;
        }
        let excused = match code {
            Code::Unavailable => causes.lost,
            Code::Cancelled | Code::DeadlineExceeded => causes.expired_at_server,
            Code::ResourceExhausted => causes.too_large,
            _ => false,
        };
        if excused {
            return;
        }
        // One message is due, and others came (G-081).
        let wrong = single && (self.down.len() > 1 || self.down.is_empty() && self.finished == Some(Code::Ok));
        if wrong && code == if self.told_kind { Code::Internal } else { Code::Unimplemented } {
            return assert_eq!(self.down_read, 0);
        }
        if let Some(reset) = self.reset {
            return assert_eq!(code, reset);
        }
        assert_eq!(Some(code), self.finished, "nobody said so: {message}: {self:?}");
        if code == Code::Ok {
            assert!(!wrong, "{self:?}");
            assert_eq!(self.down_read, self.down.len(), "OK, but not all of it");
        } else if single {
            assert_eq!(self.down_read, 0, "G-082");
        } else {
            assert_eq!(self.down_read, self.down.len(), "L-16");
        }
    }
}
