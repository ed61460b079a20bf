//! What all sections use.

use grpc_sansio::hpack::{BlockLimits, Classifier, DecodeError, Decoded, Decoder, Encoder, Field, FieldBlock};

/// Limits that no ordinary block meets.
pub(crate) const WIDE: BlockLimits =
    BlockLimits { max_list_size: 1 << 20, max_fields: 10_000, abuse_list_size: 1 << 20, abuse_fields: 10_000 };

/// An owned name and value.
pub(crate) type Pair = (Vec<u8>, Vec<u8>);

/// The octets that `text` spells in hexadecimal; blanks are for reading.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().filter_map(|digit| digit.to_digit(16)).collect();
    digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
}

pub(crate) fn decoder() -> Decoder {
    Decoder::new(4096, Classifier::NONE)
}

/// Decodes a block within [`WIDE`] limits.
pub(crate) fn decode(decoder: &mut Decoder, input: &[u8]) -> Result<FieldBlock, DecodeError> {
    let mut block = FieldBlock::new();
    let decoded = decoder.decode(input, &WIDE, &mut block)?;
    assert_eq!(decoded, Decoded::Complete);
    Ok(block)
}

/// What a fresh decoder makes of a block.
pub(crate) fn decode_fresh(input: &[u8]) -> Result<FieldBlock, DecodeError> {
    decode(&mut decoder(), input)
}

pub(crate) fn pairs(block: &FieldBlock) -> Vec<Pair> {
    block.fields().map(|field| (field.name.to_vec(), field.value.to_vec())).collect()
}

pub(crate) fn block(fields: &[Field<'_>]) -> FieldBlock {
    fields.iter().copied().collect()
}

pub(crate) fn encode(encoder: &mut Encoder, fields: &[Field<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    encoder.encode(fields.iter().copied(), &mut out);
    out
}

/// A literal with incremental indexing, a new name and no Huffman code; both strings below 127 octets.
pub(crate) fn insertion(name: &[u8], value: &[u8]) -> Vec<u8> {
    [&[0x40, name.len() as u8][..], name, &[value.len() as u8], value].concat()
}
