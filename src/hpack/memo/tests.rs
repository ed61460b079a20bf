use super::{Fit, LONG_PATIENCE, MOST_FIELDS, MOST_PATTERNS, MOST_SEGMENTS, Memo, PATIENCE, Pattern};
use crate::hpack::block::{HEAD_LEN, Head};
use crate::hpack::field::Field;
use alloc::vec::Vec;
use std::vec;

const HEAD: Head = Head { name_len: 1, value_len: 0, sensitive: false, class: 0 };

/// A pattern of fields with these indices, whose records are these numbers.
fn learn_with(memo: &mut Memo<()>, learn: impl FnOnce(&mut Pattern<()>) -> bool) {
    let (at, mut pattern) = memo.begin(0);
    let is_worth_it = learn(&mut pattern);
    memo.end(at, pattern, is_worth_it, 200);
}

fn learn(memo: &mut Memo<()>, indices: &[usize]) {
    learn_with(memo, |pattern| indices.iter().all(|index| pattern.push(*index, Field::new(&[*index as u8], b""))));
}

fn octets(memo: &Memo<()>) -> Vec<Vec<u8>> {
    memo.patterns.iter().map(|pattern| pattern.octets.clone()).collect()
}

/// Each limit on both sides.
#[test]
fn a_pattern_ends_where_it_would_be_too_long() {
    let mut memo = Memo::<()>::new();
    learn_with(&mut memo, |pattern| {
        let mut fits = |records: usize, len: usize, index: usize| {
            pattern.clear();
            (0..records).take_while(|_| pattern.push(index, Field::new(b"n", &vec![1; len - HEAD_LEN - 1]))).count()
        };
        assert_eq!([fits(33, 9, 62), fits(9, 64, 62), fits(9, 65, 62)], [MOST_FIELDS, 8, 7]);
        assert_eq!([fits(1, 9, 254), fits(1, 9, 255)], [1, 0]);
        let mut fits = |literals: usize, name: usize, index: usize| {
            pattern.clear();
            let name = vec![b'n'; name];
            (0..literals).take_while(|_| pattern.push_literal(index, 0, HEAD, &name)).count()
        };
        assert_eq!([fits(5, 1, 1), fits(3, 248, 1), fits(3, 249, 1)], [MOST_SEGMENTS, 2, 1]);
        assert_eq!([fits(1, 1, 254), fits(1, 1, 255), fits(1, 1, 0)], [1, 0, 0]);
        // Behind the last literal there is no run.
        (
            pattern.clear(),
            assert!((0..4).all(|_| pattern.push(2, Field::new(b"n", b"")) && pattern.push_literal(1, 0, HEAD, b"n"))),
        );
        assert!(!pattern.push(2, Field::new(b"n", b"")));
        assert_eq!(
            pattern.rest().map(|part| (part.octets, part.literal.len())).collect::<Vec<_>>(),
            [(&[0x82][..], 9); 4]
        );
        true
    });
}

/// RFC 7541 §2.3.3: an insertion gives older entries the next index, until they are gone.
#[test]
fn patterns_follow_the_table() {
    let mut memo = Memo::<()>::new();
    learn(&mut memo, &[2, 62, 126, 130]);
    learn_with(&mut memo, |pattern| pattern.push(61, Field::new(b"n", b"")) && pattern.push_literal(76, 0, HEAD, b"n"));
    assert!(memo.follow(0, 1, 200) && memo.follow(1, 1, 200) && memo.follow(1, 1, 0));
    assert_eq!(octets(&memo), [vec![0x82, 0xbf, 0xff, 0, 0xff, 4], vec![0xbd]]);
    let prefix = |memo: &Memo<()>, input: &[u8]| {
        let segment = memo.get(1).unwrap().rest().next().unwrap().segment;
        segment.strip_prefix(input).map(<[u8]>::to_vec)
    };
    assert_eq!(prefix(&memo, &[0x0f, 62, 7, 7]), Some(vec![7, 7]));
    assert_eq!([prefix(&memo, &[0x1f, 62, 7]), prefix(&memo, &[0x0f, 61, 7])], [None, None]);
    // Index 131 is the oldest of 70, and goes with the next one.
    assert!(memo.follow(0, 1, 70) && !memo.follow(0, 2, 70));
    assert!(memo.get(0).unwrap().rest().next().is_none());
    // A name of which the index takes a third octet.
    assert!(memo.follow(1, 67, 150));
    assert_eq!(prefix(&memo, &[0x0f, 0x80, 1]), None);
    assert!(memo.follow(1, 178, 300) && !memo.follow(1, 179, 300), "254 and 255");
}

