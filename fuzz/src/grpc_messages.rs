//! Bodies of length-prefixed messages: however they are cut, the messages and the end are those of the body in one piece,
//! and memory follows what has arrived, not what is announced.

use crate::control::Control;
use bytes::Bytes;
use grpc_sansio::grpc::message::{MessageError, encode_message};
use grpc_sansio::grpc::{Message, MessageReader};

/// A body, then what steers: a receive limit and where to cut.
pub fn run(data: &[u8]) {
    let Some((body, control)) = Control::split(data) else { return };
    let limit = (control.mode != u8::MAX).then_some(u32::from(control.mode));
    let whole = read(limit, std::iter::once(body));
    assert_eq!(whole, read(limit, control.pieces(body, 9)));
    assert_eq!(whole, read(limit, body.chunks(1)));

    let (messages, end) = whole;
    let mut again = Vec::new();
    for message in &messages {
        assert!(limit.is_none_or(|limit| message.data.len() <= limit as usize));
        encode_message(&message.data, message.compressed, &mut again).expect("short");
    }
    assert!(body.starts_with(&again));
    assert_eq!(end.is_ok(), body.len() == again.len());
}

fn read<'a>(limit: Option<u32>, pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Message>, Result<(), MessageError>) {
    let (mut reader, mut messages) = (MessageReader::new(limit), Vec::new());
    for piece in pieces {
        let mut piece = Bytes::copy_from_slice(piece);
        loop {
            match reader.read(&mut piece) {
                Ok(Some(message)) => messages.push(message),
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
