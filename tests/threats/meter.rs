//! Runs an attack and checks what holds for all of them.

use crate::attacks::{ALL, After, App, Attack, End, Report, Run};
use grpc_sansio::OpenOptions;
use grpc_sansio::frame::ErrorCode;
use grpc_sansio::grpc::{Code, Kind, Method, Status};
use grpc_sansio::testing::{Pair, answer};
use std::cell::Cell;
use std::collections::BTreeMap;

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

/// The octets of the honest call before, during and after an attack on another connection.
struct Bystander(Pair);

impl Bystander {
    fn new() -> Self {
        let mut pair = Pair::new(1);
        pair.on_server(answer(Kind::Unary, |_| (vec![b"ok".to_vec()], Status::ok())));
        Self(pair)
    }

    fn calls(&mut self) {
        static METHOD: Method = Method::from_static("/a/b", Kind::Unary);
        let id = self.0.open(&OpenOptions::new(&METHOD)).unwrap();
        self.0.client.call(id).unwrap().send(b"hello".to_vec()).unwrap();
        self.0.drive();
        assert_eq!(self.0.client_log.call(id).and_then(|log| log.code()), Some(Code::Ok));
    }
}

/// How many times more input than usual: `THREATS=full` is for the figures in `docs/threats.md`.
fn scale() -> usize {
    if std::env::var_os("THREATS").is_some_and(|value| value == "full") { 64 } else { 1 }
}

pub(crate) fn find(name: &str) -> &'static Attack {
    ALL.iter().copied().flatten().find(|attack| attack.name == name).unwrap_or_else(|| panic!("no attack {name}"))
}

/// Runs the attack of that name. Whatever it is: heap and output are bounded, a connection that ended says one GOAWAY and
/// takes no notice of anything more, one that did not serves an honest call, and so does another connection meanwhile.
#[track_caller]
pub(crate) fn check(name: &str) -> Outcome {
    let attack = find(name);
    let (held, peak) = (Cell::new(0i64), Cell::new(0i64));
    let mut meter = |work: &mut dyn FnMut()| {
        let info = allocation_counter::measure(work);
        peak.set(peak.get().max(held.get() + info.bytes_max as i64));
        held.set(held.get() + info.bytes_current);
    };
    let mut bystander = Bystander::new();
    bystander.calls();

    let mut run = Run::new(attack, &mut meter);
    (0..EARLY).for_each(|_| run.until(run.target.report.received.min(attack.octets - 1) + 1));
    let early = peak.get();
    run.until(attack.octets * scale());
    let growth = peak.get() - early;
    bystander.calls();
    run.target.reads = true;
    run.flush();
    let report = run.target.report.clone();
    let (ended, hello, said) = (run.target.is_ended(), run.hello, run.target.heap_size() as i64);
    match attack.after {
        After::Ends => {
            assert!(ended, "{name}: still there after {} octets: {report:?}", report.received);
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

    let (peak, held) = (peak.get(), held.get());
    let bound = attack.limits().connection_bytes().min(attack.heap as u64) as i64;
    println!("{name}: {report:?}, after a hello of {hello}; peak {peak}, growth {growth}, held {held}, bound {bound}");
    assert!(said <= bound, "{name}: heap_size says {said}, and {bound} are allowed");
    assert!(peak <= bound, "{name}: {peak} octets of heap, and {bound} are allowed");
    let most = 4 * report.received + 1024;
    assert!(report.emitted <= most, "{name}: {} octets said to {} heard", report.emitted, report.received);
    Outcome { report, peak, growth }
}

/// T-42: after the end all input is taken and nothing is said.
fn ignores_all(run: &mut Run<'_>) {
    let before = (run.target.report.emitted, run.target.report.shown);
    assert_eq!(run.target.report.goaways, 1, "{:?}", run.target.report);
    for _ in 0..100 {
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
            assert_eq!(run.target.report.grpc.get("0").copied(), Some(before + 1), "{}", attack.name);
        }
        End::Client(calls) => {
            let before = run.target.report.outcomes.get("Ok").copied().unwrap_or(0);
            run.wire.settings(&[(3, calls + 100), (4, 65_535)]);
            run.wire.window(0, 1000);
            run.flush();
            run.target.open();
            run.flush();
            run.wire.answer(2 * calls + 1);
            run.flush();
            let ok = run.target.report.outcomes.get("Ok").copied();
            assert_eq!(ok, Some(before + 1), "{}: {:?}", attack.name, run.target.report);
        }
    }
}