/// RFC 7541 §2.3.3: the newest entry of a table is the one that a literal's name goes by.
#[test]
fn literals_go_by_the_newest_entry_of_their_name() {
    let mut memo = Memo::<()>::new();
    for place in [7, 8] {
        learn_with(&mut memo, |pattern| {
            pattern.push(place.into(), Field::new(b"n", b"")) && pattern.push_literal(70, place, HEAD, b"n")
        });
    }
    memo.rename(7, 2, 200);
    let prefixes = |memo: &mut Memo<()>, inserted| {
        [0, 1].map(|at| {
            assert!(memo.follow(at, inserted, 200));
            memo.get(at).unwrap().rest().next().unwrap().segment.prefix()
        })
    };
    let prefix = |index: u32| Some((0x0f | (index - 0x0f) << 8, 2));
    assert_eq!(prefixes(&mut memo, 2), [prefix(62), prefix(72)]);
    assert_eq!(prefixes(&mut memo, 3), [prefix(63), prefix(73)]);
    assert_eq!(prefixes(&mut memo, 82), [prefix(142), None], "what takes a third octet is not kept");
    memo.forget_if(|pattern| pattern.first_run()[0] == 1);
    assert!(!memo.is_empty());
    memo.forget();
    assert!(memo.is_empty());
}

/// A pattern that lags behind the table is known all the same, and one that the table has lost is not.
#[test]
fn a_kind_is_learnt_once() {
    for (len, known) in [(200, [vec![0xbf], vec![]]), (1, [vec![], vec![0xbf]])] {
        let mut memo = Memo::<()>::new();
        learn(&mut memo, &[62]);
        let (at, mut pattern) = memo.begin(1);
        assert!(pattern.push(63, Field::new(&[62], b"")));
        memo.end(at, pattern, true, len);
        assert_eq!(octets(&memo), known);
    }
}

/// A kind is learnt after nine blocks of no known kind, and in place of another after many more, but for one that was used.
#[test]
fn patience_is_counted() {
    let mut memo = Memo::<()>::new();
    let misses = |memo: &mut Memo<()>| (1..1_000).find(|_| memo.misses(false));
    assert_eq!(misses(&mut memo), Some(1), "the first block");
    for index in 2..6 {
        learn(&mut memo, &[index]);
        assert_eq!(misses(&mut memo), Some(1 + usize::from(if index < 5 { PATIENCE } else { LONG_PATIENCE })));
    }
    for used in 0..4 {
        memo.was_right(used % 3);
        learn(&mut memo, &[6 + used]);
    }
    assert_eq!(memo.patterns.len(), MOST_PATTERNS);
    // What is known already, or nothing, is not worth a place.
    let known = octets(&memo);
    learn(&mut memo, &[9]);
    assert_eq!(octets(&memo).iter().filter(|octets| octets[..] == [0x89]).count(), 1, "{known:x?}");
    (0..9).for_each(|_| learn_with(&mut memo, |_| false));
    assert_eq!(misses(&mut memo), Some(usize::from(LONG_PATIENCE) - 9), "each of the ten was waited for");
    // Blocks that change the table are not learnt, and make up for others.
    assert!(!memo.misses(true) && !memo.misses(false) && !memo.misses(false) && !memo.misses(false));
    assert!(memo.misses(false));
}

/// Where an entry goes that a pattern names, the next one is waited for longer.
#[test]
fn a_table_that_forgets_is_waited_for() {
    for (len, patience) in [(2, PATIENCE), (1, LONG_PATIENCE)] {
        let mut memo = Memo::<()>::new();
        learn(&mut memo, &[62]);
        assert_eq!(memo.follow(0, 1, len), len == 2);
        assert_eq!((1..1_000).find(|_| memo.misses(false)), Some(1 + usize::from(patience)));
    }
}

/// What came after a pattern is guessed to come again.
#[test]
fn the_next_pattern_is_guessed() {
    let mut memo = Memo::<()>::new();
    (2..5).for_each(|index| learn(&mut memo, &[index]));
    let mut wrong = 0;
    for at in [0usize, 1, 2, 1].into_iter().cycle().take(40) {
        match memo.guess() == at {
            true => memo.was_right(at),
            false => {
                wrong += 1;
                let fit = |pattern: &Pattern<()>| {
                    if pattern.octets[0] == 0x82 + at as u8 { Fit::Segment } else { Fit::Run }
                };
                assert_eq!(memo.find(0, 0, fit), Some(at));
            }
        }
    }
    assert_eq!(wrong, 21, "all that follow the one in between, and the first one");
    assert_eq!(memo.find(0, 0, |_| Fit::Run), Some(2));
    assert_eq!(memo.find(0, 0, |_| Fit::None), None);
}
