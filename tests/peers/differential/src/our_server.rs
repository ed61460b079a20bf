//! h2's client and our server.

use crate::plan::{Manner, Plan, Plans, body};
use crate::wire::{Far, pair};
use bytes::{Buf, Bytes};
use grpc_sansio::frame::ErrorCode;
use grpc_sansio::grpc::{Code, Kind, Metadata, Status};
use grpc_sansio::testing::Rng;
use grpc_sansio::{CallId, Connection, Event, Instant, Item, SendError, Server, ServerConfig, WriteBuf};
use http::Request;
use std::collections::BTreeMap;
use std::rc::Rc;
use tokio::task::{spawn_local, yield_now};

const NOW: Instant = Instant::from_nanos(1);
const ENOUGH_ROUNDS: usize = 300_000;

/// A call as the server has it.
#[derive(Default)]
struct Served {
    number: usize,
    received: Vec<Vec<u8>>,
    half_closed: bool,
    sent: usize,
}

/// One run; what is wrong, if anything is.
pub async fn run(seed: u64) -> Result<(), String> {
    let plans = Rc::new(Plans::new(seed));
    let (near, far) = pair(seed);
    let client = spawn_local(call_all(far, Rc::clone(&plans)));
    let config = ServerConfig::builder().limits(plans.limits.clone()).build().map_err(|error| error.to_string())?;
    let mut server = Connection::<Server>::new(&config, NOW);
    let mut rng = Rng::new(seed ^ 1);
    let mut calls = BTreeMap::<CallId, Served>::new();
    for _ in 0..ENOUGH_ROUNDS {
        let most = if rng.one_in(3) { 1 + rng.below(30) } else { usize::MAX };
        let octets = near.read(most);
        if !octets.is_empty() {
            server.receive(NOW, &octets);
        }
        while let Some(event) = server.poll_event() {
            if let Event::Opened(id) = event {
                calls.insert(id, Served { number: number(&mut server, id)?, ..Served::default() });
            }
        }
        let ids: Vec<_> = calls.keys().copied().collect();
        for id in ids {
            let Some(call) = calls.get_mut(&id).filter(|_| rng.one_in(2)) else { continue };
            if serve(&mut server, id, call, &plans.calls[call.number])? {
                calls.remove(&id);
            }
        }
        let mut output = WriteBuf::with_target(if rng.one_in(3) { 1 } else { 65_536 });
        server.transmit(NOW, &mut output);
        near.write(&output.copy_to_bytes(output.len()));
        yield_now().await;
        if let Some(error) = server.error() {
            return Err(format!("the connection ended: {error}"));
        }
        if client.is_finished() {
            client.await.map_err(|error| error.to_string())??;
            return if calls.is_empty() || plans.calls.iter().any(|plan| plan.given_up.is_some()) {
                Ok(())
            } else {
                Err(format!("{} calls are left", calls.len()))
            };
        }
    }
    Err(format!("stuck: {:?}", calls.values().map(|call| call.number).collect::<Vec<_>>()))
}

fn number(server: &mut Connection<Server>, id: CallId) -> Result<usize, String> {
    let mut call = server.call(id).ok_or("an event names a call that is gone")?;
    call.expect(Kind::BidiStreaming).map_err(|error| error.to_string())?;
    let Some(Item::Head(head)) = call.read() else { return Err("no head".into()) };
    let number = head.metadata().get("number").and_then(|number| number.parse().ok());
    number.ok_or_else(|| "no number".into())
}

/// What a call can do now; whether it is done.
fn serve(server: &mut Connection<Server>, id: CallId, call: &mut Served, plan: &Plan) -> Result<bool, String> {
    let Some(mut verbs) = server.call(id) else { return Ok(true) };
    if verbs.stopped().is_some() {
        verbs.release();
        return if plan.given_up.is_some() { Ok(true) } else { Err("a call was stopped".into()) };
    }
    let status = Status::new(Code::from_u32(plan.code.into()).unwrap_or(Code::Unknown), "planned");
    match plan.manner {
        Manner::Cancel => {
            verbs.reset(ErrorCode::CANCEL).map_err(|error| error.to_string())?;
            return Ok(true);
        }
        Manner::TrailersOnly => {
            verbs.finish(&status, &Metadata::new());
            return Ok(true);
        }
        Manner::Early | Manner::Late => {}
    }
    match verbs.read() {
        Some(Item::Message(message)) => call.received.push(message.to_vec()),
        Some(Item::End(_)) => {
            call.half_closed = true;
            if call.received != plan.requests {
                return Err("the server read something else".into());
            }
        }
        Some(Item::Head(_)) => return Err("a second head".into()),
        None => {}
    }
    if plan.manner == Manner::Early || call.half_closed {
        if let Some(message) = plan.responses.get(call.sent) {
            match verbs.send(message.clone()) {
                Ok(()) => call.sent += 1,
                Err(SendError::Full(_) | SendError::Ended(_)) => {}
                Err(other) => return Err(other.to_string()),
            }
        } else if call.half_closed {
            verbs.finish(&status, &Metadata::new());
            return Ok(true);
        }
    }
    Ok(false)
}

