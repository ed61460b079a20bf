//! Command line flags as the interop programs of all languages take them: `--name value` or `--name=value`.

use std::collections::HashMap;

/// The flags of one command line, by name.
pub(crate) struct Flags(HashMap<String, String>);

impl Flags {
    /// Reads the command line of a program that takes the flags of those names.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in one line.
    pub(crate) fn read(names: &[&str]) -> Result<Self, String> {
        let mut flags = HashMap::new();
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let Some(flag) = argument.strip_prefix("--") else {
                return Err(format!("{argument}: flags begin with --"));
            };
            let (name, value) = match flag.split_once('=') {
                Some((name, value)) => (name, Some(value.to_string())),
                None => (flag, None),
            };
            if !names.contains(&name) {
                return Err(format!("there is no flag --{name}"));
            }
            let value = value.or_else(|| arguments.next()).ok_or_else(|| format!("--{name} needs a value"))?;
            if flags.insert(name.to_string(), value).is_some() {
                return Err(format!("--{name} is given twice"));
            }
        }
        Ok(Self(flags))
    }

    /// Whether TLS is to be spoken.
    ///
    /// # Errors
    ///
    /// As [`Flags::read`].
    pub(crate) fn use_tls(&self) -> Result<bool, String> {
        match self.get("use_tls") {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(other) => Err(format!("--use_tls {other}: it is true or false")),
        }
    }

    /// A flag that must be there.
    ///
    /// # Errors
    ///
    /// As [`Flags::read`].
    pub(crate) fn needed(&self, name: &str) -> Result<&str, String> {
        self.get(name).ok_or_else(|| format!("--{name} is missing"))
    }

    /// The value of a flag that was given.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The port in the flag of that name.
    ///
    /// # Errors
    ///
    /// As [`Flags::read`].
    pub(crate) fn port(&self, name: &str) -> Result<Option<u16>, String> {
        let parse =
            |value: &str| value.parse().map_err(|_| format!("--{name} {value}: a port is a number up to 65535"));
        self.get(name).map(parse).transpose()
    }
}
