//! Looks at event logs of `grpc-sansio`: shows, sums up, replays and masks them. docs/debugging.md goes with it.

mod args;
mod paint;
mod show;
mod streams;
mod summary;
mod windows;

use args::{Args, Command};
use grpc_sansio::event_log::Log;
use paint::{Colour, Paint};
use std::io::{self, Read as _, Write};
use std::process::ExitCode;

/// The log is not whole, or a replay was different.
const BAD: u8 = 1;
/// The program was not told what to do, or the log cannot be read at all.
const USAGE: u8 = 2;
/// There is no such call, or stream.
const NOT_THERE: u8 = 3;

fn main() -> ExitCode {
    let args = match args::parse(std::env::args().skip(1)) {
        Ok(Some(args)) => args,
        Ok(None) => {
            println!("{}", args::USAGE);
            return ExitCode::SUCCESS;
        }
        Err(wrong) => {
            eprintln!("grpc-log: {wrong}\n\n{}", args::USAGE);
            return ExitCode::from(USAGE);
        }
    };
    let octets = match read(&args.file) {
        Ok(octets) => octets,
        Err(error) => {
            let file = if args.file == STDIN { "standard input" } else { &args.file };
            eprintln!("grpc-log: {file}: {error}");
            return ExitCode::from(USAGE);
        }
    };
    match run(&args, &Log::parse(&octets), &mut io::stdout().lock()) {
        Ok(code) => ExitCode::from(code),
        // Whoever read it, such as `head`, has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("grpc-log: {error}");
            ExitCode::from(USAGE)
        }
    }
}

/// The name of standard input.
const STDIN: &str = "-";

fn read(file: &str) -> io::Result<Vec<u8>> {
    if file != STDIN {
        return std::fs::read(file);
    }
    let mut octets = Vec::new();
    io::stdin().lock().read_to_end(&mut octets)?;
    Ok(octets)
}

fn run(args: &Args, log: &Log, out: &mut impl Write) -> io::Result<u8> {
    let paint = Paint::new(args.colour);
    match &args.command {
        Command::Show { filter, all } => {
            let found = show::show(log, filter, *all, &paint, out)?;
            let code = faults(log, &paint, out)?;
            Ok(if found { code } else { NOT_THERE })
        }
        Command::Summary => {
            summary::print(log, &paint, out)?;
            faults(log, &paint, out)
        }
        Command::Mask(mask) => {
            if log.header.is_some() {
                log.write_masked(mask, &mut *out)?;
            }
            // What is written is the log, so this goes beside it.
            let code = faults(log, &paint, &mut io::stderr().lock())?;
            if code != 0 && log.header.is_some() {
                let all = "it has all lines".to_owned();
                let extent = log.gap().map_or(all, |fault| format!("it ends before line {}", fault.line));
                eprintln!("the copy says so in its first line; {extent}");
            }
            Ok(code)
        }
        Command::Replay => replay(log, &paint, out),
    }
}

fn replay(log: &Log, paint: &Paint, out: &mut impl Write) -> io::Result<u8> {
    match log.replay() {
        Ok(replayed) => {
            let well = log.faults.is_empty();
            let colour = if well { Colour::Good } else { Colour::Warning };
            let text = format!(
                "replayed: {} verbs, {} octets transmitted, all as in the log",
                replayed.verbs, replayed.transmitted
            );
            writeln!(out, "{}", paint.text(colour, &text))?;
            if let Some(fault) = &replayed.stopped_at {
                writeln!(out, "no further, since what follows is not all there is")?;
                debug_assert!(log.faults.contains(fault));
            }
            faults(log, paint, out)
        }
        Err(error) => {
            writeln!(out, "{}", paint.text(Colour::Bad, &format!("not replayed: {error}")))?;
            // A log that somebody has changed is no sign of a fault in the engine.
            faults(log, paint, out)?;
            Ok(BAD)
        }
    }
}

/// Says what is wrong with the log; of what is none at all only why it is none.
fn faults(log: &Log, paint: &Paint, out: &mut impl Write) -> io::Result<u8> {
    let most = if log.header.is_some() { usize::MAX } else { 1 };
    for fault in log.faults.iter().take(most) {
        writeln!(out, "{}", paint.text(Colour::Bad, &fault.to_string()))?;
    }
    Ok(if log.faults.is_empty() { 0 } else { BAD })
}
