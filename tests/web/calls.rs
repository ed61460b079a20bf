//! Calls over HTTP/1.1, in both forms.

use crate::harness::{BINARY, Host, Response, TEXT, frame, post};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use grpc_sansio::ServerConfig;
use grpc_sansio::web::{Config, Protocol};
use std::time::Duration;

fn text(octets: &[u8]) -> Vec<u8> {
    STANDARD.encode(octets).into_bytes()
}

/// G-313 to G-316, G-318, G-325: a body by length, and an answer whose last frame has the trailers.
#[test]
fn g318_unary_binary() {
    let mut host = Host::new();
    let more = "x-in: 1\r\nx-user-agent: grpc-web-javascript/0.1\r\nx-grpc-web: 1\r\ngrpc-timeout: 2S\r\n";
    let response = Response::of(&host.hear(post("/demo.Demo/Say", BINARY, more, &frame(b"hello"))));
    assert_eq!(response.status, 200);
    assert_eq!(response.get("content-type"), Some(BINARY));
    assert_eq!(response.get("x-out"), Some("1"));
    assert_eq!(response.get("grpc-status"), None);
    let outcome = response.outcome();
    assert_eq!(outcome.messages, [b"hello"]);
    assert_eq!((outcome.trailer("grpc-status"), outcome.trailer("x-trailer")), (Some("0"), Some("t")));
    assert_eq!(host.seen, ["/demo.Demo/Say application/grpc+proto x-in=1 timeout=2s", "message of 5"]);
    assert_eq!(host.session.protocol(), Protocol::Http1);
}

/// G-321, G-322: a request of several padded pieces, and an answer with each frame padded for itself.
#[test]
fn g322_unary_text() {
    let mut host = Host::new();
    let body = [text(&frame(b"hello")[..4]), text(&frame(b"hello")[4..])].concat();
    let response = Response::of(&host.hear(post("/demo.Demo/Say", TEXT, "", &body)));
    assert_eq!(response.get("content-type"), Some(TEXT));
    let outcome = response.outcome();
    assert_eq!((&outcome.messages[0][..], outcome.trailer("grpc-status")), (&b"hello"[..], Some("0")));
    let first = text(&frame(b"hello"));
    assert!(response.body.starts_with(&first) && first.ends_with(b"="));
}

/// G-323: base64 within base64.
#[test]
fn g323_binary_trailers() {
    for (form, body) in [(BINARY, frame(b"a")), (TEXT, text(&frame(b"a")))] {
        let response = Response::of(&Host::new().hear(post("/d.D/Say", form, "", &body)));
        assert_eq!(response.outcome().trailer("x-trailer-bin"), Some("AP8"));
    }
}

/// G-322: `accept` decides about the answer, not the request's own form.
#[test]
fn g322_accept() {
    for (sent, body, accept, got) in [
        (BINARY, frame(b"a"), "application/grpc-web-text+proto", "application/grpc-web-text+proto"),
        (TEXT, text(&frame(b"a")), "application/grpc-web", "application/grpc-web"),
        (TEXT, text(&frame(b"a")), "*/*", TEXT),
    ] {
        let mut host = Host::new();
        let response = Response::of(&host.hear(post("/d.D/Say", sent, &format!("accept: {accept}\r\n"), &body)));
        assert_eq!(response.get("content-type"), Some(got));
        assert_eq!(response.outcome().messages, [b"a"]);
    }
}

/// G-319: a status without a message is in the head.
#[test]
fn g319_trailers_only() {
    for (form, body) in [(BINARY, frame(b"")), (TEXT, text(&frame(b"")))] {
        let mut host = Host::new();
        let response = Response::of(&host.hear(post("/d.D/Refuse", form, "", &body)));
        assert_eq!((response.status, response.get("content-type")), (200, Some(form)));
        assert_eq!((response.get("grpc-status"), response.get("grpc-message")), (Some("5"), Some("no %E2%9C%93")));
        assert_eq!((response.get("content-length"), response.body.len()), (Some("0"), 0));
    }
}

