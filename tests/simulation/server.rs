//! What the servers' application does: has calls wait for a worker, reads at its pace, and answers early, late or never.

use crate::plan::End;
use crate::world::{Attempt, Doing, METHODS, World, later_than, message, name};
use grpc_sansio::frame::ErrorCode;
use grpc_sansio::grpc::{Code, Metadata, Status};
use grpc_sansio::testing::WireId;
use grpc_sansio::{CallId, Event, Instant, Item, SendError, Stop};
use std::collections::VecDeque;

/// Where a server's application stands with one attempt.
#[derive(Debug, Default)]
pub(crate) struct ServerSide {
    work: Work,
    reads_at: Instant,
    /// When it begins to answer, once it knows.
    answers_at: Option<Instant>,
    said: usize,
    says_at: Instant,
    pub(crate) deadline: Option<Instant>,
    /// The deadline passed here before the client's clock said so.
    pub(crate) expired: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Work {
    #[default]
    Unknown,
    Waiting,
    Going,
    Done,
}

/// The workers of one server, and who waits for them.
pub(crate) struct Hall {
    free: usize,
    workers: usize,
    queue: VecDeque<usize>,
}

impl Hall {
    pub(crate) fn new(workers: usize) -> Self {
        Self { free: workers, workers, queue: VecDeque::new() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.free == self.workers && self.queue.is_empty()
    }
}

impl World<'_> {
    pub(crate) fn at_server(&mut self, wire: WireId, event: Event) {
        match event {
            Event::Opened(id) => self.is_called(wire, id),
            Event::Readable(id) | Event::Writable(id) | Event::Stopped(id) => {
                let at = self.of_server[&(wire, id)];
                self.note(|| format!("server: attempt {at} {}", name(event)));
                if let Event::Stopped(id) = event {
                    self.check_stop(at, id);
                }
                self.server_goes(at);
            }
            Event::Draining | Event::Closed => self.note(|| format!("server of wire {}: {event:?}", wire.0)),
            Event::WindowExhausted => self.hires(wire),
            Event::Ready | Event::Available => {}
            _ => panic!("an event that the simulation does not know: {event:?}"),
        }
    }

    fn is_called(&mut self, wire: WireId, id: CallId) {
        let now = self.net.server_now(wire);
        let mut handle = self.net.server(wire).call(id).expect("an event names a call that is there");
        let Some(Item::Head(head)) = handle.read() else { panic!("a head comes first") };
        let at: usize = head.metadata().get("number").unwrap().parse().unwrap();
        let Attempt { call, wire: asked, metadata, model, server, .. } = &mut self.attempts[at];
        let plan = &self.plan.calls[*call];
        let method = METHODS.iter().find(|method| method.path().as_str() == head.path()).expect("a known method");
        assert_eq!((method.kind(), *asked), (plan.kind, wire), "somebody else's call");
        assert_eq!(&head.metadata().to_metadata(), metadata, "initial metadata");
        assert_eq!((head.authority(), head.scheme()), ("localhost", "http"));
        assert_eq!(model.server.replace(id), None, "shown twice");
        server.deadline = head.deadline();
        assert_eq!(head.deadline().is_some(), plan.deadline.is_some());
        handle.expect(method.kind()).unwrap();
        model.told_kind = true;
        if let (Some(ours), Some(theirs), false) = (server.deadline, model.deadline, self.clocks_jump) {
            // Both go by the same clock: what is rounded is at most a hundredth of what was asked for.
            let slack = later_than(now, plan.deadline.unwrap_or(0) / 100 + 2);
            assert!(ours >= theirs, "the server gives up before the client: {ours:?} {theirs:?}");
            assert!(ours <= later_than(slack, plan.deadline.unwrap_or(0)), "the server goes on for too long: {ours:?}");
        }
        self.of_server.insert((wire, id), at);
        self.note(|| format!("server: attempt {at} arrives"));
        let number = self.plan.lines[self.plan.calls[self.attempts[at].call].line].server;
        let hall = &mut self.halls[number];
        if hall.free == 0 {
            hall.queue.push_back(at);
            self.attempts[at].server.work = Work::Waiting;
        } else {
            hall.free -= 1;
            self.begins(at);
        }
    }

