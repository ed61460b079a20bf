//! One connection and its socket.

use super::handler::Peer;
use super::tandem::Tandem;
use super::transport::Transport;
use crate::adapter::front::Gate;
use crate::buffer::WriteBuf;
use crate::call::Role;
use crate::connection::Connection;
use crate::event::Event;
use crate::time::Instant;
use bytes::Buf;
use core::time::Duration;
use std::io::{self, IoSlice};
use std::vec::Vec;

/// Reads of one turn, each into the whole input buffer, before others get theirs.
const READS_PER_TURN: usize = 4;

/// Writes of one turn, likewise.
const WRITES_PER_TURN: usize = 4;

/// A read is handed to the connection in so many pieces, and what its calls answer leaves in between: so the peer works on
/// the first answers while the others are made. Without it both sides wait for each other by turns.
const PIECES: usize = 8;

/// Pieces are no smaller than this, and no answer leaves early alone.
const LEAST_PIECE: usize = 2048;
const LEAST_EARLY_WRITE: usize = 512;

/// A read of a server that is at least so long is a batch of calls, of which about half leaves early: answers to small calls
/// have half the octets of their requests, or a little less.
const LEAST_BATCH: usize = 8 * 1024;
const HALF_ANSWERED: usize = 5;

/// Pieces of output handed to the system at once.
const SLICES: usize = 32;

/// How long an ended connection may take to write its last words and to see the peer close.
const LINGER: Duration = Duration::from_secs(1);

/// Working memory that all drivers of a loop share, so that an idle connection has none.
#[derive(Debug)]
pub struct Buffers {
    input: Vec<u8>,
    output: WriteBuf,
}

impl Buffers {
    /// Room for 64 KiB in each direction.
    pub fn new() -> Self {
        Self::with_capacity(64 * 1024)
    }

    /// Room for reads of `octets`, and for about as much output. At least 1 KiB.
    pub fn with_capacity(octets: usize) -> Self {
        let octets = octets.max(1024);
        Self { input: std::vec![0; octets], output: WriteBuf::with_target(octets) }
    }
}

impl Default for Buffers {
    fn default() -> Self {
        Self::new()
    }
}

/// What a driver needs next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Readiness of its socket, or [`Driver::poll_timeout`].
    Wait,
    /// Another turn, after the others had theirs.
    Again,
    /// Nothing: drop it.
    Done,
}

/// Where the connection's transport stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The socket is not connected yet.
    Connecting,
    Open,
    /// The connection has ended; what it still has to say is being written, until then.
    Ending(Instant),
    /// All is said, and the writing side closed; waits for the peer to close, until then.
    Lingering(Instant),
    Done,
}

/// Drives one connection over a socket that does not block, edge by edge.
///
/// A loop with many of them is [`Connections`](super::Connections). Alone it is for those who have a loop of their own:
/// tell it by [`Driver::ready`] what the socket became ready for, give it a [`Driver::turn`], and repeat that after
/// readiness, after [`Driver::poll_timeout`], after any use of [`Driver::connection_mut`], and as long as it answers
/// [`Turn::Again`].
#[derive(Debug)]
pub struct Driver<S, R: Role> {
    socket: S,
    connection: Connection<R>,
    /// What speaks to the socket for the connection, if something does.
    gate: Gate<R>,
    /// What a blocked socket did not take. Empty while it takes everything: the loop's buffer serves then.
    output: WriteBuf,
    phase: Phase,
    /// The socket may have something to read: no read has found it empty since it said so.
    readable: bool,
    /// Only an empty read shows that nothing is left, a short one does not: the peer may have closed its side, or nobody
    /// would tell if it had.
    until_empty: bool,
    /// The last write found it full.
    blocked: bool,
    /// No more will come: end of file, or an error.
    read_closed: bool,
    /// No more will be taken.
    write_closed: bool,
    cause: Option<io::Error>,
    /// When it must be connected.
    connect_by: Option<Instant>,
    /// The application has not been told that it is.
    announced: bool,
    tandem: Tandem,
}

