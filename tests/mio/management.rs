//! Keepalive and shutdown by a signal, over real sockets.

use crate::support::*;
use grpc_sansio::adapter::mio::{Buffers, Client, Driver, Turn};
use grpc_sansio::grpc::Code;
use grpc_sansio::{
    ClientConfig, ClientManagement, Connection, Event, Instant, Item, OpenOptions, ServerConfig, ServerManagement,
};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

/// Empty SETTINGS, and the acknowledgement of the peer's.
const SETTINGS: &[u8] = b"\0\0\0\x04\0\0\0\0\0";
const ACK: &[u8] = b"\0\0\0\x04\x01\0\0\0\0";

fn client(time: u64, timeout: u64) -> ClientConfig {
    let mut management = ClientManagement::default();
    management.keepalive_time = Some(Duration::from_secs(time));
    management.keepalive_timeout = Duration::from_secs(timeout);
    ClientConfig::builder("localhost").management(management).build().unwrap()
}

fn has(octets: &[u8], what: &[u8]) -> bool {
    octets.windows(what.len()).any(|window| window == what)
}

/// G-204: a server that accepts, says its SETTINGS, and falls silent for ever. The socket is real, the time is not.
#[test]
fn g_204_a_client_finds_out_that_its_connection_is_dead() {
    let at = |second: u64| Instant::from_nanos(second * 1_000_000_000);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut peer, _) = listener.accept().unwrap();
    peer.write_all(SETTINGS).unwrap();
    socket.set_nonblocking(true).unwrap();
    let connection = Connection::<grpc_sansio::Client>::new(&client(10, 5), at(0));
    let mut driver = Driver::new(mio::net::TcpStream::from_std(socket), connection);
    let (mut buffers, mut outcome) = (Buffers::new(), None);
    let mut turn = |driver: &mut Driver<_, _>, second| {
        driver.ready(true, true);
        let mut ready = false;
        let turn = driver.turn(at(second), &mut buffers, |io: &mut Connection<grpc_sansio::Client>, event| {
            ready |= event == Event::Ready;
            let (Event::Readable(id) | Event::Stopped(id)) = event else { return };
            while let Some(item) = io.call(id).and_then(|mut call| {
                call.read().map(|item| match item {
                    Item::End(end) => Some(end.into_status()),
                    _ => None,
                })
            }) {
                outcome = item.or(outcome.take());
            }
        });
        (turn, ready, outcome.clone())
    };
    while !turn(&mut driver, 0).1 {}
    driver.connection_mut().open(at(1), &OpenOptions::new(&ECHO)).unwrap();
    for second in [1, 9] {
        assert_eq!(turn(&mut driver, second).0, Turn::Wait);
        assert_eq!(driver.connection().counters().pings_sent, 0);
    }
    for second in [10, 14] {
        assert!(turn(&mut driver, second).2.is_none());
        assert_eq!(driver.connection().counters().pings_sent, 1);
    }
    let status = turn(&mut driver, 15).2.expect("the call's end");
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("keepalive_timeout"), "{status}");
    assert_eq!(turn(&mut driver, 16).0, Turn::Done);
    drop(driver);
    let mut heard = Vec::new();
    peer.read_to_end(&mut heard).unwrap();
    assert!(has(&heard, b"\0\0\x08\x06\0\0\0\0\0keepaliv") && has(&heard, b"keepalive_timeout"), "{heard:?}");
}

