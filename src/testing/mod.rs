//! The simulation kit: both ends of a connection in memory, under virtual time, over links that misbehave on request.
//!
//! Nothing here reads a clock, a socket or a source of randomness: a seed and a script give the same run again, octet for
//! octet. The library's own tests stand on it, and so can the tests of what is built on the library.
//!
//! | to | use |
//! |---|---|
//! | join a client and a server | [`Pair`] |
//! | join many, with services that call each other | [`Net`], [`Wire`] |
//! | delay, cut, throttle, stall or kill a transport | [`FaultyLink`] |
//! | script a side | [`Pair::on_client`], [`Pair::on_server`], [`answer`], [`echo`] |
//! | hand octets over in pieces | [`Chunking`] |
//! | have whole conversations, said and heard | [`Conversation`], [`Exchange`] |
//! | draw any of these, and metadata, statuses, messages, limits | `arbitrary::Arbitrary` (feature `arbitrary`), `any` (feature `proptest`) |
//! | keep what was read | [`Transcript`], [`Record`] |
//! | have time and chance | [`Clock`], [`LocalClock`], [`Rng`] |
//! | compare runs octet for octet | [`Digest`], [`Net::digest`], [`Transcript::digest`] |
//! | check windows, slots and frames at every step | [`Pair::watch`], [`Observer`] |
//!
//! ```
//! use grpc_sansio::grpc::{Code, Kind, Method, Status};
//! use grpc_sansio::testing::{Pair, answer};
//! use grpc_sansio::OpenOptions;
//!
//! const GREET: Method = Method::from_static("/helloworld.Greeter/SayHello", Kind::Unary);
//!
//! let mut pair = Pair::new(7);
//! // The server answers each call, once all of its request has arrived.
//! pair.on_server(answer(GREET.kind(), |request| {
//!     let name = request.messages().next().unwrap_or_default();
//!     (vec![[b"hello ", name].concat()], Status::ok())
//! }));
//!
//! let call = pair.open(&OpenOptions::new(&GREET)).unwrap();
//! pair.client.call(call).unwrap().send("world".as_bytes().to_vec()).unwrap();
//! pair.drive();
//!
//! let call = pair.client_log.call(call).unwrap();
//! assert_eq!(call.messages().next(), Some(&b"hello world"[..]));
//! assert_eq!(call.outcome().unwrap().code(), Code::Ok);
//! ```

#[cfg(feature = "arbitrary")]
#[cfg_attr(docsrs, doc(cfg(feature = "arbitrary")))]
mod arbitrary;
mod chunking;
mod clock;
mod conversation;
mod digest;
mod ends;
mod link;
mod net;
mod pair;
mod record;
mod rng;
mod script;
#[cfg(feature = "proptest")]
#[cfg_attr(docsrs, doc(cfg(feature = "proptest")))]
mod strategy;
mod watch;
mod wire;

pub use chunking::Chunking;
pub use clock::{Clock, LocalClock};
pub use conversation::{Conversation, Exchange};
pub use digest::Digest;
pub use link::{Cut, Damage, FaultyLink, Read};
pub use net::{Net, News, WireId};
pub use pair::Pair;
pub use record::{CallLog, Record, Recorded, Transcript};
pub use rng::Rng;
pub use script::{Received, answer, echo};
#[cfg(feature = "proptest")]
#[cfg_attr(docsrs, doc(cfg(feature = "proptest")))]
pub use strategy::any;
pub use watch::Observer;
pub use wire::Wire;
