//! Bad input over HTTP/1.1 (T-73 and its neighbours): a clear answer, and never a call that somebody else would not see.

use crate::harness::{BINARY, Host, Response, TEXT, frame, post};
use grpc_sansio::ServerConfig;
use grpc_sansio::web::{Config, Error};
use std::time::Duration;

/// The answer to what cannot be read, after which nothing more is.
fn refused(host: &mut Host, octets: &[u8]) -> Response {
    let said = host.hear(octets);
    let response = Response::of(&said);
    assert_eq!(response.get("connection"), Some("close"), "{response:?}");
    assert!(host.is_finished());
    assert_eq!(response.text(), host.session.error().unwrap().to_string());
    assert_eq!(response.status, host.session.error().unwrap().http_status());
    // Whatever comes behind it is no request.
    assert!(host.hear(post("/d.D/Say", BINARY, "", &frame(b"smuggled"))).is_empty());
    assert!(!host.seen.iter().any(|seen| seen.contains("smuggled") || seen.contains("message of 8")));
    response
}

/// RFC 9112 §2.2, §5.1, §5.2, §6.1, §6.3, §3.2: whatever two readers could read in two ways.
#[test]
fn t_73_heads_that_smuggle() {
    let web = "content-type: application/grpc-web\r\n";
    for (head, status) in [
        (format!("POST /a HTTP/1.1\r\nhost: d\r\n{web}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n"), 400),
        (format!("POST /a HTTP/1.1\r\nhost: d\r\n{web}transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n"), 400),
        (format!("POST /a HTTP/1.1\r\nhost: d\r\n{web}content-length: 5\r\ncontent-length: 6\r\n\r\n"), 400),
        (format!("POST /a HTTP/1.1\r\nhost: d\r\n{web}content-length: 5\r\ncontent-length: 5\r\n\r\n"), 400),
        (format!("POST /a HTTP/1.1\r\nhost: d\r\n{web}content-length: 5, 5\r\n\r\n"), 400),
        (format!("POST /a HTTP/1.1\r\nhost: d\r\n{web}content-length: +5\r\n\r\n"), 400),
        (format!("POST /a HTTP/1.1\r\nhost: d\r\n{web}content-length: 0x5\r\n\r\n"), 400),
        (format!("POST /a HTTP/1.1\r\nhost: d\r\n{web}content-length:\r\n\r\n"), 400),
        (format!("POST /a HTTP/1.1\r\nhost: d\r\n{web}content-length: 99999999999999999999\r\n\r\n"), 400),
        (format!("POST /a HTTP/1.1\r\nhost: d\r\n{web}transfer-encoding: gzip, chunked\r\n\r\n"), 501),
        (format!("POST /a HTTP/1.1\r\nhost: d\r\n{web}transfer-encoding: chunked, chunked\r\n\r\n"), 501),
        (format!("POST /a HTTP/1.1\r\nhost: d\r\n{web}transfer-encoding: xchunked\r\n\r\n"), 501),
        (format!("POST /a HTTP/1.1\r\nhost: d\r\n{web}transfer-encoding: identity\r\n\r\n"), 501),
        (
            format!(
                "POST /a HTTP/1.1\r\nhost: d\r\n{web}transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n"
            ),
            400,
        ),
        (format!("POST /a HTTP/1.0\r\nhost: d\r\n{web}transfer-encoding: chunked\r\n\r\n"), 400),
        (format!("POST /a HTTP/1.1\r\nhost: d\r\n{web}transfer-encoding : chunked\r\n\r\n"), 400),
        // folded
        (format!("POST /a HTTP/1.1\r\nhost: d\r\n{web}x-a: 1\r\n  2\r\n\r\n"), 400),
        (format!("POST /a HTTP/1.1\r\n host: d\r\n{web}\r\n"), 400),
        // bare LF, bare CR, NUL
        (format!("POST /a HTTP/1.1\nhost: d\n{web}\n"), 400),
        (format!("POST /a HTTP/1.1\r\nhost: d\r\n{web}x-a: 1\ncontent-length: 5\r\n\r\n"), 400),
        (format!("POST /a HTTP/1.1\r\nhost: d\r\n{web}x-a: 1\rcontent-length: 5\r\n\r\n"), 400),
        (format!("POST /a HTTP/1.1\r\nhost: d\r\n{web}x-a: 1\0\r\n\r\n"), 400),
        (format!("POST /a HTTP/1.1\r\nhost: d\r\n{web}x a: 1\r\n\r\n"), 400),
        (format!("POST /a HTTP/1.1\r\nhost: d\r\n{web}: 1\r\n\r\n"), 400),
        (format!("POST /a HTTP/1.1\r\nhost: d\r\n{web}nothing\r\n\r\n"), 400),
        // who is asked
        (format!("POST /a HTTP/1.1\r\n{web}\r\n"), 400),
        (format!("POST /a HTTP/1.1\r\nhost: d\r\nhost: e\r\n{web}\r\n"), 400),
        (format!("POST http:///a HTTP/1.1\r\nhost: d\r\n{web}\r\n"), 400),
        (format!("CONNECT d:1 HTTP/1.1\r\nhost: d\r\n{web}\r\n"), 400),
        (format!("POST /\u{e4} HTTP/1.1\r\nhost: d\r\n{web}\r\n"), 400),
        // request lines
        (format!("POST  /a HTTP/1.1\r\nhost: d\r\n{web}\r\n"), 400),
        (format!("POST /a b HTTP/1.1\r\nhost: d\r\n{web}\r\n"), 505),
        (format!("POST /a HTTP/2.0\r\nhost: d\r\n{web}\r\n"), 505),
        (format!("POST /a\r\nhost: d\r\n{web}\r\n"), 505),
        ("GET\r\n\r\n".into(), 400),
    ] {
        let mut host = Host::new();
        let response = refused(&mut host, head.as_bytes());
        assert!((response.status == status) || status == 505 && response.status == 400, "{head}\n{response:?}");
        assert!(host.seen.is_empty(), "{head}");
    }
}

