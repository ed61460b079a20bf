//! T-73: the attacks on gRPC-Web, with the same checks as all others but for instructions, and limits whose errors name them.

use crate::attacks::web::{ATTACKS, PAGE, WebAttack, WebRun, config};
use crate::meter::{Bystander, Heap};
use grpc_sansio::ServerConfig;

/// What a request over HTTP/1.1 is answered with at most, besides the page and what the application says: SECURITY.md.
const ANSWER: usize = 256;
/// What the head and trailers of a call's response may have.
const CALL: usize = 256;
/// More than what any of those takes that end.
const OCTETS: usize = 640 * 1024;
const EVERY: usize = 32 * 1024;

fn check(attack: &WebAttack) {
    let name = attack.name;
    let heap = Heap::default();
    let mut meter = |work: &mut dyn FnMut()| heap.measure(work);
    let mut bystander = Bystander::new();
    bystander.calls();
    let mut run = WebRun::new(attack, &mut meter);
    for octets in (EVERY..=OCTETS).step_by(EVERY) {
        run.until(octets);
        bystander.calls();
    }
    let (target, received, heads) = (&run.target, run.received, run.heads);
    let peak = heap.peak() as u64;
    println!(
        "{name}: {received} octets, {heads} heads, {} said, {} answered, peak {peak}, \"{}\"",
        target.emitted,
        target.answered,
        target.error()
    );
    assert_eq!(target.is_ended(), attack.closes || !attack.ends.is_empty(), "{name}: {:?}", target.error());
    assert!(target.error().starts_with(attack.ends), "{name}: {:?}", target.error());
    let promised = ServerConfig::default().connection_bytes() + config().session_bytes(&ServerConfig::default());
    assert!(peak <= attack.heap.min(promised), "{name}: {peak} octets of heap, and {} are allowed", attack.heap);
    let own = 2 * target.own + CALL * target.answered;
    let is_http2 = name.ends_with("over_http2") || ["rapid_reset", "pings", "settings"].contains(&name);
    let provoked = if is_http2 { 4 * received } else { (ANSWER + PAGE.len()) * (heads + 1) };
    let most = provoked + own + 1024;
    assert!(target.emitted <= most, "{name}: {} octets said to {received} heard, of {most}", target.emitted);

    if run.target.is_ended() {
        // What comes behind it is nothing.
        let before = run.target.emitted;
        run.wire.raw(&[b'x'; 1000]);
        run.flush();
        assert_eq!(run.target.emitted, before, "{name}");
    }
    drop(run);
    bystander.calls();
}

/// Memory, output, an end that names its limit, and others: as for every attack on a connection.
#[test]
fn t_73_attacks_on_grpc_web() {
    ATTACKS.iter().for_each(check);
}
