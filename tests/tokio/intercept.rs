//! Interceptors on both sides: what they see, what they change, and that every call ends for them once.

use crate::{BOTH, DOWNLOAD, PIPE, UNARY, UPLOAD, client_config, join, pair};
use grpc_sansio::adapter::tokio::{CallError, Channel, Refusal, Request, Response, Router, Server, ServerCall};
use grpc_sansio::grpc::{Code, Kind, Metadata, Method, Status};
use grpc_sansio::intercept::{
    Bearer, CallHooks, Cause, ClientInterceptor, ConcurrencyLimit, DeadlineLimit, End, IncomingCall, Logger,
    OutgoingCall, Record, Refused, ServerInterceptor, TokenCheck,
};
use grpc_sansio::{ServerConfig, Stop};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{Notify, mpsc};

type Notes = Arc<Mutex<Vec<String>>>;

/// Notes what it is told, and adds its name to all metadata.
#[derive(Clone)]
struct Noting(&'static str, Notes);

impl Noting {
    fn new(name: &'static str, notes: &Notes) -> Self {
        Self(name, Arc::clone(notes))
    }

    fn note(&self, what: &str) {
        self.1.lock().unwrap().push(format!("{} {what}", self.0));
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
        self.note(&format!("end {:?}{}", end.status.code(), if end.stopped { " stopped" } else { "" }));
        end.trailers.append("x-by", self.0).unwrap();
    }
}

fn by(metadata: &Metadata) -> String {
    metadata.get_all("x-by").collect::<Vec<_>>().join(" ")
}

fn taken(notes: &Notes) -> String {
    std::mem::take(&mut *notes.lock().unwrap()).join(", ")
}

/// What the interceptors before a handler had added goes back in `x-seen`.
fn seen(head: &Metadata) -> Metadata {
    let mut metadata = Metadata::new();
    metadata.append("x-seen", &by(head)).unwrap();
    metadata
}

/// All four kinds; those that stream send their head with the first message.
fn router() -> Router {
    Router::new()
        .unary(&UNARY, |request| async move {
            if request.message.data.is_empty() {
                return Err(Refusal::new(Code::NotFound, "nothing"));
            }
            Ok(Response::new(request.message.data.clone()).with_trailers(seen(request.metadata())))
        })
        .client_streaming(&UPLOAD, |mut request| async move {
            while request.message().await?.is_some() {}
            Ok(Response::new("done").with_trailers(seen(request.metadata())))
        })
        .server_streaming(&DOWNLOAD, |request, mut responses| async move {
            responses.send("one").await?;
            responses.send("two").await?;
            Ok(seen(request.metadata()))
        })
        .bidi_streaming(&BOTH, |mut request, mut responses| async move {
            while let Some(message) = request.message().await? {
                responses.send(message).await?;
            }
            Ok(seen(request.metadata()))
        })
}

fn serve(server: Server, router: Router) -> Channel {
    let (near, far) = tokio::io::duplex(PIPE);
    tokio::spawn(server.serve_connection(far, router));
    join(near, &client_config()).0
}

fn server() -> Server {
    Server::new(ServerConfig::default())
}

/// Waits until both sides have noted this many ends.
async fn ends(notes: &Notes, count: usize) {
    let ended = || notes.lock().unwrap().iter().filter(|note| note.contains(" end ")).count();
    tokio::time::timeout(Duration::from_secs(10), async {
        while ended() < count {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap_or_else(|_| panic!("{:?}", notes.lock().unwrap()));
}

#[tokio::test]
async fn all_kinds_pass_all_interceptors_in_order() {
    let notes = Notes::default();
    let inner =
        router().with_interceptor(Noting::new("route1", &notes)).with_interceptor(Noting::new("route2", &notes));
    let server = server()
        .with_interceptor(Noting::new("server1", &notes))
        .with_interceptor((Noting::new("server2", &notes), Noting::new("server3", &notes)));
    let channel = serve(server, inner)
        .with_interceptor(Noting::new("client1", &notes))
        .with_interceptor(Noting::new("client2", &notes));
    let requests = "client1 client2 server1 server2 server3 route1 route2";
    let responses = "route2 route1 server3 server2 server1 client2 client1";

    let response = channel.unary(&UNARY, "x").await.unwrap();
    assert_eq!((by(&response.metadata), by(&response.trailers)), (responses.to_owned(), responses.to_owned()));
    assert_eq!(response.trailers.get("x-seen"), Some(requests));
    ordered(&taken(&notes), requests, responses);

    let mut call = channel.client_streaming(&UPLOAD, Request::empty()).await.unwrap();
    call.send("a").await.unwrap();
    let response = call.response().await.unwrap();
    assert_eq!((by(&response.metadata), by(&response.trailers)), (responses.to_owned(), responses.to_owned()));
    ordered(&taken(&notes), requests, responses);

    let mut call = channel.server_streaming(&DOWNLOAD, "").await.unwrap();
    assert_eq!(by(&call.head().await.unwrap().metadata), responses);
    while call.message().await.unwrap().is_some() {}
    assert_eq!(by(&call.outcome().await.trailers), responses);
    ordered(&taken(&notes), requests, responses);

    let mut call = channel.bidi_streaming(&BOTH, Request::empty()).await.unwrap();
    for _ in 0..3 {
        call.send("a").await.unwrap();
        call.message().await.unwrap().unwrap();
    }
    call.half_close().unwrap();
    let outcome = call.outcome().await;
    assert_eq!((by(&outcome.trailers), outcome.trailers.get("x-seen")), (responses.to_owned(), Some(requests)));
    ordered(&taken(&notes), requests, responses);
}

/// Each was told beginning, head and end once: the beginnings in one order, heads and ends in the other.
fn ordered(notes: &str, requests: &str, responses: &str) {
    for (what, order) in [("start", requests), ("head", responses), ("end Ok", responses)] {
        let told: Vec<_> = notes.split(", ").filter_map(|note| note.strip_suffix(&format!(" {what}"))).collect();
        assert_eq!(told.join(" "), order, "{what}: {notes}");
    }
    assert_eq!(notes.split(", ").count(), 3 * requests.split(' ').count(), "{notes}");
}

#[tokio::test]
async fn an_end_without_a_head_is_an_end() {
    let notes = Notes::default();
    let channel = serve(server().with_interceptor(Noting::new("server", &notes)), router())
        .with_interceptor(Noting::new("client", &notes));
    let error = channel.unary(&UNARY, "").await.unwrap_err();
    assert_eq!(error.code(), Some(Code::NotFound));
    assert_eq!(by(error.failure().unwrap().trailers()), "server client");
    assert_eq!(taken(&notes), "client start, server start, server end NotFound, client end NotFound");
    // A server's interceptors see calls of methods that are not there; a router's do not.
    let channel = channel.with_interceptor(|_: &mut OutgoingCall<'_>| Ok(()));
    static NOWHERE: Method = Method::from_static("/test.Service/Nowhere", Kind::Unary);
    assert_eq!(channel.unary(&NOWHERE, "").await.unwrap_err().code(), Some(Code::Unimplemented));
    assert_eq!(taken(&notes), "client start, server start, server end Unimplemented, client end Unimplemented");
}

/// Turns a status into another one, as told.
struct Turning(Code, Code);

struct Turn(Code, Code);

impl CallHooks for Turn {
    fn end(&mut self, end: &mut End<'_>) {
        if end.status.code() == self.0 {
            *end.status = Status::new(self.1, "turned");
        }
    }
}

impl ServerInterceptor for Turning {
    type Hooks = Turn;

    fn start(&self, _: &mut IncomingCall<'_>) -> Result<Turn, Refused> {
        Ok(Turn(self.0, self.1))
    }
}

impl ClientInterceptor for Turning {
    type Hooks = Turn;

    fn start(&self, _: &mut OutgoingCall<'_>) -> Result<Turn, Refused> {
        Ok(Turn(self.0, self.1))
    }
}

#[tokio::test]
async fn outcomes_can_be_changed_on_both_sides() {
    let plain = serve(server().with_interceptor(Turning(Code::NotFound, Code::Aborted)), router());
    assert_eq!(plain.unary(&UNARY, "").await.unwrap_err().code(), Some(Code::Aborted));
    let channel = plain.clone().with_interceptor(Turning(Code::Aborted, Code::DataLoss));
    let error = channel.unary(&UNARY, "").await.unwrap_err();
    assert_eq!(error.to_string(), "DATA_LOSS: turned");
    let channel = plain.with_interceptor(Turning(Code::Ok, Code::FailedPrecondition));
    assert_eq!(channel.unary(&UNARY, "x").await.unwrap_err().code(), Some(Code::FailedPrecondition));
    let mut call = channel.server_streaming(&DOWNLOAD, "").await.unwrap();
    assert!(call.message().await.unwrap().is_some() && call.message().await.unwrap().is_some());
    assert_eq!(call.message().await.unwrap_err().code(), Code::FailedPrecondition);
}

#[tokio::test]
async fn a_server_that_refuses_calls_shows_them_to_no_handler() {
    let handled = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&handled);
    let handler = Router::new().unary(&UNARY, move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        async { Ok(Response::default()) }
    });
    let refuse = |call: &mut IncomingCall<'_>| match call.metadata.get("x-let-me-in") {
        Some(_) => Ok(()),
        None => {
            let mut trailers = Metadata::new();
            trailers.append("x-hint", "x-let-me-in").unwrap();
            Err(Refused::from(Status::new(Code::PermissionDenied, "no")).with_trailers(trailers))
        }
    };
    let channel = serve(server().with_interceptor(refuse), handler);
    let error = channel.unary(&UNARY, "").await.unwrap_err();
    let failure = error.failure().unwrap();
    assert_eq!((failure.code(), failure.trailers().get("x-hint")), (Code::PermissionDenied, Some("x-let-me-in")));
    assert_eq!(handled.load(Ordering::Relaxed), 0);
    let allow = |call: &mut OutgoingCall<'_>| {
        call.metadata.append("x-let-me-in", "please").unwrap();
        Ok(())
    };
    channel.with_interceptor(allow).unary(&UNARY, "").await.unwrap();
    assert_eq!(handled.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn routers_that_are_merged_keep_their_own() {
    static OPEN: Method = Method::from_static("/test.Open/Unary", Kind::Unary);
    let check = TokenCheck::new(|token: &str, _: &mut IncomingCall<'_>| match token {
        "good" => Ok(()),
        _ => Err(Status::new(Code::Unauthenticated, "the token is not good")),
    });
    let open = Router::new().unary(&OPEN, |request| async move { Ok(Response::new(request.message)) });
    let channel = pair(router().with_interceptor(check).merge(open)).channel;
    channel.unary(&OPEN, "x").await.unwrap();
    assert_eq!(channel.unary(&UNARY, "x").await.unwrap_err().code(), Some(Code::Unauthenticated));
    for (token, code) in [("good", None), ("bad", Some(Code::Unauthenticated))] {
        let channel = channel.clone().with_interceptor(Bearer::fixed(token).allow_plaintext());
        assert_eq!(channel.unary(&UNARY, "x").await.err().and_then(|error| error.code()), code);
    }
}

/// G-158
#[tokio::test]
async fn a_token_over_plaintext_is_refused_and_the_connection_lives() {
    let handled = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&handled);
    let pair = pair(move |call: ServerCall| {
        count.fetch_add(1, Ordering::Relaxed);
        async move { call.respond(Ok(Response::default())) }
    });
    let channel = pair.channel.clone().with_interceptor(Bearer::fixed("secret"));
    for _ in 0..3 {
        let error = channel.unary(&UNARY, "").await.unwrap_err();
        assert_eq!(error.code(), Some(Code::Unauthenticated));
        let CallError::Refused(refused) = error else { panic!("{error}") };
        assert_eq!(refused.cause(), Cause::Plaintext);
    }
    assert!(matches!(channel.bidi_streaming(&BOTH, Request::empty()).await, Err(CallError::Refused(_))));
    // Of the connection's calls this is the first.
    pair.channel.unary(&UNARY, "").await.unwrap();
    assert_eq!(handled.load(Ordering::Relaxed), 1);
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn a_token_goes_over_tls() {
    use grpc_sansio::adapter::tls::{ClientAuth, ClientTls, ServerTls};
    let authority = crate::authority::Authority::new("one");
    let tls = ServerTls::new(&authority.sign("localhost").identity(), ClientAuth::None).unwrap();
    let check = TokenCheck::new(|token: &str, _: &mut IncomingCall<'_>| match token {
        "secret" => Ok(()),
        _ => Err(Status::new(Code::Unauthenticated, "the token is not good")),
    });
    let (near, far) = tokio::io::duplex(PIPE);
    tokio::spawn(server().with_tls(tls).with_interceptor(check).serve_connection(far, router()));
    let tls = ClientTls::new(authority.roots(), None).unwrap();
    let (channel, driver) = Channel::new_tls(near, &client_config(), &tls).await.unwrap();
    tokio::spawn(driver);
    assert_eq!(channel.unary(&UNARY, "x").await.unwrap_err().code(), Some(Code::Unauthenticated));
    channel.with_interceptor(Bearer::fixed("secret")).unary(&UNARY, "x").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn deadlines_can_be_set_on_either_side() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let handler = Router::new().unary(&UNARY, move |request| {
        let tell = tell.clone();
        async move {
            request.cancellation.cancelled().await;
            tell.send((request.head.deadline, request.cancellation.reason())).unwrap();
            Err(Refusal::new(Code::Unknown, "nobody hears this"))
        }
    });
    let long = Duration::from_secs(3600);
    let began = tokio::time::Instant::now();
    let channel = serve(server(), handler.clone()).with_interceptor(DeadlineLimit::new(Duration::from_secs(5)));
    let error = channel.unary(&UNARY, Request::new("").with_timeout(long)).await.unwrap_err();
    assert_eq!((error.code(), began.elapsed().as_secs()), (Some(Code::DeadlineExceeded), 5));
    let (deadline, _) = told.recv().await.unwrap();
    assert!(deadline.unwrap().duration_since(began).as_secs_f64() < 5.1);

    let notes = Notes::default();
    let limits = (Noting::new("server", &notes), DeadlineLimit::new(Duration::from_secs(5)));
    let channel = serve(server().with_interceptor(limits), handler);
    for timeout in [None, Some(long)] {
        let began = tokio::time::Instant::now();
        let request = timeout.map_or(Request::new(""), |timeout| Request::new("").with_timeout(timeout));
        assert_eq!(channel.unary(&UNARY, request).await.unwrap_err().code(), Some(Code::Cancelled));
        assert_eq!(began.elapsed().as_secs(), 5);
        let (deadline, reason) = told.recv().await.unwrap();
        assert_eq!((deadline.unwrap().duration_since(began).as_secs(), reason), (5, Some(Stop::DeadlineExceeded)));
        ends(&notes, 1).await;
        assert_eq!(taken(&notes), "server start, server end DeadlineExceeded stopped");
    }
}

#[tokio::test]
async fn a_call_that_is_given_up_has_ended_for_both_sides() {
    let notes = Notes::default();
    let limit = ConcurrencyLimit::new(1);
    let handler = Router::new().unary(&UNARY, |request| async move {
        request.cancellation.cancelled().await;
        Ok(Response::default())
    });
    let server = server().with_interceptor((Noting::new("server", &notes), limit.clone()));
    let channel = serve(server, handler).with_interceptor(Noting::new("client", &notes));
    let call = channel.open(&UNARY, Request::empty()).await.unwrap();
    while limit.open() == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(channel.unary(&UNARY, "").await.unwrap_err().code(), Some(Code::ResourceExhausted));
    taken(&notes);
    drop(call);
    ends(&notes, 2).await;
    let mut told: Vec<_> = taken(&notes).split(", ").map(str::to_owned).collect();
    told.sort();
    assert_eq!(told, ["client end Cancelled stopped", "server end Cancelled stopped"]);
    assert_eq!(limit.open(), 0);
}

#[tokio::test]
async fn a_call_that_never_got_room_has_ended() {
    let mut config = grpc_sansio::Limits::default();
    (config.max_waiting_calls, config.max_concurrent_calls) = (1, 1);
    let limited = ServerConfig::builder().limits(config.clone()).build().unwrap();
    let client = grpc_sansio::ClientConfig::builder("localhost").limits(config).build().unwrap();
    let handler = Router::new().unary(&UNARY, |request| async move {
        request.cancellation.cancelled().await;
        Ok(Response::default())
    });
    let notes = Notes::default();
    let pair = crate::pair_with(&client, limited, handler);
    let mut held = Vec::new();
    while let Ok(call) =
        tokio::time::timeout(Duration::from_millis(50), pair.channel.open(&UNARY, Request::empty())).await
    {
        held.push(call.unwrap());
    }
    let channel = pair.channel.with_interceptor(Noting::new("client", &notes));
    tokio::time::timeout(Duration::from_millis(50), channel.unary(&UNARY, "")).await.unwrap_err();
    assert_eq!(taken(&notes), "client start, client end Cancelled stopped");
    let late = Request::new("").with_timeout(Duration::from_millis(50));
    assert_eq!(channel.unary(&UNARY, late).await.unwrap_err().code(), Some(Code::DeadlineExceeded));
    assert_eq!(taken(&notes), "client start, client end DeadlineExceeded stopped");
}

#[tokio::test]
async fn a_handler_that_panics_and_one_that_forgets_its_call_end_it() {
    let notes = Notes::default();
    let handler = Router::new().unary(&UNARY, |_| async { panic!("on purpose") });
    let channel = serve(server().with_interceptor(Noting::new("server", &notes)), handler);
    assert_eq!(channel.unary(&UNARY, "").await.unwrap_err().code(), Some(Code::Unknown));
    assert_eq!(taken(&notes), "server start, server end Unknown");
    // Nor is anything lost where the interceptor itself panics.
    let panics = |_: &mut IncomingCall<'_>| -> Result<(), Refused> { panic!("on purpose") };
    let channel = serve(server().with_interceptor(panics), router());
    assert_eq!(channel.unary(&UNARY, "x").await.unwrap_err().code(), Some(Code::Unknown));
    assert_eq!(channel.unary(&UNARY, "x").await.unwrap_err().code(), Some(Code::Unknown));
}

#[tokio::test]
async fn clones_share_the_connection_and_not_the_interceptor() {
    let notes = Notes::default();
    let plain = pair(router()).channel;
    let noted = plain.clone().with_interceptor(Noting::new("client", &notes));
    plain.unary(&UNARY, "x").await.unwrap();
    assert_eq!(taken(&notes), "");
    noted.clone().unary(&UNARY, "x").await.unwrap();
    assert_eq!(taken(&notes), "client start, client head, client end Ok");
}

#[tokio::test]
async fn a_function_of_a_call_asks_for_itself() {
    let notes = Notes::default();
    let noting = Arc::new(Noting::new("server", &notes));
    let ended = Arc::new(Notify::new());
    let tell = Arc::clone(&ended);
    let pair = pair(move |call: ServerCall| {
        let (noting, tell) = (Arc::clone(&noting), Arc::clone(&tell));
        async move {
            let Some(mut call) = call.intercept(&noting) else { return };
            call.send_head(&Metadata::new()).unwrap();
            while let Ok(Some(message)) = call.message().await {
                call.send(message).await.unwrap();
            }
            call.finish(&Status::ok(), &Metadata::new());
            tell.notify_one();
        }
    });
    assert_eq!(by(&pair.channel.unary(&UNARY, "x").await.unwrap().metadata), "server");
    ended.notified().await;
    assert_eq!(taken(&notes), "server start, server head, server end Ok");
}

#[tokio::test]
async fn the_log_has_a_line_for_each_call() {
    let lines = Notes::default();
    let to = Arc::clone(&lines);
    let logger = Logger::new(move |record: &Record<'_>| {
        to.lock().unwrap().push(format!("{} {} {:?}", record.side, record.path, record.status.code()));
    });
    let logger = Arc::new(logger);
    let channel = serve(server().with_interceptor(Arc::clone(&logger)), router()).with_interceptor(logger);
    channel.unary(&UNARY, "x").await.unwrap();
    channel.unary(&UNARY, "").await.unwrap_err();
    let expected = "server /test.Service/Unary Ok, client /test.Service/Unary Ok, \
        server /test.Service/Unary NotFound, client /test.Service/Unary NotFound";
    assert_eq!(taken(&lines), expected);
}
