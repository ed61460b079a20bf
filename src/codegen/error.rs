//! Why nothing was generated.

use std::borrow::ToOwned;
use std::fmt;
use std::format;
use std::io;
use std::path::{Path, PathBuf};
use std::string::{String, ToString};

/// Why a `.proto` file could not be made into code.
///
/// It reads the same by `Display` and by `Debug`, so a build script that returns it from `main` fails with the file, the
/// line, the column and the reason.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file is not protocol buffers, names what is not there, or cannot be read. The text begins with `FILE:LINE:COLUMN`
    /// where there is a place to name.
    #[error("{0}")]
    Proto(String),
    /// Two names of a file are one in Rust.
    #[error("{file}: {what}")]
    Name {
        /// The package, service or file.
        file: String,
        /// Which names, and what they would both be.
        what: String,
    },
    /// A path or type that was set is not Rust.
    #[error("{option} is set to `{value}`, which is not a Rust path")]
    Option {
        /// The function of [`Config`](super::Config).
        option: &'static str,
        /// What it was given.
        value: String,
    },
    /// The code would be no Rust: something that was set is not, such as an attribute or the path of a field's type.
    #[error("{file} would not be Rust: {reason}; look at the attributes and paths that were set")]
    Code {
        /// The generated file.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file could not be written.
    #[error("{}: {error}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the operating system reports.
        error: io::Error,
    },
    /// `OUT_DIR` is not set, as it is while Cargo runs `build.rs`, and no other folder was named.
    #[error("there is no OUT_DIR: call this from build.rs, or set Config::out_dir")]
    NoOutDir,
    /// The messages could not be generated.
    #[error("{0}")]
    Messages(io::Error),
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error {
    /// What is wrong with a file, which lies in one of these folders.
    pub(super) fn proto(error: &protox::Error, includes: &[&Path]) -> Self {
        // Its `Debug` has the place in front of what `Display` says, and begins with the file's name where it has one.
        let text = format!("{error:?}");
        Self::Proto(match error.file().map(|name| (name, text.strip_prefix(name))) {
            Some((name, Some(rest))) => place(name, includes) + rest,
            _ => text,
        })
    }
}

/// Where a file lies that others know by its name in one of these folders: what an editor can open.
pub(super) fn place(name: &str, includes: &[&Path]) -> String {
    let found = includes.iter().map(|include| include.join(name)).find(|path| path.exists());
    found.map_or_else(|| name.to_owned(), |path| path.display().to_string())
}
