//! Generated services in an event loop and in threads, and clients that block.

mod common;

use common::{area, note, point};
use grpc_sansio::adapter::mio::{Failure, Remote, Reply, Routes, Server};
use grpc_sansio::adapter::tls::{ClientAuth, ClientTls, Identity, Roots, ServerTls};
use grpc_sansio::grpc::{Code, Metadata, Status};
use grpc_sansio::intercept::{
    Bearer, CallHooks, Cause, ClientInterceptor, DeadlineLimit, End, IncomingCall, OutgoingCall, Refused, TokenCheck,
};
use grpc_sansio::stub::Prost;
use grpc_sansio::stub::blocking::{CallError, Channel, Incoming, Request, Requests, Stub, Threads};
use grpc_sansio::{ClientConfig, Origin, ServerConfig};
use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::{Barrier, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;
use stubs::guide::{Guide, huts, metadata};
use stubs::proto::trails::v1::{Area, Hut, Note, Point, Summary, guide_rpc};

/// A server in a thread of its own, shut down when it goes.
struct Serving {
    address: SocketAddr,
    remote: Remote,
    thread: Option<JoinHandle<()>>,
}

impl Serving {
    /// Serves what `fill` adds; it has two threads for methods that block.
    fn start(fill: impl FnOnce(&mut Routes, &Threads) + Send + 'static) -> Self {
        let (tell, told) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let mut routes = Routes::new();
            let mut server = Server::bind(([127, 0, 0, 1], 0).into(), &ServerConfig::default()).unwrap();
            let threads = Threads::new(2, &server).unwrap();
            fill(&mut routes, &threads);
            tell.send((server.local_addr().unwrap(), server.remote())).unwrap();
            threads.run(&mut server, &mut routes).unwrap();
        });
        let (address, remote) = told.recv().unwrap();
        Self { address, remote, thread: Some(thread) }
    }

    fn channel(&self) -> Channel {
        Channel::connect(self.address, &ClientConfig::builder("localhost").build().unwrap()).unwrap()
    }

    fn guide(&self) -> guide_rpc::blocking::GuideClient {
        guide_rpc::blocking::GuideClient::new(self.channel())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.remote.shutdown(Some(Duration::ZERO)).unwrap();
        self.thread.take().unwrap().join().unwrap();
    }
}

/// The guide in an event loop, and the guide in threads: the same to their clients.
fn both() -> [Serving; 2] {
    [serve(), Serving::start(|routes, threads| guide_rpc::blocking::add_to(routes, threads, Guide))]
}

fn serve() -> Serving {
    Serving::start(|routes, _| guide_rpc::mio::add_to(routes, Guide))
}

fn code(error: &CallError) -> Code {
    error.code().unwrap_or_else(|| panic!("{error}"))
}

#[test]
fn unary() {
    for serving in both() {
        let guide = serving.guide();
        let response = guide.find_hut(point(3, 2)).unwrap();
        assert_eq!(response.message, huts()[1]);
        assert_eq!((response.metadata.get("x-deadline"), response.trailers.get("x-cost")), (Some("false"), Some("1")));
        let request =
            Request::new(point(3, 2)).with_timeout(Duration::from_secs(60)).with_metadata(metadata("x-a", "b"));
        assert_eq!(guide.find_hut(request).unwrap().metadata.get("x-deadline"), Some("true"));
        let error = guide.find_hut(point(0, 0)).unwrap_err();
        assert_eq!(error.to_string(), "NOT_FOUND: no hut here");
        assert_eq!(error.failure().unwrap().origin, Origin::Peer);
    }
}

