//! The facade: one connection, either role. Every verb passes it.

use crate::buffer::WriteBuf;
use crate::call::{Call, Client, Door, Engine, Role, Server, done};
use crate::config::{ClientConfig, ServerConfig};
use crate::error::{ConnectionError, OpenError};
use crate::event::{CallId, Event};
use crate::http2::{Counters, Guards, Input, Side};
use crate::observe::{Answer, Verb};
use crate::options::OpenOptions;
use crate::time::Instant;
use bytes::Bytes;
use core::marker::PhantomData;

/// A gRPC connection as a pure state machine: octets and time go in, octets and events come out.
///
/// Verbs can be called in any order. The loop is the same in every runtime:
///
/// ```text
/// connection.receive(now, octets read)
/// while let Some(event) = connection.poll_event() { connection.call(id): read, send, finish }
/// connection.transmit(now, &mut output); write output
/// sleep until connection.poll_timeout(), then connection.handle_timeout(now)
/// ```
#[derive(Debug)]
#[cfg_attr(feature = "testing", derive(Clone))]
pub struct Connection<R: Role> {
    door: Door,
    role: PhantomData<R>,
}

impl Connection<Client> {
    /// A client's end of a transport that was connected at `now`.
    pub fn new(config: &ClientConfig, now: Instant) -> Self {
        Self { door: Door::new(Side::Client, &config.0, config.0.http2.seed, now), role: PhantomData }
    }

    /// Goes on with this stream id, as if those before it had been used: what comes after very many calls comes at once.
    #[cfg(feature = "testing")]
    pub fn skip_streams(&mut self, next: u32) {
        self.door.act(None, move || Verb::SkipStreams { next }, move |engine, _| engine.skip_streams(next), done);
    }

    /// Whether its transport is under TLS, as `:scheme` of its requests says (G-003).
    pub fn is_secure(&self) -> bool {
        self.door.engine().is_secure()
    }

    /// Opens a call. Messages can be queued at once; HEADERS go out when the server's limit allows (G-163).
    ///
    /// # Errors
    ///
    /// [`OpenError::Full`] when `max_waiting_calls` calls wait: [`Event::Available`] says when to try again.
    /// [`OpenError::Draining`] when this connection takes no more.
    pub fn open(&mut self, now: Instant, options: &OpenOptions<'_>) -> Result<CallId, OpenError> {
        self.door.act(Some(now), move || Verb::Open { now, options }, move |engine, _| engine.open(options), opening)
    }

    /// The config for the connection that follows this one: the same, but with twice the
    /// [`keepalive_time`](crate::ClientManagement::keepalive_time) where the server said that this one sent too many PINGs
    /// ([`Event::TooManyPings`], G-206). Whoever connects again with it is left in peace after a few times.
    pub fn next_config(&self) -> ClientConfig {
        self.door.engine().next_config()
    }
}

impl Connection<Server> {
    /// A server's end of a transport that was accepted at `now`.
    pub fn new(config: &ServerConfig, now: Instant) -> Self {
        Self::with_seed(config, now, config.0.http2.seed.wrapping_add(now.as_nanos()))
    }

    /// As [`Connection::new`], with a seed of its own instead of one that is made of the config's and of `now`: for the
    /// jitter of [`max_connection_age`](crate::ServerManagement::max_connection_age), where connections begin at the same
    /// instant of their clocks, and for hash tables. A number that counts connections will do, added to the config's seed.
    pub fn with_seed(config: &ServerConfig, now: Instant, seed: u64) -> Self {
        Self { door: Door::new(Side::Server, &config.0, seed, now), role: PhantomData }
    }
}

impl<R: Role> Connection<R> {
    /// The limit of its config on a received message, which holds for decompressed ones too (G-068).
    #[cfg(any(feature = "tokio", feature = "mio"))]
    pub(crate) fn max_receive_message(&self) -> Option<u32> {
        self.door.engine().max_receive_message()
    }

    /// Feeds octets from the peer, cut anyhow. Consumes all of `octets`, and never fails: see [`Event::Closed`].
    pub fn receive(&mut self, now: Instant, octets: &[u8]) {
        self.door.hear(now, octets.len());
        let verb = move || Verb::Receive { now, octets };
        self.door.act(Some(now), verb, move |engine, _| engine.receive(Input::slice(octets)), done);
    }

