//! Frames that are well formed one by one, in any order, played to a server or a client: deeper states than octets reach.

use crate::connection;
use crate::control::Control;
use crate::session::{Peer, Sent};
use arbitrary::{Arbitrary, Unstructured};
use grpc_sansio::http2::Side;

#[derive(Arbitrary, Debug)]
struct Session<'a> {
    server: bool,
    preface: bool,
    mode: u8,
    cut: u8,
    frames: Vec<Sent<'a>>,
}

/// A session, by `arbitrary`.
pub fn run(data: &[u8]) {
    let Ok(session) = Session::arbitrary_take_rest(Unstructured::new(data)) else { return };
    let mut peer = Peer::new(session.server, session.preface);
    session.frames.iter().for_each(|sent| peer.send(sent));
    let side = if session.server { Side::Server } else { Side::Client };
    connection::run(side, &peer.into_wire(), Control { mode: session.mode, cut: session.cut });
}
