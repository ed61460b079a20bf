//! RFC 9113 §5.1 and §8 as a page of rules, for one side of a connection with two streams. It shares no code with `src`,
//! and knows nothing of octets: a letter goes in, and what is told and written comes out.
//!
//! Where the standard leaves room, the comments name the choice.

use super::alphabet::{Block, ENABLE_PUSH, INITIAL_WINDOW_SIZE, Letter, MAX_FRAME_SIZE, MAX_WINDOW, TWENTY};
use super::code::*;
use super::{Notes, STREAM_WINDOW, THEIR_WINDOW, Told, View, Wrote};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Receive {
    /// A client's: no final response yet.
    Head,
    Body,
    Ended,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Send {
    /// A server's: no response yet.
    Head,
    Body,
    Ended,
}

/// §5.1; "reserved" does not occur without push.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Idle,
    /// §5.1.1: closed because a higher one was opened.
    Skipped,
    Live(Receive, Send),
    /// Both sides sent END_STREAM.
    Ended,
    PeerReset,
    WeReset,
}

use State::*;

#[derive(Clone, Debug)]
struct Stream {
    state: State,
    /// The application has not let go of it.
    held: bool,
    content_left: Option<u32>,
    receive_window: i64,
    /// Padding to be given back to the stream's window.
    owed: i64,
    send_window: i64,
    queued: i64,
    /// The application's half ends after what is queued.
    ending: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Model {
    client: bool,
    /// SETTINGS_MAX_CONCURRENT_STREAMS of this side.
    limit: usize,
    streams: [Stream; 2],
    highest: u32,
    block: Option<(u32, Block, bool)>,
    their_window: i64,
    send_window: i64,
    owed: i64,
    last_of_goaway: Option<u32>,
    pub(super) ended: bool,
}

/// The code of a connection error.
type Outcome = Result<(), u32>;

impl Model {
    /// A server that no stream was opened on.
    pub(super) fn server(limit: usize) -> Self {
        let stream = Stream {
            state: Idle,
            held: false,
            content_left: None,
            receive_window: STREAM_WINDOW,
            owed: 0,
            send_window: THEIR_WINDOW,
            queued: 0,
            ending: false,
        };
        Self {
            client: false,
            limit,
            streams: [stream.clone(), stream],
            highest: 0,
            block: None,
            their_window: THEIR_WINDOW,
            send_window: 65_535,
            owed: 0,
            last_of_goaway: None,
            ended: false,
        }
    }

    /// A client whose stream 1 is open and whose stream 3 is half-closed (local).
    pub(super) fn client() -> Self {
        let mut model = Self { client: true, ..Self::server(100) };
        for (stream, send) in model.streams.iter_mut().zip([Send::Body, Send::Ended]) {
            (stream.state, stream.held) = (Live(Receive::Head, send), true);
        }
        model
    }

    fn at(&mut self, id: u32) -> Option<&mut Stream> {
        self.streams.get_mut(match id {
            1 => 0,
            3 => 1,
            _ => return None,
        })
    }

    fn state(&mut self, id: u32) -> State {
        self.at(id).map_or(Idle, |stream| stream.state)
    }

    fn active(&self) -> usize {
        self.streams.iter().filter(|stream| matches!(stream.state, Live(..))).count()
    }

    fn held(&self) -> usize {
        self.streams.iter().filter(|stream| stream.held).count()
    }

    /// Whether the application can do this now; frames come whenever they come.
    pub(super) fn applies(&mut self, letter: Letter) -> bool {
        let client = self.client;
        let (Letter::Send { id } | Letter::End { id } | Letter::Release { id }) = letter else { return true };
        self.at(id).is_some_and(|stream| match (letter, stream.state) {
            (Letter::Release { .. }, _) => stream.held,
            (_, Live(_, Send::Body)) => client && !stream.ending,
            (_, Live(_, Send::Head)) => true,
            _ => false,
        })
    }

