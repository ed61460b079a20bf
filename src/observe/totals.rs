//! What all calls of a connection came to.

use super::calls::CallMetrics;
use crate::grpc::Code;
use crate::http2::Side;
use core::time::Duration;

/// What all calls of a connection came to so far, those that go on included.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Totals {
    client: bool,
    /// Calls that began.
    pub started: u64,
    /// Calls that ended, by the number of their status ([`Code::as_u8`]).
    pub ended: [u64; 17],
    /// Calls of a server that ended without a status, by a reset or by being let go.
    pub ended_without_status: u64,
    /// What the calls that ended took together.
    pub duration: Duration,
    /// Messages that were queued to be sent.
    pub sent_messages: u64,
    /// Their octets.
    pub sent_octets: u64,
    /// Messages that were read.
    pub rcvd_messages: u64,
    /// Their octets.
    pub rcvd_octets: u64,
}

impl Totals {
    pub(crate) fn new(side: Side) -> Self {
        Self {
            client: side == Side::Client,
            started: 0,
            ended: [0; 17],
            ended_without_status: 0,
            duration: Duration::ZERO,
            sent_messages: 0,
            sent_octets: 0,
            rcvd_messages: 0,
            rcvd_octets: 0,
        }
    }

    pub(crate) fn add_traffic(&mut self, call: &CallMetrics) {
        self.sent_messages = self.sent_messages.saturating_add(call.sent_messages);
        self.sent_octets = self.sent_octets.saturating_add(call.sent_octets);
        self.rcvd_messages = self.rcvd_messages.saturating_add(call.rcvd_messages);
        self.rcvd_octets = self.rcvd_octets.saturating_add(call.rcvd_octets);
    }

    /// Calls that ended with this status.
    pub fn ended_with(&self, code: Code) -> u64 {
        self.ended.get(usize::from(code.as_u8())).copied().unwrap_or_default()
    }

    /// The counters that A66 has a name for, under that name. Its other metrics are histograms, which take each call by
    /// itself.
    pub fn named(&self) -> [(&'static str, u64); 3] {
        let names = if self.client {
            [
                "grpc.client.attempt.started",
                "grpc.client.attempt.sent_total_compressed_message_size",
                "grpc.client.attempt.rcvd_total_compressed_message_size",
            ]
        } else {
            [
                "grpc.server.call.started",
                "grpc.server.call.sent_total_compressed_message_size",
                "grpc.server.call.rcvd_total_compressed_message_size",
            ]
        };
        let [started, sent, received] = names;
        [(started, self.started), (sent, self.sent_octets), (received, self.rcvd_octets)]
    }
}
