//! Threads beside a loop.

use super::link::{Job, Link};
use crate::adapter::mio::{ConnectionId, Handler as _, Remote, Routes, Server};
use crate::event::{CallId, Event};
use core::cell::RefCell;
use core::fmt;
use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// Threads in which the methods of services run, so that they may block, and the loop that serves them.
///
/// Each call that goes on has a thread for itself; while all are busy, further calls wait for one. A unary or
/// server-streaming call takes its thread when its message is there. In either direction a few messages wait between loop and
/// thread, and then the faster side waits for the slower one: nothing piles up. A method that panics costs its own call
/// only, which ends with UNKNOWN.
///
/// ```no_run
/// # mod proto { pub mod greeter_rpc { pub mod blocking {
/// #     pub fn add_to(_: &mut grpc_sansio::adapter::mio::Routes, _: &grpc_sansio::stub::blocking::Threads, _: ()) {}
/// # } } }
/// use grpc_sansio::ServerConfig;
/// use grpc_sansio::adapter::mio::{Routes, Server};
/// use grpc_sansio::stub::blocking::Threads;
/// use proto::greeter_rpc;
///
/// # fn main() -> std::io::Result<()> {
/// # let my_greeter = ();
/// let mut server = Server::bind(([127, 0, 0, 1], 50051).into(), &ServerConfig::default())?;
/// let threads = Threads::new(16, &server)?;
/// let mut routes = Routes::new();
/// greeter_rpc::blocking::add_to(&mut routes, &threads, my_greeter);
/// threads.run(&mut server, &mut routes)
/// # }
/// ```
pub struct Threads {
    jobs: Arc<Jobs>,
    remote: Remote,
    poke: Sender<Arc<Link>>,
    pokes: RefCell<Receiver<Arc<Link>>>,
}

impl Threads {
    /// Starts `count` threads, one at least, for the calls of this server. They end some time after this is dropped, each
    /// with the call that it works on.
    ///
    /// # Errors
    ///
    /// What the operating system reports.
    pub fn new(count: usize, server: &Server) -> io::Result<Self> {
        let jobs = Arc::new(Jobs::default());
        for _ in 0..count.max(1) {
            let jobs = Arc::clone(&jobs);
            thread::Builder::new().name("grpc-call".into()).spawn(move || {
                while let Some(job) = jobs.take() {
                    // What a job holds tells the loop of its end as it is dropped.
                    let _ = catch_unwind(AssertUnwindSafe(job));
                }
            })?;
        }
        let (poke, pokes) = channel();
        Ok(Self { jobs, remote: server.remote(), poke, pokes: RefCell::new(pokes) })
    }

    /// Serves until the server has been shut down and the last connection is gone.
    ///
    /// # Errors
    ///
    /// As [`Server::poll`].
    pub fn run(&self, server: &mut Server, routes: &mut Routes) -> io::Result<()> {
        while !server.is_finished() {
            server.poll(routes, None)?;
            self.look(server, routes);
        }
        Ok(())
    }

    /// Hands on what the threads have said: for a loop that is not [`Threads::run`], after each [`Server::poll`].
    pub fn look(&self, server: &mut Server, routes: &mut Routes) {
        let now = server.now();
        while let Ok(link) = self.pokes.borrow_mut().try_recv() {
            link.looking();
            if let Some(connection) = server.connections_mut().get_mut(link.connection) {
                routes.event(now, link.connection, connection, Event::Writable(link.call));
            }
        }
    }

    pub(super) fn link(&self) -> impl Fn(ConnectionId, CallId) -> Arc<Link> + 'static {
        let (poke, remote) = (self.poke.clone(), self.remote.clone());
        move |connection, call| Link::new(connection, call, poke.clone(), remote.clone())
    }

    pub(super) fn jobs(&self) -> Arc<Jobs> {
        Arc::clone(&self.jobs)
    }

    /// Calls that wait for a thread. Those that have stopped meanwhile may be among them: no more than there are others,
    /// and a few.
    pub fn waiting(&self) -> usize {
        self.jobs.lock().queue.len()
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        let mut waiting = self.jobs.lock();
        waiting.ended = true;
        waiting.queue.clear();
        self.jobs.news.notify_all();
    }
}

/// What is to be done, in the order in which it came.
#[derive(Default)]
pub(super) struct Jobs {
    waiting: Mutex<Waiting>,
    news: Condvar,
}

#[derive(Default)]
struct Waiting {
    queue: VecDeque<(Arc<Link>, Job)>,
    /// How long the queue may be before it is looked through for calls that have stopped. Twice what was left the last
    /// time, so the looking costs each job the same; a client that opens and cancels calls makes no queue grow.
    sweep_at: usize,
    ended: bool,
}

/// So many jobs are let be, whether their calls have stopped or not.
const FEW: usize = 64;

impl Jobs {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing panics while it is held.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `false` where no thread is left.
    pub(super) fn submit(&self, link: Arc<Link>, job: Job) -> bool {
        let mut waiting = self.lock();
        if waiting.ended {
            return false;
        }
        if waiting.queue.len() >= waiting.sweep_at.max(FEW) {
            waiting.queue.retain(|(link, _)| !link.is_over());
            waiting.sweep_at = waiting.queue.len().saturating_mul(2);
        }
        waiting.queue.push_back((link, job));
        self.news.notify_one();
        true
    }

    /// Waits for the next; `None` where there will be none.
    fn take(&self) -> Option<Job> {
        let mut waiting = self.lock();
        loop {
            match waiting.queue.pop_front() {
                Some((link, _)) if link.is_over() => {}
                Some((_, job)) => return Some(job),
                None if waiting.ended => return None,
                None => waiting = self.news.wait(waiting).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

impl fmt::Debug for Threads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Threads").finish_non_exhaustive()
    }
}