    /// As [`Connection::receive`]; large messages may share the memory of `octets` instead of being copied.
    pub fn receive_bytes(&mut self, now: Instant, octets: Bytes) {
        let octets = &octets;
        self.door.hear(now, octets.len());
        let verb = move || Verb::ReceiveBytes { now, octets };
        self.door.act(Some(now), verb, move |engine, _| engine.receive(Input::bytes(octets)), done);
    }

    /// The transport delivers no more: every call that is open ends at once, a client's with UNAVAILABLE, a server's as
    /// stopped by connection loss. What was received before stays readable.
    pub fn receive_eof(&mut self, now: Instant) {
        self.door.act(Some(now), move || Verb::ReceiveEof { now }, |engine, _| engine.receive_eof(), done);
    }

    /// As [`Connection::receive_eof`], for a transport that failed: `why` becomes what the connection's error and the
    /// outcomes of its calls say, up to 256 octets of it. Name the layer first, as in `transport: connection refused`.
    ///
    /// ```
    /// use grpc_sansio::grpc::{Kind, Method};
    /// use grpc_sansio::{Client, ClientConfig, Connection, Instant, Item, OpenOptions};
    ///
    /// const HELLO: Method = Method::from_static("/demo.Greeter/Hello", Kind::Unary);
    ///
    /// let now = Instant::from_nanos(0);
    /// let mut connection = Connection::<Client>::new(&ClientConfig::builder("localhost").build()?, now);
    /// let call = connection.open(now, &OpenOptions::new(&HELLO))?;
    /// connection.receive_failure(now, "transport: connection refused");
    /// let mut call = connection.call(call).unwrap();
    /// let Some(Item::End(outcome)) = call.read() else { panic!("it has ended") };
    /// assert_eq!(outcome.status().message(), "client: transport: connection refused; retry: safe");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn receive_failure(&mut self, now: Instant, why: &str) {
        let verb = move || Verb::ReceiveFailure { now, why };
        self.door.act(Some(now), verb, move |engine, _| engine.receive_failure(why), done);
    }

    /// Adds frames to `output` until its target is met or nothing is left to say.
    pub fn transmit(&mut self, now: Instant, output: &mut WriteBuf) {
        let (from, target) = (output.len(), output.target());
        self.door.act(
            Some(now),
            move || Verb::Transmit { now, target, waiting: from },
            move |engine, _| {
                engine.transmit(output);
                &*output
            },
            move |_, output| Answer::Output { output, from },
        );
    }

    /// Whether [`Connection::transmit`] has something to add. Reading, sending and cancelling may make it so.
    pub fn wants_transmit(&self) -> bool {
        self.door.engine().http2().wants_transmit()
    }

    /// The next event; call it until it returns `None`, after any verb that takes `now`.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<Event> {
        self.door.act(
            None,
            || Verb::PollEvent,
            |engine, _| engine.poll_event(),
            |engine, event| event.map_or(Answer::Nothing, |event| engine.explained(event)),
        )
    }

    /// When [`Connection::handle_timeout`] is due. It may be early, and it may change with every verb; after
    /// `handle_timeout(now)` it is later than `now`.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.door.engine().poll_timeout()
    }

    /// As [`Connection::poll_timeout`], without the time of the next look whether the peer is still there.
    #[cfg(feature = "testing")]
    pub fn poll_timeout_but_keepalive(&self) -> Option<Instant> {
        self.door.engine().poll_timeout_but_keepalive()
    }

    /// Does what is due at `now`. Early, late and needless calls are all fine. Where octets were read too, hand them in first:
    /// to a loop that was held up they may be the sign of life that it would miss.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.door.act(Some(now), move || Verb::HandleTimeout { now }, |engine, _| engine.handle_timeout(), done);
    }

    /// A view of one call; `None` once it has been let go.
    pub fn call(&mut self, id: CallId) -> Option<Call<'_, R>> {
        self.door.engine().is_shown(id.0).then(|| Call::new(&mut self.door, id))
    }

    /// The span of a call, to be entered by whoever works on it; a disabled one where there is none. See
    /// [`spans`](crate::spans).
    #[cfg(feature = "tracing")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tracing")))]
    pub fn span(&self, id: CallId) -> tracing::Span {
        self.door.observers().span(id.number()).unwrap_or_else(tracing::Span::none)
    }

    /// The view of a call that may be gone, as one is that was kept while the call went.
    #[cfg(feature = "event-log")]
    pub(crate) fn kept_call(&mut self, id: CallId) -> Call<'_, R> {
        Call::new(&mut self.door, id)
    }

    /// Begins a graceful shutdown: no new calls, open ones end by themselves. A server sends GOAWAY twice, so that calls
    /// in flight are still served (G-180). At `by`, if given, what is still open is cut off.
    pub fn shutdown(&mut self, now: Instant, by: Option<Instant>) {
        self.door.act(Some(now), move || Verb::Shutdown { now, by }, move |engine, _| engine.shut_down(by), done);
    }

    /// What led to the graceful shutdown that this side has begun, as its GOAWAY says: `max_idle`, `max_age`, `max_calls`, a
    /// guard, or `shutting down` for [`Connection::shutdown`]. `None` where it has not begun one.
    pub fn shutdown_reason(&self) -> Option<&'static str> {
        self.door.engine().http2().shutdown_reason()
    }

    /// Why the connection ended; `None` while it works, and after a graceful end.
    pub fn error(&self) -> Option<&ConnectionError> {
        self.door.engine().http2().error()
    }

    /// Whether the connection has ended and has nothing left to transmit: once the [`WriteBuf`] is empty too, close the
    /// transport.
    pub fn is_finished(&self) -> bool {
        self.door.engine().http2().is_finished()
    }

    #[cfg(any(feature = "tokio", feature = "mio"))]
    pub(crate) fn is_server(&self) -> bool {
        self.door.engine().side() == Side::Server
    }

    /// Whether it takes no new calls, or has ended.
    #[cfg(any(feature = "tokio", feature = "mio", feature = "web"))]
    pub(crate) fn is_draining(&self) -> bool {
        self.door.engine().http2().is_draining()
    }

    /// Whether it has ended, though it may still have something to say.
    #[cfg(feature = "web")]
    pub(crate) fn has_ended(&self) -> bool {
        self.door.engine().http2().is_ended()
    }

    /// Calls that are open, waiting, or not let go yet.
    pub fn calls(&self) -> usize {
        self.door.engine().http2().streams()
    }

    /// Calls that have ended on the wire, but that the application has not let go of.
    pub fn zombie_calls(&self) -> usize {
        self.door.engine().http2().zombie_streams()
    }

    /// Octets queued to send on all calls.
    pub fn queued(&self) -> usize {
        self.door.engine().queued_in_all()
    }

    /// Counts of what happened so far.
    pub fn counters(&self) -> Counters {
        self.door.engine().http2().counters()
    }

    /// How it stands now: all that can be read of it at once, out of what it knows anyway.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            calls: self.calls(),
            zombie_calls: self.zombie_calls(),
            queued: self.queued(),
            held_headers: self.held_headers(),
            lent: self.lent(),
            heap_size: self.heap_size(),
            counters: self.counters(),
            guards: self.guards(),
            is_finished: self.is_finished(),
        }
    }

    /// What its calls came to so far; `None` without [`metrics`](crate::metrics) in its config.
    #[cfg(feature = "metrics")]
    #[cfg_attr(docsrs, doc(cfg(feature = "metrics")))]
    pub fn totals(&self) -> Option<crate::observe::Totals> {
        self.door.observers().totals()
    }

    /// What one call came to so far: `None` without [`metrics`](crate::metrics) in its config, and once it was let go.
    #[cfg(feature = "metrics")]
    #[cfg_attr(docsrs, doc(cfg(feature = "metrics")))]
    pub fn call_metrics(&self, id: CallId) -> Option<crate::observe::CallMetrics> {
        self.door.observers().call(id.number())
    }

    /// How much of each guard is spent.
    pub fn guards(&self) -> Guards {
        self.door.engine().http2().guards()
    }

    /// Octets of header lists that the application has not read, of [`Limits::held_headers`](crate::Limits::held_headers).
    pub fn held_headers(&self) -> usize {
        self.door.engine().held_headers()
    }

    /// Octets that are lent to messages larger than their window, of
    /// [`Limits::assembly_budget`](crate::Limits::assembly_budget).
    pub fn lent(&self) -> u32 {
        self.door.engine().lent()
    }

    /// Recounts by brute force what the connection counts as it goes: windows, loans, slots, queues, and who is to be told
    /// what. Slow, and for tests.
    ///
    /// # Errors
    ///
    /// What does not add up, which is always a bug of this crate.
    #[cfg(feature = "testing")]
    pub fn audit(&self) -> Result<(), alloc::string::String> {
        self.door.engine().audit()
    }

    /// The windows as this end believes them to be; `None` once the connection has ended.
    #[cfg(feature = "testing")]
    pub fn windows(&self) -> Option<crate::http2::Windows> {
        self.door.engine().windows()
    }

    /// Bytes of heap in use, shared payloads left out: to be held against
    /// [`Limits::connection_bytes`](crate::Limits::connection_bytes).
    pub fn heap_size(&self) -> usize {
        self.door.engine().heap_size()
    }
}

