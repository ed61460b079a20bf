//! What is generated, and how.

use super::error::Error;
use super::generate::{self, Generated};
use std::boxed::Box;
use std::path::{Path, PathBuf};
use std::string::{String, ToString};
use std::vec::Vec;
use std::{env, fmt, fs, io};

/// What is generated, and how. Messages, methods and the `pure` module always are.
///
/// ```no_run
/// # fn main() -> Result<(), grpc_sansio::codegen::Error> {
/// grpc_sansio::codegen::Config::new()
///     .tokio()
///     .extern_path(".shop.v1.Money", "crate::Money")
///     .prost(|prost| {
///         prost.bytes([".shop.v1.Picture.pixels"]);
///     })
///     .compile(&["proto/shop/v1/shop.proto"], &["proto"])
/// # }
/// ```
#[must_use]
pub struct Config {
    pub(super) tokio: bool,
    pub(super) mio: bool,
    pub(super) blocking: bool,
    pub(super) client: bool,
    pub(super) server: bool,
    pub(super) codec: Option<String>,
    pub(super) runtime: String,
    pub(super) prost: Box<prost_build::Config>,
    out_dir: Option<PathBuf>,
}

impl Config {
    /// Messages, methods and the `pure` module, for both sides.
    pub fn new() -> Self {
        Self {
            tokio: false,
            mio: false,
            blocking: false,
            client: true,
            server: true,
            codec: None,
            runtime: String::from("::grpc_sansio"),
            prost: Box::new(prost_build::Config::new()),
            out_dir: None,
        }
    }

    /// Clients and servers for [`adapter::tokio`](crate::adapter::tokio) too.
    pub fn tokio(mut self) -> Self {
        self.tokio = true;
        self
    }

    /// Servers for the event loop of [`adapter::mio`](crate::adapter::mio) too. A client in such a loop uses `pure`.
    pub fn mio(mut self) -> Self {
        self.mio = true;
        self
    }

    /// Clients and servers that block, over [`adapter::mio`](crate::adapter::mio), too.
    pub fn blocking(mut self) -> Self {
        self.blocking = true;
        self
    }

    /// Whether there are clients. There are, unless told otherwise.
    pub fn client(mut self, yes: bool) -> Self {
        self.client = yes;
        self
    }

    /// Whether there are servers. There are, unless told otherwise.
    pub fn server(mut self, yes: bool) -> Self {
        self.server = yes;
        self
    }

    /// The [`Codec`](crate::stub::Codec) that generated code uses where it is not given another: a type with a `Default`.
    /// It is [`Prost`](crate::stub::Prost), unless told otherwise.
    pub fn codec(mut self, path: impl Into<String>) -> Self {
        self.codec = Some(path.into());
        self
    }

    /// Where generated code finds this crate, such as `::my_framework::grpc`: `::grpc_sansio`, unless told otherwise.
    pub fn runtime_path(mut self, path: impl Into<String>) -> Self {
        self.runtime = path.into();
        self
    }

    /// Uses a type that is there already for a message, or a module for a package: nothing is generated for them. With a
    /// codec of your own, that is how messages of another library come into services.
    pub fn extern_path(mut self, proto: impl Into<String>, rust: impl Into<String>) -> Self {
        self.prost.extern_path(proto, rust);
        self
    }

    /// Puts an attribute before messages, enums and oneofs: those at a path, those of a package, or all (`.`).
    pub fn type_attribute(mut self, path: impl AsRef<str>, attribute: impl AsRef<str>) -> Self {
        self.prost.type_attribute(path, attribute);
        self
    }

    /// Everything else that `prost-build` can be told about messages.
    pub fn prost(mut self, change: impl FnOnce(&mut prost_build::Config)) -> Self {
        change(&mut self.prost);
        self
    }

    /// Where files are written, instead of `OUT_DIR`. They then include each other by their names.
    pub fn out_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.out_dir = Some(path.into());
        self
    }

    /// Reads files and writes code: `protos.rs` with a module for each package, which
    /// [`include_protos!`](crate::include_protos) includes, and `descriptors.bin`, a `google.protobuf.FileDescriptorSet`
    /// with all files and their imports. `includes` are the folders that imports are looked for in, as `protoc -I` has them.
    ///
    /// Tells Cargo to do it again when one of the files has changed.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong with a file, with its place: nothing is written then.
    pub fn compile(self, protos: &[impl AsRef<Path>], includes: &[impl AsRef<Path>]) -> Result<(), Error> {
        let in_cargo = self.out_dir.is_none();
        let folder = match &self.out_dir {
            Some(folder) => folder.clone(),
            None => env::var_os("OUT_DIR").map(PathBuf::from).ok_or(Error::NoOutDir)?,
        };
        let generated = self.generate(protos, includes);
        if in_cargo {
            // A broken file as well: Cargo looks at it again when it was mended.
            let read = generated.as_ref().map_or_else(|_| Vec::new(), |generated| generated.sources.clone());
            announce(protos.iter().map(|path| path.as_ref().to_path_buf()).chain(read));
        }
        let generated = generated?;
        for (name, text) in &generated.files {
            write(&folder.join(name), text.as_bytes())?;
        }
        write(&folder.join("descriptors.bin"), &generated.descriptors)
    }

    /// As [`Config::compile`], but into memory: for generators that are no build scripts.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn generate(self, protos: &[impl AsRef<Path>], includes: &[impl AsRef<Path>]) -> Result<Generated, Error> {
        let protos: Vec<_> = protos.iter().map(AsRef::as_ref).collect();
        let includes: Vec<_> = includes.iter().map(AsRef::as_ref).collect();
        generate::generate(self, &protos, &includes)
    }

    /// Whether files are included by `OUT_DIR`, and not by their names.
    pub(super) fn in_out_dir(&self) -> bool {
        self.out_dir.is_none()
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("tokio", &self.tokio)
            .field("mio", &self.mio)
            .field("blocking", &self.blocking)
            .field("client", &self.client)
            .field("server", &self.server)
            .field("codec", &self.codec)
            .field("runtime", &self.runtime)
            .field("out_dir", &self.out_dir)
            .finish_non_exhaustive()
    }
}

/// Writes a file, unless it is the same already: whoever depends on it is not built again for nothing.
fn write(path: &Path, octets: &[u8]) -> Result<(), Error> {
    if fs::read(path).is_ok_and(|old| old == octets) {
        return Ok(());
    }
    fs::write(path, octets).map_err(|error| Error::Write { path: path.to_path_buf(), error })
}

/// Tells Cargo what the code was made of.
fn announce(sources: impl Iterator<Item = PathBuf>) {
    use io::Write as _;
    let lines: String =
        sources.map(|path| "cargo:rerun-if-changed=".to_string() + &path.to_string_lossy() + "\n").collect();
    // Where nobody listens, nobody is to be told.
    let _ = io::stdout().write_all(lines.as_bytes());
}