/// A single LF is refused as soon as it comes, and not when the head is complete, which it might never be.
#[test]
fn t_73_a_bare_lf_is_not_waited_on() {
    let mut host = Host::new();
    assert_eq!(refused(&mut host, b"GET / HTTP/1.1\n").text(), "HTTP/1.1: a line ends with LF alone");
}

/// RFC 9112 §7.1: framing of chunks that others may read differently.
#[test]
fn t_73_chunks_that_smuggle() {
    let head = "POST /d.D/Echo HTTP/1.1\r\nhost: d\r\ncontent-type: application/grpc-web\r\n\
                transfer-encoding: chunked\r\n\r\n";
    for body in [
        &b"\r\n"[..],
        b"x\r\n",
        b"-1\r\n",
        b"0x5\r\n",
        b" 5\r\n",
        b"5 5\r\n",
        b"5\n12345\r\n0\r\n\r\n",
        b"5;a\nb\r\n12345\r\n",
        b"5;a\rb\r\n12345\r\n",
        b"5\r\r\n12345\r\n",
        b"ffffffffffffffffff\r\n",
        b"5\r\n\0\0\0\0\0X\r\n",
        b"5\r\n\0\0\0\0\0\r0\r\n\r\n",
        b"5\r\n\0\0\0\0\0\n0\r\n\r\n",
        b"0\r\nx: y\n\r\n",
    ] {
        let mut host = Host::new();
        let said = host.hear([head.as_bytes(), body].concat());
        assert!(host.is_finished(), "{}", body.escape_ascii());
        assert!(matches!(host.session.error(), Some(Error::Malformed(_))), "{}", body.escape_ascii());
        // Where a message was answered already the response is cut off, and not ended.
        let said = String::from_utf8_lossy(&said);
        assert!(said.starts_with("HTTP/1.1 400") || !said.ends_with("0\r\n\r\n"), "{said}");
        // A call that had reached the application has stopped.
        assert!(host.seen.is_empty() || host.seen.iter().any(|seen| seen.starts_with("stopped")), "{:?}", host.seen);
    }
}

