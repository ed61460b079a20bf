//! Bodies of length-prefixed messages: however they are cut, the messages and the end are those of the body in one piece,
//! and memory follows what has arrived, not what is announced.

use crate::control::Control;
use crate::meter::{ours, peak};
use bytes::Bytes;
use grpc_sansio::grpc::message::{MessageError, encode_message};
use grpc_sansio::grpc::{Message, MessageReader};

/// A message that is handed out in one piece shares its octets with the input; one that came in pieces was put together in
/// memory that doubles as it grows.
const FOR_AN_OCTET: usize = 3;

/// A body, then what steers: a receive limit and where to cut.
pub fn run(data: &[u8]) {
    let Some((body, control)) = Control::split(data) else { return };
    let limit = (control.mode != u8::MAX).then_some(u32::from(control.mode));
    let mut arrived = 0;
    let whole = read(limit, std::iter::once(body), &mut arrived);
    assert_eq!(whole, read(limit, control.pieces(body, 9), &mut arrived));
    assert_eq!(whole, read(limit, body.chunks(1), &mut arrived));

    let (messages, end) = whole;
    // An empty message has a prefix.
    assert!(messages.len() <= body.len() / 5);
    let mut again = Vec::new();
    for message in &messages {
        assert!(limit.is_none_or(|limit| message.data.len() <= limit as usize));
        encode_message(&message.data, message.compressed, &mut again).expect("short");
    }
    assert!(body.starts_with(&again));
    assert_eq!(end.is_ok(), body.len() == again.len());
}

fn read<'a>(
    limit: Option<u32>,
    pieces: impl Iterator<Item = &'a [u8]>,
    arrived: &mut usize,
) -> (Vec<Message>, Result<(), MessageError>) {
    let (mut reader, mut messages, mut kept) = (MessageReader::new(limit), Vec::new(), Vec::new());
    for piece in pieces {
        *arrived += piece.len();
        let mut piece = Bytes::copy_from_slice(piece);
        // What the reader lets go of is freed later, so that nothing it takes is made up for by that.
        kept.push(piece.clone());
        loop {
            let left = piece.len();
            let read = ours(|| reader.read(&mut piece));
            let most = (FOR_AN_OCTET * *arrived + 128) as u64;
            assert!(peak() <= most, "{} octets of heap for {arrived} that have arrived", peak());
            match read {
                Ok(Some(message)) => {
                    assert!(piece.len() < left, "a message of nothing");
                    messages.push(message);
                }
                Ok(None) => break assert!(piece.is_empty()),
                Err(error) => {
                    assert_eq!(reader.finish(), Err(error));
                    break;
                }
            }
        }
    }
    let end = reader.finish();
    (messages, end)
}