#[test]
fn server_streaming_in_both_forms() {
    for (form, body) in [(BINARY, frame(b"1000 50")), (TEXT, text(&frame(b"1000 50")))] {
        let mut host = Host::new();
        let response = Response::of(&host.hear(post("/d.D/Many", form, "", &body)));
        let outcome = response.outcome();
        assert_eq!(outcome.messages.len(), 1000);
        assert!(outcome.messages.iter().all(|message| message == &[b'm'; 50]));
        assert_eq!(outcome.trailer("grpc-status"), Some("0"));
    }
}

/// G-327: no browser does it, but the codec takes it: each message is answered while the request goes on.
#[test]
fn g327_both_sides_stream() {
    let mut host = Host::new();
    let head = "POST /d.D/Echo HTTP/1.1\r\nhost: d\r\ncontent-type: application/grpc-web\r\n\
                transfer-encoding: chunked\r\n\r\n";
    assert!(host.hear(head).is_empty());
    let first = host.hear(b"6\r\n\0\0\0\0\x01a\r\n");
    assert!(first.ends_with(b"6\r\n\0\0\0\0\x01a\r\n"), "{:?}", String::from_utf8_lossy(&first));
    let second = host.hear(b"6\r\n\0\0\0\0\x01b\r\n");
    assert_eq!(second, b"6\r\n\0\0\0\0\x01b\r\n");
    let rest = host.hear(b"0\r\n\r\n");
    let response = Response::of(&[first, second, rest].concat());
    assert_eq!(response.outcome().messages, [b"a", b"b"]);
    // Its head left before the request had ended, which has done so by now.
    assert_eq!(response.get("connection"), None);
    assert_eq!(Response::of(&host.hear(post("/d.D/Say", BINARY, "", &frame(b"c")))).outcome().messages, [b"c"]);
}

/// RFC 9112 §7.1: sizes in either case, extensions and trailers, which say nothing here.
#[test]
fn chunked_requests() {
    let mut host = Host::new();
    let message = frame(&[b'x'; 26]);
    let mut octets = b"POST /d.D/Say HTTP/1.1\r\nHost: d\r\nContent-Type: application/grpc-web\r\n\
                       Transfer-Encoding: Chunked\r\n\r\n1F;why=not\r\n"
        .to_vec();
    octets.extend_from_slice(&message);
    octets.extend_from_slice(b"\r\n0\r\nx-late: 1\r\n\r\n");
    let response = Response::of(&host.hear(octets));
    assert_eq!(response.outcome().messages, [[b'x'; 26]]);
    assert_eq!(response.get("connection"), None);
}

/// RFC 9112 §9.3: one request after the other, and several at once are answered in their order.
#[test]
fn keep_alive_and_pipelining() {
    let mut host = Host::new();
    for _ in 0..3 {
        assert_eq!(Response::of(&host.hear(post("/d.D/Say", BINARY, "", &frame(b"1")))).outcome().messages, [b"1"]);
    }
    let mut octets = Vec::new();
    for message in [b"a", b"b", b"c"] {
        octets.extend_from_slice(b"\r\n"); // RFC 9112 §2.2
        octets.extend_from_slice(&post("/d.D/Say", BINARY, "", &frame(message)));
    }
    octets.extend_from_slice(&post("/d.D/Say", BINARY, "connection: close\r\n", &frame(b"d")));
    octets.extend_from_slice(&post("/d.D/Say", BINARY, "", &frame(b"never")));
    let said = host.hear(octets);
    let mut rest = &said[..];
    for message in [b"a", b"b", b"c", b"d"] {
        let (response, after) = Response::take(rest);
        assert_eq!(response.outcome().messages, [message]);
        assert_eq!(response.get("connection").is_some(), message == b"d");
        rest = after;
    }
    assert!(rest.is_empty() && host.is_finished());
    assert_eq!(host.session.error(), None);
}

/// How the input is cut does not show.
#[test]
fn cuts_do_not_show() {
    let octets = [
        post("/d.D/Say", BINARY, "x-in: 1\r\n", &frame(&[7; 100])),
        post("/d.D/Many", TEXT, "", &text(&frame(b"3 10"))),
        b"POST /d.D/Say HTTP/1.1\r\nhost: d\r\ncontent-type: application/grpc-web\r\n\
          transfer-encoding: chunked\r\n\r\n3\r\n\0\0\0\r\n2;x\r\n\0\0\r\n0\r\na: b\r\n\r\n"
            .to_vec(),
    ]
    .concat();
    let whole = Host::new().hear(&octets);
    let outcomes = |said: &[u8]| {
        let (first, rest) = Response::take(said);
        let (second, rest) = Response::take(rest);
        [first, second, Response::of(rest)].map(|response| response.outcome())
    };
    for size in [1, 2, 3, 7, 50] {
        let mut host = Host::new();
        let said: Vec<u8> = octets.chunks(size).flat_map(|piece| host.hear(piece)).collect();
        assert_eq!(outcomes(&said), outcomes(&whole), "pieces of {size}");
    }
}

