//! What a config says of every request, written down once.

use crate::grpc::timeout::Timeout;
use crate::grpc::{Block, Field, Metadata, Path, RequestHead};
use crate::hpack::{self, FieldBlock};

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

    /// Writes a request's fields, `grpc-timeout` right behind the pseudo-headers (G-008). Says whether all of
    /// `metadata` may be sent in a request.
    pub(crate) fn write(
        &self,
        path: Path<'_>,
        timeout: Option<&Timeout>,
        metadata: &Metadata,
        block: &mut FieldBlock,
    ) -> bool {
        block.extend_from(&self.before_path);
        block.push(hpack::Field::new(b":path", path.as_bytes()));
        block.extend_from(&self.behind_path);
        if let Some(timeout) = timeout {
            block.push(timeout_field(timeout));
        }
        block.extend_from(&self.regular);
        let without = block.len();
        metadata.fields(Block::Request).for_each(|field| block.push(wire_field(field)));
        block.len() - without == metadata.len()
    }
}

/// The name of the field that says how long a request may take.
pub(crate) const TIMEOUT: &[u8] = b"grpc-timeout";

/// That field.
pub(crate) fn timeout_field(timeout: &Timeout) -> hpack::Field<'_> {
    hpack::Field::new(TIMEOUT, timeout.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::wire_field;
    use crate::ClientConfig;
    use crate::grpc::{Codings, Metadata, Path, Scheme};
    use crate::hpack::FieldBlock;

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
