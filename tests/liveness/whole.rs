//! Properties of whole conversations: both applications, both ends, a faulty transport, and the ledgers at each step.

use crate::traffic::{Attention, Ending, METHODS, Result, Script, Traffic, script, tight};
use grpc_sansio::grpc::Code;
use grpc_sansio::testing::{Cut, FaultyLink};
use grpc_sansio::{Event, Limits};
use proptest::prelude::*;
use std::time::Duration;

/// A transport's manners, for both directions.
#[derive(Clone, Copy, Debug)]
struct Manners {
    cut: Cut,
    delay: u64,
    takes: usize,
}

fn manners() -> impl Strategy<Value = Manners> {
    let cut = prop_oneof![Just(Cut::Whole), Just(Cut::Random), Just(Cut::AtMost(100))];
    let takes = prop_oneof![2 => Just(usize::MAX), 1 => 200..3_000usize];
    (cut, 0..20u64, takes).prop_map(|(cut, delay, takes)| Manners { cut, delay, takes })
}

fn start(seed: u64, limits: &Limits, scripts: &[Script], manners: Manners, attention: Attention) -> Traffic {
    let mut traffic = Traffic::new(seed, limits, scripts, attention);
    let apply = |link: &mut FaultyLink| {
        (link.cut, link.takes, link.delay) = (manners.cut, manners.takes, Duration::from_millis(manners.delay));
    };
    apply(&mut traffic.pair.up);
    apply(&mut traffic.pair.down);
    traffic.start();
    traffic
}

/// What a call must come to when nothing disturbs it.
fn is_as_scripted(script: &Script, result: &Result) -> bool {
    let all_up = result.up == script.up.len();
    let all_down = result.down == script.down.len();
    let single = !METHODS[script.method].kind().server_streams();
    let answered = |code| match code {
        Code::Ok => result.outcome == Some(Code::Ok) && all_down,
        // G-082: a single message gives way to the status.
        _ => result.outcome == Some(code) && result.down == if single { 0 } else { script.down.len() },
    };
    match script.ending {
        Ending::Regular(code) => answered(code) && all_up,
        Ending::Early(code, after) => answered(code) && result.up >= after.min(script.up.len()),
        Ending::Reset(_) => result.outcome == Some(Code::Internal),
        Ending::Cancel(after) if after > script.down.len() || (single && after > 0) => {
            result.cancelled || result.outcome == Some(Code::Ok)
        }
        Ending::Cancel(after) => result.cancelled && result.down == after,
    }
}

/// So many steps, and the time that they take.
fn steps(traffic: &mut Traffic, count: usize) {
    for _ in 0..count {
        traffic.step();
        let arrivals = [&traffic.pair.up, &traffic.pair.down].into_iter().filter_map(|link| link.next_arrival());
        let arrival = arrivals.min().unwrap_or(traffic.pair.now());
        traffic.pair.clock.advance_to(arrival);
    }
}

