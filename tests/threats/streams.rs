//! 1A: floods of streams that begin and end.

use crate::meter::check;
use grpc_sansio::frame::ErrorCode;

/// CVE-2023-44487: requests that are reset at once.
#[test]
fn t_01_rapid_reset() {
    let outcome = check("t_01_rapid_reset");
    outcome.ends(ErrorCode::ENHANCE_YOUR_CALM, "reset_burst");
    assert_eq!(outcome.report.turns, 10_001);
    assert_eq!(outcome.report.most_calls, 0);
}

/// The same where handlers do not notice: what they hold counts against the client.
#[test]
fn t_01_rapid_reset_of_slow_handlers() {
    let outcome = check("t_01_rapid_reset_of_slow_handlers");
    outcome.ends(ErrorCode::ENHANCE_YOUR_CALM, "reset_burst");
    assert_eq!((outcome.report.most_calls, outcome.report.shown), (200, 200));
}
