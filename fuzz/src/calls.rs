//! An application on top of one gRPC connection whose peer is the fuzzer.
//!
//! Two of them get the same reads, one in one piece and one in pieces, and act at the same points. They must be told the
//! same, read the same, and write the same octets. On the way: each call has one beginning and one end, its items come in
//! order, no event names a call that is gone, work follows the octets, and the heap keeps to what the config promises.

use crate::control::Control;
use crate::ledger::Ledger;
use bytes::{Buf, Bytes};
use grpc_sansio::testing::{Record, Recorded};
use grpc_sansio::{CallId, Connection, Event, Instant, Limits, WriteBuf};
use std::collections::BTreeMap;
use std::time::Duration;

/// What a role does with its calls.
pub(crate) trait Application: Recorded {
    const IS_CLIENT: bool;

    /// A connection, and what its config promises of its heap.
    fn connect(limits: Limits, now: Instant) -> (Connection<Self>, u64);

    /// Before anything was received.
    fn begin(_play: &mut Play<Self>) {}

    /// An event that names a call; a server's `Opened` is told before anything else of it.
    fn act(play: &mut Play<Self>, id: CallId, event: Event);

    /// Lets go of a call that may not have ended.
    fn let_go(play: &mut Play<Self>, id: CallId);
}

/// What was seen of one call so far.
#[derive(Debug, Default)]
pub(crate) struct Life {
    pub(crate) head: bool,
    pub(crate) messages: usize,
    pub(crate) ended: bool,
    pub(crate) stopped: bool,
    /// The application let go of it.
    pub(crate) gone: bool,
    /// The peer owes exactly one message.
    pub(crate) single: bool,
}

/// What came of a run, to be compared.
#[derive(Debug, Default, PartialEq, Eq)]
struct Trace {
    seen: Vec<Seen>,
    output: Vec<u8>,
}

#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Event(Event),
    Item(CallId, Record),
}

/// One run.
pub(crate) struct Play<R: Application> {
    pub(crate) it: Connection<R>,
    pub(crate) control: Control,
    pub(crate) now: Instant,
    pub(crate) calls: BTreeMap<CallId, Life>,
    ledger: Ledger,
    heap_bound: u64,
    most_queued: usize,
    fed: usize,
    read: usize,
    events: usize,
    trace: Trace,
}

/// Plays `wire` to a connection, whole and in pieces.
pub(crate) fn run<R: Application>(wire: &[u8], control: Control) {
    let whole = Play::<R>::new(control).play(wire, false);
    let cut = Play::<R>::new(control).play(wire, true);
    for (one, other) in whole.seen.iter().zip(&cut.seen) {
        assert_eq!(one, other, "cuts change what is seen");
    }
    assert_eq!(whole.seen.len(), cut.seen.len(), "cuts change how much is seen");
    assert!(whole.output == cut.output, "cuts change what is sent: {:?} or {:?}", whole.output, cut.output);
}

fn limits(small: bool) -> Limits {
    let mut limits = Limits::default();
    if small {
        limits.max_receive_message = Some(3_000);
        limits.max_concurrent_calls = 3;
        limits.max_waiting_calls = 2;
        limits.call_window = 65_535;
        limits.connection_window = 65_535;
        limits.assembly_budget = 0;
        limits.max_header_list = 1_024;
        limits.max_header_fields = 12;
        limits.max_header_block = 1_024;
        limits.max_continuations = 2;
        limits.held_headers = 1_024;
        limits.send_queue_per_call = 200;
        limits.send_queue_per_connection = 500;
        limits.decoder_table = 100;
        limits.encoder_table = 0;
        limits.copy_below = 1_024;
        limits.max_settings_entries = 4;
        limits.max_replies = 8;
        limits.empty_data = 4;
        limits.resets = 8;
        limits.glitches = 30;
    }
    limits
}

impl<R: Application> Play<R> {
    fn new(control: Control) -> Self {
        let now = Instant::from_nanos(1_000_000);
        let (it, heap_bound) = R::connect(limits(control.has(2)), now);
        Self {
            it,
            control,
            now,
            calls: BTreeMap::new(),
            ledger: Ledger::new(R::IS_CLIENT),
            heap_bound,
            most_queued: 0,
            fed: 0,
            read: 0,
            events: 0,
            trace: Trace::default(),
        }
    }

    fn play(mut self, wire: &[u8], cut: bool) -> Trace {
        R::begin(&mut self);
        self.transmit();
        for (index, read) in self.control.pieces(wire, 300).enumerate() {
            let passed = if self.control.has(4) && index % 8 == 7 { 3_000 } else { 1 };
            self.now = self.now.saturating_add(Duration::from_millis(passed));
            if self.it.poll_timeout().is_some_and(|due| due <= self.now) {
                self.it.handle_timeout(self.now);
                assert!(self.it.poll_timeout().is_none_or(|due| due > self.now), "a timer that does not go off");
            }
            if self.control.has(5) && index == 3 {
                self.it.shutdown(self.now, Some(self.now.saturating_add(Duration::from_secs(5))));
            }
            if cut {
                let steering = Control { cut: self.control.cut | 1, ..self.control };
                steering.pieces(read, 1 + usize::from(self.control.cut & 15)).for_each(|piece| self.feed(piece));
            } else {
                self.feed(read);
            }
            self.ledger
                .received(read, !self.trace.seen.contains(&Seen::Event(Event::Closed)) && self.it.error().is_none());
            if !self.control.has(7) || index % 4 == 3 {
                self.poll();
                self.transmit();
            }
        }
        self.end()
    }

