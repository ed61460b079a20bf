//! Which file declares what.

use super::messages::{Descriptor, EnumDescriptor, Field, File, FileSet};
use alloc::borrow::ToOwned;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use bytes::Bytes;
use prost::Message as _;

/// Why a set of descriptors cannot be served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DescriptorError {
    /// It is no `google.protobuf.FileDescriptorSet`.
    #[error("not a google.protobuf.FileDescriptorSet: {0}")]
    Malformed(prost::DecodeError),
    /// A file imports one that is not there. Compilers leave imports out unless they are asked for them
    /// (`--include_imports`).
    #[error("{file} imports {import}, which is not in the set: write it with all imports")]
    MissingImport {
        /// The file.
        file: String,
        /// What it imports.
        import: String,
    },
    /// Two files of the same name declare other things.
    #[error("there are two files {0}, and they declare other things")]
    ConflictingFile(String),
    /// Two files declare the same name.
    #[error("{symbol} is declared by {first} and by {second}")]
    ConflictingSymbol {
        /// The name.
        symbol: String,
        /// One file.
        first: String,
        /// The other.
        second: String,
    },
}

/// Files, and what they declare. Numbers are places in `files`.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    files: Vec<Entry>,
    by_name: BTreeMap<String, usize>,
    symbols: BTreeMap<String, usize>,
    /// Messages, with the numbers and the files of their extensions.
    extensions: BTreeMap<String, BTreeMap<i32, usize>>,
    /// Messages that are declared: they may have no extensions.
    messages: BTreeSet<String>,
    pub(super) services: BTreeSet<String>,
}

#[derive(Clone, Debug)]
struct Entry {
    name: String,
    octets: Bytes,
    imports: Vec<usize>,
}

impl Index {
    /// Adds all files of a set, or none.
    pub(super) fn add(&mut self, set: &[u8]) -> Result<(), DescriptorError> {
        let mut next = self.clone();
        let mut added = Vec::new();
        for octets in FileSet::decode(set).map_err(DescriptorError::Malformed)?.file {
            let file = File::decode(octets.clone()).map_err(DescriptorError::Malformed)?;
            let known = next.by_name.get(&file.name).and_then(|place| next.files.get(*place));
            match known {
                // Compilers differ in what they add, and in order; what matters here is what is declared.
                Some(known) if File::decode(known.octets.clone()).is_ok_and(|known| known == file) => continue,
                Some(_) => return Err(DescriptorError::ConflictingFile(file.name)),
                None => {}
            }
            let place = next.files.len();
            next.by_name.insert(file.name.clone(), place);
            next.files.push(Entry { name: file.name.clone(), octets, imports: Vec::new() });
            next.declare(place, &file)?;
            added.push((place, file));
        }
        for (place, file) in added {
            let import = |import: &String| {
                let missing = || DescriptorError::MissingImport { file: file.name.clone(), import: import.clone() };
                next.by_name.get(import).copied().ok_or_else(missing)
            };
            let imports = file.dependency.iter().map(import).collect::<Result<_, _>>()?;
            if let Some(entry) = next.files.get_mut(place) {
                entry.imports = imports;
            }
        }
        *self = next;
        Ok(())
    }

    fn declare(&mut self, place: usize, file: &File) -> Result<(), DescriptorError> {
        let package = &file.package;
        for service in &file.service {
            let name = qualified(package, &service.name);
            for method in &service.method {
                self.symbol_of(place, qualified(&name, &method.name))?;
            }
            self.services.insert(name.clone());
            self.symbol_of(place, name)?;
        }
        for message in &file.message_type {
            self.message(place, package, message)?;
        }
        self.enums(place, package, &file.enum_type)?;
        self.extensions_of(place, package, &file.extension)
    }

    /// Depth is bounded: prost reads no message that nests deeper than 100.
    fn message(&mut self, place: usize, scope: &str, message: &Descriptor) -> Result<(), DescriptorError> {
        let name = qualified(scope, &message.name);
        self.symbol_of(place, name.clone())?;
        for inner in message.field.iter().map(|field| &field.name).chain(message.oneof_decl.iter().map(|it| &it.name)) {
            self.symbol_of(place, qualified(&name, inner))?;
        }
        for nested in &message.nested_type {
            self.message(place, &name, nested)?;
        }
        self.enums(place, &name, &message.enum_type)?;
        self.extensions_of(place, &name, &message.extension)?;
        self.messages.insert(name);
        Ok(())
    }

    /// Values of an enum stand beside it, not in it.
    fn enums(&mut self, place: usize, scope: &str, enums: &[EnumDescriptor]) -> Result<(), DescriptorError> {
        for declared in enums {
            self.symbol_of(place, qualified(scope, &declared.name))?;
            for value in &declared.value {
                self.symbol_of(place, qualified(scope, &value.name))?;
            }
        }
        Ok(())
    }

    fn extensions_of(&mut self, place: usize, scope: &str, extensions: &[Field]) -> Result<(), DescriptorError> {
        for extension in extensions {
            let extended = extension.extendee.strip_prefix('.').unwrap_or(&extension.extendee).to_owned();
            self.extensions.entry(extended).or_default().insert(extension.number, place);
            self.symbol_of(place, qualified(scope, &extension.name))?;
        }
        Ok(())
    }

    fn symbol_of(&mut self, place: usize, symbol: String) -> Result<(), DescriptorError> {
        match self.symbols.insert(symbol.clone(), place).filter(|other| *other != place) {
            None => Ok(()),
            Some(other) => {
                let name = |place: usize| self.files.get(place).map(|file| file.name.clone()).unwrap_or_default();
                Err(DescriptorError::ConflictingSymbol { symbol, first: name(other), second: name(place) })
            }
        }
    }

    pub(super) fn file(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    pub(super) fn symbol(&self, name: &str) -> Option<usize> {
        self.symbols.get(name).copied()
    }

    pub(super) fn extension(&self, extended: &str, number: i32) -> Option<usize> {
        self.extensions.get(extended)?.get(&number).copied()
    }

    /// The numbers of a message's extensions, in order; `None` for a message that is not known.
    pub(super) fn extension_numbers(&self, extended: &str) -> Option<Vec<i32>> {
        match self.extensions.get(extended) {
            Some(extensions) => Some(extensions.keys().copied().collect()),
            None => self.messages.contains(extended).then(Vec::new),
        }
    }

    pub(super) fn imports(&self, file: usize) -> &[usize] {
        self.files.get(file).map_or(&[], |entry| &entry.imports)
    }

    pub(super) fn octets(&self, file: usize) -> Bytes {
        self.files.get(file).map(|entry| entry.octets.clone()).unwrap_or_default()
    }
}

fn qualified(scope: &str, name: &str) -> String {
    if scope.is_empty() { name.to_owned() } else { format!("{scope}.{name}") }
}
