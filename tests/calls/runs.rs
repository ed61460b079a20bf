//! Messages of one call that come one right after the other are a run, which skips what each of them would have to do alone.
//! That it means the same is seen beside connections that are given no chance to begin one.

use crate::BIDI;
use bytes::Buf;
use core::time::Duration;
use grpc_sansio::{
    CallId, Client, ClientConfig, Connection, Event, Instant, Item, OpenOptions, Role, SendError, Server, ServerConfig,
    WriteBuf,
};
use proptest::prelude::*;

/// How a message is given to its call.
#[derive(Clone, Copy, Debug)]
enum How {
    Shared,
    Slice,
    /// Encoded in place, with a hint that is off by so much.
    With(isize),
}

/// What is done to both pairs of connections.
#[derive(Clone, Debug)]
enum Op {
    /// So many messages of this size.
    Send {
        client: bool,
        count: usize,
        size: usize,
        how: How,
    },
    Read {
        client: bool,
        count: usize,
    },
    /// What one side has to say, up to so many octets, in pieces.
    Carry {
        client: bool,
        target: usize,
        piece: usize,
    },
    Wait(u64),
}

fn op() -> impl Strategy<Value = Op> {
    let side = any::<bool>;
    let count = || prop_oneof![2 => 1..4_usize, 3 => 4..120_usize];
    let size = prop_oneof![6 => 0..300_usize, 2 => 300..3_000_usize, 1 => 3_000..9_000_usize];
    let how = prop_oneof![
        2 => Just(How::Shared),
        3 => Just(How::Slice),
        4 => Just(How::With(0)),
        2 => (-400..400_isize).prop_map(How::With),
    ];
    prop_oneof![
        4 => (side(), count(), size, how).prop_map(|(client, count, size, how)| Op::Send { client, count, size, how }),
        4 => (side(), count()).prop_map(|(client, count)| Op::Read { client, count }),
        4 => (side(), 1_000..70_000_usize, prop_oneof![Just(usize::MAX), 1..5_000_usize])
            .prop_map(|(client, target, piece)| Op::Carry { client, target, piece }),
        1 => (1..5_000_000_u64).prop_map(Op::Wait),
    ]
}

/// All that one connection lets be seen, without a verb that ends a run.
fn seen<R: Role>(connection: &mut Connection<R>, call: CallId) -> String {
    connection.audit().unwrap();
    let all = (connection.queued(), connection.wants_transmit(), connection.windows(), connection.poll_timeout());
    let call = connection.call(call).map(|call| call.snapshot());
    format!("{all:?} {call:?}")
}

fn outcome<M>(sent: Result<(), SendError<M>>) -> &'static str {
    match sent {
        Ok(()) => "sent",
        Err(SendError::Full(_)) => "full",
        Err(SendError::TooLarge(_)) => "too large",
        Err(_) => "refused",
    }
}

fn send<R: Role>(connection: &mut Connection<R>, id: CallId, octets: &[u8], how: How) -> String {
    let mut call = connection.call(id).unwrap();
    let sent = match how {
        How::Slice => outcome(call.send_slice(octets)),
        How::Shared => outcome(call.send(octets.to_vec())),
        How::With(off) => outcome(call.send_with(octets.len().saturating_add_signed(off), |buffer| {
            assert!(buffer.is_empty());
            buffer.extend_from_slice(octets);
        })),
    };
    let state = call.snapshot();
    format!("{sent} {state:?} {};", connection.wants_transmit())
}

fn read<R: Role>(connection: &mut Connection<R>, id: CallId) -> Vec<u8> {
    let mut read = match connection.call(id).unwrap().read() {
        Some(Item::Message(message)) => [&(message.len() as u32).to_be_bytes()[..], &message[..]].concat(),
        Some(_) => b"another item".to_vec(),
        None => b"nothing".to_vec(),
    };
    let readable = connection.call(id).is_some_and(|call| call.is_readable());
    read.extend([connection.wants_transmit(), readable].map(u8::from));
    read
}

struct World {
    client: Connection<Client>,
    server: Connection<Server>,
    ids: (CallId, CallId),
    now: Instant,
    /// A verb that does nothing ends each run as soon as it has begun.
    one_by_one: bool,
}

fn carry<A: Role, B: Role>(
    (from, to): (&mut Connection<A>, &mut Connection<B>),
    now: Instant,
    target: usize,
    piece: usize,
) -> Vec<u8> {
    let mut output = WriteBuf::with_target(target);
    from.transmit(now, &mut output);
    let octets = output.copy_to_bytes(output.remaining());
    octets.chunks(piece.min(octets.len()).max(1)).for_each(|piece| to.receive(now, piece));
    octets.to_vec()
}

impl World {
    fn new(one_by_one: bool) -> Self {
        let now = Instant::from_nanos(0);
        let mut client = Connection::<Client>::new(&ClientConfig::builder("localhost").build().unwrap(), now);
        let mut server = Connection::<Server>::new(&ServerConfig::builder().build().unwrap(), now);
        let at_client = client.open(now, &OpenOptions::new(&BIDI)).unwrap();
        let mut now = now;
        for _ in 0..3 {
            carry((&mut client, &mut server), now, 100_000, usize::MAX);
            now = now.saturating_add(Duration::from_millis(1));
            carry((&mut server, &mut client), now, 100_000, usize::MAX);
        }
        let opened = core::iter::from_fn(|| server.poll_event()).find_map(|event| match event {
            Event::Opened(id) => Some(id),
            _ => None,
        });
        Self { client, server, ids: (at_client, opened.unwrap()), now, one_by_one }
    }

    fn rest(&mut self) {
        if self.one_by_one {
            self.client.handle_timeout(self.now);
            self.server.handle_timeout(self.now);
        }
    }

    fn act(&mut self, op: &Op) -> Vec<u8> {
        let (at_client, at_server) = self.ids;
        match *op {
            Op::Send { client, count, size, how } => {
                let mut said = String::new();
                for nth in 0..count {
                    let octets = vec![nth as u8; size];
                    said += &match client {
                        true => send(&mut self.client, at_client, &octets, how),
                        false => send(&mut self.server, at_server, &octets, how),
                    };
                    self.rest();
                }
                said.into_bytes()
            }
            Op::Read { client, count } => {
                let mut all = Vec::new();
                for _ in 0..count {
                    all.extend(match client {
                        true => read(&mut self.client, at_client),
                        false => read(&mut self.server, at_server),
                    });
                    self.rest();
                }
                all
            }
            Op::Carry { client, target, piece } => match client {
                true => carry((&mut self.client, &mut self.server), self.now, target, piece),
                false => carry((&mut self.server, &mut self.client), self.now, target, piece),
            },
            Op::Wait(nanos) => {
                self.now = self.now.saturating_add(Duration::from_nanos(nanos));
                self.client.handle_timeout(self.now);
                self.server.handle_timeout(self.now);
                Vec::new()
            }
        }
    }

    fn seen(&mut self) -> [String; 2] {
        [seen(&mut self.client, self.ids.0), seen(&mut self.server, self.ids.1)]
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// The same octets, messages, refusals, windows and levels, after each step.
    #[test]
    fn a_run_is_what_its_messages_are_one_by_one(ops in prop::collection::vec(op(), 1..60)) {
        let (mut runs, mut single) = (World::new(false), World::new(true));
        for op in &ops {
            prop_assert_eq!(runs.act(op), single.act(op), "{:?}", op);
            prop_assert_eq!(runs.seen(), single.seen(), "{:?}", op);
        }
    }
}
