//! Health and reflection, mounted on routes; and calls that go on because another thread says so.

use crate::support::*;
use grpc_sansio::adapter::mio::{Client, Health, Routes, Server};
use grpc_sansio::grpc::{Code, Metadata};
use grpc_sansio::services::health::{CHECK, HealthCheckRequest, HealthCheckResponse, ServingStatus, WATCH};
use grpc_sansio::services::reflection::{METHODS, Reflection};
use grpc_sansio::{OpenOptions, ServerConfig};
use prost::Message;
use std::sync::mpsc;
use std::time::Duration;

fn asking(service: &str) -> Vec<u8> {
    HealthCheckRequest { service: service.into() }.encode_to_vec()
}

/// G-293 to G-298, G-304: the server's thread sleeps, and wakes for each change that concerns a watcher.
#[test]
fn g_293_to_g_298_g_304_services() {
    let (tell, told) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        let mut server = Server::bind(([127, 0, 0, 1], 0).into(), &ServerConfig::default()).unwrap();
        let mut routes = Routes::new();
        let health = Health::new(routes.resumer(server.remote()));
        routes.health(&health).reflection(&Reflection::new().with_health());
        tell.send((server.local_addr().unwrap(), server.remote(), health)).unwrap();
        server.run(&mut routes).unwrap();
    });
    let (address, remote, health) = told.recv().unwrap();
    let (mut client, mut keeper) = (Client::new().unwrap(), Keeper::default());
    let id = client.connect(address, &config()).unwrap();

    let check = keeper.call(&mut client, id, &CHECK, &[b""]);
    let unknown = keeper.call(&mut client, id, &CHECK, &[&asking("a")]);
    let listing = keeper.call(&mut client, id, &METHODS[0], &[b"\x3a\x00", b"\x22\x04none"]);
    let nothing = keeper.call(&mut client, id, &METHODS[1], &[b""]);
    until(&mut client, &mut keeper, |keeper| keeper.ended == 4);
    let code = |keeper: &Keeper, call| keeper.calls[&(id, call)].code();
    assert_eq!((code(&keeper, check), code(&keeper, unknown)), (Some(Code::Ok), Some(Code::NotFound)));
    assert_eq!((code(&keeper, listing), keeper.calls[&(id, listing)].messages), (Some(Code::Ok), 2));
    assert_eq!(code(&keeper, nothing), Some(Code::InvalidArgument));

    let a = keeper.call(&mut client, id, &WATCH, &[&asking("a")]);
    let whole = keeper.call(&mut client, id, &WATCH, &[b""]);
    let last = |keeper: &Keeper, call, count: usize| {
        let record = &keeper.calls[&(id, call)];
        (record.messages == count).then(|| HealthCheckResponse::decode(&record.last[..]).unwrap().status())
    };
    let mut wait = |a_says: (usize, ServingStatus), whole_says: (usize, ServingStatus)| {
        until(&mut client, &mut keeper, |keeper| {
            last(keeper, a, a_says.0) == Some(a_says.1) && last(keeper, whole, whole_says.0) == Some(whole_says.1)
        });
        // Nothing follows.
        for_a_while(&mut client, &mut keeper, Duration::from_millis(30));
        assert!(last(&keeper, a, a_says.0).is_some() && last(&keeper, whole, whole_says.0).is_some());
    };
    wait((1, ServingStatus::ServiceUnknown), (1, ServingStatus::Serving));
    health.set("a", ServingStatus::Serving).unwrap();
    wait((2, ServingStatus::Serving), (1, ServingStatus::Serving));
    health.set("a", ServingStatus::Serving).unwrap();
    health.set("other", ServingStatus::Serving).unwrap();
    wait((2, ServingStatus::Serving), (1, ServingStatus::Serving));
    health.shut_down().unwrap();
    wait((3, ServingStatus::NotServing), (2, ServingStatus::NotServing));

    // Watchers that are gone are named no more, nor those whose connection is.
    let io = client.connection_mut(id).unwrap();
    io.call(a).unwrap().cancel();
    client.shutdown(Some(Duration::ZERO));
    until(&mut client, &mut keeper, |keeper| !keeper.closed.is_empty());
    health.resume().unwrap();
    let again = client.connect(address, &config()).unwrap();
    let call = keeper.open(&mut client, again, &OpenOptions::new(&CHECK).metadata(&Metadata::new()));
    client.connection_mut(again).unwrap().call(call).unwrap().send("").unwrap();
    until(&mut client, &mut keeper, |keeper| keeper.calls[&(again, call)].code() == Some(Code::Ok));

    remote.shutdown(Some(Duration::ZERO)).unwrap();
    thread.join().unwrap();
}
