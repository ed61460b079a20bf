//! A server whose client is the fuzzer: see `calls`.

use crate::calls::{self, Application, Play};
use crate::control::Control;
use grpc_sansio::frame::ErrorCode;
use grpc_sansio::grpc::{Code, Codings, Kind, Metadata, Status};
use grpc_sansio::testing::Record;
use grpc_sansio::{CallId, Connection, Event, Instant, Limits, Server, ServerConfig, ServerManagement};

const KINDS: [Kind; 4] = [Kind::Unary, Kind::ClientStreaming, Kind::ServerStreaming, Kind::BidiStreaming];

/// What a client sends, preface included, then two octets that steer.
pub fn run(data: &[u8]) {
    if let Some((wire, control)) = Control::split(data) {
        calls::run::<Server>(wire, control);
    }
}

impl Application for Server {
    const IS_CLIENT: bool = false;

    fn connect(limits: Limits, now: Instant) -> (Connection<Self>, u64) {
        let codings = Codings::new(["gzip"]).expect("a token");
        let mut management = ServerManagement::default();
        if limits.max_replies < 1_000 {
            // What comes behind more PINGs than are permitted.
            management.max_ping_strikes = None;
        }
        let config = ServerConfig::builder().limits(limits).management(management).codings(codings);
        let config = config.build().expect("consistent limits");
        (Connection::<Self>::new(&config, now), config.connection_bytes())
    }

    fn act(play: &mut Play<Self>, id: CallId, event: Event) {
        let policy = play.control.mode & 3;
        if let Event::Opened(_) = event {
            let number = play.calls.len();
            assert!(matches!(play.read(id), Some(Record::Request { .. })), "a head comes first");
            let kind = if policy == 1 { Kind::BidiStreaming } else { KINDS[number % 4] };
            let mut call = play.it.call(id).expect("it was just opened");
            call.expect(kind).expect("the kind is told once");
            play.life(id).single = !kind.client_streams();
            if policy == 3 && stop_early(play, id, number) {
                return;
            }
        }
        if policy == 2 {
            return;
        }
        while let Some(item) = play.read(id) {
            let Some(mut call) = play.it.call(id) else { return };
            match item {
                // A full queue loses it: this application is not the one that is tested.
                Record::Message { data, .. } if policy == 1 => _ = call.send(data),
                Record::HalfClose => {
                    _ = call.send(&b"hello"[..]);
                    call.finish(&Status::ok(), &Metadata::new());
                    return play.life(id).gone = true;
                }
                _ => {}
            }
        }
        if play.life(id).stopped {
            Self::let_go(play, id);
        }
    }

    fn let_go(play: &mut Play<Self>, id: CallId) {
        if let Some(call) = play.it.call(id) {
            call.release();
        }
        play.life(id).gone = true;
    }
}

/// Ends a call before its client has: by a status, by RST_STREAM, by letting go; whether it did.
fn stop_early(play: &mut Play<Server>, id: CallId, number: usize) -> bool {
    let mut call = play.it.call(id).expect("it was just opened");
    match number % 5 {
        0 => call.finish(&Status::new(Code::NotFound, "100 % gone"), &Metadata::new()),
        1 => call.reset(ErrorCode::INTERNAL_ERROR).expect("any code but REFUSED_STREAM"),
        2 => call.release(),
        3 => {
            // Metadata first, a large message, and the end.
            let mut metadata = Metadata::new();
            metadata.append("x-note", "early").expect("a name that is not reserved");
            call.send_head(&metadata).expect("nothing was sent before");
            _ = call.send(vec![7; 20_000]);
            call.finish(&Status::ok(), &metadata);
        }
        _ => return false,
    }
    play.life(id).gone = true;
    true
}
