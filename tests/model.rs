//! A model of a call, which is two lists of messages and an end, against random doings on both sides of a faulty
//! transport. It shares no code with the library.
#![cfg(feature = "testing")]

#[path = "model/call.rs"]
mod call;
#[path = "model/world.rs"]
mod world;

use proptest::prelude::*;
use world::{Doing, Finale, World};

fn size() -> impl Strategy<Value = u32> {
    prop_oneof![6 => 0..60u32, 3 => 60..6_000u32, 1 => 60_000..200_000u32]
}

fn doing() -> impl Strategy<Value = Doing> {
    prop_oneof![
        4 => (0..4u8, prop::option::weighted(0.2, 1..2_000u16)).prop_map(|(kind, deadline)| Doing::Open { kind, deadline }),
        6 => (any::<u8>(), size()).prop_map(|(call, size)| Doing::ClientSend { call, size }),
        3 => any::<u8>().prop_map(Doing::HalfClose),
        1 => any::<u8>().prop_map(Doing::Cancel),
        4 => (any::<u8>(), 1..6u8).prop_map(|(call, items)| Doing::ClientRead { call, items }),
        6 => (any::<u8>(), size()).prop_map(|(call, size)| Doing::ServerSend { call, size }),
        3 => (any::<u8>(), 0..17u8).prop_map(|(call, code)| Doing::Finish { call, code }),
        1 => any::<u8>().prop_map(Doing::Reset),
        4 => (any::<u8>(), 1..6u8).prop_map(|(call, items)| Doing::ServerRead { call, items }),
        2 => any::<u8>().prop_map(Doing::Expect),
        6 => (1..40u8).prop_map(Doing::Steps),
        1 => (1..1_500u16).prop_map(Doing::Sleep),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Each side reads a beginning of what the other sent, in order, whole and unchanged; all of it where nobody ended the
    /// call before its time. Each call has one end, and it is the one that the doings led to.
    #[test]
    fn calls_are_their_model(
        seed: u64,
        delay in 0..30u64,
        limit in 1..8u32,
        small: bool,
        doings in prop::collection::vec(doing(), 1..120),
        finale in prop_oneof![3 => Just(Finale::Regular), 1 => Just(Finale::Lost), 1 => Just(Finale::Shutdown)],
    ) {
        let mut world = World::new(seed, delay, limit, small);
        for doing in &doings {
            world.does(doing);
        }
        world.ends(finale);
    }
}

/// The last call of a shutdown ended with credit owed: `transmit` wrote a WINDOW_UPDATE after the last GOAWAY, though nothing
/// was wanted.
#[test]
fn no_credit_after_the_end() {
    let mut world = World::new(0, 1, 2, false);
    world.does(&Doing::Open { kind: 1, deadline: None });
    world.does(&Doing::ClientSend { call: 0, size: 0 });
    world.does(&Doing::Steps(1));
    world.does(&Doing::ClientSend { call: 0, size: 32_757 });
    world.does(&Doing::Open { kind: 0, deadline: None });
    world.does(&Doing::Sleep(1));
    world.does(&Doing::Reset(1));
    world.does(&Doing::Cancel(0));
    world.ends(Finale::Shutdown);
}
