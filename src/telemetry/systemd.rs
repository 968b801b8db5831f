//! Notifies systemd of readiness, status and liveness (`sd_notify(3)`): [`Notifier`].

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use crate::util::text::printable;

/// Sends datagrams to `NOTIFY_SOCKET`. Without it nothing is sent.
#[derive(Debug)]
pub struct Notifier(Option<UnixDatagram>);

impl Notifier {
    pub fn from_environment() -> Self {
        let path = std::env::var("NOTIFY_SOCKET").unwrap_or_default();
        Self(connect(&path).filter(|_| !path.is_empty()))
    }

    /// With Type=notify the unit counts as started now.
    pub fn ready(&self, status: &str) {
        self.send(&format!("READY=1\nSTATUS={}", printable(status)));
    }

    /// Sets the line that `systemctl status` shows.
    pub fn status(&self, status: &str) {
        self.send(&format!("STATUS={}", printable(status)));
    }

    pub fn stopping(&self) {
        self.send("STOPPING=1\nSTATUS=draining: open requests finish, new requests are refused");
    }

    pub fn watchdog(&self) {
        self.send("WATCHDOG=1");
    }

    fn send(&self, message: &str) {
        if let Some(socket) = &self.0 {
            // If systemd does not read, its watchdog acts on the missing notifications.
            let _ = socket.send(message.as_bytes());
        }
    }
}

/// Returns the interval for [`Notifier::watchdog`]: half of the unit's `WatchdogSec`, as `sd_watchdog_enabled(3)` advises.
pub fn watchdog_interval() -> Option<Duration> {
    let variable = |name| std::env::var(name).ok();
    if variable("WATCHDOG_PID").is_some_and(|pid| pid != std::process::id().to_string()) {
        return None;
    }
    let micros = variable("WATCHDOG_USEC")?.parse().ok().filter(|micros| *micros > 0)?;
    Some(Duration::from_micros(micros) / 2)
}

fn connect(path: &str) -> Option<UnixDatagram> {
    let address = match path.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(path),
    };
    let socket = UnixDatagram::unbound().ok()?;
    socket.set_nonblocking(true).ok()?;
    socket.connect_addr(&address.ok()?).ok()?;
    Some(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_cannot_forge_an_assignment() {
        let name = format!("eks-api-test-{}", std::process::id());
        let receiver = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        let notifier = Notifier(connect(&format!("@{name}")));
        notifier.ready("listening\nMAINPID=1");
        notifier.stopping();
        let mut buffer = [0; 256];
        let mut next = || {
            let length = receiver.recv(&mut buffer).unwrap();
            String::from_utf8(buffer[..length].to_vec()).unwrap()
        };
        assert_eq!(next(), "READY=1\nSTATUS=listening MAINPID=1");
        assert!(next().starts_with("STOPPING=1\n"));
    }

    #[test]
    fn without_systemd_nothing_is_sent() {
        Notifier(connect("/nonexistent/notify")).ready("listening");
    }
}
