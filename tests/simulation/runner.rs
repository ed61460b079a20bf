//! Running worlds: one, or very many, with what is said when one fails.

use crate::plan::Plan;
use crate::shrink::shrink;
use crate::world::{Belief, Report, World};
use std::cell::{Cell, RefCell};
use std::fs;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, Once};
use std::time::{Duration, Instant};

thread_local! {
    static CATCHING: Cell<bool> = const { Cell::new(false) };
    static CAUGHT: RefCell<String> = const { RefCell::new(String::new()) };
}

/// What a world did not keep, with where that was found.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) message: String,
    pub(crate) trace: Vec<String>,
}

/// Plays a plan to its end.
pub(crate) fn play(plan: &Plan) -> Result<Report, Failure> {
    play_with(plan, Belief::Right, false)
}

/// As [`play`], held against a model that believes this; with `traced` a failure tells what happened before it.
pub(crate) fn play_with(plan: &Plan, belief: Belief, traced: bool) -> Result<Report, Failure> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if CATCHING.get() {
                CAUGHT.set(info.to_string());
            } else {
                usual(info);
            }
        }));
    });
    let trace = RefCell::new(Vec::new());
    let run = || World::new(plan, belief, traced.then_some(&trace)).run();
    CATCHING.set(true);
    let result = catch_unwind(AssertUnwindSafe(run));
    CATCHING.set(false);
    result.map_err(|_| Failure { message: CAUGHT.take(), trace: trace.take() })
}

/// All that a person needs to know about a seed whose world failed: how, how to see it again, and its story in short.
pub(crate) fn explain(seed: u64, failure: &Failure, small: &Plan, story: &Failure) -> String {
    let heading = format!("seed {seed}: {}\n\nreplay it:\n  {}\n", failure.message, command(seed));
    format!("{heading}\nshrunk, it fails by: {}\n\n{small}\n{}", story.message, story.trace.join("\n"))
}

/// The shortest plan that fails as this one does, and how that goes.
pub(crate) fn tell(plan: &Plan, belief: Belief) -> (Plan, Failure) {
    let small = shrink(plan.clone(), |plan| play_with(plan, belief, false).is_err());
    let story = play_with(&small, belief, true).expect_err("what fails, fails again");
    (small, story)
}

fn command(seed: u64) -> String {
    let until = seed + 1;
    format!("SIM_SEEDS={seed}..{until} cargo test --release --features testing --test simulation seeds -- --nocapture")
}

/// Which seeds to run, and where to keep how far it got.
#[derive(Debug)]
pub(crate) struct Course {
    seeds: Range<u64>,
    /// This one of so many parts: every so-manieth seed.
    shard: (u64, u64),
    state: Option<PathBuf>,
}

impl Course {
    /// From `SIM_SEEDS=0..1000000`, `SIM_SHARD=1/8` and `SIM_STATE=file`; without the first, a short one.
    pub(crate) fn from_environment(short: Range<u64>) -> Self {
        let var = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let Some(seeds) = var("SIM_SEEDS") else { return Self { seeds: short, shard: (1, 1), state: None } };
        let numbers = |text: &str, between: &str| {
            let (first, second) = text.split_once(between).unwrap_or_else(|| panic!("not A{between}B: {text}"));
            (first.parse().expect("a number"), second.parse().expect("a number"))
        };
        let (from, until) = numbers(&seeds, "..");
        let shard: (u64, u64) = var("SIM_SHARD").map_or((1, 1), |text| numbers(&text, "/"));
        assert!((1..=shard.1).contains(&shard.0), "no such shard: {shard:?}");
        let file = format!("simulation-{from}-{until}-{}-of-{}", shard.0, shard.1);
        let state =
            var("SIM_STATE").map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(file), PathBuf::from);
        Self { seeds: from..until, shard, state: Some(state) }
    }

    fn seed(&self, index: u64) -> u64 {
        self.seeds.start + (self.shard.0 - 1) + index * self.shard.1
    }

    fn len(&self) -> u64 {
        (self.seeds.end - self.seeds.start).saturating_sub(self.shard.0 - 1).div_ceil(self.shard.1)
    }

    /// How many were done before.
    fn done(&self) -> u64 {
        let text = self.state.as_ref().and_then(|file| fs::read_to_string(file).ok());
        text.and_then(|text| text.trim().parse().ok()).unwrap_or(0)
    }

    fn keep(&self, done: u64) {
        if let Some(file) = &self.state {
            fs::write(file, format!("{done}\n")).expect("a state file that can be written");
        }
    }
}

/// Seeds between two looks at the clock and the state.
const BATCH: u64 = 1_000;

