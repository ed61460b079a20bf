//! Handlers for the server of a [`Pair`](super::Pair).

use super::record::{CallLog, Record, Recorded};
use crate::call::Server;
use crate::connection::Connection;
use crate::event::{CallId, Event};
use crate::grpc::{Kind, Metadata, Status};
use crate::time::Instant;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// A whole request, as [`answer`] hands it to its closure.
pub type Received = CallLog;

fn named(event: Event) -> Option<CallId> {
    match event {
        Event::Opened(id) | Event::Readable(id) | Event::Writable(id) | Event::Stopped(id) => Some(id),
        _ => None,
    }
}

/// A handler for [`Pair::on_server`](super::Pair::on_server) that waits for a whole request and then answers with the
/// messages and the status that `reply` makes of it.
///
/// The messages go out in one piece, so they must fit the send queue of the call: 64 KiB unless configured.
pub fn answer(
    kind: Kind,
    mut reply: impl FnMut(&Received) -> (Vec<Vec<u8>>, Status),
) -> impl FnMut(Instant, &mut Connection<Server>, Event) {
    let mut requests: BTreeMap<CallId, CallLog> = BTreeMap::new();
    move |_, server, event| {
        let Some(id) = named(event) else { return };
        loop {
            let Some(mut call) = server.call(id) else { return };
            if call.stopped().is_some() {
                requests.remove(&id);
                return call.release();
            }
            let Some(record) = call.read().map(Server::record) else { return };
            let request = requests.entry(id).or_default();
            match &record {
                Record::Request { .. } => call.expect(kind).expect("the kind is told once"),
                Record::HalfClose => {
                    let (messages, status) = reply(request);
                    requests.remove(&id);
                    for message in messages {
                        call.send(message).expect("the queue takes what a handler says");
                    }
                    return call.finish(&status, &Metadata::new());
                }
                _ => {}
            }
            request.items.push(record);
        }
    }
}

/// A handler for [`Pair::on_server`](super::Pair::on_server) that sends each message back as it comes, reads no more than
/// it can send, and finishes with OK when its client has.
pub fn echo() -> impl FnMut(Instant, &mut Connection<Server>, Event) {
    // The message that the queue had no room for.
    let mut pending: BTreeMap<CallId, crate::grpc::Message> = BTreeMap::new();
    move |_, server, event| {
        let Some(id) = named(event) else { return };
        loop {
            let Some(mut call) = server.call(id) else { return };
            if call.stopped().is_some() {
                pending.remove(&id);
                return call.release();
            }
            let message = match pending.remove(&id) {
                Some(message) => message,
                None => match call.read().map(Server::record) {
                    None => return,
                    Some(Record::Message { data, .. }) => crate::grpc::Message::new(data),
                    Some(Record::HalfClose) => return call.finish(&Status::ok(), &Metadata::new()),
                    Some(_) => continue,
                },
            };
            if let Err(crate::SendError::Full(message)) = call.send(message) {
                pending.insert(id, message);
                return;
            }
        }
    }
}
