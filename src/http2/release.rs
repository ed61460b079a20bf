//! How a stream ends here: it is reset, closes, and is let go by the layer above.

use super::closed::Closed;
use super::common::Common;
use super::config::Side;
use super::connection::{Connection, LATE_FRAMES};
use super::slots::StreamKey;
use super::stream::Send;
use crate::frame::{ErrorCode, StreamId};

impl<T: Default> Connection<T> {
    /// Resets the stream: what is queued is dropped, and RST_STREAM is sent if the peer knows of the stream. The key
    /// stays valid until [`release`](Self::release).
    pub fn reset(&mut self, key: StreamKey, code: ErrorCode) {
        let Some(stream) = self.slots.get(key) else { return };
        if stream.is_closed() {
            return;
        }
        let (id, window) = (stream.id, stream.receive_window.available());
        if !id.is_zero() && !self.ended {
            self.control_mut().say_reset(id, code);
        }
        self.close(key, Closed::by_us(window));
    }

    /// Lets go of the stream and hands its upper state back. A stream still open is reset: with NO_ERROR where a server
    /// has sent its whole response, which the client shall keep (RFC 9113 §8.1), and with CANCEL otherwise.
    pub fn release(&mut self, key: StreamKey) -> Option<T> {
        self.leave_all(key);
        let upper = self.slots.remove(key)?;
        self.end_if_drained();
        Some(upper)
    }

    /// As [`release`](Self::release), for who has no more use for the upper state: that is dropped where it lies, once
    /// `let_go` has taken from it what it needs.
    #[inline]
    pub(crate) fn forget(&mut self, key: StreamKey, let_go: impl FnOnce(&mut T, &mut Common)) {
        let common = &mut self.common;
        let forgotten = self.slots.discard_if(key, |stream| {
            let_go(&mut stream.upper, common);
            common.lines.clear_notice(stream);
            stream.upper = T::default();
            stream.is_closed()
        });
        if !forgotten {
            self.leave_all(key);
            self.slots.discard(key);
        }
        self.end_if_drained();
    }

    /// As [`forget`](Self::forget), of a stream that is closed and whose upper state `is_bare`: it owns nothing. Says
    /// whether it was. [`end_if_drained`](Self::end_if_drained) is to follow where it was the last one.
    #[inline]
    pub(crate) fn forget_bare(&mut self, key: StreamKey, is_bare: impl FnOnce(&T) -> bool) -> bool {
        self.slots.discard_if(key, |stream| {
            let bare = stream.is_closed() && !stream.noticed && is_bare(&stream.upper);
            if bare {
                stream.renew_bare();
            }
            bare
        })
    }

    /// Takes the stream off the wire and out of all lines.
    fn leave_all(&mut self, key: StreamKey) {
        let responded = self.common.side == Side::Server && self.is_send_ended(key);
        self.reset(key, if responded { ErrorCode::NO_ERROR } else { ErrorCode::CANCEL });
        self.clear_notice(key);
    }

    /// The stream leaves the wire; its slot stays for the layer above.
    pub(super) fn close(&mut self, key: StreamKey, how: Closed) {
        let Some(stream) = self.slots.get_mut(key).filter(|stream| !stream.is_closed()) else { return };
        let (id, send) = (stream.id, stream.send);
        self.common.leave_wire(stream);
        if send == Send::Waiting {
            return;
        }
        self.active -= 1;
        if !id.is_zero() {
            self.ids.remove(id.get(), key.index() as u32, |slot| self.slots.id(slot));
            self.remember(id, how);
        }
    }

    /// The stream with this id is in the map no more.
    #[inline]
    pub(super) fn remember(&mut self, id: StreamId, how: Closed) {
        self.closed.remember(id, how);
        self.late_frames = self.late_frames.saturating_add(LATE_FRAMES);
    }
}
