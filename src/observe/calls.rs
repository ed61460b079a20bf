//! What calls come to, told by the verbs that pass the door: for metrics and for spans.

use super::said::{Answer, Said};
use super::tap::Observer;
use super::verb::Verb;
use crate::event::Event;
use crate::grpc::{Code, TraceContext};
use crate::http2::Side;
use crate::time::Instant;
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use core::time::Duration;

/// One call as its own application knows it: messages that it queued and messages that it read.
///
/// The names of gRFC A66 for these, after `grpc.client.attempt.` or `grpc.server.call.`, stand beside them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "metrics"), allow(unreachable_pub))]
#[non_exhaustive]
pub struct CallMetrics {
    /// [`CallId::number`](crate::CallId::number).
    pub number: u32,
    /// `grpc.method`: without the leading slash (G-342). Empty on a server whose application has not read the head.
    pub method: String,
    /// `grpc.target` of a client: the authority of the call.
    pub target: String,
    /// When it was opened, or shown to a server's application: one more `started` of the connection.
    pub began: Instant,
    /// `duration`, so far or in all.
    pub duration: Duration,
    /// Messages that were queued to be sent.
    pub sent_messages: u64,
    /// `sent_total_compressed_message_size`: their octets, without prefix and framing (G-341).
    pub sent_octets: u64,
    /// Messages that were read.
    pub rcvd_messages: u64,
    /// `rcvd_total_compressed_message_size`: their octets.
    pub rcvd_octets: u64,
    /// `grpc.status`: how it ended. `None` while it goes on, and for a server's call that was reset or let go.
    pub status: Option<Code>,
    /// Why it stopped before its time: [`Stop::name`](crate::Stop::name).
    pub stopped: Option<&'static str>,
}

/// Who is told of calls.
pub(crate) trait CallSink: Send + Sync {
    /// A call was opened, by a client with its method.
    fn began(&mut self, side: Side, call: &CallMetrics, context: Option<&TraceContext>);
    /// A server's application learned the method.
    fn named(&mut self, call: &CallMetrics, context: Option<&TraceContext>);
    /// It stopped before its time.
    fn stopped(&mut self, call: &CallMetrics);
    /// It is over: nothing of it is known after this.
    fn ended(&mut self, call: &CallMetrics);

    #[cfg(feature = "tracing")]
    fn span(&self, _call: u32) -> Option<tracing::Span> {
        None
    }

    #[cfg(feature = "metrics")]
    fn totals(&self) -> Option<super::Totals> {
        None
    }
}

/// Follows the calls of one connection.
pub(crate) struct Calls<S> {
    side: Side,
    authority: String,
    now: Instant,
    /// By number, from `open` or `Opened` until the application lets go.
    calls: BTreeMap<u32, CallMetrics>,
    doing: Doing,
    sink: S,
}

/// The verb that is being done, as far as it matters here.
enum Doing {
    Open {
        method: String,
        target: Option<String>,
        context: Option<TraceContext>,
    },
    Send {
        call: u32,
        octets: usize,
    },
    Read {
        call: u32,
    },
    /// The application ends the call with this.
    End {
        call: u32,
        code: Option<Code>,
    },
    Other,
}

impl<S: CallSink> Calls<S> {
    pub(crate) fn new(side: Side, authority: &str, now: Instant, sink: S) -> Self {
        Self { side, authority: authority.to_string(), now, calls: BTreeMap::new(), doing: Doing::Other, sink }
    }

    fn begin(&mut self, number: u32, method: String, target: String, context: Option<&TraceContext>) {
        let call = CallMetrics {
            number,
            method,
            target,
            began: self.now,
            duration: Duration::ZERO,
            sent_messages: 0,
            sent_octets: 0,
            rcvd_messages: 0,
            rcvd_octets: 0,
            status: None,
            stopped: None,
        };
        self.sink.began(self.side, &call, context);
        self.calls.insert(number, call);
    }

    fn read(&mut self, number: u32, answer: &Answer<'_>) {
        let Some(call) = self.calls.get_mut(&number) else { return };
        match answer {
            Answer::Head { fields, .. } if self.side == Side::Server => {
                let get = |name: &str| {
                    let mut fields = *fields;
                    let field = fields.find(|field| field.name == name.as_bytes());
                    field.and_then(|field| core::str::from_utf8(field.value).ok())
                };
                call.method = without_slash(get(":path").unwrap_or_default());
                self.sink.named(call, TraceContext::find(get).as_ref());
            }
            Answer::Message { data, .. } => {
                call.rcvd_messages = call.rcvd_messages.saturating_add(1);
                call.rcvd_octets = call.rcvd_octets.saturating_add(data.len() as u64);
            }
            Answer::Ended { status, .. } => self.end(number, Some(status.code())),
            _ => {}
        }
    }

