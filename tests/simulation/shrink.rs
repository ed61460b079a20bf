//! From a plan that fails to a short one that still does.

use crate::plan::{Bounds, Call, Plan, Profile};
use grpc_sansio::testing::Cut;

/// Runs that one failure may cost.
const MOST_RUNS: usize = 3_000;

/// A link that does nothing to what passes it.
pub(crate) const PLAIN: Profile =
    Profile { delay: 0, bandwidth: None, cut: Cut::Whole, takes: usize::MAX, capacity: usize::MAX };
/// Limits that nobody meets.
pub(crate) const WIDE: Bounds = Bounds {
    calls: 100,
    waiting: 1_000,
    call_window: 262_144,
    grows_to: 0,
    connection_window: 8 * 262_144,
    longest: 4_194_304,
    queue: 65_536,
    frame: 16_384,
};

/// Takes away and makes smaller whatever the failure does not need.
pub(crate) fn shrink(plan: Plan, fails: impl Fn(&Plan) -> bool) -> Plan {
    let (mut plan, mut runs) = (plan, 0);
    loop {
        let mut smaller = candidates(&plan).into_iter().filter(|candidate| *candidate != plan);
        let found = smaller.find(|candidate| {
            runs += 1;
            runs <= MOST_RUNS && fails(candidate)
        });
        match found {
            Some(candidate) => plan = candidate,
            None => return plan,
        }
    }
}

/// Plans that are a little smaller, those that take away most first.
fn candidates(plan: &Plan) -> Vec<Plan> {
    let mut found = Vec::new();
    let mut change = |change: &dyn Fn(&mut Plan)| {
        let mut candidate = plan.clone();
        change(&mut candidate);
        found.push(candidate);
    };
    let half = plan.calls.len() / 2;
    change(&|plan| _ = plan.calls.drain(..half));
    change(&|plan| plan.calls.truncate(half.max(1)));
    change(&|plan| plan.faults.clear());
    for at in 0..plan.calls.len() {
        change(&|plan| _ = plan.calls.remove(at));
    }
    for at in 0..plan.faults.len() {
        change(&|plan| _ = plan.faults.remove(at));
        change(&|plan| plan.faults[at].at /= 2);
    }
    for line in (0..plan.lines.len()).filter(|line| !uses_line(plan, *line)) {
        change(&|plan| remove_line(plan, line));
    }
    for server in (0..plan.servers.len()).filter(|server| plan.lines.iter().all(|line| line.server != *server)) {
        change(&|plan| {
            plan.servers.remove(server);
            plan.lines.iter_mut().for_each(|line| line.server -= usize::from(line.server > server));
        });
    }
    for at in 0..plan.lines.len() {
        change(&|plan| (plan.lines[at].up, plan.lines[at].down) = (PLAIN, PLAIN));
        change(&|plan| plan.lines[at].up = PLAIN);
        change(&|plan| plan.lines[at].down = PLAIN);
        change(&|plan| plan.lines[at].bounds = WIDE);
        change(&|plan| (plan.lines[at].back_off, plan.lines[at].keepalive) = (0, 0));
    }
    for at in 0..plan.servers.len() {
        change(&|plan| plan.servers[at].bounds = WIDE);
        change(&|plan| plan.servers[at].keepalive = 0);
        change(&|plan| (plan.servers[at].workers, plan.servers[at].answer_expired) = (100, false));
    }
    for at in 0..plan.calls.len() {
        for simpler in simpler(&plan.calls[at]) {
            change(&|plan| plan.calls[at] = simpler.clone());
        }
    }
    found.retain(|plan| !plan.calls.is_empty());
    found
}

fn uses_line(plan: &Plan, line: usize) -> bool {
    plan.lines.len() == 1
        || plan.calls.iter().any(|call| call.line == line)
        || plan.faults.iter().any(|fault| fault.line == line)
}

fn remove_line(plan: &mut Plan, line: usize) {
    plan.lines.remove(line);
    plan.calls.iter_mut().for_each(|call| call.line -= usize::from(call.line > line));
    plan.faults.iter_mut().for_each(|fault| fault.line -= usize::from(fault.line > line));
}

fn simpler(call: &Call) -> Vec<Call> {
    let mut found = Vec::new();
    let mut change = |change: &dyn Fn(&mut Call)| {
        let mut candidate = call.clone();
        change(&mut candidate);
        found.push(candidate);
    };
    change(&|call| (call.client_pace, call.server_pace, call.think, call.early) = (0, 0, 0, false));
    change(&|call| (call.deadline, call.cancel) = (None, None));
    change(&|call| call.deadline = None);
    change(&|call| call.cancel = None);
    change(&|call| call.metadata = 0);
    change(&|call| call.client_pace = 0);
    change(&|call| call.server_pace = 0);
    change(&|call| call.think = 0);
    change(&|call| call.early = false);
    change(&|call| call.at /= 2);
    for (says, streams) in [(0, call.kind.client_streams()), (1, call.kind.server_streams())] {
        fn list(call: &mut Call, says: usize) -> &mut Vec<crate::plan::Say> {
            if says == 0 { &mut call.ups } else { &mut call.downs }
        }
        let len = if says == 0 { call.ups.len() } else { call.downs.len() };
        if streams {
            change(&|call| list(call, says).truncate(len / 2));
        }
        for at in 0..len {
            if streams {
                change(&|call| _ = list(call, says).remove(at));
            }
            change(&|call| list(call, says)[at].pause = 0);
            change(&|call| list(call, says)[at].size /= 2);
        }
    }
    found
}
