use bytes::{Buf, Bytes};
use grpc_sansio::{Clock, Connection, Event, Role, WriteBuf};
use std::io::{Read, Result, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

/// Drives `connection` until it has ended. `handle` is given each event.
pub fn drive<R: Role>(
    mut socket: TcpStream,
    clock: &Clock,
    connection: &mut Connection<R>,
    mut handle: impl FnMut(&mut Connection<R>, Event),
) -> Result<()> {
    socket.set_nodelay(true)?;
    let (arrived, arriving) = sync_channel(4);
    let mut reading = socket.try_clone()?;
    std::thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = reading.read(&mut buffer) {
            if arrived.send(Bytes::copy_from_slice(&buffer[..count])).is_err() {
                return;
            }
        }
    });

    let mut output = WriteBuf::new();
    loop {
        // 1. What has happened? Handling it makes things to say, and saying them makes room for more to happen.
        loop {
            while let Some(event) = connection.poll_event() {
                handle(connection, event);
            }
            connection.transmit(clock.now(), &mut output);
            if output.is_empty() {
                break;
            }
            // 2. What is there to say?
            while output.has_remaining() {
                let written = socket.write(output.chunk())?;
                output.advance(written);
            }
        }
        if connection.is_finished() {
            return socket.shutdown(Shutdown::Both);
        }
        // 3. Sleep until octets arrive, or until the connection's one timer.
        let sleep = connection.poll_timeout().map(|due| due.saturating_since(clock.now()));
        match arriving.recv_timeout(sleep.unwrap_or(Duration::MAX)) {
            Ok(octets) => connection.receive_bytes(clock.now(), octets),
            Err(RecvTimeoutError::Timeout) => connection.handle_timeout(clock.now()),
            Err(RecvTimeoutError::Disconnected) => connection.receive_eof(clock.now()),
        }
    }
}
