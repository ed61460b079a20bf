//! A server under attack over real sockets, and how long a well-behaved client waits for its answers meanwhile: floods and bad
//! request headers of the attacks' table, responses of a megabyte that nobody reads, and a flood over gRPC-Web.
//!
//! `cargo run --release --features sockets --bin under_attack`, in `benches`, floods a server for five seconds with each of a
//! few attacks, or with those that it is given the names of, on one connection after the other, as fast as it takes them. It
//! prints what the server's process grew by, and the longest that a unary call on another connection took; `docs/threats.md`
//! has the figures. It ends with an error where a call took 100 ms or longer, or the process grew by 16 MiB or more.
//!
//! Server, attacker and client share one process and its cores, so the figures are upper bounds.

#[allow(dead_code, unused_imports, reason = "what only the tests look at")]
#[path = "../../tests/threats/attacks/mod.rs"]
mod attacks;

use attacks::web::{ATTACKS, WebAttack};
use attacks::{ALL, Attack, Hello, Wire, literal, stream};
use grpc_sansio::adapter::tokio::{Channel, Incoming, Refusal, Response, Router, Server};
use grpc_sansio::grpc::{Kind, Method};
use grpc_sansio::{ClientConfig, ServerConfig};
use std::error::Error;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

static LARGE: Method = Method::from_static("/a/Large", Kind::Unary);

static METHOD: Method = Method::from_static("/a/b", Kind::Unary);

/// Those that a guard has to end, or that go on as long as one likes.
const FLOODS: [&str; 23] = [
    "t_01_rapid_reset",
    "t_03_b_window_overflow",
    "t_03_d_priority_on_itself",
    "t_04_malformed_requests",
    "t_05_more_streams_than_allowed",
    "t_13_ping_flood",
    "t_14_settings_flood",
    "t_18_window_swings",
    "t_24_priority_flood",
    "t_26_tiny_unknown_frames",
    "t_27_bombs_below_abuse",
    "t_31_empty_continuation_flood",
    "t_59_path_without_slash",
    "t_60_line_break_in_a_value",
    "t_60_line_break_in_a_trailer",
    "t_61_transfer_encoding",
    "t_62_pseudo_field_after_a_regular_one",
    "t_62_status_in_a_request",
    "t_63_host_that_differs",
    "t_64_json",
    "t_67_message_of_4_gib",
    "t_69_messages_of_nothing",
    "t_71_timeout_of_nine_digits",
];

/// Over HTTP/1.1, in front of the engine.
const WEB_FLOODS: [&str; 3] = ["posts_that_are_no_grpc", "calls_of_nothing", "fields_of_one_hop"];

/// A hundred calls for responses of a megabyte, with windows that would take them all, and nobody who reads.
const UNREAD: &str = "unread_responses_of_1_mb";
const MEGABYTE: usize = 1 << 20;

const DURATION: Duration = Duration::from_secs(5);
const WAIT: Duration = Duration::from_millis(100);
const GROWTH: u64 = 16 * 1024;

async fn serve(listener: TcpListener) {
    let router = Router::new()
        .unary(&METHOD, |_: Incoming| async { Ok::<_, Refusal>(Response::new(b"ok".to_vec())) })
        .unary(&LARGE, |_: Incoming| async { Ok::<_, Refusal>(Response::new(vec![b'x'; MEGABYTE])) });
    Server::new(ServerConfig::default()).with_web(attacks::web::config()).serve(listener, router).await;
}

