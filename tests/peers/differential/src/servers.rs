//! The same frames to our server and to nghttp2's: after each piece both must have reacted alike and shown their
//! applications the same. A script ends where they part; that must be one of the differences that are known.

use crate::nghttp2::Nghttp2;
use crate::observed::{Reaction, Server, play};
use crate::ours::Ours;
use crate::script::Author;
use grpc_sansio::frame::ErrorCode;
use std::collections::BTreeMap;

/// One a line: nghttp2's reaction, ours, what we complain about (or what was sent); behind ` -- ` what decides.
const KNOWN: &str = include_str!("../known.txt");

const LENGTH: usize = 30;

/// How often each known difference was met.
pub type Met = BTreeMap<&'static str, u64>;

/// The differences that are known.
pub fn known() -> impl Iterator<Item = &'static str> {
    KNOWN.lines().filter_map(|line| line.split_once(" -- ")).map(|(known, _)| known)
}

/// Plays one script; the difference that ended it, if it is not known.
pub fn run(seed: u64, met: &mut Met) -> Result<(), String> {
    let consumes = !seed.is_multiple_of(4);
    let (mut theirs, mut ours) = (Nghttp2::new(consumes), Ours::new(consumes));
    let script = Author::write(seed, LENGTH);
    for (at, piece) in script.iter().enumerate() {
        let (their, our) = (play(&mut theirs, &piece.octets), play(&mut ours, &piece.octets));
        if their == Reaction::End {
            // After a GOAWAY of the client, with no stream open, nghttp2 is done.
            return Ok(());
        }
        if their == our && theirs.observed() == ours.observed() {
            if theirs.gave_up() || ours.gave_up() {
                return Ok(());
            }
            continue;
        }
        // What we complain about says more than what was sent. On a stream that is closed the fields do not matter.
        let frame = piece.name.split(',').next().unwrap_or(&piece.name);
        let what = match ours.reason() {
            "" if our == Reaction::Stream(ErrorCode::STREAM_CLOSED.0) => frame,
            reason if our == Reaction::Fine || reason.is_empty() => &piece.name,
            reason => reason,
        };
        let shown = if their == our { ", and shows other things" } else { "" };
        let difference = format!("{their} | {our}{shown} | {what}");
        let Some(known) = known().find(|known| *known == difference) else {
            let before: Vec<_> = script[..=at].iter().map(|piece| &piece.name).collect();
            return Err(format!(
                "{difference}\n  {}, {:02x?}\n  behind {before:?}\n  {:?}\n  {:?}",
                piece.name,
                &piece.octets[..piece.octets.len().min(60)],
                theirs.observed(),
                ours.observed()
            ));
        };
        *met.entry(known).or_default() += 1;
        return Ok(());
    }
    Ok(())
}
