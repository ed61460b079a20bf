//! RFC 9113 §8: HTTP messages.

use super::harness::*;
use grpc_sansio::frame::ErrorCode;

fn is_request(fields: &[(&[u8], &[u8])]) -> bool {
    let mut server = Peer::server();
    let heard = server.hear(&headers(1, &get_with(fields), true));
    let said = server.say();
    match heard.first().map(String::as_str) {
        Some("request 1 END") => said.is_empty(),
        None => (said == ["RST 1 PROTOCOL_ERROR"]).then_some(false).expect("one reset"),
        _ => panic!("{heard:?}"),
    }
}

fn client(octets: &[u8]) -> Vec<String> {
    let mut client = Peer::client();
    client.request();
    client.hear(octets)
}

/// H-125
#[test]
fn h125_request_with_body_and_trailers() {
    let mut server = Peer::server();
    let wire = [headers(1, GET, false), data(1, 3, false), data(1, 4, false), headers(1, FIELD, true)].concat();
    assert_eq!(server.hear(&wire), ["request 1", "data 1 3", "data 1 4", "trailers 1 END"]);
}

/// H-126, H-128, T-09, L-44: eight informational responses, none of them shown, and no more.
#[test]
fn h126_response_after_informational_ones() {
    let informational = headers(1, &literal(b":status", b"103"), false);
    let wire = [informational.repeat(8), headers(1, OK, false), data(1, 3, false), headers(1, FIELD, true)].concat();
    assert_eq!(client(&wire), ["response 1 200", "data 1 3", "trailers 1 END"]);
    assert_eq!(client(&informational.repeat(9)), ["reset 1 PROTOCOL_ERROR Local"]);
    let ends = headers(1, &literal(b":status", b"100"), true);
    assert_eq!(client(&ends), ["reset 1 PROTOCOL_ERROR Local"]);
}

/// H-127, H-148, T-08
#[test]
fn h127_second_headers_without_end() {
    let mut server = Peer::server();
    server.hear(&headers(1, GET, false));
    assert_eq!(server.hear(&headers(1, FIELD, false)), ["reset 1 PROTOCOL_ERROR Local"]);
    assert_eq!(server.say(), ["RST 1 PROTOCOL_ERROR"]);
    let twice = [headers(1, OK, false), headers(1, OK, false)].concat();
    assert_eq!(client(&twice), ["response 1 200", "reset 1 PROTOCOL_ERROR Local"]);
}

/// G-053
#[test]
fn data_before_the_response() {
    assert_eq!(client(&data(1, 1, false)), ["reset 1 PROTOCOL_ERROR Local"]);
}

/// H-129: each kind of malformed message is a stream error on both sides; nothing of it is shown, the connection and the
/// table of header compression go on, and a server is told by the code alone.
#[test]
fn h129_malformed_messages_are_stream_errors() {
    // Each inserts a field into the table before it goes wrong.
    let insert = |last: u8| [0x40, 1, b'x', 1, last];
    let wrong: [&[u8]; 4] = [&literal(b"Upper", b"v"), &literal(b"te", b"gzip"), &literal(b":new", b"v"), &[0x88]];
    let (mut server, mut id) = (Peer::server(), 1);
    for block in wrong {
        assert!(server.hear(&headers(id, &[GET, &insert(b'1'), block].concat(), true)).is_empty());
        assert_eq!(server.say(), [format!("RST {id} PROTOCOL_ERROR")]);
        id += 2;
    }
    assert_eq!(server.hear(&headers(id, &[GET, &[0xbe, 0xc1]].concat(), true)), [format!("request {id} END")]);
    assert_eq!(server.http2.fields().fields().filter(|field| field.name == b"x").count(), 2);

    let mut client = Peer::client();
    for block in wrong.iter().map(|block| [OK, &insert(b'1'), block].concat()) {
        let key = client.request();
        let id = client.http2.stream_id(key).unwrap().get();
        assert_eq!(client.hear(&headers(id, &block, false)), [format!("reset {id} PROTOCOL_ERROR Local")]);
        assert_eq!(client.say(), [format!("RST {id} PROTOCOL_ERROR")]);
    }
    client.request();
    assert_eq!(client.hear(&headers(9, &[OK, &[0xbe, 0xc1]].concat(), true)), ["response 9 200 END"]);
}

