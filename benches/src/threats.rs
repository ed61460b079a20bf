//! What the attacks of `tests/threats` cost: `run --threats` runs this once under callgrind, which counts what the target
//! does (`Target::hear`, `Target::sleep`, `connect`) and writes a file after each `row`. The lines printed here name them, in
//! this order.

#[allow(dead_code, unused_imports)] // what only the tests look at
#[path = "../../tests/threats/attacks/mod.rs"]
mod attacks;

use attacks::{ALL, Attack, End, Meter, Run, Wire};

/// Linear work costs twice as much for twice the input (RFC 9113 §10.5): this much, or four turns where that is more.
const OCTETS: usize = 64 * 1024;
const TURNS: usize = 4;

fn main() {
    let only: Vec<String> = std::env::args().skip(1).collect();
    for attack in ALL.iter().copied().flatten() {
        if only.is_empty() || only.iter().any(|name| name == attack.name) {
            let mut wire = Wire::default();
            (attack.turn)(0, &mut wire);
            let octets = OCTETS.max(TURNS * wire.octets.len());
            // What comes slowly is not bounded by its octets.
            let pace = if attack.pause.is_zero() { "fast" } else { "slow" };
            for octets in [octets, 2 * octets] {
                let (turns, all) = row(attack, octets);
                println!("{}\t{pace}\t{turns}\t{all}", attack.name);
            }
        }
    }
}

/// So many octets in turns of the attack, or a turn more; says how many they were, and how many with all handshakes and
/// starts. A client that is thrown out comes back as often as it takes; a server has to wait for its client to, so what it
/// says then is said to nobody.
#[inline(never)]
fn row(attack: &Attack, octets: usize) -> (usize, usize) {
    let (mut turns, mut all) = (0, 0);
    while turns < octets {
        let meter: Meter<'_> = &mut |work| work();
        let mut run = Run::new(attack, meter);
        let start = run.target.report.received;
        run.turn();
        run.until(start + octets - turns);
        while attack.end != End::Server && run.target.report.received < start + octets {
            run.turn();
        }
        turns += run.target.report.received - start;
        all += run.hello + run.target.report.received;
    }
    (turns, all)
}