#[test]
fn server_streaming() {
    for serving in both() {
        let guide = serving.guide();
        let mut stream = guide.list_huts(area(2, 9)).unwrap();
        assert_eq!(stream.next().unwrap().unwrap(), huts()[1]);
        assert_eq!(stream.head().unwrap().get("x-map"), Some("new"));
        let rest: Vec<_> = stream.by_ref().collect::<Result<_, _>>().unwrap();
        assert_eq!(rest, huts()[2..]);
        assert_eq!(stream.trailers().unwrap().get("x-cost"), Some("2"));

        let mut none = guide.list_huts(area(7, 6)).unwrap();
        let error = none.next().unwrap().unwrap_err();
        assert_eq!((code(&error), error.failure().unwrap().trailers.get("x-cost")), (Code::NotFound, Some("0")));
        assert!(none.next().is_none(), "after its failure the iterator is over");
    }
}

#[test]
fn client_streaming() {
    for serving in both() {
        let guide = serving.guide();
        let points = [point(0, 0), point(3, 4), point(3, 5)];
        let response = guide.record_walk(points).unwrap();
        assert_eq!(response.message, Summary { points: 3, distance: 8 });
        assert_eq!(response.metadata.get("x-map"), Some("new"));
        assert_eq!(guide.record_walk(Request::new(Vec::new())).unwrap().message, Summary::default());
        let endless = std::iter::repeat(point(-1, 0));
        assert_eq!(code(&guide.record_walk(endless).unwrap_err()), Code::OutOfRange);
    }
}

#[test]
fn bidirectional() {
    for serving in both() {
        let guide = serving.guide();
        let notes = [note(1, "a"), note(2, "b"), note(1, "c"), note(1, "d")];
        let answers: Vec<Note> = guide.talk(notes).unwrap().collect::<Result<_, _>>().unwrap();
        assert_eq!(answers, [note(1, "a"), note(1, "a"), note(1, "c")]);

        let mut talk = guide.talk_duplex(Request::new(())).unwrap();
        assert!(talk.send(&note(1, "ping")).unwrap() && talk.send(&note(1, "pong")).unwrap());
        assert_eq!(talk.next().unwrap().unwrap().text, "ping");
        talk.half_close().unwrap();
        assert!(talk.next().is_none());
        assert!(!talk.send(&note(1, "late")).unwrap(), "the call has ended");
    }
}

#[test]
fn much_more_than_the_windows_hold_goes_both_ways_at_once() {
    for serving in both() {
        let long = "x".repeat(1000);
        let notes = (0..60).map(|_| note(1, &long));
        let answers: Vec<Note> = serving.guide().talk(notes).unwrap().collect::<Result<_, _>>().unwrap();
        assert_eq!(answers.len(), 60 * 59 / 2);
    }
}

#[test]
fn calls_of_one_channel_go_on_side_by_side() {
    let serving = serve();
    let guide = serving.guide();
    let mut talks: Vec<_> = (0..20).map(|_| guide.talk_duplex(Request::new(())).unwrap()).collect();
    for text in ["one", "two"] {
        talks.iter_mut().for_each(|talk| assert!(talk.send(&note(1, text)).unwrap()));
    }
    assert_eq!(guide.find_hut(point(3, 2)).unwrap().message.beds, 12);
    for talk in talks.iter_mut().rev() {
        assert_eq!(talk.next().unwrap().unwrap().text, "one");
    }
    drop(talks);
    assert!(guide.find_hut(point(3, 2)).is_ok(), "what was cancelled is gone, the connection is not");
}

#[test]
fn a_deadline_ends_a_call_that_nobody_answers() {
    let serving = serve();
    let talk = serving.guide().talk_duplex(Request::new(()).with_timeout(Duration::from_millis(20)));
    let error = talk.unwrap().next().unwrap().unwrap_err();
    assert_eq!(code(&error), Code::DeadlineExceeded);
}

