//! Event logs of a program's connections, in the directory that `EVENT_LOG_DIR` names, if it does.

use grpc_sansio::event_log::EventLog;
use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// Starts a log `program-PROCESS-NUMBER.jsonl` for each connection.
pub(crate) fn start(program: &'static str) -> impl Fn() -> Option<EventLog> + Send + Sync {
    let directory = std::env::var_os("EVENT_LOG_DIR").map(PathBuf::from);
    let connections = AtomicU32::new(0);
    move || {
        let number = connections.fetch_add(1, Ordering::Relaxed);
        let name = format!("{program}-{}-{number}.jsonl", std::process::id());
        File::create(directory.as_ref()?.join(name)).ok().map(EventLog::new)
    }
}
