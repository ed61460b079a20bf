//! What goes between a loop and the thread that answers one of its calls.

use super::threads::Jobs;
use crate::adapter::mio::{ConnectionId, Failure, Next, Remote, Reply, Responder};
use crate::call::Payload;
use crate::event::CallId;
use crate::grpc::{Code, Layer, Message, Metadata, Retry, Side, Status};
use crate::stub::codec::{self, Codec};
use core::fmt;
use std::boxed::Box;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, TryRecvError, channel, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Messages that wait in either direction. Enough that neither side waits for the other each time.
const QUEUE: usize = 4;

/// Something for a thread to do.
pub(super) type Job = Box<dyn FnOnce() + Send>;

/// A call, as both sides know it.
#[derive(Debug)]
pub(in crate::stub) struct Link {
    pub(super) connection: ConnectionId,
    pub(super) call: CallId,
    /// The loop has been told to look at the call, and did not yet.
    poked: AtomicBool,
    /// The call is over, well or not: nobody waits for what its thread says.
    over: AtomicBool,
    /// Requests that the thread has not taken.
    queued: AtomicUsize,
    pokes: Sender<Arc<Link>>,
    remote: Remote,
    /// The loops of clients that wait on behalf of this call.
    children: Mutex<Children>,
}

#[derive(Debug, Default)]
struct Children {
    waiting: BTreeMap<u64, Remote>,
    next: u64,
}

/// A client's call on behalf of a server's.
#[derive(Debug)]
pub(super) struct Adopted {
    parent: Arc<Link>,
    place: u64,
}

impl Adopted {
    /// Whether the server's call is over.
    pub(super) fn is_orphaned(&self) -> bool {
        self.parent.is_over()
    }
}

impl Drop for Adopted {
    fn drop(&mut self) {
        self.parent.children().waiting.remove(&self.place);
    }
}

impl Link {
    pub(super) fn new(connection: ConnectionId, call: CallId, pokes: Sender<Arc<Self>>, remote: Remote) -> Arc<Self> {
        let (poked, over, queued) = (AtomicBool::new(false), AtomicBool::new(false), AtomicUsize::new(0));
        Arc::new(Self { connection, call, poked, over, queued, pokes, remote, children: Mutex::default() })
    }

    /// Wakes this loop of a client when the call is over.
    pub(super) fn adopt(self: &Arc<Self>, child: Remote) -> Adopted {
        let children = &mut *self.children();
        let place = children.next;
        children.next += 1;
        children.waiting.insert(place, child);
        Adopted { parent: Arc::clone(self), place }
    }

    fn children(&self) -> MutexGuard<'_, Children> {
        self.children.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nobody waits for what the call's thread says any more.
    fn end(&self) {
        self.over.store(true, Ordering::Release);
        for child in self.children().waiting.values() {
            // A loop that cannot be woken looks when it wakes by itself.
            let _ = child.wake();
        }
    }

    /// Makes the loop look at the call. At most one such request waits for each call.
    fn poke(self: &Arc<Self>) {
        if !self.poked.swap(true, Ordering::AcqRel) && self.pokes.send(Arc::clone(self)).is_ok() {
            // A loop that cannot be woken looks when it wakes by itself.
            let _ = self.remote.wake();
        }
    }

    /// Whether nobody waits for what the call's thread says.
    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// The loop is about to look.
    pub(super) fn looking(&self) {
        // What was said before a request to look that found one waiting is seen after this.
        self.poked.swap(false, Ordering::AcqRel);
    }
}

/// The loop's end of a call.
pub(super) struct Working {
    link: Arc<Link>,
    /// `None` once the client has sent its last.
    requests: Option<Sender<Message>>,
    replies: Receiver<Said>,
    encoding: Option<&'static str>,
    /// What is to be done once a message is there, and who does it.
    job: Option<(Job, Arc<Jobs>)>,
}

/// What a thread has to say.
enum Said {
    Head(Metadata, Option<&'static str>),
    Message(Message),
    End(Result<Metadata, Failure>),
}

/// The two ends of a call: the loop's, and the two directions of the thread's.
pub(super) fn ends<T, C: Codec<T>>(link: &Arc<Link>, codec: C) -> (Working, Requests<T>, Replies) {
    let (requests, received) = channel();
    let (said, replies) = sync_channel(QUEUE);
    let working = Working { link: Arc::clone(link), requests: Some(requests), replies, encoding: None, job: None };
    let decode = Box::new(move |message| codec::from_message(&codec, Side::Server, message));
    let requests = Requests { link: Arc::clone(link), received, decode, over: false };
    (working, requests, Replies { link: Arc::clone(link), said: Some(said) })
}

impl Working {
    /// Has this done once the first message is there: no thread waits for a client that does not send it.
    pub(super) fn with_job(mut self, job: Job, jobs: Arc<Jobs>) -> Self {
        self.job = Some((job, jobs));
        self
    }

