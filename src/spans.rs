//! A span of `tracing` for each call, by whoever drives its connection.
//!
//! Switched on in the config: [`ClientConfigBuilder::spans`] and [`ServerConfigBuilder::spans`]. A client's span is
//! `grpc.client.attempt`, a server's `grpc.server.call`, at the level INFO and with the target `grpc_sansio`. Name and fields
//! together are the names of gRFC A66:
//!
//! | field | what | when |
//! |---|---|---|
//! | `grpc.method` | without the leading slash (G-342) | at once; on a server when the head is read |
//! | `grpc.target` | the authority of the call, on a client | at once |
//! | `grpc.status` | its name, as `NOT_FOUND` | at the end |
//! | `duration` | seconds, on the connection's clock | at the end |
//! | `sent_total_compressed_message_size` | octets of messages, without prefix and framing (G-341), queued to be sent | at the end |
//! | `rcvd_total_compressed_message_size` | the same, read | at the end |
//! | `sent_messages`, `rcvd_messages` | how many | at the end |
//! | `call` | [`CallId::number`](crate::CallId::number), the name of the call in an event log | at once |
//! | `stopped` | why it stopped before its time | then |
//! | `trace_id`, `parent_id` | of `traceparent`, where the call has one (W3C Trace Context) | with `grpc.method` |
//!
//! Nothing else of metadata is ever put into a span, nor is the text of a status, which may quote what a peer said: so no
//! value of a sensitive name can get there. The span is closed when the application reads a client's outcome, finishes a
//! server's call, or lets go of it.
//!
//! A subscriber is called while a verb is done, and so, with the tokio adapter, while the connection is locked: it must not use
//! the same connection before it returns.

use crate::config::{ClientConfigBuilder, ServerConfigBuilder, Settings, Watch};
use crate::grpc::TraceContext;
use crate::http2::Side;
use crate::observe::{CallMetrics, CallSink, Calls, Observer};
use crate::time::Instant;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use tracing::{Span, field, info_span};

struct Start;

impl Watch for Start {
    fn observer(&self, side: Side, settings: &Settings, _: u64, now: Instant) -> Option<Box<dyn Observer>> {
        Some(Box::new(Calls::new(side, &settings.authority, now, Spans::default())))
    }
}

impl ClientConfigBuilder {
    /// Makes a span for each call; [`spans`](crate::spans) says what is in it.
    #[cfg_attr(docsrs, doc(cfg(feature = "tracing")))]
    pub fn spans(self) -> Self {
        self.watch(Start)
    }
}

impl ServerConfigBuilder {
    /// As [`ClientConfigBuilder::spans`].
    #[cfg_attr(docsrs, doc(cfg(feature = "tracing")))]
    pub fn spans(self) -> Self {
        self.watch(Start)
    }
}

/// The spans of one connection, by the numbers of their calls.
#[derive(Default)]
struct Spans(BTreeMap<u32, Span>);

impl CallSink for Spans {
    fn began(&mut self, side: Side, call: &CallMetrics, context: Option<&TraceContext>) {
        let span = match side {
            Side::Client => client_span(call),
            Side::Server => server_span(call),
        };
        record_context(&span, context);
        self.0.insert(call.number, span);
    }

    fn named(&mut self, call: &CallMetrics, context: Option<&TraceContext>) {
        if let Some(span) = self.0.get(&call.number) {
            span.record("grpc.method", call.method.as_str());
            record_context(span, context);
        }
    }

    fn stopped(&mut self, call: &CallMetrics) {
        if let Some(span) = self.0.get(&call.number) {
            span.record("stopped", call.stopped.unwrap_or_default());
        }
    }

    fn ended(&mut self, call: &CallMetrics) {
        let Some(span) = self.0.remove(&call.number) else { return };
        if let Some(code) = call.status {
            span.record("grpc.status", code.name());
        }
        span.record("duration", call.duration.as_secs_f64());
        span.record("sent_total_compressed_message_size", call.sent_octets);
        span.record("rcvd_total_compressed_message_size", call.rcvd_octets);
        span.record("sent_messages", call.sent_messages);
        span.record("rcvd_messages", call.rcvd_messages);
    }

    fn span(&self, call: u32) -> Option<Span> {
        self.0.get(&call).cloned()
    }
}

fn client_span(call: &CallMetrics) -> Span {
    info_span!(
        target: "grpc_sansio",
        "grpc.client.attempt",
        call = call.number,
        "grpc.method" = call.method.as_str(),
        "grpc.target" = call.target.as_str(),
        "grpc.status" = field::Empty,
        duration = field::Empty,
        sent_total_compressed_message_size = field::Empty,
        rcvd_total_compressed_message_size = field::Empty,
        sent_messages = field::Empty,
        rcvd_messages = field::Empty,
        stopped = field::Empty,
        trace_id = field::Empty,
        parent_id = field::Empty,
    )
}

fn server_span(call: &CallMetrics) -> Span {
    info_span!(
        target: "grpc_sansio",
        // Whatever the thread that drives the connection is doing has not caused the call.
        parent: None,
        "grpc.server.call",
        call = call.number,
        "grpc.method" = field::Empty,
        "grpc.status" = field::Empty,
        duration = field::Empty,
        sent_total_compressed_message_size = field::Empty,
        rcvd_total_compressed_message_size = field::Empty,
        sent_messages = field::Empty,
        rcvd_messages = field::Empty,
        stopped = field::Empty,
        trace_id = field::Empty,
        parent_id = field::Empty,
    )
}

fn record_context(span: &Span, context: Option<&TraceContext>) {
    if let Some(context) = context {
        span.record("trace_id", context.trace_id());
        span.record("parent_id", context.parent_id());
    }
}
