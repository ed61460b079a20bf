//! Both ends of a connection in one function: no network, no threads, and time that we make up.
//!
//! Run it with `cargo run --example in_memory`.

use bytes::Buf;
use grpc_sansio::grpc::{Code, Kind, Metadata, Method, Status};
use grpc_sansio::{
    Client, ClientConfig, Connection, Event, Instant, Item, OpenOptions, Server, ServerConfig, WriteBuf,
};

static SAY_HELLO: Method = Method::from_static("/helloworld.Greeter/SayHello", Kind::Unary);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let now = Instant::from_nanos(0);
    let mut client = Connection::<Client>::new(&ClientConfig::builder("localhost").build()?, now);
    let mut server = Connection::<Server>::new(&ServerConfig::default(), now);

    // The client opens a call and queues its only message, which also closes the sending side.
    let id = client.open(now, &OpenOptions::new(&SAY_HELLO))?;
    client.call(id).expect("a call just opened").send("world".as_bytes().to_vec())?;

    let mut wire = WriteBuf::new();
    for step in 0.. {
        // What one side transmits, the other receives: this stands where the sockets would be.
        let now = Instant::from_nanos(step * 1_000_000);
        client.transmit(now, &mut wire);
        server.receive_bytes(now, wire.copy_to_bytes(wire.len()));
        serve(&mut server);
        server.transmit(now, &mut wire);
        client.receive_bytes(now, wire.copy_to_bytes(wire.len()));

        while let Some(event) = client.poll_event() {
            println!("client: {event:?}");
            let Event::Readable(id) = event else { continue };
            let Some(mut call) = client.call(id) else { continue };
            while let Some(item) = call.read() {
                match item {
                    Item::Head(head) => println!("client: head with {:?}", head.metadata()),
                    Item::Message(message) => println!("client: {:?}", message.escape_ascii().to_string()),
                    Item::End(outcome) => {
                        println!("client: {}", outcome.status());
                        assert!(outcome.status().is_ok());
                        return Ok(());
                    }
                }
            }
        }
    }
    Ok(())
}

/// Answers each call of `SayHello` with a greeting, and refuses the rest.
fn serve(server: &mut Connection<Server>) {
    while let Some(event) = server.poll_event() {
        println!("server: {event:?}");
        let (Event::Opened(id) | Event::Readable(id) | Event::Stopped(id)) = event else { continue };
        let Some(mut call) = server.call(id) else { continue };
        if call.stopped().is_some() {
            call.release();
            continue;
        }
        let mut name = None;
        while let Some(item) = call.read() {
            match item {
                Item::Head(request) if request.path() == SAY_HELLO.path().as_str() => {
                    call.expect(SAY_HELLO.kind()).expect("the kind is told once");
                }
                Item::Head(request) => {
                    let status = Status::new(Code::Unimplemented, format!("no method {}", request.path()));
                    call.finish(&status, &Metadata::new());
                    break;
                }
                Item::Message(message) => name = Some(message.to_vec()),
                Item::End(_) => {
                    let mut reply = b"hello ".to_vec();
                    reply.extend_from_slice(&name.take().unwrap_or_default());
                    call.send(reply).expect("an empty queue takes any message");
                    call.finish(&Status::ok(), &Metadata::new());
                    break;
                }
            }
        }
    }
}