#[test]
fn a_server_that_goes_away_ends_its_calls_and_what_it_said_can_be_read() {
    let serving = serve();
    let channel = serving.channel();
    let guide = guide_rpc::blocking::GuideClient::new(channel.clone());
    let mut talk = guide.talk_duplex(Request::new(())).unwrap();
    assert!(talk.send(&note(1, "one")).unwrap() && talk.send(&note(1, "two")).unwrap());
    let mut walk = guide.list_huts(area(0, 9)).unwrap();
    assert!(walk.next().unwrap().is_ok());
    drop(serving);
    // While this waits for its end, the other call's messages come in, and the connection goes.
    assert!(talk.by_ref().last().unwrap().is_err());
    let rest: Vec<_> = walk.collect::<Result<_, _>>().unwrap();
    assert_eq!(rest, huts()[1..]);
    let error = guide.find_hut(point(3, 2)).unwrap_err();
    assert_eq!((code(&error), error.failure().unwrap().unprocessed), (Code::Unavailable, true));
    assert!(channel.is_closed());
}

#[test]
fn nobody_listens() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = Channel::connect(free, &ClientConfig::builder("localhost").build().unwrap()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
}

#[test]
fn a_server_that_speaks_something_else_is_named() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let other = std::thread::spawn(move || {
        use std::io::Write as _;
        let (mut socket, _) = listener.accept().unwrap();
        socket.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").unwrap();
        std::io::copy(&mut socket, &mut std::io::sink()).unwrap_or_default();
    });
    let error = Channel::connect(address, &ClientConfig::builder("localhost").build().unwrap()).unwrap_err();
    assert!(!error.to_string().is_empty(), "{error:?}");
    other.join().unwrap();
}

#[test]
fn a_channel_closes_when_its_calls_have_ended() {
    let serving = serve();
    let channel = serving.channel();
    assert!(guide_rpc::blocking::GuideClient::new(channel.clone()).find_hut(point(3, 2)).is_ok());
    channel.close(Some(Duration::from_secs(5))).unwrap();
}

/// A service whose methods wait for each other, panic and ask for ever.
struct Slow {
    met: Barrier,
    told: Mutex<mpsc::Sender<&'static str>>,
}

impl guide_rpc::blocking::Guide for Slow {
    fn find_hut(&self, request: Incoming<Point>) -> Result<Reply<Hut>, Failure> {
        assert!(request.message.east >= 0, "off the map");
        self.met.wait();
        Ok(huts().remove(1).into())
    }

    type ListHutsStream = Box<dyn Iterator<Item = Result<Hut, Failure>>>;

    fn list_huts(&self, _: Incoming<Area>) -> Result<Reply<Self::ListHutsStream>, Failure> {
        let told = self.told.lock().unwrap().clone();
        let endless: Self::ListHutsStream =
            Box::new(std::iter::repeat_with(|| Ok(huts().remove(0))).inspect(move |_| {
                let _ = &told;
            }));
        Ok(endless.into())
    }

    fn record_walk(&self, request: Incoming<Requests<Point>>) -> Result<Reply<Summary>, Failure> {
        let ended = request.message.last();
        let how = if matches!(ended, Some(Err(_))) { "cancelled" } else { "complete" };
        self.told.lock().unwrap().send(how).unwrap();
        Ok(Summary::default().into())
    }

    type TalkStream = Requests<Note>;

    fn talk(&self, request: Incoming<Requests<Note>>) -> Result<Reply<Self::TalkStream>, Failure> {
        Ok(request.message.into())
    }
}

fn slow() -> (Serving, mpsc::Receiver<&'static str>) {
    let (tell, told) = mpsc::channel();
    let slow = Slow { met: Barrier::new(2), told: Mutex::new(tell) };
    (Serving::start(|routes, threads| guide_rpc::blocking::add_to(routes, threads, slow)), told)
}

#[test]
fn methods_that_block_run_side_by_side() {
    let (serving, _) = slow();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            // Neither has its answer before both were asked.
            scope.spawn(|| assert!(serving.guide().find_hut(point(1, 1)).is_ok()));
        }
    });
}

#[test]
fn a_panic_costs_its_call_only() {
    let (serving, _) = slow();
    let guide = serving.guide();
    for _ in 0..5 {
        let error = guide.find_hut(point(-1, 0)).unwrap_err();
        assert_eq!(error.to_string(), "UNKNOWN: server: application: the handler panicked; retry: only if idempotent");
    }
    let echo: Vec<_> = guide.talk([note(1, "still here")]).unwrap().collect::<Result<_, _>>().unwrap();
    assert_eq!(echo, [note(1, "still here")], "both threads are there");
}

