//! Prints the public items of a crate, one a line, from the JSON that rustdoc writes: `grpc-sansio-api FILE.json`.
//!
//! Left out is what every type has: blanket implementations, auto traits, and what `derive` makes.

use std::fs;
use std::process::ExitCode;

/// The format of the JSON that the library reads.
const FORMAT: u64 = 57;

/// What it needs cannot be had: the Rust that wrote the file is another.
const SKIP: u8 = 77;

fn main() -> ExitCode {
    let Some(file) = std::env::args().nth(1) else {
        eprintln!("usage: grpc-sansio-api FILE.json");
        return ExitCode::from(2);
    };
    let format = match fs::read_to_string(&file) {
        Ok(text) => format(&text),
        Err(error) => {
            eprintln!("{file}: {error}");
            return ExitCode::FAILURE;
        }
    };
    if format != Some(FORMAT) {
        eprintln!(
            "{file} is of format {format:?} and not {FORMAT}: another public-api in tests/api/Cargo.toml reads it"
        );
        return ExitCode::from(SKIP);
    }
    let listed = public_api::Builder::from_rustdoc_json(file)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true)
        .sorted(true)
        .build();
    match listed {
        Ok(api) => {
            api.items().for_each(|item| println!("{item}"));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// `"format_version":57` at the end of the text.
fn format(text: &str) -> Option<u64> {
    let (_, behind) = text.rsplit_once("\"format_version\":")?;
    let digits: String = behind.trim_start().chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}
