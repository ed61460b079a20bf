//! One driver over sockets that misbehave.

use grpc_sansio::adapter::mio::{Buffers, Driver, Transport, Turn};
use grpc_sansio::grpc::{Kind, Metadata, Method, Status};
use grpc_sansio::{
    Client, ClientConfig, Connection, Event, Instant, Item, OpenOptions, Server, ServerConfig, WriteBuf,
};
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::time::Duration;

const METHOD: Method = Method::from_static("/test.Text/Upper", Kind::Unary);

/// A client that begins with a PING instead of its SETTINGS, and one of no octets at that.
const RUDE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x06\x00\x00\x00\x00\x00";

/// A socket in memory, which takes as many octets as it is told to.
#[derive(Default)]
struct Socket {
    incoming: VecDeque<u8>,
    ended: bool,
    room: usize,
    taken: Vec<u8>,
    reads: usize,
    writes: usize,
    closed: bool,
    /// What it was told of Nagle's algorithm.
    nagle: Vec<bool>,
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reads += 1;
        if self.incoming.is_empty() && !self.ended {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.incoming.read(buffer)
    }
}

impl Write for Socket {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.writes += 1;
        let count = octets.len().min(self.room);
        if count == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.room -= count;
        self.taken.extend_from_slice(&octets[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for Socket {
    fn set_nagle(&mut self, on: bool) -> bool {
        self.nagle.push(on);
        true
    }

    fn close_write(&mut self) -> io::Result<()> {
        self.closed = true;
        Ok(())
    }
}

fn at(millis: u64) -> Instant {
    Instant::from_nanos(millis * 1_000_000)
}

fn client() -> Connection<Client> {
    Connection::<Client>::new(&ClientConfig::builder("localhost").build().unwrap(), at(0))
}

fn driver(room: usize) -> Driver<Socket, Server> {
    let socket = Socket { room, ..Socket::default() };
    Driver::new(socket, Connection::<Server>::new(&ServerConfig::default(), at(0)))
}

/// What `peer` has to say, up to all of it.
fn say(peer: &mut Connection<Client>, now: Instant) -> Vec<u8> {
    let (mut output, mut octets) = (WriteBuf::new(), Vec::new());
    loop {
        peer.transmit(now, &mut output);
        let Some(chunk) = output.next_chunk() else { return octets };
        octets.extend_from_slice(&chunk);
    }
}

/// Opens a unary call with a message of 100 octets.
fn call(peer: &mut Connection<Client>, now: Instant) {
    let id = peer.open(now, &OpenOptions::new(&METHOD)).unwrap();
    peer.call(id).unwrap().send(vec![b'x'; 100]).unwrap();
}

/// Answers each call with its own message.
fn answer(connection: &mut Connection<Server>, event: Event) -> bool {
    let (Event::Opened(id) | Event::Readable(id) | Event::Stopped(id)) = event else { return false };
    let Some(mut call) = connection.call(id) else { return false };
    let mut echo = None;
    while let Some(item) = call.read() {
        match item {
            Item::Head(_) => call.expect(Kind::Unary).unwrap(),
            Item::Message(message) => echo = Some(message.into_bytes()),
            Item::End(_) => {}
        }
    }
    let Some(echo) = echo else { return false };
    call.send(echo).unwrap();
    call.finish(&Status::ok(), &Metadata::new());
    true
}

/// Gives turns while the driver asks for them; returns how many.
#[track_caller]
fn turns(driver: &mut Driver<Socket, Server>, now: Instant, answered: &mut usize) -> (usize, Turn) {
    let mut buffers = Buffers::new();
    for count in 1..=100 {
        let turn =
            driver.turn(now, &mut buffers, |connection, event| *answered += usize::from(answer(connection, event)));
        if turn != Turn::Again {
            return (count, turn);
        }
    }
    panic!("it wants more and more turns");
}

#[test]
fn a_socket_that_takes_one_octet_and_then_blocks_for_ever_neither_spins_nor_stalls_reading() {
    let (mut peer, mut driver, mut answered) = (client(), driver(1), 0);
    for second in 0..50 {
        let now = at(second * 1_000);
        for _ in 0..2 {
            call(&mut peer, now);
        }
        driver.socket_mut().incoming.extend(say(&mut peer, now));
        driver.ready(true, false);
        let writes = driver.socket().writes;
        let (count, turn) = turns(&mut driver, now, &mut answered);
        assert_eq!(turn, Turn::Wait);
        assert!(count <= 3, "{count} turns");
        assert!(driver.socket().writes - writes <= 2);
        assert!(driver.is_blocked());
        assert!(driver.poll_timeout().is_none_or(|due| due > now));
        if second == 5 {
            // Its own SETTINGS stay without acknowledgement for ten seconds at most, since they never left.
            break;
        }
    }
    assert_eq!(answered, 12, "reading went on");
    assert_eq!(driver.socket().taken.len(), 1);
    assert!(driver.connection().error().is_none());
}

#[test]
fn one_octet_at_a_time_gets_there() {
    let (mut peer, mut driver, mut answered) = (client(), driver(0), 0);
    for _ in 0..20 {
        call(&mut peer, at(0));
    }
    let mut ended = 0;
    let mut steps = 0;
    while ended < 20 {
        steps += 1;
        assert!(steps < 10_000, "{ended} calls ended");
        let now = at(steps / 10);
        driver.socket_mut().incoming.extend(say(&mut peer, now));
        driver.socket_mut().room = 1;
        driver.ready(true, true);
        let (count, _) = turns(&mut driver, now, &mut answered);
        assert!(count <= 3, "{count} turns for one octet");
        ended += hear(&mut peer, &mut driver, now);
    }
    assert_eq!(answered, 20);
}

/// Gives the peer what was written, and reads its calls; returns how many have ended well.
fn hear(peer: &mut Connection<Client>, driver: &mut Driver<Socket, Server>, now: Instant) -> usize {
    let mut ended = 0;
    peer.receive(now, &std::mem::take(&mut driver.socket_mut().taken));
    while let Some(event) = peer.poll_event() {
        let Event::Readable(id) = event else { continue };
        let Some(mut call) = peer.call(id) else { continue };
        while let Some(item) = call.read() {
            if let Item::End(end) = item {
                assert!(end.status().is_ok(), "{}", end.status());
                ended += 1;
                break;
            }
        }
    }
    ended
}

/// So many calls come at once, and are answered; returns in how many writes.
fn batch(calls: usize, peer: &mut Connection<Client>, driver: &mut Driver<Socket, Server>, now: Instant) -> usize {
    let (mut answered, writes) = (0, driver.socket().writes);
    for _ in 0..calls {
        call(peer, now);
    }
    driver.socket_mut().incoming.extend(say(peer, now));
    driver.ready(true, false);
    assert_eq!(turns(driver, now, &mut answered).1, Turn::Wait);
    assert_eq!((answered, hear(peer, driver, now)), (calls, calls));
    driver.socket().writes - writes
}

#[test]
fn the_second_half_of_a_batch_is_left_to_the_system_for_a_millisecond_without_a_word() {
    let (mut peer, mut driver, mut answered) = (client(), driver(usize::MAX), 0);
    // What lasts longer than a call is said by now.
    batch(1, &mut peer, &mut driver, at(0));
    batch(40, &mut peer, &mut driver, at(1));
    assert!(driver.socket().nagle.is_empty(), "a small batch is not held back");

    assert_eq!(batch(90, &mut peer, &mut driver, at(2)), 2);
    assert_eq!((&driver.socket().nagle[..], driver.poll_timeout()), (&[true][..], Some(at(3))));
    assert_eq!(turns(&mut driver, at(3), &mut answered).1, Turn::Wait);
    assert_eq!(driver.socket().nagle, [true, false], "not a word");

    // Attempts in vain become rare: after the first one batch goes without, after the second four.
    for (now, attempts) in [(4, 1), (5, 2), (7, 2), (8, 2), (9, 2), (10, 2), (11, 3)] {
        assert!(batch(90, &mut peer, &mut driver, at(now)) >= 2);
        assert_eq!(driver.socket().nagle.iter().filter(|on| **on).count(), attempts, "at {now}");
        if driver.socket().nagle.last() == Some(&true) && now != 11 {
            turns(&mut driver, at(now + 1), &mut answered);
        }
    }

    // A word from the client is worth another millisecond, and an attempt that had one was not in vain.
    driver.ready(true, false);
    assert_eq!(batch(1, &mut peer, &mut driver, at(12)), 1);
    assert_eq!(driver.poll_timeout(), Some(at(13)));
    assert_eq!(driver.socket().nagle.last(), Some(&true));
    turns(&mut driver, at(13), &mut answered);
    assert_eq!(driver.socket().nagle.last(), Some(&false));
    batch(90, &mut peer, &mut driver, at(14));
    assert_eq!(driver.socket().nagle.last(), Some(&true));
}

#[test]
fn nagle_is_not_switched_off_for_who_wants_it() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut socket = mio::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    assert!(!socket.set_nagle(true), "it is on already, and not our business");
    socket.set_nodelay(true).unwrap();
    assert!(socket.set_nagle(true) && !socket.nodelay().unwrap());
    assert!(socket.set_nagle(false) && socket.nodelay().unwrap());
}

#[test]
fn last_words_that_nobody_takes_are_dropped_after_a_second() {
    let (mut driver, mut answered) = (driver(1), 0);
    driver.socket_mut().incoming.extend(RUDE);
    assert_eq!(turns(&mut driver, at(0), &mut answered).1, Turn::Wait);
    assert!(driver.connection().error().is_some());
    assert_eq!(driver.poll_timeout(), Some(at(1_000)));
    assert_eq!(turns(&mut driver, at(999), &mut answered).1, Turn::Wait);
    assert_eq!(turns(&mut driver, at(1_000), &mut answered).1, Turn::Done);
    assert!(!driver.socket().closed);
}

#[test]
fn after_its_last_words_it_waits_for_the_peer_to_close_and_reads_what_comes() {
    let (mut driver, mut answered) = (driver(usize::MAX), 0);
    driver.socket_mut().incoming.extend(RUDE);
    assert_eq!(turns(&mut driver, at(0), &mut answered).1, Turn::Wait);
    assert!(driver.socket().closed, "the writing side is closed when all is said");
    // A peer that goes on sending is listened to, or the reset of its octets would destroy the GOAWAY.
    driver.socket_mut().incoming.extend([0; 1000]);
    driver.ready(true, false);
    assert_eq!(turns(&mut driver, at(1), &mut answered).1, Turn::Wait);
    assert!(driver.socket().incoming.is_empty());
    driver.socket_mut().ended = true;
    driver.ready(true, false);
    assert_eq!(turns(&mut driver, at(2), &mut answered).1, Turn::Done);
}

#[test]
fn a_busy_peer_gets_its_share_and_no_more() {
    let (mut peer, mut driver, mut buffers) = (client(), driver(usize::MAX), Buffers::with_capacity(1024));
    for _ in 0..90 {
        call(&mut peer, at(0));
    }
    let octets = say(&mut peer, at(0));
    assert!(octets.len() > 9_000);
    driver.socket_mut().incoming.extend(octets);
    let mut answered = 0;
    assert_eq!(driver.turn(at(0), &mut buffers, |io, event| answered += usize::from(answer(io, event))), Turn::Again);
    assert!((10..60).contains(&answered), "{answered} calls in one turn");
}

#[test]
fn end_of_file_in_the_middle_of_a_call() {
    let (mut peer, mut driver, mut buffers) = (client(), driver(usize::MAX), Buffers::new());
    let id = peer.open(at(0), &OpenOptions::new(&METHOD)).unwrap();
    driver.socket_mut().incoming.extend(say(&mut peer, at(0)));
    driver.socket_mut().ended = true;
    let mut events = Vec::new();
    let turn = driver.turn(at(0), &mut buffers, |io, event| {
        events.push(event);
        if let Event::Stopped(id) = event {
            io.call(id).unwrap().release();
        }
    });
    assert_eq!(turn, Turn::Done);
    assert!(events.iter().any(|event| matches!(event, Event::Stopped(_))), "{events:?}");
    assert_eq!(events.last(), Some(&Event::Closed));
    assert!(peer.call(id).is_some());
}

#[test]
fn nothing_is_read_or_written_before_a_connection_is_there() {
    /// Connects at the second try.
    #[derive(Default)]
    struct Slow(Socket, usize);

    impl Read for Slow {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            assert!(self.1 >= 2);
            self.0.read(buffer)
        }
    }

    impl Write for Slow {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            assert!(self.1 >= 2);
            self.0.write(octets)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Transport for Slow {
        fn finish_connect(&mut self) -> io::Result<()> {
            self.1 += 1;
            if self.1 < 2 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
        }
    }

    let socket = Slow(Socket { room: usize::MAX, ..Socket::default() }, 0);
    let (mut driver, mut buffers) = (Driver::connecting(socket, client()), Buffers::new());
    for (writable, tries, blocked) in [(false, 0, true), (true, 1, true), (true, 2, false)] {
        driver.ready(false, writable);
        assert_eq!(driver.turn(at(0), &mut buffers, |_, _| {}), Turn::Wait);
        assert_eq!((driver.socket().1, driver.is_blocked()), (tries, blocked));
    }
    assert!(driver.socket().0.taken.starts_with(b"PRI * HTTP/2.0"));
    // It gives up with the handshake.
    let due = driver.poll_timeout().unwrap();
    assert!(due.saturating_since(at(0)) <= Duration::from_secs(10));
}
