//! A masked log has no secret in it, in no spelling.

use crate::talk::{Talk, monkey};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use grpc_sansio::event_log::{Answer, Log, Mask, Octets, ReplayError, Value, Verb};
use grpc_sansio::hpack::{Encoder, Field};

/// Hidden without being asked for.
const SECRETS: [&str; 8] = [
    "c2VjcmV0LXRva2Vu",
    "hush-cookie",
    "hush-marked",
    "hush-set-cookie",
    "hush-proxy",
    "hush-request",
    "hush-response",
    "secret-token",
];

fn contains(octets: &[u8], part: &[u8]) -> bool {
    octets.windows(part.len()).any(|window| window == part)
}

/// Whether the log says `secret`: plainly, in base64 at any of its three offsets, or as HPACK would write it.
pub(crate) fn says(log: &[u8], secret: &str) -> bool {
    let mut huffman = Vec::new();
    Encoder::new(0, 1).encode([Field::new(b"x", secret.as_bytes())], &mut huffman);
    let texts: Vec<Vec<u8>> = String::from_utf8_lossy(log)
        .split('"')
        .filter_map(|text| STANDARD.decode(text).or_else(|_| STANDARD_NO_PAD.decode(text)).ok())
        .collect();
    let coded = &huffman[huffman.len().saturating_sub(secret.len() / 2)..];
    let in_octets = |octets: &[u8]| contains(octets, secret.as_bytes()) || contains(octets, coded);
    in_octets(log) || texts.iter().any(|text| in_octets(text))
}

fn logs(mask: Option<Mask>) -> [Vec<u8>; 2] {
    let with = move |log: grpc_sansio::event_log::EventLog| match &mask {
        Some(mask) => log.masked(mask.clone()),
        None => log,
    };
    let mut talk = Talk::with(7, with);
    // The second call refers to what the first left in the tables.
    talk.secret_call();
    talk.secret_call();
    talk.end().map(|file| file.octets())
}

#[test]
fn secrets_are_in_a_complete_log_and_not_in_a_masked_one() {
    for (complete, masked) in logs(None).iter().zip(logs(Some(Mask::new()))) {
        for secret in SECRETS {
            assert!(says(complete, secret) || secret == "secret-token", "the test would not find {secret}");
            assert!(!says(&masked, secret), "{secret}");
        }
        assert!(says(&masked, "everybody may know") && says(&masked, "hush-session"), "names not asked for stay");
        let log = Log::parse(&masked);
        assert_eq!((log.faults.len(), log.is_masked()), (0, true));
        assert_eq!(log.replay(), Err(ReplayError::Masked));
        assert!(ReplayError::Masked.to_string().contains("masked"));
    }
}

#[test]
fn names_that_the_user_gives_are_hidden_too() {
    let mask = || Mask::new().name("X-Session").binary().name(":path").name(":authority");
    for masked in logs(Some(mask())) {
        for hidden in ["hush-session", "hush-binary", "hush-details", "/test.Service/Unary", "example.com"] {
            assert!(!says(&masked, hidden), "{hidden}");
        }
    }
    for masked in logs(Some(Mask::new())) {
        assert!(says(&masked, "hush-session") && says(&masked, "hush-binary") && says(&masked, "/test.Service/Unary"));
    }
    for masked in logs(Some(Mask::new().show_messages())) {
        assert!(says(&masked, "hush-request") && says(&masked, "hush-response"));
        assert!(SECRETS[..5].iter().all(|secret| !says(&masked, secret)));
    }
}

/// Nothing that went over the wire is in it as it went, whatever was said; and masking before and after recording is the
/// same.
#[test]
fn no_raw_octets_are_in_it() {
    for seed in 0..20 {
        for file in monkey(seed, 200).end() {
            let mut masked = Vec::new();
            file.log().write_masked(&Mask::new(), &mut masked).unwrap();
            let log = Log::parse(&masked);
            assert_eq!(log.faults, []);
            for (line, entry) in &log.entries {
                let octets = match (&entry.verb, &entry.answer) {
                    (Verb::Receive { octets, .. } | Verb::ReceiveBytes { octets, .. }, _) => octets,
                    (Verb::Send { data, .. }, _) | (_, Answer::Message { data, .. }) => data,
                    (_, Answer::Octets(octets)) => octets,
                    _ => continue,
                };
                assert!(matches!(octets, Octets::Masked { .. }), "line {line}");
            }
            assert!(log.header.unwrap().config.get("seed").is_none(), "tables of other connections have it too");
        }
    }
    for (complete, masked) in logs(None).iter().zip(logs(Some(Mask::new().binary()))) {
        let mut after = Vec::new();
        Log::parse(complete).write_masked(&Mask::new().binary(), &mut after).unwrap();
        assert_eq!(String::from_utf8_lossy(&after), String::from_utf8_lossy(&masked));
    }
}

/// What is no HTTP/2 could be anything: an HTTP/1.1 request with its password.
#[test]
fn what_cannot_be_read_is_not_shown() {
    let mut talk = Talk::with(1, |log| log.masked(Mask::new()));
    talk.server.receive(talk.at(), b"GET / HTTP/1.1\r\nAuthorization: Basic aHVzaA==\r\n\r\n");
    talk.client.receive(talk.at(), b"HTTP/1.1 400 Bad Request\r\nset-cookie: hush\r\n\r\n");
    let [client, server] = talk.end();
    for file in [client, server] {
        let log = file.log();
        let frame = log.entries.iter().flat_map(|(_, entry)| &entry.frames).find(|frame| frame.wrong.is_some());
        assert_eq!(frame.unwrap().text, None);
        let text = String::from_utf8(file.octets()).unwrap();
        assert!(!text.contains("HTTP/1.1") && !text.contains("hush") && !text.contains("aHVzaA"), "{text}");
    }
}

#[test]
fn what_is_marked_on_the_wire_is_hidden_where_it_arrives() {
    let mut talk = Talk::with(7, |log| log.masked(Mask::new()));
    talk.secret_call();
    let server = talk.end()[1].log();
    let fields =
        server.entries.iter().flat_map(|(_, entry)| &entry.frames).flat_map(|frame| frame.fields.iter().flatten());
    let marked = fields.filter(|field| field.name == "x-marked").collect::<Vec<_>>();
    assert_eq!(marked.len(), 1);
    assert!(marked[0].sensitive && marked[0].value == Value::Masked(true));
}