/// How a connection stands at one moment; [`Connection::snapshot`] takes it.
///
/// These are the engine's own figures, whose work is done anyway; what calls came to is counted with the feature `metrics`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snapshot {
    /// [`Connection::calls`].
    pub calls: usize,
    /// [`Connection::zombie_calls`].
    pub zombie_calls: usize,
    /// [`Connection::queued`], in octets.
    pub queued: usize,
    /// [`Connection::held_headers`], in octets.
    pub held_headers: usize,
    /// [`Connection::lent`], in octets.
    pub lent: u32,
    /// [`Connection::heap_size`], in octets.
    pub heap_size: usize,
    /// [`Connection::counters`].
    pub counters: Counters,
    /// [`Connection::guards`].
    pub guards: Guards,
    /// [`Connection::is_finished`].
    pub is_finished: bool,
}

/// What opening a call came to.
fn opening<'a>(_: &'a Engine, opened: &'a Result<CallId, OpenError>) -> Answer<'a> {
    match opened {
        Ok(id) => Answer::Opened(*id),
        Err(error) => Answer::Refused(error),
    }
}

const fn assert_send_sync<T: Send + Sync>() {}
const _: () = assert_send_sync::<Connection<Client>>();
const _: () = assert_send_sync::<Connection<Server>>();