/// H-138: crumbs come through as they are, in order, between other fields.
#[test]
fn h138_cookies_in_several_fields() {
    let mut server = Peer::server();
    let crumbs = get_with(&[(b"cookie", b"a=b"), (b"x", b"y"), (b"cookie", b"c=d"), (b"cookie", b"")]);
    assert_eq!(server.hear(&headers(1, &crumbs, true)), ["request 1 END"]);
    let fields = server.http2.fields().fields();
    let cookies: Vec<_> = fields.filter(|field| field.name == b"cookie").map(|field| field.value.to_vec()).collect();
    assert_eq!(cookies, [&b"a=b"[..], b"c=d", b""]);
}

/// H-145, H-101: REFUSED_STREAM only for what was never shown, and a GOAWAY's id covers all that was.
#[test]
fn h145_nothing_that_was_shown_is_called_unprocessed() {
    use grpc_sansio::http2::{Config, Side};
    let config = Config { max_concurrent_streams: 1, ..Config::new(Side::Server) };
    let mut server = Peer::started(Side::Server, config, &[]);
    assert_eq!(server.hear(&headers(1, GET, false)), ["request 1"]);
    // Refused without having been shown, and below the id of the GOAWAY all the same: it was answered.
    assert!(server.hear(&headers(3, GET, false)).is_empty());
    let key = server.key(1);
    server.http2.release(key);
    assert_eq!(server.say(), ["RST 3 REFUSED_STREAM", "RST 1 CANCEL"]);
    assert_eq!(server.hear(&headers(5, GET, true)), ["request 5 END"]);
    server.http2.abort(ErrorCode::INTERNAL_ERROR, "bug");
    assert_eq!(server.say(), ["GOAWAY 5 INTERNAL_ERROR"]);
    let mut idle = Peer::server();
    idle.http2.abort(ErrorCode::INTERNAL_ERROR, "bug");
    assert_eq!(idle.say(), ["GOAWAY 0 INTERNAL_ERROR"]);
}

/// H-147: in trailers `content-length` says nothing about the DATA before, `host` nothing about the target; what frames a
/// connection is malformed there as anywhere.
#[test]
fn h147_trailers_are_not_merged_into_headers() {
    let body = [headers(1, OK, false), data(1, 3, false)].concat();
    let trailers = |name: &[u8], value: &[u8]| [&body[..], &headers(1, &literal(name, value), true)].concat();
    for (name, value) in [(&b"content-length"[..], &b"99"[..]), (b"host", b"elsewhere"), (b"content-type", b"x")] {
        assert_eq!(client(&trailers(name, value)), ["response 1 200", "data 1 3", "trailers 1 END"]);
    }
    for name in [&b"transfer-encoding"[..], b"connection", b"te"] {
        assert_eq!(client(&trailers(name, b"trailers")).last().unwrap(), "reset 1 PROTOCOL_ERROR Local");
    }
    // The length that counts is that of the headers.
    let with_length =
        [headers(1, &[OK, &literal(b"content-length", b"3")].concat(), false), data(1, 2, false)].concat();
    let short = [with_length, headers(1, &literal(b"content-length", b"2"), true)].concat();
    assert_eq!(client(&short).last().unwrap(), "reset 1 PROTOCOL_ERROR Local");
}