#[cfg(feature = "web")]
impl<S: Transport> Driver<S, crate::call::Server> {
    /// Puts gRPC-Web in front of the connection. The session must not have been used before.
    #[cfg_attr(docsrs, doc(cfg(feature = "web")))]
    #[must_use]
    pub fn with_web(self, session: crate::web::Session) -> Self {
        self.behind(Gate::behind(session))
    }
}

impl<S: Transport, R: Role> Driver<S, R> {
    /// Drives `connection` over a connected socket.
    pub fn new(socket: S, connection: Connection<R>) -> Self {
        Self {
            socket,
            gate: Gate::of(&connection),
            connection,
            output: WriteBuf::new(),
            phase: Phase::Open,
            readable: true,
            until_empty: false,
            blocked: false,
            read_closed: false,
            write_closed: false,
            cause: None,
            connect_by: None,
            announced: false,
            tandem: Tandem::default(),
        }
    }

    /// Drives `connection` over a socket that is being connected: nothing is read or written before that has worked.
    /// Calls can be opened at once.
    pub fn connecting(socket: S, connection: Connection<R>) -> Self {
        Self { phase: Phase::Connecting, blocked: true, readable: false, ..Self::new(socket, connection) }
    }

    #[cfg(feature = "web")]
    pub(super) fn behind(mut self, gate: Gate<R>) -> Self {
        self.gate = gate;
        self
    }

    /// The connection.
    pub fn connection(&self) -> &Connection<R> {
        &self.connection
    }

    /// The connection, to use it; give it a turn afterwards.
    pub fn connection_mut(&mut self) -> &mut Connection<R> {
        &mut self.connection
    }

    /// The socket.
    pub fn socket(&self) -> &S {
        &self.socket
    }

    /// The socket, to register it. Reading and writing it is the driver's business.
    pub fn socket_mut(&mut self) -> &mut S {
        &mut self.socket
    }

    /// Why the transport broke; `None` while it works, and after an orderly end.
    pub fn cause(&self) -> Option<&io::Error> {
        self.cause.as_ref()
    }

    /// The socket became ready. Telling too much does no harm.
    pub fn ready(&mut self, readable: bool, writable: bool) {
        self.ready_or_closed(readable, writable, true);
    }

    /// As [`Driver::ready`], from a loop that also tells whether the peer has closed its side.
    pub(super) fn ready_or_closed(&mut self, readable: bool, writable: bool, closed: bool) {
        self.readable |= readable;
        self.blocked &= !writable;
        self.until_empty |= closed;
    }

    /// The socket is of no more use: ends the connection, which its next turn tells.
    pub fn fail(&mut self, now: Instant, error: io::Error) {
        self.write_closed = true;
        self.lose(now, Some(error));
    }

    /// Whether it waits for the socket to become writable. Only then is that of interest.
    pub fn is_blocked(&self) -> bool {
        self.blocked && !self.write_closed
    }

