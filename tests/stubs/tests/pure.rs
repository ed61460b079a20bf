//! Generated types over the pure connection: no runtime at all.

mod common;

use bytes::{Buf, Bytes};
use common::{note, point};
use grpc_sansio::grpc::{Code, Metadata, Status};
use grpc_sansio::intercept::{Bearer, Cause, StartError};
use grpc_sansio::stub::{Item, Prost, SendTypedError};
use grpc_sansio::{
    Client, ClientConfig, Connection, Event, Instant, Misuse, SendError, Server, ServerConfig, WriteBuf,
};
use stubs::guide::{Notes, hut_at, walk};
use stubs::proto::corners::v1::corners_rpc::pure::{CornersCall, CornersClient};
use stubs::proto::corners::v1::parts::Part;
use stubs::proto::trails::v1::guide_rpc::{self, pure};
use stubs::proto::trails::v1::{Hut, Note, Summary};

const NOW: Instant = Instant::from_nanos(0);

/// A server that answers calls as they come.
struct Guide {
    connection: Connection<Server>,
    calls: Vec<(pure::GuideCall, Summary, Notes)>,
}

impl Guide {
    fn event(&mut self, event: Event) {
        if let Event::Opened(id) = event {
            let mut call = self.connection.call(id).unwrap();
            let Some(grpc_sansio::Item::Head(head)) = call.read() else { panic!("no head") };
            let typed = pure::GuideCall::for_path(head.path(), id, Prost);
            match typed {
                Some(typed) => {
                    call.expect(typed.method().kind()).unwrap();
                    self.calls.push((typed, Summary::default(), Notes::default()));
                }
                None => call.finish(&Status::from(Code::Unimplemented), &Metadata::new()),
            }
        }
        let connection = &mut self.connection;
        for (call, summary, notes) in &mut self.calls {
            match call {
                pure::GuideCall::FindHut(call) => {
                    let Some(mut call) = call.on(connection) else { continue };
                    let status = match call.read() {
                        Some(Ok(Item::Message(point))) => match hut_at(point) {
                            Ok(hut) => call.send(&hut).map_or(Status::from(Code::Internal), |()| Status::ok()),
                            Err(status) => status,
                        },
                        Some(Err(status)) => status,
                        _ => continue,
                    };
                    call.into_call().finish(&status, &Metadata::new());
                }
                pure::GuideCall::RecordWalk(call) => {
                    let Some(mut call) = call.on(connection) else { continue };
                    while let Some(item) = call.read() {
                        match item.unwrap() {
                            Item::Message(point) => walk(summary, &mut None, point),
                            Item::End(_) => {
                                call.send(summary).unwrap();
                                call.into_call().finish(&Status::ok(), &Metadata::new());
                                break;
                            }
                            Item::Head(_) => {}
                        }
                    }
                }
                pure::GuideCall::Talk(call) => {
                    let Some(mut call) = call.on(connection) else { continue };
                    while let Some(item) = call.read() {
                        match item.unwrap() {
                            Item::Message(note) => notes.leave(note).iter().for_each(|note| call.send(note).unwrap()),
                            Item::End(_) => {
                                call.into_call().finish(&Status::ok(), &Metadata::new());
                                break;
                            }
                            Item::Head(_) => {}
                        }
                    }
                }
                pure::GuideCall::ListHuts(_) => unreachable!("not called here"),
            }
        }
    }
}

/// Carries what both ends have to say, until they have said it.
fn exchange(client: &mut Connection<Client>, guide: &mut Guide) {
    let mut wire = WriteBuf::new();
    loop {
        client.transmit(NOW, &mut wire);
        let sent = wire.copy_to_bytes(wire.len());
        guide.connection.receive_bytes(NOW, sent.clone());
        while let Some(event) = guide.connection.poll_event() {
            guide.event(event);
        }
        guide.connection.transmit(NOW, &mut wire);
        let answered = wire.copy_to_bytes(wire.len());
        client.receive_bytes(NOW, answered.clone());
        if sent.is_empty() && answered.is_empty() {
            return;
        }
    }
}

fn ends() -> (Connection<Client>, Guide) {
    let client = Connection::<Client>::new(&ClientConfig::builder("localhost").build().unwrap(), NOW);
    (client, Guide { connection: Connection::<Server>::new(&ServerConfig::default(), NOW), calls: Vec::new() })
}

#[test]
fn unary() {
    let (mut client, mut guide) = ends();
    let guide_client = pure::GuideClient::new();
    for (at, hut, code) in [(point(3, 2), Some("Middle"), Code::Ok), (point(0, 0), None, Code::NotFound)] {
        let deadline = Instant::from_nanos(1_000_000_000);
        let call = guide_client.find_hut().with(|options| options.deadline(deadline)).open(&mut client, NOW).unwrap();
        call.on(&mut client).unwrap().send(&at).unwrap();
        let again = call.on(&mut client).unwrap().send(&at);
        assert_eq!(again, Err(SendTypedError::Refused(SendError::Misuse(Misuse::HalfClosed))));
        exchange(&mut client, &mut guide);
        let (mut found, mut ended): (Option<Hut>, _) = (None, None);
        while let Some(item) = call.on(&mut client).and_then(|mut call| {
            Some(match call.read()?.unwrap() {
                Item::Head(_) => (None, None),
                Item::Message(hut) => (Some(hut), None),
                Item::End(outcome) => (None, Some(outcome.into_status())),
            })
        }) {
            (found, ended) = (item.0.or(found), item.1);
        }
        assert_eq!(found.as_ref().map(|hut| &*hut.name), hut);
        assert_eq!(ended.unwrap().code(), code);
        assert!(call.on(&mut client).is_none(), "its end was read");
    }
}

