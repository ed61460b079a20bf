//! Every sequence of a few frames on two streams, walked as a tree with a cloned engine, against a small model of
//! RFC 9113 §5.1 and §8. At each node what the layer above is told, what is written and what can be seen of the state
//! are compared; an end of the connection ends the branch.
//!
//! ```sh
//! SMALL_WORLDS_DEPTH=5 SMALL_WORLDS_SHARD=0/8 cargo test --release --test small_worlds -- --nocapture
//! ```
//!
//! walks one of eight shards (by the first two letters) of all sequences of up to five, and says how far it is. All eight have
//! been run: 166 million nodes, in three minutes of CPU time.

mod small_worlds {
    mod alphabet;
    mod model;
    mod world;

    use alphabet::Letter;
    use model::Model;
    use std::time::Instant;
    use world::World;

    /// RFC 9113 §7.
    mod code {
        pub(super) const NO_ERROR: u32 = 0;
        pub(super) const PROTOCOL_ERROR: u32 = 1;
        pub(super) const FLOW_CONTROL_ERROR: u32 = 3;
        pub(super) const STREAM_CLOSED: u32 = 5;
        pub(super) const FRAME_SIZE_ERROR: u32 = 6;
        pub(super) const REFUSED_STREAM: u32 = 7;
        pub(super) const CANCEL: u32 = 8;
        pub(super) const COMPRESSION_ERROR: u32 = 9;
    }

    /// Our window for each stream: two DATA frames of the alphabet, and not three. Nobody reads them.
    const STREAM_WINDOW: i64 = 16;
    /// The peer's: less than a message of the application.
    const THEIR_WINDOW: i64 = 12;

    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    enum Told {
        Request { id: u32, end: bool },
        Response { id: u32, status: u16, end: bool },
        Trailers { id: u32 },
        Data { id: u32, len: u32 },
        End { id: u32 },
        Reset { id: u32, code: u32, by_peer: bool },
        GoAway { last: u32 },
        Closed { code: u32 },
    }

    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    enum Wrote {
        Headers { id: u32, end: bool },
        Data { id: u32, len: i64, end: bool },
        Reset { id: u32, code: u32 },
        SettingsAck,
        Pong,
        GoAway { last: u32, code: u32 },
        Window { id: u32, by: i64 },
    }

    #[derive(Clone, PartialEq, Eq, Debug, Default)]
    struct Notes {
        told: Vec<Told>,
        wrote: Vec<Wrote>,
    }

    /// Of a stream that is held: closed, END_STREAM received, END_STREAM sent, and what it may still receive.
    type StreamView = (bool, bool, bool, Option<i64>);

    #[derive(Clone, PartialEq, Eq, Debug)]
    struct View {
        streams: [Option<StreamView>; 2],
        active: usize,
        held: usize,
        queued: i64,
    }

    struct Walk {
        letters: Vec<(Letter, Vec<u8>)>,
        depth: usize,
        /// This one of so many parts.
        shard: (usize, usize),
        path: Vec<Letter>,
        nodes: u64,
    }

    impl Walk {
        /// Goes on with the letter in this place, and from there on with every one.
        fn step(&mut self, at: usize, model: &Model, world: &World) {
            let (letter, octets) = &self.letters[at];
            let letter = *letter;
            let mut model = model.clone();
            if !model.applies(letter) {
                return;
            }
            let mut world = world.clone();
            self.path.push(letter);
            self.nodes += 1;
            assert_eq!(world.react(letter, octets), model.react(letter), "after {:?}", self.path);
            assert_eq!(world.is_ended(), model.ended, "after {:?}", self.path);
            if !model.ended {
                assert_eq!(world.view(), model.view(), "after {:?}", self.path);
                // The shards are told apart by the second letter of a path.
                let ours = self.path.len() != 2 || at % self.shard.1 == self.shard.0;
                if ours && self.path.len() < self.depth {
                    (0..self.letters.len()).for_each(|next| self.step(next, &model, &world));
                }
            }
            self.path.pop();
        }
    }

    fn variable(name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn walk(name: &str, letters: Vec<Letter>, model: &Model, world: &World) {
        // What takes seconds; in a release build one more.
        let usual = if cfg!(debug_assertions) { 3 } else { 4 };
        let depth = variable("SMALL_WORLDS_DEPTH").map_or(usual, |depth| depth.parse().unwrap());
        let shard = variable("SMALL_WORLDS_SHARD").map_or((0, 1), |shard| {
            let (part, of) = shard.split_once('/').unwrap();
            (part.parse().unwrap(), of.parse().unwrap())
        });
        let letters: Vec<_> = letters.into_iter().map(|letter| (letter, letter.octets())).collect();
        assert_eq!(world.view(), model.view());
        let (count, since) = (letters.len(), Instant::now());
        let mut walk = Walk { letters, depth, shard, path: Vec::new(), nodes: 0 };
        for first in 0..count {
            walk.step(first, model, world);
            println!("{name}: {} of {count} first letters, {} nodes, {:.1?}", first + 1, walk.nodes, since.elapsed());
        }
        assert!(walk.nodes > 10_000, "{} nodes", walk.nodes);
    }

    #[test]
    fn server() {
        walk("server", alphabet::to_a_server(), &Model::server(100), &World::server(100));
    }

    /// With SETTINGS_MAX_CONCURRENT_STREAMS 1, so that the second stream is one too many.
    #[test]
    fn server_with_one_place() {
        walk("server with one place", alphabet::to_a_server(), &Model::server(1), &World::server(1));
    }

    #[test]
    fn client() {
        walk("client", alphabet::to_a_client(), &Model::client(), &World::client());
    }
}