#[cfg(test)]
mod tests {
    use super::{Client, Connection, Instant, OpenOptions, Server, WriteBuf};
    use crate::grpc::{Kind, Method};
    use crate::{ClientConfig, Limits, ServerConfig};
    use bytes::Buf;

    /// T-45: a crowd that has gone makes nobody look for what is due at each verb.
    #[test]
    fn a_crowd_that_has_gone_wakes_nobody() {
        static BIDI: Method = Method::from_static("/a.B/C", Kind::BidiStreaming);
        let mut limits = Limits::default();
        (limits.send_queue_per_call, limits.send_queue_per_connection) = (50_000, 50_000);
        let at = |seconds: u64| Instant::from_nanos(seconds * 1_000_000_000);
        let config = ClientConfig::builder("a").limits(limits).build().unwrap();
        let mut client = Connection::<Client>::new(&config, at(1));
        let mut server = Connection::<Server>::new(&ServerConfig::builder().build().unwrap(), at(1));
        let mut output = WriteBuf::new();
        let mut carry = |client: &mut Connection<Client>, now| {
            for _ in 0..4 {
                client.transmit(now, &mut output);
                server.receive(now, &output.copy_to_bytes(output.remaining()));
                server.transmit(now, &mut output);
                client.receive(now, &output.copy_to_bytes(output.remaining()));
            }
        };
        carry(&mut client, at(1));
        let call = client.open(at(1), &OpenOptions::new(&BIDI)).unwrap();
        client.call(call).unwrap().send_slice(&[0; 40_000]).unwrap();
        assert!(client.queued() > 0);
        carry(&mut client, at(2));
        assert_eq!(client.queued(), 0);
        client.handle_timeout(at(200));
        assert_eq!(client.poll_timeout(), None);
        assert_eq!(client.door.engine().http2().wake(), Instant::MAX);
    }
}
