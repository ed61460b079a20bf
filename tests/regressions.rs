//! Faults that were found by review: each test builds the traffic that showed one and asserts the right behaviour.

use bytes::Buf;
use grpc_sansio::grpc::{Code, Kind, Metadata, Method, Status};
use grpc_sansio::hpack::{Encoder, Field};
use grpc_sansio::{
    CallId, Client, ClientConfig, Connection, Event, Instant, Item, Limits, OpenOptions, SendError, Server,
    ServerConfig, Stop, WriteBuf,
};
use std::time::Duration;

static UNARY: Method = Method::from_static("/s/Unary", Kind::Unary);
static BIDI: Method = Method::from_static("/s/Bidi", Kind::BidiStreaming);
const T0: Instant = Instant::from_nanos(0);
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const ES: u8 = 1;
const EH: u8 = 4;
const PADDED: u8 = 8;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut out = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    out.extend([kind, flags]);
    out.extend(stream.to_be_bytes());
    out.extend(payload);
    out
}

fn frames(mut octets: &[u8]) -> Vec<(u8, u8, u32, Vec<u8>)> {
    let mut all = Vec::new();
    while octets.len() >= 9 {
        let len = u32::from_be_bytes([0, octets[0], octets[1], octets[2]]) as usize;
        let stream = u32::from_be_bytes(octets[5..9].try_into().unwrap());
        all.push((octets[3], octets[4], stream, octets[9..9 + len].to_vec()));
        octets = &octets[9 + len..];
    }
    all
}

fn message(len: usize) -> Vec<u8> {
    let mut out = vec![0];
    out.extend((len as u32).to_be_bytes());
    out.resize(5 + len, 7);
    out
}

/// DATA frames of no more than 16 KiB.
fn data(stream: u32, octets: &[u8]) -> Vec<u8> {
    octets.chunks(16_384).flat_map(|piece| frame(DATA, 0, stream, piece)).collect()
}

fn drain<R: grpc_sansio::Role>(connection: &mut Connection<R>, now: Instant) -> Vec<u8> {
    let mut out = WriteBuf::new();
    let mut all = Vec::new();
    loop {
        connection.transmit(now, &mut out);
        if out.is_empty() {
            return all;
        }
        all.extend_from_slice(&out.copy_to_bytes(out.len()));
    }
}

/// A server whose peer is played frame by frame; both SETTINGS are acknowledged.
struct RawClient {
    server: Connection<Server>,
    encoder: Encoder,
    now: Instant,
}

impl RawClient {
    fn new(limits: Limits, settings: &[u8]) -> Self {
        let config = ServerConfig::builder().limits(limits).build().unwrap();
        let mut server = Connection::<Server>::new(&config, T0);
        server.receive(T0, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        server.receive(T0, &frame(SETTINGS, 0, 0, settings));
        drain(&mut server, T0);
        server.receive(T0, &frame(SETTINGS, 1, 0, &[]));
        assert_eq!(server.poll_event(), Some(Event::Ready));
        Self { server, encoder: Encoder::new(4096, 0), now: T0 }
    }

    fn request(&mut self, stream: u32, flags: u8, extra: &[(&str, &str)]) {
        let base =
            [(":method", "POST"), (":scheme", "http"), (":path", "/s/M"), (":authority", "a"), ("te", "trailers")];
        let has = |name: &str| extra.iter().any(|field| field.0 == name);
        let content_type = (!has("content-type")).then_some(("content-type", "application/grpc"));
        let all: Vec<_> = base.into_iter().chain(content_type).chain(extra.iter().copied()).collect();
        let mut block = Vec::new();
        let fields = all.iter().map(|(n, v)| Field::new(n.as_bytes(), v.as_bytes()));
        self.encoder.encode(fields, &mut block);
        let octets = if block.len() > 16_384 {
            panic!("keep it in one frame")
        } else {
            frame(HEADERS, flags | EH, stream, &block)
        };
        self.feed(&octets);
    }

    fn feed(&mut self, octets: &[u8]) {
        self.server.receive(self.now, octets);
    }

    /// Opens a call and reads its head, and whatever else is there.
    fn open(&mut self, stream: u32, extra: &[(&str, &str)]) -> CallId {
        self.request(stream, 0, extra);
        let id = loop {
            if let Event::Opened(id) = self.server.poll_event().expect("opened") {
                break id;
            }
        };
        while self.server.call(id).unwrap().read().is_some() {}
        id
    }

    fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.server.poll_event()).collect()
    }
}

/// A client whose peer is played frame by frame.
struct RawServer {
    client: Connection<Client>,
    encoder: Encoder,
}

impl RawServer {
    fn new(limits: Limits) -> Self {
        let config = ClientConfig::builder("a").limits(limits).build().unwrap();
        let mut client = Connection::<Client>::new(&config, T0);
        drain(&mut client, T0);
        client.receive(T0, &frame(SETTINGS, 0, 0, &[]));
        client.receive(T0, &frame(SETTINGS, 1, 0, &[]));
        Self { client, encoder: Encoder::new(4096, 0) }
    }

    fn headers(&mut self, stream: u32, flags: u8, fields: &[(&str, &str)]) {
        let mut block = Vec::new();
        self.encoder.encode(fields.iter().map(|(n, v)| Field::new(n.as_bytes(), v.as_bytes())), &mut block);
        self.client.receive(T0, &frame(HEADERS, flags | EH, stream, &block));
    }
}

const HEAD: [(&str, &str); 2] = [(":status", "200"), ("content-type", "application/grpc")];

fn secs(seconds: u64) -> Instant {
    Instant::from_nanos(seconds * 1_000_000_000)
}

