//! RFC 9113 §3: starting a connection.

use super::harness::*;
use bytes::Buf;
use grpc_sansio::WriteBuf;
use grpc_sansio::frame::{ErrorCode, Frame, PREFACE, Settings};
use grpc_sansio::frame::{Head, SettingId};
use grpc_sansio::http2::{Config, Origin, Side};
use std::time::Duration;

fn first_octets(side: Side) -> Vec<u8> {
    let mut peer = Peer::new(side, Config::new(side));
    let mut output = WriteBuf::new();
    peer.transmit(&mut output);
    output.copy_to_bytes(output.len()).to_vec()
}

fn announced(wire: &[u8]) -> Vec<(SettingId, u32)> {
    let (head, rest) = wire.split_first_chunk::<9>().unwrap();
    let head = Head::parse(head);
    let settings = Settings::parse(head, &rest[..head.length as usize]).unwrap();
    settings.iter().map(|setting| (setting.id, setting.value)).collect()
}

/// H-001: and SETTINGS that switch push off.
#[test]
fn h001_client_begins_with_the_preface_and_settings() {
    let wire = first_octets(Side::Client);
    let settings = announced(wire.strip_prefix(PREFACE).unwrap());
    assert!(settings.contains(&(SettingId::ENABLE_PUSH, 0)), "{settings:?}");
    assert!(settings.contains(&(SettingId::INITIAL_WINDOW_SIZE, 256 * 1024)));
    assert_eq!(frames(&wire)[1], format!("WINDOW 0 {}", 4 * 1024 * 1024 - 65_535));
}

/// H-002: before anything of the client arrived.
#[test]
fn h002_server_begins_with_settings() {
    let settings = announced(&first_octets(Side::Server));
    assert!(settings.contains(&(SettingId::MAX_CONCURRENT_STREAMS, 100)));
    assert!(settings.iter().all(|(id, _)| *id != SettingId::ENABLE_PUSH));
}

/// H-003: a client does not wait for the server's SETTINGS, and a server takes what comes early.
#[test]
fn h003_requests_follow_the_preface_at_once() {
    let mut client = Peer::new(Side::Client, Config::new(Side::Client));
    client.http2.open(()).unwrap();
    assert_eq!(client.say()[2], "HEADERS 1");
    let mut server = Peer::new(Side::Server, Config::new(Side::Server));
    let early = [&PREFACE[..], &settings(&[]), &headers(1, GET, true)].concat();
    assert_eq!(server.hear(&early), ["ready", "request 1 END"]);
}

/// H-004, H-005: at the first octet that differs, and nothing is said to what does not speak HTTP/2.
#[test]
fn h005_wrong_preface_is_found_at_its_first_octet() {
    for wrong in 0..PREFACE.len() {
        let mut server = Peer::new(Side::Server, Config::new(Side::Server));
        assert!(server.hear(&PREFACE[..wrong]).is_empty());
        assert!(!server.http2.is_ended());
        assert_eq!(server.hear(&[PREFACE[wrong] ^ 1]), ["closed PROTOCOL_ERROR"], "octet {wrong}");
        assert!(server.say().is_empty() && server.http2.is_finished());
    }
}

