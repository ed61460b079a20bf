//! What the driver and the handles of one connection share.

use crate::call::{Item, Role};
use crate::codec::{Codecs, DecodeError};
use crate::connection::Connection;
use crate::error::SendError;
use crate::event::{CallId, Event};
use crate::grpc::Message;
use crate::time::Instant;
use std::mem;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use std::vec::Vec;
use tokio::sync::Notify;

/// A connection behind a lock that is held for one verb or a few, never across an await and never while foreign code
/// (a waker, a codec, a handler) runs.
#[derive(Debug)]
pub(super) struct Shared<R: Role> {
    state: Mutex<State<R>>,
    /// The transport takes nothing now. It wakes the driver itself when it does, so handles need not.
    write_blocked: AtomicBool,
    /// Tells one task at a time that there is room to open a call, and all that there will be none.
    room: Notify,
    ended: Notify,
    /// Where the connection's clock starts. tokio's clock, so that a paused one pauses deadlines too.
    epoch: tokio::time::Instant,
    /// Without any, messages come and go as they are.
    codecs: OnceLock<Codecs>,
    /// Octets of a received message, once it is decompressed.
    max_receive_message: Option<u32>,
}

#[derive(Debug)]
pub(super) struct State<R: Role> {
    pub(super) connection: Connection<R>,
    /// The tasks that wait on each call, by [`CallId::index`].
    waits: Vec<Waits>,
    /// The driver, where it sleeps.
    driver: Option<Waker>,
    /// When the driver's timer wakes it.
    alarm: Instant,
    /// Calls that a client opened and that were not handed to the handler yet.
    opened: Vec<CallId>,
    /// To be woken once the lock is released.
    woken: Vec<Waker>,
    news: News,
    draining: bool,
    closed: bool,
}

/// What tasks that wait on the connection itself are to be told once the lock is released.
#[derive(Clone, Copy, Debug, Default)]
struct News {
    room: bool,
    /// It takes no more calls, or has ended altogether.
    ended: bool,
}

#[derive(Debug, Default)]
struct Waits {
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// Tasks that wait for the call to stop.
    watchers: Vec<Waker>,
}

impl<R: Role> Shared<R> {
    pub(super) fn new(connection: Connection<R>, epoch: tokio::time::Instant) -> Self {
        let max_receive_message = connection.max_receive_message();
        let state = State {
            connection,
            waits: Vec::new(),
            driver: None,
            alarm: Instant::MAX,
            opened: Vec::new(),
            woken: Vec::new(),
            news: News::default(),
            draining: false,
            closed: false,
        };
        let (room, ended) = (Notify::new(), Notify::new());
        Self {
            state: Mutex::new(state),
            write_blocked: AtomicBool::new(false),
            room,
            ended,
            epoch,
            codecs: OnceLock::new(),
            max_receive_message,
        }
    }

    /// Gives the connection codecs; the first that it gets stay.
    pub(super) fn set_codecs(&self, codecs: Codecs) {
        let _ = self.codecs.set(codecs);
    }

    pub(super) fn codecs(&self) -> Option<&Codecs> {
        self.codecs.get()
    }

    /// A message as it goes into a call with this coding. No lock is held meanwhile.
    pub(super) fn encode(&self, coding: Option<&str>, message: Message) -> Message {
        match self.codecs() {
            Some(codecs) => codecs.encode(coding, message),
            None => message,
        }
    }

    /// A message as it came in a call with this coding. No lock is held meanwhile.
    pub(super) fn decode(&self, coding: Option<&str>, message: Message) -> Result<Message, DecodeError> {
        match self.codecs() {
            Some(codecs) if message.compressed => {
                Ok(Message::decoded(codecs.decode(coding, &message.data, self.max_receive_message)?))
            }
            _ => Ok(message),
        }
    }

    /// Now, on the connection's clock.
    pub(super) fn now(&self) -> Instant {
        self.at(tokio::time::Instant::now())
    }