/// Runs all seeds of the course on all processors; the first failure, explained.
pub(crate) fn run(course: &Course) -> Result<u64, String> {
    let (len, begun) = (course.len(), Instant::now());
    let first = course.done().min(len);
    let long = course.state.is_some();
    if long {
        println!("seeds {:?}, shard {:?}: {first} of {len} were done before", course.seeds, course.shard);
    }
    let mut done = first;
    while done < len {
        let batch = done..len.min(done + BATCH);
        if let Some((seed, failure)) = run_batch(course, batch.clone()) {
            let (small, story) = tell(&Plan::new(seed), Belief::Right);
            return Err(explain(seed, &failure, &small, &story));
        }
        done = batch.end;
        course.keep(done);
        if long {
            let rate = (done - first) as f64 / begun.elapsed().as_secs_f64();
            println!("{done} of {len} seeds, {rate:.0} a second");
        }
    }
    Ok(done)
}

/// A world is over in milliseconds. One that is not is named, since it may be one that never ends.
const PATIENCE: Duration = Duration::from_secs(60);

/// What one thread plays, and since when.
type Playing = Mutex<Option<(u64, Instant)>>;

/// The failure with the lowest seed of those that were found.
fn run_batch(course: &Course, batch: Range<u64>) -> Option<(u64, Failure)> {
    let next = AtomicU64::new(batch.start);
    let failed: Mutex<Option<(u64, Failure)>> = Mutex::new(None);
    let threads: Vec<_> =
        (0..std::thread::available_parallelism().map_or(1, usize::from)).map(|_| Playing::default()).collect();
    let (left, watch) = (AtomicUsize::new(threads.len()), std::thread::current());
    let play_some = |playing: &Playing| {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= batch.end {
                return;
            }
            let seed = course.seed(index);
            *playing.lock().expect("nobody panics with it") = Some((seed, Instant::now()));
            if let Err(failure) = play(&Plan::new(seed)) {
                let mut failed = failed.lock().expect("nobody panics with it");
                if failed.as_ref().is_none_or(|(other, _)| seed < *other) {
                    *failed = Some((seed, failure));
                }
                next.store(batch.end, Ordering::Relaxed);
            }
        }
    };
    std::thread::scope(|scope| {
        for playing in &threads {
            scope.spawn(|| {
                play_some(playing);
                *playing.lock().expect("nobody panics with it") = None;
                left.fetch_sub(1, Ordering::Release);
                watch.unpark();
            });
        }
        while left.load(Ordering::Acquire) > 0 {
            std::thread::park_timeout(PATIENCE);
            for seed in overdue(&threads, Instant::now()) {
                println!("seed {seed} goes on and on; to see it alone:\n  {}", command(seed));
            }
        }
    });
    failed.into_inner().expect("nobody panicked with it")
}

fn overdue(threads: &[Playing], now: Instant) -> Vec<u64> {
    let playing = threads.iter().filter_map(|playing| *playing.lock().expect("nobody panics with it"));
    playing.filter(|(_, since)| now.duration_since(*since) >= PATIENCE).map(|(seed, _)| seed).collect()
}

/// A world that does not end is named after a minute, and not before.
#[test]
fn an_endless_world_is_named() {
    let begin = Instant::now();
    let threads = [Some((1, begin)), None, Some((2, begin + PATIENCE))].map(Mutex::new);
    let none: [u64; 0] = [];
    assert_eq!(overdue(&threads, begin + PATIENCE - Duration::from_nanos(1)), none);
    assert_eq!(overdue(&threads, begin + PATIENCE), [1]);
    assert_eq!(overdue(&threads, begin + 2 * PATIENCE), [1, 2]);
}

/// Every seed of a range belongs to one of its shards.
#[test]
fn shards_are_a_partition() {
    for (from, until, shards) in [(0, 40, 3), (5, 6, 8), (7, 7, 2), (3, 100, 1)] {
        let course = |shard| Course { seeds: from..until, shard: (shard, shards), state: None };
        let mut all: Vec<_> = (1..=shards)
            .flat_map(|shard| {
                let course = course(shard);
                (0..course.len()).map(move |index| course.seed(index))
            })
            .collect();
        all.sort_unstable();
        assert_eq!(all, (from..until).collect::<Vec<_>>(), "{from}..{until} in {shards}");
    }
}

/// A course that was stopped goes on where it was.
#[test]
fn a_course_is_resumed() {
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("resumed-{}", std::process::id()));
    let course = Course { seeds: 0..10, shard: (2, 2), state: Some(file.clone()) };
    course.keep(3);
    assert_eq!((course.done(), course.len()), (3, 5));
    assert_eq!(run(&course), Ok(5));
    assert_eq!(fs::read_to_string(&file).unwrap(), "5\n");
    fs::remove_file(file).unwrap();
}