    /// What the letter does: what the layer above is told, and what is written.
    pub(super) fn react(&mut self, letter: Letter) -> Notes {
        let mut notes = Notes::default();
        if let Err(code) = self.take(letter, &mut notes) {
            self.ended = true;
            notes.told.push(Told::Closed { code });
            // GOAWAY goes alone.
            notes.wrote = vec![Wrote::GoAway { last: self.highest, code }];
            return notes;
        }
        // A client that was told to go ends with its last stream (H-107).
        if self.client && self.last_of_goaway.is_some() && self.held() == 0 {
            self.ended = true;
            notes.wrote.push(Wrote::GoAway { last: 0, code: NO_ERROR });
        } else {
            self.give_credit(&mut notes);
            self.transmit(&mut notes);
        }
        notes
    }

    fn take(&mut self, letter: Letter, notes: &mut Notes) -> Outcome {
        // §4.3: nothing comes between the frames of a header block, and CONTINUATION nowhere else.
        let is_verb = matches!(letter, Letter::Send { .. } | Letter::End { .. } | Letter::Release { .. });
        match (self.block, letter) {
            (Some((id, block, end)), Letter::Continuation { id: other, whole }) if id == other => {
                if whole {
                    self.block = None;
                    return self.block(id, block, end, notes);
                }
                return Ok(());
            }
            (None, Letter::Continuation { .. }) => return Err(PROTOCOL_ERROR),
            (Some(_), _) if !is_verb => return Err(PROTOCOL_ERROR),
            _ => {}
        }
        match letter {
            // §6.1, §6.2
            Letter::Headers { id: 0, .. } | Letter::Data { id: 0, .. } => Err(PROTOCOL_ERROR),
            Letter::Headers { id, block, end, whole: false } => {
                self.block = Some((id, block, end));
                Ok(())
            }
            Letter::Headers { id, block, end, whole: true } => self.block(id, block, end, notes),
            Letter::Data { id, len, pad, end } => self.data(id, len, pad, end, notes),
            Letter::OverPaddedData { id } => {
                // The stream first: on some the frame is an error already.
                self.admit(id, 4, notes)?;
                Err(PROTOCOL_ERROR)
            }
            Letter::Reset { id, code } => self.rst_stream(id, code, notes),
            // §6.4, §6.5: the length before the state.
            Letter::ShortReset { .. } | Letter::ShortSettings => Err(FRAME_SIZE_ERROR),
            Letter::Window { id, by } => self.window_update(id, by, notes),
            // Choice (T-24): self-dependency ends the connection, RFC 9113 having dropped it.
            Letter::SelfDependentHeaders { .. } => Err(PROTOCOL_ERROR),
            Letter::Priority { id, on } if id == on => Err(PROTOCOL_ERROR),
            Letter::Priority { .. } | Letter::Unknown { .. } | Letter::Ping { ack: true } => Ok(()),
            // §6.3: a stream error, which an idle stream cannot have (§6.4).
            Letter::ShortPriority { id } if self.state(id) == Idle => Err(FRAME_SIZE_ERROR),
            Letter::ShortPriority { id } => self.stream_error(id, FRAME_SIZE_ERROR, notes),
            Letter::Settings(setting) => self.settings(setting, notes),
            // Choice (H-082): none is outstanding.
            Letter::SettingsAck => Err(PROTOCOL_ERROR),
            Letter::Ping { ack: false } => {
                notes.wrote.push(Wrote::Pong);
                Ok(())
            }
            Letter::GoAway { last } => self.go_away(last, notes),
            // §8.4: push is off, and clients never push.
            Letter::PushPromise { .. } => Err(PROTOCOL_ERROR),
            // handled above
            Letter::Continuation { .. } => Err(PROTOCOL_ERROR),
            Letter::Send { id } => self.send(id, notes),
            Letter::End { id } => {
                self.at(id).into_iter().for_each(|stream| stream.ending = true);
                Ok(())
            }
            Letter::Release { id } => self.release(id, notes),
        }
    }

    // --- §5.4: errors -----------------------------------------------------------------------------------------------

    fn reset(&mut self, id: u32, code: u32, notes: &mut Notes) -> Outcome {
        notes.told.push(Told::Reset { id, code, by_peer: false });
        self.reset_untold(id, code, notes)
    }

    fn reset_untold(&mut self, id: u32, code: u32, notes: &mut Notes) -> Outcome {
        self.at(id).into_iter().for_each(|stream| stream.state = WeReset);
        notes.wrote.push(Wrote::Reset { id, code });
        Ok(())
    }