/// RFC 9110 §10.1.1.
#[test]
fn expect_continue() {
    let mut host = Host::new();
    let whole = post("/d.D/Say", BINARY, "expect: 100-continue\r\n", &frame(b"a"));
    let (head, body) = whole.split_at(whole.len() - 6);
    assert_eq!(host.hear(head), b"HTTP/1.1 100 Continue\r\n\r\n");
    assert_eq!(Response::of(&host.hear(body)).outcome().messages, [b"a"]);
    // With the body already here there is nothing to wait for.
    assert_eq!(Response::of(&host.hear(&whole)).outcome().messages, [b"a"]);
    let refused = Response::of(&host.hear(post("/d.D/Say", BINARY, "expect: better\r\n", b"")));
    assert_eq!((refused.status, refused.get("connection")), (417, Some("close")));
}

/// HTTP/1.0 knows no chunks: the end of the connection is the end of the body.
#[test]
fn http_1_0() {
    let mut host = Host::new();
    let head = "POST /d.D/Say HTTP/1.0\r\ncontent-type: application/grpc-web\r\ncontent-length: 6\r\n\r\n";
    let response = Response::of(&host.hear([head.as_bytes(), &frame(b"a")].concat()));
    assert_eq!(response.get("transfer-encoding"), None);
    assert_eq!(response.outcome().messages, [b"a"]);
    assert!(host.is_finished());
}

/// A message flag is honoured where `grpc-encoding` names a coding, and refused otherwise; a whole body in a coding is
/// refused by HTTP (G-324).
#[test]
fn g324_compression() {
    let mut host = Host::new();
    let mut compressed = frame(b"zzz");
    compressed[0] = 1;
    let response = Response::of(&host.hear(post("/d.D/Say", BINARY, "", &compressed)));
    assert_eq!(response.get("grpc-status"), Some("13"), "{response:?}");
    let response = Response::of(&host.hear(post("/d.D/Say", BINARY, "grpc-encoding: br\r\n", &compressed)));
    assert_eq!(response.get("grpc-status"), Some("12"), "{response:?}");
    let response = Response::of(&host.hear(post("/d.D/Say", BINARY, "content-encoding: gzip\r\n", &compressed)));
    assert_eq!((response.status, response.get("accept-encoding")), (415, Some("identity")));
    assert!(response.text().starts_with("content-encoding"));

    let codings = grpc_sansio::grpc::Codings::new(["gzip"]).unwrap();
    let config = ServerConfig::builder().codings(codings).build().unwrap();
    let mut host = Host::with(Config::default(), config);
    let more = "grpc-encoding: gzip\r\ngrpc-accept-encoding: gzip\r\n";
    let response = Response::of(&host.hear(post("/d.D/Say", BINARY, more, &compressed)));
    // The application, which has no codec here, sees the octets as they are.
    assert_eq!(response.outcome().messages, [b"zzz"]);
    assert_eq!(response.get("grpc-accept-encoding"), Some("identity,gzip"));
}

/// What is no gRPC-Web gets a word.
#[test]
fn other_requests() {
    for (request, status, says) in [
        ("GET / HTTP/1.1\r\nhost: d\r\n\r\n", 404, "no page"),
        ("PUT /x HTTP/1.1\r\nhost: d\r\n\r\n", 405, "POST"),
        ("POST /x HTTP/1.1\r\nhost: d\r\ncontent-type: application/grpc\r\n\r\n", 415, "HTTP/2"),
        ("POST /x HTTP/1.1\r\nhost: d\r\ncontent-type: text/plain\r\n\r\n", 415, "application/grpc-web"),
        ("GET /x HTTP/1.1\r\nhost: d\r\ncontent-type: application/grpc-web\r\n\r\n", 405, "POST"),
    ] {
        let mut host = Host::new();
        let response = Response::of(&host.hear(request));
        assert_eq!(response.status, status, "{request}");
        assert!(response.text().contains(says), "{}", response.text());
        // The connection is of use yet.
        assert_eq!(Response::of(&host.hear(post("/d.D/Say", BINARY, "", &frame(b"a")))).status, 200);
    }
}