/// All calls, one task each.
async fn call_all(far: Far, plans: Rc<Plans>) -> Result<(), String> {
    let mut builder = h2::client::Builder::new();
    builder.initial_window_size(plans.window).initial_connection_window_size(plans.window.max(65_535));
    builder.max_frame_size(plans.frame).initial_max_send_streams(1);
    let (sender, connection) =
        builder.handshake::<_, Bytes>(far).await.map_err(|error| format!("h2's handshake: {error}"))?;
    let driver = spawn_local(connection);
    let calls: Vec<_> =
        (0..plans.calls.len()).map(|number| spawn_local(call(sender.clone(), Rc::clone(&plans), number))).collect();
    for (number, call) in calls.into_iter().enumerate() {
        call.await.map_err(|error| error.to_string())?.map_err(|error| format!("call {number}: {error}"))?;
    }
    drop(sender);
    driver.await.map_err(|error| error.to_string())?.map_err(|error| format!("h2: {error}"))
}

async fn call(sender: h2::client::SendRequest<Bytes>, plans: Rc<Plans>, number: usize) -> Result<(), String> {
    let plan = &plans.calls[number];
    let request = Request::post("http://h/d/Bidi").header("content-type", "application/grpc").header("te", "trailers");
    let request = request.header("number", number).body(()).expect("valid");
    let mut sender = sender.ready().await.map_err(|error| error.to_string())?;
    let (response, mut stream) = sender.send_request(request, false).map_err(|error| error.to_string())?;
    for piece in body(&plan.requests).chunks(20_000) {
        // The server may have ended the call by now.
        if stream.send_data(Bytes::copy_from_slice(piece), false).is_err() {
            break;
        }
        yield_now().await;
    }
    _ = stream.send_data(Bytes::new(), true);
    let response = match response.await {
        Ok(response) => response,
        Err(error) if plan.manner == Manner::Cancel && error.reason() == Some(h2::Reason::CANCEL) => return Ok(()),
        // The server has as many calls that were given up, and that it has not let go of, as it may have calls.
        Err(error)
            if error.reason() == Some(h2::Reason::REFUSED_STREAM)
                && plans.calls.iter().any(|plan| plan.given_up.is_some()) =>
        {
            return Ok(());
        }
        Err(error) => return Err(format!("no response: {error}")),
    };
    let code = |fields: &http::HeaderMap| fields.get("grpc-status").map(|value| value.as_bytes().to_vec());
    let expected = Some(plan.code.to_string().into_bytes());
    let head = response.headers().clone();
    let mut incoming = response.into_body();
    if plan.manner == Manner::TrailersOnly {
        return if code(&head) == expected { Ok(()) } else { Err(format!("not Trailers-Only: {head:?}")) };
    }
    let mut octets = Vec::new();
    while let Some(data) = incoming.data().await {
        let data = data.map_err(|error| format!("cut off: {error}"))?;
        octets.extend_from_slice(&data);
        if plan.given_up.is_some_and(|after| octets.len() > after * 50) {
            stream.send_reset(h2::Reason::CANCEL);
            return Ok(());
        }
        yield_now().await;
        incoming.flow_control().release_capacity(data.len()).map_err(|error| error.to_string())?;
    }
    let trailers = incoming.trailers().await.map_err(|error| format!("no trailers: {error}"))?;
    let expected_body = body(&plan.responses);
    if octets != expected_body {
        return Err(format!("{} octets instead of {}", octets.len(), expected_body.len()));
    }
    match trailers {
        Some(trailers) if code(&trailers) == expected => Ok(()),
        // Without a message head and trailers are one block.
        None if plan.responses.is_empty() && code(&head) == expected => Ok(()),
        other => Err(format!("another end: {other:?}")),
    }
}
