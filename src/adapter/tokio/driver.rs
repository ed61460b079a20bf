//! The task that moves a connection's octets and time.

use super::shared::Shared;
use crate::adapter::describe;
use crate::adapter::front::Gate;
use crate::buffer::WriteBuf;
use crate::call::Role;
use crate::error::ConnectionError;
use crate::event::CallId;
use crate::time::Instant;
use bytes::{Buf, BytesMut};
use std::boxed::Box;
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use std::vec::Vec;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::time::Sleep;

/// Rounds of reading and writing in one poll, before other tasks get their turn.
const ROUNDS: u32 = 16;

/// Writes in one round, so that a transport that takes one octet at a time does not hold up reading.
const WRITES: u32 = 16;

/// Slices of one vectored write.
const SLICES: usize = 64;

/// The read buffer at first; it doubles whenever a read fills it.
const READ_MIN: usize = 8 * 1024;
const READ_MAX: usize = 64 * 1024;

/// A read is handed to the connection in so many pieces, and the tasks that a piece wakes run before the next one: so what
/// they answer leaves, and the peer works on it, while the others still wait.
const PIECES: usize = 8;

/// Pieces are no smaller than this.
const LEAST_PIECE: usize = 2048;

/// How long the last octets of a connection that ended well may make no progress.
const PATIENCE: Duration = Duration::from_secs(30);

/// The same for one that ended by an error; and how long to wait for the peer to close its side. A socket that is closed
/// while octets arrive is reset, which may cost the peer our last words.
const LINGER: Duration = Duration::from_secs(1);

