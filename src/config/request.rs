//! What a config says of every request, written down once.

use crate::grpc::timeout::Timeout;
use crate::grpc::{Block, Field, Metadata, Path, RequestHead};
use crate::hpack::{self, FieldBlock, StartKind};
use alloc::vec::Vec;

/// A field of the gRPC layer as HTTP/2 sends it.
pub(crate) fn wire_field<'a>((name, value, sensitive): Field<'a>) -> hpack::Field<'a> {
    hpack::Field { sensitive, ..hpack::Field::new(name, value) }
}

/// The fields of a request that the config alone decides, written down once: the pseudo-headers before the path, those
/// behind it, and the others up to the metadata.
#[derive(Clone, Debug, Default)]
pub(crate) struct RequestTemplate {
    before_path: FieldBlock,
    behind_path: FieldBlock,
    regular: FieldBlock,
}

impl RequestTemplate {
    /// The fields of `head`, whose path, timeout and metadata do not count.
    pub(crate) fn new(head: &RequestHead<'_>) -> Self {
        let is_pseudo = |(name, ..): &Field<'_>| name.first() == Some(&b':');
        let is_other = |(name, ..): &Field<'_>| *name != b":path";
        Self {
            before_path: head.fields().take_while(is_other).map(wire_field).collect(),
            behind_path: head.fields().filter(is_pseudo).skip_while(is_other).skip(1).map(wire_field).collect(),
            regular: head.fields().skip_while(is_pseudo).map(wire_field).collect(),
        }
    }

    /// Writes a request's fields in place of what `block` has, `grpc-timeout` right behind the pseudo-headers (G-008). Says
    /// whether all of `metadata` may be sent in a request.
    pub(crate) fn write(
        &self,
        path: Path<'_>,
        timeout: Option<&Timeout>,
        metadata: &Metadata,
        block: &mut FieldBlock,
    ) -> bool {
        self.write_start(path, timeout, block);
        write_metadata(metadata, block)
    }

    /// As [`write`](Self::write), by what is remembered of the requests before. So many nanoseconds remain, which `spell`
    /// spells.
    pub(crate) fn write_after(
        &self,
        last: &mut LastStart,
        path: Path<'_>,
        remaining: Option<u64>,
        mut spell: impl FnMut() -> Option<Timeout>,
        metadata: &Metadata,
        block: &mut FieldBlock,
    ) -> bool {
        if last.path == path.as_bytes() && (last.remaining == remaining || last.timeout == spell()) {
            (last.missed, last.remaining) = (false, remaining);
            block.restart(StartKind::Sent, last.number, last.fields.records(), last.fields.len());
        } else {
            let timeout = spell();
            self.write_start(path, timeout.as_ref(), block);
            last.miss(path, remaining, timeout, block);
        }
        write_metadata(metadata, block)
    }

    /// All but the metadata.
    fn write_start(&self, path: Path<'_>, timeout: Option<&Timeout>, block: &mut FieldBlock) {
        block.clear();
        block.extend_from(&self.before_path);
        block.push_named(b":path", path.as_bytes());
        block.extend_from(&self.behind_path);
        if let Some(timeout) = timeout {
            block.push_named(TIMEOUT, timeout.as_bytes());
        }
        block.extend_from(&self.regular);
    }
}

/// Says whether all of it may be sent in a request.
fn write_metadata(metadata: &Metadata, block: &mut FieldBlock) -> bool {
    if let Some(records) = metadata.records() {
        block.push_records(records, metadata.len());
        return true;
    }
    let without = block.len();
    metadata.fields(Block::Request).for_each(|field| block.push(wire_field(field)));
    block.len() - without == metadata.len()
}

/// How a request of one connection started, up to its metadata. Most are of the method and with the timeout of the one
/// before; two in a row that are not take its place.
#[derive(Clone, Debug, Default)]
pub(crate) struct LastStart {
    path: Vec<u8>,
    /// The time that remained last, in nanoseconds, which is spelled so.
    remaining: Option<u64>,
    timeout: Option<Timeout>,
    fields: FieldBlock,
    /// Stands for `fields`: a connection has not ids enough for a number to come again, and what goes by it is gone when this
    /// begins anew.
    number: u32,
    missed: bool,
}

impl LastStart {
    fn miss(&mut self, path: Path<'_>, remaining: Option<u64>, timeout: Option<Timeout>, fields: &FieldBlock) {
        self.missed = !self.missed && !self.path.is_empty();
        if !self.missed {
            self.path.clear();
            self.path.extend_from_slice(path.as_bytes());
            (self.remaining, self.timeout) = (remaining, timeout);
            self.fields.clear();
            self.fields.extend_from(fields);
            self.number = self.number.wrapping_add(1);
        }
    }

    /// Bytes of heap in use.
    pub(crate) fn heap_size(&self) -> usize {
        size_of::<Self>() + self.path.capacity() + self.fields.capacity()
    }
}

/// The name of the field that says how long a request may take.
pub(crate) const TIMEOUT: &[u8; 12] = b"grpc-timeout";

#[cfg(test)]
mod tests {
    use super::{LastStart, wire_field};
    use crate::ClientConfig;
    use crate::grpc::{Codings, Metadata, Path, Scheme, timeout};
    use crate::hpack::FieldBlock;
    use core::time::Duration;

    /// What is remembered of other requests never shows in what is written.
    #[test]
    fn a_request_is_written_alike_after_any_other() {
        let config = ClientConfig::builder("a").build().unwrap();
        let mut metadata = Metadata::new();
        metadata.append("x-id", "7").unwrap();
        let second = Duration::from_secs(1).as_nanos() as u64;
        let spell = |nanos: u64| timeout::encode(Duration::from_nanos(nanos), timeout::Precision::ThreeDigits);
        let mut last = LastStart::default();
        for round in 0..200u32 {
            let path = Path::parse([&b"/a.B/C"[..], b"/a.B/D"][(round / 3 % 2) as usize]).unwrap();
            // Two of them are spelled alike.
            let remaining = [None, Some(second), Some(second + 1), Some(2 * second)][(round * round / 7 % 4) as usize];
            let timeout = remaining.map(spell);
            let mut blocks = [FieldBlock::new(), FieldBlock::new()];
            assert!(config.0.request.write(path, timeout.as_ref(), &metadata, &mut blocks[0]));
            let written =
                config.0.request.write_after(&mut last, path, remaining, || timeout, &metadata, &mut blocks[1]);
            assert!(written);
            assert_eq!(blocks[0], blocks[1], "{round}");
        }
    }

    #[test]
    fn the_template_gives_the_fields_of_the_head() {
        let plain = ClientConfig::builder("localhost:1");
        let full =
            ClientConfig::builder("a").scheme(Scheme::Https).user_agent("x/1").codings(Codings::new(["gzip"]).unwrap());
        let mut metadata = Metadata::new();
        metadata.append("x-id", "7").unwrap();
        metadata.append_sensitive("authorization", "secret").unwrap();
        let path = Path::parse(b"/a.B/C").unwrap();
        for config in [plain.build().unwrap(), full.build().unwrap(), ClientConfig::builder("").build().unwrap()] {
            let mut head = config.0.request_head(path);
            head.metadata = &metadata;
            let mut block = FieldBlock::new();
            assert!(config.0.request.write(path, None, &metadata, &mut block));
            assert_eq!(block, head.fields().map(wire_field).collect::<FieldBlock>());
        }
    }
}