/// L-28: a loop that was held up finds the answer in its socket before it gives up.
#[test]
fn l_28_what_lies_in_the_socket_counts() {
    let at = |second: u64| Instant::from_nanos(second * 1_000_000_000);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut peer, _) = listener.accept().unwrap();
    peer.write_all(SETTINGS).unwrap();
    socket.set_nonblocking(true).unwrap();
    let connection = Connection::<grpc_sansio::Client>::new(&client(10, 5), at(0));
    let mut driver = Driver::new(mio::net::TcpStream::from_std(socket), connection);
    let mut buffers = Buffers::new();
    let mut ready = false;
    while !ready {
        driver.ready(true, true);
        driver.turn(at(0), &mut buffers, |_, event| ready |= event == Event::Ready);
    }
    driver.connection_mut().open(at(0), &OpenOptions::new(&ECHO)).unwrap();
    driver.turn(at(10), &mut buffers, |_, _| {});
    assert_eq!(driver.connection().counters().pings_sent, 1);
    peer.write_all(b"\0\0\x08\x06\x01\0\0\0\0keepaliv").unwrap();
    // Until it has arrived.
    std::thread::sleep(Duration::from_millis(100));
    driver.ready(true, true);
    driver.turn(at(16), &mut buffers, |_, _| {});
    assert_eq!(driver.connection().error(), None);
}

/// G-214: a client that shakes hands and falls silent.
#[test]
fn g_214_a_server_finds_out_that_its_client_is_gone() {
    let mut management = ServerManagement::default();
    management.keepalive_time = Some(Duration::from_secs(1));
    management.keepalive_timeout = Duration::from_millis(300);
    let server = serve(&ServerConfig::builder().management(management).build().unwrap());
    let mut socket = TcpStream::connect(server.address).unwrap();
    let began = std::time::Instant::now();
    socket.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
    socket.write_all(SETTINGS).unwrap();
    // Its own SETTINGS go first.
    let mut heard = vec![0; 9];
    socket.read_exact(&mut heard).unwrap();
    socket.write_all(ACK).unwrap();
    socket.read_to_end(&mut heard).unwrap();
    assert!(has(&heard, b"\0\0\x08\x06\0\0\0\0\0keepaliv") && has(&heard, b"keepalive_timeout"), "{heard:?}");
    assert!(began.elapsed() >= Duration::from_millis(1_300), "{:?}", began.elapsed());
}

/// A signal ends the server, and no call that is in flight.
#[cfg(unix)]
#[test]
fn a_signal_ends_the_server_after_its_calls() {
    use signal_hook::consts::SIGTERM;
    let server = serve(&server_config());
    let remote = server.remote.clone();
    let mut signals = signal_hook::iterator::Signals::new([SIGTERM]).unwrap();
    let stopper = std::thread::spawn(move || {
        signals.forever().next();
        remote.shutdown(Some(Duration::from_secs(30))).unwrap();
    });
    let (mut client, mut keeper) = (Client::new().unwrap(), Keeper::default());
    let id = client.connect(server.address, &config()).unwrap();
    let call = keeper.open(&mut client, id, &OpenOptions::new(&ECHO));
    let send = |client: &mut Client| {
        let io = client.connection_mut(id).unwrap();
        io.call(call).unwrap().send(b"m".to_vec()).unwrap();
    };
    send(&mut client);
    until(&mut client, &mut keeper, |keeper| keeper.calls[&(id, call)].messages == 1);

    signal_hook::low_level::raise(SIGTERM).unwrap();
    until(&mut client, &mut keeper, |keeper| keeper.draining == 1);
    stopper.join().unwrap();
    assert!(TcpStream::connect(server.address).is_err(), "it still listens");
    send(&mut client);
    client.connection_mut(id).unwrap().call(call).unwrap().half_close().unwrap();
    until(&mut client, &mut keeper, |keeper| keeper.closed.len() == 1);
    let record = &keeper.calls[&(id, call)];
    assert_eq!((record.messages, record.code()), (2, Some(Code::Ok)));
}

/// G-215: the system is told, where keepalive is on.
#[cfg(target_os = "linux")]
#[test]
fn g_215_sockets_have_the_user_timeout() {
    use grpc_sansio::adapter::mio::Socket;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut loop_ = Client::new().unwrap();
    for (config, expected) in [(client(10, 7), Some(Duration::from_secs(7))), (config(), None)] {
        let id = loop_.connect(listener.local_addr().unwrap(), &config).unwrap();
        let Socket::Tcp(socket) = loop_.connections().get(id).unwrap().socket() else { panic!("a plain socket") };
        assert_eq!(socket2::SockRef::from(socket).tcp_user_timeout().unwrap(), expected);
    }
}