/// H-004, H-005, H-008, G-169: a client of HTTP/1.1 is told in its words, as long as nothing else was said, whatever its method and however it is cut.
#[test]
fn h005_http_1_1_is_answered() {
    let says = |peer: &mut Peer| {
        let mut output = WriteBuf::new();
        peer.transmit(&mut output);
        String::from_utf8(output.copy_to_bytes(output.len()).to_vec()).unwrap()
    };
    for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"] {
        for cut in 0..method.len() {
            let mut server = Peer::new(Side::Server, Config::new(Side::Server));
            let request = format!("{method} / HTTP/1.1\r\nhost: a\r\n\r\n");
            server.hear(&request.as_bytes()[..cut]);
            server.hear(&request.as_bytes()[cut..]);
            let answer = says(&mut server);
            assert!(
                answer.starts_with("HTTP/1.1 505 HTTP Version Not Supported\r\n"),
                "{method} cut at {cut}: {answer}"
            );
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            assert_eq!(body, "This port speaks gRPC over HTTP/2 only.\r\n");
            assert!(head.contains(&format!("content-length: {}\r\n", body.len())) && head.ends_with("close"));
            assert!(server.http2.is_finished());
        }
    }
    // Not behind our SETTINGS, which it cannot read.
    let mut server = Peer::new(Side::Server, Config::new(Side::Server));
    server.say();
    server.hear(b"GET / HTTP/1.1\r\n\r\n");
    assert_eq!(says(&mut server), "");
    // TLS, and words that only look alike.
    for other in [&b"\x16\x03\x01"[..], b"PRX", b"hello", b"PING"] {
        let mut server = Peer::new(Side::Server, Config::new(Side::Server));
        server.hear(other);
        assert_eq!(says(&mut server), "");
    }
}

/// H-005
#[test]
fn h005_preface_may_be_cut_anywhere() {
    let start = [&PREFACE[..], &settings(&[])].concat();
    for cut in 0..=start.len() {
        let mut server = Peer::new(Side::Server, Config::new(Side::Server));
        let heard = [server.hear(&start[..cut]), server.hear(&start[cut..])].concat();
        assert_eq!(heard, ["ready"]);
    }
}

/// H-004
#[test]
fn h004_first_frame_is_settings() {
    for first in [
        ping(b"12345678"),
        headers(1, GET, true),
        window(0, 1),
        raw(grpc_sansio::frame::Kind(99), grpc_sansio::frame::Flags::NONE, 0, b""),
    ] {
        let mut server = Peer::new(Side::Server, Config::new(Side::Server));
        server.fails(&[&PREFACE[..], &first].concat(), ErrorCode::PROTOCOL_ERROR);
        let mut client = Peer::new(Side::Client, Config::new(Side::Client));
        assert_eq!(client.hear(&first), ["closed PROTOCOL_ERROR"]);
        assert!(client.say().is_empty());
    }
}

/// H-006, H-080
#[test]
fn h006_settings_are_acknowledged_after_our_own() {
    let mut server = Peer::new(Side::Server, Config::new(Side::Server));
    server.hear(&[&PREFACE[..], &settings(&[])].concat());
    let said = server.say();
    assert_eq!((said[0].as_str(), said.last().unwrap().as_str()), ("SETTINGS", "SETTINGS ACK"));
    // A client that has said nothing yet, and one that has.
    let mut client = Peer::new(Side::Client, Config::new(Side::Client));
    client.hear(&settings(&[]));
    let said = client.say();
    assert_eq!((said[0].as_str(), said.last().unwrap().as_str()), ("SETTINGS", "SETTINGS ACK"));
    let mut client = Peer::new(Side::Client, Config::new(Side::Client));
    assert!(!client.say().contains(&"SETTINGS ACK".to_string()), "there is nothing to acknowledge");
    client.hear(&settings(&[]));
    assert_eq!(client.say(), ["SETTINGS ACK"]);
}

/// H-007
#[test]
fn h007_first_settings_is_no_acknowledgement() {
    let mut server = Peer::new(Side::Server, Config::new(Side::Server));
    server.say();
    server.fails(&[&PREFACE[..], &ack()].concat(), ErrorCode::PROTOCOL_ERROR);
    let mut client = Peer::new(Side::Client, Config::new(Side::Client));
    client.say();
    assert_eq!(client.hear(&ack()), ["closed PROTOCOL_ERROR"]);
}

/// G-170: the message says what is wrong.
#[test]
fn http_1_answer_is_recognised() {
    let mut client = Peer::new(Side::Client, Config::new(Side::Client));
    assert_eq!(client.hear(b"HTTP/1.1 400 Bad Request\r\n\r\n"), ["closed PROTOCOL_ERROR"]);
    assert!(client.http2.error().unwrap().reason().contains("HTTP/1"));
}

