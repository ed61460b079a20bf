//! Both ends under test, and the models of their calls.

use super::call::{Call, Causes};
use bytes::Bytes;
use grpc_sansio::frame::ErrorCode;
use grpc_sansio::grpc::{Code, Kind, Metadata, Method, Status};
use grpc_sansio::testing::{Cut, Pair, Rng};
use grpc_sansio::{CallId, ClientConfig, Event, Item, Limits, Misuse, OpenOptions, SendError, ServerConfig};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

static METHODS: [Method; 4] = [
    Method::from_static("/model/Unary", Kind::Unary),
    Method::from_static("/model/Upload", Kind::ClientStreaming),
    Method::from_static("/model/Download", Kind::ServerStreaming),
    Method::from_static("/model/Bidi", Kind::BidiStreaming),
];

/// What is done next. Calls are picked by number, modulo how many there are.
#[derive(Clone, Debug)]
pub(crate) enum Doing {
    Open {
        kind: u8,
        deadline: Option<u16>,
    },
    ClientSend {
        call: u8,
        size: u32,
    },
    HalfClose(u8),
    Cancel(u8),
    ClientRead {
        call: u8,
        items: u8,
    },
    ServerSend {
        call: u8,
        size: u32,
    },
    Finish {
        call: u8,
        code: u8,
    },
    Reset(u8),
    ServerRead {
        call: u8,
        items: u8,
    },
    /// The server tells the kind of the call's method, maybe late.
    Expect(u8),
    Steps(u8),
    Sleep(u16),
}

/// How a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finale {
    /// Both sides say the rest and read it.
    Regular,
    /// The transport is lost at once.
    Lost,
    /// As regular, after a graceful shutdown by the server has begun.
    Shutdown,
}

pub(crate) struct World {
    pair: Pair,
    rng: Rng,
    calls: Vec<Call>,
    /// What the server was shown: the number of each call, and its id.
    shown: Rc<RefCell<Vec<(usize, CallId)>>>,
    lost: bool,
    /// What the config says of a connection's memory, and the most that was queued on either side.
    promised: u64,
    most_queued: u64,
}

impl World {
    pub(crate) fn new(seed: u64, delay: u64, limit: u32, small: bool) -> Self {
        let mut limits = Limits::default();
        limits.max_concurrent_calls = limit;
        if small {
            limits.call_window = 65_535;
            limits.connection_window = 65_535;
            limits.max_receive_message = Some(250_000);
            limits.assembly_budget = 250_000;
        }
        let promised = limits.connection_bytes();
        let client = ClientConfig::builder("localhost").limits(limits.clone()).build().unwrap();
        let server = ServerConfig::builder().limits(limits).build().unwrap();
        let mut pair = Pair::with(&client, &server, seed);
        pair.cut(Cut::Random);
        pair.delay(Duration::from_millis(delay));
        pair.watch();
        // Before the server's SETTINGS a client opens more than this server takes (G-164).
        pair.drive();
        let shown = Rc::new(RefCell::new(Vec::new()));
        let news = Rc::clone(&shown);
        pair.on_client(|_, _, _| {});
        pair.on_server(move |_, server, event| {
            let Event::Opened(id) = event else { return };
            let mut call = server.call(id).expect("an event names a call that is there");
            let Some(Item::Head(head)) = call.read() else { panic!("a head comes first") };
            news.borrow_mut().push((head.metadata().get("number").unwrap().parse().unwrap(), id));
        });
        Self { pair, rng: Rng::new(seed), calls: Vec::new(), shown, lost: false, promised, most_queued: 0 }
    }

    pub(crate) fn does(&mut self, doing: &Doing) {
        for (number, id) in self.shown.borrow_mut().drain(..) {
            assert_eq!(self.calls[number].server.replace(id), None, "shown twice");
        }
        let pick = |call: &u8| usize::from(*call).checked_rem(self.calls.len());
        match doing {
            Doing::Open { kind, deadline } => self.open(*kind, *deadline),
            Doing::ClientSend { call, size } => pick(call).into_iter().for_each(|at| self.client_sends(at, *size)),
            Doing::HalfClose(call) => pick(call).into_iter().for_each(|at| self.half_closes(at)),
            Doing::Cancel(call) => pick(call).into_iter().for_each(|at| self.cancels(at)),
            Doing::ClientRead { call, items } => {
                pick(call).into_iter().for_each(|at| _ = self.client_reads(at, *items))
            }
            Doing::ServerSend { call, size } => pick(call).into_iter().for_each(|at| self.server_sends(at, *size)),
            Doing::Finish { call, code } => {
                pick(call).into_iter().for_each(|at| self.finishes(at, Code::ALL[usize::from(*code)]));
            }
            Doing::Reset(call) => pick(call).into_iter().for_each(|at| self.resets(at)),
            Doing::ServerRead { call, items } => {
                pick(call).into_iter().for_each(|at| _ = self.server_reads(at, *items))
            }
            Doing::Expect(call) => pick(call).into_iter().for_each(|at| self.expects(at)),
            Doing::Steps(steps) => (0..*steps).for_each(|_| _ = self.pair.step()),
            Doing::Sleep(millis) => self.pair.sleep(Duration::from_millis(u64::from(*millis))),
        }
        self.pair.check();
        self.check_heap();
    }