/// Why a connection ended, where it did not end by a graceful shutdown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DriverError {
    /// The transport failed.
    #[error("{}", describe(.0))]
    Io(#[from] io::Error),
    /// The connection ended by an error of the peer, a limit, or the transport's end.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// The handshake failed; there was no connection yet.
    #[cfg(feature = "tls")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
    #[error(transparent)]
    Tls(#[from] crate::adapter::tls::HandshakeError),
}

/// Owns the transport of one connection, and drives it.
#[derive(Debug)]
pub(super) struct Driver<R: Role, T, O> {
    shared: Arc<Shared<R>>,
    /// What speaks to the transport for the connection, if something does.
    gate: Gate<R>,
    io: T,
    input: BytesMut,
    /// What the connection is given of `input` at once.
    piece: usize,
    read_size: usize,
    output: WriteBuf,
    unflushed: bool,
    sleep: Option<Pin<Box<Sleep>>>,
    /// What `sleep` is set to; `MAX` while it is off.
    alarm: Instant,
    /// The timer went off and no call was open.
    idle: bool,
    phase: Phase,
    /// The peer sends nothing more.
    read_closed: bool,
    /// The transport takes nothing more.
    write_closed: bool,
    error: Option<io::Error>,
    /// Takes the calls that a client opened.
    accept: O,
    opened: Vec<CallId>,
    woken: Vec<Waker>,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Running,
    /// The connection has ended, but not all of its output was written; or the transport takes no more, but the peer
    /// may have said something before.
    Ending {
        until: Instant,
    },
    /// Everything was written: the write side is being closed.
    ShuttingDown {
        until: Instant,
    },
    /// It was closed: waits for the peer to do the same.
    Lingering {
        until: Instant,
    },
    Done,
}

/// What one round came to.
enum Round {
    /// There may be more to do right now.
    Again,
    /// Nothing can be done before a waker is called.
    Wait,
    Done,
}

/// How the connection stands after its work.
struct Seen {
    /// It would have filled more output.
    more: bool,
    /// It has ended; the flag says whether without an error.
    ended: Option<bool>,
    /// When time alone gives it work.
    due: Instant,
    /// Tasks have something to do about what was received.
    news: bool,
}

impl<R, T, O> Driver<R, T, O>
where
    R: Role,
    T: AsyncRead + AsyncWrite + Unpin,
    O: FnMut(CallId) + Unpin,
{
    pub(super) fn new(shared: Arc<Shared<R>>, io: T, accept: O) -> Self {
        let gate = shared.with(|state| Gate::of(&state.connection));
        Self {
            shared,
            gate,
            io,
            input: BytesMut::new(),
            piece: LEAST_PIECE,
            read_size: READ_MIN,
            output: WriteBuf::new(),
            unflushed: false,
            sleep: None,
            alarm: Instant::MAX,
            idle: false,
            phase: Phase::Running,
            read_closed: false,
            write_closed: false,
            error: None,
            accept,
            opened: Vec::new(),
            woken: Vec::new(),
        }
    }

    /// Puts something between the transport and the connection.
    #[cfg(feature = "web")]
    pub(super) fn behind(mut self, gate: Gate<R>) -> Self {
        self.gate = gate;
        self
    }

    fn round(&mut self, context: &mut Context<'_>) -> Round {
        match self.phase {
            Phase::Running | Phase::Ending { .. } => self.exchange(context),
            Phase::ShuttingDown { until } => match Pin::new(&mut self.io).poll_shutdown(context) {
                Poll::Ready(_) => {
                    self.phase = Phase::Lingering { until };
                    Round::Again
                }
                Poll::Pending => self.wait_until(until, context),
            },
            Phase::Lingering { until } => {
                if self.read_closed {
                    return Round::Done;
                }
                if self.read(context) {
                    self.input.clear();
                    return Round::Again;
                }
                self.wait_until(until, context)
            }
            Phase::Done => Round::Done,
        }
    }

    /// Reads, lets the connection work, writes.
    fn exchange(&mut self, context: &mut Context<'_>) -> Round {
        let was_closed = self.read_closed;
        let wanted = self.gate.wants_input();
        let received = wanted && self.read(context);
        let lost = self.read_closed && !was_closed;
        let now = self.shared.now();
        let seen = self.work(now, received, lost, context);
        let wrote = self.write(context);

        if let (Phase::Running, Some(well)) = (self.phase, seen.ended) {
            self.phase = Phase::Ending { until: now.saturating_add(if well { PATIENCE } else { LINGER }) };
        }
        if !wanted && self.gate.wants_input() {
            return Round::Again;
        }
        if seen.news && !self.input.is_empty() {
            // Those who were woken go first: this task is back in the queue behind them.
            context.waker().wake_by_ref();
            return Round::Wait;
        }
        match self.phase {
            Phase::Ending { .. } if seen.ended.is_some() && self.output.is_empty() && !self.unflushed => {
                self.phase = Phase::ShuttingDown { until: now.saturating_add(LINGER) };
                Round::Again
            }
            Phase::Ending { until } => {
                if wrote && until > now.saturating_add(LINGER) {
                    self.phase = Phase::Ending { until: now.saturating_add(PATIENCE) };
                }
                if received || lost || wrote { Round::Again } else { self.wait_until(until, context) }
            }
            _ if received || lost || (wrote && (seen.more || !self.output.is_empty())) => Round::Again,
            _ => {
                if self.sleep_until(seen.due, context) {
                    Round::Again
                } else {
                    Round::Wait
                }
            }
        }
    }

    /// Gives the connection a piece of what was read, and takes what it has to say.
    fn work(&mut self, now: Instant, received: bool, lost: bool, context: &Context<'_>) -> Seen {
        let (input, output, gate) = (&mut self.input, &mut self.output, &mut self.gate);
        let (alarm, error) = (self.alarm, &self.error);
        // A message is worth sharing memory with the buffer only where it would keep little else alive.
        let share = input.capacity() - input.len() <= self.read_size / 5;
        let piece = self.piece.min(input.len());
        let mut seen = self.shared.drive(context.waker(), &mut self.opened, &mut self.woken, |state| {
            let connection = &mut state.connection;
            if received && share {
                gate.receive_bytes(now, input.split_to(piece).freeze(), connection);
            } else if received {
                gate.receive(now, &input[..piece], connection);
                input.advance(piece);
            }
            if lost {
                gate.lose(now, error.as_ref(), connection);
            }
            // After reading, which may show that the peer is there.
            gate.handle_timeout(now, connection);
            gate.transmit(now, connection, output);
            let seen = Seen {
                more: gate.wants_transmit(connection),
                ended: gate.is_finished(connection).then(|| connection.error().is_none()),
                due: gate.poll_timeout(connection).unwrap_or(Instant::MAX),
                news: false,
            };
            state.set_alarm(alarm.min(seen.due));
            seen
        });
        seen.news = !(self.opened.is_empty() && self.woken.is_empty());
        self.opened.drain(..).for_each(&mut self.accept);
        self.woken.drain(..).for_each(Waker::wake);
        if !seen.news {
            // Such as the middle of a large message: nobody answers it yet.
            self.piece = self.input.len();
        }
        seen
    }

    /// Reads once into `input`, if nothing is left there; whether anything is there now.
    fn read(&mut self, context: &mut Context<'_>) -> bool {
        if !self.input.is_empty() {
            return true;
        }
        if self.read_closed {
            return false;
        }
        self.input.reserve(self.read_size);
        match pin!(self.io.read_buf(&mut self.input)).poll(context) {
            Poll::Pending => return false,
            Poll::Ready(Ok(0)) => self.read_closed = true,
            Poll::Ready(Ok(count)) => {
                self.piece = (count / PIECES).max(LEAST_PIECE);
                if count >= self.read_size {
                    self.read_size = (2 * self.read_size).min(READ_MAX);
                }
            }
            Poll::Ready(Err(error)) => {
                self.read_closed = true;
                self.error.get_or_insert(error);
            }
        }
        !self.input.is_empty()
    }

    /// Writes what is waiting; whether the transport took anything.
    fn write(&mut self, context: &mut Context<'_>) -> bool {
        let mut wrote = false;
        let mut writes = 0;
        while !self.output.is_empty() && !self.write_closed && writes < WRITES {
            writes += 1;
            match self.write_once(context) {
                Poll::Pending => {
                    self.shared.set_write_blocked(true);
                    return wrote;
                }
                Poll::Ready(Ok(count)) if count > 0 => {
                    self.output.advance(count);
                    (wrote, self.unflushed) = (true, true);
                }
                Poll::Ready(result) => self.fail_writing(result.err()),
            }
        }
        self.shared.set_write_blocked(false);
        if self.write_closed {
            // Nobody takes it any more. What the peer said last may still wait to be read, so reading goes on.
            self.output.advance(self.output.len());
            self.unflushed = false;
        }
        if self.unflushed && self.output.is_empty() {
            match Pin::new(&mut self.io).poll_flush(context) {
                Poll::Pending => {}
                Poll::Ready(Ok(())) => self.unflushed = false,
                Poll::Ready(Err(error)) => {
                    self.fail_writing(Some(error));
                    self.unflushed = false;
                }
            }
        }
        wrote
    }

    fn write_once(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let io = Pin::new(&mut self.io);
        if !io.is_write_vectored() {
            return io.poll_write(context, self.output.chunk());
        }
        let mut slices = [IoSlice::new(&[]); SLICES];
        let count = self.output.chunks_vectored(&mut slices);
        io.poll_write_vectored(context, slices.get(..count).unwrap_or_default())
    }

    /// The transport takes no more. If the peer is still there, it closes its side soon; what it said before that counts.
    fn fail_writing(&mut self, error: Option<io::Error>) {
        self.write_closed = true;
        self.error.get_or_insert_with(|| error.unwrap_or_else(|| io::ErrorKind::WriteZero.into()));
        if let Phase::Running = self.phase {
            self.phase = Phase::Ending { until: self.shared.now().saturating_add(LINGER) };
        }
    }

    /// Sleeps until `due`; whether that is over.
    fn sleep_until(&mut self, due: Instant, context: &mut Context<'_>) -> bool {
        // A timer that goes off early is cheaper than one that is set anew whenever a deadline moves away.
        let sooner = if due < self.alarm { self.shared.tokio_time(due) } else { None };
        if let Some(when) = sooner {
            self.alarm = due;
            match &mut self.sleep {
                Some(sleep) => sleep.as_mut().reset(when),
                None => self.sleep = Some(Box::pin(tokio::time::sleep_until(when))),
            }
        }
        if self.alarm == Instant::MAX {
            return false;
        }
        let over = self.sleep.as_mut().is_some_and(|sleep| sleep.as_mut().poll(context).is_ready());
        if over {
            self.alarm = Instant::MAX;
            self.idle = self.shared.with(|state| state.connection.calls() == 0);
        }
        over
    }

    fn wait_until(&mut self, until: Instant, context: &mut Context<'_>) -> Round {
        if until <= self.shared.now() {
            return Round::Done;
        }
        if self.sleep_until(until, context) { Round::Again } else { Round::Wait }
    }

    /// Before a long sleep: the connection gives slack memory back when it was idle for a while, and so do the buffers
    /// here. Done last, for every attempt to read needs a buffer.
    fn trim(&mut self) {
        if self.idle && self.input.is_empty() && self.output.is_empty() {
            self.input = BytesMut::new();
            self.output = WriteBuf::new();
            self.read_size = READ_MIN;
        }
        self.idle = false;
    }

    fn result(&mut self) -> Result<(), DriverError> {
        if let Some(error) = self.error.take() {
            return Err(error.into());
        }
        let gate = &self.gate;
        let (error, front) = self.shared.with(|state| {
            let connection = &state.connection;
            (connection.error().cloned(), gate.error(connection))
        });
        match (error, front) {
            (_, Some(error)) => Err(error.into()),
            (Some(error), None) => Err(error.into()),
            (None, None) => Ok(()),
        }
    }
}

impl<R, T, O> Future for Driver<R, T, O>
where
    R: Role,
    T: AsyncRead + AsyncWrite + Unpin,
    O: FnMut(CallId) + Unpin,
{
    type Output = Result<(), DriverError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        for _ in 0..ROUNDS {
            match self.round(context) {
                Round::Again => {}
                Round::Wait => {
                    self.trim();
                    return Poll::Pending;
                }
                Round::Done => {
                    self.phase = Phase::Done;
                    return Poll::Ready(self.result());
                }
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

/// A driver that is dropped, or that ends while calls are open, takes them with it: nothing can reach them any more.
impl<R: Role, T, O> Drop for Driver<R, T, O> {
    fn drop(&mut self) {
        let now = self.shared.now();
        self.shared.with(|state| state.connection.receive_eof(now));
    }
}
