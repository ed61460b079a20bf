//! What the head of a request and of a response shows, the ways to read, and an end that is kept.

use crate::raw::{OK, RESPONSE, Raw, client_config, framed, limits};
use crate::{BIDI, UNARY};
use grpc_sansio::grpc::{Code, Codings, Kind, Metadata, Method};
use grpc_sansio::{CallId, Client, ClientConfig, Event, Item, ItemInto, OpenOptions, Origin, ServerConfig};

fn names<'a>(fields: impl Iterator<Item = grpc_sansio::hpack::Field<'a>>) -> Vec<String> {
    fields.map(|field| String::from_utf8_lossy(field.name).into_owned()).collect()
}

/// G-023, G-026, G-090: the parts of a request's head, each as it came.
#[test]
fn a_request_shows_its_parts() {
    let codings = Codings::new(["gzip"]).unwrap();
    let mut raw = Raw::server_with(&ServerConfig::builder().codings(codings).build().unwrap());
    raw.request(
        1,
        &[("user-agent", "me/1"), ("grpc-encoding", "gzip"), ("grpc-timeout", "1S"), ("key", "value")],
        false,
    );
    raw.request(3, &[("grpc-encoding", "identity")], false);
    let heads: Vec<CallId> = std::iter::from_fn(|| raw.it.poll_event())
        .filter_map(|event| if let Event::Opened(id) = event { Some(id) } else { None })
        .collect();
    let now = raw.clock.now();
    let mut call = raw.it.call(heads[0]).unwrap();
    assert_eq!(call.id(), heads[0]);
    let Some(Item::Head(head)) = call.read() else { panic!("a head first") };
    assert_eq!((head.path(), head.service(), head.method()), ("/test.Service/Method", "test.Service", "Method"));
    for (path, is_it) in
        [("/test.Service/Method", true), ("/test.Service/Metho", false), ("/test.service/Method", false)]
    {
        assert_eq!(head.is(&Method::from_static(path, Kind::Unary)), is_it, "{path}");
    }
    assert_eq!((head.scheme(), head.authority()), ("http", "localhost"));
    assert_eq!((head.user_agent(), head.content_type()), (Some("me/1"), "application/grpc"));
    assert_eq!((head.encoding(), head.deadline()), (Some("gzip"), now.checked_add(std::time::Duration::from_secs(1))));
    assert_eq!(head.metadata().get("key"), Some("value"));
    let all = names(head.fields());
    assert_eq!((all.len(), all[0].as_str(), all[9].as_str()), (10, ":method", "key"));
    let mut call = raw.it.call(heads[1]).unwrap();
    let Some(Item::Head(head)) = call.read() else { panic!("a head first") };
    assert_eq!((head.user_agent(), head.encoding(), head.deadline()), (None, None, None));
}

fn client_with_response(more: &[(&str, &str)]) -> (Raw<Client>, CallId) {
    let mut raw = Raw::client();
    let id = raw.request(&OpenOptions::new(&BIDI), b"m");
    raw.headers(1, &[&RESPONSE[..], more].concat(), false);
    (raw, id)
}

/// A head that was not read yet stays what it is, whatever heads become usual in the meantime, and whether its call is read
/// or let go.
#[test]
fn unread_heads_stay_what_they_are() {
    let mut raw = Raw::client();
    let (mut unread, mut stream) = (Vec::new(), 1);
    for round in 0..12 {
        // The same head several times in a row becomes the usual one, unless an unread call still wants the one before.
        let value = ["a", "b", "c"][round % 3];
        for _ in 0..5 {
            let id = raw.request(&OpenOptions::new(&BIDI), b"m");
            raw.headers(stream, &[&RESPONSE[..], &[("key", value)]].concat(), false);
            unread.push((id, value));
            stream += 2;
        }
        raw.it.audit().unwrap();
        // Of some rounds all are read, of others some, and some calls go unread.
        for n in (0..unread.len()).rev().filter(|n| round % 4 == 3 || n % (round + 2) == 0).collect::<Vec<_>>() {
            let (id, value) = unread.swap_remove(n);
            let mut call = raw.it.call(id).unwrap();
            if n % 5 == 1 {
                call.cancel();
                continue;
            }
            let Some(Item::Head(head)) = call.read() else { panic!("a head first") };
            assert_eq!(head.metadata().get("key"), Some(value));
            assert_eq!(names(head.fields()), [":status", "content-type", "key"]);
        }
        raw.it.audit().unwrap();
    }
    assert!(unread.is_empty());
}

