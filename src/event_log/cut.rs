//! Octets cut into frames, for people to read.

use super::convert::list;
use super::line::Frame;
use crate::config::Limits;
use crate::frame::{self, Flags, HEAD_LEN, Head, Kind, PREFACE};
use crate::hpack::{BlockLimits, Classifier, Decoded, Decoder, FieldBlock};
use crate::http2::Side;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Of what cannot be read, so many octets are shown.
const SHOWN: usize = 64;

/// One direction of a connection. It keeps of the octets only a frame that has not ended, without the payload of DATA,
/// and the header block that frames are a part of: both within the limits of the receiving end.
#[derive(Debug)]
pub(super) struct Cutter {
    state: State,
    /// The start of the preface, of a head, or of a payload behind its head.
    part: Vec<u8>,
    /// A header block that goes on in the next frame.
    block: Vec<u8>,
    decoder: Decoder,
    limits: BlockLimits,
    max_frame: u32,
    max_block: usize,
    fields: FieldBlock,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Preface,
    Head,
    /// Octets of a DATA frame that are still to come.
    Data(Head, u32),
    Payload(Head),
    /// Something could not be read; what follows has no meaning.
    Lost,
}

impl Cutter {
    /// Of the octets that `sender` says, received by an end with `limits`.
    pub(super) fn new(sender: Side, limits: &Limits, ours: bool) -> Self {
        // What we send keeps to the peer's limits, which are not in the config.
        let most = |limit: u32| if ours { u32::MAX } else { limit };
        let table = if ours { limits.encoder_table } else { limits.decoder_table };
        Self {
            state: if sender == Side::Client { State::Preface } else { State::Head },
            part: Vec::new(),
            block: Vec::new(),
            decoder: Decoder::new(table.max(frame::DEFAULT_HEADER_TABLE_SIZE), Classifier::NONE),
            limits: BlockLimits {
                max_list_size: most(limits.max_header_list),
                max_fields: most(limits.max_header_fields),
                abuse_list_size: most(limits.max_header_list.saturating_mul(limits.header_abuse)),
                abuse_fields: most(limits.max_header_fields.saturating_mul(limits.header_abuse)),
            },
            max_frame: most(limits.max_frame),
            max_block: most(limits.max_header_block) as usize,
            fields: FieldBlock::new(),
        }
    }

    /// The frames that end in `octets`.
    pub(super) fn cut(&mut self, mut octets: &[u8]) -> Vec<Frame> {
        let mut frames = Vec::new();
        loop {
            let wanted = match self.state {
                State::Preface => PREFACE.len(),
                State::Head => HEAD_LEN,
                State::Payload(head) => head.length as usize,
                State::Data(head, left) => {
                    let taken = (left as usize).min(octets.len());
                    octets = octets.get(taken..).unwrap_or_default();
                    let left = left.saturating_sub(taken as u32);
                    if left > 0 {
                        self.state = State::Data(head, left);
                        return frames;
                    }
                    frames.push(of_head(&head));
                    self.state = State::Head;
                    continue;
                }
                State::Lost => return frames,
            };
            let taken = wanted.saturating_sub(self.part.len()).min(octets.len());
            let (more, rest) = octets.split_at(taken);
            self.part.extend_from_slice(more);
            octets = rest;
            if matches!(self.state, State::Preface) && !PREFACE.starts_with(&self.part) {
                self.part.extend_from_slice(octets.get(..SHOWN.min(octets.len())).unwrap_or_default());
                return self.lose(frames, "not the connection preface of HTTP/2");
            }
            if self.part.len() < wanted {
                return frames;
            }
            match self.state {
                State::Head => {
                    let Some(head) = self.part.first_chunk::<HEAD_LEN>().map(Head::parse) else { return frames };
                    if head.length > self.max_frame {
                        self.part.extend_from_slice(octets.get(..SHOWN.min(octets.len())).unwrap_or_default());
                        return self.lose(frames, "a frame longer than SETTINGS_MAX_FRAME_SIZE");
                    }
                    self.state = match head.kind {
                        Kind::DATA => State::Data(head, head.length),
                        _ => State::Payload(head),
                    };
                }
                State::Payload(head) => {
                    let (frame, goes_on) = self.read(head);
                    frames.push(frame);
                    self.state = State::Head;
                    if !goes_on {
                        self.state = State::Lost;
                        (self.part, self.block) = (Vec::new(), Vec::new());
                    }
                }
                _ => {
                    frames.push(Frame { kind: "PREFACE".to_string(), length: wanted as u32, ..Frame::default() });
                    self.state = State::Head;
                }
            }
            self.part.clear();
        }
    }