/// H-130: at each kind of end, and as soon as there is more (L-48).
#[test]
fn h130_content_length() {
    let length = |value: &[u8]| get_with(&[(b"content-length", value)]);
    let mut server = Peer::server();
    let good = [headers(1, &length(b"5"), false), padded_data(1, 3, 9, false), data(1, 2, true)].concat();
    assert_eq!(server.hear(&good), ["request 1", "data 1 3", "data 1 2", "end 1"]);
    for (end, expected) in [(data(3, 1, true), 1), (headers(3, FIELD, true), 0)] {
        let mut server = Peer::server();
        server.hear(&[headers(3, &length(b"5"), false), data(3, 3, false)].concat());
        let heard = server.hear(&end);
        assert_eq!((heard.len(), heard.last().unwrap().as_str()), (expected + 1, "reset 3 PROTOCOL_ERROR Local"));
    }
    let mut server = Peer::server();
    server.hear(&headers(1, &length(b"5"), false));
    assert_eq!(server.hear(&data(1, 6, false)), ["reset 1 PROTOCOL_ERROR Local"]);
    assert_eq!(server.say(), ["RST 1 PROTOCOL_ERROR"]);
    assert!(is_request(&[(b"content-length", b"0"), (b"content-length", b"0")]));
    assert!(!is_request(&[(b"content-length", b"1")]));
    assert!(!is_request(&[(b"content-length", b"0"), (b"content-length", b"00x")]));
    assert!(!is_request(&[(b"content-length", b"0"), (b"content-length", b"1")]));
    // Every time, also where the head is of the octets of the last one: `content-length: 5` is in the table.
    let mut client = Peer::client();
    for n in 0..10 {
        client.request();
        let head: &[u8] = if n == 0 { &[0x88, 0x5c, 1, b'5'] } else { &[0x88, 0xbe] };
        let heard = client.hear(&[headers(2 * n + 1, head, false), data(2 * n + 1, 4, true)].concat());
        assert_eq!(heard.last().unwrap(), &format!("reset {} PROTOCOL_ERROR Local", 2 * n + 1));
        client.say();
    }
    // The largest number, and one more.
    let mut server = Peer::server();
    assert_eq!(server.hear(&headers(1, &length(b"18446744073709551615"), false)), ["request 1"]);
    assert!(server.hear(&headers(3, &length(b"18446744073709551616"), false)).is_empty());
    assert_eq!(server.say(), ["RST 3 PROTOCOL_ERROR"]);
}

/// H-131
#[test]
fn h131_content_length_where_there_is_no_content() {
    let response =
        |status: &[u8], end| headers(1, &[literal(b":status", status), literal(b"content-length", b"5")].concat(), end);
    assert_eq!(client(&response(b"200", true)), ["reset 1 PROTOCOL_ERROR Local"]);
    assert_eq!(client(&response(b"204", true)), ["response 1 204 END"]);
    assert_eq!(client(&response(b"304", true)), ["response 1 304 END"]);
}

/// H-132, L-14: what arrived before the reset stays.
#[test]
fn h132_reset_after_the_whole_response() {
    let wire =
        [headers(1, OK, false), data(1, 3, false), headers(1, FIELD, true), reset(1, ErrorCode::NO_ERROR)].concat();
    assert_eq!(client(&wire), ["response 1 200", "data 1 3", "trailers 1 END", "reset 1 NO_ERROR Peer"]);
}

/// H-133, H-134, H-135
#[test]
fn h133_names_and_values() {
    assert!(is_request(&[(b"x-a_b.c~", b"\x80\xff\t ~")]));
    for name in [&b"X"[..], b"a b", b"a:", b"", b"a\x7f", b"a\x80", b"a(", b":x"] {
        assert!(!is_request(&[(name, b"v")]), "{name:?}");
    }
    for value in [&b" a"[..], b"a ", b"\ta", b"a\t", b"a\nb", b"a\rb", b"a\0b", b"a\x01b", b"a\x7f"] {
        assert!(!is_request(&[(b"x", value)]), "{value:?}");
    }
    assert!(is_request(&[(b"x", b"")]));
}

