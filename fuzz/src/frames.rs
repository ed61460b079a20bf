//! Any frame: parsing is total, what was parsed is written back as the same frame, and a head that is refused by itself
//! is refused with every payload.

use grpc_sansio::frame::{DEFAULT_MAX_FRAME_SIZE, Flags, Frame, HEAD_LEN, Head, Kind, MAX_MAX_FRAME_SIZE};

/// Nine octets of head, then a payload; once as announced and once with the length made right.
pub fn run(data: &[u8]) {
    let Some((head, payload)) = data.split_first_chunk::<HEAD_LEN>() else { return };
    let head = Head::parse(head);
    assert_eq!(Head::parse(&head.encode()), head);
    parse(head, payload);
    parse(Head { length: payload.len() as u32, ..head }, payload);
}

fn parse(head: Head, payload: &[u8]) {
    let judged = head.check(MAX_MAX_FRAME_SIZE);
    if head.length <= DEFAULT_MAX_FRAME_SIZE {
        assert_eq!(judged, head.check(DEFAULT_MAX_FRAME_SIZE));
    }
    let parsed = Frame::parse(head, payload);
    let frame = match parsed {
        Ok(frame) => frame,
        Err(error) => {
            assert!(!error.reason.is_empty());
            return;
        }
    };
    assert_eq!(judged, Ok(()));
    assert_eq!(head.length as usize, payload.len());
    if let Frame::Settings(settings) = frame {
        assert!(settings.iter().count() <= payload.len() / 6);
    }
    let mut wire = Vec::new();
    frame.encode(&mut wire);
    assert_eq!(wire.len(), frame.encoded_len());
    let (again, body) = wire.split_first_chunk::<HEAD_LEN>().expect("a whole head");
    let again = Head::parse(again);
    assert_eq!(again, frame.head());
    assert_eq!((again.length, again.kind, again.stream), (head.length, head.kind, head.stream));
    assert_eq!(Frame::parse(again, body), Ok(frame));
    // what has neither padding nor reserved bits is kept octet by octet
    let padded =
        matches!(head.kind, Kind::DATA | Kind::HEADERS | Kind::PUSH_PROMISE) && head.flags.contains(Flags::PADDED);
    let reserved = matches!(head.kind, Kind::PUSH_PROMISE | Kind::GOAWAY | Kind::WINDOW_UPDATE);
    if !padded && !reserved {
        assert_eq!(body, payload);
    }
}
