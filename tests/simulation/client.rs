//! What the clients' application does: sends with pauses, reads at its pace, cancels, and tries again.

use crate::world::{Attempt, Doing, World, later_than, message};
use grpc_sansio::grpc::{Code, Metadata};
use grpc_sansio::{Instant, Item, Misuse, Origin, SendError};

/// Where a client's application stands with one attempt.
#[derive(Debug, Default)]
pub(crate) struct ClientSide {
    /// Messages sent, or given up.
    said: usize,
    /// When it says the next thing.
    says_at: Instant,
    /// It has nothing more to say, or nobody listens.
    silent: bool,
    reads_at: Instant,
}

impl World<'_> {
    /// The application does all that it can do now.
    pub(crate) fn client_goes(&mut self, at: usize) {
        while self.client_sends(at) {}
        while self.client_reads(at) {}
        // Reading may have ended the call, or made room.
        while self.client_sends(at) {}
    }

    /// Thinks about the next thing to say.
    pub(crate) fn client_pauses(&mut self, at: usize) {
        let Attempt { call, client, .. } = &mut self.attempts[at];
        let pause = self.plan.calls[*call].ups.get(client.said).map_or(0, |say| say.pause);
        client.says_at = later_than(self.net.now(), pause);
        if pause > 0 {
            self.later(pause, Doing::ClientGoes(at));
        }
    }

    /// Whether it said something and may say more.
    fn client_sends(&mut self, at: usize) -> bool {
        let now = self.net.now();
        let Attempt { call, wire, model, client, .. } = &mut self.attempts[at];
        let plan = &self.plan.calls[*call];
        if client.silent || client.says_at > now {
            return false;
        }
        let Some(mut handle) = self.net.client(*wire).call(model.client) else { return false };
        let Some(say) = plan.ups.get(client.said) else {
            client.silent = true;
            match handle.half_close() {
                Ok(()) => model.half_closed = true,
                Err(Misuse::MessageMissing) => panic!("the only message was not said"),
                Err(other) => panic!("{other}"),
            }
            return false;
        };
        let message = message(at, 1, client.said, say.size);
        let writable = handle.is_writable();
        match handle.send(message.clone()) {
            Ok(()) => {
                assert!(writable, "what is not writable takes no message");
                model.up.push(message);
                model.half_closed |= !plan.kind.client_streams();
                client.said += 1;
                client.silent = !plan.kind.client_streams();
                self.client_pauses(at);
                true
            }
            Err(SendError::Full(same)) => {
                assert!(same.data == message && handle.queued() > 0, "an empty queue takes any message");
                false
            }
            Err(SendError::Ended(same)) => {
                assert!(same.data == message && (handle.has_ended() || handle.stopped().is_some()));
                client.silent = true;
                false
            }
            Err(other) => panic!("{other}"),
        }
    }

    /// Whether it read something and may read more.
    fn client_reads(&mut self, at: usize) -> bool {
        let (now, causes) = (self.net.now(), self.causes(at));
        let wire = self.attempts[at].wire;
        let local = self.client_now(wire);
        let Attempt { call, metadata, model, client, .. } = &mut self.attempts[at];
        let plan = &self.plan.calls[*call];
        if client.reads_at > now {
            return false;
        }
        let Some(mut handle) = self.net.client(wire).call(model.client) else {
            assert!(model.cancelled || model.outcome.is_some(), "attempt {at} is gone without an end");
            return false;
        };
        assert!(!model.cancelled && model.outcome.is_none(), "attempt {at} is there after its end");
        let (note, unprocessed) = match handle.read() {
            None => return false,
            Some(Item::Head(head)) => {
                assert_eq!(model.down_read, 0, "a head behind a message");
                if plan.metadata > 0 {
                    assert_eq!(&head.metadata().to_metadata(), metadata, "initial metadata");
                }
                ("the head", false)
            }
            Some(Item::Message(message)) => {
                model.client_reads(&message);
                ("a message", false)
            }
            Some(Item::End(outcome)) => {
                let unprocessed = outcome.unprocessed();
                model.client_ends(outcome.status(), unprocessed, local, causes);
                // These the library says too, for one side or the other.
                let made = [Code::DeadlineExceeded, Code::ResourceExhausted, Code::Internal].map(Some);
                if model.finished == model.outcome && outcome.origin() == Origin::Peer && !made.contains(&model.outcome)
                {
                    assert_eq!(outcome.status().message(), "the plan said so");
                    let none = Metadata::new();
                    let expected = if plan.metadata > 0 { metadata } else { &none };
                    assert_eq!(&outcome.trailers().to_metadata(), expected, "trailing metadata");
                }
                ("the end", unprocessed)
            }
        };
        let ended = model.outcome;
        client.reads_at = later_than(now, plan.client_pace);
        if plan.client_pace > 0 && ended.is_none() {
            self.later(plan.client_pace, Doing::ClientGoes(at));
        }
        self.note(|| format!("client: attempt {at} reads {note} {}", ended.map_or(String::new(), |c| c.to_string())));
        self.count(ended.map_or(99, |code| u64::from(code.as_u8())));
        if unprocessed {
            self.retries(at);
        }
        true
    }

    pub(crate) fn cancels(&mut self, at: usize) {
        let Attempt { wire, model, .. } = &mut self.attempts[at];
        let Some(call) = self.net.client(*wire).call(model.client) else { return };
        assert!(model.outcome.is_none());
        call.cancel();
        model.cancelled = true;
        self.note(|| format!("client: attempt {at} is cancelled"));
    }
}
