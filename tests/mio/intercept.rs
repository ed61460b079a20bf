//! Interceptors of routes, in the loop.

use crate::support::{COUNT, ECHO, Keeper, REPEAT, UPPER, config, routes, until};
use grpc_sansio::adapter::mio::{Client, ConnectionId, Reply, Routes, Server};
use grpc_sansio::grpc::{Code, Kind, Metadata, Method, Status};
use grpc_sansio::intercept::{
    self, Bearer, CallHooks, Cause, ConcurrencyLimit, DeadlineLimit, End, IncomingCall, Refused, ServerInterceptor,
    StartError, TokenCheck,
};
use grpc_sansio::{OpenOptions, ServerConfig};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

type Notes = Rc<RefCell<Vec<String>>>;

/// Notes what it is told, and adds its name to all metadata.
#[derive(Clone)]
struct Noting(&'static str, Notes);

impl Noting {
    fn note(&self, what: &str) {
        self.1.borrow_mut().push(format!("{} {what}", self.0));
    }
}

impl ServerInterceptor for Noting {
    type Hooks = Self;

    fn start(&self, call: &mut IncomingCall<'_>) -> Result<Self, Refused> {
        assert!(call.peer.is_some_and(|peer| peer.ip().is_loopback()));
        self.note("start");
        call.metadata.append("echo", self.0).unwrap();
        Ok(self.clone())
    }
}

impl CallHooks for Noting {
    fn head(&mut self, metadata: &mut Metadata) {
        self.note("head");
        metadata.append("x-by", self.0).unwrap();
    }

    fn end(&mut self, end: &mut End<'_>) {
        self.note(&format!("end {:?}{}", end.status.code(), if end.stopped { " stopped" } else { "" }));
        end.trailers.append("x-by", self.0).unwrap();
    }
}

/// A server and its client in one thread.
struct World {
    server: Server,
    routes: Routes,
    client: Client,
    keeper: Keeper,
    id: ConnectionId,
}

impl World {
    fn new(intercept: impl FnOnce(&mut Routes)) -> Self {
        let server = Server::bind(([127, 0, 0, 1], 0).into(), &ServerConfig::default()).unwrap();
        let mut routes = routes(Default::default());
        intercept(&mut routes);
        let mut client = Client::new().unwrap();
        let id = client.connect(server.local_addr().unwrap(), &config()).unwrap();
        Self { server, routes, client, keeper: Keeper::default(), id }
    }

    fn turn_until(&mut self, mut done: impl FnMut(&Keeper, &Routes) -> bool) {
        let Self { server, routes, client, keeper, .. } = self;
        let step = Some(Duration::from_millis(1));
        until(client, keeper, |keeper| {
            server.poll(routes, step).unwrap();
            done(keeper, routes)
        });
    }

    /// Makes a call, and gives how it ended with what its server had said.
    fn call(&mut self, method: &Method, messages: &[&[u8]]) -> (Code, String, String) {
        let call = self.keeper.call(&mut self.client, self.id, method, messages);
        let ended = self.keeper.ended;
        self.turn_until(|keeper, _| keeper.ended > ended);
        let record = &self.keeper.calls[&(self.id, call)];
        let (status, trailers) = record.end.as_ref().unwrap();
        let by = |metadata: &Metadata| metadata.get_all("x-by").collect::<Vec<_>>().join(" ");
        (status.code(), record.metadata.as_ref().map(by).unwrap_or_default(), by(trailers))
    }
}

fn taken(notes: &Notes) -> String {
    std::mem::take(&mut *notes.borrow_mut()).join(", ")
}

#[test]
fn all_kinds_pass_all_interceptors_in_order() {
    let notes = Notes::default();
    let [a, b, c] = ["a", "b", "c"].map(|name| Noting(name, Rc::clone(&notes)));
    let mut world = World::new(|routes| _ = routes.intercept(a).intercept((b, c)));
    let expected = "a start, b start, c start, c head, b head, a head, c end Ok, b end Ok, a end Ok";
    for (method, messages) in
        [(&UPPER, &[&b"x"[..]][..]), (&COUNT, &[b"x", b"y"]), (&REPEAT, &[b"3"]), (&ECHO, &[b"x", b"y"])]
    {
        assert_eq!(world.call(method, messages), (Code::Ok, "c b a".to_owned(), "c b a".to_owned()), "{method:?}");
        assert_eq!(taken(&notes), expected, "{method:?}");
    }
    // A method that is not there, and one that refuses: no head.
    static NONE: Method = Method::from_static("/test.Text/None", Kind::Unary);
    for (method, code) in [(&NONE, Code::Unimplemented), (&UPPER, Code::InvalidArgument)] {
        assert_eq!(world.call(method, &[b""]), (code, String::new(), "c b a".to_owned()));
        let ends = ["c", "b", "a"].map(|name| format!("{name} end {code:?}")).join(", ");
        assert_eq!(taken(&notes), format!("a start, b start, c start, {ends}"));
    }
}

#[test]
fn handlers_see_what_was_changed() {
    let tell = Method::from_static("/test.Tell/Unary", Kind::Unary);
    let mut world = World::new(|routes| {
        routes.intercept(|call: &mut IncomingCall<'_>| {
            call.metadata.remove("x-user");
            call.metadata.append("x-user", "alice").unwrap();
            call.deadline = Some(call.now.saturating_add(Duration::from_secs(5)));
            Ok(())
        });
        routes.unary(&tell, |request| {
            assert!(request.deadline.is_some());
            Ok(Reply::new(request.metadata.get_all("x-user").collect::<Vec<_>>().join(" ")))
        });
    });
    let mut sent = Metadata::new();
    sent.append("x-user", "mallory").unwrap();
    let call = world.keeper.open(&mut world.client, world.id, &OpenOptions::new(&tell).metadata(&sent));
    world.client.connection_mut(world.id).unwrap().call(call).unwrap().send(&b""[..]).unwrap();
    world.turn_until(|keeper, _| keeper.ended == 1);
    assert_eq!(world.keeper.calls[&(world.id, call)].last, b"alice");
}

