//! Event logs, as somebody may have spoilt them.
//!
//! * Any octets are read without a panic, and what is wrong is said of a line that is there, in their order.
//! * What is masked is whole as far as it goes, says whether the original was, hides what it says, and does not replay.
//! * A log with the usual limits is replayed without a panic, to its end or to a difference.

use grpc_sansio::event_log::{Fault, Log, Mask, ReplayError, Wrong};

/// Any octets.
pub fn run(data: &[u8]) {
    let log = Log::parse(data);
    let lines = data.split(|octet| *octet == b'\n').count();
    assert!(log.faults.iter().all(|fault| (1..=lines).contains(&fault.line)));
    assert!(log.faults.is_sorted_by_key(|fault| fault.line));
    assert!(log.entries.is_sorted_by_key(|(line, _)| *line));
    assert!(log.header.is_some() || !log.faults.is_empty());
    // A line is an entry or not, and says what is wrong with it, with its number and with its time.
    assert!(log.entries.len() <= lines && log.faults.len() <= 3 * lines + 3, "{} faults", log.faults.len());

    let mut masked = Vec::new();
    match log.write_masked(&Mask::new().binary(), &mut masked) {
        Ok(()) => {
            let again = Log::parse(&masked);
            let is_copy = |fault: &Fault| matches!(fault.what, Wrong::CopyOfDamaged(_));
            assert!(
                again.faults.iter().all(|fault| fault.what == Wrong::NoEnd || is_copy(fault)),
                "{:?}",
                again.faults
            );
            let damaged = log.faults.iter().any(|fault| fault.what != Wrong::NoEnd);
            assert_eq!(again.faults.iter().any(is_copy), damaged, "a copy says what it is a copy of");
            assert_eq!(again.replay(), Err(ReplayError::Masked));
            let mut twice = Vec::new();
            again.write_masked(&Mask::new().binary(), &mut twice).expect("a log");
            assert_eq!(masked, twice, "nothing is left to be masked");
        }
        Err(_) => assert!(log.header.is_none()),
    }
    // Limits are the user's own: whoever sets them beyond what a machine has gets what was asked for.
    let usual = serde_json::to_value(grpc_sansio::Limits::default()).expect("limits");
    if log.header.as_ref().is_some_and(|header| header.config.get("limits") == Some(&usual)) {
        let _ = log.replay();
    }
}
