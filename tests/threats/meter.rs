//! Runs an attack and checks what holds for all of them.

use crate::attacks::{ALL, After, App, Attack, End, Report, Run};
use grpc_sansio::OpenOptions;
use grpc_sansio::frame::ErrorCode;
use grpc_sansio::grpc::{Code, Kind, Method, Status};
use grpc_sansio::testing::{Pair, answer};
use std::cell::Cell;
use std::collections::BTreeMap;

/// The heap that pieces of work hold together, by the allocator that counts.
#[derive(Default)]
pub(crate) struct Heap {
    held: Cell<i64>,
    peak: Cell<i64>,
}

impl Heap {
    pub(crate) fn measure(&self, work: &mut dyn FnMut()) {
        let info = allocation_counter::measure(work);
        self.peak.set(self.peak.get().max(self.held.get() + info.bytes_max as i64));
        self.held.set(self.held.get() + info.bytes_current);
    }

    /// The most octets at once so far.
    pub(crate) fn peak(&self) -> i64 {
        self.peak.get()
    }
}

/// What an attack came to, with the heap that it took.
pub(crate) struct Outcome {
    pub(crate) report: Report,
    /// The most octets of heap at once, and by how many of them the last turns went beyond the first 300.
    pub(crate) peak: i64,
    pub(crate) growth: i64,
}

impl Outcome {
    /// The connection ended with this code, and with debug data that starts so.
    #[track_caller]
    pub(crate) fn ends(&self, code: ErrorCode, debug_data: &str) {
        let word = self.report.goaway.as_ref().expect("a GOAWAY");
        assert_eq!(word.code, code, "{word:?}");
        assert!(word.debug_data.starts_with(debug_data), "{word:?}");
    }

    /// What the first turns took is all that it takes.
    #[track_caller]
    pub(crate) fn stays_flat(&self) {
        assert!(self.growth <= 4096, "{} octets more than at first", self.growth);
    }
}

/// Turns after which a connection that is only kept busy has what it needs.
const EARLY: u32 = 300;

/// Octets of an attack between two honest calls on another connection.
const EVERY: usize = 32 * 1024;

/// The octets of the honest call before, during and after an attack on another connection.
pub(crate) struct Bystander(Pair);

impl Bystander {
    pub(crate) fn new() -> Self {
        let mut pair = Pair::new(1);
        pair.on_server(answer(Kind::Unary, |_| (vec![b"ok".to_vec()], Status::ok())));
        Self(pair)
    }

    pub(crate) fn calls(&mut self) {
        static METHOD: Method = Method::from_static("/a/b", Kind::Unary);
        let id = self.0.open(&OpenOptions::new(&METHOD)).unwrap();
        self.0.client.call(id).unwrap().send(b"hello".to_vec()).unwrap();
        self.0.drive();
        assert_eq!(self.0.client_log.call(id).and_then(|log| log.code()), Some(Code::Ok));
    }
}

pub(crate) fn find(name: &str) -> &'static Attack {
    ALL.iter().copied().flatten().find(|attack| attack.name == name).unwrap_or_else(|| panic!("no attack {name}"))
}

