use super::{Encoding, Inbox, MessageFault, Rules};
use crate::buffer::pool::Pool;
use crate::grpc::message::{InvalidFlag, encode_message};
use crate::http2::Input;
use bytes::Bytes;
use proptest::prelude::*;
use std::vec::Vec;

const RULES: Rules = Rules { limit: Some(100_000), encoding: Encoding::Known, copy_below: 4096, granted: false };

fn drain(inbox: &mut Inbox, pool: &mut Pool) -> (Vec<(Vec<u8>, bool)>, u32) {
    let (mut all, mut credit) = (Vec::new(), 0);
    loop {
        let next = inbox.next_credit();
        let mut lent = None;
        let Some(payload) = inbox.take(pool, &mut lent) else { return (all, credit) };
        credit += next;
        let copy = payload.to_vec();
        all.push((copy.clone(), payload.compressed()));
        assert_eq!(payload.into_bytes(), copy);
        if let Some(chunk) = lent {
            pool.give_chunk(chunk);
        }
    }
}

proptest! {
    /// What goes in comes out, in order, whatever the cuts; all octets are given back, and none is kept.
    #[test]
    fn messages_survive_any_cut(
        sizes in prop::collection::vec((prop_oneof![0..40usize, 3_000..9_000usize], any::<bool>()), 0..12),
        cuts in prop::collection::vec(1..7_000usize, 1..20),
        shared: bool,
        drain_at in 0..20usize,
    ) {
        let mut wire = Vec::new();
        let mut sent = Vec::new();
        for (n, (size, compressed)) in sizes.into_iter().enumerate() {
            let payload: Vec<u8> = (0..size).map(|at| (at * 7 + n) as u8).collect();
            encode_message(&payload, compressed, &mut wire).unwrap();
            sent.push((payload, compressed));
        }
        let (mut inbox, mut pool, mut received, mut credit) = (Inbox::EMPTY, Pool::new(), Vec::new(), 0);
        let (mut at, mut cut) = (0, cuts.iter().cycle());
        while at < wire.len() {
            let len = (*cut.next().unwrap()).min(wire.len() - at);
            let piece = Bytes::copy_from_slice(&wire[at..at + len]);
            let mut input = if shared { Input::bytes(&piece) } else { Input::slice(&piece) };
            inbox.receive(&mut pool, &mut input, len, RULES).unwrap();
            prop_assert!(input.is_empty());
            at += len;
            if at % 20 >= drain_at {
                let (messages, octets) = drain(&mut inbox, &mut pool);
                received.extend(messages);
                credit += octets;
            }
        }
        let (messages, octets) = drain(&mut inbox, &mut pool);
        received.extend(messages);
        prop_assert_eq!(received, sent);
        prop_assert_eq!((credit + octets) as usize, wire.len());
        prop_assert!(!inbox.is_inside_message());
    }

    /// Dropping what arrived gives back exactly the octets that were not taken.
    #[test]
    fn clear_gives_back_the_rest(sizes in prop::collection::vec(0..6_000usize, 1..8), part in 0..40_000usize, take in 0..4usize) {
        let mut wire = Vec::new();
        sizes.iter().for_each(|size| encode_message(&std::vec![1; *size], false, &mut wire).unwrap());
        wire.truncate(part);
        let (mut inbox, mut pool) = (Inbox::EMPTY, Pool::new());
        inbox.receive(&mut pool, &mut Input::slice(&wire), wire.len(), RULES).unwrap();
        let mut credit = 0;
        for _ in 0..take {
            let (next, mut lent) = (inbox.next_credit(), None);
            if inbox.take(&mut pool, &mut lent).is_some() {
                credit += next;
            }
        }
        prop_assert_eq!((credit + inbox.clear(&mut pool)) as usize, wire.len());
    }
}

fn refuse(wire: &[u8], rules: Rules) -> Option<MessageFault> {
    let mut inbox = Inbox::EMPTY;
    inbox.receive(&mut Pool::new(), &mut Input::slice(wire), wire.len(), rules).err()
}

#[test]
fn prefixes_are_judged_before_the_payload() {
    let limit = |limit| Rules { limit: Some(limit), ..RULES };
    assert_eq!(refuse(&[0, 0, 0, 0, 3], limit(3)), None);
    assert_eq!(refuse(&[0, 0, 0, 0, 4], limit(3)), Some(MessageFault::TooLarge { length: 4, limit: 3 }));
    assert_eq!(refuse(&[0, 0, 0, 0, 0], limit(0)), None);
    // Without a limit, what can be counted with its prefix in 32 bits, and so on any machine.
    for limit in [None, Some(u32::MAX)] {
        let rules = Rules { limit, ..RULES };
        assert_eq!(refuse(&[0, 255, 255, 255, 250], rules), None);
        let fault = MessageFault::TooLarge { length: u32::MAX - 4, limit: u32::MAX - 5 };
        assert_eq!(refuse(&[0, 255, 255, 255, 251], rules), Some(fault));
    }
    for flag in 2..=255 {
        assert_eq!(refuse(&[flag, 0, 0, 0, 0], RULES), Some(MessageFault::Flag(InvalidFlag(flag))));
    }
    let encoding = |encoding| Rules { encoding, ..RULES };
    assert_eq!(refuse(&[1, 0, 0, 0, 0], RULES), None);
    assert_eq!(refuse(&[1, 0, 0, 0, 0], encoding(Encoding::Identity)), Some(MessageFault::NoEncoding));
    assert_eq!(refuse(&[1, 0, 0, 0, 0], encoding(Encoding::Unknown)), Some(MessageFault::UnknownEncoding));
    assert_eq!(refuse(&[0, 0, 0, 0, 0], encoding(Encoding::Unknown)), None);
}
