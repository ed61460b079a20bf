//! Flow-control windows, RFC 9113 §5.2 and §6.9.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

use crate::frame::MAX_WINDOW;

/// What we may still send. Negative after the peer lowered its initial window (RFC 9113 §6.9.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SendWindow(i32);

/// The window would pass 2^31 - 1 (RFC 9113 §6.9.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Overflow;

impl SendWindow {
    pub(super) const fn new(size: u32) -> Self {
        Self(if size > MAX_WINDOW { MAX_WINDOW as i32 } else { size as i32 })
    }

    /// Octets that may be sent now.
    pub(super) const fn available(self) -> usize {
        if self.0 > 0 { self.0 as usize } else { 0 }
    }

    /// The same, below zero too.
    #[cfg(feature = "testing")]
    pub(super) const fn signed(self) -> i64 {
        self.0 as i64
    }

    /// Adds a WINDOW_UPDATE, or the difference of two initial sizes.
    #[expect(clippy::arithmetic_side_effects, reason = "32 bits in 64")]
    pub(super) fn change(&mut self, difference: i64) -> Result<(), Overflow> {
        let changed = i64::from(self.0) + difference;
        if changed > i64::from(MAX_WINDOW) {
            return Err(Overflow);
        }
        // Below: sent octets plus a lowered initial size never exceed 2^31 - 1 each, so the sum fits.
        self.0 = i32::try_from(changed).unwrap_or(i32::MIN);
        Ok(())
    }

    pub(super) fn spend(&mut self, octets: usize) {
        self.0 = self.0.saturating_sub_unsigned(octets as u32);
    }
}

/// What the peer may still send, and what we owe it.
///
/// Ledger (L-01): `available + held by the layer above + owed == announced size + lent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ReceiveWindow {
    available: i64,
    /// Negative while octets that were lent are outstanding.
    owed: i64,
}

#[expect(clippy::arithmetic_side_effects, reason = "32 bits at a time in 64: no connection lives that long")]
impl ReceiveWindow {
    pub(super) const fn new(size: u32) -> Self {
        Self { available: size as i64, owed: 0 }
    }

    pub(super) const fn available(self) -> i64 {
        self.available
    }

    pub(super) const fn owed(self) -> i64 {
        self.owed
    }

    /// Counts a received flow-controlled frame; `false` when it exceeds the window. An empty one never does, also
    /// where our SETTINGS took the window below zero (H-115).
    pub(super) fn spend(&mut self, octets: u32) -> bool {
        self.available -= i64::from(octets);
        octets == 0 || self.available >= 0
    }

    /// Octets were consumed; they are announced when enough is owed.
    pub(super) fn owe(&mut self, octets: u32) {
        self.owed += i64::from(octets);
    }

    /// Octets were lent and not used: so many will not be announced when they are consumed.
    pub(super) fn withhold(&mut self, octets: u32) {
        self.owed -= i64::from(octets);
    }

    /// Octets that count as consumed are so many, and not so many.
    pub(super) fn correct(&mut self, should: u32, is: u32) {
        self.owed += i64::from(should) - i64::from(is);
    }

    /// The announced size changed when the peer acknowledged our SETTINGS.
    pub(super) fn adjust(&mut self, difference: i64) {
        self.available += difference;
    }

    /// What is owed and fits under the largest window (H-113).
    pub(super) fn announceable(self) -> u32 {
        let room = (i64::from(MAX_WINDOW) - self.available).max(0);
        self.owed.min(room).max(0) as u32
    }

    /// Takes that as the increment of a WINDOW_UPDATE about to be written.
    pub(super) fn announce(&mut self) -> u32 {
        let increment = self.announceable();
        self.owed -= i64::from(increment);
        self.available += i64::from(increment);
        increment
    }
}

#[cfg(test)]
mod tests {
    use super::{Overflow, ReceiveWindow, SendWindow};
    use crate::frame::MAX_WINDOW;

    #[test]
    fn send_window_goes_negative_and_comes_back() {
        let mut window = SendWindow::new(100);
        window.spend(80);
        window.change(-100).unwrap();
        assert_eq!((window, window.available()), (SendWindow(-80), 0));
        window.change(81).unwrap();
        assert_eq!(window.available(), 1);
    }

    #[test]
    fn send_window_ends_at_2_to_the_31_minus_1() {
        let mut window = SendWindow::new(MAX_WINDOW - 1);
        assert_eq!(window.change(1), Ok(()));
        assert_eq!(window.change(1), Err(Overflow));
        assert_eq!(window.available(), MAX_WINDOW as usize);
        window.spend(MAX_WINDOW as usize);
        window.change(-i64::from(MAX_WINDOW)).unwrap();
        assert_eq!(window, SendWindow(-(MAX_WINDOW as i32)));
    }

    #[test]
    fn receive_window_ledger() {
        let mut window = ReceiveWindow::new(10);
        assert!(window.spend(10));
        assert!(!window.spend(1));
        window.owe(11);
        assert_eq!(window.announce(), 11);
        assert_eq!((window.available(), window.owed()), (10, 0));
    }

    #[test]
    fn an_increment_never_takes_the_window_past_its_end() {
        let mut window = ReceiveWindow::new(MAX_WINDOW);
        window.owe(5);
        assert_eq!((window.announce(), window.owed()), (0, 5));
    }
}
