//! What the program is told on its command line.

use crate::paint::When;
use grpc_sansio::event_log::Mask;

pub(crate) const USAGE: &str = "\
grpc-log: looks at event logs of grpc-sansio

  grpc-log [show] FILE [--call N] [--stream N] [--all]   verbs, events and frames, of one call or all
  grpc-log summary FILE                                  what became of each call, and of the connection
  grpc-log replay FILE                                   does it all again, and says where it differs
  grpc-log mask FILE [--name NAME]... [--binary] [--texts] [--messages]
                                                         writes a log that can be shared to standard output: without
                                                         authorization, cookie, proxy-authorization, set-cookie, what was
                                                         marked sensitive, NAMEs, with --binary names that end in -bin,
                                                         with --texts the texts of statuses, of GOAWAY and of reasons,
                                                         and without messages unless --messages is given

  FILE                        - is standard input
  --all                       shows verbs that came to nothing too
  --color auto|always|never   auto is: on a terminal, unless NO_COLOR is set

Exit status: 0 the log is whole, 1 it is not or a replay differs, 2 it cannot be read, 3 it has no such call or stream.";

/// What to do, with what.
pub(crate) struct Args {
    pub(crate) command: Command,
    pub(crate) file: String,
    pub(crate) colour: When,
}

pub(crate) enum Command {
    Show { filter: Filter, all: bool },
    Summary,
    Replay,
    Mask(Mask),
}

/// What is shown.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Filter {
    pub(crate) call: Option<u32>,
    pub(crate) stream: Option<u32>,
}

impl Filter {
    pub(crate) fn is_open(&self) -> bool {
        self.call.is_none() && self.stream.is_none()
    }
}

/// `None` where help is wanted.
pub(crate) fn parse(args: impl Iterator<Item = String>) -> Result<Option<Args>, String> {
    let mut words = Vec::new();
    let (mut filter, mut all, mut colour) = (Filter::default(), false, When::Auto);
    let (mut mask, mut masks) = (Mask::new(), None);
    let mut filters = None;
    let mut args = args.peekable();
    while let Some(arg) = args.next() {
        let (name, joined) = match arg.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name.to_owned(), Some(value.to_owned())),
            _ => (arg, None),
        };
        let mut value = || joined.clone().or_else(|| args.next()).ok_or_else(|| format!("{name} needs a value"));
        match name.as_str() {
            "-h" | "--help" => return Ok(None),
            "--call" => (filter.call, filters) = (Some(number(&name, &value()?)?), Some("--call")),
            "--stream" => (filter.stream, filters) = (Some(number(&name, &value()?)?), Some("--stream")),
            "--all" => (all, filters) = (true, Some("--all")),
            "--name" => (mask, masks) = (mask.name(&value()?), Some("--name")),
            "--binary" => (mask, masks) = (mask.binary(), Some("--binary")),
            "--texts" => (mask, masks) = (mask.hide_texts(), Some("--texts")),
            "--messages" => (mask, masks) = (mask.show_messages(), Some("--messages")),
            "--color" | "--colour" => {
                colour = match value()?.as_str() {
                    "auto" => When::Auto,
                    "always" => When::Always,
                    "never" => When::Never,
                    other => return Err(format!("--color is auto, always or never, not {other}")),
                }
            }
            _ if name.starts_with('-') && name.len() > 1 => return Err(format!("there is no option {name}")),
            _ => words.push(name),
        }
    }
    let (command, file) = match <[String; 2]>::try_from(words) {
        Ok([command, file]) => (command, file),
        Err(words) => match <[String; 1]>::try_from(words) {
            Ok([file]) => ("show".to_owned(), file),
            Err(_) => return Err("which log?".to_owned()),
        },
    };
    let refuse = |option: Option<&str>| match option {
        Some(option) => Err(format!("{option} means nothing to {command}")),
        None => Ok(()),
    };
    let command = match command.as_str() {
        "show" => refuse(masks).map(|()| Command::Show { filter, all })?,
        "summary" => refuse(masks.or(filters)).map(|()| Command::Summary)?,
        "replay" => refuse(masks.or(filters)).map(|()| Command::Replay)?,
        "mask" => refuse(filters).map(|()| Command::Mask(mask))?,
        other => return Err(format!("there is no command {other}")),
    };
    Ok(Some(Args { command, file, colour }))
}

fn number(name: &str, value: &str) -> Result<u32, String> {
    value.parse().map_err(|_| format!("{name} needs a number, not {value}"))
}