/// Runs the attack of that name. Whatever it is: heap and output are bounded, a connection that ended says one GOAWAY and
/// takes no notice of anything more, one that did not serves an honest call, and so does another connection meanwhile.
#[track_caller]
pub(crate) fn check(name: &str) -> Outcome {
    let attack = find(name);
    let heap = Heap::default();
    let mut meter = |work: &mut dyn FnMut()| heap.measure(work);
    let mut bystander = Bystander::new();
    bystander.calls();

    let mut run = Run::new(attack, &mut meter);
    (0..EARLY).for_each(|_| run.until(run.target.report.received.min(attack.octets - 1) + 1));
    let early = heap.peak();
    // The call of another connection comes in between, again and again.
    for octets in (0..attack.octets).step_by(EVERY).skip(1) {
        run.until(octets);
        bystander.calls();
    }
    run.until(attack.octets);
    let growth = heap.peak() - early;
    bystander.calls();
    run.target.reads = true;
    run.flush();
    let report = run.target.report.clone();
    let (ended, hello, said) = (run.target.is_ended(), run.hello, run.target.heap_size() as i64);
    match attack.after {
        After::Ends => {
            assert!(ended, "{name}: still there after {} octets: {report:?}", report.received);
            // The peer and the application are told the same, where it was not the peer that said the last word.
            if let (Some(word), Some(reason)) = (&report.goaway, run.target.reason())
                && !word.debug_data.is_empty()
            {
                assert!(word.debug_data.starts_with(&reason), "{name}: {word:?}, and {reason}");
            }
            ignores_all(&mut run);
        }
        After::Serves => {
            assert!(!ended, "{name}: {:?}", report.goaway);
            serves(&mut run, attack);
        }
        After::Stays => assert!(!ended, "{name}: {:?}", report.goaway),
        After::Drains => {
            run.wire.answer(1);
            run.flush();
            assert_eq!(run.target.report.outcomes, BTreeMap::from([("Ok".to_string(), 1)]), "{name}");
        }
    }
    drop(run);
    bystander.calls();

    let (peak, held) = (heap.peak(), heap.held.get());
    let bound = attack.limits().connection_bytes().min(attack.heap as u64) as i64;
    println!("{name}: {report:?}, after a hello of {hello}; peak {peak}, growth {growth}, held {held}, bound {bound}");
    assert!(said <= bound, "{name}: heap_size says {said}, and {bound} are allowed");
    assert!(peak <= bound, "{name}: {peak} octets of heap, and {bound} are allowed");
    let most = 4 * report.received + 1024;
    assert!(report.emitted <= most, "{name}: {} octets said to {} heard", report.emitted, report.received);
    Outcome { report, peak, growth }
}

/// T-42: after the end all input is taken and nothing is said. A guard that was nearly spent was announced before.
fn ignores_all(run: &mut Run<'_>) {
    let before = (run.target.report.emitted, run.target.report.shown);
    let graceful = run.target.report.said("GOAWAY", "NO_ERROR");
    let last = u64::from(run.target.report.goaways) - graceful;
    // Whoever does not speak HTTP/2 is told nothing at all.
    let foreign = run.target.report.emitted == 0;
    assert!(last == 1 && graceful <= 2 || (last, graceful) == (0, 1) || foreign, "{:?}", run.target.report);
    let enough = run.target.report.received + 1000;
    while run.target.report.received < enough {
        run.turn();
    }
    run.wire.raw(&[0xff; 1000]);
    run.flush();
    assert_eq!((run.target.report.emitted, run.target.report.shown), before);
}

/// A call as it should be, on the connection that was attacked.
fn serves(run: &mut Run<'_>, attack: &Attack) {
    run.target.app = App::Answers;
    match attack.end {
        End::Server => {
            let before = run.target.report.grpc.get("0").copied().unwrap_or(0);
            let id = (run.wire.highest + 1) | 1;
            run.wire.request(id, grpc_sansio::frame::Flags::NONE);
            run.wire.window(id, 1000);
            run.wire.window(0, 1000);
            run.wire.message(id, 5, grpc_sansio::frame::Flags::END_STREAM);
            run.flush();
            let ok = run.target.report.grpc.get("0").copied();
            assert_eq!(ok, Some(before + 1), "{}: {:?}", attack.name, run.target.report);
        }
        End::Client(calls) => {
            let before = run.target.report.outcomes.get("Ok").copied().unwrap_or(0);
            run.wire.settings(&[(3, calls + 100), (4, 65_535)]);
            run.wire.window(0, 1000);
            run.flush();
            run.open();
            run.flush();
            run.wire.answer(2 * calls + 1);
            run.flush();
            let ok = run.target.report.outcomes.get("Ok").copied();
            assert_eq!(ok, Some(before + 1), "{}: {:?}", attack.name, run.target.report);
        }
    }
}
