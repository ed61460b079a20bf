//! The same values for property tests.

use ::arbitrary::{Arbitrary, Unstructured};
use ::proptest::collection::vec;
use ::proptest::prelude::{Strategy, any as any_octet};
use core::fmt::Debug;

/// Octets behind a value: enough for a conversation.
const MOST_OCTETS: usize = 600;

/// A proptest strategy for any type that a fuzzer can have: metadata, statuses, messages, limits, whole conversations.
///
/// It draws octets and makes the value of them, so one definition serves both; with fewer and smaller octets the value
/// shrinks.
///
/// ```
/// use grpc_sansio::testing::{Conversation, any};
/// use proptest::prelude::*;
///
/// proptest!(ProptestConfig::with_cases(8), |(conversation in any::<Conversation>())| {
///     for (said, heard) in conversation.exchanges.iter().zip(conversation.play()) {
///         prop_assert_eq!(heard.outcome(), Some(&said.status));
///     }
/// });
/// ```
pub fn any<T: for<'a> Arbitrary<'a> + Debug>() -> impl Strategy<Value = T> {
    vec(any_octet::<u8>(), 0..MOST_OCTETS)
        .prop_filter_map("octets that make no value", |octets| T::arbitrary(&mut Unstructured::new(&octets)).ok())
}
