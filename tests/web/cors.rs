//! Pages of other origins (G-326).

use crate::harness::{BINARY, Host, Response, frame, post};
use grpc_sansio::ServerConfig;
use grpc_sansio::web::{Config, Cors};
use std::time::Duration;

const PAGE: &str = "https://app.example";

fn host(cors: Cors) -> Host {
    Host::with(Config::default().cors(cors), ServerConfig::default())
}

fn preflight(host: &mut Host, origin: &str, headers: &str) -> Response {
    Response::of(&host.hear(format!(
        "OPTIONS /d.D/Say HTTP/1.1\r\nhost: d\r\norigin: {origin}\r\naccess-control-request-method: POST\r\n\
         access-control-request-headers: {headers}\r\n\r\n"
    )))
}

#[test]
fn g326_preflight() {
    let mut host = host(Cors::origins([PAGE]).max_age(Duration::from_secs(600)).credentials(true));
    let answer = preflight(&mut host, PAGE, "content-type,x-grpc-web,x-user-agent");
    assert_eq!((answer.status, answer.body.len()), (204, 0));
    for (name, value) in [
        ("access-control-allow-origin", PAGE),
        ("access-control-allow-methods", "POST"),
        ("access-control-allow-headers", "content-type,x-grpc-web,x-user-agent"),
        ("access-control-allow-credentials", "true"),
        ("access-control-max-age", "600"),
    ] {
        assert_eq!(answer.get(name), Some(value));
    }
    assert!(answer.get("vary").unwrap().contains("origin"));
    // The call itself, on the same connection.
    let response = Response::of(&host.hear(post("/d.D/Say", BINARY, &format!("origin: {PAGE}\r\n"), &frame(b"a"))));
    assert_eq!(response.get("access-control-allow-origin"), Some(PAGE));
    assert_eq!(host.seen[0], format!("/d.D/Say application/grpc+proto origin={PAGE}"));
}

#[test]
fn g326_other_origins_get_nothing() {
    for (mut host, origin) in [
        (host(Cors::origins([PAGE])), "https://app.example.evil"),
        (host(Cors::origins([PAGE])), "http://app.example"),
        (host(Cors::origins([PAGE])), "null"),
        (Host::new(), PAGE),
        (host(Cors::any()), &"x".repeat(513)),
        (host(Cors::any()), "https://\u{fc}.example"),
    ] {
        let answer = preflight(&mut host, origin, "content-type");
        assert_eq!((answer.status, answer.get("access-control-allow-origin")), (403, None));
        // Its own origin a page need not ask for, and a browser does not let the others read this.
        let response =
            Response::of(&host.hear(post("/d.D/Say", BINARY, &format!("origin: {origin}\r\n"), &frame(b"a"))));
        assert_eq!((response.status, response.get("access-control-allow-origin")), (200, None));
    }
    let two = "OPTIONS /d.D/Say HTTP/1.1\r\nhost: d\r\norigin: https://app.example\r\norigin: https://b\r\n\
               access-control-request-method: POST\r\n\r\n";
    assert_eq!(Response::of(&host(Cors::origins([PAGE])).hear(two)).status, 403);
}

/// What a page may read: the status always, and of the rest what the response has, or what is listed.
#[test]
fn g326_exposed() {
    let call = |cors: Cors, path| {
        let more = format!("origin: {PAGE}\r\nx-in: 1\r\n");
        Response::of(&host(cors).hear(post(path, BINARY, &more, &frame(b"a"))))
    };
    let status = "grpc-status, grpc-message, grpc-status-details-bin";
    let exposed = |response: &Response| response.get("access-control-expose-headers").unwrap().to_owned();
    assert_eq!(exposed(&call(Cors::any(), "/d.D/Say")), format!("{status}, x-out"));
    assert_eq!(exposed(&call(Cors::any().expose_headers(["x-a", "x-b"]), "/d.D/Say")), format!("{status}, x-a, x-b"));
    let refused = call(Cors::any(), "/d.D/Refuse");
    assert_eq!((refused.get("grpc-status"), &exposed(&refused)[..]), (Some("5"), status));
    assert_eq!(refused.get("vary"), Some("origin"));
}

#[test]
fn g326_allowed_headers_can_be_listed_and_are_not_echoed_without_end() {
    let answer = preflight(&mut host(Cors::any().allow_headers(["content-type", "x-a"])), PAGE, "x-b");
    assert_eq!(answer.get("access-control-allow-headers"), Some("content-type, x-a"));
    for (length, echoed) in [(4_096, true), (4_097, false)] {
        let answer = preflight(&mut host(Cors::any()), PAGE, &"h".repeat(length));
        assert_eq!(answer.get("access-control-allow-headers").is_some(), echoed);
    }
    let answer = preflight(&mut host(Cors::any()), PAGE, "x-\u{fc}");
    assert_eq!((answer.status, answer.get("access-control-allow-headers")), (204, None));
    // Without the two fields it is no preflight.
    let options = Response::of(&host(Cors::any()).hear("OPTIONS * HTTP/1.1\r\nhost: d\r\n\r\n"));
    assert_eq!((options.status, options.get("allow")), (204, Some("POST, OPTIONS")));
}