    /// What nobody reads fills the connection, and may keep those from going on that a worker waits for: with this event
    /// comes the duty to read what waits.
    fn hires(&mut self, wire: WireId) {
        self.note(|| format!("server of wire {}: its window is full", wire.0));
        let number = self.plan.lines[self.wires[wire.0].line].server;
        let all = std::mem::take(&mut self.halls[number].queue);
        let (here, elsewhere) = all.into_iter().partition(|at| self.attempts[*at].wire == wire);
        let here: VecDeque<usize> = here;
        let hall = &mut self.halls[number];
        hall.queue = elsewhere;
        hall.workers += here.len();
        here.into_iter().for_each(|at| self.begins(at));
    }

    fn begins(&mut self, at: usize) {
        self.attempts[at].server.work = Work::Going;
        let plan = &self.plan.calls[self.attempts[at].call];
        if plan.early {
            self.will_answer(at);
        }
        self.server_goes(at);
    }

    /// A worker is free for the next.
    fn is_done(&mut self, at: usize) {
        let number = self.plan.lines[self.plan.calls[self.attempts[at].call].line].server;
        let work = std::mem::replace(&mut self.attempts[at].server.work, Work::Done);
        let hall = &mut self.halls[number];
        match work {
            Work::Going => hall.free += 1,
            Work::Waiting => hall.queue.retain(|other| *other != at),
            Work::Unknown | Work::Done => panic!("attempt {at} is done twice"),
        }
        if hall.free > 0
            && let Some(next) = hall.queue.pop_front()
        {
            hall.free -= 1;
            self.begins(next);
        }
    }

    fn will_answer(&mut self, at: usize) {
        let plan = &self.plan.calls[self.attempts[at].call];
        let pause = plan.think + plan.downs.first().map_or(0, |say| say.pause);
        let begin = later_than(self.net.now(), pause);
        let server = &mut self.attempts[at].server;
        if server.answers_at.is_none() {
            (server.answers_at, server.says_at) = (Some(begin), begin);
            if pause > 0 {
                self.later(pause, Doing::ServerGoes(at));
            }
        }
    }

    /// The application does all that it can do now.
    pub(crate) fn server_goes(&mut self, at: usize) {
        if matches!(self.attempts[at].server.work, Work::Unknown | Work::Done) {
            return;
        }
        let Attempt { wire, model, .. } = &self.attempts[at];
        let (wire, id) = (*wire, model.server.expect("it works on what it was shown"));
        let handle = self.net.server(wire).call(id).expect("a call stays until it is let go");
        if handle.stopped().is_some() {
            // What had arrived is still there.
            while self.server_reads(at, id) {}
            self.net.server(wire).call(id).expect("it stays").release();
            return self.is_done(at);
        }
        if self.attempts[at].server.work == Work::Going {
            while self.server_reads(at, id) {}
            while self.server_sends(at, id) {}
        }
    }

    /// Whether it read something and may read more.
    fn server_reads(&mut self, at: usize, id: CallId) -> bool {
        let now = self.net.now();
        let Attempt { call, wire, model, server, .. } = &mut self.attempts[at];
        let plan = &self.plan.calls[*call];
        let mut handle = self.net.server(*wire).call(id).expect("a call stays until it is let go");
        if server.reads_at > now && handle.stopped().is_none() {
            return false;
        }
        let ended = match handle.read() {
            None => return false,
            Some(Item::Head(_)) => panic!("a second head"),
            Some(Item::Message(message)) => {
                model.server_reads(&message);
                false
            }
            Some(Item::End(_)) => {
                model.server_sees_half_close();
                true
            }
        };
        server.reads_at = later_than(now, plan.server_pace);
        if plan.server_pace > 0 {
            self.later(plan.server_pace, Doing::ServerGoes(at));
        }
        self.note(|| format!("server: attempt {at} reads {}", if ended { "the end" } else { "a message" }));
        if ended {
            self.will_answer(at);
        }
        true
    }

