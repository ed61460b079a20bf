//! Tokens, limits and the log.

use super::{Ends, UNARY, at, client, metadata};
use grpc_sansio::grpc::{Code, Metadata, Scheme, Status};
use grpc_sansio::intercept::{
    self, Bearer, CallHooks, Cause, ClientInterceptor, ConcurrencyLimit, DeadlineLimit, End, IncomingCall,
    OutgoingCall, Refused, TokenCheck,
};
use grpc_sansio::{Client, Connection, Item, OpenOptions, WriteBuf};
use std::time::Duration;

fn open(interceptor: &impl ClientInterceptor, connection: &mut Connection<Client>) -> Result<(), Refused> {
    match intercept::open(interceptor, connection, at(0), &OpenOptions::new(&UNARY)) {
        Ok(_) => Ok(()),
        Err(intercept::StartError::Refused(refused)) => Err(refused),
        Err(error) => panic!("{error}"),
    }
}

/// What the server reads as `authorization`.
fn arrives(interceptor: &impl ClientInterceptor, scheme: Scheme) -> Metadata {
    let mut ends = Ends::new(scheme);
    open(interceptor, &mut ends.client).unwrap();
    ends.carry(at(0));
    let id = ends.opened().unwrap();
    let mut call = ends.server.call(id).unwrap();
    let Some(Item::Head(request)) = call.read() else { panic!("a head comes first") };
    request.metadata().to_metadata()
}

/// G-158: a token goes over TLS only, unless it is said otherwise.
#[test]
fn a_token_over_plaintext_is_refused_before_anything_is_sent() {
    let mut connection = client(Scheme::Http);
    let mut before = WriteBuf::new();
    connection.transmit(at(0), &mut before);

    let refused = open(&Bearer::fixed("secret"), &mut connection).unwrap_err();
    assert_eq!((refused.cause(), refused.status().code()), (Cause::Plaintext, Code::Unauthenticated));
    let text = "UNAUTHENTICATED: client: application: a bearer token goes over TLS only, and the connection is plaintext: nothing was sent; retry: useless";
    assert_eq!(refused.to_string(), text);
    assert_eq!(connection.calls(), 0);
    assert!(!connection.wants_transmit());

    let expected = metadata(&[("authorization", "Bearer secret")]);
    assert_eq!(arrives(&Bearer::fixed("secret").allow_plaintext(), Scheme::Http), expected);
    assert_eq!(arrives(&Bearer::fixed("secret"), Scheme::Https), expected);
}

/// The source is not even asked where its token may not be sent.
#[test]
fn no_token_is_fetched_for_a_call_that_cannot_have_it() {
    let bearer = Bearer::new(|_: &OutgoingCall<'_>| -> Result<&str, Status> { panic!("asked") });
    open(&bearer, &mut client(Scheme::Http)).unwrap_err();
    // Nor for one that brings its own.
    let own = |call: &mut OutgoingCall<'_>| {
        call.metadata.append("authorization", "Basic own").unwrap();
        Ok(())
    };
    assert_eq!(arrives(&(own, bearer), Scheme::Http), metadata(&[("authorization", "Basic own")]));
}

/// G-119: on demand the token stays out of the tables of header compression.
#[test]
fn a_token_can_be_kept_from_being_indexed() {
    let bearer = Bearer::fixed("secret").never_indexed();
    for scheme in [Scheme::Http, Scheme::Https] {
        let mut sent = Metadata::new();
        let mut call = OutgoingCall::new(&UNARY, &mut sent, at(0), scheme == Scheme::Https);
        let started = bearer.start(&mut call);
        assert_eq!(started.is_ok(), scheme == Scheme::Https);
        assert!(sent.iter().all(|entry| entry.field().2));
        assert!(!format!("{sent:?}").contains("secret"));
    }
}

