//! What a gRPC peer says, frame by frame: well formed one by one, in any order, with HTTP/2 frames of all kinds between.

use crate::calls::{self, Application};
use crate::control::Control;
use crate::session::{Extra, Peer, Sent, id};
use arbitrary::{Arbitrary, Unstructured};
use grpc_sansio::frame::{Data, Frame};
use grpc_sansio::grpc::message::encode_message;

#[derive(Arbitrary, Debug)]
struct Script<'a> {
    preface: bool,
    mode: u8,
    cut: u8,
    said: Vec<Said<'a>>,
}

#[derive(Arbitrary, Debug)]
enum Said<'a> {
    /// Any frame of HTTP/2.
    Frame(Sent<'a>),
    /// A client's request, with one thing about it that may be unusual.
    Request { stream: u8, end: bool, oddity: Oddity<'a> },
    /// A server's response head.
    Response { stream: u8, oddity: Oddity<'a> },
    /// A server's end, behind a head or without one.
    Trailers { stream: u8, only: bool, code: u8, message: &'a [u8], oddity: Oddity<'a> },
    /// Whole messages of these lengths, cut into DATA frames without regard to where they begin.
    Messages { stream: u8, lengths: Vec<u16>, compressed: bool, frame: u16, padding: Option<u8>, end: bool },
    /// A prefix that announces what does not follow.
    Prefix { stream: u8, flag: u8, length: u32, octets: &'a [u8], end: bool },
    /// The same again and again.
    Calls { first: u8, count: u8, reset: bool },
}

#[derive(Arbitrary, Debug)]
enum Oddity<'a> {
    None,
    ContentType(u8),
    Encoding(u8),
    AcceptEncoding(u8),
    Timeout(u8, u32),
    Te(u8),
    Method(u8),
    Path(&'a [u8]),
    Status(u8),
    Details(&'a [u8]),
    Metadata(&'a [u8], &'a [u8]),
    ContentLength(u8),
    Long(u16),
}

const CONTENT_TYPES: [&str; 6] =
    ["application/grpc", "application/grpc+proto", "application/grpc;x=y", "text/html", "application/grpc-web", ""];
const CODINGS: [&str; 5] = ["identity", "gzip", "br", "gzip,identity", ""];
const METHODS: [&str; 4] = ["POST", "GET", "CONNECT", "post"];
const STATUSES: [&str; 8] = ["200", "404", "503", "100", "103", "204", "302", "429"];
const UNITS: [&str; 8] = ["n", "u", "m", "S", "M", "H", "", "s"];

fn one_of<'a, const N: usize>(list: &[&'a str; N], number: u8) -> &'a [u8] {
    list[usize::from(number) % N].as_bytes()
}

/// A script by `arbitrary`, played to one role.
pub(crate) fn run<R: Application>(data: &[u8]) {
    let Ok(script) = Script::arbitrary_take_rest(Unstructured::new(data)) else { return };
    let mut peer = Peer::new(!R::IS_CLIENT, script.preface);
    script.said.iter().for_each(|said| say(&mut peer, said));
    calls::run::<R>(&peer.into_wire(), Control { mode: script.mode, cut: script.cut });
}

fn say(peer: &mut Peer, said: &Said<'_>) {
    match said {
        Said::Frame(sent) => peer.send(sent),
        Said::Request { stream, end, oddity } => {
            let fields = [
                (":method", b"POST".as_slice()),
                (":scheme", b"http"),
                (":path", b"/fuzz/Unary"),
                (":authority", b"h"),
                ("te", b"trailers"),
                ("content-type", b"application/grpc"),
            ];
            block(peer, *stream, &fields, oddity, *end);
        }
        Said::Response { stream, oddity } => {
            block(peer, *stream, &[(":status", b"200"), ("content-type", b"application/grpc")], oddity, false);
        }
        Said::Trailers { stream, only, code, message, oddity } => {
            let code = code.to_string();
            let end = [("grpc-status", code.as_bytes()), ("grpc-message", message)];
            let head = [(":status", b"200".as_slice()), ("content-type", b"application/grpc")];
            let fields = if *only { [&head[..], &end].concat() } else { end.to_vec() };
            block(peer, *stream, &fields, oddity, true);
        }
        Said::Messages { stream, lengths, compressed, frame, padding, end } => {
            let mut body = Vec::new();
            for length in lengths.iter().take(8) {
                let message = vec![*length as u8; usize::from(*length)];
                encode_message(&message, *compressed, &mut body).expect("short");
            }
            let mut pieces = body.chunks(usize::from(*frame).clamp(1 + body.len() / 64, 16_000)).peekable();
            while let Some(piece) = pieces.next() {
                let end_stream = *end && pieces.peek().is_none();
                peer.frame(Frame::Data(Data { stream: id(*stream), data: piece, padding: *padding, end_stream }));
            }
        }
        Said::Prefix { stream, flag, length, octets, end } => {
            let data = [&[*flag][..], &length.to_be_bytes(), octets].concat();
            let data = &data[..data.len().min(16_000)];
            peer.frame(Frame::Data(Data { stream: id(*stream), data, padding: None, end_stream: *end }));
        }
        Said::Calls { first, count, reset } => (0..*count).for_each(|turn| {
            let stream = first.wrapping_add(turn);
            say(peer, &Said::Request { stream, end: !reset, oddity: Oddity::None });
            if *reset {
                peer.send(&Sent::Reset { stream, code: 8 });
            }
        }),
    }
}

/// A header block with one field replaced, or one more.
fn block(peer: &mut Peer, stream: u8, fields: &[(&str, &[u8])], oddity: &Oddity<'_>, end: bool) {
    let timeout;
    let (name, value): (&str, &[u8]) = match oddity {
        Oddity::None => return peer.block(stream, fields, None, end, false),
        Oddity::ContentType(number) => ("content-type", one_of(&CONTENT_TYPES, *number)),
        Oddity::Encoding(number) => ("grpc-encoding", one_of(&CODINGS, *number)),
        Oddity::AcceptEncoding(number) => ("grpc-accept-encoding", one_of(&CODINGS, *number)),
        Oddity::Timeout(unit, number) => {
            timeout = format!("{}{}", number % 200_000_000, UNITS[usize::from(*unit) % UNITS.len()]);
            ("grpc-timeout", timeout.as_bytes())
        }
        Oddity::Te(number) => ("te", one_of(&["trailers", "gzip", "", "trailers, gzip"], *number)),
        Oddity::Method(number) => (":method", one_of(&METHODS, *number)),
        Oddity::Path(path) => (":path", path),
        Oddity::Status(number) => (":status", one_of(&STATUSES, *number)),
        Oddity::Details(details) => ("grpc-status-details-bin", details),
        Oddity::Metadata(name, value) => {
            return peer.block(stream, fields, Some(&Extra::Field(name, value)), end, true);
        }
        Oddity::ContentLength(length) => {
            return peer.block(stream, fields, Some(&Extra::ContentLength(*length)), end, false);
        }
        Oddity::Long(length) => return peer.block(stream, fields, Some(&Extra::Long(*length)), end, true),
    };
    let mut fields = fields.to_vec();
    match fields.iter_mut().find(|(known, _)| *known == name) {
        Some(known) => known.1 = value,
        None => fields.push((name, value)),
    }
    peer.block(stream, &fields, None, end, false);
}
