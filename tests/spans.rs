//! A span for each call: what is in it, and what never is.
#![cfg(all(feature = "tracing", feature = "testing"))]

use grpc_sansio::frame::ErrorCode;
use grpc_sansio::grpc::{Code, Kind, Metadata, Method, Status, TraceContext};
use grpc_sansio::testing::{Pair, Received, answer};
use grpc_sansio::{ClientConfig, Event, OpenOptions, ServerConfig};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Metadata as Meta, Subscriber};

/// Keeps every span, with its fields as text.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    spans: Vec<Kept1>,
    /// The spans that are entered, innermost last.
    entered: Vec<u64>,
    /// The span in which each event happened.
    events: Vec<Option<u64>>,
}

#[derive(Clone, Debug, Default)]
struct Kept1 {
    name: &'static str,
    fields: BTreeMap<&'static str, String>,
    closed: bool,
}

impl Visit for Kept1 {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.fields.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.insert(field.name(), value.to_owned());
    }
}

impl Subscriber for Collector {
    fn enabled(&self, metadata: &Meta<'_>) -> bool {
        metadata.target() == "grpc_sansio" || metadata.target() == module_path!()
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut span = Kept1 { name: attributes.metadata().name(), ..Kept1::default() };
        attributes.record(&mut span);
        let mut kept = self.0.lock().unwrap();
        kept.spans.push(span);
        Id::from_u64(kept.spans.len() as u64)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        values.record(&mut self.0.lock().unwrap().spans[span.into_u64() as usize - 1]);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &tracing::Event<'_>) {
        let mut kept = self.0.lock().unwrap();
        let current = kept.entered.last().copied();
        kept.events.push(current);
    }

    fn enter(&self, span: &Id) {
        self.0.lock().unwrap().entered.push(span.into_u64());
    }

    fn exit(&self, _: &Id) {
        self.0.lock().unwrap().entered.pop();
    }

    fn try_close(&self, span: Id) -> bool {
        self.0.lock().unwrap().spans[span.into_u64() as usize - 1].closed = true;
        true
    }
}

impl Collector {
    fn spans(&self, name: &str) -> Vec<Kept1> {
        self.0.lock().unwrap().spans.iter().filter(|span| span.name == name).cloned().collect()
    }
}

impl Kept1 {
    fn get(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }
}

static GET: Method = Method::from_static("/shop.Shop/Get", Kind::Unary);
static CHAT: Method = Method::from_static("/shop.Shop/Chat", Kind::BidiStreaming);
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn pair() -> Pair {
    let client = ClientConfig::builder("shop.example").spans().build().unwrap();
    let server = ServerConfig::builder().spans().build().unwrap();
    let mut pair = Pair::with(&client, &server, 1);
    pair.delay(Duration::from_millis(10));
    pair
}

