use by_hand::greeter::v1::greeter_rpc::pure::GreeterClient;
use by_hand::greeter::v1::{HelloReply, HelloRequest};
use grpc_sansio::stub::{ClientCall, Item, Prost};
use grpc_sansio::{Client, ClientConfig, Clock, Connection, Event};
use std::error::Error;
use std::net::TcpStream;
use std::time::Duration;

type Failure = Box<dyn Error>;
type Hello = ClientCall<HelloRequest, HelloReply, Prost>;

fn main() -> Result<(), Failure> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:50051".into());
    let clock = Clock::new();
    let mut connection = Connection::<Client>::new(&ClientConfig::builder(&address).build()?, clock.now());

    // One after the other, so that it reads well. They could all be open at the same time.
    let mut open = call(&mut connection, &clock, 0)?;
    let mut finished = Ok(());
    by_hand::drive(TcpStream::connect(&address)?, &clock, &mut connection, |connection, event| {
        if let Event::Readable(_) = event
            && let Some((next, hello)) = &open
        {
            match read(hello, connection) {
                Ok(false) => {}
                Ok(true) => match call(connection, &clock, next + 1) {
                    Ok(opened) => open = opened,
                    Err(error) => finished = Err(error),
                },
                Err(error) => finished = Err(error),
            }
        }
        if finished.is_err() || open.is_none() {
            connection.shutdown(clock.now(), None);
        }
    })?;
    finished?;
    match connection.error() {
        Some(error) => Err(error.to_string().into()),
        None => Ok(()),
    }
}

/// Opens a call of the method of this number, and says all there is to say. `None` after the last.
fn call(connection: &mut Connection<Client>, clock: &Clock, number: usize) -> Result<Option<(usize, Hello)>, Failure> {
    let greeter = GreeterClient::new();
    let (opening, names): (_, &[&str]) = match number {
        0 => (greeter.say_hello(), &["world"]),
        1 => (greeter.say_hello_often(), &["echo"]),
        2 => (greeter.say_hello_to_all(), &["Ada", "Grace"]),
        3 => (greeter.say_hello_to_each(), &["Alan", "Kurt"]),
        _ => return Ok(None),
    };
    let deadline = clock.now().saturating_add(Duration::from_secs(5));
    let hello = opening.with(|options| options.deadline(deadline)).open(connection, clock.now())?;
    let mut call = hello.on(connection).ok_or("it was just opened")?;
    for name in names {
        // These few fit in the queue. What does not is refused as `Full`, until `Event::Writable`.
        call.send(&HelloRequest { name: (*name).into() })?;
    }
    call.half_close()?;
    Ok(Some((number, hello)))
}

/// Reads what has come. Whether that was the end of the call.
fn read(hello: &Hello, connection: &mut Connection<Client>) -> Result<bool, Failure> {
    let Some(mut call) = hello.on(connection) else { return Ok(true) };
    while let Some(item) = call.read() {
        match item? {
            Item::Head(_) => {}
            Item::Message(reply) => println!("{}", reply.text),
            Item::End(outcome) if outcome.status().is_ok() => return Ok(true),
            Item::End(outcome) => return Err(outcome.status().to_string().into()),
        }
    }
    Ok(false)
}
