//! Interceptors over the pure connection: their order, what they may change, and those that are supplied.

use grpc_sansio::grpc::{Code, Kind, Metadata, Method, Scheme, Status};
use grpc_sansio::intercept::{
    self, Bearer, CallHooks, Cause, ClientInterceptor, ConcurrencyLimit, DeadlineLimit, End, IncomingCall,
    OutgoingCall, Refused, ServerInterceptor, StartError, TokenCheck,
};
use grpc_sansio::{
    CallId, Client, ClientConfig, Connection, Event, Instant, Item, OpenOptions, Server, ServerConfig, Stop, WriteBuf,
};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

#[path = "intercept/supplied.rs"]
mod supplied;

static UNARY: Method = Method::from_static("/test.Service/Unary", Kind::Unary);

fn at(seconds: u64) -> Instant {
    Instant::from_nanos(seconds * 1_000_000_000)
}

fn client(scheme: Scheme) -> Connection<Client> {
    Connection::<Client>::new(&ClientConfig::builder("localhost").scheme(scheme).build().unwrap(), at(0))
}

/// Both ends of a connection.
struct Ends {
    client: Connection<Client>,
    server: Connection<Server>,
}

impl Ends {
    fn new(scheme: Scheme) -> Self {
        Self { client: client(scheme), server: Connection::<Server>::new(&ServerConfig::default(), at(0)) }
    }

    /// Carries octets until neither has any.
    fn carry(&mut self, now: Instant) {
        let mut octets = WriteBuf::new();
        while self.client.wants_transmit() || self.server.wants_transmit() {
            self.client.transmit(now, &mut octets);
            while let Some(chunk) = octets.next_chunk() {
                self.server.receive_bytes(now, chunk);
            }
            self.server.transmit(now, &mut octets);
            while let Some(chunk) = octets.next_chunk() {
                self.client.receive_bytes(now, chunk);
            }
        }
    }

    /// The call that the server was shown.
    fn opened(&mut self) -> Option<CallId> {
        std::iter::from_fn(|| self.server.poll_event()).find_map(|event| match event {
            Event::Opened(id) => Some(id),
            _ => None,
        })
    }