/// G-346, G-342, G-348
#[test]
fn a_call_has_a_span_at_either_end_and_no_secret_gets_there() {
    let collector = Collector::default();
    tracing::subscriber::with_default(collector.clone(), || {
        let mut pair = pair();
        pair.on_server(answer(GET.kind(), |_: &Received| (vec![b"hush-response".to_vec()], Status::ok())));
        let mut metadata = Metadata::new();
        metadata.append("authorization", "Bearer hush").unwrap();
        metadata.append("cookie", "hush").unwrap();
        metadata.append_sensitive("x-mine", "hush").unwrap();
        metadata.append_bin("x-bin", b"hush").unwrap();
        TraceContext::parse(PARENT, Some("vendor=1")).unwrap().add_to(&mut metadata).unwrap();
        let call = pair.open(&OpenOptions::new(&GET).metadata(&metadata)).unwrap();
        pair.client.call(call).unwrap().send(b"hush-request".to_vec()).unwrap();
        pair.drive();
    });
    let (attempts, calls) = (collector.spans("grpc.client.attempt"), collector.spans("grpc.server.call"));
    assert_eq!((attempts.len(), calls.len()), (1, 1));
    for (span, sent, received) in [(&attempts[0], "12", "13"), (&calls[0], "13", "12")] {
        assert_eq!(span.get("grpc.method"), "shop.Shop/Get");
        assert_eq!((span.get("grpc.status"), span.get("call"), span.closed), ("OK", "1", true));
        assert_eq!(span.get("sent_total_compressed_message_size"), sent);
        assert_eq!(span.get("rcvd_total_compressed_message_size"), received);
        assert_eq!((span.get("sent_messages"), span.get("rcvd_messages")), ("1", "1"));
        assert_eq!(span.get("trace_id"), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(span.get("parent_id"), "00f067aa0ba902b7");
        assert!(!format!("{span:?}").contains("hush"), "{span:?}");
    }
    assert_eq!(attempts[0].get("grpc.target"), "shop.example");
    let took: f64 = attempts[0].get("duration").parse().unwrap();
    assert!((0.02..1.0).contains(&took), "there and back by 10 ms each: {took}");
}

/// G-346: the status of the end, where there is one.
#[test]
fn a_call_that_fails_says_how() {
    let collector = Collector::default();
    tracing::subscriber::with_default(collector.clone(), || {
        let mut pair = pair();
        pair.on_server(|_, server, event| match event {
            Event::Opened(id) => {
                let mut call = server.call(id).unwrap();
                while call.read().is_some() {}
                if id.number() == 1 {
                    call.finish(&Status::new(Code::NotFound, "hush"), &Metadata::new());
                } else if id.number() == 2 {
                    call.reset(ErrorCode::CANCEL).unwrap();
                }
            }
            Event::Stopped(id) => server.call(id).unwrap().release(),
            _ => {}
        });
        let by = pair.now().saturating_add(Duration::from_millis(500));
        for _ in 0..2 {
            pair.open(&OpenOptions::new(&CHAT)).unwrap();
        }
        pair.drive();
        pair.open(&OpenOptions::new(&CHAT).deadline(by)).unwrap();
        let fourth = pair.open(&OpenOptions::new(&CHAT)).unwrap();
        pair.drive();
        pair.client.call(fourth).unwrap().cancel();
        pair.sleep(Duration::from_secs(1));
        pair.drive();
    });
    let of = |name: &str, field: &str| -> Vec<String> {
        collector.spans(name).iter().map(|span| span.get(field).to_owned()).collect()
    };
    assert_eq!(of("grpc.client.attempt", "grpc.status"), ["NOT_FOUND", "CANCELLED", "DEADLINE_EXCEEDED", "CANCELLED"]);
    assert_eq!(of("grpc.client.attempt", "stopped")[2], "deadline_exceeded");
    assert_eq!(of("grpc.server.call", "grpc.status"), ["NOT_FOUND", "", "", ""]);
    assert_eq!(of("grpc.server.call", "stopped")[3], "cancelled");
    assert!(collector.0.lock().unwrap().spans.iter().all(|span| span.closed), "every call was let go");
    assert!(!format!("{:?}", collector.0.lock().unwrap().spans).contains("hush"));
}

#[test]
fn who_did_not_ask_for_spans_has_none() {
    let collector = Collector::default();
    tracing::subscriber::with_default(collector.clone(), || {
        let mut pair = Pair::new(1);
        let call = pair.open(&OpenOptions::new(&GET)).unwrap();
        assert!(pair.client.span(call).is_disabled());
        pair.drive();
    });
    assert!(collector.0.lock().unwrap().spans.is_empty());
}

/// G-348: a handler of the tokio adapter works inside the span of its call, and hands the trace on.
#[cfg(feature = "tokio")]
#[test]
fn a_handler_is_in_the_span_of_its_call() {
    use grpc_sansio::adapter::tokio::{Channel, Incoming, Request, Response, Router, Server};
    use grpc_sansio::grpc::Message;

    let collector = Collector::default();
    let seen = Arc::new(Mutex::new(None));
    let outgoing = Arc::clone(&seen);
    tracing::subscriber::with_default(collector.clone(), || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let (client_io, server_io) = tokio::io::duplex(10_000);
            let router = Router::new().unary(&GET, move |request: Incoming| {
                let outgoing = Arc::clone(&outgoing);
                async move {
                    tokio::task::yield_now().await;
                    tracing::info!("working");
                    let mut metadata = Metadata::new();
                    let context = TraceContext::find(|name| request.metadata().get(name)).unwrap();
                    context.add_to(&mut metadata).unwrap();
                    *outgoing.lock().unwrap() = metadata.get("traceparent").map(str::to_owned);
                    Ok(Response::new(Message::new("answer")))
                }
            });
            let server = Server::new(ServerConfig::builder().spans().build().unwrap());
            let serving = tokio::spawn(server.serve_connection(server_io, router));
            let config = ClientConfig::builder("shop.example").spans().build().unwrap();
            let (channel, driver) = Channel::new(client_io, &config);
            tokio::spawn(driver);
            let mut metadata = Metadata::new();
            TraceContext::parse(PARENT, None).unwrap().add_to(&mut metadata).unwrap();
            channel.unary(&GET, Request::new(Message::new("ask")).with_metadata(metadata)).await.unwrap();
            drop(channel);
            let _ = serving.await;
        });
    });
    assert_eq!(seen.lock().unwrap().as_deref(), Some(PARENT));
    let kept = collector.0.lock().unwrap();
    let span = kept.events[0].expect("the event is in a span") as usize - 1;
    assert_eq!(kept.spans[span].name, "grpc.server.call");
    assert_eq!(kept.spans[span].get("trace_id"), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert!(kept.spans.iter().all(|span| span.closed && span.get("grpc.status") == "OK"), "{:?}", kept.spans);
}