#[test]
fn refused_calls_reach_no_method() {
    let limit = ConcurrencyLimit::new(1);
    let check = TokenCheck::new(|token: &str, _: &mut IncomingCall<'_>| match token {
        "good" => Ok(()),
        _ => Err(Status::new(Code::Unauthenticated, "the token is not good")),
    });
    let mut world = World::new(|routes| _ = routes.intercept((limit.clone(), check)));
    assert_eq!(world.call(&UPPER, &[b"x"]).0, Code::Unauthenticated);
    assert_eq!(limit.open(), 0);

    // G-158: over plaintext the client of the same loop sends no token, unless it is allowed to.
    let now = world.client.now();
    let method = ECHO;
    let options = OpenOptions::new(&method);
    let connection = world.client.connection_mut(world.id).unwrap();
    let error = intercept::open(&Bearer::fixed("good"), connection, now, &options).unwrap_err();
    assert!(matches!(&error, StartError::Refused(refused) if refused.cause() == Cause::Plaintext), "{error}");
    let allowed = Bearer::fixed("good").allow_plaintext();
    let (open, ()) = intercept::open(&allowed, connection, now, &options).unwrap();
    world.turn_until(|_, routes| routes.open_calls() == 1);
    assert_eq!(limit.open(), 1);
    assert_eq!(world.call(&UPPER, &[b"x"]).0, Code::ResourceExhausted);
    world.client.connection_mut(world.id).unwrap().call(open).unwrap().cancel();
    world.turn_until(|_, routes| routes.open_calls() == 0);
    assert_eq!(limit.open(), 0);
}

#[test]
fn calls_that_stop_have_ended() {
    let notes = Notes::default();
    let noting = Noting("a", Rc::clone(&notes));
    let mut world = World::new(|routes| _ = routes.intercept((noting, DeadlineLimit::new(Duration::from_millis(100)))));
    world.keeper.open(&mut world.client, world.id, &OpenOptions::new(&COUNT));
    world.turn_until(|keeper, _| keeper.ended == 1);
    assert_eq!(taken(&notes), "a start, a end DeadlineExceeded stopped");

    world.keeper.open(&mut world.client, world.id, &OpenOptions::new(&COUNT));
    world.turn_until(|_, routes| routes.open_calls() == 1);
    world.client.shutdown(Some(Duration::ZERO));
    world.turn_until(|keeper, routes| routes.open_calls() == 0 && !keeper.closed.is_empty());
    assert_eq!(taken(&notes), "a start, a end Cancelled stopped");
}