/// G-158: credentials that fail are UNAUTHENTICATED. G-290: no source makes a call end as if the application had said it.
#[test]
fn a_token_that_cannot_be_sent_is_no_token() {
    for token in ["", "two words", "line\nbreak", "caf\u{e9}", "nul\0"] {
        let refused = open(&Bearer::fixed(token), &mut client(Scheme::Https)).unwrap_err();
        assert_eq!((refused.cause(), refused.status().code()), (Cause::Credentials, Code::Unauthenticated));
        assert!(token.is_empty() || !refused.to_string().contains(token), "{refused}");
    }
    for (code, expected) in [
        (Code::Unauthenticated, Code::Unauthenticated),
        (Code::Unavailable, Code::Unavailable),
        (Code::PermissionDenied, Code::PermissionDenied),
        (Code::Ok, Code::Internal),
        (Code::InvalidArgument, Code::Internal),
        (Code::NotFound, Code::Internal),
        (Code::AlreadyExists, Code::Internal),
        (Code::FailedPrecondition, Code::Internal),
        (Code::Aborted, Code::Internal),
        (Code::OutOfRange, Code::Internal),
        (Code::DataLoss, Code::Internal),
    ] {
        let failing = Bearer::new(move |_: &OutgoingCall<'_>| Err::<String, _>(Status::new(code, "no key today")));
        let refused = open(&failing, &mut client(Scheme::Https)).unwrap_err();
        assert_eq!((refused.cause(), refused.status().code()), (Cause::Credentials, expected), "{code:?}");
        let text = refused.to_string();
        assert!(text.contains("no key today") && text.contains(&code.to_string()), "{text}");
    }
}

#[test]
fn tokens_are_checked() {
    let check = TokenCheck::new(|token: &str, call: &mut IncomingCall<'_>| match token {
        "good" => {
            call.metadata.remove("x-user");
            call.metadata.append("x-user", "alice").map_err(|error| Status::new(Code::Internal, error.to_string()))
        }
        "weak" => Err(Status::new(Code::PermissionDenied, "not for you")),
        _ => Err(Status::new(Code::Unauthenticated, "the token is not good")),
    });
    for (entries, expected) in [
        (&[("authorization", "Bearer good"), ("x-user", "mallory")][..], Ok(())),
        (&[("authorization", "bearer  good ")], Ok(())),
        (&[("authorization", "Bearer weak")], Err("PERMISSION_DENIED: not for you")),
        (&[("authorization", "Bearer bad")], Err("UNAUTHENTICATED: the token is not good")),
        (&[], Err("UNAUTHENTICATED: server: application: the call has no authorization; retry: useless")),
        (
            &[("authorization", "Bearer good"), ("authorization", "Bearer bad")],
            Err("UNAUTHENTICATED: server: application: the call has more than one authorization; retry: useless"),
        ),
        (
            &[("authorization", "Basic good")],
            Err(
                "UNAUTHENTICATED: server: application: the authorization of the call is no bearer token; retry: useless",
            ),
        ),
        (
            &[("authorization", "Bearer ")],
            Err(
                "UNAUTHENTICATED: server: application: the authorization of the call is no bearer token; retry: useless",
            ),
        ),
        (
            &[("authorization", "good")],
            Err(
                "UNAUTHENTICATED: server: application: the authorization of the call is no bearer token; retry: useless",
            ),
        ),
    ] {
        let sent = metadata(entries);
        let options = OpenOptions::new(&UNARY).metadata(&sent);
        let asked = Ends::new(Scheme::Http).ask(&check, &options, |call| {
            assert_eq!(call.metadata.get_all("x-user").collect::<Vec<_>>(), ["alice"]);
        });
        let asked = asked.map_err(|refused| {
            assert_eq!(refused.cause(), Cause::Credentials);
            refused.to_string()
        });
        assert_eq!(asked, expected.map_err(str::to_owned), "{entries:?}");
    }
}

