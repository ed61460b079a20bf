//! Two services and a client on one virtual clock, over links that delay, cut, stall and break, all from one seed: orders
//! come to a shop, which asks a warehouse before it answers.
//!
//! `cargo run --example simulation --features testing -- --seed 7`
//!
//! The same seed gives the same run, octet for octet: the last line is a hash of all that was sent.

#![allow(clippy::print_stdout, reason = "a program that talks to its user")]

use grpc_sansio::grpc::{Code, Kind, Metadata, Method, Status};
use grpc_sansio::testing::{Cut, Net, News, Rng, WireId};
use grpc_sansio::{CallId, ClientConfig, Event, Item, OpenOptions, ServerConfig};
use std::collections::BTreeMap;
use std::time::Duration;

static ORDER: Method = Method::from_static("/shop.Shop/Order", Kind::Unary);
static TAKE: Method = Method::from_static("/warehouse.Warehouse/Take", Kind::Unary);

const ORDERS: u64 = 20;
/// Alarms from here on break the connection between the services; those below place an order, or end a search.
const BREAK: u64 = 2_000;
const FOUND: u64 = 1_000;

struct Simulation {
    net: Net,
    rng: Rng,
    /// From the customers to the shop, and from the shop to the warehouse; the second is replaced when it is lost.
    customers: WireId,
    backend: WireId,
    /// The order that waits for each call to a warehouse, with the wire of that call.
    asked: BTreeMap<(WireId, CallId), CallId>,
    /// What the warehouse is looking for.
    searching: Vec<(WireId, CallId)>,
    ends: BTreeMap<Code, u32>,
}

fn millis(rng: &mut Rng, below: usize) -> Duration {
    Duration::from_millis(rng.below(below) as u64)
}

/// A connection with a delay, random cuts, and, once in four times, a stall in its first seconds.
fn connect(net: &mut Net, rng: &mut Rng) -> WireId {
    let config = ClientConfig::builder("localhost").build().expect("the defaults are consistent");
    let id = net.connect(&config, &ServerConfig::default());
    let until = net.now().saturating_add(millis(rng, 3_000));
    let wire = net.wire(id);
    wire.cut(Cut::Random);
    wire.delay(millis(rng, 80));
    if rng.one_in(4) {
        wire.down.stall(until);
    }
    id
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let (mut net, mut rng) = (Net::new(seed), Rng::new(seed));
        let (customers, backend) = (connect(&mut net, &mut rng), connect(&mut net, &mut rng));
        let faults = BREAK..BREAK + rng.below(3) as u64;
        (0..ORDERS).chain(faults).for_each(|number| net.alarm(millis(&mut rng, 5_000), number));
        let (asked, searching) = (BTreeMap::new(), Vec::new());
        Self { net, rng, customers, backend, asked, searching, ends: BTreeMap::new() }
    }

    fn goes(&mut self, news: News) {
        match news {
            News::Alarm(BREAK..) => self.net.sever(self.backend),
            News::Alarm(number @ FOUND..) => self.answers(self.searching[(number - FOUND) as usize], Status::ok()),
            News::Alarm(item) => self.order(item),
            News::Client(wire, Event::Readable(id)) => self.hears(wire, id),
            News::Client(wire, Event::Closed) if wire == self.backend => {
                self.backend = connect(&mut self.net, &mut self.rng);
            }
            News::Server(wire, Event::Opened(id)) if wire == self.customers => self.shop_is_asked(id),
            News::Server(wire, Event::Opened(id)) => {
                // Somebody goes and looks for it.
                self.net.alarm(millis(&mut self.rng, 900), FOUND + self.searching.len() as u64);
                self.searching.push((wire, id));
            }
            // The caller has given up.
            News::Server(wire, Event::Stopped(id)) => {
                self.net.server(wire).call(id).into_iter().for_each(|call| call.release());
            }
            _ => {}
        }
    }

    /// A customer orders, and waits for a second.
    fn order(&mut self, item: u64) {
        let deadline = self.net.client_now(self.customers).saturating_add(Duration::from_secs(1));
        let id = self.net.open(self.customers, &OpenOptions::new(&ORDER).deadline(deadline)).expect("it takes calls");
        let mut call = self.net.client(self.customers).call(id).expect("just opened");
        call.send(format!("item {item}").into_bytes()).expect("it has room");
    }

    /// The shop asks the warehouse, by the deadline of its own caller.
    fn shop_is_asked(&mut self, order: CallId) {
        let mut call = self.net.server(self.customers).call(order).expect("just opened");
        let Some(Item::Head(request)) = call.read() else { return };
        let options = OpenOptions::new(&TAKE).deadline(request.deadline().expect("customers have deadlines"));
        match self.net.open(self.backend, &options) {
            Ok(id) => {
                self.asked.insert((self.backend, id), order);
                self.net.client(self.backend).call(id).expect("just opened").send(Vec::new()).expect("it has room");
            }
            Err(error) => self.answers((self.customers, order), Status::new(Code::Unavailable, error.to_string())),
        }
    }

    /// A service answers, unless its caller has given up.
    fn answers(&mut self, (wire, id): (WireId, CallId), status: Status) {
        if let Some(mut call) = self.net.server(wire).call(id).filter(|call| call.stopped().is_none()) {
            if status.is_ok() {
                call.send("it is on its way".as_bytes().to_vec()).expect("it has room");
            }
            call.finish(&status, &Metadata::new());
        }
    }

    /// Reads what there is of a client's call: a customer's, or one of the shop's.
    fn hears(&mut self, wire: WireId, id: CallId) {
        let Some(mut call) = self.net.client(wire).call(id) else { return };
        let status = loop {
            match call.read() {
                None => return,
                Some(Item::End(outcome)) => break outcome.into_status(),
                Some(_) => {}
            }
        };
        if let Some(order) = self.asked.remove(&(wire, id)) {
            return self.answers((self.customers, order), status);
        }
        println!("{:?}: {status}", self.net.now());
        *self.ends.entry(status.code()).or_default() += 1;
    }
}

fn main() {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--seed");
    let seed = arguments.nth(1).map_or(7, |seed| seed.parse().expect("a number"));
    let mut simulation = Simulation::new(seed);
    while let Some(news) = simulation.net.next() {
        simulation.goes(news);
    }
    println!("{:?}", simulation.ends);
    // Every order has one end, whatever happened to the services.
    assert_eq!(u64::from(simulation.ends.values().sum::<u32>()), ORDERS);
    assert!(simulation.asked.is_empty());
    println!("seed {seed}: digest {:016x}", simulation.net.digest());
}