/// client.rs `response` holds the head without counting it, engine.rs `drop_call` uncounts it: `held_headers` underflows.
#[test]
fn a_client_may_cancel_with_an_unread_head() {
    let mut peer = RawServer::new(Limits::default());
    let id = peer.client.open(T0, &OpenOptions::new(&BIDI)).unwrap();
    drain(&mut peer.client, T0);
    peer.headers(1, 0, &HEAD);
    peer.client.call(id).unwrap().cancel();
    assert_eq!(peer.client.calls(), 0);
}

/// send: small message, a large one is refused as Full, `finish`: the queue drains to 0 in one turn, and `drained` takes it
/// for the body of a refusal: RST_STREAM, no trailers.
#[test]
fn trailers_are_sent_after_a_refused_send() {
    let mut peer = RawClient::new(Limits::default(), &[]);
    let id = peer.open(1, &[]);
    let mut call = peer.server.call(id).unwrap();
    call.send(vec![1; 10]).unwrap();
    assert!(matches!(call.send(vec![1; 65_536]), Err(SendError::Full(_))));
    call.finish(&Status::new(Code::ResourceExhausted, "slow"), &Metadata::new());
    let sent = frames(&drain(&mut peer.server, T0));
    let trailers = sent.iter().filter(|f| f.0 == HEADERS && f.2 == 1 && f.1 & ES != 0).count();
    assert_eq!(trailers, 1, "{sent:?}");
}

/// `End::Read` excludes a server's call from its deadline.
#[test]
fn a_deadline_fires_after_the_half_close_was_read() {
    let mut peer = RawClient::new(Limits::default(), &[]);
    peer.request(1, ES, &[("grpc-timeout", "1S")]);
    let Some(Event::Opened(id)) = peer.server.poll_event() else { panic!() };
    let mut call = peer.server.call(id).unwrap();
    assert!(matches!(call.read(), Some(Item::Head(_))));
    assert!(matches!(call.read(), Some(Item::End(_))));
    assert!(call.read().is_none());
    peer.server.handle_timeout(secs(2));
    let events = peer.events();
    assert!(events.contains(&Event::Stopped(id)), "{events:?}");
    assert_eq!(peer.server.call(id).unwrap().stopped(), Some(Stop::DeadlineExceeded));
    assert!(frames(&drain(&mut peer.server, secs(2))).iter().any(|f| f.0 == RST));
}

/// `assembly_stalled` does not ask whether anything is missing.
#[test]
fn a_large_message_that_has_arrived_does_not_stall() {
    let mut peer = RawClient::new(Limits::default(), &[]);
    let id = peer.open(1, &[]);
    let octets = message(400_000);
    peer.feed(&data(1, &octets[..50_000]));
    drain(&mut peer.server, T0);
    peer.feed(&data(1, &octets[50_000..]));
    peer.server.handle_timeout(secs(31));
    let mut call = peer.server.call(id).unwrap();
    assert_eq!(call.stopped(), None);
    assert!(matches!(call.read(), Some(Item::Message(m)) if m.len() == 400_000));
}

/// Reading a whole message of a call that was cancelled inside the next, large one "lends" octets that `http2.lend` does not
/// announce (the stream is closed); letting the call go withholds them from the connection's window for ever.
#[test]
fn cancelled_uploads_do_not_eat_the_connection_window() {
    let mut peer = RawClient::new(Limits::default(), &[]);
    let mut credit = 0i64; // what the connection window was given back, less what was sent
    for n in 0..3u32 {
        let stream = 2 * n + 1;
        let id = peer.open(stream, &[]);
        let sent = [message(10), message(4_000_000)[..100].to_vec()].concat();
        peer.feed(&data(stream, &sent));
        peer.feed(&frame(RST, 0, stream, &[0, 0, 0, 8]));
        let mut call = peer.server.call(id).unwrap();
        assert!(matches!(call.read(), Some(Item::Message(_))));
        assert!(call.read().is_none());
        call.release();
    }
    // An honest call: 6 MiB in messages that are read at once.
    let id = peer.open(7, &[]);
    let mut sent = 0i64;
    for _ in 0..48 {
        let octets = message(131_072);
        sent += octets.len() as i64;
        peer.feed(&data(7, &octets));
        while peer.server.call(id).is_some_and(|mut call| call.read().is_some()) {}
        for (kind, _, stream, payload) in frames(&drain(&mut peer.server, T0)) {
            if kind == WINDOW_UPDATE && stream == 0 {
                credit += i64::from(u32::from_be_bytes(payload.try_into().unwrap()));
            }
        }
        if peer.server.error().is_some() {
            break;
        }
    }
    assert!(peer.server.error().is_none(), "{:?} after {sent} sent, {credit} credited", peer.server.error());
    assert!(sent - credit < 1 << 20, "{sent} sent and read, {credit} credited");
}

/// `check_loan` runs for each piece of a DATA frame, and what of the frame has not been cut off yet counts as missing.
#[test]
fn output_does_not_depend_on_the_cuts() {
    let run = |cut: usize| {
        let mut peer = RawClient::new(Limits::default(), &[]);
        let id = peer.open(1, &[]);
        peer.feed(&data(1, &message(100)));
        while peer.server.call(id).unwrap().read().is_some() {}
        let second = data(1, &message(100));
        peer.feed(&second[..cut]);
        peer.feed(&second[cut..]);
        drain(&mut peer.server, T0)
    };
    assert_eq!(run(50), run(0));
}

