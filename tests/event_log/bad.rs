//! A log that is cut off, edited, of another version, or none: it is said where and why, and what is whole is there.

use crate::talk::Talk;
use grpc_sansio::event_log::{Fault, Log, Mask, Wrong};

fn good() -> String {
    let mut talk = Talk::new();
    talk.secret_call();
    String::from_utf8(talk.end()[1].octets()).unwrap()
}

fn only(text: &str) -> (Log, Fault) {
    let log = Log::parse(text.as_bytes());
    assert_eq!(log.faults.len(), 1, "{:?}", log.faults);
    let fault = log.faults[0].clone();
    (log, fault)
}

/// The good log with its line `number`, from 1, put through `change`.
fn with_line(text: &str, number: usize, change: impl Fn(&str) -> Option<String>) -> String {
    let lines = text.lines().enumerate().filter_map(|(index, line)| match index + 1 == number {
        true => change(line),
        false => Some(line.to_owned()),
    });
    lines.map(|line| line + "\n").collect()
}

#[test]
fn a_log_that_is_cut_off_is_whole_up_to_there() {
    let text = good();
    let whole = Log::parse(text.as_bytes());
    // Everywhere near an end of a line, and here and there in between.
    let near = |cut: &usize| text.as_bytes()[cut.saturating_sub(3)..text.len().min(cut + 2)].contains(&b'\n');
    for cut in (1..text.len() - 1).filter(|cut| near(cut) || cut % 61 == 0 || *cut < 60) {
        let log = Log::parse(&text.as_bytes()[..cut]);
        let lines = text[..cut].matches('\n').count();
        // Where only the end of a line is missing nothing is lost.
        let at_its_end = text.as_bytes()[cut] == b'\n';
        let read = (lines + usize::from(at_its_end)).saturating_sub(1).min(whole.entries.len());
        assert_eq!(log.entries.len(), read, "cut at {cut}");
        assert_eq!(log.entries[..], whole.entries[..log.entries.len()]);
        let fault = log.faults.last().unwrap_or_else(|| panic!("cut at {cut}"));
        let in_line = text.as_bytes()[cut - 1] != b'\n';
        assert_eq!(fault.line, if in_line { lines + 1 } else { lines }, "cut at {cut}");
        match &fault.what {
            Wrong::CutOff => assert!(in_line && !at_its_end, "cut at {cut}"),
            Wrong::NoEnd => assert!(!in_line || at_its_end, "cut at {cut}"),
            Wrong::NotALog(_) => assert!(lines == 0 && cut < 40, "cut at {cut}: {fault}"),
            other => panic!("cut at {cut}: {other}"),
        }
        if lines > 0 {
            assert_eq!(log.replay().unwrap().verbs, log.entries.len());
        }
    }
}

#[test]
fn an_edited_line_shows() {
    let text = good();
    let changed = |line: &str| Some(line.replacen("\"at\":", "\"at\":1", 1));
    let number = text.lines().position(|line| line.contains("\"verb\":\"receive\"")).unwrap() + 1;
    let (log, fault) = only(&with_line(&text, number, changed));
    assert_eq!((fault.line, &fault.what), (number, &Wrong::Changed));
    assert!(fault.to_string().starts_with(&format!("line {number}: the line was changed")), "{fault}");
    assert_eq!(log.entries.len(), Log::parse(text.as_bytes()).entries.len());
    // Without its sum.
    let bare = |line: &str| Some(line.split(",\"sum\"").next().unwrap().to_owned() + "}");
    assert_eq!(only(&with_line(&text, number, bare)).1.what, Wrong::Changed);
}

#[test]
fn a_line_that_was_taken_out_or_put_in_shows() {
    let text = good();
    let (log, fault) = only(&with_line(&text, 5, |_| None));
    assert_eq!((fault.line, &fault.what), (5, &Wrong::OutOfOrder { found: 6, expected: 5 }));
    assert_eq!(log.entries.len() + 1, Log::parse(text.as_bytes()).entries.len());
    let replayed = log.replay().unwrap();
    assert_eq!((replayed.verbs, replayed.stopped_at), (3, Some(fault)), "lines 2 to 4");

    let twice = with_line(&text, 5, |line| Some(format!("{line}\n{line}")));
    let log = Log::parse(twice.as_bytes());
    assert_eq!(log.faults[0], Fault::clone(&log.faults[0]));
    assert_eq!((log.faults[0].line, &log.faults[0].what), (6, &Wrong::OutOfOrder { found: 5, expected: 6 }));

    let (_, fault) = only(&(text.clone() + "{\"n\":99,\"verb\":\"poll_event\"}\n"));
    assert_eq!((fault.line, fault.what), (text.lines().count() + 1, Wrong::AfterTheEnd));
}

#[test]
fn what_is_no_line_of_a_log_is_said_and_passed_over() {
    let text = good();
    type Kind = fn(&Wrong) -> bool;
    let cases: [(&str, Kind); 4] = [
        // The parser has seen one line, and knows no number of it.
        ("this is no JSON", |what| matches!(what, Wrong::NotJson(why) if why.ends_with("at column 2"))),
        ("[1,2]", |what| matches!(what, Wrong::Unknown(_))),
        ("{\"n\":4,\"what\":1}", |what| matches!(what, Wrong::Unknown(_))),
        ("{\"n\":4,\"verb\":\"dance\"}", |what| matches!(what, Wrong::Unknown(why) if why.contains("dance"))),
    ];
    for (line, is_right) in cases {
        let (log, fault) = only(&with_line(&text, 5, |_| Some(line.to_owned())));
        // The line behind it goes on from a sum that is not there.
        assert!(fault.line == 5 && is_right(&fault.what), "{fault:?}");
        assert_eq!(log.replay().unwrap().verbs, 3);
    }
}

#[test]
fn another_version_is_said_and_its_lines_are_shown_as_far_as_they_are_known() {
    let text = good().replacen("\"version\":1", "\"version\":2", 1);
    let (log, fault) = only(&text);
    assert_eq!((fault.line, &fault.what), (1, &Wrong::OtherVersion { found: 2 }));
    assert!(fault.to_string().contains("version 2") && fault.to_string().contains("version 1"), "{fault}");
    assert!(log.header.is_none() && log.entries.len() > 5);
    assert_eq!(log.replay().unwrap_err().to_string(), fault.to_string());
}

#[test]
fn what_is_no_log_at_all() {
    for text in ["", "\n", "hello\nworld\n", "{}\n", "{\"format\":1}\n", "\u{0}\u{1}\n", "PRI * HTTP/2.0\r\n"] {
        let log = Log::parse(text.as_bytes());
        let fault = &log.faults[0];
        assert!(fault.line == 1 && matches!(fault.what, Wrong::NotALog(_)), "{text:?}: {fault}");
        assert!(log.replay().is_err() && log.header.is_none() && log.entries.is_empty());
        assert!(log.write_masked(&Mask::new(), Vec::new()).is_err());
    }
    assert!(Log::parse(&[0xff; 100]).faults[0].to_string().starts_with("line 1: this is not the first line"));
}
