//! What each call of a run is to be, known to both of its ends by its number.

use grpc_sansio::Limits;
use grpc_sansio::grpc::message::encode_message;
use grpc_sansio::testing::Rng;

/// How a server takes a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Reads all, then answers.
    Late,
    /// Answers, then reads all, then ends.
    Early,
    /// Ends at once, with a status and nothing else.
    TrailersOnly,
    /// RST_STREAM CANCEL.
    Cancel,
}

/// One call.
#[derive(Clone, Debug)]
pub struct Plan {
    pub manner: Manner,
    pub requests: Vec<Vec<u8>>,
    pub responses: Vec<Vec<u8>>,
    pub code: u8,
    /// The client gives it up after so many responses.
    pub given_up: Option<usize>,
}

/// All of a run.
pub struct Plans {
    pub calls: Vec<Plan>,
    pub limits: Limits,
    /// Of the other engine.
    pub window: u32,
    pub frame: u32,
    pub streams: u32,
}

impl Plans {
    pub fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let small = rng.one_in(3);
        let mut limits = Limits::default();
        limits.max_concurrent_calls = 1 + rng.below(6) as u32;
        limits.max_waiting_calls = 100;
        limits.call_window = [65_535, 100_000, 262_144][rng.below(3)];
        limits.connection_window = limits.call_window + rng.below(2) as u32 * 1_000_000;
        // h2 takes DATA frames of less than 256 octets that are not read yet for abuse, half a megabyte of such.
        limits.max_send_frame = [1_000, 16_384, 60_000][rng.below(3)];
        limits.max_frame = [16_384, 100_000][rng.below(2)];
        limits.encoder_table = [0, 200, 4_096][rng.below(3)];
        limits.decoder_table = [0, 200, 4_096, 10_000][rng.below(4)];
        limits.send_queue_per_call = [1, 1_000, 65_536][rng.below(3)];
        let window = if small { 300 + rng.below(2_000) as u32 } else { [65_535, 1 << 20][rng.below(2)] };
        let (frame, streams) = ([16_384, 1 << 20][rng.below(2)], 1 + rng.below(5) as u32);
        let most = if small { 500 } else { 90_000 };
        let calls = (0..1 + rng.below(10)).map(|_| Plan::new(&mut rng, most)).collect();
        Self { calls, limits, window, frame, streams }
    }
}

impl Plan {
    fn new(rng: &mut Rng, most: usize) -> Self {
        let mut messages = |count: usize| -> Vec<Vec<u8>> {
            let message = |rng: &mut Rng| {
                let len = if rng.one_in(4) { rng.below(most) } else { rng.below(most.min(200)) };
                vec![rng.below(256) as u8; len]
            };
            (0..rng.below(count)).map(|_| message(rng)).collect()
        };
        let (requests, responses) = (messages(5), messages(5));
        let manner = match rng.below(8) {
            0 => Manner::TrailersOnly,
            1 => Manner::Cancel,
            2..5 => Manner::Early,
            _ => Manner::Late,
        };
        let given_up = rng.one_in(8).then(|| rng.below(3));
        Self { manner, requests, responses, code: rng.below(17) as u8, given_up }
    }
}

/// Messages with their prefixes.
pub fn body(messages: &[Vec<u8>]) -> Vec<u8> {
    let mut body = Vec::new();
    messages.iter().for_each(|message| encode_message(message, false, &mut body).expect("short"));
    body
}
