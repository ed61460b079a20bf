//! An encoder and a decoder over many blocks: what goes in comes out, however the table sizes change in between, and a
//! seed changes no octet.

use arbitrary::{Arbitrary, Unstructured};
use grpc_sansio::hpack::{BlockLimits, Classifier, Decoded, Decoder, Encoder, Field, FieldBlock};

const LIMITS: BlockLimits =
    BlockLimits { max_list_size: 1 << 24, max_fields: 100_000, abuse_list_size: 1 << 24, abuse_fields: 100_000 };

/// Names and values that repeat, so that tables are used and evicted.
const NAMES: [&[u8]; 8] =
    [b":method", b":path", b":status", b"te", b"grpc-timeout", b"user-agent", b"x-trace-id", b"authorization"];

#[derive(Arbitrary, Debug)]
enum Operation<'a> {
    /// A block of these fields.
    Block(Vec<(Name<'a>, Value<'a>, bool)>),
    /// The decoder's side announces a table of this size, and the encoder's side has seen it.
    TableSize(u16),
}

#[derive(Arbitrary, Debug)]
enum Name<'a> {
    Known(u8),
    Other(&'a [u8]),
}

#[derive(Arbitrary, Debug)]
enum Value<'a> {
    Number(u8),
    Repeated(u8, u8),
    Other(&'a [u8]),
}

impl Name<'_> {
    fn octets(&self) -> Vec<u8> {
        match self {
            Self::Known(index) => NAMES[usize::from(*index) % NAMES.len()].to_vec(),
            Self::Other(name) => name.to_vec(),
        }
    }
}

impl Value<'_> {
    fn octets(&self) -> Vec<u8> {
        match self {
            Self::Number(number) => (number % 16).to_string().into_bytes(),
            Self::Repeated(octet, count) => vec![*octet; usize::from(*count)],
            Self::Other(value) => value.to_vec(),
        }
    }
}

/// Operations, by `arbitrary`.
pub fn run(data: &[u8]) {
    let mut source = Unstructured::new(data);
    let Ok((encoder_size, decoder_size)) = <(u16, u16)>::arbitrary(&mut source) else { return };
    let mut encoder = Encoder::new(u32::from(encoder_size), 1);
    let mut twin = Encoder::new(u32::from(encoder_size), u64::MAX);
    let mut decoder = Decoder::new(4_096, Classifier::NONE);
    let set = |size: u32, encoder: &mut Encoder, twin: &mut Encoder, decoder: &mut Decoder| {
        decoder.set_max_table_size(size);
        encoder.set_peer_max_table_size(size);
        twin.set_peer_max_table_size(size);
    };
    // one that the real pair would have agreed on at the start
    set(u32::from(decoder_size), &mut encoder, &mut twin, &mut decoder);
    let Ok(operations) = Vec::<Operation<'_>>::arbitrary_take_rest(source) else { return };
    let mut largest = usize::from(decoder_size.max(4_096));
    for operation in operations {
        match operation {
            Operation::TableSize(size) => {
                largest = largest.max(usize::from(size));
                set(u32::from(size), &mut encoder, &mut twin, &mut decoder);
            }
            Operation::Block(fields) => {
                let block: FieldBlock = fields
                    .iter()
                    .map(|(name, value, sensitive)| (name.octets(), value.octets(), *sensitive))
                    .fold(FieldBlock::new(), |mut block, (name, value, sensitive)| {
                        block.push(Field { sensitive, ..Field::new(&name, &value) });
                        block
                    });
                let (mut wire, mut twin_wire, mut read) = (Vec::new(), Vec::new(), FieldBlock::new());
                encoder.encode(&block, &mut wire);
                twin.encode(&block, &mut twin_wire);
                assert_eq!(wire, twin_wire, "the seed of a hash table changes no octet");
                assert_eq!(decoder.decode(&wire, &LIMITS, &mut read), Ok(Decoded::Complete));
                assert_eq!(block, read);
                let most = usize::from(encoder_size.max(4_096));
                assert!(encoder.heap_size() <= 4 * most + 8_192, "encoder memory: {}", encoder.heap_size());
                // As its documentation says, of the largest table that it was ever allowed.
                let most = 2 * largest + 4 * largest.next_power_of_two();
                assert!(decoder.heap_size() <= most + 8_192, "decoder memory: {}", decoder.heap_size());
                // At worst each field is a literal of two strings without Huffman code, behind two changes of size.
                let literals: usize = block.fields().map(|field| field.name.len() + field.value.len() + 9).sum();
                assert!(wire.len() <= literals + 8, "{} octets for {literals}", wire.len());
            }
        }
    }
}