    /// The last that is known of a call.
    fn end(&mut self, number: u32, status: Option<Code>) {
        let Some(mut call) = self.calls.remove(&number) else { return };
        call.status = status;
        call.duration = self.now.saturating_since(call.began);
        self.sink.ended(&call);
    }
}

impl<S: CallSink> Observer for Calls<S> {
    fn begins(&mut self, verb: &Verb<'_>) {
        self.now = verb.now().unwrap_or(self.now).max(self.now);
        self.doing = match verb {
            Verb::Open { options, .. } => Doing::Open {
                method: without_slash(options.method.path().as_str()),
                target: options.authority.map(String::from),
                context: TraceContext::find(|name| options.metadata.get(name)),
            },
            Verb::Send { call, message } => Doing::Send { call: call.number(), octets: message.data.len() },
            Verb::SendWith { call, .. } | Verb::SendCompressedWith { call, .. } => {
                Doing::Send { call: call.number(), octets: 0 }
            }
            Verb::Read { call } => Doing::Read { call: call.number() },
            Verb::Cancel { call } => Doing::End { call: call.number(), code: Some(Code::Cancelled) },
            Verb::Finish { call, status, .. } => Doing::End { call: call.number(), code: Some(status.code()) },
            Verb::Reset { call, .. } | Verb::Release { call } => Doing::End { call: call.number(), code: None },
            #[cfg(feature = "testing")]
            Verb::SkipStreams { .. } => Doing::Other,
            Verb::Receive { .. }
            | Verb::ReceiveBytes { .. }
            | Verb::ReceiveEof { .. }
            | Verb::ReceiveFailure { .. }
            | Verb::Transmit { .. }
            | Verb::PollEvent
            | Verb::HandleTimeout { .. }
            | Verb::Shutdown { .. }
            | Verb::HalfClose { .. }
            | Verb::Expect { .. }
            | Verb::LimitDeadline { .. }
            | Verb::SetEncoding { .. }
            | Verb::SendHead { .. } => Doing::Other,
        };
    }

    fn wrote(&mut self, octets: &[u8]) {
        if let Doing::Send { octets: sent, .. } = &mut self.doing {
            *sent = octets.len();
        }
    }

    fn said(&mut self, said: &Said<'_>) {
        let refused = matches!(said.answer, Answer::Refused(_));
        match (core::mem::replace(&mut self.doing, Doing::Other), &said.answer) {
            (Doing::Open { method, target, context }, Answer::Opened(id)) => {
                let target = target.unwrap_or_else(|| self.authority.clone());
                self.begin(id.number(), method, target, context.as_ref());
            }
            (Doing::Send { call, octets }, _) if !refused => {
                if let Some(call) = self.calls.get_mut(&call) {
                    call.sent_messages = call.sent_messages.saturating_add(1);
                    call.sent_octets = call.sent_octets.saturating_add(octets as u64);
                }
            }
            (Doing::Read { call }, answer) => self.read(call, answer),
            (Doing::End { call, code }, _) if !refused => self.end(call, code),
            (_, Answer::Event { event: Event::Opened(id), .. }) => {
                self.begin(id.number(), String::new(), String::new(), None);
            }
            (_, Answer::Event { event: Event::Stopped(id), stop, .. }) => {
                if let Some(call) = self.calls.get_mut(&id.number()) {
                    call.stopped = *stop;
                    self.sink.stopped(call);
                }
            }
            _ => {}
        }
    }

    fn broke_off(&mut self) {
        self.doing = Doing::Other;
    }

    #[cfg(feature = "tracing")]
    fn span(&self, call: u32) -> Option<tracing::Span> {
        self.sink.span(call)
    }

    #[cfg(feature = "metrics")]
    fn call(&self, number: u32) -> Option<CallMetrics> {
        let call = self.calls.get(&number).filter(|_| self.sink.totals().is_some())?;
        Some(CallMetrics { duration: self.now.saturating_since(call.began), ..call.clone() })
    }

    /// What ended, and what goes on.
    #[cfg(feature = "metrics")]
    fn totals(&self) -> Option<super::Totals> {
        let mut totals = self.sink.totals()?;
        self.calls.values().for_each(|call| totals.add_traffic(call));
        Some(totals)
    }
}

/// The path as A66 names a method.
fn without_slash(path: &str) -> String {
    path.strip_prefix('/').unwrap_or(path).to_string()
}