    fn feed(&mut self, octets: &[u8]) {
        self.fed += octets.len();
        if self.control.has(3) {
            self.it.receive_bytes(self.now, Bytes::copy_from_slice(octets));
        } else {
            self.it.receive(self.now, octets);
        }
        let frames = self.it.counters().frames_received;
        assert!(frames <= self.fed as u64 / 9, "{frames} frames in {} octets", self.fed);
        self.check_heap();
    }

    fn check_heap(&mut self) {
        self.most_queued = self.most_queued.max(self.it.queued());
        let bound = self.heap_bound + 2 * self.most_queued as u64;
        let heap = self.it.heap_size() as u64;
        assert!(heap <= bound, "{heap} octets of heap, at most {bound} promised");
    }

    /// Takes all events, and lets the application act on them.
    fn poll(&mut self) {
        while let Some(event) = self.it.poll_event() {
            self.events += 1;
            // A frame of nine octets has at most two things to say, and a call two more of its own.
            let most = 16 + 2 * (self.fed / 9) + 4 * self.calls.len();
            assert!(self.events <= most, "{} events for {} octets", self.events, self.fed);
            if matches!(event, Event::Closed | Event::Ready) {
                assert!(!self.trace.seen.contains(&Seen::Event(event)), "a second {event:?}");
            }
            self.trace.seen.push(Seen::Event(event));
            let (Event::Opened(id) | Event::Readable(id) | Event::Writable(id) | Event::Stopped(id)) = event else {
                continue;
            };
            assert!(self.it.call(id).is_some(), "{event:?} names a call that is gone");
            match event {
                Event::Opened(_) => {
                    assert!(!R::IS_CLIENT && self.calls.insert(id, Life::default()).is_none(), "opened twice");
                }
                Event::Stopped(_) => {
                    assert!(!std::mem::replace(&mut self.life(id).stopped, true), "stopped twice");
                    assert!(self.it.call(id).is_some_and(|call| call.stopped().is_some()));
                }
                _ => assert!(!self.life(id).gone),
            }
            R::act(self, id, event);
        }
    }

    pub(crate) fn life(&mut self, id: CallId) -> &mut Life {
        self.calls.get_mut(&id).expect("a call that was opened")
    }

    /// The next item of a call, which must be one that may come now.
    pub(crate) fn read(&mut self, id: CallId) -> Option<Record> {
        let mut call = self.it.call(id)?;
        let (readable, stopped) = (call.is_readable(), call.stopped().is_some());
        let record = call.read().map(R::record);
        assert_eq!(readable, record.is_some());
        let record = record?;
        let life = self.calls.get_mut(&id).expect("a call that was opened");
        assert!(!life.ended, "{record:?} behind the end");
        match &record {
            Record::Request { .. } | Record::Response(_) => {
                assert!(!life.head && life.messages == 0, "a head behind something else");
                life.head = true;
            }
            Record::Message { data, .. } => {
                assert!(life.head, "a message without a head");
                life.messages += 1;
                self.read += data.len() + 5;
                assert!(self.read <= self.fed, "more was read than received");
            }
            Record::HalfClose => {
                assert!(!life.single || life.messages == 1 || stopped, "{life:?}");
                life.ended = true;
            }
            Record::Outcome { status, .. } => {
                assert!(!life.single || !status.is_ok() || life.messages == 1, "{life:?}");
                (life.ended, life.gone) = (true, true);
                assert!(self.it.call(id).is_none(), "a call behind its end");
            }
        }
        self.trace.seen.push(Seen::Item(id, record.clone()));
        Some(record)
    }

    /// Says all that is to be said, through a buffer as small as the mode says.
    fn transmit(&mut self) {
        self.check_heap();
        let mut output = WriteBuf::with_target(if self.control.has(6) { 50 } else { 65_536 });
        loop {
            let wanted = self.it.wants_transmit();
            self.it.transmit(self.now, &mut output);
            assert!(wanted || output.is_empty(), "something was said, but wants_transmit was false");
            assert!(output.is_full() || !self.it.wants_transmit(), "something was left unsaid, and there was room");
            if output.is_empty() {
                break;
            }
            let octets = output.copy_to_bytes(output.len());
            self.ledger.sent(&octets);
            self.trace.output.extend_from_slice(&octets);
        }
        let is_provoked = !R::IS_CLIENT && self.control.mode & 3 == 2;
        let most = 4 * self.fed + 1_024;
        assert!(!is_provoked || self.trace.output.len() <= most, "{} octets for {}", self.trace.output.len(), self.fed);
    }

    fn end(mut self) -> Trace {
        self.poll();
        self.transmit();
        self.it.receive_eof(self.now);
        self.poll();
        let open: Vec<_> = self.calls.iter().filter(|(_, life)| !life.gone).map(|(id, _)| *id).collect();
        for id in open {
            while self.read(id).is_some() {}
            if !self.calls[&id].gone {
                assert!(!R::IS_CLIENT, "a client's call without an outcome");
                R::let_go(&mut self, id);
            }
            assert!(self.it.call(id).is_none() && self.calls[&id].gone, "a call without an end: {:?}", self.calls[&id]);
        }
        self.poll();
        self.transmit();
        assert!(self.trace.seen.contains(&Seen::Event(Event::Closed)), "nobody was told of the end");
        assert!(self.it.is_finished());
        assert_eq!((self.it.calls(), self.it.zombie_calls(), self.it.queued()), (0, 0, 0));
        // Slack memory is given back a second later, and a shutdown has a date.
        self.it.handle_timeout(self.now.saturating_add(Duration::from_secs(10)));
        assert_eq!((self.it.poll_timeout(), self.it.poll_event()), (None, None));
        // Both header tables and their memory of usual blocks.
        assert!(self.it.heap_size() <= 40_000, "{} octets are kept", self.it.heap_size());
        self.trace
    }
}
