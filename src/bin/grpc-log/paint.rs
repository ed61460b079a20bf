//! Colour, where it is wanted.

use std::io::IsTerminal;

/// When to paint.
#[derive(Clone, Copy, Debug)]
pub(crate) enum When {
    Auto,
    Always,
    Never,
}

/// What a colour stands for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Colour {
    Received,
    Sent,
    Event,
    Dim,
    Good,
    Warning,
    Bad,
}

pub(crate) struct Paint {
    on: bool,
}

impl Paint {
    /// <https://no-color.org>: set and not empty means no colour, whatever the value.
    pub(crate) fn new(when: When) -> Self {
        let wanted = || std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self {
            on: match when {
                When::Auto => std::io::stdout().is_terminal() && wanted(),
                When::Always => true,
                When::Never => false,
            },
        }
    }

    /// The text, painted. What is in it was escaped when it was written down, or is escaped here: a log cannot give orders
    /// to a terminal.
    pub(crate) fn text(&self, colour: Colour, text: &str) -> String {
        let text = harmless(text);
        if !self.on {
            return text;
        }
        let code = match colour {
            Colour::Received => "36",
            Colour::Sent => "35",
            Colour::Event => "34",
            Colour::Dim => "2",
            Colour::Good => "32",
            Colour::Warning => "33",
            Colour::Bad => "31",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// Without control characters, the ends of lines apart.
pub(crate) fn harmless(text: &str) -> String {
    let escape = |c: char| if c.is_control() && c != '\n' { c.escape_default().collect() } else { String::from(c) };
    text.chars().map(escape).collect()
}