#[test]
fn so_many_calls_are_open_at_once_and_no_more() {
    let limit = ConcurrencyLimit::new(2);
    let mut connection = client(Scheme::Http);
    let mut begin = || intercept::open(&limit, &mut connection, at(0), &OpenOptions::new(&UNARY));
    let (first, second) = (begin().unwrap(), begin().unwrap());
    assert_eq!(limit.open(), 2);
    let error = begin().unwrap_err();
    assert_eq!(
        error.to_string(),
        "RESOURCE_EXHAUSTED: client: application: 2 calls are open, and the limit is 2; retry: safe"
    );
    let intercept::StartError::Refused(refused) = error else { panic!("{error}") };
    assert_eq!(refused.cause(), Cause::Limit);
    drop(first);
    let third = begin().unwrap();
    begin().unwrap_err();
    drop((second, third));
    assert_eq!(limit.open(), 0);

    // A server's side of the same limit.
    let options = OpenOptions::new(&UNARY);
    let (one, two) = (
        Ends::new(Scheme::Http).ask(&limit, &options, |_| {}).unwrap(),
        Ends::new(Scheme::Http).ask(&limit, &options, |_| {}).unwrap(),
    );
    let refused = Ends::new(Scheme::Http).ask(&limit, &options, |_| {}).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "RESOURCE_EXHAUSTED: server: application: 2 calls are open, and the limit is 2; retry: safe"
    );
    drop((one, two));
    assert_eq!(limit.open(), 0);
    Ends::new(Scheme::Http).ask(&ConcurrencyLimit::new(0), &options, |_| {}).unwrap_err();
}

#[test]
fn no_call_takes_longer_than_allowed() {
    let limit = DeadlineLimit::new(Duration::from_secs(5));
    for (before, after) in [(None, 7), (Some(6), 6), (Some(7), 7), (Some(8), 7)] {
        let mut empty = Metadata::new();
        let mut call = OutgoingCall::new(&UNARY, &mut empty, at(2), false);
        call.deadline = before.map(at);
        ClientInterceptor::start(&limit, &mut call).unwrap();
        assert_eq!(call.deadline, Some(at(after)));
    }
    let options = OpenOptions::new(&UNARY);
    Ends::new(Scheme::Http).ask(&limit, &options, |call| assert_eq!(call.deadline, Some(at(5)))).unwrap();
    let options = options.deadline(at(3));
    Ends::new(Scheme::Http).ask(&limit, &options, |call| assert_eq!(call.deadline, Some(at(3)))).unwrap();
}

#[cfg(feature = "std")]
#[test]
fn a_line_is_logged_for_each_call() {
    use grpc_sansio::grpc::Side;
    use grpc_sansio::intercept::{Logger, Record};
    use std::sync::{Arc, Mutex};

    let lines = Arc::new(Mutex::new(Vec::new()));
    let to = Arc::clone(&lines);
    let logger = Logger::new(move |record: &Record<'_>| {
        assert_eq!((record.path, record.side), ("/test.Service/Unary", Side::Client));
        to.lock().unwrap().push(record.to_string());
    });
    let mut connection = client(Scheme::Http);
    let mut begin = || intercept::open(&logger, &mut connection, at(1), &OpenOptions::new(&UNARY).deadline(at(9)));
    let (mut trailers, mut ok) = (metadata(&[("x-secret", "secret")]), Status::ok());
    begin().unwrap().1.end(&mut End::new(&mut ok, &mut trailers, at(3)));
    let mut hostile = Status::new(Code::NotFound, "a\nfalse line\u{1b}");
    let mut end = End::new(&mut hostile, &mut trailers, at(1));
    end.stopped = true;
    begin().unwrap().1.end(&mut end);
    let expected = [
        "client /test.Service/Unary Ok 2s",
        "client /test.Service/Unary NotFound 0ns (stopped) \"a\\nfalse line\\u{1b}\"",
    ];
    assert_eq!(*lines.lock().unwrap(), expected);
}