#[test]
fn a_response_shows_its_parts() {
    for (encoding, expected) in [("gzip", Some("gzip")), ("identity", None)] {
        let (mut raw, id) = client_with_response(&[("grpc-encoding", encoding), ("key", "value")]);
        let mut call = raw.it.call(id).unwrap();
        let Some(Item::Head(head)) = call.read() else { panic!("a head first") };
        assert_eq!((head.encoding(), head.content_type()), (expected, "application/grpc"));
        assert_eq!(head.metadata().get("key"), Some("value"));
        assert_eq!(names(head.fields()), [":status", "content-type", "grpc-encoding", "key"]);
    }
}

/// `read_into` tells of the same items, and appends messages to what the buffer holds.
#[test]
fn messages_are_read_into_a_buffer_of_the_caller() {
    let (mut raw, id) = client_with_response(&[]);
    raw.data(1, &[framed(b"one"), framed(b"two")].concat(), false);
    let mut buffer = b"> ".to_vec();
    let mut call = raw.it.call(id).unwrap();
    assert!(matches!(call.read_into(&mut buffer), Some(ItemInto::Head(_))));
    for expected in [&b"> one"[..], b"> onetwo"] {
        assert!(matches!(call.read_into(&mut buffer), Some(ItemInto::Message { compressed: false })));
        assert_eq!(buffer, expected);
    }
    assert!(call.read_into(&mut buffer).is_none() && !call.has_ended());
    raw.headers(1, &OK, true);
    let mut call = raw.it.call(id).unwrap();
    assert!(call.has_ended());
    assert!(matches!(call.read_into(&mut buffer), Some(ItemInto::End(_))));
    assert_eq!(buffer, b"> onetwo");
}

/// An outcome is lent; what is kept of it is the same.
#[test]
fn an_outcome_is_kept() {
    let (mut raw, id) = client_with_response(&[]);
    raw.headers(1, &[("grpc-status", "10"), ("grpc-message", "no"), ("cost", "12")], true);
    let mut call = raw.it.call(id).unwrap();
    assert!(matches!(call.read(), Some(Item::Head(_))));
    let Some(Item::End(outcome)) = call.read() else { panic!("an end") };
    assert_eq!((outcome.origin(), outcome.unprocessed()), (Origin::Peer, false));
    let (status, trailers) = outcome.to_owned();
    assert_eq!((status.code(), status.message()), (Code::Aborted, "no"));
    let mut expected = Metadata::new();
    expected.append("cost", "12").unwrap();
    assert_eq!(trailers, expected);
    assert_eq!(outcome.into_status(), status);
}

/// G-010, G-241: what a client says of itself, and how often it has tried.
#[test]
fn a_client_names_itself_and_its_attempts() {
    let config = ClientConfig::builder("localhost").user_agent("mine/2").build().unwrap();
    let mut raw = Raw::client_with(&config);
    for (attempts, said) in [(0, None), (1, Some("1")), (8, Some("8")), (9, Some("9")), (255, Some("9"))] {
        raw.open(&OpenOptions::new(&UNARY).previous_attempts(attempts));
        let head = raw.said().into_iter().find(|seen| seen.field(":path").is_some()).unwrap();
        assert_eq!(head.field("grpc-previous-rpc-attempts"), said);
        assert!(head.field("user-agent").unwrap().starts_with("mine/2 "));
    }
}

/// Blocks of octets that were there before are not decoded again: each call is still shown its own fields, also where
/// another block came before they are read.
#[test]
fn blocks_that_come_again_show_their_own_fields() {
    let mut raw = Raw::client();
    for round in 0..60u32 {
        // The usual head changes now and then; so do the usual trailers, at other times.
        let (key, cost) = (["a", "b"][round as usize / 20 % 2], ["1", "2", "3"][round as usize / 15 % 3]);
        let ids = [0, 1].map(|_| raw.request(&OpenOptions::new(&UNARY), b"m"));
        for (place, stream) in [4 * round + 1, 4 * round + 3].into_iter().enumerate() {
            let of_its_own = format!("{round}-{place}");
            raw.headers(stream, &[&RESPONSE[..], &[("key", key)]].concat(), false);
            if place == 1 {
                // One that was never there.
                raw.headers(4 * round + 1, &[("grpc-status", "9"), ("own", &of_its_own)], true);
            }
        }
        raw.headers(4 * round + 3, &[("grpc-status", "10"), ("cost", cost)], true);
        for (id, code) in ids.into_iter().zip([Code::FailedPrecondition, Code::Aborted]) {
            let mut call = raw.it.call(id).unwrap();
            let Some(Item::Head(head)) = call.read() else { panic!("a head first") };
            assert_eq!(head.metadata().get("key"), Some(key), "{round}");
            assert_eq!(names(head.fields()), [":status", "content-type", "key"]);
            let Some(Item::End(outcome)) = call.read() else { panic!("then the end") };
            assert_eq!(outcome.status().code(), code);
            let (own, shared) = (outcome.trailers().get("own"), outcome.trailers().get("cost"));
            let expected = format!("{round}-1");
            assert_eq!(own.or(shared), Some(if code == Code::Aborted { cost } else { &expected }), "{round}");
        }
    }
}

