//! Names of `.proto` files as names of Rust.

use super::error::{Error, place};
use heck::{ToShoutySnakeCase, ToSnakeCase, ToUpperCamelCase};
use prost_types::FileDescriptorSet;
use std::collections::BTreeMap;
use std::format;
use std::path::Path;
use std::string::String;

/// The module of a service.
pub(super) fn module(service: &str) -> String {
    format!("{}_rpc", service.to_snake_case())
}

/// The descriptor of a method.
pub(super) fn descriptor(method: &str) -> String {
    match method.to_shouty_snake_case() {
        // Those that stand beside it.
        name if name == "NAME" || name == "METHODS" => name + "_",
        name => name,
    }
}

/// A type or a variant.
pub(super) fn camel(name: &str) -> String {
    match name.to_upper_camel_case() {
        name if name == "Self" => name + "_",
        name => name,
    }
}

/// A function, as text that may need to become a raw identifier.
pub(super) fn function(method: &str, taken: &[&str]) -> String {
    match method.to_snake_case() {
        name if taken.contains(&&*name) => name + "_",
        // Not even raw identifiers may be called so.
        name if ["self", "super", "crate", "extern"].contains(&&*name) => name + "_",
        name => name,
    }
}

/// Fails where two names would be one.
pub(super) fn check(files: &FileDescriptorSet, includes: &[&Path]) -> Result<(), Error> {
    let mut modules = BTreeMap::new();
    for file in &files.file {
        let package = file.package();
        for service in &file.service {
            let module = module(service.name());
            if let Some(other) = modules.insert((package, module.clone()), service.name()) {
                let what =
                    format!("the services `{other}` and `{}` would both be the module `{module}`", service.name());
                return Err(Error::Name { file: place(file.name(), includes), what });
            }
            let mut functions = BTreeMap::new();
            for method in &service.method {
                let function = method.name().to_snake_case();
                if let Some(other) = functions.insert(function.clone(), method.name()) {
                    let what = format!(
                        "the methods `{other}` and `{}` of service `{}` would both be the function `{function}`",
                        method.name(),
                        service.name()
                    );
                    return Err(Error::Name { file: place(file.name(), includes), what });
                }
            }
        }
    }
    Ok(())
}
