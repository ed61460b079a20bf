//! Options of TCP sockets.

use core::time::Duration;

/// G-215, gRFC A18: how long octets may wait for an acknowledgement before the system itself gives the connection up. It notices
/// what keepalive notices, and sooner where something was sent.
#[cfg(target_os = "linux")]
pub(super) fn set_user_timeout(socket: &impl std::os::fd::AsFd, timeout: Option<Duration>) {
    if timeout.is_some() {
        // Keepalive does it without the system, too.
        let _ = socket2::SockRef::from(socket).set_tcp_user_timeout(timeout);
    }
}

/// Other systems have no such option.
#[cfg(not(target_os = "linux"))]
pub(super) fn set_user_timeout<S>(_: &S, _: Option<Duration>) {}