    /// A time of tokio's clock on the connection's.
    pub(super) fn at(&self, instant: tokio::time::Instant) -> Instant {
        let elapsed = instant.saturating_duration_since(self.epoch);
        Instant::from_nanos(u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX))
    }

    /// A time of the connection's clock on tokio's; `None` past what that can name.
    pub(super) fn tokio_time(&self, instant: Instant) -> Option<tokio::time::Instant> {
        self.epoch.checked_add(Duration::from_nanos(instant.as_nanos()))
    }

    /// Runs verbs on the connection, and wakes whoever they concern.
    pub(super) fn with<T>(&self, act: impl FnOnce(&mut State<R>) -> T) -> T {
        let mut state = self.lock();
        let result = act(&mut state);
        state.dispatch();
        let blocked = self.write_blocked.load(Ordering::Relaxed);
        let driver = if state.needs_driver(blocked) { state.driver.take() } else { None };
        let woken = mem::take(&mut state.woken);
        self.unlock(state);
        woken.into_iter().chain(driver).for_each(Waker::wake);
        result
    }

    /// The driver's part of [`Shared::with`]: it is awake, and will be woken by what happens from now on. It is given the
    /// calls that the client opened and the tasks to wake, in lists that were empty.
    pub(super) fn drive<T>(
        &self,
        waker: &Waker,
        opened: &mut Vec<CallId>,
        woken: &mut Vec<Waker>,
        act: impl FnOnce(&mut State<R>) -> T,
    ) -> T {
        let mut state = self.lock();
        let result = act(&mut state);
        state.dispatch();
        mem::swap(&mut state.opened, opened);
        mem::swap(&mut state.woken, woken);
        match &mut state.driver {
            Some(driver) => driver.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
        self.unlock(state);
        result
    }

    /// The driver tells whether the transport takes octets.
    pub(super) fn set_write_blocked(&self, blocked: bool) {
        // Relaxed is enough: a driver that was told `false` looks at the connection again, and one that was told `true`
        // has left its waker with the transport.
        self.write_blocked.store(blocked, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, State<R>> {
        // Nothing of ours panics while it holds the lock, and the connection's verbs are whole or not at all.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unlock(&self, mut state: MutexGuard<'_, State<R>>) {
        let news = mem::take(&mut state.news);
        drop(state);
        if news.room {
            self.room.notify_one();
        }
        if news.ended {
            self.room.notify_waiters();
            self.ended.notify_waiters();
        }
    }

    /// Repeats `attempt` whenever there may be room for another call, until it gives something.
    ///
    /// The connection tells of room once after it has refused a call; whoever gets in passes that on to the next.
    pub(super) async fn when_room<T>(&self, mut attempt: impl FnMut() -> Option<T>) -> T {
        if let Some(done) = attempt() {
            return done;
        }
        loop {
            let mut room = pin!(self.room.notified());
            // In the queue before the attempt, so that nothing told after it is missed.
            room.as_mut().enable();
            if let Some(done) = attempt() {
                self.room.notify_one();
                return done;
            }
            room.await;
        }
    }

    /// Waits for the end of the connection.
    pub(super) async fn closed(&self) {
        loop {
            let mut ended = pin!(self.ended.notified());
            ended.as_mut().enable();
            if self.with(|state| state.closed) {
                return;
            }
            ended.await;
        }
    }
}

impl<R: Role> State<R> {
    /// Turns the connection's news into tasks to wake.
    fn dispatch(&mut self) {
        while let Some(event) = self.connection.poll_event() {
            match event {
                Event::Opened(id) => self.opened.push(id),
                Event::Readable(id) => {
                    let reader = self.waits(id).reader.take();
                    self.woken.extend(reader);
                }
                Event::Writable(id) => {
                    let writer = self.waits(id).writer.take();
                    self.woken.extend(writer);
                }
                Event::Stopped(id) => self.wake_all_of(id),
                Event::Available => self.news.room = true,
                Event::Draining => (self.draining, self.news.ended) = (true, true),
                Event::Closed => (self.closed, self.news.ended) = (true, true),
                Event::Ready | Event::WindowExhausted | Event::TooManyPings => {}
            }
        }
    }

    fn needs_driver(&self, write_blocked: bool) -> bool {
        (self.connection.wants_transmit() && !write_blocked)
            || self.connection.is_finished()
            || !self.opened.is_empty()
            || self.connection.poll_timeout().is_some_and(|due| due < self.alarm)
    }

    /// The driver says when its timer wakes it.
    pub(super) fn set_alarm(&mut self, alarm: Instant) {
        self.alarm = alarm;
    }

    /// Whether the connection takes no more calls.
    pub(super) fn is_draining(&self) -> bool {
        self.draining || self.closed
    }

    fn waits(&mut self, id: CallId) -> &mut Waits {
        if id.index() >= self.waits.len() {
            self.waits.resize_with(id.index() + 1, Waits::default);
        }
        &mut self.waits[id.index()]
    }

    /// Wakes all that wait on a call, which has stopped or is about to be let go.
    pub(super) fn wake_all_of(&mut self, id: CallId) {
        let waits = mem::take(self.waits(id));
        self.woken.extend(waits.reader);
        self.woken.extend(waits.writer);
        self.woken.extend(waits.watchers);
    }

    /// Takes the next item of a call; `None` where the call is gone.
    pub(super) fn poll_read<T>(
        &mut self,
        id: CallId,
        context: &Context<'_>,
        take: impl FnOnce(Item<'_, R>) -> T,
    ) -> Poll<Option<T>> {
        let Some(mut call) = self.connection.call(id) else { return Poll::Ready(None) };
        if let Some(item) = call.read() {
            return Poll::Ready(Some(take(item)));
        }
        set(&mut self.waits(id).reader, context);
        Poll::Pending
    }

    /// Queues the message that `message` holds; where the queue is full, it stays there.
    pub(super) fn poll_send(
        &mut self,
        id: CallId,
        message: &mut Option<Message>,
        context: &Context<'_>,
    ) -> Poll<Result<(), SendError<Message>>> {
        let Some(next) = message.take() else { return Poll::Ready(Ok(())) };
        match self.try_send(id, next) {
            Err(SendError::Full(refused)) => {
                *message = Some(refused);
                set(&mut self.waits(id).writer, context);
                Poll::Pending
            }
            result => Poll::Ready(result),
        }
    }

    pub(super) fn try_send(&mut self, id: CallId, message: Message) -> Result<(), SendError<Message>> {
        match self.connection.call(id) {
            Some(mut call) => call.send(message),
            None => Err(SendError::Ended(message)),
        }
    }

    /// Nobody waits with this waker any more.
    pub(super) fn forget_watcher(&mut self, id: CallId, waker: &Waker) {
        self.waits(id).watchers.retain(|other| !other.will_wake(waker));
    }

    /// Waits until a call has stopped or is gone.
    pub(super) fn poll_stopped(&mut self, id: CallId, context: &Context<'_>) -> Poll<()> {
        if self.connection.call(id).is_none_or(|call| call.stopped().is_some()) {
            return Poll::Ready(());
        }
        add(&mut self.waits(id).watchers, context);
        Poll::Pending
    }
}

fn set(place: &mut Option<Waker>, context: &Context<'_>) {
    match place {
        Some(waker) => waker.clone_from(context.waker()),
        None => *place = Some(context.waker().clone()),
    }
}

fn add(wakers: &mut Vec<Waker>, context: &Context<'_>) {
    if !wakers.iter().any(|waker| waker.will_wake(context.waker())) {
        wakers.push(context.waker().clone());
    }
}