    /// What the config promises of memory holds, with what was queued and what nobody has read.
    fn check_heap(&mut self) {
        let calls = self.calls.len() as u64;
        for (heap, queued) in [
            (self.pair.client.heap_size(), self.pair.client.queued()),
            (self.pair.server.heap_size(), self.pair.server.queued()),
        ] {
            // Buffers are kept for reuse, so what counts is the most that was queued; a client's calls are its own.
            self.most_queued = self.most_queued.max(queued as u64);
            let bound = self.promised + 2 * self.most_queued + 1024 * calls;
            assert!(heap as u64 <= bound, "{heap} octets of heap, at most {bound} promised");
        }
    }

    fn message(&mut self, size: u32) -> Bytes {
        let first = self.rng.next_u64() as usize;
        (0..size as usize).map(|at| (first + at * 31) as u8).collect()
    }

    fn open(&mut self, kind: u8, deadline: Option<u16>) {
        let method = &METHODS[usize::from(kind)];
        let mut metadata = Metadata::new();
        metadata.append("number", &self.calls.len().to_string()).unwrap();
        let deadline = deadline.map(|millis| self.pair.now().saturating_add(Duration::from_millis(u64::from(millis))));
        let mut options = OpenOptions::new(method).metadata(&metadata);
        if let Some(deadline) = deadline {
            options = options.deadline(deadline);
        }
        let id = self.pair.open(&options).unwrap();
        self.calls.push(Call::new(method.kind(), deadline, id));
    }

    fn client_sends(&mut self, at: usize, size: u32) {
        let message = self.message(size);
        let model = &mut self.calls[at];
        let Some(mut call) = self.pair.client.call(model.client) else { return };
        let over = model.half_closed || !model.kind.client_streams() && !model.up.is_empty();
        let writable = call.is_writable();
        match call.send(message.clone()) {
            Ok(()) => {
                assert!(!over && writable);
                model.up.push(message);
                model.half_closed |= !model.kind.client_streams();
            }
            Err(SendError::Full(same)) => assert!(same.data == message && call.queued() > 0),
            Err(SendError::Misuse(Misuse::HalfClosed)) => assert!(over),
            Err(SendError::Ended(same)) => assert!(same.data == message),
            Err(other) => panic!("{other:?}"),
        }
    }

    fn half_closes(&mut self, at: usize) {
        let model = &mut self.calls[at];
        let Some(mut call) = self.pair.client.call(model.client) else { return };
        match call.half_close() {
            Ok(()) => model.half_closed = true,
            Err(Misuse::HalfClosed) => assert!(model.half_closed),
            Err(Misuse::MessageMissing) => assert!(model.up.is_empty() && !model.kind.client_streams()),
            Err(other) => panic!("{other:?}"),
        }
    }

    fn cancels(&mut self, at: usize) {
        let model = &mut self.calls[at];
        let Some(call) = self.pair.client.call(model.client) else { return };
        assert!(model.outcome.is_none());
        call.cancel();
        model.cancelled = true;
    }

    fn client_reads(&mut self, at: usize, items: u8) -> bool {
        let model = &mut self.calls[at];
        let now = self.pair.now();
        let causes = Causes { lost: self.lost, ..Causes::default() };
        for done in 0..items {
            let Some(mut call) = self.pair.client.call(model.client) else {
                assert!(model.cancelled || model.outcome.is_some());
                return done > 0;
            };
            assert!(!model.cancelled && model.outcome.is_none());
            match call.read() {
                None => return done > 0,
                Some(Item::Head(_)) => assert_eq!(model.down_read, 0),
                Some(Item::Message(message)) => model.client_reads(&message),
                Some(Item::End(outcome)) => model.client_ends(outcome.status(), outcome.unprocessed(), now, causes),
            }
        }
        true
    }

    /// The server's call, unless it has let go of it; one that has stopped is read and let go now.
    fn served(&mut self, at: usize) -> Option<CallId> {
        let id = self.calls[at].server?;
        let stopped = self.pair.server.call(id)?.stopped().is_some();
        if stopped {
            while self.read_served(at, id) {}
            self.pair.server.call(id)?.release();
            assert!(self.pair.server.call(id).is_none());
            return None;
        }
        Some(id)
    }