#[test]
fn a_thread_learns_that_its_call_has_stopped() {
    let (serving, told) = slow();
    let guide = serving.guide();
    let stub = Stub::new(guide.channel().clone(), Prost);
    let mut walk = stub.duplex::<Point, Summary>(&guide_rpc::RECORD_WALK, Request::new(())).unwrap();
    assert!(walk.send(&point(1, 1)).unwrap());
    // While this waits for its answer, the walk reaches the server.
    assert_eq!(guide.talk([note(1, "echo")]).unwrap().count(), 1);
    drop(walk);
    assert_eq!(told.recv_timeout(Duration::from_secs(10)), Ok("cancelled"));
    assert!(guide.record_walk([point(1, 1); 100]).is_ok());
    assert_eq!(told.recv_timeout(Duration::from_secs(10)), Ok("complete"));

    // Streams without end, three times as many as there are threads: each thread is free again when its call is gone.
    for _ in 0..6 {
        assert!(guide.list_huts(area(0, 9)).unwrap().nth(1000).unwrap().is_ok());
    }
}

#[test]
fn calls_that_were_cancelled_while_they_waited_for_a_thread_leave_no_queue() {
    let (tell, told) = mpsc::channel();
    let slow = Slow { met: Barrier::new(3), told: Mutex::new(tell) };
    let config = ServerConfig::default();
    let mut server = Server::bind(([127, 0, 0, 1], 0).into(), &config).unwrap();
    let threads = Threads::new(1, &server).unwrap();
    let mut routes = Routes::new();
    guide_rpc::blocking::add_to(&mut routes, &threads, slow);
    let address = server.local_addr().unwrap();
    let client = std::thread::spawn(move || {
        let channel = Channel::connect(address, &ClientConfig::builder("localhost").build().unwrap()).unwrap();
        let stub = Stub::new(channel, Prost);
        let talk = || stub.duplex::<Note, Note>(&guide_rpc::TALK, Request::new(())).unwrap();
        let mut busy = talk();
        assert!(busy.send(&note(1, "mine")).unwrap() && busy.next().unwrap().is_ok());
        for round in 0..50 {
            let mut waiting: Vec<_> = (0..20).map(|_| talk()).collect();
            waiting.iter_mut().for_each(|talk| assert!(talk.send(&note(round, "wait")).unwrap()));
            // An answer on the call that has the thread: the others have come before it.
            assert!(busy.send(&note(1, "mine")).unwrap() && busy.next().unwrap().is_ok());
        }
    });
    let mut most = 0;
    while !client.is_finished() {
        server.poll(&mut routes, Some(Duration::from_millis(10))).unwrap();
        threads.look(&mut server, &mut routes);
        most = most.max(threads.waiting());
    }
    client.join().unwrap();
    assert!((20..=128).contains(&most), "{most} of 1,000");
    drop(told);
}

/// Hands calls on to a server behind it.
struct Front {
    behind: SocketAddr,
    told: Mutex<mpsc::Sender<(Option<Duration>, Option<Code>)>>,
}

impl guide_rpc::blocking::Guide for Front {
    fn find_hut(&self, request: Incoming<Point>) -> Result<Reply<Hut>, Failure> {
        let channel = Channel::connect(self.behind, &ClientConfig::builder("localhost").build().unwrap()).unwrap();
        let inner = guide_rpc::blocking::GuideClient::new(channel);
        std::thread::sleep(Duration::from_millis(u64::from(request.message.east.unsigned_abs())));
        // The one behind has nothing to say before it is told something.
        let talk = Request::new(()).with_timeout(Duration::from_secs(60)).within(&request);
        let left = talk.timeout;
        let answer = inner.talk_duplex(talk).unwrap().next().unwrap();
        let code = answer.as_ref().err().and_then(CallError::code);
        self.told.lock().unwrap().send((left, code)).unwrap();
        Err(Status::new(code.unwrap_or(Code::Ok), "").into())
    }