/// The same, worse: a frame cut inside asks for a loan that is not needed; with the budget at 0 (messages never exceed the
/// window, so `check` allows it) it never comes, and a waiting call is never told of the credit it is owed.
#[test]
fn a_cut_does_not_hang_a_call_without_budget() {
    let mut limits = Limits::default();
    (limits.call_window, limits.max_receive_message, limits.assembly_budget) = (65_535, Some(65_000), 0);
    let mut peer = RawClient::new(limits, &[]);
    let id = peer.open(1, &[]);
    let mut window = 65_535i64;
    let mut cut_last = true;
    for (n, size) in [60_000, 30_000, 60_000].into_iter().enumerate() {
        let octets = message(size);
        let mut at = 0;
        while at < octets.len() {
            let len = (octets.len() - at).min(16_384).min(window as usize);
            assert!(len > 0, "message {n}: {} octets short, and no credit came", octets.len() - at);
            let wire = frame(DATA, 0, 1, &octets[at..at + len]);
            (at, window) = (at + len, window - len as i64);
            let cut = if at == octets.len() && cut_last { 100 } else { 0 };
            peer.feed(&wire[..cut]);
            peer.feed(&wire[cut..]);
            for (kind, _, stream, payload) in frames(&drain(&mut peer.server, T0)) {
                if kind == WINDOW_UPDATE && stream == 1 {
                    window += i64::from(u32::from_be_bytes(payload.try_into().unwrap()));
                }
            }
        }
        cut_last = false;
        assert!(matches!(peer.server.call(id).unwrap().read(), Some(Item::Message(_))));
        assert!(peer.server.call(id).unwrap().read().is_none());
        for (kind, _, stream, payload) in frames(&drain(&mut peer.server, T0)) {
            if kind == WINDOW_UPDATE && stream == 1 {
                window += i64::from(u32::from_be_bytes(payload.try_into().unwrap()));
            }
        }
    }
}

/// `go_away` treats a server's zombies as a client's unprocessed calls: a second Stopped, another reason, a half-close that
/// never was.
#[test]
fn goaway_of_a_client_leaves_stopped_calls_alone() {
    let mut peer = RawClient::new(Limits::default(), &[]);
    let id = peer.open(1, &[]);
    peer.feed(&frame(RST, 0, 1, &[0, 0, 0, 8]));
    assert_eq!(peer.events()[0], Event::Stopped(id));
    while peer.server.call(id).unwrap().read().is_some() {}
    peer.feed(&frame(GOAWAY, 0, 0, &[0; 8]));
    let mut call = peer.server.call(id).unwrap();
    assert_eq!(call.stopped(), Some(Stop::Cancelled));
    assert!(call.read().is_none(), "a half-close that the client never sent");
    assert_eq!(peer.events(), [Event::Draining]);
}

/// END_STREAM on HEADERS: the half-close is readable behind the head, the call is new, and Readable never comes. The
/// README's own loop, which waits for Readable, never answers such a call.
#[test]
fn a_half_close_in_headers_is_told() {
    let mut peer = RawClient::new(Limits::default(), &[]);
    peer.request(1, ES, &[]);
    let Some(Event::Opened(id)) = peer.server.poll_event() else { panic!() };
    assert!(matches!(peer.server.call(id).unwrap().read(), Some(Item::Head(_))));
    assert_eq!(peer.events(), [Event::Readable(id)]);
}

/// `drained` raises Writable on a call that `finish` let go of.
#[test]
fn no_event_names_a_call_that_was_let_go() {
    let mut peer = RawClient::new(Limits::default(), &[]);
    let id = peer.open(1, &[]);
    let mut call = peer.server.call(id).unwrap();
    while call.send(vec![1; 1_000]).is_ok() {}
    call.finish(&Status::ok(), &Metadata::new());
    peer.server.transmit(T0, &mut WriteBuf::with_target(40_000));
    let events = peer.events();
    assert!(peer.server.call(id).is_none());
    assert_eq!(events, []);
}

/// A client that accepts tiny header lists only: the response that does not fit is replaced, the replacement does not fit
/// either, the stream is reset, and the finished call is never dropped. (T-21 wants such values read as 1,024 at least.)
#[test]
fn a_finished_call_that_cannot_be_answered_goes() {
    let mut peer = RawClient::new(Limits::default(), &[0, 6, 0, 0, 0, 50]);
    let id = peer.open(1, &[]);
    let mut call = peer.server.call(id).unwrap();
    call.send(vec![1]).unwrap();
    call.finish(&Status::ok(), &Metadata::new());
    drain(&mut peer.server, T0);
    assert_eq!((peer.server.calls(), peer.server.zombie_calls()), (0, 0));
}

/// `tell_available` compares with `max_waiting_calls` alone, `open` with the free places too.
#[test]
fn available_is_told_where_no_call_may_wait() {
    let mut limits = Limits::default();
    limits.max_waiting_calls = 0;
    let config = ClientConfig::builder("a").limits(limits).build().unwrap();
    let mut client = Connection::<Client>::new(&config, T0);
    drain(&mut client, T0);
    client.receive(T0, &frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 1]));
    let id = client.open(T0, &OpenOptions::new(&BIDI)).unwrap();
    drain(&mut client, T0);
    assert!(client.open(T0, &OpenOptions::new(&BIDI)).is_err());
    client.call(id).unwrap().cancel();
    drain(&mut client, T0);
    let events: Vec<_> = std::iter::from_fn(|| client.poll_event()).collect();
    assert!(events.contains(&Event::Available), "{events:?}");
    assert!(client.open(T0, &OpenOptions::new(&BIDI)).is_ok());
}

/// A small message that nobody reads takes the large buffer that was just given back; one for each call.
#[test]
fn small_messages_do_not_hold_large_buffers() {
    let mut peer = RawClient::new(Limits::default(), &[]);
    let ids: Vec<_> = (0..100).map(|n| peer.open(2 * n + 1, &[])).collect();
    let large = data(1, &message(200_000));
    for n in 1..100 {
        peer.feed(&large);
        while peer.server.call(ids[0]).unwrap().read().is_some() {}
        let _ = peer.events();
        drain(&mut peer.server, T0);
        peer.feed(&data(2 * n + 1, &message(1)));
    }
    let (used, bound) = (peer.server.heap_size() as u64, Limits::default().connection_bytes());
    assert!(used <= bound, "{used} of {bound}");
}