proptest! {
    #![proptest_config(crate::cases(30))]

    /// L-07: whoever acts on events alone comes to the same end as who looks at everything after each step, and nobody
    /// waits for ever. With it, at each step: the four ledgers (L-01 to L-06, L-20), slots (L-17), one reset for a stream
    /// and none for an id never used (L-25, L-40), the peer's limit (L-18); at the end, order and wholeness (L-16), one
    /// end for each call (L-31), early answers (L-37), memory (L-43) and a connection that finishes (L-12).
    #[test]
    fn l_07_events_tell_all_that_polling_finds(
        seed: u64,
        limit in 1..6u32,
        small: bool,
        manners in manners(),
        scripts in prop::collection::vec(script(), 1..14),
    ) {
        let limits = if small { tight(limit) } else { limited(limit) };
        let run = |attention| {
            let mut traffic = start(seed, &limits, &scripts, manners, attention);
            traffic.settle();
            let results = traffic.results();
            traffic.ends();
            results
        };
        let (told, polled) = (run(Attention::Events), run(Attention::Polling));
        for ((script, told), polled) in scripts.iter().zip(told).zip(polled) {
            prop_assert!(is_as_scripted(script, &told), "told: {script:?} {told:?}");
            prop_assert!(is_as_scripted(script, &polled), "polled: {script:?} {polled:?}");
            // How far a race went is not the same; its end is.
            if matches!(script.ending, Ending::Regular(_)) {
                prop_assert_eq!((told.outcome, told.up, told.down), (polled.outcome, polled.up, polled.down));
            }
        }
    }

    /// L-09, G-181: a client says goodbye at any point: that ends none of its calls, whatever their state at its server, those
    /// that waited for their turn included.
    #[test]
    fn l_09_g_181_a_client_says_goodbye_at_any_point(
        seed: u64,
        limit in 1..6u32,
        manners in manners(),
        at in 0..60usize,
        scripts in prop::collection::vec(script(), 1..10),
    ) {
        let mut traffic = start(seed, &tight(limit), &scripts, manners, Attention::Events);
        steps(&mut traffic, at);
        let now = traffic.pair.now();
        traffic.pair.client.shutdown(now, None);
        traffic.settle();
        prop_assert!(traffic.pair.client.is_finished() && traffic.pair.server.is_finished(), "L-12: {:?}", traffic.pair);
        prop_assert_eq!((traffic.pair.client.error(), traffic.pair.server.error()), (None, None));
        for (script, result) in scripts.iter().zip(traffic.results()) {
            // What was not opened by then never is.
            let opened = result.outcome.is_some() || result.cancelled;
            prop_assert!(if opened { is_as_scripted(script, &result) } else { !result.shown }, "{script:?} {result:?}");
        }
    }

    /// L-10, L-11: a server says goodbye at any point, to calls in any state: each ends exactly once, what it shows to its
    /// application goes on to its own end, what it never showed may be tried again, and nothing new begins.
    #[test]
    fn l_10_l_11_goodbye_at_any_point(
        seed: u64,
        limit in 1..6u32,
        manners in manners(),
        at in 0..60usize,
        scripts in prop::collection::vec(script(), 1..10),
        by in prop::option::of(0..40u64),
    ) {
        let mut traffic = start(seed, &tight(limit), &scripts, manners, Attention::Events);
        steps(&mut traffic, at);
        let now = traffic.pair.now();
        let until = by.map(|millis| now.saturating_add(Duration::from_millis(millis)));
        traffic.pair.server.shutdown(now, until);
        traffic.settle();
        traffic.pair.sleep(Duration::from_secs(10));
        traffic.settle();
        prop_assert!(traffic.pair.client.is_finished() && traffic.pair.server.is_finished(), "L-12: {:?}", traffic.pair);
        prop_assert_eq!(traffic.pair.client_log.count(Event::Closed), 1);
        prop_assert_eq!(traffic.pair.server_log.count(Event::Closed), 1);
        prop_assert_eq!(traffic.pair.client_log.count(Event::Draining), 1);
        for (script, result) in scripts.iter().zip(traffic.results()) {
            let begun = result.outcome.is_some() || result.cancelled;
            if result.unprocessed {
                prop_assert!(result.outcome == Some(Code::Unavailable) && !result.shown, "{script:?} {result:?}");
            } else if result.shown && by.is_none() {
                prop_assert!(is_as_scripted(script, &result), "{script:?} {result:?}");
            } else if result.shown {
                // Cut off at the time that was set, or done before.
                let cut_off = result.outcome == Some(Code::Unavailable);
                prop_assert!(cut_off || is_as_scripted(script, &result), "{script:?} {result:?}");
            }
            prop_assert!(begun || !result.shown, "{script:?} {result:?}");
        }
    }

    /// L-15, L-31, L-36: the transport dies anywhere, in either direction, or goes silent: each call has one end; OK only
    /// where all of it had come.
    #[test]
    fn l_15_l_31_l_36_the_transport_dies_anywhere(
        seed: u64,
        manners in manners(),
        up in prop::option::of(0..40_000u64),
        down in prop::option::of(0..40_000u64),
        scripts in prop::collection::vec(script(), 1..10),
    ) {
        let mut traffic = start(seed, &tight(4), &scripts, manners, Attention::Events);
        up.into_iter().for_each(|octets| traffic.pair.up.die_after(octets));
        down.into_iter().for_each(|octets| traffic.pair.down.die_after(octets));
        traffic.settle();
        traffic.pair.disconnect();
        traffic.settle();
        prop_assert_eq!((traffic.pair.client.calls(), traffic.pair.server.calls()), (0, 0));
        prop_assert!(traffic.pair.client.is_finished() && traffic.pair.server.is_finished());
        for (script, result) in scripts.iter().zip(traffic.results()) {
            prop_assert!(!(result.outcome.is_some() && result.cancelled));
            if result.outcome == Some(Code::Ok) {
                prop_assert!(is_as_scripted(script, &result), "{script:?} {result:?}");
            }
            let code = result.outcome.unwrap_or(Code::Unavailable);
            prop_assert!(code == Code::Unavailable || is_as_scripted(script, &result), "{script:?} {result:?}");
        }
    }
}

fn limited(limit: u32) -> Limits {
    let mut limits = Limits::default();
    limits.max_concurrent_calls = limit;
    limits
}
