//! The simulation notices what it is there to notice, and tells it in few lines.

use crate::plan::{Call, End, Fault, Line, Plan, Say, Server, What};
use crate::runner::{explain, play, play_with, tell};
use crate::shrink::{PLAIN, WIDE};
use crate::world::Belief;
use grpc_sansio::grpc::{Code, Kind};

/// A world in which each side says one message of 300 octets, and the only thing that goes wrong is what `what` does.
fn damaged(what: What) -> Plan {
    let say = vec![Say { pause: 0, size: 300 }];
    let call = Call {
        line: 0,
        at: 1,
        kind: Kind::BidiStreaming,
        deadline: None,
        cancel: None,
        metadata: 100,
        ups: say.clone(),
        downs: say,
        client_pace: 0,
        server_pace: 0,
        early: false,
        think: 0,
        end: End::Finish(Code::Ok),
    };
    let server = Server { bounds: WIDE, workers: 1, answer_expired: false, keepalive: 0 };
    let line = Line { server: 0, bounds: WIDE, up: PLAIN, down: PLAIN, back_off: 0, keepalive: 0 };
    let faults = vec![Fault { at: 0, line: 0, what }];
    Plan { seed: 1, servers: vec![server], lines: vec![line], calls: vec![call], faults }
}

/// Every octet of a conversation is missed when it is lost, and noticed when it changes: but for a few that may say
/// anything, such as an undefined flag, the size of a window that is never used up, or the name of the user agent.
#[test]
fn a_damaged_octet_is_noticed() {
    let sound = play(&damaged(What::Stall { up: true, lasts: 1 })).unwrap();
    for (up, octets) in [(true, sound.octets[0]), (false, sound.octets[1])] {
        let unnoticed = |damage: fn(bool, u64) -> What| -> Vec<u64> {
            (0..octets).filter(|octet| play(&damaged(damage(up, *octet))).is_ok()).collect()
        };
        let flipped = unnoticed(|up, octet| What::Flip { up, octet });
        let lost = unnoticed(|up, octet| What::Lose { up, octet });
        assert!(octets > 500 && flipped.len() < 40, "up {up}, of {octets}: {flipped:?}");
        assert_eq!(lost, [0; 0], "up {up}, of {octets}");
    }
}

/// What is left of a world with a damaged octet is the damage, and the one call that it hits.
#[test]
fn a_damaged_world_shrinks_to_its_damage() {
    let damage = |seed| {
        let mut plan = Plan::new(seed);
        plan.faults.push(Fault { at: 0, line: plan.calls[0].line, what: What::Lose { up: true, octet: 150 } });
        plan
    };
    let large = (0..100).map(damage).filter(|plan| plan.calls.len() > 4 && play(plan).is_err());
    for plan in large.take(3) {
        let (small, story) = tell(&plan, Belief::Right);
        assert_eq!((small.faults.len(), small.calls.len(), small.lines.len()), (1, 1, 1), "{small}");
        assert!(story.trace.len() < 20, "{}", story.trace.join("\n"));
        assert!(story.trace.iter().any(|line| line.contains("Lose")), "{}", story.trace.join("\n"));
    }
}

/// A model that holds something wrong for true is found out, and the world that does it is small.
#[test]
fn a_wrong_model_is_found_out() {
    for belief in [Belief::NothingIsLost, Belief::NobodyHasDeadlines, Belief::MessagesAreNeverTooLarge] {
        let fails = |plan: &Plan| play_with(plan, belief, false).is_err();
        let plan = (0..400).map(Plan::new).find(fails).unwrap_or_else(|| panic!("{belief:?} went unnoticed"));
        let (small, story) = tell(&plan, belief);
        assert!(small.calls.len() == 1 && small.faults.len() <= 1, "{belief:?}: {small}");
        assert!(!story.message.is_empty() && story.trace.len() < 30, "{belief:?}: {}", story.trace.join("\n"));
    }
}

/// What a person is told: the command, the plan, and what happened.
#[test]
fn a_failure_is_explained() {
    // A seed whose world fails is not to be had, so another one's story stands in for it.
    let plan = damaged(What::Flip { up: true, octet: 150 });
    let (small, story) = tell(&plan, Belief::Right);
    let text = explain(4711, &story, &small, &story);
    for part in ["seed 4711", "SIM_SEEDS=4711..4712", "shrunk, it fails by", "call 0: ", "Flip", &story.message] {
        assert!(text.contains(part), "{part} is missing:\n{text}");
    }
}