#[test]
fn streams() {
    let (mut client, mut guide) = ends();
    let walk = pure::GuideClient::new().record_walk().open(&mut client, NOW).unwrap();
    let talk = pure::GuideClient::new().talk().open(&mut client, NOW).unwrap();
    for east in [1, 2, 1] {
        walk.on(&mut client).unwrap().send(&point(east, 0)).unwrap();
        talk.on(&mut client).unwrap().send(&note(east, "here")).unwrap();
        exchange(&mut client, &mut guide);
    }
    walk.on(&mut client).unwrap().half_close().unwrap();
    talk.on(&mut client).unwrap().half_close().unwrap();
    exchange(&mut client, &mut guide);
    let mut notes: Vec<Note> = Vec::new();
    let mut points = 0;
    while let Some(Ok(item)) = walk.on(&mut client).as_mut().and_then(|call| call.read()) {
        if let Item::Message(summary) = item {
            points = summary.points;
        }
    }
    while let Some(Ok(item)) = talk.on(&mut client).as_mut().and_then(|call| call.read()) {
        if let Item::Message(note) = item {
            notes.push(note);
        }
    }
    assert_eq!((points, notes), (3, vec![note(1, "here")]));
}

#[test]
fn a_path_of_another_service_is_none_of_ours() {
    let (mut client, mut guide) = ends();
    let call = CornersClient::new().r#type().open(&mut client, NOW).unwrap();
    call.on(&mut client).unwrap().send(&Default::default()).unwrap();
    exchange(&mut client, &mut guide);
    let mut call = call.on(&mut client).unwrap();
    let Some(Ok(Item::End(outcome))) = call.read() else { panic!("no end") };
    assert_eq!(outcome.status().code(), Code::Unimplemented);
    assert!(guide.calls.is_empty());
}

/// G-083
#[test]
fn octets_that_are_no_message_are_told_and_the_call_goes_on() {
    let (mut client, mut guide) = ends();
    let id = client.open(NOW, &grpc_sansio::OpenOptions::new(&guide_rpc::FIND_HUT)).unwrap();
    client.call(id).unwrap().send(&b"\xff"[..]).unwrap();
    exchange(&mut client, &mut guide);
    let mut call = client.call(id).unwrap();
    let Some(grpc_sansio::Item::End(outcome)) = call.read() else { panic!("no end") };
    assert_eq!(outcome.status().code(), Code::Internal);
    assert!(outcome.status().message().starts_with("server: "), "{}", outcome.status());
}

/// Sends a part to a server, and gives what its codec makes of it, and where the octets lay that the server received.
fn part_received(len: usize) -> (Part, Bytes) {
    let mut client = Connection::<Client>::new(&ClientConfig::builder("localhost").build().unwrap(), NOW);
    let mut server = Connection::<Server>::new(&ServerConfig::default(), NOW);
    let call = CornersClient::new().new_().open(&mut client, NOW).unwrap();
    call.on(&mut client).unwrap().send(&Part { id: "id".into(), data: vec![7; len].into() }).unwrap();
    let mut wire = WriteBuf::new();
    client.transmit(NOW, &mut wire);
    let octets = wire.copy_to_bytes(wire.len());
    server.receive_bytes(NOW, octets.clone());
    while let Some(event) = server.poll_event() {
        let Event::Opened(id) = event else { continue };
        let mut call = server.call(id).unwrap();
        let Some(grpc_sansio::Item::Head(head)) = call.read() else { panic!("no head") };
        let Some(CornersCall::New(typed)) = CornersCall::for_path(head.path(), id, Prost) else { panic!("another") };
        let mut call = typed.on(&mut server).unwrap();
        let Some(Ok(Item::Message(part))) = call.read() else { panic!("no message") };
        return (part, octets);
    }
    panic!("no call");
}

#[test]
fn a_large_field_shares_the_memory_that_was_received_and_a_small_one_does_not() {
    let inside = |part: &Part, octets: &Bytes| octets.as_ptr_range().contains(&part.data.as_ptr());
    let (part, octets) = part_received(10_000);
    assert!(part.data.len() == 10_000 && part.data.iter().all(|octet| *octet == 7) && part.id == "id");
    assert!(inside(&part, &octets), "no copy between the socket and the field");
    let (part, octets) = part_received(4_000);
    assert!(part.data.len() == 4_000 && part.data.iter().all(|octet| *octet == 7));
    assert!(!inside(&part, &octets), "4,000 octets do not keep 64 KiB of input alive");
}

#[test]
fn calls_are_opened_through_interceptors() {
    let mut client = Connection::<Client>::new(&ClientConfig::builder("localhost").build().unwrap(), NOW);
    let bearer = Bearer::fixed("secret");
    // G-158
    let error = CornersClient::new().new_().open_with(&bearer, &mut client, NOW).unwrap_err();
    assert!(matches!(&error, StartError::Refused(refused) if refused.cause() == Cause::Plaintext), "{error}");
    let (call, ()) = CornersClient::new().new_().open_with(&bearer.allow_plaintext(), &mut client, NOW).unwrap();
    call.on(&mut client).unwrap().send(&Part::default()).unwrap();
    assert_eq!(client.calls(), 1);
}