#[test]
fn limits_on_the_head_hold_on_both_sides() {
    let head = |length: usize| {
        let start = "GET / HTTP/1.1\r\nhost: d\r\nx-a: ";
        format!("{start}{}\r\n\r\n", "a".repeat(length - start.len() - 4))
    };
    let limited = || Host::with(Config::default().max_head(1_000), ServerConfig::default());
    assert_eq!(Response::of(&limited().hear(head(1_000))).status, 404);
    assert_eq!(refused(&mut limited(), head(1_001).as_bytes()).status, 431);
    // Not even the end of the head has to come, nor one octet more than fit.
    assert_eq!(refused(&mut limited(), &head(1_001).as_bytes()[..1_000]).status, 431);
    assert_eq!(refused(&mut limited(), "GET / HTTP/1.1\r\nx: ".repeat(100).as_bytes()).status, 431);

    let fields = |count: usize| format!("GET / HTTP/1.1\r\nhost: d\r\n{}\r\n", "x: y\r\n".repeat(count - 1));
    let limited = || Host::with(Config::default().max_fields(10), ServerConfig::default());
    assert_eq!(Response::of(&limited().hear(fields(10))).status, 404);
    assert_eq!(refused(&mut limited(), fields(11).as_bytes()).status, 431);
}

#[test]
fn limits_on_the_body_hold_on_both_sides() {
    let limited = || Host::with(Config::default().max_body(105), ServerConfig::default());
    assert_eq!(Response::of(&limited().hear(post("/d.D/Say", BINARY, "", &frame(&[1; 100])))).status, 200);
    let refusal = refused(&mut limited(), &post("/d.D/Say", BINARY, "", &frame(&[1; 101])));
    assert_eq!((refusal.status, refusal.text()), (413, "max_body: the request's body is longer than 105 octets"));

    let chunked = |size: usize| {
        let head = "POST /d.D/Say HTTP/1.1\r\nhost: d\r\ncontent-type: application/grpc-web\r\n\
                    transfer-encoding: chunked\r\n\r\n";
        let body = frame(&vec![1; size - 5]);
        let mut octets = head.as_bytes().to_vec();
        for piece in body.chunks(50) {
            octets.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
            octets.extend_from_slice(piece);
            octets.extend_from_slice(b"\r\n");
        }
        octets.extend_from_slice(b"0\r\n\r\n");
        octets
    };
    assert_eq!(Response::of(&limited().hear(chunked(105))).status, 200);
    assert_eq!(refused(&mut limited(), &chunked(106)).status, 413);

    // Extensions and trailers are bounded too.
    let head = "POST /d.D/Say HTTP/1.1\r\nhost: d\r\ncontent-type: application/grpc-web\r\n\
                transfer-encoding: chunked\r\n\r\n";
    let extension = |length: usize| format!("{head}5;{}\r\n\0\0\0\0\0\r\n0\r\n\r\n", "x".repeat(length - 4));
    assert_eq!(Response::of(&Host::new().hear(extension(256))).status, 200);
    assert_eq!(refused(&mut Host::new(), extension(257).as_bytes()).status, 400);
    let trailers = |count: usize| format!("{head}5\r\n\0\0\0\0\0\r\n0\r\n{}\r\n", "x: 345678\r\n".repeat(count));
    assert_eq!(Response::of(&Host::new().hear(trailers(372))).status, 200);
    assert_eq!(refused(&mut Host::new(), trailers(373).as_bytes()).status, 400);
}

