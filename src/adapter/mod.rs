//! Adapters: the only place of the crate that does IO. Each is a feature, and none is needed: the loop that they run is
//! the one that [`Connection`](crate::Connection) shows.

pub(crate) mod front;
#[cfg(feature = "mio")]
#[cfg_attr(docsrs, doc(cfg(feature = "mio")))]
pub mod mio;
mod socket;
#[cfg(feature = "tls")]
#[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
pub mod tls;
#[cfg(feature = "tokio")]
#[cfg_attr(docsrs, doc(cfg(feature = "tokio")))]
pub mod tokio;

use core::fmt;
use std::format;
use std::io;
use std::string::{String, ToString};

/// An error of a transport, with the layer that it comes from.
pub(crate) fn describe(error: &io::Error) -> String {
    #[cfg(feature = "tls")]
    if let Some(inner) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return tls::HandshakeError::from(inner.clone()).to_string();
    }
    let text = error.to_string();
    let named = ["transport: ", "TLS: ", "HTTP/2: "].iter().any(|layer| text.starts_with(layer));
    if named { text } else { format!("transport: {text}") }
}

/// Why there is no connection to `address`; of the same kind.
pub(crate) fn cannot_connect(address: &dyn fmt::Display, error: &io::Error) -> io::Error {
    let what = describe(error);
    // An error of ours that says all of it.
    let advised = what.contains("; retry: ");
    io::Error::new(error.kind(), if advised { what } else { format!("{what}, connecting to {address}; retry: safe") })
}
