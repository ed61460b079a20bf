//! Metrics of calls and connections, under the names of gRFC A66.
//!
//! Two kinds of figures can be read of every connection. [`Connection::snapshot`] says how it stands now, out of what the
//! engine knows anyway; it needs no feature and costs nothing until it is asked for. What calls came to (started, ended by
//! status, messages and octets, durations) is counted at the door of all verbs where the config says so, with the feature
//! `metrics`: [`ClientConfigBuilder::metrics`] and [`ServerConfigBuilder::metrics`]. Then [`Connection::totals`] and
//! [`Connection::call_metrics`] have it, and a function of yours is told of each call at its end, which is what a histogram
//! of durations by method and status is made of.
//!
//! A message counts when it is queued to be sent, and when it is read, with its octets as they are on the wire: compressed,
//! without prefix and framing (G-341). A66 says that only methods known before should be names in a metric (G-342): who
//! exports to a system that is paid by the series puts `other` for the rest.
//!
//! ```
//! use grpc_sansio::grpc::{Kind, Method};
//! use grpc_sansio::metrics::CallMetrics;
//! use grpc_sansio::{Client, ClientConfig, Connection, Instant, OpenOptions};
//!
//! static GET: Method = Method::from_static("/shop.Shop/Get", Kind::Unary);
//!
//! let config = ClientConfig::builder("shop")
//!     .metrics(|call: &CallMetrics| {
//!         // Such as: histogram("grpc.client.attempt.duration", call.duration, &call.method, call.status)
//!         assert_eq!(call.method, "shop.Shop/Get");
//!     })
//!     .build()?;
//! let now = Instant::from_nanos(0);
//! let mut connection = Connection::<Client>::new(&config, now);
//! let id = connection.open(now, &OpenOptions::new(&GET))?;
//! connection.call(id).unwrap().send(b"17".to_vec())?;
//!
//! assert_eq!(connection.call_metrics(id).unwrap().sent_octets, 2);
//! let totals = connection.totals().unwrap();
//! assert!(totals.named().contains(&("grpc.client.attempt.started", 1)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Connection::snapshot`]: crate::Connection::snapshot
//! [`Connection::totals`]: crate::Connection::totals
//! [`Connection::call_metrics`]: crate::Connection::call_metrics

use crate::config::{ClientConfigBuilder, ServerConfigBuilder, Settings, Watch};
use crate::grpc::TraceContext;
use crate::http2::Side;
use crate::observe::{CallSink, Calls, Observer};
use crate::time::Instant;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

pub use crate::observe::{CallMetrics, Totals};

struct Start<F>(Arc<F>);

impl<F: Fn(&CallMetrics) + Send + Sync + 'static> Watch for Start<F> {
    fn observer(&self, side: Side, settings: &Settings, _: u64, now: Instant) -> Option<Box<dyn Observer>> {
        let sink = Sink { totals: Totals::new(side), tell: Arc::clone(&self.0) };
        Some(Box::new(Calls::new(side, &settings.authority, now, sink)))
    }
}

impl ClientConfigBuilder {
    /// Counts what calls come to, and tells `ended` of each at its end: see [`metrics`](crate::metrics). It is called while a
    /// verb is done, with the tokio adapter under the connection's lock: it should be short, and must not use the
    /// connection.
    #[cfg_attr(docsrs, doc(cfg(feature = "metrics")))]
    pub fn metrics(self, ended: impl Fn(&CallMetrics) + Send + Sync + 'static) -> Self {
        self.watch(Start(Arc::new(ended)))
    }
}

impl ServerConfigBuilder {
    /// As [`ClientConfigBuilder::metrics`].
    #[cfg_attr(docsrs, doc(cfg(feature = "metrics")))]
    pub fn metrics(self, ended: impl Fn(&CallMetrics) + Send + Sync + 'static) -> Self {
        self.watch(Start(Arc::new(ended)))
    }
}

struct Sink<F> {
    /// Of calls that ended; and how many began.
    totals: Totals,
    tell: Arc<F>,
}

impl<F: Fn(&CallMetrics) + Send + Sync> CallSink for Sink<F> {
    fn began(&mut self, _: Side, _: &CallMetrics, _: Option<&TraceContext>) {
        self.totals.started = self.totals.started.saturating_add(1);
    }

    fn named(&mut self, _: &CallMetrics, _: Option<&TraceContext>) {}

    fn stopped(&mut self, _: &CallMetrics) {}

    fn ended(&mut self, call: &CallMetrics) {
        let by_code = call.status.and_then(|code| self.totals.ended.get_mut(usize::from(code.as_u8())));
        let count = by_code.unwrap_or(&mut self.totals.ended_without_status);
        *count = count.saturating_add(1);
        self.totals.duration = self.totals.duration.saturating_add(call.duration);
        self.totals.add_traffic(call);
        (self.tell)(call);
    }

    fn totals(&self) -> Option<Totals> {
        Some(self.totals.clone())
    }
}

/// The bounds of the histograms that A66 asks for, in seconds: for `duration`.
pub const LATENCY_BOUNDS: [f64; 41] = [
    0.0, 0.000_01, 0.000_05, 0.000_1, 0.000_3, 0.000_6, 0.000_8, 0.001, 0.002, 0.003, 0.004, 0.005, 0.006, 0.008, 0.01,
    0.013, 0.016, 0.02, 0.025, 0.03, 0.04, 0.05, 0.065, 0.08, 0.1, 0.13, 0.16, 0.2, 0.25, 0.3, 0.4, 0.5, 0.65, 0.8,
    1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0,
];

/// The bounds of the histograms of sizes, in octets.
pub fn size_bounds() -> Vec<u64> {
    let small = [0, 1024, 2048, 4096, 16_384, 65_536];
    let large = core::iter::successors(Some(262_144_u64), |bound| bound.checked_mul(4).filter(|next| *next <= 1 << 32));
    small.into_iter().chain(large).collect()
}
