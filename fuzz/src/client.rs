//! A client whose server is the fuzzer: see `calls`.

use crate::calls::{self, Application, Life, Play};
use crate::control::Control;
use grpc_sansio::grpc::{Codings, Kind, Method};
use grpc_sansio::testing::Record;
use grpc_sansio::{CallId, Client, ClientConfig, Connection, Event, Instant, Limits, OpenOptions};
use std::time::Duration;

static METHODS: [Method; 5] = [
    Method::from_static("/fuzz/Unary", Kind::Unary),
    Method::from_static("/fuzz/Upload", Kind::ClientStreaming),
    Method::from_static("/fuzz/Download", Kind::ServerStreaming),
    Method::from_static("/fuzz/Bidi", Kind::BidiStreaming),
    Method::from_static("/fuzz/Unary", Kind::Unary),
];

/// What a server sends, then two octets that steer.
pub fn run(data: &[u8]) {
    if let Some((wire, control)) = Control::split(data) {
        calls::run::<Client>(wire, control);
    }
}

impl Application for Client {
    const IS_CLIENT: bool = true;

    fn connect(limits: Limits, now: Instant) -> (Connection<Self>, u64) {
        let codings = Codings::new(["gzip"]).expect("a token");
        let config = ClientConfig::builder("h").limits(limits).codings(codings).build().expect("consistent limits");
        (Connection::<Self>::new(&config, now), config.connection_bytes())
    }

    /// One call of each kind, and one that may pass its deadline.
    fn begin(play: &mut Play<Self>) {
        for (number, method) in METHODS.iter().enumerate() {
            let mut options = OpenOptions::new(method);
            if number == 4 {
                options = options.deadline(play.now.saturating_add(Duration::from_secs(2)));
            }
            let Ok(id) = play.it.open(play.now, &options) else { return };
            let single = !method.kind().server_streams();
            play.calls.insert(id, Life { single, ..Life::default() });
            let mut call = play.it.call(id).expect("it was just opened");
            call.send(&b"hello"[..]).expect("an empty queue takes one");
            if method.kind().client_streams() {
                _ = call.send(vec![number as u8; 70_000]);
                if number == 1 {
                    call.half_close().expect("a message was sent");
                }
            }
        }
    }

    fn act(play: &mut Play<Self>, id: CallId, event: Event) {
        match play.control.mode & 3 {
            // Reads all that there is.
            0 => while play.read(id).is_some() {},
            // Answers each message where it may.
            1 => {
                while let Some(item) = play.read(id) {
                    let Some(mut call) = play.it.call(id) else { return };
                    if let Record::Message { data, .. } = item {
                        _ = call.send(data);
                        _ = call.half_close();
                    }
                }
            }
            // Never reads.
            2 => {}
            // Gives up every other call when something comes.
            _ => {
                if id.index().is_multiple_of(2) && !matches!(event, Event::Writable(_)) {
                    play.read(id);
                    Self::let_go(play, id);
                }
            }
        }
    }

    fn let_go(play: &mut Play<Self>, id: CallId) {
        if let Some(call) = play.it.call(id) {
            call.cancel();
        }
        play.life(id).gone = true;
    }
}
