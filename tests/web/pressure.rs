//! Memory over HTTP/1.1 is bounded, whoever is slow.

use crate::harness::{BINARY, Host, Response, TEXT, frame, post};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::time::Duration;

/// A message of a mebibyte, many windows long, comes and goes in both forms.
#[test]
fn long_messages() {
    let message: Vec<u8> = (0..1 << 20).map(|at: u32| (at % 251) as u8).collect();
    for (form, body) in [(BINARY, frame(&message)), (TEXT, STANDARD.encode(frame(&message)).into_bytes())] {
        let mut host = Host::new();
        let octets = post("/d.D/Say", form, "", &body);
        let mut said = Vec::new();
        for piece in octets.chunks(10_000) {
            said.extend_from_slice(&host.hear(piece));
            assert!(host.session.wants_input());
        }
        let response = Response::of(&said);
        assert!(response.outcome().messages == [&message[..]], "{form}");
    }
}

/// A handler that does not read stops its client: what is taken ends.
#[test]
fn a_handler_that_does_not_read_stops_its_client() {
    let mut host = Host::new();
    host.lazy = true;
    let head = "POST /d.D/Count HTTP/1.1\r\nhost: d\r\ncontent-type: application/grpc-web\r\n\
                content-length: 10000000\r\n\r\n";
    host.feed(head.as_bytes());
    let messages = frame(&[1; 995]).repeat(10_000);
    let mut taken = 0;
    for piece in messages.chunks(8 * 1024) {
        host.hear([]);
        if !host.session.wants_input() {
            break;
        }
        host.feed(piece);
        taken += piece.len();
    }
    assert!((64 * 1024..=400 * 1024).contains(&taken), "{taken} octets");
    // No timer runs while it is not the client's turn.
    host.sleep(std::time::Duration::from_secs(100));
    assert!(host.say().is_empty() && !host.is_finished());
    host.lazy = false;
    host.read_all();
    let mut said = host.say();
    for piece in messages[taken..].chunks(8 * 1024) {
        assert!(host.session.wants_input());
        said.extend_from_slice(&host.hear(piece));
    }
    assert_eq!(Response::of(&said).outcome().messages, [b"10000"]);
}

/// A client that does not read stops its server, and nothing piles up between the two.
#[test]
fn a_client_that_does_not_read_stops_its_server() {
    for (form, body) in [(BINARY, frame(b"10000 1000")), (TEXT, STANDARD.encode(frame(b"10000 1000")).into_bytes())] {
        let mut host = Host::new();
        host.feed(&post("/d.D/Many", form, "", &body));
        let first = host.say_some();
        assert!((1_000..=256 * 1024).contains(&first.len()), "{}", first.len());
        assert!(host.server.queued() <= 64 * 1024 + 2_000);
        let mut said = first;
        said.extend_from_slice(&host.say());
        assert_eq!(Response::of(&said).outcome().messages.len(), 10_000);
    }
}

/// A status behind the start of a message would be taken for more of it: such a response breaks off instead.
#[test]
fn a_response_that_ends_inside_a_message_breaks_off() {
    for (form, body) in [(BINARY, frame(b"1 300000")), (TEXT, STANDARD.encode(frame(b"1 300000")).into_bytes())] {
        let mut host = Host::new();
        host.feed(&post("/d.D/Many", form, "", &body));
        // Its handler is content, and the engine has not said all of it yet.
        let mut said = host.say_some();
        let soon = host.now.saturating_add(Duration::from_millis(1));
        host.server.shutdown(host.now, Some(soon));
        host.sleep(Duration::from_millis(2));
        said.extend_from_slice(&host.say());
        let text = String::from_utf8_lossy(&said);
        assert!(text.starts_with("HTTP/1.1 200") && !text.contains("grpc-status"), "{} octets", said.len());
        assert!(!text.ends_with("0\r\n\r\n"), "it does not look complete");
        assert!(host.is_finished());
    }
}

/// Last words that nobody takes are given up after a while.
#[test]
fn last_words_wait_only_so_long() {
    let mut host = Host::new();
    host.feed(&post("/d.D/Say", BINARY, "connection: close\r\n", &frame(&[7; 5_000])));
    let mut never_taken = grpc_sansio::WriteBuf::with_target(1);
    host.session.transmit(host.now, &mut host.server, &mut never_taken);
    host.sleep(std::time::Duration::from_secs(29));
    assert!(!host.is_finished());
    host.sleep(std::time::Duration::from_secs(2));
    assert!(host.is_finished());
}

/// Requests that are piled up behind one that is not answered are held back.
#[test]
fn pipelining_ends() {
    let mut host = Host::new();
    host.lazy = true;
    let request = post("/d.D/Say", BINARY, "", &frame(b"a"));
    let mut sent = 0;
    while host.session.wants_input() {
        host.hear(&request);
        sent += 1;
        assert!(sent < 1_000);
    }
    assert!(sent * request.len() >= 16 * 1024);
    host.lazy = false;
    host.read_all();
    let said = host.say();
    let (mut rest, mut count) = (&said[..], 0);
    while !rest.is_empty() {
        let (response, after) = Response::take(rest);
        assert_eq!(response.outcome().messages, [b"a"]);
        (rest, count) = (after, count + 1);
    }
    assert_eq!(count, sent);
}
