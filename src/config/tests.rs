use super::{Limits, ServerConfig};
use crate::ClientConfig;
use core::time::Duration;

fn refused(change: impl FnOnce(&mut Limits)) -> (&'static str, &'static str) {
    let mut limits = Limits::default();
    change(&mut limits);
    let error = ServerConfig::builder().limits(limits).build().unwrap_err();
    (error.first, error.second)
}

#[test]
fn a_contradiction_names_both_fields() {
    assert_eq!(refused(|l| l.connection_window = l.call_window - 1), ("connection_window", "call_window"));
    assert_eq!(refused(|l| l.max_receive_message = None), ("assembly_budget", "max_receive_message"));
    assert_eq!(refused(|l| l.held_headers = l.max_header_list - 1), ("held_headers", "max_header_list"));
    assert_eq!(refused(|l| l.max_header_block = l.max_header_list - 1), ("max_header_block", "max_header_list"));
    assert_eq!(
        refused(|l| l.send_queue_per_connection = l.send_queue_per_call - 1),
        ("send_queue_per_connection", "send_queue_per_call")
    );
}

#[test]
fn both_sides_of_each_range() {
    type Change = fn(&mut Limits, i64);
    let ranges: [(&str, Change, i64, i64); 9] = [
        ("header_abuse", |l, v| l.header_abuse = v as u32, 1, 0xffff_ffff),
        ("drain_at_percent", |l, v| l.drain_at_percent = v as u8, 1, 100),
        ("max_replies", |l, v| l.max_replies = v as u32, 1, 0xffff_ffff),
        ("idle_trim", |l, v| l.idle_trim = Duration::from_nanos(v as u64), 1, 0xffff_ffff),
        ("max_frame", |l, v| l.max_frame = v as u32, 16_384, 16_777_215),
        ("call_window", |l, v| (l.call_window, l.connection_window) = (v as u32, 0x7fff_ffff), 65_535, 0x7fff_ffff),
        ("max_send_frame", |l, v| l.max_send_frame = v as u32, 1, 16_777_215),
        ("copy_below", |l, v| l.copy_below = v as u32, 1024, 0xffff_ffff),
        ("max_concurrent_calls", |l, v| l.max_concurrent_calls = v as u32, 1, 0xffff_ffff),
    ];
    for (field, change, low, high) in ranges {
        for value in [low, high] {
            let mut limits = Limits::default();
            change(&mut limits, value);
            assert!(ServerConfig::builder().limits(limits).build().is_ok(), "{field} {value}");
        }
        assert_eq!(refused(|limits| change(limits, low - 1)).0, field);
        if high < 0xffff_ffff {
            assert_eq!(refused(|limits| change(limits, high + 1)).0, field);
        }
    }
}

#[test]
fn a_client_needs_an_authority_that_can_be_sent() {
    assert!(ClientConfig::builder("example.com:443").build().is_ok());
    assert_eq!(ClientConfig::builder("user@example.com").build().unwrap_err().first, "authority");
    assert_eq!(ClientConfig::builder("a b").build().unwrap_err().first, "authority");
}