    type ListHutsStream = std::iter::Empty<Result<Hut, Failure>>;

    fn list_huts(&self, _: Incoming<Area>) -> Result<Reply<Self::ListHutsStream>, Failure> {
        Ok(std::iter::empty().into())
    }

    fn record_walk(&self, _: Incoming<Requests<Point>>) -> Result<Reply<Summary>, Failure> {
        Ok(Summary::default().into())
    }

    type TalkStream = Requests<Note>;

    fn talk(&self, request: Incoming<Requests<Note>>) -> Result<Reply<Self::TalkStream>, Failure> {
        Ok(request.message.into())
    }
}

/// G-137: deadline and cancellation are handed on by `within`.
#[test]
fn calls_on_behalf_of_a_call() {
    let behind = serve();
    let (tell, told) = mpsc::channel();
    let front = Front { behind: behind.address, told: Mutex::new(tell) };
    let serving = Serving::start(|routes, threads| guide_rpc::blocking::add_to(routes, threads, front));
    let guide = serving.guide();

    let request = Request::new(point(100, 0)).with_timeout(Duration::from_millis(400));
    assert_eq!(code(&guide.find_hut(request).unwrap_err()), Code::DeadlineExceeded);
    let (left, ended) = told.recv_timeout(Duration::from_secs(10)).unwrap();
    assert!(left.unwrap() < Duration::from_millis(310), "{left:?}");
    // Both end at that time.
    assert!(matches!(ended, Some(Code::DeadlineExceeded | Code::Cancelled)), "{ended:?}");

    let stub = Stub::new(guide.channel().clone(), Prost);
    let mut call = stub.duplex::<Point, Hut>(&guide_rpc::FIND_HUT, Request::new(())).unwrap();
    assert!(call.send(&point(0, 0)).unwrap());
    // While this waits for its answer, the call reaches the server.
    assert_eq!(guide.talk([note(1, "echo")]).unwrap().count(), 1);
    assert!(told.recv_timeout(Duration::from_millis(200)).is_err(), "it waits for the one behind");
    drop(call);
    let (left, ended) = told.recv_timeout(Duration::from_secs(10)).unwrap();
    assert_eq!((left, ended), (Some(Duration::from_secs(60)), Some(Code::Cancelled)));
}

/// Notes what it is told.
struct Noting(Rc<RefCell<Vec<String>>>);

impl ClientInterceptor for Noting {
    type Hooks = Noting;

    fn start(&self, call: &mut OutgoingCall<'_>) -> Result<Noting, Refused> {
        self.0.borrow_mut().push(format!("start {}", call.method.path()));
        Ok(Noting(Rc::clone(&self.0)))
    }
}

impl CallHooks for Noting {
    fn head(&mut self, metadata: &mut Metadata) {
        self.0.borrow_mut().push("head".into());
        metadata.append("x-by", "noting").unwrap();
    }

    fn end(&mut self, end: &mut End<'_>) {
        self.0.borrow_mut().push(format!("end {:?} {}", end.status.code(), end.stopped));
        end.trailers.append("x-by", "noting").unwrap();
    }
}