#[test]
fn pages() {
    let config = Config::default().page("/", "text/html", &b"<p>hello"[..]);
    let mut host = Host::with(config, ServerConfig::default());
    let page = Response::of(&host.hear("GET /?a=b HTTP/1.1\r\nhost: d\r\n\r\n"));
    assert_eq!((page.status, page.get("content-type"), page.text()), (200, Some("text/html"), "<p>hello"));
    let head = host.hear("HEAD / HTTP/1.1\r\nhost: d\r\n\r\n");
    let head = String::from_utf8(head).unwrap();
    assert!(head.contains("content-length: 8\r\n") && head.ends_with("\r\n\r\n"));
    assert_eq!(Response::of(&host.hear("GET /x HTTP/1.1\r\nhost: d\r\n\r\n")).status, 404);
}

/// Fields of one hop do not reach the application, nor do those that `connection` names.
#[test]
fn fields_of_the_hop_stay_here() {
    let mut host = Host::new();
    let more = "connection: x-in, keep-alive\r\nkeep-alive: 5\r\nte: gzip\r\nupgrade: h2c\r\nx-in: 1\r\n\
                authorization: Bearer t\r\n";
    let response = Response::of(&host.hear(post("/d.D/Say", BINARY, more, &frame(b"a"))));
    assert_eq!(response.status, 200);
    assert_eq!(host.seen[0], "/d.D/Say application/grpc+proto authorization=Bearer t");
}

/// A handler that resets its call, and a server that goes away, are told as a status (G-320 spares the client guessing).
#[test]
fn ends_that_are_no_status_become_one() {
    let mut host = Host::new();
    let response = Response::of(&host.hear(post("/d.D/Reset", BINARY, "", &frame(b"a"))));
    assert_eq!(response.get("grpc-status"), Some("13"));
    // The same where the head has left.
    let (head, rest) = (post("/d.D/Reset", BINARY, "x-in: 1\r\n", &frame(b"a")), 3);
    let said = [host.hear(&head[..head.len() - rest]), host.hear(&head[head.len() - rest..])].concat();
    assert_eq!(Response::of(&said).outcome().trailer("grpc-status"), Some("13"));
    let mut host = Host::new();

    host.lazy = true;
    assert!(host.hear(post("/d.D/Say", BINARY, "", &frame(b"a"))).is_empty());
    let now = host.now;
    host.server.shutdown(now, Some(now.saturating_add(Duration::from_secs(1))));
    assert!(host.say().is_empty());
    host.sleep(Duration::from_secs(2));
    let response = Response::of(&host.say());
    assert_eq!((response.get("grpc-status"), response.get("connection")), (Some("14"), Some("close")));
    assert!(host.is_finished());
}

/// A shutdown lets the call in progress end, and says that no other follows.
#[test]
fn graceful_shutdown() {
    let mut host = Host::new();
    host.lazy = true;
    assert!(host.hear(post("/d.D/Say", BINARY, "", &frame(b"a"))).is_empty());
    host.server.shutdown(host.now, None);
    assert!(host.say().is_empty() && !host.is_finished());
    host.lazy = false;
    host.read_all();
    let response = Response::of(&host.say());
    assert_eq!((response.outcome().trailer("grpc-status"), response.get("connection")), (Some("0"), Some("close")));
    assert!(host.is_finished());

    let mut idle = Host::new();
    idle.hear(post("/d.D/Say", BINARY, "", &frame(b"a")));
    idle.server.shutdown(idle.now, None);
    assert!(idle.say().is_empty() && idle.is_finished());
}

/// The browser has gone: the handler learns of it.
#[test]
fn a_closed_connection_cancels() {
    let mut host = Host::new();
    host.lazy = true;
    assert!(host.hear(post("/d.D/Say", BINARY, "", &frame(b"a"))).is_empty());
    host.eof();
    assert!(host.seen.iter().any(|seen| seen.starts_with("stopped Some")), "{:?}", host.seen);
    assert!(host.is_finished());
}