/// What the process holds, in KiB: resident now, as Linux tells it; 0 elsewhere.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// What is written to a connection, again and again.
#[derive(Clone, Copy)]
enum Flood {
    Attack(&'static Attack),
    Web(&'static WebAttack),
    Unread,
}

impl Flood {
    fn all() -> impl Iterator<Item = Self> {
        let attacks = ALL.iter().copied().flatten().map(Self::Attack);
        attacks.chain(ATTACKS.iter().map(Self::Web)).chain([Self::Unread])
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Attack(attack) => attack.name,
            Self::Web(attack) => attack.name,
            Self::Unread => UNREAD,
        }
    }

    fn is_usual(self) -> bool {
        match self {
            Self::Attack(attack) => FLOODS.contains(&attack.name),
            Self::Web(attack) => WEB_FLOODS.contains(&attack.name),
            Self::Unread => true,
        }
    }

    async fn assault(self, port: u16, until: Instant) -> u64 {
        match self {
            Self::Attack(attack) => assault(attack, port, until).await,
            Self::Web(attack) => flood_web(attack, port, until).await,
            Self::Unread => leave_unread(port, until).await,
        }
    }
}

/// Writes and reads as fast as it goes, over HTTP/1.1.
async fn flood_web(attack: &WebAttack, port: u16, until: Instant) -> u64 {
    let Ok(stream) = TcpStream::connect(("127.0.0.1", port)).await else { return 0 };
    let (mut reader, mut writer) = stream.into_split();
    let drain = tokio::spawn(async move {
        let mut buffer = vec![0; 64 * 1024];
        while reader.read(&mut buffer).await.is_ok_and(|count| count > 0) {}
    });
    let (mut wire, mut turns) = (Wire::default(), 0);
    (attack.start)(&mut wire);
    while Instant::now() < until && !drain.is_finished() {
        while wire.octets.len() < 16 * 1024 {
            (attack.turn)(turns as u32, &mut wire);
            turns += 1;
        }
        let written =
            tokio::time::timeout(until.saturating_duration_since(Instant::now()), writer.write_all(&wire.octets));
        if !matches!(written.await, Ok(Ok(()))) {
            break;
        }
        wire.octets.clear();
    }
    drain.abort();
    turns
}

/// Asks for all that can be asked for, and waits.
async fn leave_unread(port: u16, until: Instant) -> u64 {
    let Ok(mut socket) = TcpStream::connect(("127.0.0.1", port)).await else { return 0 };
    let mut wire = Wire::default();
    wire.preface();
    // SETTINGS_INITIAL_WINDOW_SIZE, and the connection's window.
    wire.settings(&[(4, i32::MAX as u32)]);
    wire.window(0, i32::MAX as u32 - 65_535);
    wire.settings_ack();
    let head =
        [b"\x83\x86\x04\x08/a/Large\x01\x01a\x0f\x10\x10application/grpc", &literal(b"te", b"trailers")[..]].concat();
    for call in 0..100 {
        wire.headers(stream(call), &head, grpc_sansio::frame::Flags::NONE);
        wire.message(stream(call), 1, grpc_sansio::frame::Flags::END_STREAM);
    }
    if socket.write_all(&wire.octets).await.is_err() {
        return 0;
    }
    tokio::time::sleep(until.saturating_duration_since(Instant::now())).await;
    100
}

/// One connection's worth of the attack; says how many turns were written.
async fn assault(attack: &Attack, port: u16, until: Instant) -> u64 {
    let Ok(stream) = TcpStream::connect(("127.0.0.1", port)).await else { return 0 };
    let (mut reader, mut writer) = stream.into_split();
    // An attacker that reads, so that its own socket holds nothing up.
    let drain = tokio::spawn(async move {
        let mut buffer = vec![0; 64 * 1024];
        while reader.read(&mut buffer).await.is_ok_and(|count| count > 0) {}
    });
    let mut wire = Wire::default();
    if attack.hello != Hello::Nothing {
        wire.preface();
        wire.settings(&[]);
        // Our SETTINGS are on their way, and need not be here to be acknowledged.
        if attack.hello == Hello::Usual {
            _ = writer.write_all(&wire.octets).await;
            wire.octets.clear();
            tokio::time::sleep(Duration::from_millis(1)).await;
            wire.settings_ack();
        }
    }
    (attack.start)(&mut wire);
    let mut turns = 0;
    while Instant::now() < until && !drain.is_finished() {
        while wire.octets.len() < 16 * 1024 {
            (attack.turn)(turns as u32, &mut wire);
            turns += 1;
        }
        if writer.write_all(&wire.octets).await.is_err() {
            break;
        }
        wire.octets.clear();
    }
    drain.abort();
    turns
}

/// The longest of the calls made, one after the other, until `until`; and how many there were.
async fn wait_for_answers(port: u16, until: Instant) -> Result<(Duration, u32), Box<dyn Error + Send + Sync>> {
    let channel = Channel::connect(("127.0.0.1", port), &ClientConfig::builder("a").build()?).await?;
    let (mut longest, mut calls) = (Duration::ZERO, 0);
    while Instant::now() < until {
        let start = Instant::now();
        channel.unary(&METHOD, b"hello".to_vec()).await?;
        longest = longest.max(start.elapsed());
        calls += 1;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok((longest, calls))
}

async fn measure(flood: Flood, port: u16) -> Result<bool, Box<dyn Error + Send + Sync>> {
    let before = resident();
    let until = Instant::now() + DURATION;
    let waiting = tokio::spawn(wait_for_answers(port, until));
    let (mut turns, mut connections, mut most) = (0, 0u32, 0);
    while Instant::now() < until {
        turns += flood.assault(port, until).await;
        connections += 1;
        most = most.max(resident());
    }
    let (longest, calls) = waiting.await??;
    let growth = most.max(resident()).saturating_sub(before);
    println!(
        "{:<34} {turns:>8} turns on {connections:>5} connections; {calls:>5} calls, the longest {:>5.1} ms; {growth:>6} KiB more",
        flood.name(),
        longest.as_secs_f64() * 1000.0,
    );
    Ok(longest < WAIT && growth < GROWTH)
}

async fn run(only: &[String]) -> Result<bool, Box<dyn Error + Send + Sync>> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(serve(listener));
    let mut fine = true;
    for flood in Flood::all() {
        let wanted = if only.is_empty() { flood.is_usual() } else { only.iter().any(|name| name == flood.name()) };
        if wanted {
            fine &= measure(flood, port).await?;
        }
    }
    Ok(fine)
}

#[tokio::main]
async fn main() -> ExitCode {
    let only: Vec<_> = std::env::args().skip(1).collect();
    match run(&only).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("a call took {WAIT:?} or longer, or the process grew by {GROWTH} KiB or more");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