    fn lose(&mut self, mut frames: Vec<Frame>, why: &str) -> Vec<Frame> {
        let shown = self.part.get(..SHOWN.min(self.part.len())).unwrap_or_default();
        frames.push(Frame {
            kind: "UNREADABLE".to_string(),
            text: Some(shown.escape_ascii().to_string()),
            wrong: Some(why.to_string()),
            ..Frame::default()
        });
        self.state = State::Lost;
        self.part = Vec::new();
        frames
    }

    /// A whole frame, whose payload is in `part`, and whether what follows has a meaning.
    fn read(&mut self, head: Head) -> (Frame, bool) {
        let mut frame = of_head(&head);
        let wrong = |frame: &Frame, why: &str| Frame { wrong: Some(why.to_string()), ..frame.clone() };
        let parsed = match frame::Frame::parse(head, &self.part) {
            Ok(parsed) => parsed,
            // The engine decides what that means; the next frame begins where this one ends. What a header block would
            // have put into the table is not known, so no later one can be read.
            Err(error) => {
                let has_fields = matches!(head.kind, Kind::HEADERS | Kind::PUSH_PROMISE | Kind::CONTINUATION);
                return (wrong(&frame, error.reason), !has_fields);
            }
        };
        let fragment = match &parsed {
            frame::Frame::Headers(headers) => headers.fragment,
            frame::Frame::PushPromise(promise) => {
                frame.number = Some(promise.promised.get());
                promise.fragment
            }
            frame::Frame::Continuation(continuation) => continuation.fragment,
            frame::Frame::Settings(settings) => {
                let named = |setting: frame::Setting| (setting_name(setting.id), setting.value);
                frame.settings = (!settings.is_ack()).then(|| settings.iter().map(named).collect());
                return (frame, true);
            }
            frame::Frame::RstStream(reset) => {
                frame.error = Some(reset.code.to_string());
                return (frame, true);
            }
            frame::Frame::GoAway(goaway) => {
                frame.error = Some(goaway.code.to_string());
                frame.number = Some(goaway.last_stream.get());
                let text = goaway.debug_data.escape_ascii().to_string();
                frame.text = Some(text).filter(|text| !text.is_empty());
                return (frame, true);
            }
            frame::Frame::WindowUpdate(update) => {
                frame.number = Some(update.increment);
                return (frame, true);
            }
            frame::Frame::Ping(ping) => {
                frame.text = Some(ping.payload.escape_ascii().to_string());
                return (frame, true);
            }
            frame::Frame::Data(_) | frame::Frame::Priority(_) | frame::Frame::Unknown(_) => return (frame, true),
        };
        if self.block.len().saturating_add(fragment.len()) > self.max_block {
            return (wrong(&frame, "a header block longer than max_header_block"), false);
        }
        self.block.extend_from_slice(fragment);
        if !head.flags.contains(Flags::END_HEADERS) {
            return (frame, true);
        }
        self.fields.clear();
        let decoded = self.decoder.decode(&self.block, &self.limits, &mut self.fields);
        self.block.clear();
        match decoded {
            Ok(decoded) => {
                frame.fields = Some(list(self.fields.fields()));
                frame.wrong = match decoded {
                    Decoded::Complete => None,
                    Decoded::ListTooLarge => Some("a header list larger than max_header_list".to_string()),
                    Decoded::TooManyFields => Some("more fields than max_header_fields".to_string()),
                };
                (frame, true)
            }
            Err(error) => (wrong(&frame, error.reason()), false),
        }
    }
}

fn of_head(head: &Head) -> Frame {
    let kind = if head.kind.is_known() { head.kind.name().to_string() } else { format!("{:#04x}", head.kind.0) };
    Frame { kind, stream: head.stream.get(), length: head.length, flags: head.flags.0, ..Frame::default() }
}

fn setting_name(id: frame::SettingId) -> String {
    match id.name() {
        "unknown" => format!("{:#06x}", id.0),
        name => name.to_string(),
    }
}