#[test]
fn interceptors_of_both_sides() {
    let check = || {
        TokenCheck::new(|token: &str, _: &mut IncomingCall<'_>| match token {
            "good" => Ok(()),
            _ => Err(Status::new(Code::Unauthenticated, "the token is not good")),
        })
    };
    let serving = Serving::start(move |routes, threads| {
        routes.intercept(check());
        guide_rpc::blocking::add_to(routes, threads, Guide);
    });
    let plain = serving.channel();
    let client = guide_rpc::blocking::GuideClient::new;
    assert_eq!(code(&client(plain.clone()).find_hut(point(3, 2)).unwrap_err()), Code::Unauthenticated);
    // G-158: over plaintext nothing is sent.
    let error = client(plain.clone().with_interceptor(Bearer::fixed("good"))).find_hut(point(3, 2)).unwrap_err();
    let CallError::Refused(refused) = &error else { panic!("{error}") };
    assert_eq!((refused.cause(), code(&error)), (Cause::Plaintext, Code::Unauthenticated));

    let notes = Rc::default();
    let allowed = (Noting(Rc::clone(&notes)), Bearer::fixed("good").allow_plaintext());
    let guide = client(plain.with_interceptor(allowed).with_interceptor(DeadlineLimit::new(Duration::from_secs(60))));
    let taken = || notes.take().join(", ");
    let response = guide.find_hut(point(3, 2)).unwrap();
    assert_eq!((response.metadata.get("x-by"), response.trailers.get("x-by")), (Some("noting"), Some("noting")));
    assert_eq!(response.metadata.get("x-deadline"), Some("true"), "the last interceptor has set one");
    assert_eq!(taken(), "start /trails.v1.Guide/FindHut, head, end Ok false");
    assert_eq!(guide.list_huts(area(2, 9)).unwrap().count(), 2);
    assert_eq!(taken(), "start /trails.v1.Guide/ListHuts, head, end Ok false");
    guide.find_hut(point(0, 0)).unwrap_err();
    assert_eq!(taken(), "start /trails.v1.Guide/FindHut, end NotFound false");
    drop(guide.talk_duplex(Request::new(())).unwrap());
    assert_eq!(taken(), "start /trails.v1.Guide/Talk, end Cancelled true");
}

#[cfg(unix)]
#[test]
fn a_unix_socket_will_do() {
    let folder = std::env::temp_dir().join(format!("stubs-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("guide.sock");
    let config = ClientConfig::builder("localhost").build().unwrap();
    assert_eq!(Channel::connect_unix(&path, &config).unwrap_err().kind(), std::io::ErrorKind::NotFound);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let guard = runtime.enter();
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let server = grpc_sansio::adapter::tokio::Server::new(ServerConfig::default());
    runtime.spawn(server.serve(listener, guide_rpc::tokio::router(Guide)));
    drop(guard);
    let guide = guide_rpc::blocking::GuideClient::new(Channel::connect_unix(&path, &config).unwrap());
    assert_eq!(guide.find_hut(point(3, 2)).unwrap().message, huts()[1]);
    runtime.shutdown_background();
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn under_tls_tokens_go_without_being_allowed() {
    let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (signed.cert.pem(), signed.signing_key.serialize_pem());
    let identity = Identity::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
    let (tell, told) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        let mut server = Server::bind(([127, 0, 0, 1], 0).into(), &ServerConfig::default()).unwrap();
        server.set_tls(ServerTls::new(&identity, ClientAuth::None).unwrap());
        let mut routes = Routes::new();
        guide_rpc::mio::add_to(&mut routes, Guide);
        tell.send((server.local_addr().unwrap(), server.remote())).unwrap();
        server.run(&mut routes).unwrap();
    });
    let (address, remote) = told.recv().unwrap();
    let config = ClientConfig::builder("localhost").build().unwrap();
    let tls = ClientTls::new(Roots::from_pem(certificate.as_bytes()).unwrap(), None).unwrap();
    let channel = Channel::connect_tls(address, &config, &tls).unwrap();
    let guide = guide_rpc::blocking::GuideClient::new(channel.with_interceptor(Bearer::fixed("secret")));
    assert_eq!(guide.find_hut(point(3, 2)).unwrap().message, huts()[1]);
    // A stranger's certificate is named.
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let strange = ClientTls::new(Roots::from_pem(other.cert.pem().as_bytes()).unwrap(), None).unwrap();
    let error = Channel::connect_tls(address, &config, &strange).unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");
    remote.shutdown(Some(Duration::ZERO)).unwrap();
    thread.join().unwrap();
}