    /// Choice (T-03): a stream error ends the connection on a server, and on a client that has no other call to spare.
    fn ends_for_fault(&self) -> bool {
        !self.client || self.active() == 0
    }

    fn stream_error(&mut self, id: u32, code: u32, notes: &mut Notes) -> Outcome {
        match self.state(id) {
            _ if self.ends_for_fault() => Err(code),
            Live(..) => self.reset(id, code, notes),
            // A closed stream is not reset again.
            _ => Ok(()),
        }
    }

    // --- §8.1: messages ---------------------------------------------------------------------------------------------

    fn block(&mut self, id: u32, block: Block, end: bool, notes: &mut Notes) -> Outcome {
        if block == Block::Broken {
            // Choice of nobody: RFC 7541 §2.2 leaves none, whatever the stream.
            return Err(COMPRESSION_ERROR);
        }
        match self.state(id) {
            Idle if !self.client && id % 2 == 1 => self.request(id, block, end, notes),
            Idle | Skipped => Err(PROTOCOL_ERROR),
            Live(Receive::Head, _) => self.response(id, block, end, notes),
            Live(Receive::Body, _) => self.trailers(id, block, end, notes),
            Live(Receive::Ended, _) => self.stream_error(id, STREAM_CLOSED, notes),
            _ => self.late(id, notes),
        }
    }

    /// HEADERS or DATA on a stream that was closed.
    fn late(&mut self, id: u32, notes: &mut Notes) -> Outcome {
        match self.state(id) {
            Ended if self.ends_for_fault() => Err(STREAM_CLOSED),
            // Once: from then on it is one that we reset (H-050).
            Ended | PeerReset => self.reset_untold(id, STREAM_CLOSED, notes),
            _ => Ok(()),
        }
    }

    fn request(&mut self, id: u32, block: Block, end: bool, notes: &mut Notes) -> Outcome {
        let full = self.active() >= self.limit || self.held() >= 2 * self.limit;
        self.highest = id;
        for (stream, _) in self.streams.iter_mut().zip([1, 3]).filter(|(_, other)| *other < id) {
            if stream.state == Idle {
                stream.state = Skipped;
            }
        }
        let content_left = match block {
            Block::Get => None,
            Block::GetSix if !end => Some(6),
            // Malformed: no request, or one that says more than it has.
            _ => return self.reset_untold(id, PROTOCOL_ERROR, notes),
        };
        if full {
            // Choice (H-043): the code that lets the client try again.
            return self.reset_untold(id, REFUSED_STREAM, notes);
        }
        let send_window = self.their_window;
        if let Some(stream) = self.at(id) {
            let receive = if end { Receive::Ended } else { Receive::Body };
            (stream.state, stream.held) = (Live(receive, Send::Head), true);
            (stream.content_left, stream.send_window) = (content_left, send_window);
        }
        notes.told.push(Told::Request { id, end });
        Ok(())
    }

    fn response(&mut self, id: u32, block: Block, end: bool, notes: &mut Notes) -> Outcome {
        let content_left = match block {
            Block::Status(100) if !end => return Ok(()),
            Block::Status(200) => None,
            Block::StatusSix if !end => Some(6),
            _ => return self.reset(id, PROTOCOL_ERROR, notes),
        };
        if let Some(stream) = self.at(id)
            && let Live(receive, _) = &mut stream.state
        {
            (*receive, stream.content_left) = (Receive::Body, content_left);
        }
        notes.told.push(Told::Response { id, status: 200, end });
        if end { self.received_end(id) } else { Ok(()) }
    }

    fn trailers(&mut self, id: u32, block: Block, end: bool, notes: &mut Notes) -> Outcome {
        let complete = self.at(id).is_some_and(|stream| stream.content_left.unwrap_or(0) == 0);
        if block != Block::Field || !end || !complete {
            return self.reset(id, PROTOCOL_ERROR, notes);
        }
        notes.told.push(Told::Trailers { id });
        self.received_end(id)
    }

    fn received_end(&mut self, id: u32) -> Outcome {
        if let Some(stream) = self.at(id)
            && let Live(_, send) = stream.state
        {
            stream.state = if send == Send::Ended { Ended } else { Live(Receive::Ended, send) };
        }
        Ok(())
    }

