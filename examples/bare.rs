//! The bare loop of a small device: `core` and `alloc` only, a UART for a network, a counter for a clock.
//!
//! Run it with `cargo run --example bare`; CI also compiles it for a Cortex-M4. A device has no sockets and no threads: its
//! main loop takes what the line has brought, lets the connection work, gives the line what there is to say, and sleeps
//! until the line or the connection's one timer wakes it. Here two devices take turns, and a wire joins them.

#![no_std]
#![allow(dead_code, reason = "a device calls `run` from its own `main`")]

extern crate alloc;
/// For the `main` of the machine that tries it. Nothing else uses it.
#[cfg(not(target_os = "none"))]
extern crate std;

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;
use grpc_sansio::grpc::{Kind, Metadata, Method, Status};
use grpc_sansio::{
    Client, ClientConfig, Connection, Event, Instant, Item, Limits, OpenOptions, Role, Server, ServerConfig, WriteBuf,
};

static READ_SENSOR: Method = Method::from_static("/demo.Sensor/Read", Kind::Unary);

/// For two calls at a time, of messages up to 2 KiB.
pub fn small() -> Limits {
    let mut limits = Limits::default();
    (limits.max_concurrent_calls, limits.max_waiting_calls, limits.max_replies) = (2, 2, 32);
    limits.max_receive_message = Some(2 * 1024);
    (limits.connection_window, limits.window_growth, limits.assembly_budget) = (limits.call_window, 0, 0);
    (limits.send_queue_per_call, limits.send_queue_per_connection) = (2 * 1024, 4 * 1024);
    (limits.max_header_list, limits.max_header_block, limits.held_headers) = (2 * 1024, 2 * 1024, 2 * 1024);
    (limits.decoder_table, limits.encoder_table) = (512, 512);
    limits
}

/// A connection at the end of a line.
struct Port<R: Role> {
    connection: Connection<R>,
    output: WriteBuf,
    fifo: VecDeque<u8>,
}

impl<R: Role> Port<R> {
    fn new(connection: Connection<R>) -> Self {
        Self { connection, output: WriteBuf::with_target(256), fifo: VecDeque::new() }
    }

    /// One turn of the main loop: what the line brought goes in, and up to 16 octets come out for it.
    fn turn(&mut self, now: Instant, brought: &[u8]) -> Vec<u8> {
        self.connection.receive(now, brought);
        self.connection.handle_timeout(now);
        if self.fifo.is_empty() {
            self.connection.transmit(now, &mut self.output);
            while let Some(chunk) = self.output.next_chunk() {
                self.fifo.extend(chunk.iter());
            }
        }
        self.fifo.drain(..self.fifo.len().min(16)).collect()
    }
}

/// Asks a sensor over a line of 115,200 baud: its value, when it came, and the most heap that the server took.
pub fn run() -> Option<(String, Instant, usize)> {
    let mut now = Instant::from_nanos(0);
    let config = ClientConfig::builder("sensor").limits(small()).build().ok()?;
    let mut client = Port::new(Connection::<Client>::new(&config, now));
    let config = ServerConfig::builder().limits(small()).build().ok()?;
    let mut server = Port::new(Connection::<Server>::new(&config, now));

    let deadline = now.saturating_add(Duration::from_secs(1));
    let id = client.connection.open(now, &OpenOptions::new(&READ_SENSOR).deadline(deadline)).ok()?;
    client.connection.call(id)?.send(Vec::new()).ok()?;
    let (mut down, mut value, mut heap) = (Vec::new(), None, 0);
    loop {
        let up = client.turn(now, &down);
        down = server.turn(now, &up);
        while let Some(event) = server.connection.poll_event() {
            answer(&mut server.connection, event);
        }
        heap = heap.max(server.connection.heap_size());
        while client.connection.poll_event().is_some() {}
        while let Some(item) = client.connection.call(id).as_mut().and_then(|call| call.read()) {
            match item {
                Item::Head(_) => {}
                Item::Message(message) => value = core::str::from_utf8(&message).ok().map(String::from),
                Item::End(outcome) if outcome.status().is_ok() => return Some((value?, now, heap)),
                Item::End(_) => return None,
            }
        }
        // Sixteen octets take 1.4 ms. Where there are none to move, the device sleeps until its timer.
        let silent = !client.connection.wants_transmit() && !server.connection.wants_transmit();
        let quiet = silent && up.is_empty() && down.is_empty();
        let timer = client.connection.poll_timeout().filter(|_| quiet);
        now = timer.unwrap_or_else(|| now.saturating_add(Duration::from_micros(16 * 87)));
    }
}

fn answer(server: &mut Connection<Server>, event: Event) -> Option<()> {
    let (Event::Opened(id) | Event::Readable(id)) = event else { return None };
    let mut call = server.call(id)?;
    while let Some(item) = call.read() {
        let Item::Message(_) = item else { continue };
        call.send("21.5".as_bytes()).ok()?;
        call.finish(&Status::ok(), &Metadata::new());
        break;
    }
    Some(())
}

#[cfg(not(target_os = "none"))]
fn main() {
    let (value, now, heap) = run().expect("the call succeeds");
    let bound = ServerConfig::builder().limits(small()).build().expect("the limits agree").connection_bytes();
    let after = now.as_nanos() / 1_000_000;
    std::println!("{value} °C after {after} ms; {heap} octets of heap, and never more than {bound}");
    assert_eq!(value, "21.5");
    assert!(heap < 16 * 1024 && bound < 600 * 1024, "too much for a small device");
}
