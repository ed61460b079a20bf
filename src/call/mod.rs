//! One call's life: four kinds, two roles, deadlines, cancellation, cardinality. Reached through
//! [`Connection`](crate::Connection).

#[cfg(feature = "testing")]
mod audit;
mod client;
mod data;
mod door;
mod due;
mod engine;
mod flags;
mod handle;
mod inbox;
mod keepalive;
mod loan;
mod manage;
mod read;
mod receive;
mod role;
mod runs;
mod send;
mod server;
mod spelling;
mod state;
mod timers;
mod transmit;
mod whole;

pub(crate) use door::{Door, done};
pub(crate) use engine::Engine;
pub use handle::{Call, CallSnapshot, Item, ItemInto};
pub use inbox::Payload;
pub use role::{Client, HalfClose, Outcome, ReceivedFields, ReceivedMetadata, Request, Response, Role, Server};
pub use state::Stop;
