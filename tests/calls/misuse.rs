//! Misuse changes nothing and sends nothing (decision 9).

use crate::raw::{Raw, Seen};
use crate::{BIDI, DOWNLOAD, UNARY, UPLOAD};
use grpc_sansio::frame::ErrorCode;
use grpc_sansio::grpc::{Codings, Kind, Message, Metadata};
use grpc_sansio::testing::Recorded;
use grpc_sansio::{
    Call, CallId, Client, ClientConfig, Connection, Instant, Misuse, OpenError, OpenOptions, SendError, Server,
    ServerConfig, WriteBuf,
};

/// All that can be told of a connection from outside: its octets, its events, and its state as far as it is shown.
fn everything<R: Recorded>(connection: &Connection<R>, now: Instant) -> (String, Vec<u8>) {
    use bytes::Buf;
    // A probe works on a copy.
    let mut copy = connection.clone();
    let mut text = format!("{copy:?}");
    while let Some(event) = copy.poll_event() {
        text += &format!("{event:?}");
    }
    let mut output = WriteBuf::with_target(usize::MAX);
    copy.transmit(now, &mut output);
    let len = output.len();
    (text, output.copy_to_bytes(len).to_vec())
}

fn unchanged<R: Recorded, T>(raw: &mut Raw<R>, id: CallId, verb: impl FnOnce(Call<'_, R>) -> T) -> T {
    let now = raw.now();
    // What the last read lent comes back with the next verb, whatever that is.
    raw.it.handle_timeout(now);
    let before = everything(&raw.it, now);
    let result = verb(raw.it.call(id).unwrap());
    assert!(before == everything(&raw.it, now), "misuse has changed something");
    result
}

fn no_message(result: Result<(), SendError<Message>>) -> Misuse {
    match result {
        Err(SendError::Misuse(misuse)) => misuse,
        other => panic!("{other:?}"),
    }
}

fn reserved() -> Metadata {
    let mut metadata = Metadata::new();
    metadata.append("grpc-retry-pushback-ms", "1").unwrap();
    metadata
}

#[test]
fn a_client_that_half_closes_without_its_message() {
    for method in [UNARY, DOWNLOAD] {
        let mut raw = Raw::client();
        let id = raw.open(&OpenOptions::new(&method));
        assert_eq!(unchanged(&mut raw, id, |mut call| call.half_close()), Err(Misuse::MessageMissing));
    }
}

#[test]
fn a_client_that_sends_after_half_close() {
    for method in [UNARY, DOWNLOAD, UPLOAD, BIDI] {
        let mut raw = Raw::client();
        let id = raw.open(&OpenOptions::new(&method));
        let mut call = raw.it.call(id).unwrap();
        call.send(b"m".to_vec()).unwrap();
        if method.kind().client_streams() {
            call.half_close().unwrap();
            assert_eq!(unchanged(&mut raw, id, |mut call| call.half_close()), Err(Misuse::HalfClosed));
        } else {
            // G-076: the message has closed the sending side, so this says what is so already.
            assert_eq!(unchanged(&mut raw, id, |mut call| call.half_close()), Ok(()));
        }
        assert_eq!(no_message(unchanged(&mut raw, id, |mut call| call.send(b"m".to_vec()))), Misuse::HalfClosed);
        raw.said();
        assert_eq!(no_message(unchanged(&mut raw, id, |mut call| call.send(b"m".to_vec()))), Misuse::HalfClosed);
        let refused = unchanged(&mut raw, id, |mut call| call.send_with(1, |_| panic!("not asked")));
        assert_eq!(refused, Err(Misuse::HalfClosed.into()));
    }
}

#[test]
fn a_compressed_message_without_an_encoding() {
    let mut raw = Raw::client();
    let id = raw.open(&OpenOptions::new(&BIDI));
    let misuse = no_message(unchanged(&mut raw, id, |mut call| call.send(Message::compressed("z"))));
    assert_eq!(misuse, Misuse::CompressedWithoutEncoding);
}

#[test]
fn an_open_that_cannot_be() {
    let mut raw = Raw::client();
    let now = raw.now();
    let metadata = reserved();
    for (options, error) in [
        (OpenOptions::new(&UNARY).metadata(&metadata), OpenError::Misuse(Misuse::ReservedMetadata)),
        (OpenOptions::new(&UNARY).authority("a b"), OpenError::Malformed),
        (OpenOptions::new(&UNARY).authority("user@host"), OpenError::Malformed),
        (OpenOptions::new(&UNARY).content_subtype("a b"), OpenError::Malformed),
        (OpenOptions::new(&UNARY).encoding("gzip"), OpenError::UnknownEncoding),
    ] {
        let before = everything(&raw.it, now);
        assert_eq!(raw.it.open(now, &options), Err(error));
        assert!(before == everything(&raw.it, now), "{options:?}");
    }
}

fn served(config: &ServerConfig) -> (Raw<Server>, CallId) {
    let mut raw = Raw::server_with(config);
    raw.request(1, &[("grpc-accept-encoding", "gzip")], false);
    let id = raw.opened();
    (raw, id)
}

fn gzip() -> ServerConfig {
    ServerConfig::builder().codings(Codings::new(["gzip", "zstd"]).unwrap()).build().unwrap()
}

#[test]
fn a_server_that_tells_another_kind() {
    let (mut raw, id) = served(&gzip());
    raw.it.call(id).unwrap().expect(Kind::Unary).unwrap();
    assert_eq!(unchanged(&mut raw, id, |mut call| call.expect(Kind::BidiStreaming)), Err(Misuse::KindKnown));
    assert_eq!(unchanged(&mut raw, id, |mut call| call.expect(Kind::Unary)), Ok(()));
}

#[test]
fn a_server_whose_head_comes_too_late() {
    for by_message in [false, true] {
        let (mut raw, id) = served(&gzip());
        let mut call = raw.it.call(id).unwrap();
        if by_message {
            call.send(b"m".to_vec()).unwrap()
        } else {
            call.send_head(&Metadata::new()).unwrap()
        }
        for _ in 0..2 {
            assert_eq!(unchanged(&mut raw, id, |mut call| call.send_head(&Metadata::new())), Err(Misuse::HeadSent));
            assert_eq!(unchanged(&mut raw, id, |mut call| call.set_encoding("gzip")), Err(Misuse::HeadSent));
            raw.said();
        }
    }
}

#[test]
fn a_server_that_names_what_it_may_not() {
    let (mut raw, id) = served(&gzip());
    let metadata = reserved();
    assert_eq!(unchanged(&mut raw, id, |mut call| call.send_head(&metadata)), Err(Misuse::ReservedMetadata));
    assert_eq!(unchanged(&mut raw, id, |mut call| call.set_encoding("zstd")), Err(Misuse::EncodingNotAccepted));
    assert_eq!(unchanged(&mut raw, id, |mut call| call.set_encoding("br")), Err(Misuse::EncodingNotAccepted));
    let misuse = no_message(unchanged(&mut raw, id, |mut call| call.send(Message::compressed("z"))));
    assert_eq!(misuse, Misuse::CompressedWithoutEncoding);
    assert_eq!(unchanged(&mut raw, id, |call| call.reset(ErrorCode::REFUSED_STREAM)), Err(Misuse::RefusedTooLate));
}

#[test]
fn a_server_that_answers_twice() {
    for kind in [Kind::Unary, Kind::ClientStreaming] {
        let (mut raw, id) = served(&gzip());
        let mut call = raw.it.call(id).unwrap();
        call.expect(kind).unwrap();
        call.send(b"one".to_vec()).unwrap();
        assert_eq!(no_message(unchanged(&mut raw, id, |mut call| call.send(b"two".to_vec()))), Misuse::TooManyMessages);
    }
}

/// Decision 9: losing a race with the peer is not misuse, for any verb.
#[test]
fn every_verb_on_a_call_that_the_peer_ended() {
    let (mut raw, id) = served(&gzip());
    raw.reset(1, ErrorCode::CANCEL);
    raw.poll();
    let mut call = raw.it.call(id).unwrap();
    assert_eq!(call.expect(Kind::Unary), Ok(()));
    assert_eq!(call.set_encoding("gzip"), Ok(()));
    assert_eq!(call.send_head(&Metadata::new()), Ok(()));
    assert_eq!(call.send_with(1, |_| panic!("not asked")), Err(SendError::Ended(())));
    assert_eq!(call.send(b"m".to_vec()), Err(SendError::Ended(Message::new(b"m".to_vec()))));
    assert_eq!(raw.said_of_calls(), []);
    raw.it.call(id).unwrap().reset(ErrorCode::CANCEL).unwrap();
    assert_eq!((raw.said_of_calls(), raw.it.calls()), (vec![], 0));

    let mut raw: Raw<Client> = Raw::client_with(&ClientConfig::builder("localhost").build().unwrap());
    let id = raw.request(&OpenOptions::new(&BIDI), b"m");
    raw.reset(1, ErrorCode::CANCEL);
    let mut call = raw.it.call(id).unwrap();
    assert_eq!(call.half_close(), Ok(()));
    assert_eq!(call.send(b"m".to_vec()), Err(SendError::Ended(Message::new(b"m".to_vec()))));
    call.cancel();
    assert_eq!(raw.said_of_calls(), Vec::<Seen>::new());
}