/// Heads and trailers that a client has not read are in no bound.
#[test]
fn unread_responses_are_bounded() {
    let mut peer = RawServer::new(Limits::default());
    let long = "x".repeat(15_000);
    for n in 0..1_000u32 {
        peer.client.open(T0, &OpenOptions::new(&BIDI)).unwrap();
        drain(&mut peer.client, T0);
        let head = [HEAD[0], HEAD[1], ("k", &long)];
        peer.headers(2 * n + 1, 0, &head);
        peer.headers(2 * n + 1, ES, &[("grpc-status", "0"), ("k", &long)]);
    }
    assert!(peer.client.error().is_none());
    let (used, bound) = (peer.client.heap_size() as u64, Limits::default().connection_bytes());
    assert!(used <= bound, "{used} of {bound}");
}

/// A buffer that grows by doubling holds twice its octets; the bound allows a quarter more.
#[test]
fn buffers_of_messages_stay_in_the_bound() {
    let mut limits = Limits::default();
    (limits.max_receive_message, limits.assembly_budget, limits.max_waiting_calls) = (Some(100_000), 0, 0);
    (limits.call_window, limits.max_concurrent_calls) = (256 * 1024, 16);
    let mut peer = RawClient::new(limits.clone(), &[]);
    for n in 0..16 {
        let stream = 2 * n + 1;
        peer.open(stream, &[]);
        for _ in 0..124 {
            let octets = message(2_100);
            peer.feed(&[frame(DATA, 0, stream, &octets[..2_104]), frame(DATA, 0, stream, &octets[2_104..])].concat());
        }
    }
    assert!(peer.server.error().is_none());
    let (used, bound) = (peer.server.heap_size() as u64, limits.connection_bytes());
    assert!(used <= bound, "{used} of {bound}");
}

/// The `content-type` to be echoed is kept, whole, outside of `held_headers`.
#[test]
fn the_content_type_to_echo_is_bounded() {
    let mut limits = Limits::default();
    (limits.max_receive_message, limits.assembly_budget, limits.max_waiting_calls) = (Some(60_000), 0, 0);
    (limits.call_window, limits.connection_window) = (65_535, 65_535);
    let mut peer = RawClient::new(limits.clone(), &[]);
    let long = format!("application/grpc+{}", "x".repeat(15_000));
    for n in 0..100 {
        peer.open(2 * n + 1, &[("content-type", &long)]);
    }
    let (used, bound) = (peer.server.heap_size() as u64, limits.connection_bytes());
    assert!(used <= bound, "{used} of {bound}");
}

/// Each loan adds a timer; a timer that comes up while a later loan is out adds itself again. The heap grows with the
/// messages of one call, and once it is past its slack every loan scans it.
#[test]
fn timers_of_loans_do_not_pile_up() {
    let mut limits = Limits::default();
    (limits.call_window, limits.connection_window) = (65_535, 65_535);
    let mut peer = RawClient::new(limits, &[]);
    let id = peer.open(1, &[]);
    let octets = message(80_000);
    let mut sizes = Vec::new();
    for n in 0..4_000 {
        peer.feed(&data(1, &octets[..40_000]));
        drain(&mut peer.server, T0);
        peer.feed(&data(1, &octets[40_000..]));
        while peer.server.call(id).unwrap().read().is_some() {}
        drain(&mut peer.server, T0);
        if n % 1_000 == 100 {
            sizes.push(peer.server.heap_size());
        }
    }
    assert!(peer.server.error().is_none(), "{:?}", peer.server.error());
    assert!(sizes[3] < sizes[0] + 4_096, "{sizes:?}");
}

/// The clock of `header_block_timeout` starts when the HEADERS frame is complete, so a dribbled one has for ever.
#[test]
fn a_dribbled_headers_frame_times_out() {
    let mut peer = RawClient::new(Limits::default(), &[]);
    peer.feed(&frame(HEADERS, EH | ES, 1, &[0x82; 100])[..50]);
    assert!(peer.server.poll_timeout().is_some(), "from its first octet to its last");
    peer.server.handle_timeout(secs(11));
    assert!(peer.server.error().is_some());
}

/// Refusals for `held_headers` are charged to no guard, and not counted.
#[test]
fn refusals_for_held_headers_are_charged() {
    let mut limits = Limits::default();
    (limits.held_headers, limits.resets, limits.resets_per_second) = (16_384, 100, 0);
    limits.max_concurrent_calls = 5;
    let mut peer = RawClient::new(limits, &[]);
    let long = "x".repeat(15_000);
    peer.request(1, ES, &[("k", &long)]);
    for n in 1..300 {
        peer.request(2 * n + 1, ES, &[("k", &long)]);
        drain(&mut peer.server, T0);
    }
    assert!(peer.server.counters().streams_refused > 0);
    assert!(peer.server.error().is_some());
}

/// "these stay readable": not on a server that had to end the call itself.
#[test]
fn whole_messages_stay_readable_after_a_fault() {
    let mut peer = RawClient::new(Limits::default(), &[]);
    let id = peer.open(1, &[]);
    peer.feed(&data(1, &[message(10), vec![9, 0, 0, 0, 0]].concat()));
    assert_eq!(peer.events(), [Event::Stopped(id), Event::Readable(id)]);
    assert!(matches!(peer.server.call(id).unwrap().read(), Some(Item::Message(_))));
}

/// The reason of a GOAWAY is forgotten where the connection had no calls left.
#[test]
fn the_code_of_a_goaway_is_told() {
    let mut peer = RawServer::new(Limits::default());
    let mut goaway = vec![0, 0, 0, 0, 0, 0, 0, 11];
    goaway.extend(b"too_many_pings");
    peer.client.receive(T0, &frame(GOAWAY, 0, 0, &goaway));
    let events: Vec<_> = std::iter::from_fn(|| peer.client.poll_event()).collect();
    assert!(events.contains(&Event::Closed), "{events:?}");
    assert!(peer.client.error().is_some(), "ENHANCE_YOUR_CALM, too_many_pings");
}