/// H-136, H-137: in requests, responses and trailers alike, but for `te`, which is for requests.
#[test]
fn h136_connection_specific_fields() {
    for name in ["connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade"] {
        assert!(!is_request(&[(name.as_bytes(), b"x")]), "{name}");
        let field = literal(name.as_bytes(), b"x");
        assert_eq!(client(&headers(1, &[OK, &field].concat(), false)), ["reset 1 PROTOCOL_ERROR Local"]);
        let in_trailers = [headers(1, OK, false), headers(1, &field, true)].concat();
        assert_eq!(client(&in_trailers).last().unwrap(), "reset 1 PROTOCOL_ERROR Local", "{name}");
    }
    assert!(is_request(&[(b"te", b"trailers")]) && is_request(&[(b"te", b"TRAILERS")]));
    assert!(!is_request(&[(b"te", b"gzip")]));
    let te = [OK, &literal(b"te", b"trailers")].concat();
    assert_eq!(client(&headers(1, &te, true)), ["reset 1 PROTOCOL_ERROR Local"]);
}

/// H-139
#[test]
fn h139_pseudo_headers() {
    for (name, value) in [(":path", "/"), (":method", "GET"), (":status", "200"), (":protocol", "x")] {
        assert!(!is_request(&[(name.as_bytes(), value.as_bytes())]), "{name}");
    }
    assert!(!is_request(&[(b"x", b"y"), (b":authority", b"a")]));
    let trailers = headers(1, &literal(b":path", b"/"), true);
    let mut server = Peer::server();
    server.hear(&headers(1, GET, false));
    assert_eq!(server.hear(&trailers), ["reset 1 PROTOCOL_ERROR Local"]);
}

/// H-140, H-144
#[test]
fn h140_what_a_request_needs() {
    let mut server = Peer::server();
    let mut verdict = |id: u32, fields: &[(&str, &str)]| {
        let block: Vec<u8> =
            fields.iter().flat_map(|(name, value)| literal(name.as_bytes(), value.as_bytes())).collect();
        !server.hear(&headers(id, &block, true)).is_empty()
    };
    let (method, scheme, path) = ((":method", "PUT"), (":scheme", "https"), (":path", "a?b"));
    assert!(verdict(1, &[method, scheme, path]));
    assert!(!verdict(3, &[method, scheme]));
    assert!(!verdict(5, &[method, path]));
    assert!(!verdict(7, &[scheme, path]));
    assert!(!verdict(9, &[method, scheme, (":path", "")]));
    assert!(!verdict(11, &[method, scheme, (":path", "/a b")]));
    assert!(!verdict(13, &[(":method", ""), scheme, path]));
    assert!(!verdict(15, &[method, (":scheme", "1"), path]));
    assert!(verdict(17, &[(":method", "CONNECT"), (":authority", "a:1")]));
    assert!(!verdict(19, &[(":method", "CONNECT"), (":authority", "a:1"), path]));
}

/// H-141, T-63
#[test]
fn h141_authority_and_host() {
    assert!(is_request(&[(b":authority", b"a"), (b"host", b"A")]));
    assert!(!is_request(&[(b":authority", b"a"), (b"host", b"b")]));
    assert!(!is_request(&[(b":authority", b"me@a")]));
    assert!(is_request(&[(b"host", b"a")]));
}

/// H-143
#[test]
fn h143_status() {
    for bad in ["", "20", "0200", "20x", "101", "099"] {
        assert_eq!(
            client(&headers(1, &literal(b":status", bad.as_bytes()), true)),
            ["reset 1 PROTOCOL_ERROR Local"],
            "{bad}"
        );
    }
    assert_eq!(client(&headers(1, FIELD, true)), ["reset 1 PROTOCOL_ERROR Local"]);
    assert_eq!(client(&headers(1, &literal(b":status", b"999"), true)), ["response 1 999 END"]);
}

