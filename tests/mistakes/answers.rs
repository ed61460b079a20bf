//! What a client prints of servers, and of whatever else answers in their place, that do not speak gRPC as they should.

use crate::raw::{OK, RESPONSE, Raw, client_config, framed, limits};
use crate::{Line, Mistake, UNARY, outcome};
use grpc_sansio::frame::ErrorCode;
use grpc_sansio::grpc::Codings;
use grpc_sansio::{Client, ClientConfig, Limits, OpenOptions, Retry};

/// The outcome of a unary call that is answered like this.
fn answered_to(config: &ClientConfig, answer: impl FnOnce(&mut Raw<Client>)) -> Vec<Line> {
    let mut raw = Raw::client_with(config);
    let id = raw.request(&OpenOptions::new(&UNARY), b"question");
    answer(&mut raw);
    vec![outcome(&mut raw.it, id)]
}

fn answered(answer: impl FnOnce(&mut Raw<Client>)) -> Vec<Line> {
    answered_to(&client_config(Limits::default()), answer)
}

/// An answer of HTTP without gRPC.
fn page(status: &str, content_type: &str, body: &str) -> Vec<Line> {
    answered(|raw| {
        raw.headers(1, &[(":status", status), ("content-type", content_type)], false);
        raw.data(1, body.as_bytes(), true);
    })
}

/// A response with these octets in its body, and trailers that say OK.
fn body(octets: &[u8]) -> Vec<Line> {
    answered(|raw| {
        raw.headers(1, &RESPONSE, false);
        raw.data(1, octets, false);
        raw.headers(1, &OK, true);
    })
}

fn trailers(trailers: &[(&str, &str)]) -> Vec<Line> {
    answered(|raw| {
        raw.headers(1, &RESPONSE, false);
        raw.data(1, &framed(b"answer"), false);
        raw.headers(1, trailers, true);
    })
}