/// `http2::Connection::send` with a `write` that shortens the buffer leaves an empty chunk; `write_data` spins on it.
#[test]
fn an_empty_chunk_does_not_hang_transmit() {
    use grpc_sansio::http2::{Config, Connection, Side, Transmit};
    let (done, wait) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut client = Connection::new(Side::Client, Config::new(Side::Client), T0);
        let stream = client.open(()).unwrap();
        client.send(stream, |buffer| buffer.extend_from_slice(&[1; 10]));
        client.send(stream, |buffer| buffer.clear());
        client.send_shared(stream, vec![2; 5_000].into());
        let mut out = WriteBuf::new();
        loop {
            match client.transmit_step(T0, &mut out) {
                Transmit::Head(key) => client.send_head(key, [Field::new(b":method", b"GET")], false, &mut out),
                Transmit::Done => break,
                _ => {}
            }
        }
        done.send(()).unwrap();
    });
    assert!(wait.recv_timeout(Duration::from_secs(3)).is_ok());
}

/// A call that ended by trailers is told to have stopped, by the timer of a message that will never come.
#[test]
fn a_call_that_has_ended_does_not_stop() {
    let mut peer = RawServer::new(Limits::default());
    let id = peer.client.open(T0, &OpenOptions::new(&BIDI)).unwrap();
    drain(&mut peer.client, T0);
    peer.headers(1, 0, &HEAD);
    peer.client.receive(T0, &data(1, &message(1_000_000)[..1_000]));
    peer.headers(1, ES, &[("grpc-status", "3")]);
    while peer.client.poll_event().is_some() {}
    peer.client.handle_timeout(secs(31));
    assert_eq!(peer.client.poll_event(), None);
    assert_eq!(peer.client.call(id).unwrap().stopped(), None);
}

/// A client: the large response has arrived, its trailers take longer than `assembly_timeout`.
#[test]
fn a_large_response_may_wait_for_its_trailers() {
    let mut peer = RawServer::new(Limits::default());
    let id = peer.client.open(T0, &OpenOptions::new(&UNARY)).unwrap();
    peer.client.call(id).unwrap().send(vec![1]).unwrap();
    drain(&mut peer.client, T0);
    peer.headers(1, 0, &HEAD);
    let octets = message(400_000);
    peer.client.receive(T0, &data(1, &octets[..50_000]));
    drain(&mut peer.client, T0);
    peer.client.receive(T0, &data(1, &octets[50_000..]));
    peer.client.handle_timeout(secs(31));
    assert_eq!(peer.client.call(id).unwrap().stopped(), None);
}

/// A finished call whose octets wait for a window that the peer never opens outlives its deadline, for ever.
#[test]
fn a_deadline_ends_a_finished_call_that_cannot_leave() {
    let mut peer = RawClient::new(Limits::default(), &[0, 4, 0, 0, 0, 0]);
    let id = peer.open(1, &[("grpc-timeout", "1S")]);
    let mut call = peer.server.call(id).unwrap();
    call.send(vec![1; 10]).unwrap();
    call.finish(&Status::ok(), &Metadata::new());
    drain(&mut peer.server, T0);
    peer.server.handle_timeout(secs(3));
    assert!(frames(&drain(&mut peer.server, secs(3))).iter().any(|f| f.0 == RST));
    assert_eq!(peer.server.calls(), 0);
}

/// A call whose response was read was processed, whatever RST_STREAM or GOAWAY say later.
#[test]
fn a_call_with_a_response_was_processed() {
    for (kind, stream, payload) in [(RST, 1, vec![0, 0, 0, 7]), (GOAWAY, 0, vec![0; 8])] {
        let mut peer = RawServer::new(Limits::default());
        let id = peer.client.open(T0, &OpenOptions::new(&BIDI)).unwrap();
        drain(&mut peer.client, T0);
        peer.headers(1, 0, &HEAD);
        peer.client.receive(T0, &data(1, &message(10)));
        peer.client.receive(T0, &frame(kind, 0, stream, &payload));
        let mut call = peer.client.call(id).unwrap();
        assert!(matches!(call.read(), Some(Item::Head(_))));
        assert!(matches!(call.read(), Some(Item::Message(_))));
        let Some(Item::End(outcome)) = call.read() else { panic!() };
        assert!(!outcome.unprocessed(), "{:?}", outcome.status());
    }
}

/// The second message of a unary response is too many when its prefix arrives; one that is larger than the window never
/// arrives whole, since the held first message keeps the loan away: the call hangs.
#[test]
fn a_second_message_is_too_many_from_its_prefix() {
    let mut peer = RawServer::new(Limits::default());
    let id = peer.client.open(T0, &OpenOptions::new(&UNARY)).unwrap();
    peer.client.call(id).unwrap().send(vec![1]).unwrap();
    drain(&mut peer.client, T0);
    peer.headers(1, 0, &HEAD);
    let octets = [message(10), message(1_000_000)].concat();
    peer.client.receive(T0, &data(1, &octets[..262_144]));
    assert!(!frames(&drain(&mut peer.client, T0)).is_empty());
    assert!(peer.client.call(id).unwrap().is_readable());
}