/// Heads and bodies that trickle, and connections that say nothing (slow loris).
#[test]
fn slow_peers_run_out_of_time() {
    let second = Duration::from_secs(1);
    let mut host = Host::new();
    host.feed(b"P");
    for octet in b"OST / HT" {
        host.sleep(second);
        assert!(host.hear([*octet]).is_empty() && !host.is_finished());
    }
    host.sleep(3 * second);
    let response = Response::of(&host.say());
    assert_eq!((response.status, response.text()), (408, "head_timeout: the request's head took longer than 10s"));
    assert!(host.is_finished() && host.session.error().unwrap().may_retry());

    // The second request has a time of its own, from its first octet on.
    let mut host = Host::new();
    host.hear(post("/d.D/Say", BINARY, "", &frame(b"a")));
    host.sleep(50 * second);
    assert!(host.hear(b"PO").is_empty());
    host.sleep(9 * second);
    assert!(!host.is_finished());
    host.sleep(2 * second);
    assert_eq!(Response::of(&host.say()).status, 408);

    // A body may take long, but not pause for long.
    let mut host = Host::new();
    host.feed(&post("/d.D/Say", BINARY, "", &frame(&[1; 10]))[..80]);
    let whole = post("/d.D/Say", BINARY, "", &frame(&[1; 10]));
    let (head, body) = whole.split_at(whole.len() - 15);
    let mut host = Host::new();
    host.feed(head);
    for octet in &body[..5] {
        host.sleep(29 * second);
        host.feed(&[*octet]);
    }
    host.sleep(29 * second);
    assert!(host.say().is_empty() && !host.is_finished());
    host.sleep(2 * second);
    assert_eq!(Response::of(&host.say()).status, 408);
    assert_eq!(host.session.error(), Some(Error::BodyTimeout(30 * second)));
    assert!(host.seen.iter().any(|seen| seen.starts_with("stopped")), "{:?}", host.seen);

    // Between requests the connection is kept for a while, and then closed without a word.
    let mut host = Host::new();
    host.hear(post("/d.D/Say", BINARY, "", &frame(b"a")));
    host.sleep(59 * second);
    assert!(!host.is_finished());
    host.sleep(2 * second);
    assert!(host.say().is_empty() && host.is_finished() && host.session.error().is_none());
}

/// G-321: base64 that breaks, at any place, is the call's end and not the connection's fault.
#[test]
fn t_73_broken_base64() {
    for body in ["AAAAAAV!aGVs", "AAAA=AAB", "AAAAAAU=aGVsbG8", "=AAA", "AAAAAAVoZWxsbx==", "AA==AAAA A=="] {
        for cut in 0..body.len() {
            let mut host = Host::new();
            let whole = post("/d.D/Say", TEXT, "", body.as_bytes());
            let (first, second) = whole.split_at(whole.len() - body.len() + cut);
            let said = [host.hear(first), host.hear(second)].concat();
            let response = Response::of(&said);
            assert_eq!((response.status, response.get("grpc-status")), (200, Some("13")), "{body} cut at {cut}");
            assert!(!host.seen.iter().any(|seen| seen.starts_with("message")), "{:?}", host.seen);
        }
    }
}

/// Frames that are cut short, or that say more than they hold, and trailers of a request, which has none (T-70, T-73).
#[test]
fn t_73_broken_frames() {
    let cut = frame(b"hello");
    let mut bad_flag = frame(b"hello");
    bad_flag[0] = 0x80;
    let lie = [&[0, 0xff, 0xff, 0xff, 0xff][..], b"hello"].concat();
    for (body, code) in [(&cut[..8], "13"), (&cut[..3], "13"), (&bad_flag[..], "13"), (&lie[..], "8"), (&[], "12")] {
        let mut host = Host::new();
        let response = Response::of(&host.hear(post("/d.D/Say", BINARY, "", body)));
        assert_eq!(response.get("grpc-status"), Some(code), "{body:?}: {response:?}");
    }
}

/// A peer that is gone in the middle of a request.
#[test]
fn a_request_that_is_cut_off() {
    let whole = post("/d.D/Say", BINARY, "", &frame(b"hello"));
    for cut in 1..whole.len() {
        let mut host = Host::new();
        host.feed(&whole[..cut]);
        host.eof();
        host.say();
        assert!(host.is_finished());
        // What might still become HTTP/2 is no request yet.
        assert_eq!(host.session.error().is_some(), cut > 1, "cut at {cut}");
        assert!(!host.seen.iter().any(|seen| seen.starts_with("message")));
    }
}
