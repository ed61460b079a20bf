//! What the attacks of `tests/threats` cost: `run --threats` runs this once under callgrind, which counts what the target
//! does (`Target::hear`, `Target::sleep`, `connect`) and writes a file after each `row`. The lines printed here name them, in
//! this order.

#[allow(dead_code, unused_imports)] // what only the tests look at
#[path = "../../tests/threats/attacks/mod.rs"]
mod attacks;

use attacks::{ALL, Attack, End, Meter, Run};

/// Linear work costs twice as much for twice the input (RFC 9113 §10.5): this much, or a turn where that is longer.
const OCTETS: usize = 64 * 1024;

fn main() {
    let only: Vec<String> = std::env::args().skip(1).collect();
    for attack in ALL.iter().copied().flatten() {
        if only.is_empty() || only.iter().any(|name| name == attack.name) {
            let once = row(attack, OCTETS);
            let twice = row(attack, 2 * once);
            println!("{0}\t{once}\n{0}\t{twice}", attack.name);
        }
    }
}

/// So many octets of the attack, or a turn more. A client that is thrown out comes back as often as it takes; a server has
/// to wait for its client to, so what it says then is said to nobody.
#[inline(never)]
fn row(attack: &Attack, octets: usize) -> usize {
    let mut sent = 0;
    while sent < octets {
        let meter: Meter<'_> = &mut |work| work();
        let mut run = Run::new(attack, meter);
        sent += run.hello;
        run.until(octets.saturating_sub(sent));
        while attack.end != End::Server && run.target.report.received < octets {
            run.turn();
        }
        sent += run.target.report.received;
    }
    sent
}