/// Defaults, both ends ours, every reader reads: 100 unary calls of 200 KB each, whose beginnings alone would fill the
/// connection's window.
#[test]
fn many_half_arrived_messages_do_not_deadlock() {
    let mut client = Connection::<Client>::new(&ClientConfig::builder("a").build().unwrap(), T0);
    let mut server = Connection::<Server>::new(&ServerConfig::default(), T0);
    for _ in 0..100 {
        let id = client.open(T0, &OpenOptions::new(&UNARY)).unwrap();
        client.call(id).unwrap().send(vec![1; 200_000]).unwrap();
    }
    let (mut read, mut shed) = (0, 0);
    for _ in 0..100_000 {
        let to_server = drain(&mut client, T0);
        server.receive(T0, &to_server);
        while let Some(event) = server.poll_event() {
            let (Event::Opened(id) | Event::Readable(id) | Event::Stopped(id)) = event else { continue };
            let mut call = server.call(id).unwrap();
            while let Some(item) = call.read() {
                read += usize::from(matches!(item, Item::Message(_)));
            }
            if call.stopped().is_some() {
                shed += 1;
                call.release();
            }
        }
        let to_client = drain(&mut server, T0);
        client.receive(T0, &to_client);
        if to_server.is_empty() && to_client.is_empty() {
            break;
        }
    }
    assert_eq!((read, shed), (100, 0), "{} octets wait, {:?}", client.queued(), server.poll_timeout());
}

/// Some peers end a stream only while its window is open, though an end takes none of it: a call that holds its message
/// until the end must leave them an octet, whether the message fits the window exactly or was lent what it lacked.
#[test]
fn the_window_stays_open_until_the_end() {
    for size in [262_139, 262_138, 300_000, 65_536] {
        let mut peer = RawServer::new(Limits::default());
        let id = peer.client.open(T0, &OpenOptions::new(&UNARY)).unwrap();
        peer.client.call(id).unwrap().send(vec![1]).unwrap();
        drain(&mut peer.client, T0);
        peer.headers(1, 0, &HEAD);
        let octets = message(size);
        let mut window = 262_144;
        for piece in octets.chunks(16_384) {
            window -= piece.len() as i64;
            peer.client.receive(T0, &data(1, piece));
            for (kind, _, stream, payload) in frames(&drain(&mut peer.client, T0)) {
                if (kind, stream) == (WINDOW_UPDATE, 1) {
                    window += i64::from(u32::from_be_bytes(payload[..4].try_into().unwrap()));
                }
            }
        }
        assert!(window > 0, "{size}: {window}");
        peer.headers(1, ES, &[("grpc-status", "0")]);
        let mut call = peer.client.call(id).unwrap();
        assert!(matches!(call.read(), Some(Item::Head(_))));
        assert!(matches!(call.read(), Some(Item::Message(message)) if message.len() == size));
        assert!(matches!(call.read(), Some(Item::End(outcome)) if outcome.status().is_ok()));
    }
}

/// A method that answers with one message has room for no second one.
#[test]
fn writable_means_that_a_message_may_be_sent() {
    let mut peer = RawClient::new(Limits::default(), &[]);
    let id = peer.open(1, &[]);
    let mut call = peer.server.call(id).unwrap();
    call.expect(Kind::ClientStreaming).unwrap();
    assert!(call.is_writable());
    call.send(vec![1]).unwrap();
    assert!(!call.is_writable());
    drain(&mut peer.server, T0);
    assert!(!peer.server.call(id).unwrap().is_writable());
}

/// Calls whose turn had come, but whose HEADERS had found no room in the output, started above a limit that fell meanwhile.
#[test]
fn a_lowered_limit_holds_for_calls_that_have_not_left() {
    let mut peer = RawServer::new(Limits::default());
    drain(&mut peer.client, T0);
    let ids: Vec<_> = (0..10).map(|_| peer.client.open(T0, &OpenOptions::new(&BIDI)).unwrap()).collect();
    let mut out = WriteBuf::with_target(1);
    peer.client.transmit(T0, &mut out);
    assert_eq!(frames(&out.copy_to_bytes(out.len())).len(), 1, "one HEADERS, and no room for more");
    let limit = |limit| frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, limit]);
    peer.client.receive(T0, &limit(2));
    let heads = |client: &mut Connection<Client>| -> Vec<u32> {
        frames(&drain(client, T0)).iter().filter(|frame| frame.0 == HEADERS).map(|frame| frame.2).collect()
    };
    assert_eq!(heads(&mut peer.client), [3]);
    // Those that wait keep their order, and one of them may be let go.
    peer.client.call(ids[2]).unwrap().cancel();
    peer.client.receive(T0, &limit(9));
    assert_eq!(heads(&mut peer.client), [5, 7, 9, 11, 13, 15, 17]);
    assert_eq!(peer.client.calls(), 9);
}

/// An idle connection whose transport ended between two frames was said to have broken.
#[test]
fn an_idle_transport_ends_gracefully() {
    let ended = |octets: &[u8], call: bool| {
        let mut peer = RawServer::new(Limits::default());
        if call {
            peer.client.open(T0, &OpenOptions::new(&BIDI)).unwrap();
        }
        peer.client.receive(T0, octets);
        peer.client.receive_eof(T0);
        assert!(std::iter::from_fn(|| peer.client.poll_event()).any(|event| event == Event::Closed));
        peer.client.error().map(|error| error.to_string())
    };
    assert_eq!(ended(&[], false), None);
    assert!(ended(&[], true).is_some_and(|error| error.contains("end of input")));
    assert!(ended(&[0, 0], false).is_some_and(|error| error.contains("inside a frame")));
    // What the peer said before it closed is the reason.
    let calm = frame(GOAWAY, 0, 0, &[0, 0, 0, 0, 0, 0, 0, 11]);
    assert!(ended(&calm, false).is_some_and(|error| error.contains("ENHANCE_YOUR_CALM")));
}

