//! A masked copy of a log that was not whole says so itself.

use crate::talk::Talk;
use crate::viewer::{Kept, run, run_with};
use grpc_sansio::event_log::{End, Fault, Log, Mask, Wrong};

fn good() -> String {
    let mut talk = Talk::new();
    talk.secret_call();
    String::from_utf8(talk.end()[0].octets()).unwrap()
}

fn copy(text: &str) -> Log {
    let mut copy = Vec::new();
    Log::parse(text.as_bytes()).write_masked(&Mask::new(), &mut copy).unwrap();
    Log::parse(&copy)
}

/// The lines with that of this number, from 1, replaced.
fn with_line(text: &str, number: usize, line: &str) -> String {
    let lines = text.lines().enumerate().map(|(index, old)| if index + 1 == number { line } else { old });
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn a_copy_of_a_damaged_log_says_so() {
    let text = good();
    assert_eq!(copy(&text).faults, []);
    let whole = copy(&text).entries.len();
    let edited = text.replacen("hush-session", "hush-cession", 1);
    let cut = &text[..text.len() / 2];
    let missing = with_line(&text, 6, "").replace("\n\n", "\n");
    // What is wrong, how often, what the copy says of it, and how many verbs it has.
    for (text, says, entries) in [
        (edited.as_str(), vec!["line 2: the line was changed after it was written: its checksum does not hold"], whole),
        (cut, vec!["the log is cut off in the middle of this line"], cut.lines().count() - 2),
        (&missing, vec!["line 6: this was line 7 when the log was written, and line 6 should be here"], 4),
        (&with_line(&text, 7, "not a line"), vec!["line 7: this is not JSON"], 5),
    ] {
        let copy = copy(text);
        let header = copy.header.as_ref().unwrap();
        assert_eq!((header.damaged.len(), copy.entries.len()), (says.len(), entries), "{:?}", header.damaged);
        for (said, wanted) in header.damaged.iter().zip(says) {
            assert!(said.contains(wanted), "{said}");
            let fault = Fault::clone(&copy.faults[0]);
            assert!(fault.line == 1 && fault.what == Wrong::CopyOfDamaged(said.clone()), "{fault}");
        }
        // A copy of the copy does not forget it.
        let mut again = Vec::new();
        copy.write_masked(&Mask::new(), &mut again).unwrap();
        assert_eq!(Log::parse(&again).header.unwrap().damaged, header.damaged);
    }
}

/// What a parser says of a line may quote it.
#[test]
fn what_is_wrong_is_told_without_secrets() {
    let text = good();
    for line in [
        "{\"n\":4,\"verb\":\"Bearer hush-verb\"}",
        "\"Bearer hush-verb\"",
        "{\"n\":\"Bearer hush-verb\",\"verb\":\"read\"}",
    ] {
        let text = with_line(&text, 5, line);
        let log = Log::parse(text.as_bytes());
        assert!(log.faults[0].to_string().contains("hush-verb"), "{}", log.faults[0]);
        let damaged = copy(&text).header.unwrap().damaged;
        assert_eq!(damaged[0], "line 5: this is not a line of a log");
    }
    // Eight are told, and how many there are besides.
    let many: String = text.lines().map(|line| format!("{line}\n\n")).collect();
    let damaged = copy(&many).header.unwrap().damaged;
    assert_eq!(damaged.len(), 9);
    let twice = copy(&many);
    let mut again = Vec::new();
    twice.write_masked(&Mask::new(), &mut again).unwrap();
    assert_eq!(Log::parse(&again).header.unwrap().damaged, damaged, "not shortened further");
    assert_eq!(damaged[8], format!("{} lines more have something wrong with them", text.lines().count() - 8));
}

/// They hide nothing: numbers and checksums of the lines around them go on.
#[test]
fn blank_lines_are_passed_over_and_said() {
    let text = good();
    let whole = Log::parse(text.as_bytes());
    let lines: Vec<&str> = text.lines().collect();
    let between = lines.join("\n\n");
    let before_the_end = format!("{}\n  \r\n{}\n", lines[..lines.len() - 1].join("\n"), lines[lines.len() - 1]);
    let behind = format!("{text}\n\n");
    for (text, blank) in [(&between, lines.len() - 1), (&before_the_end, 1), (&behind, 2)] {
        let log = Log::parse(text.as_bytes());
        let is_blank = |fault: &&Fault| matches!(fault.what, Wrong::Blank);
        let others: Vec<_> = log.faults.iter().filter(|fault| !is_blank(fault)).collect();
        assert_eq!(log.faults.len() - others.len(), blank, "{:?}", log.faults);
        assert!(others.is_empty(), "{others:?}");
        assert_eq!(log.entries.len(), whole.entries.len());
        // The lines are those of the file, as an editor counts.
        for (line, entry) in &log.entries {
            assert!(text.lines().nth(line - 1).unwrap().contains(&format!("{{\"n\":{},", entry.n)));
        }
        assert_eq!(log.replay().unwrap().verbs, whole.entries.len());
        let copy = copy(text);
        assert_eq!(copy.entries.len(), whole.entries.len());
        assert_eq!(copy.last.map(|last| last.end), Some(End::Dropped), "the end is not lost");
    }
}

#[test]
fn the_program_says_so_too() {
    let text = good().replacen("hush-session", "hush-cession", 1);
    let file = Kept::new("copy-of-edited", text.as_bytes());
    let masked = run_with(&["mask", file.path()], &[]);
    assert_eq!(masked.status.code(), Some(1));
    let said = String::from_utf8(masked.stderr).unwrap();
    assert!(
        said.contains("line 2: the line was changed") && said.contains("the copy says so in its first line"),
        "{said}"
    );
    assert!(said.contains("it has all lines"), "{said}");
    let copy = Kept::new("the-copy", &masked.stdout);
    for command in ["show", "summary", "replay", "mask"] {
        let (said, status) = run(&[command, copy.path()]);
        assert_eq!(status, 1, "{command}");
        assert!(
            said.contains("a masked copy of a log that was not whole; there, line 2: the line was changed"),
            "{said}"
        );
    }
    assert!(run(&[copy.path()]).0.starts_with("a client's connection"));
    assert!(run(&[copy.path()]).0.lines().next().unwrap().ends_with("a copy of a log that was NOT WHOLE"));
    // Cut off, the copy ends where the original does.
    let cut = Kept::new("copy-of-cut", &text.as_bytes()[..text.len() / 2]);
    let masked = run_with(&["mask", cut.path()], &[]);
    let said = String::from_utf8(masked.stderr).unwrap();
    assert!(said.contains("it ends before line "), "{said}");
}

#[test]
fn what_cannot_be_masked_is_refused_with_the_reason() {
    let text = good();
    let version = text.replacen("\"version\":1", "\"version\":2", 1);
    for (octets, why) in [
        (version.as_str(), "line 1: the log has version 2 of the format, and this program reads version 1"),
        (&text[..100], "line 1: the log is cut off in the middle of this line"),
        ("", "line 1: this is not the first line of an event log of grpc-sansio: it is empty"),
        (
            "GET / HTTP/1.1",
            "line 1: this is not the first line of an event log of grpc-sansio: expected value at column 1",
        ),
    ] {
        let error = Log::parse(octets.as_bytes()).write_masked(&Mask::new(), Vec::new()).unwrap_err();
        assert!(error.kind() == std::io::ErrorKind::InvalidData && error.to_string() == why, "{error}");
        let file = Kept::new("not-masked", octets.as_bytes());
        let masked = run_with(&["mask", file.path()], &[]);
        assert_eq!((masked.status.code(), masked.stdout.len()), (Some(1), 0));
        assert_eq!(String::from_utf8(masked.stderr).unwrap().trim_end(), why);
        assert!(run(&["show", file.path()]).0.contains(why));
    }
}
