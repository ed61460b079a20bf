//! Our client and h2's server.

use crate::plan::{Manner, Plan, Plans, body};
use crate::wire::{Near, pair};
use bytes::{Buf, Bytes};
use grpc_sansio::grpc::{Code, Kind, Metadata, Method};
use grpc_sansio::testing::{CallLog, Record, Recorded, Rng};
use grpc_sansio::{CallId, Client, ClientConfig, Connection, Event, Instant, OpenOptions, SendError, WriteBuf};
use http::{HeaderMap, Response};
use std::rc::Rc;
use tokio::task::{JoinHandle, spawn_local, yield_now};

static METHOD: Method = Method::from_static("/d/Bidi", Kind::BidiStreaming);
const NOW: Instant = Instant::from_nanos(1);
const ENOUGH_ROUNDS: usize = 300_000;

/// A call as the client has it.
struct Open {
    id: CallId,
    number: usize,
    sent: usize,
    half_closed: bool,
    log: CallLog,
    given_up: bool,
    /// It was opened before the server had said how many calls it takes.
    early: bool,
}

/// One run; what is wrong, if anything is.
pub async fn run(seed: u64) -> Result<(), String> {
    let plans = Rc::new(Plans::new(seed));
    let (near, far) = pair(seed);
    let server = spawn_local(serve(far, Rc::clone(&plans)));
    let config = ClientConfig::builder("h").limits(plans.limits.clone()).build().map_err(|error| error.to_string())?;
    let mut client = Connection::<Client>::new(&config, NOW);
    let mut rng = Rng::new(seed ^ 1);
    let (mut calls, mut next, mut ready) = (Vec::<Open>::new(), 0, false);
    for _ in 0..ENOUGH_ROUNDS {
        // DATA that is sent before the server's SETTINGS can leave a window of h2 below 0, and then h2 never opens it.
        let may_open = ready || plans.window >= 65_535;
        if next < plans.calls.len() && may_open && rng.one_in(3) {
            let mut metadata = Metadata::new();
            metadata.append("number", &next.to_string()).expect("a name that is not reserved");
            let options = OpenOptions::new(&METHOD).metadata(&metadata);
            let id = client.open(NOW, &options).map_err(|error| format!("open: {error}"))?;
            calls.push(Open {
                id,
                number: next,
                sent: 0,
                half_closed: false,
                log: CallLog::default(),
                given_up: false,
                early: !ready,
            });
            next += 1;
        }
        for call in &mut calls {
            speak(&mut client, call, &plans.calls[call.number]);
            if rng.one_in(2) {
                listen(&mut client, call, &plans.calls[call.number]);
            }
        }
        while let Some(event) = client.poll_event() {
            ready |= event == Event::Ready;
        }
        exchange(&mut client, &near, &mut rng);
        yield_now().await;
        if let Some(error) = client.error() {
            return Err(format!("the connection ended: {error}"));
        }
        if next == plans.calls.len() && calls.iter().all(|call| client.call(call.id).is_none()) {
            client.shutdown(NOW, None);
            exchange(&mut client, &near, &mut rng);
            near.close();
            calls.iter().try_for_each(|call| judge(call, &plans.calls[call.number]))?;
            return ended(server).await;
        }
    }
    let stuck: Vec<_> = calls.iter().filter(|call| client.call(call.id).is_some()).map(|call| call.number).collect();
    Err(format!("stuck: calls {stuck:?}, {} octets queued", client.queued()))
}

/// Moves octets both ways, in reads of any size.
fn exchange(client: &mut Connection<Client>, near: &Near, rng: &mut Rng) {
    let most = if rng.one_in(3) { 1 + rng.below(30) } else { usize::MAX };
    let octets = near.read(most);
    if !octets.is_empty() {
        client.receive(NOW, &octets);
    }
    if near.is_at_end() {
        client.receive_eof(NOW);
    }
    let mut output = WriteBuf::with_target(if rng.one_in(3) { 1 } else { 65_536 });
    client.transmit(NOW, &mut output);
    near.write(&output.copy_to_bytes(output.len()));
}

fn speak(client: &mut Connection<Client>, call: &mut Open, plan: &Plan) {
    let Some(mut verbs) = client.call(call.id) else { return };
    while let Some(message) = plan.requests.get(call.sent) {
        match verbs.send(message.clone()) {
            Ok(()) => call.sent += 1,
            Err(SendError::Full(_) | SendError::Ended(_)) => return,
            Err(other) => panic!("{other}"),
        }
    }
    if !call.half_closed {
        verbs.half_close().expect("once");
        call.half_closed = true;
    }
}

