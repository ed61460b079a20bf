use super::{Field, FieldBlock, HEAD_LEN, Head, StartKind, is_record_of, same, strip_record};
use proptest::prelude::*;
use std::format;
use std::vec;
use std::vec::Vec;

proptest! {
    /// Whatever was done to a list before, it begins anew as if it were new.
    #[test]
    fn nothing_is_left_of_a_list_that_restarts(ops in prop::collection::vec((0..8u8, 0..4u32), 0..60)) {
        let starts: Vec<FieldBlock> = (0..4usize)
            .map(|n| (0..n).map(|at| Field::new(b"name", [&b"a"[..], b"bc", b"def"][at])).collect())
            .collect();
        let (mut block, mut model) = (FieldBlock::new(), FieldBlock::new());
        for (op, n) in ops {
            match op {
                0..3 => {
                    let (kind, start) = (StartKind::Sent, &starts[n as usize]);
                    block.restart(kind, n, start.records(), start.len());
                    model = start.clone();
                }
                3 => [&mut block, &mut model].into_iter().for_each(|block| block.push(Field::new(b"more", b"1"))),
                4 => [&mut block, &mut model].into_iter().for_each(|block| block.replace_value(b"name", b"other")),
                5 => [&mut block, &mut model]
                    .into_iter()
                    .for_each(|block| block.insert_before(Field::new(b"x", b"y"), |field| field.value == b"bc")),
                6 => [&mut block, &mut model].into_iter().for_each(|block| {
                    let mark = block.mark();
                    block.push(Field::new(b"gone", b"2"));
                    block.rewind(mark);
                }),
                _ => [&mut block, &mut model].into_iter().for_each(FieldBlock::clear),
            }
            prop_assert_eq!(&block, &model);
        }
    }
}

#[test]
fn same_looks_at_every_octet() {
    for len in 0..80 {
        let a = vec![b'a'; len];
        assert!(same(&a, &a.clone()) && !same(&a, &vec![b'a'; len + 1]));
        for place in 0..len {
            let mut b = a.clone();
            b[place] = b'b';
            assert!(!same(&a, &b));
        }
    }
}

#[test]
fn a_record_is_compared_by_name_and_value() {
    let block: FieldBlock = [Field::new(b"name", b"value"), Field::new(b"x", b"y")].into_iter().collect();
    let after = &block.records()[HEAD_LEN + 9..];
    for (name, value, is_it) in [
        (&b"name"[..], &b"value"[..], true),
        (b"name", b"valuf", false),
        (b"name", b"valu", false),
        (b"namf", b"value", false),
        (b"nam", b"evalue", false),
        (b"", b"", false),
    ] {
        let field = Field::new(name, value);
        assert_eq!(is_record_of(block.records(), &field), is_it);
        assert_eq!(strip_record(block.records(), &field), is_it.then_some(after));
    }
    assert!(!is_record_of(&[], &Field::new(b"", b"")));
    // Nor is a record that is cut off, or one of another kind.
    let whole = &block.records()[..HEAD_LEN + 9];
    assert!((0..whole.len()).all(|len| !is_record_of(&whole[..len], &Field::new(b"name", b"value"))));
    let other: FieldBlock = [Field::sensitive(b"name", b"value")].into_iter().collect();
    assert!(!is_record_of(other.records(), &Field::new(b"name", b"value")));
}

#[test]
fn a_head_keeps_every_part() {
    for (name_len, value_len) in [(0, 0), (1, u32::MAX as usize), (Head::NAME_MAX, 7)] {
        for (sensitive, class) in [(false, 0), (true, 0), (false, 255), (true, 0x5a)] {
            let head = Head { name_len, value_len, sensitive, class };
            assert_eq!(head.pack().map(Head::unpack), Some(head));
        }
    }
}

#[test]
fn a_field_too_large_for_a_record_is_left_out() {
    let name = vec![b'n'; Head::NAME_MAX + 1];
    let mut block = FieldBlock::new();
    block.push(Field::new(&name, b""));
    assert!(block.is_empty());
    block.push(Field::new(&name[1..], b""));
    assert_eq!(block.len(), 1);
}

#[test]
fn fields_come_back_in_order_with_their_flags() {
    let fields = [
        Field { class: 9, ..Field::new(b"", b"") },
        Field::sensitive(b"k", b""),
        Field::new(b"", b"v"),
        Field::new(b"name", &[0; 300]),
    ];
    let mut block: FieldBlock = fields.into_iter().collect();
    assert!(block.fields().eq(fields));
    assert_eq!(block.fields().len(), 4);
    assert_eq!(block.list_size(), fields.iter().map(Field::list_size).sum::<usize>());
    assert!(block.byte_len() <= block.list_size());

    let copy = block.clone();
    block.extend_from(&copy);
    assert!(block.fields().eq(fields.into_iter().chain(fields)));
    assert_eq!((block.len(), block.is_empty(), block.list_size()), (8, false, 2 * copy.list_size()));
    block.clear();
    assert_eq!((block.len(), block.is_empty(), block.fields().next()), (0, true, None));
    assert!(block.capacity() >= copy.byte_len());
    block.push(fields[0]);
    block.shrink_to_fit();
    assert_eq!((block.len(), block.capacity()), (1, block.byte_len()));
}

#[test]
fn a_field_goes_before_the_first_that_goes_behind_it() {
    let names = |block: &FieldBlock| block.fields().map(|field| field.name[0]).collect::<std::vec::Vec<_>>();
    let all = [Field::new(b"1", b"x"), Field::new(b"2", b""), Field::new(b"3", b"yz")];
    for (behind, expected) in [(b'1', b"0123"), (b'2', b"1023"), (b'3', b"1203"), (b'9', b"1230")] {
        let mut block: FieldBlock = all.into_iter().collect();
        block.insert_before(Field::new(b"0", b"value"), |field| field.name[0] == behind);
        assert_eq!(names(&block), expected);
        assert!(block.fields().filter(|field| field.name != b"0").eq(all));
    }
}

#[test]
fn a_value_is_replaced_where_it_stands() {
    let all = [Field::new(b"1", b"x"), Field::new(b"name", b"value"), Field { class: 3, ..Field::new(b"3", b"yz") }];
    for (name, at) in [(&b"1"[..], 0), (b"name", 1), (b"3", 2)] {
        for value in [&b""[..], b"v", b"another value", &[b'v'; 300]] {
            let mut block: FieldBlock = all.into_iter().collect();
            block.replace_value(name, value);
            let mut expected = all;
            expected[at].value = value;
            assert!(block.fields().eq(expected), "{block:?}");
        }
    }
    let mut block: FieldBlock = all.into_iter().collect();
    block.replace_value(b"2", b"none");
    assert!(block.fields().eq(all));
}

#[test]
fn a_buffer_is_reused() {
    let mut block = FieldBlock::new();
    block.push(Field::new(b"name", b"value"));
    let capacity = block.capacity();
    let block = FieldBlock::from_cleared(block.into_bytes());
    assert!(block.is_empty() && block.byte_len() == 0 && block.capacity() == capacity);
}

#[test]
fn debug_is_readable() {
    let block: FieldBlock = [Field::new(b"a", b"1"), Field::sensitive(b"b", b"2")].into_iter().collect();
    assert_eq!(format!("{block:?}"), "[a: 1, b: (sensitive, 1 octets)]");
    assert_eq!(format!("{:?}", block.fields()), format!("{block:?}"));
}