    /// Has this done as soon as a thread is free.
    pub(super) fn begin(&self, job: Job, jobs: &Jobs) -> Result<(), Failure> {
        match jobs.submit(Arc::clone(&self.link), job) {
            true => Ok(()),
            false => {
                let (code, rule) = (Code::Unavailable, "the threads of the server have ended");
                Err(Status::explained(Side::Server, Layer::Application, code, Retry::Safe, rule).into())
            }
        }
    }
}

impl Responder for Working {
    fn encoding(&self) -> Option<&'static str> {
        self.encoding
    }

    fn is_ready(&self) -> bool {
        self.link.queued.load(Ordering::Acquire) < QUEUE
    }

    fn message(&mut self, payload: Payload<'_>) -> Result<(), Failure> {
        let compressed = payload.compressed();
        let mut message = Message::new(payload.into_bytes());
        message.compressed = compressed;
        self.link.queued.fetch_add(1, Ordering::AcqRel);
        if let Some(requests) = &self.requests {
            // A thread that wants no more of them still answers.
            let _ = requests.send(message);
        }
        match self.job.take() {
            Some((job, jobs)) => self.begin(job, &jobs),
            None => Ok(()),
        }
    }

    fn half_close(&mut self) -> Result<(), Failure> {
        self.requests = None;
        Ok(())
    }

    fn next(&mut self) -> Result<Next, Failure> {
        match self.replies.try_recv() {
            Ok(Said::Message(message)) => Ok(Next::Message(message)),
            Ok(Said::Head(metadata, encoding)) => {
                self.encoding = encoding;
                Ok(Next::Head(metadata))
            }
            Ok(Said::End(result)) => result.map(Next::Finish),
            Err(TryRecvError::Empty) => Ok(Next::Wait),
            Err(TryRecvError::Disconnected) => {
                let (code, rule) = (Code::Unknown, "the handler panicked");
                Err(Status::explained(Side::Server, Layer::Application, code, code.retry(), rule).into())
            }
        }
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        self.link.end();
    }
}

/// The messages that a client sends: an iterator, each `next` waiting for one.
///
/// After the last one, and after an error, it is over. An error is to be handed on by `?`: the call has stopped, or a
/// message could not be decoded.
pub struct Requests<T> {
    link: Arc<Link>,
    received: Receiver<Message>,
    decode: Decode<T>,
    over: bool,
}

type Decode<T> = Box<dyn Fn(Message) -> Result<T, Status> + Send>;

impl<T> Iterator for Requests<T> {
    type Item = Result<T, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let Ok(message) = self.received.recv() else {
            self.over = true;
            return self.link.is_over().then(|| Err(stopped()));
        };
        if self.link.queued.fetch_sub(1, Ordering::AcqRel) >= QUEUE {
            // The loop had stopped reading.
            self.link.poke();
        }
        let decoded = (self.decode)(message);
        self.over = decoded.is_err();
        Some(decoded.map_err(Failure::from))
    }
}

impl<T> fmt::Debug for Requests<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requests").field("call", &self.link.call).finish_non_exhaustive()
    }
}

/// What a thread says on a call. When it goes, the loop looks whether the end was said.
pub(super) struct Replies {
    link: Arc<Link>,
    /// `None` once it goes.
    said: Option<SyncSender<Said>>,
}

impl Replies {
    /// The head of a response, where there is something in it; what it carries, and its trailing metadata.
    pub(super) fn head<M>(&self, reply: Reply<M>) -> Result<(M, Metadata), Failure> {
        let Reply { metadata, encoding, message, trailers } = reply;
        if !metadata.is_empty() || encoding.is_some() {
            self.say(Said::Head(metadata, encoding))?;
        }
        Ok((message, trailers))
    }

    /// A message, waiting until there is room for it.
    pub(super) fn message<T, C: Codec<T>>(&self, codec: &C, message: &T) -> Result<(), Failure> {
        let message = codec::to_message(codec, message).map_err(|error| error.unwritten(Side::Server))?;
        self.say(Said::Message(message))
    }

    /// The end. Nobody listens where the call has stopped.
    pub(super) fn end(self, result: Result<Metadata, Failure>) {
        let _ = self.say(Said::End(result));
    }

    fn say(&self, what: Said) -> Result<(), Failure> {
        let said = self.said.as_ref().ok_or_else(stopped)?;
        said.send(what).map_err(|_| stopped())?;
        self.link.poke();
        Ok(())
    }
}

impl Drop for Replies {
    fn drop(&mut self) {
        // First: the loop looks for it.
        self.said = None;
        self.link.poke();
    }
}

/// The call went before its thread was done.
fn stopped() -> Failure {
    let (code, rule) = (Code::Cancelled, "the call has stopped");
    Status::explained(Side::Server, Layer::Application, code, code.retry(), rule).into()
}
