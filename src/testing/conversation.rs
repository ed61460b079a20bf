//! Whole conversations: what both sides of some calls say, to be said and heard.

use super::link::Cut;
use super::pair::Pair;
use super::record::{CallLog, Record};
use crate::call::{Call, Role};
use crate::config::{ClientConfig, Limits, ServerConfig};
use crate::error::SendError;
use crate::event::CallId;
use crate::grpc::{Kind, Message, Metadata, Method, Status};
use crate::options::OpenOptions;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

/// All that both sides say in one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// Which of the four kinds it is.
    pub kind: Kind,
    /// The request's metadata.
    pub metadata: Metadata,
    /// The request's messages: exactly one where the client does not stream.
    pub requests: Vec<Message>,
    /// The response's metadata, sent where there is any, or a message.
    pub head: Metadata,
    /// The response's messages: exactly one where the server does not stream and says OK.
    pub responses: Vec<Message>,
    /// How the server ends the call.
    pub status: Status,
    /// What it says with that.
    pub trailers: Metadata,
}

/// Calls of one client with one server, with the limits and the transport that they happen on.
///
/// ```
/// use core::time::Duration;
/// use grpc_sansio::Limits;
/// use grpc_sansio::grpc::{Code, Kind, Message, Metadata, Status};
/// use grpc_sansio::testing::{Conversation, Cut, Exchange};
///
/// let mut trailers = Metadata::new();
/// trailers.append("cost", "12")?;
/// let conversation = Conversation {
///     seed: 1,
///     limits: Limits::default(),
///     cut: Cut::AtMost(1),
///     delay: Duration::from_millis(10),
///     exchanges: vec![Exchange {
///         kind: Kind::Unary,
///         metadata: Metadata::new(),
///         requests: vec![Message::new("ping")],
///         head: Metadata::new(),
///         responses: vec![Message::new("pong")],
///         status: Status::ok(),
///         trailers: trailers.clone(),
///     }],
/// };
/// let heard = conversation.play();
/// assert_eq!(heard[0].messages().collect::<Vec<_>>(), [b"pong"]);
/// assert_eq!(heard[0].trailers(), Some(&trailers));
/// # Ok::<(), grpc_sansio::grpc::MetadataError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversation {
    /// Decides how reads are cut where [`Cut::Random`] leaves it to chance.
    pub seed: u64,
    /// The limits of both sides.
    pub limits: Limits,
    /// How reads are cut.
    pub cut: Cut,
    /// How long octets travel.
    pub delay: Duration,
    /// The calls, opened in this order and then carried on together.
    pub exchanges: Vec<Exchange>,
}

impl Conversation {
    /// Says it all on a [`Pair`], and returns what the client read of each call, its end included. Both sides say what they
    /// can as soon as they can; a server answers a request that it has read to its end.
    ///
    /// # Panics
    ///
    /// Where the limits contradict themselves, an exchange is not one (see its fields), metadata has a name that is
    /// reserved, or the server reads something else than what was said: what the client reads is for the caller to judge.
    pub fn play(&self) -> Vec<CallLog> {
        let client = ClientConfig::builder("localhost").limits(self.limits.clone()).build();
        let server = ServerConfig::builder().limits(self.limits.clone()).build();
        let mut pair =
            Pair::with(&client.expect("limits of a client"), &server.expect("limits of a server"), self.seed);
        pair.cut(self.cut);
        pair.delay(self.delay);
        // Now the client knows how many calls it may have open.
        pair.drive();
        let mut speakers: Vec<_> =
            self.exchanges.iter().enumerate().map(|(at, each)| open(&mut pair, at, each)).collect();
        loop {
            let said = speakers
                .iter_mut()
                .zip(&self.exchanges)
                .fold(false, |said, (speaker, exchange)| speaker.asks(&mut pair, exchange) | said);
            pair.drive();
            let answered = speakers
                .iter_mut()
                .zip(&self.exchanges)
                .fold(false, |said, (speaker, exchange)| speaker.answers(&mut pair, exchange) | said);
            pair.drive();
            if !said && !answered {
                return speakers
                    .iter()
                    .map(|it| pair.client_log.call(it.client).cloned().unwrap_or_default())
                    .collect();
            }
        }
    }
}

/// How far both sides of one call are.
struct Speaker {
    path: String,
    client: CallId,
    requests: usize,
    responses: usize,
    asked: bool,
    head_said: bool,
    answered: bool,
}

fn open(pair: &mut Pair, at: usize, exchange: &Exchange) -> Speaker {
    let path = format!("/testing.Conversation/Exchange{at}");
    let method = Method::new(path.clone(), exchange.kind).expect("a path");
    let options = OpenOptions::new(&method).metadata(&exchange.metadata);
    let client = pair.open(&options).expect("a call of these limits and metadata");
    Speaker { path, client, requests: 0, responses: 0, asked: false, head_said: false, answered: false }
}

/// Sends as many as there is room for; how many.
fn send<R: Role>(call: &mut Call<'_, R>, messages: &[Message]) -> usize {
    let taken = messages.iter().position(|message| match call.send(message.clone()) {
        Ok(()) => false,
        Err(SendError::Full(_)) => true,
        // The call has ended: that is what its end says.
        Err(SendError::Ended(_)) => true,
        Err(error) => panic!("an exchange that is none: {error}"),
    });
    taken.unwrap_or(messages.len())
}

impl Speaker {
    /// Whether the client said something.
    fn asks(&mut self, pair: &mut Pair, exchange: &Exchange) -> bool {
        let Some(mut call) = pair.client.call(self.client).filter(|_| !self.asked) else { return false };
        let sent = send(&mut call, exchange.requests.get(self.requests..).unwrap_or_default());
        self.requests += sent;
        self.asked = self.requests == exchange.requests.len();
        if self.asked {
            call.half_close().expect("exactly one request where the client does not stream");
        }
        sent > 0 || self.asked
    }

    /// Whether the server said something.
    fn answers(&mut self, pair: &mut Pair, exchange: &Exchange) -> bool {
        let is_ours =
            |log: &CallLog| matches!(log.items.first(), Some(Record::Request { path, .. }) if *path == self.path);
        let shown = pair.server_log.calls().find(|(_, log)| is_ours(log)).map(|(id, log)| (id, log.is_half_closed()));
        let Some((id, true)) = shown.filter(|_| !self.answered) else { return false };
        let heard = pair.server_log.call(id).into_iter().flat_map(CallLog::messages);
        assert!(heard.eq(exchange.requests.iter().map(|message| &message.data[..])), "the server read something else");
        let Some(mut call) = pair.server.call(id) else { return false };
        let headless = exchange.head.is_empty() && exchange.responses.is_empty();
        if !self.head_said && !headless {
            call.send_head(&exchange.head).expect("metadata of a response");
            self.head_said = true;
        }
        let sent = send(&mut call, exchange.responses.get(self.responses..).unwrap_or_default());
        self.responses += sent;
        self.answered = self.responses == exchange.responses.len();
        if self.answered {
            call.finish(&exchange.status, &exchange.trailers);
        }
        sent > 0 || self.answered
    }
}
