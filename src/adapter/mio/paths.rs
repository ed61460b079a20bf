//! Which method a path means.

use crate::call::Request;
use crate::grpc::{Code, Metadata, Path, Side, Status};
use core::fmt;
use std::collections::HashMap;
use std::string::String;
use std::vec::Vec;

/// Methods by their paths, and what the last request came to: on most connections the next begins with the same octets, or
/// at least calls the same method.
#[derive(Default)]
pub(super) struct Paths {
    by_path: HashMap<String, usize>,
    last: Last,
}

#[derive(Default)]
struct Last {
    /// All its fields, as they lie in memory; empty where the rest is not known to belong to them.
    fields: Vec<u8>,
    path: String,
    method: usize,
    metadata: Metadata,
}

/// Fields that are remembered take no more octets than this.
const LAST_SIZE: usize = 2048;

impl Paths {
    pub(super) fn insert(&mut self, path: String, method: usize) {
        self.last = Last::default();
        self.by_path.insert(path, method);
    }

    /// The method of a request, and its metadata.
    pub(super) fn find(&mut self, request: Request<'_>) -> Result<(usize, &Metadata), Status> {
        let fields = request.fields().records();
        let last = &mut self.last;
        if last.fields.is_empty() || last.fields != fields {
            last.fields.clear();
            let path = request.path();
            if last.path != path || path.is_empty() {
                let Some(&method) = self.by_path.get(path) else { return Err(unknown(path)) };
                (last.method, last.path) = (method, path.into());
            }
            request.metadata().copy_to(&mut last.metadata);
            if fields.len() <= LAST_SIZE {
                last.fields.extend_from_slice(fields);
            }
        }
        Ok((last.method, &last.metadata))
    }
}

fn unknown(path: &str) -> Status {
    let known = Path::parse(path.as_bytes()).map(Status::unknown_method);
    known.unwrap_or_else(|error| Status::of(Side::Server, Code::Unimplemented, error))
}

impl fmt::Debug for Paths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.by_path.keys()).finish()
    }
}