/// Requests that start alike are told apart by what follows: only metadata may be passed over.
#[test]
fn requests_that_start_alike_keep_their_own_deadlines() {
    let codings = Codings::new(["gzip"]).unwrap();
    let mut raw = Raw::server_with(&ServerConfig::builder().codings(codings).build().unwrap());
    for round in 0..60u32 {
        let (timeout, value) = (format!("{}S", 100 + round), format!("v{round}"));
        let more: &[(&str, &str)] = match round % 4 {
            0 => &[("grpc-timeout", &timeout)],
            1 => &[("key", &value)],
            2 => &[("key", &value), ("grpc-timeout", &timeout)],
            _ => &[("grpc-timeout", &timeout), ("grpc-encoding", "gzip"), ("key", &value)],
        };
        raw.request(2 * round + 1, more, false);
        let opened = std::iter::from_fn(|| raw.it.poll_event())
            .find_map(|event| if let Event::Opened(id) = event { Some(id) } else { None });
        let id = opened.unwrap();
        let now = raw.clock.now();
        let mut call = raw.it.call(id).unwrap();
        let Some(Item::Head(head)) = call.read() else { panic!("a head first") };
        let seconds = (round % 4 != 1).then_some(100 + u64::from(round));
        let deadline = seconds.and_then(|seconds| now.checked_add(std::time::Duration::from_secs(seconds)));
        assert_eq!((head.deadline(), head.encoding()), (deadline, (round % 4 == 3).then_some("gzip")), "{round}");
        assert_eq!(head.metadata().get("key"), (round % 4 != 0).then_some(&*value));
        call.release();
        raw.said();
    }
}

/// Headers that nobody read are held no longer than their call.
#[test]
fn headers_of_calls_that_are_let_go_are_held_no_more() {
    let limits = limits(|limits| (limits.held_headers, limits.max_header_list) = (4_096, 4_096));
    let mut raw = Raw::client_with(&client_config(limits));
    let long = "x".repeat(300);
    for round in 0..100u32 {
        let id = raw.request(&OpenOptions::new(&BIDI), b"m");
        raw.headers(2 * round + 1, &[&RESPONSE[..], &[("key", &*long)]].concat(), false);
        if round % 2 == 0 {
            raw.headers(2 * round + 1, &[("grpc-status", "9"), ("cost", &*long)], true);
        }
        let mut call = raw.it.call(id).unwrap();
        assert!(matches!(call.read(), Some(Item::Head(head)) if head.metadata().get("key") == Some(&long)), "{round}");
        if round % 3 == 0 {
            let Some(Item::End(outcome)) = call.read() else { continue };
            assert_eq!(outcome.status().code(), Code::FailedPrecondition, "{round}");
        } else {
            call.cancel();
        }
        raw.said();
    }
}

/// Trailers that nobody read go with a call that is cancelled, and so does a head: what is held of them falls to nothing.
#[test]
fn headers_of_cancelled_calls_are_not_held() {
    let long = "x".repeat(2_000);
    for read_head in [false, true] {
        let (mut raw, id) = client_with_response(&[("key", &long)]);
        raw.headers(1, &[("grpc-status", "9"), ("cost", &long)], true);
        if read_head {
            assert!(matches!(raw.it.call(id).unwrap().read(), Some(Item::Head(_))));
        }
        assert!(raw.it.held_headers() > 1_000);
        raw.it.call(id).unwrap().cancel();
        assert_eq!(raw.it.held_headers(), 0);
        assert_eq!(raw.it.audit(), Ok(()));
    }
}