    // --- §6.1, §6.9: DATA and windows -------------------------------------------------------------------------------

    /// Whether a stream takes DATA with so long a payload.
    fn admit(&mut self, id: u32, payload: u32, notes: &mut Notes) -> Result<bool, u32> {
        match self.state(id) {
            Idle | Skipped => Err(PROTOCOL_ERROR),
            Live(Receive::Head, _) => self.reset(id, PROTOCOL_ERROR, notes).map(|()| false),
            Live(Receive::Ended, _) => self.stream_error(id, STREAM_CLOSED, notes).map(|()| false),
            Live(Receive::Body, _) => {
                let Some(stream) = self.at(id) else { return Ok(false) };
                stream.receive_window -= i64::from(payload);
                if payload > 0 && stream.receive_window < 0 {
                    return self.reset(id, FLOW_CONTROL_ERROR, notes).map(|()| false);
                }
                Ok(true)
            }
            _ => self.late(id, notes).map(|()| false),
        }
    }

    fn data(&mut self, id: u32, len: u32, pad: Option<u32>, end: bool, notes: &mut Notes) -> Outcome {
        let padding = pad.map_or(0, |pad| pad + 1);
        let mut taken = self.admit(id, len + padding, notes)?;
        // Padding is given back at once; so is what nobody takes (§5.2.2, §6.9).
        self.owed += i64::from(padding);
        if taken && let Some(stream) = self.at(id) {
            stream.owed += i64::from(padding);
            match stream.content_left.map(|left| left.checked_sub(len)) {
                Some(None) => {
                    self.reset(id, PROTOCOL_ERROR, notes)?;
                    taken = false;
                }
                left => stream.content_left = left.flatten(),
            }
        }
        if !taken {
            self.owed += i64::from(len);
            return Ok(());
        }
        if len > 0 {
            notes.told.push(Told::Data { id, len });
        }
        if !end {
            return Ok(());
        }
        if self.at(id).is_some_and(|stream| stream.content_left.unwrap_or(0) > 0) {
            return self.reset(id, PROTOCOL_ERROR, notes);
        }
        notes.told.push(Told::End { id });
        self.received_end(id)
    }

    /// Choice (G-194): half a stream's window is worth a WINDOW_UPDATE.
    fn give_credit(&mut self, notes: &mut Notes) {
        let worthwhile = STREAM_WINDOW / 2;
        if self.owed >= worthwhile {
            notes.wrote.push(Wrote::Window { id: 0, by: std::mem::take(&mut self.owed) });
        }
        for (stream, id) in self.streams.iter_mut().zip([1, 3]) {
            if matches!(stream.state, Live(Receive::Head | Receive::Body, _)) && stream.owed >= worthwhile {
                let by = std::mem::take(&mut stream.owed);
                stream.receive_window += by;
                notes.wrote.push(Wrote::Window { id, by });
            }
        }
    }

    fn window_update(&mut self, id: u32, by: u32, notes: &mut Notes) -> Outcome {
        let max = i64::from(MAX_WINDOW);
        if id == 0 {
            self.send_window += i64::from(by);
            return match by {
                0 => Err(PROTOCOL_ERROR),
                _ if self.send_window > max => Err(FLOW_CONTROL_ERROR),
                _ => Ok(()),
            };
        }
        match self.state(id) {
            Idle => Err(PROTOCOL_ERROR),
            Live(..) if by == 0 => self.stream_error(id, PROTOCOL_ERROR, notes),
            Live(..) => {
                let Some(stream) = self.at(id) else { return Ok(()) };
                stream.send_window += i64::from(by);
                // Choice (T-03 b): also on a server the stream's, not the connection's.
                if stream.send_window > max { self.reset(id, FLOW_CONTROL_ERROR, notes) } else { Ok(()) }
            }
            _ => Ok(()),
        }
    }

    // --- §6.4, §6.5, §6.8 -------------------------------------------------------------------------------------------

    fn rst_stream(&mut self, id: u32, code: u32, notes: &mut Notes) -> Outcome {
        match self.state(id) {
            Idle => return Err(PROTOCOL_ERROR),
            Live(..) => {
                self.at(id).into_iter().for_each(|stream| stream.state = PeerReset);
                notes.told.push(Told::Reset { id, code, by_peer: true });
            }
            _ => {}
        }
        Ok(())
    }