fn listen(client: &mut Connection<Client>, call: &mut Open, plan: &Plan) {
    let Some(mut verbs) = client.call(call.id) else { return };
    if plan.given_up.is_some_and(|after| call.log.messages().count() >= after) {
        verbs.cancel();
        call.given_up = true;
        return;
    }
    if let Some(item) = verbs.read() {
        call.log.items.push(Client::record(item));
    }
}

fn judge(call: &Open, plan: &Plan) -> Result<(), String> {
    let wrong = |what: String| Err(format!("call {}: {what}; {plan:.100?}", call.number));
    let messages: Vec<_> = call.log.messages().collect();
    if call.given_up {
        return if plan.responses.iter().zip(&messages).all(|(sent, read)| sent == read) {
            Ok(())
        } else {
            wrong("not what was sent".into())
        };
    }
    let Some(Record::Outcome { status, unprocessed, .. }) = call.log.items.last() else {
        return wrong("no end".into());
    };
    if *unprocessed && call.early && status.code() == Code::Unavailable {
        // G-164: one too many for a limit that was not known.
        return Ok(());
    }
    let (expected, answered) = match plan.manner {
        Manner::Late | Manner::Early => (u32::from(plan.code), true),
        Manner::TrailersOnly => (u32::from(plan.code), false),
        Manner::Cancel => (1, false),
    };
    if status.code() as u32 != expected {
        return wrong(format!("ended with {status}, not with {expected}"));
    }
    let expected: &[Vec<u8>] = if answered { &plan.responses } else { &[] };
    if messages != expected { wrong(format!("{} messages were read", messages.len())) } else { Ok(()) }
}

async fn ended(server: JoinHandle<Result<(), String>>) -> Result<(), String> {
    for _ in 0..1_000 {
        if server.is_finished() {
            return server.await.map_err(|error| error.to_string())?;
        }
        yield_now().await;
    }
    Err("the server does not see the end".into())
}

async fn serve(far: crate::wire::Far, plans: Rc<Plans>) -> Result<(), String> {
    let mut builder = h2::server::Builder::new();
    builder.initial_window_size(plans.window).initial_connection_window_size(plans.window.max(65_535));
    builder.max_frame_size(plans.frame).max_concurrent_streams(plans.streams);
    let mut connection =
        builder.handshake::<_, Bytes>(far).await.map_err(|error| format!("h2's handshake: {error}"))?;
    let mut handlers = Vec::new();
    while let Some(request) = connection.accept().await {
        let (request, respond) = request.map_err(|error| format!("h2: {error}"))?;
        handlers.push(spawn_local(handle(request, respond, Rc::clone(&plans))));
    }
    for handler in handlers {
        handler.await.map_err(|error| error.to_string())??;
    }
    Ok(())
}

/// One call, as the plan has it. What fails because the client gave up is no fault.
async fn handle(
    request: http::Request<h2::RecvStream>,
    mut respond: h2::server::SendResponse<Bytes>,
    plans: Rc<Plans>,
) -> Result<(), String> {
    let number = request.headers().get("number").and_then(|value| value.to_str().ok()).ok_or("no number")?;
    let plan = &plans.calls[number.parse::<usize>().map_err(|error| error.to_string())?];
    let mut incoming = request.into_body();
    let response = || Response::builder().header("content-type", "application/grpc");
    let status = plan.code.to_string();
    match plan.manner {
        Manner::Cancel => respond.send_reset(h2::Reason::CANCEL),
        Manner::TrailersOnly => {
            let head = response().header("grpc-status", status).body(()).expect("valid");
            _ = respond.send_response(head, true);
        }
        Manner::Early | Manner::Late => {
            let head = response().body(()).expect("valid");
            if plan.manner == Manner::Late {
                take(&mut incoming, plan).await?;
            }
            let Ok(mut sender) = respond.send_response(head, false) else { return Ok(()) };
            for piece in body(&plan.responses).chunks(30_000) {
                if sender.send_data(Bytes::copy_from_slice(piece), false).is_err() {
                    return Ok(());
                }
                yield_now().await;
            }
            if plan.manner == Manner::Early {
                take(&mut incoming, plan).await?;
            }
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", status.parse().expect("digits"));
            _ = sender.send_trailers(trailers);
        }
    }
    Ok(())
}

/// Reads all of a request, which must be what the plan says unless the client gave it up.
async fn take(incoming: &mut h2::RecvStream, plan: &Plan) -> Result<(), String> {
    let mut octets = Vec::new();
    while let Some(data) = incoming.data().await {
        let Ok(data) = data else {
            return if plan.given_up.is_some() { Ok(()) } else { Err("the request was cut off".into()) };
        };
        octets.extend_from_slice(&data);
        yield_now().await;
        _ = incoming.flow_control().release_capacity(data.len());
    }
    if octets == body(&plan.requests) { Ok(()) } else { Err("the server read something else".into()) }
}