/// What only begins like an answer of HTTP/1, or only goes on like one, is no such thing.
#[test]
fn half_of_an_http_1_answer_is_not_recognised() {
    for first in [&b"HTTX/1.1 400 Bad Request\r\n"[..], b"\0\0\0P\0\0\0\0\0"] {
        let mut client = Peer::new(Side::Client, Config::new(Side::Client));
        assert_eq!(client.hear(first), ["closed PROTOCOL_ERROR"]);
        let reason = client.http2.error().unwrap().reason();
        assert!(reason.contains("first frame is not SETTINGS"), "{reason}");
    }
}

/// Octets that a TLS alert begins with are the head of a frame once the peer has spoken HTTP/2, and what a server's client sends
/// is none; nor is whatever else comes of a head.
#[test]
fn an_alert_is_recognised_at_the_beginning_only() {
    use grpc_sansio::http2::Origin;
    let (alert, frame) = (&[0x15, 3, 3][..], &[0, 0, 18][..]);
    let fresh = || Peer::new(Side::Client, Config::new(Side::Client));
    for (mut peer, octets, origin) in [
        (fresh(), alert, Origin::Local),
        (fresh(), frame, Origin::Transport),
        (fresh(), b"", Origin::Transport),
        (Peer::client(), alert, Origin::Transport),
        (Peer::server(), alert, Origin::Transport),
    ] {
        peer.hear(octets);
        peer.http2.receive_eof();
        assert_eq!(peer.http2.error().map(|error| error.origin()), Some(origin), "{octets:?}");
    }
}

/// `handshake_timeout` of the limits.
#[test]
fn handshake_has_ten_seconds() {
    for side in [Side::Client, Side::Server] {
        let mut peer = Peer::new(side, Config::new(side));
        assert_eq!(peer.http2.poll_timeout().unwrap().as_nanos(), 10_000_000_000);
        peer.wait(Duration::from_nanos(9_999_999_999));
        assert!(!peer.http2.is_ended());
        peer.wait(Duration::from_nanos(1));
        assert!(peer.http2.is_ended() && peer.http2.poll_timeout().is_none());
        assert_eq!(peer.http2.error().unwrap().origin(), Origin::Local);
    }
}

/// H-083, G-216, T-16: on by default for the server only.
#[test]
fn h083_settings_not_acknowledged_in_time() {
    let mut server = Peer::new(Side::Server, Config::new(Side::Server));
    server.say();
    server.hear(&[&PREFACE[..], &settings(&[])].concat());
    server.wait(Duration::from_nanos(9_999_999_999));
    assert!(!server.http2.is_ended());
    server.wait(Duration::from_nanos(1));
    assert_eq!(server.http2.error().unwrap().code(), ErrorCode::SETTINGS_TIMEOUT);
    assert_eq!(server.say().last().unwrap(), "GOAWAY 0 SETTINGS_TIMEOUT");

    // In time.
    let mut server = Peer::new(Side::Server, Config::new(Side::Server));
    server.say();
    server.hear(&[&PREFACE[..], &settings(&[])].concat());
    server.wait(Duration::from_nanos(9_999_999_999));
    server.hear(&ack());
    server.wait(Duration::from_secs(3600));
    assert!(!server.http2.is_ended() && server.http2.poll_timeout().is_none());

    let mut client = Peer::new(Side::Client, Config::new(Side::Client));
    client.say();
    client.hear(&settings(&[]));
    assert_eq!(client.http2.poll_timeout(), None);
}

/// H-082
#[test]
fn h082_acknowledgement_of_nothing() {
    Peer::server().fails(&ack(), ErrorCode::PROTOCOL_ERROR);
    Peer::client().fails(&encoded(Frame::Settings(Settings::ACK)), ErrorCode::PROTOCOL_ERROR);
}