    /// Opens a call with this metadata, and asks an interceptor of the server about it.
    fn ask<I: ServerInterceptor>(
        &mut self,
        interceptor: &I,
        options: &OpenOptions<'_>,
        look: impl FnOnce(&IncomingCall<'_>),
    ) -> Result<I::Hooks, Refused> {
        self.client.open(at(0), options).unwrap();
        self.carry(at(0));
        let id = self.opened().unwrap();
        let mut call = self.server.call(id).unwrap();
        let Some(Item::Head(request)) = call.read() else { panic!("a head comes first") };
        let mut metadata = request.metadata().to_metadata();
        let mut incoming = IncomingCall::new(&request, &mut metadata, at(0));
        let hooks = interceptor.start(&mut incoming)?;
        look(&incoming);
        Ok(hooks)
    }
}

fn metadata(entries: &[(&'static str, &str)]) -> Metadata {
    let mut metadata = Metadata::new();
    for (key, value) in entries {
        metadata.append(*key, value).unwrap();
    }
    metadata
}

type Notes = Rc<RefCell<Vec<String>>>;

/// Notes what it is told, and adds its name to all metadata.
#[derive(Clone, Debug)]
struct Noting(&'static str, Notes);

impl Noting {
    fn note(&self, what: &str) {
        self.1.borrow_mut().push(format!("{} {what}", self.0));
    }
}

impl ClientInterceptor for Noting {
    type Hooks = Self;

    fn start(&self, call: &mut OutgoingCall<'_>) -> Result<Self, Refused> {
        self.note("start");
        call.metadata.append("x-by", self.0).unwrap();
        Ok(self.clone())
    }
}

impl ServerInterceptor for Noting {
    type Hooks = Self;

    fn start(&self, call: &mut IncomingCall<'_>) -> Result<Self, Refused> {
        self.note("start");
        call.metadata.append("x-by", self.0).unwrap();
        Ok(self.clone())
    }
}

impl CallHooks for Noting {
    fn head(&mut self, metadata: &mut Metadata) {
        self.note("head");
        metadata.append("x-by", self.0).unwrap();
    }

    fn end(&mut self, end: &mut End<'_>) {
        self.note(&format!("end {:?}", end.status.code()));
        end.trailers.append("x-by", self.0).unwrap();
    }
}

#[test]
fn the_first_is_the_outermost() {
    let notes = Notes::default();
    let [a, b, c, d] = ["a", "b", "c", "d"].map(|name| Noting(name, Rc::clone(&notes)));
    let all = (a, b, (c, d));
    let mut ends = Ends::new(Scheme::Http);
    let (id, mut hooks) = intercept::open(&all, &mut ends.client, at(0), &OpenOptions::new(&UNARY)).unwrap();
    ends.client.call(id).unwrap().send(&b""[..]).unwrap();
    ends.carry(at(0));

    // The server's end sees what they added, in their order.
    let on_server = ends.opened().unwrap();
    let mut call = ends.server.call(on_server).unwrap();
    let Some(Item::Head(request)) = call.read() else { panic!("a head comes first") };
    assert_eq!(request.metadata().to_metadata().get_all("x-by").collect::<Vec<_>>(), ["a", "b", "c", "d"]);

    let mut metadata = Metadata::new();
    hooks.head(&mut metadata);
    assert_eq!(metadata.get_all("x-by").collect::<Vec<_>>(), ["d", "c", "b", "a"]);
    let (mut status, mut trailers) = (Status::ok(), Metadata::new());
    hooks.end(&mut End::new(&mut status, &mut trailers, at(1)));
    assert_eq!(trailers.get_all("x-by").collect::<Vec<_>>(), ["d", "c", "b", "a"]);
    let told =
        "a start, b start, c start, d start, d head, c head, b head, a head, d end Ok, c end Ok, b end Ok, a end Ok";
    assert_eq!(notes.borrow().join(", "), told);
}

#[test]
fn who_was_asked_before_the_one_that_refuses_is_told_the_end() {
    let notes = Notes::default();
    let [a, b, c] = ["a", "b", "c"].map(|name| Noting(name, Rc::clone(&notes)));
    let refuse = |call: &mut OutgoingCall<'_>| -> Result<(), Refused> {
        Err(Status::new(Code::PermissionDenied, call.method.path().as_str().to_owned()).into())
    };
    let mut connection = client(Scheme::Http);
    let error = intercept::open(&(a, b, refuse, c), &mut connection, at(0), &OpenOptions::new(&UNARY)).unwrap_err();
    let StartError::Refused(refused) = error else { panic!("{error}") };
    assert_eq!((refused.status().code(), refused.cause()), (Code::PermissionDenied, Cause::Other));
    assert_eq!(notes.borrow().join(", "), "a start, b start, b end PermissionDenied, a end PermissionDenied");
    assert_eq!(refused.trailers().get_all("x-by").collect::<Vec<_>>(), ["b", "a"], "they may change it on its way out");
    assert_eq!(connection.calls(), 0);
}

#[test]
fn a_call_that_the_connection_does_not_open_has_ended_for_its_hooks() {
    let notes = Notes::default();
    let noting = Noting("a", Rc::clone(&notes));
    let mut connection = client(Scheme::Http);
    let bad = OpenOptions::new(&UNARY).authority("no\nauthority");
    let error = intercept::open(&noting, &mut connection, at(0), &bad).unwrap_err();
    assert!(matches!(error, StartError::Open(_)), "{error}");
    connection.shutdown(at(0), None);
    let error = intercept::open(&noting, &mut connection, at(0), &OpenOptions::new(&UNARY)).unwrap_err();
    assert!(matches!(error, StartError::Open(_)), "{error}");
    assert_eq!(notes.borrow().join(", "), "a start, a end Internal, a start, a end Unavailable");
}

#[test]
fn head_deadline_and_authority_can_be_changed() {
    let change = |call: &mut OutgoingCall<'_>| {
        assert_eq!((call.deadline, call.authority.as_deref()), (Some(at(9)), Some("before")));
        call.metadata.remove("x-old");
        call.metadata.append("x-new", "2").map_err(|error| Status::new(Code::Internal, error.to_string()))?;
        call.deadline = Some(at(5));
        call.authority = Some("after".to_owned());
        Ok(())
    };
    let mut ends = Ends::new(Scheme::Http);
    let old = metadata(&[("x-old", "1")]);
    let options = OpenOptions::new(&UNARY).metadata(&old).deadline(at(9)).authority("before");
    intercept::open(&change, &mut ends.client, at(0), &options).unwrap();
    ends.carry(at(2));
    let id = ends.opened().unwrap();
    let mut call = ends.server.call(id).unwrap();
    let Some(Item::Head(request)) = call.read() else { panic!("a head comes first") };
    assert_eq!(request.metadata().to_metadata(), metadata(&[("x-new", "2")]));
    assert_eq!(request.authority(), "after");
    // G-124: what had passed when it left was taken off.
    assert_eq!(request.deadline(), Some(at(5)));
}

/// G-137: of the own deadline and that of the call that it is made for, the earlier counts.
#[test]
fn options_keep_within_another_deadline() {
    let options = OpenOptions::new(&UNARY);
    for (own, other, expected) in [
        (None, None, None),
        (None, Some(3), Some(3)),
        (Some(2), None, Some(2)),
        (Some(2), Some(3), Some(2)),
        (Some(4), Some(3), Some(3)),
    ] {
        let own = own.map_or(options, |own| options.deadline(at(own)));
        let mut ends = Ends::new(Scheme::Http);
        ends.client.open(at(0), &own.within(other.map(at))).unwrap();
        ends.carry(at(0));
        let id = ends.opened().unwrap();
        let mut call = ends.server.call(id).unwrap();
        let Some(Item::Head(request)) = call.read() else { panic!("a head comes first") };
        assert_eq!(request.deadline(), expected.map(at), "{own:?} {other:?}");
    }
}

/// G-131: the earlier deadline of a server counts as the client's would.
#[test]
fn a_server_allows_less_time_than_its_client() {
    for (clients, servers, stops_at) in [(None, 5, 5), (Some(9), 5, 5), (Some(5), 9, 5), (None, 1, 1), (Some(9), 0, 0)]
    {
        let mut ends = Ends::new(Scheme::Http);
        let mut options = OpenOptions::new(&UNARY);
        options = clients.map_or(options, |deadline| options.deadline(at(deadline)));
        ends.client.open(at(0), &options).unwrap();
        ends.carry(at(0));
        let id = ends.opened().unwrap();
        ends.server.call(id).unwrap().limit_deadline(at(servers));
        if stops_at > 0 {
            let before = Instant::from_nanos(at(stops_at).as_nanos() - 1);
            assert!(ends.server.poll_timeout().is_some_and(|due| due <= at(stops_at)));
            ends.server.handle_timeout(before);
            assert_eq!(ends.server.call(id).unwrap().stopped(), None, "{clients:?} {servers}");
            ends.server.handle_timeout(at(stops_at));
        }
        assert_eq!(ends.server.call(id).unwrap().stopped(), Some(Stop::DeadlineExceeded), "{clients:?} {servers}");
    }
}

#[test]
fn one_that_is_switched_off_does_nothing() {
    let mut connection = client(Scheme::Http);
    let off = Some(Bearer::fixed("secret")).filter(|_| false);
    let (_, mut hooks) = intercept::open(&off, &mut connection, at(0), &OpenOptions::new(&UNARY)).unwrap();
    hooks.head(&mut Metadata::new());
    let on = Some(Noting("a", Notes::default()));
    assert!(intercept::open(&on, &mut connection, at(0), &OpenOptions::new(&UNARY)).unwrap().1.is_some());
}

#[test]
fn nothing_of_metadata_is_in_what_is_printed() {
    let mut secret = metadata(&[("authorization", "Bearer secret")]);
    let call = OutgoingCall::new(&UNARY, &mut secret, at(0), false);
    assert!(!format!("{call:?}").contains("secret"));
    assert!(!format!("{:?}", Bearer::fixed("secret")).contains("secret"));
    let mut ends = Ends::new(Scheme::Http);
    let options = OpenOptions::new(&UNARY).metadata(&secret);
    ends.ask(&|_: &mut IncomingCall<'_>| Ok(()), &options, |call| assert!(!format!("{call:?}").contains("secret")))
        .unwrap();
}

fn assert_send<T: Send + Sync>(_: &T) {}

#[test]
fn those_that_are_supplied_can_be_shared_by_threads() {
    assert_send(&Bearer::fixed(""));
    assert_send(&TokenCheck::new(|_: &str, _: &mut IncomingCall<'_>| Ok(())));
    assert_send(&ConcurrencyLimit::new(1));
    assert_send(&DeadlineLimit::new(Duration::ZERO));
}
