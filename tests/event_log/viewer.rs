//! The program `grpc-log`, run as its users do.

use crate::kept::kept;
use crate::talk::Talk;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

pub(crate) fn run_with(args: &[&str], set: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_grpc-log"));
    command.args(args).env_remove("NO_COLOR").envs(set.iter().copied());
    command.output().unwrap()
}

/// What it prints, and its exit status.
pub(crate) fn run(args: &[&str]) -> (String, i32) {
    let output = run_with(args, &[]);
    let printed = [output.stdout, output.stderr].concat();
    (String::from_utf8(printed).unwrap(), output.status.code().unwrap())
}

pub(crate) struct Kept(PathBuf);

impl Kept {
    pub(crate) fn new(name: &str, octets: &[u8]) -> Self {
        let name = format!("grpc-log-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, octets).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Two calls, from either end.
fn two_calls() -> [Vec<u8>; 2] {
    let mut talk = Talk::new();
    talk.secret_call();
    talk.secret_call();
    talk.end().map(|file| file.octets())
}

#[test]
fn frames_and_calls_are_shown() {
    let [client, server] = two_calls();
    let (client, server) = (Kept::new("client", &client), Kept::new("server", &server));
    let (shown, status) = run(&[client.path()]);
    assert_eq!(status, 0);
    for part in [
        "a client's connection, recorded by grpc-sansio",
        "open /test.Service/Unary Unary, authorization: Bearer c2VjcmV0LXRva2Vu",
        "→ call 1",
        "> HEADERS stream 1",
        "> DATA stream 1 17 octets END_STREAM",
        "< SETTINGS 0 octets ACK",
        "event readable of call 2, stream 3",
        "message, 13 octets \"hush-response\"",
        "→ OK, says the peer",
        "the connection was dropped",
    ] {
        assert!(shown.contains(part), "{part} is not in\n{shown}");
    }
    assert!(!shown.contains("→ nothing") && run(&["show", client.path(), "--all"]).0.contains("→ nothing"));
    let (shown, _) = run(&["show", server.path()]);
    assert!(shown.contains("event opened of call 1, stream 1") && shown.contains("finish on call 1 OK, proxy-auth"));

    for (path, of) in [(client.path(), "client"), (server.path(), "server")] {
        let (summary, status) = run(&["summary", path]);
        assert_eq!(status, 0);
        for part in
            ["call 1  stream 1  /test.Service/Unary", "call 2  stream 3", "1 queued to be sent (1", " read (1", "OK"]
        {
            assert!(summary.contains(part), "{of}: {part} is not in\n{summary}");
        }
        let (replayed, status) = run(&["replay", path]);
        assert!(status == 0 && replayed.contains("all as in the log"), "{replayed}");
    }
}

#[test]
fn one_call_or_stream_can_be_picked() {
    for octets in two_calls() {
        let file = Kept::new(&format!("pick-{}", octets.len()), &octets);
        let (by_call, _) = run(&["show", file.path(), "--call", "2"]);
        let (by_stream, _) = run(&["show", file.path(), "--stream=3"]);
        for shown in [&by_call, &by_stream] {
            assert!(shown.contains("call 2") && shown.contains("HEADERS stream 3"), "{shown}");
            assert!(
                !shown.contains("call 1") && !shown.contains("stream 1 ") && !shown.contains("SETTINGS"),
                "{shown}"
            );
        }
        assert_eq!(by_call, by_stream);
    }
}

#[test]
fn a_call_or_stream_that_is_not_there_is_said() {
    for octets in two_calls() {
        let file = Kept::new(&format!("absent-{}", octets.len()), &octets);
        for (args, said) in [
            (&["--call", "9"][..], "there is no call 9 in this log: its calls are 1, 2"),
            (&["--stream", "7"], "there is no stream 7 in this log: its streams are 0, 1, 3"),
            (&["--call", "9", "--stream", "1"], "there is no call 9"),
        ] {
            let (shown, status) = run(&[&["show", file.path()], args].concat());
            assert!(status == 3 && shown.contains(said), "{status}: {shown}");
            // What is there is shown all the same.
            assert_eq!(shown.contains("HEADERS stream 1"), args.len() > 2, "{shown}");
        }
        for args in [["--call", "2"], ["--stream", "0"]] {
            assert_eq!(run(&[file.path(), args[0], args[1]]).1, 0);
        }
        // Of a log that is cut both are said.
        let cut = Kept::new(&format!("absent-cut-{}", octets.len()), &octets[..octets.len() / 2]);
        let (shown, status) = run(&[cut.path(), "--call", "9"]);
        assert!(status == 3 && shown.contains("there is no call 9") && shown.contains("cut off"), "{shown}");
    }
    // Many are not listed one by one, and of none there is nothing to list.
    let mut talk = Talk::new();
    for _ in 0..30 {
        talk.client.open(talk.at(), &grpc_sansio::OpenOptions::new(&crate::talk::METHODS[0])).unwrap();
    }
    let file = Kept::new("many", &talk.end()[0].octets());
    let (shown, _) = run(&[file.path(), "--call", "31"]);
    assert!(shown.contains("19, 20 and so on, 30 in all, the last 30"), "{shown}");
    assert!(run(&[file.path(), "--stream", "1"]).0.contains("there is no stream 1 in this log: it has no streams"));
    let file = Kept::new("silent", &Talk::new().end()[0].octets());
    assert!(run(&[file.path(), "--call", "1"]).0.contains("there is no call 1 in this log: it has no calls"));
}

/// Nothing was said, so nothing is known.
#[test]
fn windows_are_not_made_up() {
    let silent = Kept::new("windows-silent", &Talk::new().end()[0].octets());
    let (summary, status) = run(&["summary", silent.path()]);
    assert!(status == 0 && summary.contains("calls 0; received 0 octets") && !summary.contains("windows"), "{summary}");
    for nothing in [&b""[..], b"no log\n"] {
        let file = Kept::new("windows-nothing", nothing);
        let (summary, status) = run(&["summary", file.path()]);
        assert!(status == 1 && summary.lines().count() == 1 && summary.starts_with("line 1: "), "{summary}");
    }
    let mut talk = Talk::new();
    talk.client.transmit(talk.at(), &mut grpc_sansio::WriteBuf::new());
    talk.client.receive(talk.at(), b"HTTP/1.1 400 Bad Request\r\n\r\n");
    let stranger = Kept::new("windows-stranger", &talk.end()[0].octets());
    assert!(!run(&["summary", stranger.path()]).0.contains("windows"));
    let spoken = Kept::new("windows-spoken", &two_calls()[0]);
    assert!(run(&["summary", spoken.path()]).0.contains("windows: this end may send"));
}

#[test]
fn a_dash_is_standard_input() {
    let [octets, _] = two_calls();
    let file = Kept::new("dash", &octets);
    for args in [&["show"][..], &["summary"], &["replay"], &["mask"], &[]] {
        let named = run_with(&[args, &[file.path()]].concat(), &[]);
        let piped = Command::new(env!("CARGO_BIN_EXE_grpc-log"))
            .args(args)
            .arg("-")
            .stdin(std::fs::File::open(file.path()).unwrap())
            .output()
            .unwrap();
        assert!(named.status.success() && !named.stdout.is_empty());
        assert_eq!((named.stdout, named.stderr), (piped.stdout, piped.stderr), "{args:?}");
    }
}

#[test]
fn a_stream_is_found_before_the_server_answers() {
    let mut talk = Talk::new();
    let now = talk.at();
    let open = |talk: &mut Talk, number: usize| {
        talk.client.open(now, &grpc_sansio::OpenOptions::new(&crate::talk::METHODS[number])).unwrap()
    };
    open(&mut talk, 0);
    let second = open(&mut talk, 1);
    open(&mut talk, 2);
    talk.client.call(second).unwrap().cancel();
    talk.client.transmit(now, &mut grpc_sansio::WriteBuf::new());
    let file = Kept::new("unanswered", &talk.end()[0].octets());
    let (summary, _) = run(&["summary", file.path()]);
    for part in ["call 1  stream 1  /test.Service/Unary", "call 2  no stream", "call 3  stream 3  /test.Service/List"] {
        assert!(summary.contains(part), "{summary}");
    }
    assert!(summary.contains("did not end") && summary.contains("cancelled here"));
}

#[test]
fn colour_is_for_terminals_and_those_who_ask() {
    let file = Kept::new("colour", &two_calls()[0]);
    let coloured = |args: &[&str], set: &[(&str, &str)]| {
        let args = [&[file.path()], args].concat();
        String::from_utf8(run_with(&args, set).stdout).unwrap().contains('\x1b')
    };
    // This is no terminal.
    assert!(!coloured(&[], &[]) && !coloured(&["--color", "auto"], &[]) && !coloured(&["--color=never"], &[]));
    assert!(coloured(&["--color=always"], &[]));
    // Who asks in so many words is heard first.
    assert!(coloured(&["--color=always"], &[("NO_COLOR", "1")]));
    assert!(!coloured(&[], &[("NO_COLOR", "1")]));
    // What a peer said gives a terminal no orders.
    let text = String::from_utf8(two_calls()[0].clone()).unwrap().replace("everybody may know", "\\u001b[31m\\u0007");
    let file = Kept::new("orders", text.as_bytes());
    assert!(!run(&[file.path()]).0.contains(['\x1b', '\x07']));
}

#[test]
fn a_bad_log_is_shown_as_far_as_it_is_whole_and_named() {
    let octets = &two_calls()[0];
    let text = String::from_utf8(octets.clone()).unwrap();
    let cut = Kept::new("cut", &octets[..octets.len() * 2 / 3]);
    let (shown, status) = run(&[cut.path()]);
    assert!(status == 1 && shown.contains("→ call 1"), "{shown}");
    assert!(shown.contains("the log is cut off in the middle of this line"), "{shown}");
    let (replayed, status) = run(&["replay", cut.path()]);
    assert!(status == 1 && replayed.contains("all as in the log") && replayed.contains("no further"), "{replayed}");

    let edited = Kept::new("edited", text.replacen("hush-cookie", "hush-cooky", 1).as_bytes());
    let (replayed, status) = run(&["replay", edited.path()]);
    assert!(status == 1 && replayed.contains("differs") && replayed.contains("in the log:"), "{replayed}");
    for said in [replayed, run(&[edited.path()]).0] {
        assert!(said.contains("line 2: the line was changed after it was written"), "{said}");
    }

    let other = Kept::new("other", text.replacen("\"version\":1", "\"version\":9", 1).as_bytes());
    for command in ["show", "summary", "replay"] {
        let (said, status) = run(&[command, other.path()]);
        assert!(status == 1 && said.contains("line 1: the log has version 9 of the format"), "{said}");
    }
    let none = Kept::new("none", b"GET / HTTP/1.1\r\n");
    for command in ["show", "replay", "mask"] {
        let (said, status) = run(&[command, none.path()]);
        assert!(status > 0 && said.contains("not"), "{said}");
    }
    let long = Kept::new("long", &b"one of many lines\n".repeat(100));
    let (said, status) = run(&[long.path()]);
    assert!(status > 0 && said.contains("line 1:") && said.lines().count() < 5, "{said}");
}

#[test]
fn a_masked_log_is_made_shown_and_not_replayed() {
    let file = Kept::new("complete", &two_calls()[0]);
    let masked = run_with(&["mask", file.path(), "--name", "x-session", "--binary"], &[]);
    assert!(masked.status.success());
    let text = String::from_utf8(masked.stdout.clone()).unwrap();
    assert!(!text.contains("c2VjcmV0") && !text.contains("hush"), "{text}");
    let masked = Kept::new("masked", &masked.stdout);
    let (shown, status) = run(&[masked.path()]);
    assert!(
        status == 0 && shown.contains("authorization: (masked)") && shown.contains("masked: authorization, cookie")
    );
    assert!(shown.contains("x-open: everybody may know"));
    let (replayed, status) = run(&["replay", masked.path()]);
    assert!(status == 1 && replayed.contains("not replayed: the log is masked"), "{replayed}");
    // What is not whole is masked as far as it is, and said.
    let cut = Kept::new("cut-mask", &two_calls()[0][..9_000]);
    let output = run_with(&["mask", cut.path()], &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("cut off"));
    assert!(!String::from_utf8(output.stdout).unwrap().contains("hush-cookie"));
}

#[test]
fn what_it_is_told_must_make_sense() {
    let (help, status) = run(&["--help"]);
    assert!(status == 0 && help.contains("grpc-log replay FILE"));
    for (args, said) in [
        (&[][..], "which log?"),
        (&["dance", "x"], "there is no command dance"),
        (&["show", "x", "--loud"], "there is no option --loud"),
        (&["show", "x", "--call", "one"], "--call needs a number, not one"),
        (&["show", "x", "--call"], "--call needs a value"),
        (&["replay", "x", "--call", "1"], "--call means nothing to replay"),
        (&["show", "x", "--binary"], "--binary means nothing to show"),
        (&["show", "x", "--color", "red"], "not red"),
        (&["show", "/there/is/no/such/log"], "/there/is/no/such/log"),
    ] {
        let (printed, status) = run(args);
        assert!(status == 2 && printed.contains(said), "{args:?}: {printed}");
    }
}

/// What docs/debugging.md says that the viewer prints is what it prints: blocks that begin with `$ grpc-log`.
#[test]
fn the_page_is_true() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/debugging.md");
    let text = std::fs::read_to_string(&page).unwrap();
    let (mut made, mut blocks) = (String::new(), 0);
    for (place, part) in text.split("```").enumerate() {
        let inside = place % 2 == 1;
        made.push_str(if place > 0 { "```" } else { "" });
        match part.split_once('\n').filter(|_| inside) {
            Some((language, block)) if block.starts_with("$ grpc-log ") => {
                let (command, _) = block.split_once('\n').unwrap();
                let args: Vec<String> = command
                    .split_whitespace()
                    .skip(2)
                    .map(|arg| match arg.ends_with(".jsonl") {
                        true => kept(arg.rsplit('/').next().unwrap()).to_str().unwrap().to_owned(),
                        false => arg.to_owned(),
                    })
                    .collect();
                let (printed, _) = run(&args.iter().map(String::as_str).collect::<Vec<_>>());
                made.push_str(&format!("{language}\n{command}\n{printed}"));
                blocks += 1;
            }
            _ => made.push_str(part),
        }
    }
    assert!(blocks >= 3);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(page, &made).unwrap();
    }
    assert_eq!(made, text, "BLESS=1 writes what is printed into the page");
}