    fn server_sends(&mut self, at: usize, size: u32) {
        let message = self.message(size);
        let Some(id) = self.served(at) else { return };
        let Some(mut call) = self.pair.server.call(id) else { return };
        match call.send(message.clone()) {
            Ok(()) => self.calls[at].down.push(message),
            Err(SendError::Full(same)) => assert!(same.data == message && call.queued() > 0),
            Err(SendError::Misuse(Misuse::TooManyMessages)) => {
                let model = &self.calls[at];
                assert!(model.expected && model.is_single() && !model.down.is_empty());
            }
            Err(other) => panic!("{other:?}"),
        }
    }

    fn finishes(&mut self, at: usize, code: Code) {
        let Some(id) = self.served(at) else { return };
        let Some(call) = self.pair.server.call(id) else { return };
        call.finish(&Status::new(code, "the model said so"), &Metadata::new());
        let model = &mut self.calls[at];
        // G-040
        let owes = model.expected && model.is_single() && model.down.is_empty();
        model.finished = Some(if code == Code::Ok && owes { Code::Internal } else { code });
    }

    fn expects(&mut self, at: usize) {
        let Some(id) = self.served(at) else { return };
        let Some(mut call) = self.pair.server.call(id) else { return };
        let model = &mut self.calls[at];
        assert_eq!(call.expect(model.kind), Ok(()));
        model.expected = true;
        let other = if model.kind == Kind::BidiStreaming { Kind::Unary } else { Kind::BidiStreaming };
        assert!(call.expect(other) == Err(Misuse::KindKnown) || call.stopped().is_some());
    }

    fn resets(&mut self, at: usize) {
        let Some(id) = self.served(at) else { return };
        let Some(call) = self.pair.server.call(id) else { return };
        call.reset(ErrorCode::INTERNAL_ERROR).unwrap();
        self.calls[at].reset = Some(Code::Internal);
    }

    fn server_reads(&mut self, at: usize, items: u8) -> bool {
        let Some(id) = self.served(at) else { return false };
        let read = (0..items).take_while(|_| self.read_served(at, id)).count();
        read > 0
    }

    fn read_served(&mut self, at: usize, id: CallId) -> bool {
        let model = &mut self.calls[at];
        let Some(mut call) = self.pair.server.call(id) else { return false };
        match call.read() {
            None => return false,
            Some(Item::Head(_)) => panic!("a second head"),
            Some(Item::Message(message)) => {
                let octets: Bytes = message.into_bytes();
                model.server_reads(&octets);
            }
            Some(Item::End(_)) => model.server_sees_half_close(),
        }
        true
    }

    /// Brings everything to its end, and holds it against the models.
    pub(crate) fn ends(mut self, finale: Finale) {
        match finale {
            Finale::Regular => {}
            Finale::Lost => {
                self.lost = true;
                self.pair.disconnect();
            }
            Finale::Shutdown => {
                let now = self.pair.now();
                self.pair.server.shutdown(now, None);
                // Calls that wait for a stream are not processed, and end as if the connection were lost.
                self.lost = true;
            }
        }
        loop {
            self.pair.drive();
            self.does(&Doing::Steps(1));
            let mut busy = false;
            for at in 0..self.calls.len() {
                busy |= self.client_reads(at, 100);
                busy |= self.server_reads(at, 100);
                let model = &self.calls[at];
                // What nobody will add to is said to its end.
                if !model.half_closed && self.pair.client.call(model.client).is_some() {
                    busy = true;
                    if model.kind.client_streams() {
                        self.half_closes(at)
                    } else {
                        self.client_sends(at, 10)
                    }
                    self.calls[at].half_closed = true;
                }
                if self.calls[at].saw_half_close
                    && let Some(id) = self.served(at)
                    && self.pair.server.call(id).is_some()
                {
                    busy = true;
                    if self.calls[at].down.is_empty() {
                        self.server_sends(at, 100);
                    }
                    self.finishes(at, Code::Ok);
                }
            }
            busy |= self.pair.step();
            if !busy {
                break;
            }
        }
        for (number, model) in self.calls.iter().enumerate() {
            assert!(model.cancelled != model.outcome.is_some(), "call {number} has no end, or two: {model:?}");
        }
        assert_eq!((self.pair.client.calls(), self.pair.server.calls()), (0, 0));
        assert_eq!((self.pair.client.queued(), self.pair.server.queued()), (0, 0));
        if finale == Finale::Regular {
            assert_eq!((self.pair.client.error(), self.pair.server.error()), (None, None));
        }
        self.pair.sleep(Duration::from_secs(5));
        let kept = (self.pair.client.heap_size(), self.pair.server.heap_size());
        assert!(finale != Finale::Regular || kept.0 < 20_000 && kept.1 < 20_000, "L-43: {kept:?}");
    }
}