    fn settings(&mut self, setting: Option<(u16, u32)>, notes: &mut Notes) -> Outcome {
        match setting {
            // Only clients announce it.
            Some((ENABLE_PUSH, 1)) if self.client => return Err(PROTOCOL_ERROR),
            Some((MAX_FRAME_SIZE, 1)) => return Err(PROTOCOL_ERROR),
            Some((INITIAL_WINDOW_SIZE, window)) if window > MAX_WINDOW => return Err(FLOW_CONTROL_ERROR),
            Some((INITIAL_WINDOW_SIZE, window)) => {
                let difference = i64::from(window) - self.their_window;
                self.their_window = i64::from(window);
                for stream in &mut self.streams {
                    if matches!(stream.state, Live(_, Send::Head | Send::Body)) {
                        stream.send_window += difference;
                        if stream.send_window > i64::from(MAX_WINDOW) {
                            return Err(FLOW_CONTROL_ERROR);
                        }
                    }
                }
            }
            _ => {}
        }
        notes.wrote.push(Wrote::SettingsAck);
        Ok(())
    }

    fn go_away(&mut self, last: u32, notes: &mut Notes) -> Outcome {
        // Choice (H-103): the id of a second one must not be higher.
        if self.last_of_goaway.replace(last).is_some_and(|before| last > before) {
            return Err(PROTOCOL_ERROR);
        }
        notes.told.push(Told::GoAway { last });
        for (stream, id) in self.streams.iter_mut().zip([1, 3]) {
            // What the server did not process is over, and needs no reset.
            if self.client && id > last && matches!(stream.state, Live(..)) {
                stream.state = WeReset;
            }
        }
        Ok(())
    }

    // --- the application, and what it makes us write ------------------------------------------------------------------

    fn send(&mut self, id: u32, notes: &mut Notes) -> Outcome {
        let client = self.client;
        if let Some(stream) = self.at(id) {
            stream.queued += i64::from(TWENTY);
            if let Live(_, send @ Send::Head) = &mut stream.state {
                *send = Send::Body;
                stream.ending = !client;
                notes.wrote.push(Wrote::Headers { id, end: false });
            }
        }
        Ok(())
    }

    fn release(&mut self, id: u32, notes: &mut Notes) -> Outcome {
        self.at(id).into_iter().for_each(|stream| stream.held = false);
        match self.state(id) {
            // §8.1: a server that has answered asks for no more.
            Live(_, Send::Ended) if !self.client => self.reset_untold(id, NO_ERROR, notes),
            Live(..) => self.reset_untold(id, CANCEL, notes),
            _ => Ok(()),
        }
    }

    /// What the windows let out; a client ends with DATA, a server with trailers.
    fn transmit(&mut self, notes: &mut Notes) {
        for (stream, id) in self.streams.iter_mut().zip([1, 3]) {
            let Live(receive, Send::Body) = stream.state else { continue };
            let len = stream.queued.min(stream.send_window).min(self.send_window).max(0);
            stream.queued -= len;
            stream.send_window -= len;
            self.send_window -= len;
            let ends = stream.ending && stream.queued == 0;
            if len > 0 || (ends && self.client) {
                notes.wrote.push(Wrote::Data { id, len, end: ends && self.client });
            }
            if ends && !self.client {
                notes.wrote.push(Wrote::Headers { id, end: true });
            }
            if ends {
                stream.state = if receive == Receive::Ended { Ended } else { Live(receive, Send::Ended) };
            }
        }
    }

    /// What can be seen from outside.
    pub(super) fn view(&self) -> View {
        let stream = |stream: &Stream| {
            stream.held.then_some(match stream.state {
                Live(receive, send) => (
                    false,
                    receive == Receive::Ended,
                    send == Send::Ended,
                    (receive != Receive::Ended).then_some(stream.receive_window + stream.owed),
                ),
                _ => (true, true, true, None),
            })
        };
        let queued = self.streams.iter().filter(|stream| matches!(stream.state, Live(..))).map(|stream| stream.queued);
        View {
            streams: [stream(&self.streams[0]), stream(&self.streams[1])],
            active: self.active(),
            held: self.held(),
            queued: queued.sum(),
        }
    }
}
