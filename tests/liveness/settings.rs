//! SETTINGS at any point of a conversation, either way.

use crate::raw::{OK, RESPONSE, Raw, Seen, client_config, framed, limits};
use crate::traffic::METHODS;
use grpc_sansio::frame::SettingId;
use grpc_sansio::{CallId, Client, OpenOptions};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// What a server that changes its mind does to a client.
#[derive(Clone, Copy, Debug)]
enum Act {
    Open,
    Send(usize, usize),
    Cancel(usize),
    /// SETTINGS_MAX_CONCURRENT_STREAMS, SETTINGS_INITIAL_WINDOW_SIZE, SETTINGS_MAX_FRAME_SIZE.
    Limit(u32),
    Window(u32),
    Frame(u32),
    /// WINDOW_UPDATE for the connection, or for the stream in this place.
    Credit(Option<usize>, u32),
    /// Ends the stream in this place with OK.
    Answer(usize),
    /// Has the client speak, up to about so many octets.
    Listen(usize),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => Just(Act::Open),
        4 => (0..8usize, 0..40_000usize).prop_map(|(at, size)| Act::Send(at, size)),
        1 => (0..8usize).prop_map(Act::Cancel),
        2 => (0..5u32).prop_map(Act::Limit),
        2 => prop_oneof![0..200u32, Just(65_535), Just(1 << 20)].prop_map(Act::Window),
        1 => (16_384..40_000u32).prop_map(Act::Frame),
        3 => (prop::option::of(0..8usize), 1..30_000u32).prop_map(|(at, more)| Act::Credit(at, more)),
        3 => (0..8usize).prop_map(Act::Answer),
        4 => prop_oneof![Just(1usize), 1..3_000usize, Just(65_536)].prop_map(Act::Listen),
    ]
}

/// The streams that the server knows of, and the calls of the client.
#[derive(Default)]
struct Server {
    open: Vec<u32>,
    /// Octets of each stream that arrived.
    octets: BTreeMap<u32, Vec<u8>>,
    calls: Vec<(CallId, Vec<u8>)>,
}

impl Server {
    fn hears(&mut self, raw: &mut Raw<Client>) -> bool {
        let said = raw.said();
        for seen in &said {
            match seen {
                Seen::Headers { stream, .. } => self.open.push(*stream),
                Seen::Data { stream, data, .. } => self.octets.entry(*stream).or_default().extend(data),
                Seen::Reset(stream, _) => self.open.retain(|open| open != stream),
                _ => {}
            }
        }
        !said.is_empty()
    }

    fn answers(&mut self, raw: &mut Raw<Client>, at: usize) {
        if at < self.open.len() {
            let stream = self.open.remove(at);
            raw.headers(stream, &[RESPONSE[0], RESPONSE[1], OK[0]], true);
        }
    }
}

proptest! {
    #![proptest_config(crate::cases(300))]

    /// L-18, L-20, L-04, L-05, L-06: a server changes its limit of streams, its windows and its frames at any point, and
    /// gives credit as it likes. The observer of the wire sees that no window and no limit is passed; every call that was
    /// not cancelled ends, and what was sent of it is a beginning of what was queued, in order.
    #[test]
    fn l_18_l_20_settings_change_at_any_point(acts in prop::collection::vec(act(), 1..120)) {
        let mut raw = Raw::client_with(&client_config(limits(|limits| limits.max_waiting_calls = 100)));
        let mut server = Server::default();
        let mut credit = 65_535 + 2 * 40_000 * 120;
        for act in acts {
            match act {
                Act::Open => server.calls.push((raw.open(&OpenOptions::new(&METHODS[3])), Vec::new())),
                Act::Send(at, size) => {
                    let Some((id, queued)) = server.calls.iter_mut().rev().nth(at) else { continue };
                    if let Some(mut call) = raw.it.call(*id)
                        && call.send(vec![at as u8; size]).is_ok()
                    {
                        queued.extend(framed(&vec![at as u8; size]));
                    }
                }
                Act::Cancel(at) => {
                    let Some((id, _)) = server.calls.iter().rev().nth(at) else { continue };
                    raw.it.call(*id).into_iter().for_each(|call| call.cancel());
                }
                Act::Limit(limit) => raw.settings(&[(SettingId::MAX_CONCURRENT_STREAMS, limit)]),
                Act::Window(window) => raw.settings(&[(SettingId::INITIAL_WINDOW_SIZE, window)]),
                Act::Frame(size) => raw.settings(&[(SettingId::MAX_FRAME_SIZE, size)]),
                Act::Credit(None, more) => {
                    credit -= more;
                    raw.window(0, more);
                }
                Act::Credit(Some(at), more) => {
                    server.open.get(at).copied().into_iter().for_each(|stream| raw.window(stream, more));
                }
                Act::Answer(at) => server.answers(&mut raw, at),
                Act::Listen(octets) => {
                    raw.output_target(octets);
                    server.hears(&mut raw);
                }
            }
            raw.poll();
        }
        // No more surprises: all get what they need.
        raw.output_target(usize::MAX);
        raw.settings(&[(SettingId::MAX_CONCURRENT_STREAMS, 3), (SettingId::INITIAL_WINDOW_SIZE, 1 << 23)]);
        raw.window(0, credit);
        while server.hears(&mut raw) || !server.open.is_empty() {
            server.answers(&mut raw, 0);
            raw.poll();
        }
        prop_assert_eq!((raw.it.calls(), raw.it.queued(), raw.it.error()), (0, 0, None));
        // Streams are numbered in the order in which calls were opened, and what a call sent is what it queued.
        let mut queued = server.calls.iter();
        for octets in server.octets.values().filter(|octets| !octets.is_empty()) {
            prop_assert!(queued.any(|(_, queued)| queued.starts_with(octets)));
        }
    }
}