/// A server that gives credit for each small message, to the stream and to the connection, spent the glitch guard.
#[test]
fn small_window_updates_that_answer_data_are_free() {
    let mut peer = RawServer::new(Limits::default());
    let update = |stream, octets: u32| frame(WINDOW_UPDATE, 0, stream, &octets.to_be_bytes());
    peer.client.receive(T0, &frame(SETTINGS, 0, 0, &[0, 4, 0, 16, 0, 0]));
    peer.client.receive(T0, &update(0, 1 << 20));
    let id = peer.client.open(T0, &OpenOptions::new(&BIDI)).unwrap();
    let before = peer.client.guards().glitches.most;
    for _ in 0..1_000 {
        peer.client.call(id).unwrap().send(vec![1; 95]).unwrap();
        drain(&mut peer.client, T0);
        peer.client.receive(T0, &[update(0, 100), update(1, 100)].concat());
    }
    assert_eq!((peer.client.guards().glitches.most, peer.client.counters().small_updates_received), (before, 2_000));
    // What answers nothing costs what it did.
    (0..80).for_each(|_| peer.client.receive(T0, &update(0, 1)));
    assert_eq!(peer.client.guards().glitches.most, before + 10);
}

/// Ordinary requests, as many as there may be calls, arrived in one read, and a third of them was refused.
#[test]
fn a_thousand_requests_in_one_read() {
    let mut limits = Limits::default();
    limits.max_concurrent_calls = 1_000;
    let config = ServerConfig::builder().limits(limits.clone()).build().unwrap();
    let mut server = Connection::<Server>::new(&config, T0);
    let mut client = Connection::<Client>::new(&ClientConfig::builder("a").build().unwrap(), T0);
    client.receive(T0, &drain(&mut server, T0));
    (0..1_000).for_each(|_| _ = client.open(T0, &OpenOptions::new(&BIDI)).unwrap());
    server.receive(T0, &drain(&mut client, T0));
    assert_eq!((server.calls(), server.counters().streams_refused), (1_000, 0));
    let (used, bound) = (server.heap_size() as u64, config.connection_bytes());
    assert!(used <= bound, "{used} of {bound}");
}

/// The trailers of a call that was cancelled meanwhile are decoded for the table's sake (H-021), into memory that only the
/// end of a call gave back: an idle connection kept more than 100 KiB for ever.
#[test]
fn a_late_header_block_takes_no_memory_for_good() {
    let mut peer = RawServer::new(Limits::default());
    let id = peer.client.open(T0, &OpenOptions::new(&UNARY)).unwrap();
    peer.client.call(id).unwrap().send(vec![1]).unwrap();
    drain(&mut peer.client, T0);
    peer.client.call(id).unwrap().cancel();
    drain(&mut peer.client, T0);
    peer.client.handle_timeout(secs(2));
    assert_eq!(peer.client.poll_timeout(), None);
    let before = peer.client.heap_size();

    let long = "x".repeat(12_000);
    peer.encoder = Encoder::new(0, 0);
    peer.headers(1, ES, &[("grpc-status", "0"), ("long", &long)]);
    assert_eq!(peer.client.error(), None);
    assert!(peer.client.heap_size() > before + 12_000, "this test needs a block that is decoded");
    let due = peer.client.poll_timeout().expect("a date to give it back");
    peer.client.handle_timeout(due);
    assert!(peer.client.heap_size() <= before + 4_096, "{} octets are kept", peer.client.heap_size());
    assert_eq!(peer.client.poll_timeout(), None);

    // What is small is kept: a PING now and then starts no timer.
    peer.client.receive(secs(9), &frame(6, 0, 0, &[0; 8]));
    assert_eq!(peer.client.poll_timeout(), None);
}

/// What the end of the transport cut off was kept by `trim`, though nothing can follow.
#[test]
fn a_connection_that_has_ended_keeps_no_part_of_a_frame() {
    let mut peer = RawServer::new(Limits::default());
    let mut cut_off = frame(HEADERS, EH, 1, &[0; 16_000]);
    cut_off.truncate(15_000);
    let before = peer.client.heap_size();
    peer.client.receive(T0, &cut_off);
    assert!(peer.client.heap_size() >= before + 14_991);
    peer.client.receive_eof(T0);
    peer.client.handle_timeout(secs(2));
    assert!(peer.client.heap_size() <= before + 4_096, "{} octets are kept", peer.client.heap_size());
}

/// A second message of a unary response was one too many from the first octet of its prefix on, if a read ended there; in
/// one piece its prefix was judged first, and found to be wrong in another way.
#[test]
fn a_bad_second_prefix_is_the_same_however_it_is_cut() {
    let outcome = |cut: usize| {
        let mut peer = RawServer::new(Limits::default());
        let id = peer.client.open(T0, &OpenOptions::new(&UNARY)).unwrap();
        peer.client.call(id).unwrap().send(vec![1]).unwrap();
        drain(&mut peer.client, T0);
        peer.headers(1, 0, &HEAD);
        let octets = data(1, &[&message(0)[..], &[5, 0, 0, 0, 9, 7]].concat());
        peer.client.receive(T0, &octets[..cut]);
        peer.client.receive(T0, &octets[cut..]);
        let mut read = Vec::new();
        while let Some(item) = peer.client.call(id).as_mut().and_then(grpc_sansio::Call::read) {
            read.push(format!("{item:?}"));
        }
        read
    };
    let whole = outcome(0);
    assert!(whole.last().is_some_and(|end| end.contains("Unimplemented")), "{whole:?}");
    assert_eq!(whole.len(), 2, "G-081: a head, no message, and the end: {whole:?}");
    for cut in 1..9 + 11 {
        assert_eq!(outcome(cut), whole, "cut at {cut}");
    }
}

