//! The event log of a connection: every verb with its arguments, octets in, octets out, timers, frames and events, in lines
//! of JSON.
//!
//! Switch it on in the config ([`ClientConfigBuilder::event_log`](crate::ClientConfigBuilder::event_log), and the same of a
//! server), and it works wherever the connection is driven: by hand, by tokio, by mio, or by a client that blocks. The
//! engine knows nothing of it: the log is written at the door that every verb passes.
//!
//! A log is one of two things.
//!
//! * **Complete.** It has everything that the connection was told, secrets included, so [`Log::replay`] does it again and
//!   comes to the same octets, bit for bit, in every build of the same version.
//! * **Masked** ([`EventLog::masked`], or [`Log::write_masked`] of a complete one). It hides what a [`Mask`] says, and no
//!   raw octets are in it, so it can be shared and looked at. It cannot be replayed.
//!
//! The program `grpc-log` of this crate shows, filters, masks and replays logs.
//!
//! ```
//! use grpc_sansio::event_log::{EventLog, Log, Mask};
//! use grpc_sansio::grpc::{Kind, Method};
//! use grpc_sansio::{Client, ClientConfig, Connection, Instant, OpenOptions, WriteBuf};
//! # use std::{io, sync::{Arc, Mutex}};
//! # #[derive(Clone, Default)]
//! # struct Shared(Arc<Mutex<Vec<u8>>>);
//! # impl io::Write for Shared {
//! #     fn write(&mut self, octets: &[u8]) -> io::Result<usize> { self.0.lock().unwrap().write(octets) }
//! #     fn flush(&mut self) -> io::Result<()> { Ok(()) }
//! # }
//!
//! static GET: Method = Method::from_static("/shop.Shop/Get", Kind::Unary);
//!
//! let file = Shared::default(); // anything that can be written to
//! let writer = file.clone();
//! let config = ClientConfig::builder("shop").event_log(move || Some(EventLog::new(writer.clone()))).build()?;
//!
//! let now = Instant::from_nanos(0);
//! let mut connection = Connection::<Client>::new(&config, now);
//! let call = connection.open(now, &OpenOptions::new(&GET))?;
//! connection.call(call).unwrap().send(b"17".to_vec())?;
//! connection.transmit(now, &mut WriteBuf::new());
//! drop(connection);
//!
//! let log = Log::parse(&file.0.lock().unwrap());
//! assert!(log.faults.is_empty());
//! assert_eq!(log.replay()?.verbs, 3);
//!
//! let mut shared = Vec::new();
//! log.write_masked(&Mask::new(), &mut shared)?;
//! assert!(Log::parse(&shared).replay().is_err(), "what is masked cannot be done again");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod config;
mod convert;
mod cut;
mod line;
mod mask;
mod octets;
mod read;
mod record;
mod repeats;
mod replay;
mod sum;

pub use line::{
    Answer, Due, End, Entry, Event, Field, Frame, Header, Kind, LastLine, Masked, Octets, Role, Status, Timer, VERSION,
    Value, Verb,
};
pub use mask::Mask;
pub use read::{Fault, Log, Wrong};
pub use record::EventLog;
pub use replay::{ReplayError, Replayed};
