//! The decoder against two of other makes, block by block: the same lists, or one of the differences that are listed here.
//!
//! The crate `hpack` is the oracle for what is well formed, in spite of its faults: it panics on some inputs, and lets
//! table sizes change where and how they like. `loona-hpack` is its fork, with the panics and some of the rest mended.

use crate::control::Control;
use crate::meter::ours;
use crate::quiet::caught;
use arbitrary::{Arbitrary, Unstructured};
use grpc_sansio::hpack::{BlockLimits, Classifier, DecodeError, Decoded, Decoder, Encoder, Field, FieldBlock};
use loona_hpack::decoder::DecoderError;

const LIMITS: BlockLimits =
    BlockLimits { max_list_size: 1 << 24, max_fields: 100_000, abuse_list_size: 1 << 24, abuse_fields: 100_000 };

/// A block is cut off here: the others take time for each Huffman string.
const LONGEST: usize = 2_000;

/// Entry 15 of the static table, which is `accept-` in `hpack` (not in its fork): where it is used, that one's tables
/// are not those of RFC 7541.
const MISSPELT: &[u8] = b"accept-charset";

/// A name and a value.
type Pair = (Vec<u8>, Vec<u8>);

/// A part of a header block, as RFC 7541 §6 has them.
#[derive(Arbitrary, Debug)]
enum Piece<'a> {
    Indexed(u8),
    Literal {
        form: u8,
        name_index: u8,
        name: &'a [u8],
        value: &'a [u8],
    },
    /// By our own encoder, whose strings are Huffman coded where that is shorter.
    Coded(&'a [u8], &'a [u8]),
    Resize(u16),
    Octets(&'a [u8]),
    EndOfBlock,
}

/// Octets, then what steers: cut into blocks as they are, or read as pieces of blocks.
pub fn run(data: &[u8]) {
    let Some((wire, control)) = Control::split(data) else { return };
    let blocks = if control.has(7) {
        let Ok(pieces) = Vec::<Piece<'_>>::arbitrary_take_rest(Unstructured::new(wire)) else { return };
        assemble(&pieces)
    } else {
        control.pieces(wire, 60).map(<[u8]>::to_vec).collect()
    };
    let mut ours = Decoder::new(4_096, Classifier::NONE);
    let (mut old, mut fork) = (hpack::Decoder::new(), loona_hpack::Decoder::new());
    fork.set_max_allowed_table_size(4_096);
    for block in &blocks {
        let block = &block[..block.len().min(LONGEST)];
        let verdict = decode(&mut ours, block);
        let by_old = caught(|| old.decode(block));
        let by_fork = fork.decode(block);
        let ends_in_update = matches!(by_fork, Err(DecoderError::SizeUpdateAtEnd));
        judge("hpack", &verdict, by_old.map(Result::ok), false);
        judge("loona-hpack", &verdict, Some(by_fork.ok()), ends_in_update);
        if verdict.is_err() || verdict.is_ok_and(|list| list.iter().any(|(name, _)| name == MISSPELT)) {
            return;
        }
    }
}

fn decode(decoder: &mut Decoder, block: &[u8]) -> Result<Vec<Pair>, DecodeError> {
    let mut fields = FieldBlock::new();
    let decoded = ours(|| decoder.decode(block, &LIMITS, &mut fields));
    let list = fields.fields().map(|field| (field.name.to_vec(), field.value.to_vec())).collect();
    assert!(fields.len() <= block.len(), "a field has an octet at least");
    ours(|| drop(fields));
    assert_eq!(decoded?, Decoded::Complete);
    Ok(list)
}

/// Holds another decoder's list against ours: `None` where it panicked, `Some(None)` where it refused.
fn judge(who: &str, ours: &Result<Vec<Pair>, DecodeError>, theirs: Option<Option<Vec<Pair>>>, at_end: bool) {
    match (ours, theirs) {
        // Its own fault, whatever the block says.
        (_, None) => {}
        (Ok(ours), Some(Some(_))) if who == "hpack" && ours.iter().any(|(name, _)| name == MISSPELT) => {}
        (Ok(ours), Some(Some(theirs))) => assert_eq!(ours, &theirs, "{who}"),
        (Err(_), Some(None)) => {}
        // `loona-hpack` wants a field behind a size update (it has taken the size by then); RFC 7541 §4.2 does not.
        (Ok(_), Some(None)) if at_end => {}
        (Ok(list), Some(None)) => panic!("{who} refuses what gives {list:?} here"),
        (Err(error), Some(Some(list))) => assert!(is_stricter(*error), "{who} takes {list:?}: {error}"),
    }
}

/// What only we look at: when, how often and how far table sizes change (RFC 7541 §4.2, §6.3).
fn is_stricter(error: DecodeError) -> bool {
    use DecodeError::{SizeUpdateNotAtStart, SizeUpdateTooLarge, TooManySizeUpdates};
    matches!(error, SizeUpdateNotAtStart | SizeUpdateTooLarge | TooManySizeUpdates)
}

fn assemble(pieces: &[Piece<'_>]) -> Vec<Vec<u8>> {
    let mut coder = Encoder::new(4_096, 5);
    let mut blocks = vec![Vec::new()];
    for piece in pieces {
        let Some(block) = blocks.last_mut() else { return blocks };
        match *piece {
            // Mostly the dynamic table, as far as it may be filled.
            Piece::Indexed(index) => integer(u32::from(index), 7, 0x80, block),
            Piece::Literal { form, name_index, name, value } => {
                let (bits, first) = [(6, 0x40), (4, 0x00), (4, 0x10)][usize::from(form) % 3];
                integer(u32::from(name_index), bits, first, block);
                if name_index == 0 {
                    string(name, block);
                }
                string(value, block);
            }
            Piece::Coded(name, value) => {
                coder.encode([Field { sensitive: true, ..Field::new(name, value) }], block);
            }
            Piece::Resize(size) => integer(u32::from(size), 5, 0x20, block),
            Piece::Octets(octets) => block.extend_from_slice(octets),
            Piece::EndOfBlock => blocks.push(Vec::new()),
        }
    }
    blocks
}

/// RFC 7541 §5.1.
fn integer(value: u32, prefix_bits: u32, first: u8, out: &mut Vec<u8>) {
    let most = (1 << prefix_bits) - 1;
    if value < most {
        return out.push(first | value as u8);
    }
    out.push(first | most as u8);
    let mut rest = value - most;
    while rest >= 128 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// RFC 7541 §5.2, without Huffman code.
fn string(octets: &[u8], out: &mut Vec<u8>) {
    integer(octets.len() as u32, 7, 0, out);
    out.extend_from_slice(octets);
}