    /// Whether it said something and may say more.
    fn server_sends(&mut self, at: usize, id: CallId) -> bool {
        let now = self.net.now();
        let Attempt { call, wire, metadata, model, server, .. } = &mut self.attempts[at];
        let (plan, wire) = (&self.plan.calls[*call], *wire);
        if server.answers_at.is_none_or(|begin| begin > now) || server.says_at > now {
            return false;
        }
        let Some(mut handle) = self.net.server(wire).call(id) else { return false };
        if server.said == 0 && plan.metadata > 0 && !plan.downs.is_empty() && model.down.is_empty() {
            // Only once: a refused first message does not take the head back.
            _ = handle.send_head(metadata);
        }
        let Some(say) = plan.downs.get(server.said) else {
            self.server_ends(at, id);
            return false;
        };
        let message = message(at, 2, server.said, say.size);
        let writable = handle.is_writable();
        match handle.send(message.clone()) {
            Ok(()) => {
                assert!(writable, "what is not writable takes no message");
                model.down.push(message);
                server.said += 1;
                let pause = plan.downs.get(server.said).map_or(0, |say| say.pause);
                server.says_at = later_than(now, pause);
                if pause > 0 {
                    self.later(pause, Doing::ServerGoes(at));
                }
                true
            }
            Err(SendError::Full(same)) => {
                assert!(same.data == message && handle.queued() > 0, "an empty queue takes any message");
                false
            }
            Err(other) => panic!("{other}"),
        }
    }

    fn server_ends(&mut self, at: usize, id: CallId) {
        let Attempt { call, wire, metadata, model, .. } = &mut self.attempts[at];
        let plan = &self.plan.calls[*call];
        let handle = self.net.server(*wire).call(id).expect("it goes on");
        match plan.end {
            End::Finish(code) => {
                let none = Metadata::new();
                let trailers = if plan.metadata > 0 { metadata } else { &none };
                handle.finish(&Status::new(code, "the plan said so"), trailers);
                model.finished = Some(code);
            }
            End::Reset => {
                handle.reset(ErrorCode::INTERNAL_ERROR).unwrap();
                model.reset = Some(Code::Internal);
            }
            End::Release => {
                handle.release();
                model.reset = Some(Code::Cancelled);
            }
        }
        self.note(|| format!("server: attempt {at} says {:?}", plan.end));
        self.is_done(at);
    }

    /// A server's call stops for a reason that there is.
    fn check_stop(&mut self, at: usize, id: CallId) {
        let causes = self.causes(at);
        let wire = self.attempts[at].wire;
        let local = self.server_now(wire);
        let Attempt { model, server, .. } = &mut self.attempts[at];
        let stop = self.net.server(wire).call(id).and_then(|call| call.stopped());
        match stop.expect("it was said to have stopped") {
            Stop::Cancelled => {
                let call = self.net.client(wire).call(model.client);
                let over = call.is_none_or(|call| call.stopped().is_some() || call.has_ended());
                assert!(over, "attempt {at} was cancelled by nobody");
            }
            Stop::DeadlineExceeded => {
                let deadline = server.deadline.expect("a deadline");
                assert!(deadline <= local, "a deadline fired early at the server");
                assert!(deadline == local || self.clocks_jump, "a deadline fired late at the server");
                server.expired = true;
            }
            Stop::ConnectionLost => assert!(causes.lost, "attempt {at} lost a connection that is sound"),
            Stop::PeerFault => assert!(causes.too_large, "attempt {at} broke no rule"),
            other => panic!("a stop that the simulation does not know: {other:?}"),
        }
    }
}
