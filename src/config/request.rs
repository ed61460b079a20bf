//! What a config says of every request, written down once.

use crate::grpc::timeout::Timeout;
use crate::grpc::{Block, Field, Metadata, Path, RequestHead};
use crate::hpack::{self, FieldBlock, StartKind};
use alloc::boxed::Box;
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
        last: &mut LastStarts,
        path: Path<'_>,
        remaining: Option<u64>,
        spell: impl FnOnce() -> Option<Timeout>,
        metadata: &Metadata,
        block: &mut FieldBlock,
    ) -> bool {
        match last.find(path) {
            Some(start) if start.remaining == remaining => start.restart(block),
            Some(start) => {
                let timeout = spell();
                if start.timeout == timeout {
                    start.remaining = remaining;
                    start.restart(block);
                } else {
                    start.restart_pseudo(block);
                    self.write_regular(timeout.as_ref(), block);
                    last.miss_timeout(remaining, timeout, block);
                }
            }
            None => {
                let timeout = spell();
                let pseudo = self.write_start(path, timeout.as_ref(), block);
                last.miss(path, pseudo, remaining, timeout, block);
            }
        }
        write_metadata(metadata, block)
    }

    /// All but the metadata; returns the octets and the number of the pseudo-headers.
    fn write_start(&self, path: Path<'_>, timeout: Option<&Timeout>, block: &mut FieldBlock) -> (usize, usize) {
        block.clear();
        block.extend_from(&self.before_path);
        block.push_named(b":path", path.as_bytes());
        block.extend_from(&self.behind_path);
        let pseudo = (block.byte_len(), block.len());
        self.write_regular(timeout, block);
        pseudo
    }

    /// What stands between pseudo-headers and metadata.
    fn write_regular(&self, timeout: Option<&Timeout>, block: &mut FieldBlock) {
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

/// How requests of one connection started, up to their metadata. Most are of a method and with the timeout of one before;
/// two in a row that are of other methods take the place of the one that was not used last.
#[derive(Clone, Debug, Default)]
pub(crate) struct LastStarts {
    /// The one used last.
    latest: Box<LastStart>,
    other: Box<LastStart>,
    missed: bool,
    number: u32,
}

/// One of them.
#[derive(Clone, Debug, Default)]
struct LastStart {
    path: Vec<u8>,
    /// The time that remained, in nanoseconds, which is spelled so.
    remaining: Option<u64>,
    timeout: Option<Timeout>,
    fields: FieldBlock,
    /// Octets and number of its pseudo-headers.
    pseudo: (usize, usize),
    /// Stands for `fields`: a connection has not ids enough for a number to come again, and what goes by it is gone when this
    /// begins anew.
    number: u32,
    /// Requests in a row with other timeouts.
    misses: u8,
}

/// Requests in a row with other timeouts after which the last of these is the one to be remembered.
const PATIENCE: u8 = 8;

impl LastStarts {
    /// The one with this path.
    #[inline]
    fn find(&mut self, path: Path<'_>) -> Option<&mut LastStart> {
        if self.latest.path != path.as_bytes() {
            if self.other.path != path.as_bytes() {
                return None;
            }
            core::mem::swap(&mut self.latest, &mut self.other);
        }
        self.missed = false;
        Some(&mut self.latest)
    }

    /// None has this path.
    fn miss(
        &mut self,
        path: Path<'_>,
        pseudo: (usize, usize),
        remaining: Option<u64>,
        timeout: Option<Timeout>,
        fields: &FieldBlock,
    ) {
        self.missed = !self.missed && !self.other.path.is_empty();
        if !self.missed {
            core::mem::swap(&mut self.latest, &mut self.other);
            self.latest.path.clear();
            self.latest.path.extend_from_slice(path.as_bytes());
            self.latest.pseudo = pseudo;
            self.learn(remaining, timeout, fields);
        }
    }

    /// The one that was found has another timeout.
    fn miss_timeout(&mut self, remaining: Option<u64>, timeout: Option<Timeout>, fields: &FieldBlock) {
        self.latest.misses += 1;
        if self.latest.misses == PATIENCE {
            self.learn(remaining, timeout, fields);
        }
    }

    fn learn(&mut self, remaining: Option<u64>, timeout: Option<Timeout>, fields: &FieldBlock) {
        self.number = self.number.wrapping_add(1);
        let start = &mut self.latest;
        (start.remaining, start.timeout, start.number, start.misses) = (remaining, timeout, self.number, 0);
        start.fields.clear();
        start.fields.extend_from(fields);
    }

    /// Bytes of heap in use.
    pub(crate) fn heap_size(&self) -> usize {
        let of = |start: &LastStart| size_of::<LastStart>() + start.path.capacity() + start.fields.capacity();
        size_of::<Self>() + of(&self.latest) + of(&self.other)
    }
}

impl LastStart {
    /// Begins a list with all fields.
    #[inline]
    fn restart(&mut self, block: &mut FieldBlock) {
        self.misses = 0;
        block.restart(StartKind::Sent, self.number, self.fields.records(), self.fields.len());
    }

    /// Begins a list with the pseudo-headers.
    fn restart_pseudo(&self, block: &mut FieldBlock) {
        let (len, count) = self.pseudo;
        let records = self.fields.records().get(..len).unwrap_or_default();
        block.restart(StartKind::Sent, self.number, records, count);
    }
}

/// The name of the field that says how long a request may take.
pub(crate) const TIMEOUT: &[u8; 12] = b"grpc-timeout";

#[cfg(test)]
mod tests {
    use super::{LastStarts, PATIENCE, wire_field};
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
        let mut last = LastStarts::default();
        for round in 0..2_000u32 {
            let paths = [&b"/a.B/C"[..], b"/a.B/D", b"/a.B/Longer", b"/a.B/E"];
            // One, then two in turn, then all.
            let path = Path::parse(paths[(round / 3 % (round / 500 + 1)) as usize]).unwrap();
            // Two of them are spelled alike; for a while all are others.
            let remaining = [None, Some(second), Some(second + 1), Some(2 * second)][(round * round / 7 % 4) as usize];
            let remaining = if round / 100 % 2 == 0 { remaining } else { Some(u64::from(round) * second) };
            let timeout = remaining.map(spell);
            let mut blocks = [FieldBlock::new(), FieldBlock::new()];
            assert!(config.0.request.write(path, timeout.as_ref(), &metadata, &mut blocks[0]));
            let written =
                config.0.request.write_after(&mut last, path, remaining, || timeout, &metadata, &mut blocks[1]);
            assert!(written);
            assert_eq!(blocks[0], blocks[1], "{round}");
        }
    }

    /// Of two methods each has its start, which follows its timeout after a while; a third takes the place of one.
    #[test]
    fn starts_are_remembered() {
        let config = ClientConfig::builder("a").build().unwrap();
        let (mut last, mut block) = (LastStarts::default(), FieldBlock::new());
        let mut write = |last: &mut LastStarts, path: &[u8], nanos: u64| {
            let spell = || Some(timeout::encode(Duration::from_nanos(nanos), timeout::Precision::Exact));
            let path = Path::parse(path).unwrap();
            assert!(config.0.request.write_after(last, path, Some(nanos), spell, &Metadata::new(), &mut block));
        };
        for path in [b"/a/A", b"/a/B", b"/a/A"] {
            write(&mut last, path, 1);
        }
        assert_eq!(last.number, 2);
        for misses in 1..=PATIENCE {
            assert_eq!(last.number, 2, "{misses}");
            write(&mut last, b"/a/A", 2);
        }
        assert_eq!(last.number, 3);
        write(&mut last, b"/a/A", 2);
        // One that comes alone, two in a row, and who has gone for them.
        for (path, number) in [(b"/a/C", 3), (b"/a/B", 3), (b"/a/C", 3), (b"/a/C", 4), (b"/a/B", 4), (b"/a/A", 4)] {
            write(&mut last, path, 2);
            assert_eq!(last.number, number, "{}", path.escape_ascii());
        }
        assert!(last.heap_size() > 0);
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
