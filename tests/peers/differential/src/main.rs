//! The crate against whole engines of other makes, in memory, by seeds.
//!
//! * `differential nghttp2 [FROM..TO]`: the same frames to our server and to nghttp2's
//! * `differential our_client [FROM..TO]`: calls of our client to h2's server
//! * `differential our_server [FROM..TO]`: calls of h2's client to our server
//!
//! Without a range it is the one that CI plays. Exits with 1 where anything is wrong, or differs and known.txt does not
//! say so; and where a long run does not meet a difference of known.txt any more.

mod nghttp2;
mod observed;
mod our_client;
mod our_server;
mod ours;
mod plan;
mod script;
mod servers;
mod wire;

use std::collections::BTreeMap;
use std::process::ExitCode;

/// Seeds after which a known difference that was not met is none: the rarest comes once in 80,000.
const LONG: u64 = 400_000;

/// Runs a future to its end on this thread, with the tasks that it spawns.
fn block_on(future: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime without drivers");
    tokio::task::LocalSet::new().block_on(&runtime, future)
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next().unwrap_or_default();
    let few = if what == "nghttp2" { 20_000 } else { 300 };
    let range = arguments.next().unwrap_or_else(|| format!("0..{few}"));
    let range = range.split_once("..").map(|(from, to)| (from.parse::<u64>(), to.parse::<u64>()));
    let (Some((Ok(from), Ok(to))), true) = (range, ["nghttp2", "our_client", "our_server"].contains(&&*what)) else {
        eprintln!("differential nghttp2|our_client|our_server [FROM..TO]");
        return ExitCode::from(2);
    };
    let (mut met, mut wrong) = (BTreeMap::new(), BTreeMap::<String, (u64, u64, String)>::new());
    for seed in from..to {
        if seed > from && (seed - from).is_multiple_of(few) {
            eprintln!("{} of {}, {} unknown differences", seed - from, to - from, wrong.len());
        }
        let result = match what.as_str() {
            "nghttp2" => servers::run(seed, &mut met),
            "our_client" => block_on(our_client::run(seed)),
            _ => block_on(our_server::run(seed)),
        };
        if let Err(text) = result {
            let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
            wrong.entry(first.to_owned()).or_insert_with(|| (seed, 0, rest.to_owned())).1 += 1;
        }
    }
    for (known, times) in &met {
        println!("known, {times} times: {known}");
    }
    for (what, (seed, times, how)) in &wrong {
        println!("UNKNOWN, {times} times, first by seed {seed}: {what}\n{how}");
    }
    let long = what == "nghttp2" && to.saturating_sub(from) >= LONG;
    let gone: Vec<_> = servers::known().filter(|known| long && !met.contains_key(known)).collect();
    for known in &gone {
        println!("NOT MET, so it is not to be in known.txt: {known}");
    }
    println!("{what}: {} seeds, {} known differences met, {} unknown", to - from, met.len(), wrong.len());
    if wrong.is_empty() && gone.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
