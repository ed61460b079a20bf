//! What is drawn for users' tests is what it says it is.
#![cfg(feature = "proptest")]

use arbitrary::{Arbitrary, Unstructured};
use grpc_sansio::grpc::{Block, Message, Metadata, Status};
use grpc_sansio::testing::{Chunking, Conversation, Record, any};
use grpc_sansio::{ClientConfig, Limits, ServerConfig};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Every word of a conversation arrives, in order and unchanged.
    #[test]
    fn what_is_said_is_heard(conversation in any::<Conversation>()) {
        for (said, heard) in conversation.exchanges.iter().zip(conversation.play()) {
            let mut items = heard.items.iter();
            if said.responses.is_empty() && said.head.is_empty() {
                // The status stands alone.
            } else {
                prop_assert_eq!(items.next(), Some(&Record::Response(said.head.clone())));
            }
            // A status that is not OK wins over the one message before it (G-082).
            if said.kind.server_streams() || said.status.is_ok() {
                let heard = heard.messages().collect::<Vec<_>>();
                prop_assert_eq!(heard, said.responses.iter().map(|message| &message.data[..]).collect::<Vec<_>>());
            }
            prop_assert_eq!(heard.outcome(), Some(&said.status));
            // The status's details are a field of the trailers, and shown there too.
            let mut trailers = heard.trailers().cloned().unwrap_or_default();
            trailers.remove("grpc-status-details-bin");
            prop_assert_eq!(&trailers, &said.trailers);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn limits_build(limits in any::<Limits>()) {
        prop_assert!(ClientConfig::builder("localhost").limits(limits.clone()).build().is_ok(), "{limits:?}");
        prop_assert!(ServerConfig::builder().limits(limits.clone()).build().is_ok(), "{limits:?}");
    }

    #[test]
    fn metadata_may_be_sent_anywhere(metadata in any::<Metadata>()) {
        for block in [Block::Request, Block::Response, Block::Trailers] {
            prop_assert_eq!(metadata.check(block), Ok(()));
        }
    }

    #[test]
    fn pieces_are_the_whole(chunking in any::<Chunking>(), octets in prop::collection::vec(any::<u8>(), 0..300)) {
        let pieces: Vec<_> = chunking.pieces(&octets).collect();
        prop_assert!(pieces.iter().all(|piece| !piece.is_empty()));
        prop_assert_eq!(pieces.concat(), octets);
    }
}

/// The values are not all alike: what a user's test needs to see does come up.
#[test]
fn values_are_of_all_kinds() {
    fn drawn<T: for<'a> Arbitrary<'a>>() -> Vec<T> {
        let octets = |seed: u64| {
            let mut rng = grpc_sansio::testing::Rng::new(seed);
            (0..1_000).map(|_| rng.next_u64() as u8).collect::<Vec<_>>()
        };
        (0..300).map(|seed| T::arbitrary(&mut Unstructured::new(&octets(seed))).unwrap()).collect()
    }
    let some = |share: usize, count: usize| assert!(count * share >= 300, "only {count} of 300");
    let messages = drawn::<Message>();
    some(20, messages.iter().filter(|message| message.compressed).count());
    some(100, messages.iter().filter(|message| message.data.len() > 65_535).count());
    some(4, messages.iter().filter(|message| message.data.len() < 60).count());
    let metadata = drawn::<Metadata>();
    some(3, metadata.iter().filter(|metadata| metadata.len() > 2).count());
    some(10, metadata.iter().filter(|metadata| metadata.iter().any(|entry| entry.is_binary())).count());
    some(10, metadata.iter().filter(|metadata| metadata.fields(Block::Request).any(|field| field.2)).count());
    let statuses = drawn::<Status>();
    some(30, statuses.iter().filter(|status| status.is_ok()).count());
    some(3, statuses.iter().filter(|status| !status.details().is_empty()).count());
    some(3, drawn::<Conversation>().iter().filter(|conversation| conversation.exchanges.len() > 2).count());
}
