//! A transport in memory, for who reads and writes by polling at one end and by hand at the other.

use grpc_sansio::testing::Rng;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// One direction.
#[derive(Default)]
struct Direction {
    octets: VecDeque<u8>,
    closed: bool,
    reader: Option<Waker>,
}

impl Direction {
    fn wake(&mut self) {
        self.reader.take().into_iter().for_each(Waker::wake);
    }
}

/// The end that is used by hand.
pub struct Near {
    to_far: Rc<RefCell<Direction>>,
    from_far: Rc<RefCell<Direction>>,
}

/// The end that is polled; its reads are cut by chance.
pub struct Far {
    incoming: Rc<RefCell<Direction>>,
    outgoing: Rc<RefCell<Direction>>,
    rng: Rng,
}

/// Both ends of a transport.
pub fn pair(seed: u64) -> (Near, Far) {
    let (up, down) = (Rc::<RefCell<Direction>>::default(), Rc::<RefCell<Direction>>::default());
    let near = Near { to_far: Rc::clone(&up), from_far: Rc::clone(&down) };
    (near, Far { incoming: up, outgoing: down, rng: Rng::new(seed) })
}

impl Near {
    pub fn write(&self, octets: &[u8]) {
        let mut direction = self.to_far.borrow_mut();
        direction.octets.extend(octets);
        direction.wake();
    }

    pub fn close(&self) {
        let mut direction = self.to_far.borrow_mut();
        direction.closed = true;
        direction.wake();
    }

    /// Whether nothing will follow what was read.
    pub fn is_at_end(&self) -> bool {
        let direction = self.from_far.borrow();
        direction.closed && direction.octets.is_empty()
    }

    /// Up to `most` octets that have arrived.
    pub fn read(&self, most: usize) -> Vec<u8> {
        let mut direction = self.from_far.borrow_mut();
        let len = most.min(direction.octets.len());
        direction.octets.drain(..len).collect()
    }
}

impl Drop for Far {
    fn drop(&mut self) {
        self.outgoing.borrow_mut().closed = true;
    }
}

impl AsyncRead for Far {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let longest = if self.rng.one_in(3) { 1 + self.rng.below(20) } else { usize::MAX };
        let mut direction = self.incoming.borrow_mut();
        if direction.octets.is_empty() && !direction.closed {
            direction.reader = Some(context.waker().clone());
            return Poll::Pending;
        }
        let len = direction.octets.len().min(buffer.remaining()).min(longest);
        direction.octets.drain(..len).for_each(|octet| buffer.put_slice(&[octet]));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Far {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        self.outgoing.borrow_mut().octets.extend(octets);
        Poll::Ready(Ok(octets.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.outgoing.borrow_mut().closed = true;
        Poll::Ready(Ok(()))
    }
}