pub(crate) const MISTAKES: &[Mistake] = &[
    Mistake {
        name: "A proxy answers 502 with a page of its own",
        make: || page("502", "text/html", "<html><h1>502 Bad Gateway</h1></html>"),
        layer: "gRPC",
        names: &["UNAVAILABLE", "text/html", "502 Bad Gateway", "G-048", "HTTP status 502"],
        retry: Some(Retry::IfIdempotent),
    },
    Mistake {
        name: "A web server answers 404",
        make: || page("404", "text/html; charset=utf-8", "404 page not found"),
        layer: "gRPC",
        names: &["UNIMPLEMENTED", "404 page not found", "HTTP status 404"],
        retry: Some(Retry::Useless),
    },
    Mistake {
        name: "A load balancer redirects",
        make: || page("302", "text/html", "Found"),
        layer: "gRPC",
        names: &["HTTP status 302", "a redirect, which gRPC does not follow"],
        retry: Some(Retry::IfIdempotent),
    },
    Mistake {
        name: "A gateway wants a login",
        make: || page("401", "application/json", "{\"error\":\"no token\"}"),
        layer: "gRPC",
        names: &["UNAUTHENTICATED", "application/json", "no token", "HTTP status 401"],
        retry: Some(Retry::Useless),
    },
    Mistake {
        name: "The server answers 200 with another content type",
        make: || page("200", "application/json", "{}"),
        layer: "gRPC",
        names: &["application/json", "G-048", "HTTP status 200"],
        retry: Some(Retry::IfIdempotent),
    },
    Mistake {
        name: "Trailers are missing",
        make: || {
            answered(|raw| {
                raw.headers(1, &RESPONSE, false);
                raw.data(1, &framed(b"answer"), true);
            })
        },
        layer: "gRPC",
        names: &["stream closed without trailers", "G-052"],
        retry: Some(Retry::IfIdempotent),
    },
    Mistake {
        name: "Trailers come without `grpc-status`",
        make: || trailers(&[("x-request-id", "17")]),
        layer: "gRPC",
        names: &["missing grpc-status", "G-051"],
        retry: Some(Retry::IfIdempotent),
    },
    Mistake {
        name: "One header block ends the stream without `grpc-status`",
        make: || answered(|raw| raw.headers(1, &RESPONSE, true)),
        layer: "gRPC",
        names: &["missing grpc-status", "G-051"],
        retry: Some(Retry::IfIdempotent),
    },
    Mistake {
        name: "`grpc-status` is not a number",
        make: || trailers(&[("grpc-status", "NOT_FOUND")]),
        layer: "gRPC",
        names: &["malformed grpc-status \"NOT_FOUND\"", "G-056"],
        retry: Some(Retry::IfIdempotent),
    },
    Mistake {
        name: "The status is a code that gRPC does not have",
        make: || trailers(&[("grpc-status", "42"), ("grpc-message", "sold out")]),
        layer: "gRPC",
        names: &["grpc-status 42", "G-056", "sold out"],
        retry: Some(Retry::IfIdempotent),
    },
    Mistake {
        name: "A unary call is answered with two messages",
        make: || body(&framed(b"one").repeat(2)),
        layer: "gRPC",
        names: &["the server sent more", "G-081"],
        retry: Some(Retry::Useless),
    },
    Mistake {
        name: "A unary call is answered with no message",
        make: || body(b""),
        layer: "gRPC",
        names: &["the server sent none", "G-081"],
        retry: Some(Retry::Useless),
    },
    Mistake {
        name: "A response is cut short",
        make: || body(&framed(b"answer")[..8]),
        layer: "gRPC",
        names: &["inside a message", "G-061"],
        retry: Some(Retry::IfIdempotent),
    },
    Mistake {
        name: "A response message is too large",
        make: || {
            let config = client_config(limits(|limits| limits.max_receive_message = Some(1000)));
            answered_to(&config, |raw| {
                raw.headers(1, &RESPONSE, false);
                raw.data(1, &framed(&[7; 1001]), false);
            })
        },
        layer: "gRPC",
        names: &["RESOURCE_EXHAUSTED", "1001 octets", "max_receive_message, 1000", "G-067"],
        retry: Some(Retry::Useless),
    },
    Mistake {
        name: "A response is no gRPC message",
        make: || body(b"{\"answer\": 42}"),
        layer: "gRPC",
        names: &["message flags 0x7b", "G-066"],
        retry: Some(Retry::IfIdempotent),
    },
    Mistake {
        name: "A response is compressed, but names no coding",
        make: || body(b"\x01\0\0\0\x01x"),
        layer: "gRPC",
        names: &["compressed", "no grpc-encoding", "G-096"],
        retry: Some(Retry::IfIdempotent),
    },
    Mistake {
        name: "A response is compressed in a coding that the client does not know",
        make: || {
            let config = ClientConfig::builder("localhost").codings(Codings::new(["gzip"]).unwrap()).build().unwrap();
            answered_to(&config, |raw| {
                raw.headers(1, &[RESPONSE[0], RESPONSE[1], ("grpc-encoding", "snappy")], false);
                raw.data(1, b"\x01\0\0\0\x01x", false);
            })
        },
        layer: "gRPC",
        names: &["a grpc-encoding that this side does not know", "G-095"],
        retry: Some(Retry::IfIdempotent),
    },
    Mistake {
        name: "The server sends more metadata than the client takes",
        make: || {
            let config = client_config(limits(|limits| limits.max_header_list = 1024));
            answered_to(&config, |raw| {
                raw.headers(1, &[RESPONSE[0], RESPONSE[1], ("x-long", &"v".repeat(1024))], false);
            })
        },
        layer: "HTTP/2",
        names: &["RESOURCE_EXHAUSTED", "max_header_list"],
        retry: Some(Retry::Useless),
    },
    Mistake {
        name: "The server refuses the stream",
        make: || answered(|raw| raw.reset(1, ErrorCode::REFUSED_STREAM)),
        layer: "HTTP/2",
        names: &["UNAVAILABLE", "REFUSED_STREAM"],
        retry: Some(Retry::Safe),
    },
    Mistake {
        name: "The server resets the stream",
        make: || answered(|raw| raw.reset(1, ErrorCode::INTERNAL_ERROR)),
        layer: "HTTP/2",
        names: &["the server reset the stream with INTERNAL_ERROR"],
        retry: Some(Retry::IfIdempotent),
    },
];