/// H-133 (sending), H-127: one response, whatever the caller repeats; informational ones by `begin` again.
#[test]
fn one_response_only() {
    use grpc_sansio::WriteBuf;
    use grpc_sansio::hpack::Field;
    let mut server = Peer::server();
    server.hear(&headers(1, GET, false));
    let key = server.key(1);
    let status = |value: &'static [u8]| [Field::new(b":status", value)];
    let mut output = WriteBuf::new();
    server.http2.begin(key);
    server.http2.begin(key);
    server.http2.transmit_step(server.now, &mut output);
    server.http2.send_head(key, status(b"103"), false, &mut output);
    server.http2.send_head(key, status(b"103"), false, &mut output);
    server.http2.begin(key);
    server.http2.transmit_step(server.now, &mut output);
    server.http2.send_head(key, status(b"200"), true, &mut output);
    let len = output.len();
    server.http2.begin(key);
    server.http2.send_head(key, status(b"200"), true, &mut output);
    server.queue(key, 5);
    server.http2.send_trailers(key, status(b"x"), &mut output);
    server.transmit(&mut output);
    assert_eq!((output.len(), server.http2.queued_in_all()), (len, 0));
    let wire = bytes::Buf::copy_to_bytes(&mut output, len);
    assert_eq!(frames(&wire), ["HEADERS 1", "HEADERS 1 END"]);
}

/// H-132: a reset that the caller asks for after the trailers goes after them.
#[test]
fn reset_after_trailers_follows_them() {
    let mut server = Peer::server();
    server.hear(&headers(1, GET, false));
    let key = server.key(1);
    server.http2.begin(key);
    server.queue(key, 3);
    server.http2.end(key, true);
    assert_eq!(server.say(), ["HEADERS 1", "DATA 1 3", "HEADERS 1 END"]);
    server.http2.reset(key, ErrorCode::NO_ERROR);
    assert_eq!(server.say(), ["RST 1 NO_ERROR"]);
}

/// L-25, T-19: a block longer than the peer's frames goes out in as many as it needs.
#[test]
fn long_block_is_continued() {
    use grpc_sansio::WriteBuf;
    use grpc_sansio::hpack::Field;
    let mut client = Peer::client();
    let key = client.http2.open(()).unwrap();
    let mut output = WriteBuf::new();
    client.http2.transmit_step(client.now, &mut output);
    // Octets whose Huffman codes are longer than they are.
    let value = vec![b'~'; 40_000];
    client.http2.send_head(key, [Field::new(b"x", &value)], false, &mut output);
    let len = output.len();
    let wire = bytes::Buf::copy_to_bytes(&mut output, len);
    assert_eq!(frames(&wire), ["HEADERS 1", "CONTINUATION 1", "CONTINUATION 1"]);
}

/// A head that ends the stream drops what was queued; one that the caller sends unasked lets the queue follow.
#[test]
fn head_and_what_is_queued() {
    use grpc_sansio::WriteBuf;
    use grpc_sansio::hpack::Field;
    for (end, expected) in [(true, &["HEADERS 1 END"][..]), (false, &["HEADERS 1", "DATA 1 5000"])] {
        let mut server = Peer::server();
        server.hear(&headers(1, GET, false));
        let key = server.key(1);
        server.http2.send_shared(key, vec![1; 5_000].into());
        let mut output = WriteBuf::new();
        server.http2.send_head(key, [Field::new(b":status", b"200")], end, &mut output);
        server.transmit(&mut output);
        assert_eq!((server.http2.queued(key), server.http2.queued_in_all()), (0, 0));
        let len = output.len();
        assert_eq!(frames(&bytes::Buf::copy_to_bytes(&mut output, len)), expected);
    }
}

/// A write of nothing is nothing, also before a payload that is sent by reference.
#[test]
fn empty_writes() {
    let mut server = Peer::server();
    server.hear(&headers(1, GET, true));
    let key = server.key(1);
    server.http2.begin(key);
    server.queue(key, 0);
    server.http2.send_shared(key, bytes::Bytes::new());
    server.http2.send_shared(key, vec![1; 5_000].into());
    server.queue(key, 0);
    server.http2.end(key, false);
    assert_eq!(server.say(), ["HEADERS 1", "DATA 1 5000 END"]);
}
