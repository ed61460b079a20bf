use by_hand::greeter::v1::greeter_rpc::pure::GreeterCall;
use by_hand::greeter::v1::{HelloReply, HelloRequest};
use grpc_sansio::grpc::{Code, Metadata, Status};
use grpc_sansio::stub::{self, Prost, SendTypedError};
use grpc_sansio::{CallId, Clock, Connection, Event, Item, SendError, Server, ServerConfig};
use std::collections::{HashMap, VecDeque};
use std::net::{TcpListener, TcpStream};

fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:50051".into());
    let listener = TcpListener::bind(&address)?;
    println!("listening on {}", listener.local_addr()?);
    for socket in listener.incoming() {
        let socket = socket?;
        std::thread::spawn(move || {
            if let Err(error) = serve(socket) {
                println!("a connection failed: {error}");
            }
        });
    }
    Ok(())
}

fn serve(socket: TcpStream) -> std::io::Result<()> {
    let clock = Clock::new();
    let mut connection = Connection::<Server>::new(&ServerConfig::default(), clock.now());
    let mut calls = HashMap::new();
    by_hand::drive(socket, &clock, &mut connection, |connection, event| {
        on_event(&mut calls, connection, event);
    })
}

/// A call under way.
struct Serving {
    call: GreeterCall,
    names: Vec<String>,
    replies: VecDeque<HelloReply>,
    half_closed: bool,
}

fn on_event(calls: &mut HashMap<CallId, Serving>, connection: &mut Connection<Server>, event: Event) -> Option<()> {
    let (Event::Opened(id) | Event::Readable(id) | Event::Writable(id) | Event::Stopped(id)) = event else {
        return None;
    };
    let mut call = connection.call(id)?;
    if call.stopped().is_some() {
        // Cancelled, too late, or cut off: nobody waits for it.
        call.release();
        calls.remove(&id);
        return None;
    }
    if let Event::Opened(_) = event {
        let Some(Item::Head(head)) = call.read() else { return None };
        let Some(typed) = GreeterCall::for_path(head.path(), id, Prost) else {
            call.finish(&Status::from(Code::Unimplemented), &Metadata::new());
            return None;
        };
        call.expect(typed.method().kind()).ok()?;
        calls.insert(id, Serving { call: typed, names: Vec::new(), replies: VecDeque::new(), half_closed: false });
    }
    let status = calls.get_mut(&id)?.go_on(connection)?;
    connection.call(id)?.finish(&status, &Metadata::new());
    calls.remove(&id);
    Some(())
}

impl Serving {
    /// Answers and reads as far as it gets; a status is the end of the call.
    fn go_on(&mut self, connection: &mut Connection<Server>) -> Option<Status> {
        use GreeterCall::{SayHello, SayHelloOften, SayHelloToAll, SayHelloToEach};
        let (SayHello(typed) | SayHelloOften(typed) | SayHelloToAll(typed) | SayHelloToEach(typed)) = &self.call;
        let mut call = typed.on(connection)?;
        loop {
            // While replies wait for room no request is read: so a client that does not read slows itself.
            while let Some(reply) = self.replies.pop_front() {
                match call.send(&reply) {
                    Ok(()) => {}
                    Err(SendTypedError::Refused(SendError::Full(()))) => {
                        self.replies.push_front(reply); // `Writable` will say when to try again
                        return None;
                    }
                    Err(error) => return Some(Status::new(Code::Internal, error.to_string())),
                }
            }
            if self.half_closed {
                return Some(Status::ok());
            }
            match call.read()? {
                Ok(stub::Item::Head(_)) => {}
                Ok(stub::Item::Message(request)) => match (&self.call, hello(&request)) {
                    (SayHelloToAll(_), _) => self.names.push(request.name),
                    (_, Err(status)) => return Some(status),
                    (SayHelloOften(_), Ok(reply)) => self.replies.extend(vec![reply; 3]),
                    (_, Ok(reply)) => self.replies.push_back(reply),
                },
                Ok(stub::Item::End(_)) => {
                    self.half_closed = true;
                    if let SayHelloToAll(_) = &self.call {
                        match hello(&HelloRequest { name: self.names.join(", ") }) {
                            Ok(reply) => self.replies.push_back(reply),
                            Err(status) => return Some(status),
                        }
                    }
                }
                Err(status) => return Some(status),
            }
        }
    }
}

fn hello(request: &HelloRequest) -> Result<HelloReply, Status> {
    match &*request.name {
        "" => Err(Status::new(Code::InvalidArgument, "nobody to say hello to")),
        name => Ok(HelloReply { text: format!("hello {name}") }),
    }
}
