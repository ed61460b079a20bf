//! Doings on both sides of a pair over links that cut, held against the model of calls that the tests have.

use crate::world::{Doing, Finale, World};

/// An operation is so many octets, so that a change to one leaves the others as they are.
const OPERATION: usize = 4;

/// More of them only take longer.
const MOST: usize = 150;

/// Four octets that steer, then operations.
pub fn run(data: &[u8]) {
    let Some((&[seed, delay, limit, finale], rest)) = data.split_first_chunk() else { return };
    let mut world = World::new(seed.into(), u64::from(delay % 30), u32::from(limit % 7) + 1, limit >= 128);
    for octets in rest.as_chunks::<OPERATION>().0.iter().take(MOST) {
        world.does(&doing(*octets));
    }
    world.ends(match finale % 4 {
        0 | 1 => Finale::Regular,
        2 => Finale::Lost,
        _ => Finale::Shutdown,
    });
}

fn doing([operation, call, high, low]: [u8; OPERATION]) -> Doing {
    let number = u16::from_be_bytes([high, low]);
    let size = u32::from(number) * 3;
    match operation % 24 {
        0..4 => Doing::Open { kind: call % 4, deadline: (call >= 192).then_some(1 + number % 2_000) },
        4..8 => Doing::ClientSend { call, size },
        8 | 9 => Doing::HalfClose(call),
        10 => Doing::Cancel(call),
        11 | 12 => Doing::ClientRead { call, items: 1 + low % 6 },
        13..16 => Doing::ServerSend { call, size },
        16 => Doing::Expect(call),
        17 => Doing::Finish { call, code: low % 17 },
        18 => Doing::Reset(call),
        19 | 20 => Doing::ServerRead { call, items: 1 + low % 6 },
        21 | 22 => Doing::Steps(1 + low % 40),
        _ => Doing::Sleep(1 + number % 1_500),
    }
}
