//! What clients are told whose requests are no requests of gRPC.

use crate::raw::{Raw, Seen, framed, limits, server_config};
use crate::{CLIENT, Line, Mistake, line};
use grpc_sansio::grpc::{Code, Codings, Kind, percent};
use grpc_sansio::{Limits, Retry, Server, ServerConfig};

/// The answer to what a client says, as clients of gRPC print it; or the body, for those that speak HTTP alone.
fn said_to(config: &ServerConfig, say: impl FnOnce(&mut Raw<Server>)) -> Vec<Line> {
    let mut raw = Raw::server_with(config);
    say(&mut raw);
    raw.poll();
    let seen = raw.said_of_calls();
    let mut lines = Vec::new();
    for seen in &seen {
        if let Seen::Data { data, .. } = seen {
            lines.push(line("body", String::from_utf8_lossy(data)));
        }
        let (Some(status), Some(message)) = (seen.field("grpc-status"), seen.field("grpc-message")) else { continue };
        let code = Code::from_u32(status.parse().unwrap()).unwrap();
        let http = match seen.field(":status") {
            None | Some("200") => String::new(),
            Some(status) => format!("HTTP {status}, "),
        };
        lines.push(line(CLIENT, format!("{http}{code}: {}", percent::decode(message.as_bytes()))));
    }
    assert!(!lines.is_empty(), "{seen:?}");
    lines
}

fn said(say: impl FnOnce(&mut Raw<Server>)) -> Vec<Line> {
    said_to(&ServerConfig::default(), say)
}

/// A request with these fields instead of the usual ones.
fn request(fields: &[(&str, &str)]) -> Vec<Line> {
    said(|raw| raw.request(1, fields, true))
}

/// A unary request with this body.
fn body(limits: Limits, octets: &[u8]) -> Vec<Line> {
    said_to(&server_config(limits), |raw| {
        raw.request(1, &[], false);
        let id = raw.opened();
        raw.it.call(id).unwrap().expect(Kind::Unary).unwrap();
        raw.data(1, octets, true);
    })
}

pub(crate) const MISTAKES: &[Mistake] = &[
    Mistake {
        name: "A request has another content type",
        make: || request(&[("content-type", "application/json")]),
        layer: "gRPC",
        names: &["HTTP 415", "not a gRPC content-type: \"application/json\"", "G-018"],
        retry: Some(Retry::Useless),
    },
    Mistake {
        name: "A browser or curl asks with GET",
        make: || request(&[(":method", "GET")]),
        layer: "gRPC",
        names: &["HTTP 405", "method must be POST: \"GET\"", "G-020"],
        retry: Some(Retry::Useless),
    },
    Mistake {
        name: "The path has no slash",
        make: || request(&[(":path", "Unary")]),
        layer: "gRPC",
        names: &["UNIMPLEMENTED", "malformed method name: \"Unary\"", "G-022"],
        retry: Some(Retry::Useless),
    },
    Mistake {
        name: "A request is compressed in a coding that the server does not know",
        make: || {
            let codings = Codings::new(["gzip"]).unwrap();
            let config = ServerConfig::builder().codings(codings).build().unwrap();
            said_to(&config, |raw| raw.request(1, &[("grpc-encoding", "snappy")], true))
        },
        layer: "gRPC",
        names: &["UNIMPLEMENTED", "unsupported grpc-encoding: \"snappy\"", "supported: identity,gzip", "G-094"],
        retry: Some(Retry::Useless),
    },
    Mistake {
        name: "`grpc-timeout` cannot be read",
        make: || request(&[("grpc-timeout", "5 seconds")]),
        layer: "gRPC",
        names: &["malformed grpc-timeout: \"5 seconds\"", "G-126"],
        retry: Some(Retry::Useless),
    },
    Mistake {
        name: "A request comes after its deadline",
        make: || request(&[("grpc-timeout", "0m")]),
        layer: "gRPC",
        names: &["DEADLINE_EXCEEDED", "deadline already exceeded on arrival", "G-127"],
        retry: Some(Retry::Safe),
    },
    Mistake {
        name: "A request's metadata is too large for the server",
        make: || {
            let config = server_config(limits(|limits| limits.max_header_list = 1024));
            said_to(&config, |raw| raw.request(1, &[("x-long", &"v".repeat(1024))], true))
        },
        layer: "gRPC",
        names: &["HTTP 431", "RESOURCE_EXHAUSTED", "max_header_list", "G-032"],
        retry: Some(Retry::Useless),
    },
    Mistake {
        name: "A request message is too large",
        make: || body(limits(|limits| limits.max_receive_message = Some(1000)), &framed(&[7; 1001])),
        layer: "gRPC",
        names: &["RESOURCE_EXHAUSTED", "1001 octets", "max_receive_message, 1000", "G-067"],
        retry: Some(Retry::Useless),
    },
    Mistake {
        name: "A unary request has two messages",
        make: || body(Limits::default(), &framed(b"one").repeat(2)),
        layer: "gRPC",
        names: &["the client sent more", "G-080"],
        retry: Some(Retry::Useless),
    },
    Mistake {
        name: "A unary request has no message",
        make: || body(Limits::default(), b""),
        layer: "gRPC",
        names: &["the client sent none", "G-080"],
        retry: Some(Retry::Useless),
    },
    Mistake {
        name: "A request is cut short",
        make: || body(Limits::default(), &framed(b"question")[..8]),
        layer: "gRPC",
        names: &["inside a message", "G-073"],
        retry: Some(Retry::IfIdempotent),
    },
    Mistake {
        name: "A request is no gRPC message",
        make: || body(Limits::default(), b"{\"question\": 6}"),
        layer: "gRPC",
        names: &["message flags 0x7b", "G-066"],
        retry: Some(Retry::IfIdempotent),
    },
    Mistake {
        name: "A request is compressed, but names no coding",
        make: || body(Limits::default(), b"\x01\0\0\0\x01x"),
        layer: "gRPC",
        names: &["compressed", "no grpc-encoding", "G-096"],
        retry: Some(Retry::IfIdempotent),
    },
];