    /// When it wants a turn at the latest. May be early.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.phase {
            Phase::Ending(by) | Phase::Lingering(by) => Some(by),
            Phase::Connecting => {
                [self.connect_by, self.gate.poll_timeout(&self.connection)].into_iter().flatten().min()
            }
            Phase::Open => [self.tandem.until(), self.gate.poll_timeout(&self.connection)].into_iter().flatten().min(),
            Phase::Done => None,
        }
    }

    /// Reads, hands out events, and writes: a fair share of what there is to do, whatever the peer sends.
    pub fn turn(
        &mut self,
        now: Instant,
        buffers: &mut Buffers,
        mut on_event: impl FnMut(&mut Connection<R>, Event),
    ) -> Turn {
        self.connect(now);
        if self.phase != Phase::Connecting {
            self.tandem.turn(now, self.readable, &mut self.socket);
            self.read(now, buffers, &mut on_event);
        }
        // After reading, which may show that the peer is there.
        self.gate.handle_timeout(now, &mut self.connection);
        if self.write_closed && !self.readable && !self.read_closed {
            self.lose(now, None);
        }
        self.tell(now, &mut on_event);
        self.write(now, &mut buffers.output);
        // Writing made room in the queues.
        self.tell(now, &mut on_event);
        self.close(now);
        debug_assert!(buffers.output.is_empty(), "output was left in the buffer that all connections share");
        self.verdict()
    }

    /// Goes on with connecting, if that is not over.
    pub(super) fn connect(&mut self, now: Instant) {
        if self.phase != Phase::Connecting {
            return;
        }
        let limit = self.socket.connect_timeout();
        if self.connect_by.is_none() {
            self.connect_by = limit.as_ref().map(|(limit, _)| now.saturating_add(*limit));
        }
        let waits = self.blocked && !self.readable;
        let tried = if waits { Err(io::ErrorKind::WouldBlock.into()) } else { self.socket.finish_connect() };
        let error = match (tried, limit) {
            (Ok(()), _) => None,
            (Err(error), limit) if error.kind() == io::ErrorKind::WouldBlock => match limit {
                Some((_, late)) if self.connect_by.is_some_and(|by| by <= now) => Some(late),
                _ => {
                    // A handshake waits for either.
                    (self.blocked, self.readable) = (true, false);
                    return;
                }
            },
            (Err(error), _) => Some(error),
        };
        (self.phase, self.blocked, self.readable) = (Phase::Open, false, true);
        if let Some(error) = error {
            self.fail(now, error);
        }
    }

    /// Who is at the other end, once, when the connection stands.
    pub(super) fn announce(&mut self) -> Option<Peer> {
        let stands = self.phase == Phase::Open && !self.write_closed && !self.announced;
        self.announced |= stands;
        stands.then(|| self.socket.peer())
    }

    fn read(&mut self, now: Instant, buffers: &mut Buffers, on_event: &mut impl FnMut(&mut Connection<R>, Event)) {
        for _ in 0..READS_PER_TURN {
            if !self.readable || self.read_closed || !self.gate.wants_input() {
                return;
            }
            match self.socket.read(&mut buffers.input) {
                Ok(0) => self.lose(now, None),
                Ok(_) if matches!(self.phase, Phase::Lingering(_)) => {}
                Ok(count) => {
                    let drained = count < buffers.input.len() && self.socket.is_drained_by_short_read();
                    self.readable = self.until_empty || !drained;
                    self.take_in(now, count, buffers, on_event);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.readable = false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => self.lose(now, Some(error)),
            }
        }
    }

    /// Hands the connection what was read, in pieces as long as they are news to the application: the rest of a large
    /// message makes no answers, and comes in one.
    fn take_in(
        &mut self,
        now: Instant,
        count: usize,
        buffers: &mut Buffers,
        on_event: &mut impl FnMut(&mut Connection<R>, Event),
    ) {
        let halves = count >= LEAST_BATCH && self.connection.is_server() && self.tandem.tries();
        // While the system holds back, further writes would be for nothing.
        let mut least = match halves {
            true => Some(count / HALF_ANSWERED),
            false => self.tandem.until().is_none().then_some(LEAST_EARLY_WRITE),
        };
        let mut rest = &buffers.input[..count];
        let mut most = (count / PIECES).max(LEAST_PIECE);
        while !rest.is_empty() {
            let (piece, later) = rest.split_at(most.min(rest.len()));
            rest = later;
            self.gate.receive(now, piece, &mut self.connection);
            if !self.tell(now, on_event) {
                most = count;
            } else if let Some(enough) = least
                && !rest.is_empty()
                && self.write_early(now, enough, &mut buffers.output)
                && halves
            {
                self.tandem.begin(now, &mut self.socket);
                least = None;
            }
        }
    }

    /// The peer has sent its last octet. What it is still to be told may yet be taken.
    fn lose(&mut self, now: Instant, error: Option<io::Error>) {
        self.read_closed = true;
        self.cause = self.cause.take().or(error);
        self.gate.lose(now, self.cause.as_ref(), &mut self.connection);
    }

    /// Hands out events; whether there were any.
    fn tell(&mut self, now: Instant, on_event: &mut impl FnMut(&mut Connection<R>, Event)) -> bool {
        let mut any = false;
        while let Some(event) = self.connection.poll_event() {
            any = true;
            if event == Event::Closed && matches!(self.phase, Phase::Connecting | Phase::Open) {
                self.phase = Phase::Ending(now.saturating_add(LINGER));
            }
            on_event(&mut self.connection, event);
        }
        any
    }

    /// Writes in the middle of a turn, if there is as much as that; whether there was. What is not written stays in `shared`
    /// until the end of the turn.
    fn write_early(&mut self, now: Instant, least: usize, shared: &mut WriteBuf) -> bool {
        if self.blocked || self.write_closed || !self.output.is_empty() {
            return false;
        }
        self.gate.transmit(now, &mut self.connection, shared);
        let enough = shared.len() >= least;
        if enough {
            self.write(now, shared);
        }
        enough
    }

    fn write(&mut self, now: Instant, shared: &mut WriteBuf) {
        if self.blocked || self.write_closed {
            return;
        }
        let parked = !self.output.is_empty();
        let target = shared.target();
        let mut output = core::mem::take(if parked { &mut self.output } else { shared });
        for _ in 0..WRITES_PER_TURN {
            self.gate.transmit(now, &mut self.connection, &mut output);
            if !output.has_remaining() || self.blocked || self.write_closed {
                break;
            }
            let mut slices = [IoSlice::new(&[]); SLICES];
            let filled = output.chunks_vectored(&mut slices);
            match self.socket.write_vectored(&slices[..filled]) {
                Ok(0) => self.stop_writing(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    output.advance(count);
                    // Who takes what there is left to say is not given up, however slow the line is.
                    if let Phase::Ending(by) = &mut self.phase {
                        *by = now.saturating_add(LINGER);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.blocked = true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => self.stop_writing(error),
            }
        }
        self.flush();
        if self.write_closed {
            output = WriteBuf::with_target(target);
        }
        let rest = !output.is_empty();
        match (parked, rest) {
            // Once all is written the memory goes, so that an idle connection has none.
            (true, false) => {}
            (true, true) => self.output = output,
            (false, false) => *shared = output,
            (false, true) => {
                self.output = output;
                *shared = WriteBuf::with_target(target);
            }
        }
    }

    /// What the socket keeps of what it took, such as a TLS session, goes out as soon as it can.
    fn flush(&mut self) {
        if self.blocked || self.write_closed || !self.socket.wants_flush() {
            return;
        }
        match self.socket.flush() {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.blocked = true,
            Err(error) => self.stop_writing(error),
        }
    }

    /// The socket takes no more. What the peer had sent before is still worth reading: its GOAWAY may say why.
    fn stop_writing(&mut self, error: io::Error) {
        self.write_closed = true;
        self.readable = true;
        self.cause = self.cause.take().or(Some(error));
    }

    /// Closes what is over.
    fn close(&mut self, now: Instant) {
        if let Phase::Ending(by) = self.phase {
            let said = self.gate.is_finished(&self.connection) && self.output.is_empty() && !self.socket.wants_flush();
            if said && !self.write_closed {
                // It is over either way; a peer that has reset the connection is no news.
                let _ = self.socket.close_write();
            }
            if self.write_closed || said {
                self.phase = Phase::Lingering(by);
            }
        }
        if self.cause.is_none() {
            self.cause = self.gate.error(&self.connection);
        }
        match self.phase {
            Phase::Lingering(_) if self.read_closed => self.phase = Phase::Done,
            Phase::Ending(by) | Phase::Lingering(by) if by <= now => self.phase = Phase::Done,
            _ => {}
        }
    }

    fn verdict(&self) -> Turn {
        let to_write = !self.blocked && !self.write_closed;
        match self.phase {
            Phase::Done => Turn::Done,
            Phase::Connecting => Turn::Wait,
            _ if self.readable && !self.read_closed && self.gate.wants_input() => Turn::Again,
            Phase::Lingering(_) => Turn::Wait,
            _ if to_write && (self.gate.wants_transmit(&self.connection) || !self.output.is_empty()) => Turn::Again,
            _ => Turn::Wait,
        }
    }
}