/// The same on a server: messages that were too many could be read where a bad prefix followed them in the same piece.
#[test]
fn a_bad_prefix_behind_too_many_messages_is_the_same_however_it_is_cut() {
    for before in 1..4 {
        let octets = data(1, &[message(0).repeat(before), vec![5, 0, 0, 0, 9, 7]].concat());
        let outcome = |cut: usize| {
            let mut peer = RawClient::new(Limits::default(), &[]);
            let id = peer.open(1, &[]);
            peer.server.call(id).unwrap().expect(Kind::Unary).unwrap();
            peer.feed(&octets[..cut]);
            peer.feed(&octets[cut..]);
            let mut call = peer.server.call(id).unwrap();
            let read: Vec<_> = core::iter::from_fn(|| call.read().map(|item| format!("{item:?}"))).collect();
            (call.stopped(), read, drain(&mut peer.server, T0))
        };
        let whole = outcome(0);
        assert_eq!((whole.0, whole.1.len()), (Some(Stop::PeerFault), 0), "{whole:?}");
        assert!(frames(&whole.2).iter().any(|frame| frame.0 == HEADERS), "UNIMPLEMENTED is said");
        for cut in 1..octets.len() {
            assert_eq!(outcome(cut), whole, "{before} before, cut at {cut}");
        }
    }
}

/// A message that neither its call's queue nor what is free of the total has room for was told `Writable` at each
/// transmit, though nothing had left: who tried again did so for ever.
#[test]
fn writable_is_not_told_before_octets_leave() {
    for (per_call, total, size) in [(10_000, 30_000, 29_500), (10_000, 10_000, 9_000)] {
        let mut limits = Limits::default();
        (limits.send_queue_per_call, limits.send_queue_per_connection) = (per_call, total);
        let mut peer = RawServer::new(limits);
        peer.client.receive(T0, &frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]));
        let ids = [0, 1].map(|_| peer.client.open(T0, &OpenOptions::new(&BIDI)).unwrap());
        // What waits for a window, on the call itself and on another one.
        ids.iter().for_each(|id| peer.client.call(*id).unwrap().send(vec![1; 700]).unwrap());
        drain(&mut peer.client, T0);
        while peer.client.poll_event().is_some() {}
        for _ in 0..3 {
            assert!(matches!(peer.client.call(ids[0]).unwrap().send(vec![2; size]), Err(SendError::Full(_))));
            drain(&mut peer.client, T0);
            assert_eq!(peer.client.poll_event(), None, "{per_call} {total}");
        }
        // The window opens: the message is told, and taken.
        peer.client.receive(T0, &frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 255, 255]));
        drain(&mut peer.client, T0);
        assert_eq!(peer.client.poll_event(), Some(Event::Writable(ids[0])));
        assert!(peer.client.call(ids[0]).unwrap().send(vec![2; size]).is_ok());
    }
}

/// Memory that a header block took because it came in pieces was given back by a trim that also forgot closed streams, so that a
/// frame on one of those cost a token where the other cut was an error.
#[test]
fn cuts_do_not_decide_what_is_forgotten() {
    let outcomes = [1, 5_000].map(|pieces| {
        let mut peer = RawClient::new(Limits::default(), &[]);
        // Refused as malformed, so that no call ever ends.
        let long = "x".repeat(2_500);
        let mut block = Vec::new();
        peer.encoder.encode([Field::new(b":method", b"POST"), Field::new(b"x", long.as_bytes())], &mut block);
        let octets = frame(HEADERS, EH | ES, 3, &block);
        octets.chunks(octets.len() / pieces + 1).for_each(|piece| peer.feed(piece));
        drain(&mut peer.server, T0);
        peer.server.handle_timeout(secs(5));
        peer.now = secs(5);
        peer.request(1, ES, &[]);
        peer.server.error().map(ToString::to_string)
    });
    assert!(outcomes[0].as_ref().is_some_and(|error| error.contains("below")), "{outcomes:?}");
    assert_eq!(outcomes[0], outcomes[1]);
}

/// A message that its window has no room for was lent what it lacked by the last piece of the DATA that ended its stream, if
/// a read ended inside that frame, and the connection's window was announced for it; in one piece neither was done.
#[test]
fn the_end_of_a_stream_lends_nothing_however_it_is_cut() {
    let begun = &message(1_000_000)[..30];
    for octets in [frame(DATA, ES, 1, begun), frame(DATA, ES | PADDED, 1, &[&[2], begun, &[0, 0]].concat())] {
        let outcome = |cut: usize| {
            let mut peer = RawClient::new(Limits::default(), &[]);
            let id = peer.open(1, &[]);
            peer.server.call(id).unwrap().expect(Kind::Unary).unwrap();
            peer.feed(&octets[..cut]);
            peer.feed(&octets[cut..]);
            (peer.events(), drain(&mut peer.server, T0))
        };
        let whole = outcome(0);
        assert!(frames(&whole.1).iter().all(|frame| frame.0 != WINDOW_UPDATE), "{whole:?}");
        for cut in 1..octets.len() {
            assert_eq!(outcome(cut), whole, "cut at {cut}");
        }
    }
}

/// What is on its way of a frame that has begun is not lent a second time.
#[test]
fn a_loan_counts_what_is_left_of_the_frame() {
    let mut limits = Limits::default();
    limits.window_growth = 0;
    let mut peer = RawClient::new(limits, &[]);
    let id = peer.open(1, &[]);
    let octets = [message(0), message(70_000)].concat();
    // All of the window, but not all of its last frame yet.
    let wire = data(1, &octets[..65_535]);
    peer.feed(&wire[..wire.len() - 16_000]);
    let mut call = peer.server.call(id).unwrap();
    call.expect(Kind::BidiStreaming).unwrap();
    assert!(matches!(call.read(), Some(Item::Message(_))));
    let said = frames(&drain(&mut peer.server, T0));
    let lent: u32 = said
        .iter()
        .filter(|frame| (frame.0, frame.2) == (WINDOW_UPDATE, 1))
        .map(|frame| u32::from_be_bytes(frame.3[..].try_into().unwrap()))
        .sum();
    // The rest of the message, and room for the padding of one frame and its length.
    assert_eq!(lent, (octets.len() - 65_535 + 256) as u32);
}
