//! `sd_notify(3)`: readiness, status text and watchdog, as datagrams to `NOTIFY_SOCKET`. Owns the protocol only.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// Tells systemd what the service does; says nothing where no systemd listens.
#[derive(Debug)]
pub struct Notifier(Option<UnixDatagram>);

impl Notifier {
    pub fn from_environment() -> Self {
        let path = std::env::var("NOTIFY_SOCKET").unwrap_or_default();
        Self(connect(&path).filter(|_| !path.is_empty()))
    }

    /// Type=notify counts the unit as started from here on.
    pub fn ready(&self, status: &str) {
        self.send(&format!("READY=1\nSTATUS={}", one_line(status)));
    }

    /// The line that `systemctl status` shows.
    pub fn status(&self, status: &str) {
        self.send(&format!("STATUS={}", one_line(status)));
    }

    pub fn stopping(&self) {
        self.send("STOPPING=1\nSTATUS=draining: open requests finish, new ones are refused");
    }

    pub fn watchdog(&self) {
        self.send("WATCHDOG=1");
    }

    fn send(&self, message: &str) {
        if let Some(socket) = &self.0 {
            // Nothing sensible can be done if systemd does not read; it acts on the silence itself.
            let _ = socket.send(message.as_bytes());
        }
    }
}

/// How often to send [`Notifier::watchdog`]: half of what the unit's `WatchdogSec` allows, as `sd_watchdog_enabled(3)` advises.
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

/// A line feed would begin another assignment.
fn one_line(text: &str) -> String {
    text.replace(|c: char| c.is_control(), " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notifications_arrive_as_assignments_and_no_status_can_forge_one() {
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
    fn without_systemd_nothing_is_sent_and_nothing_fails() {
        Notifier(connect("/nonexistent/notify")).ready("listening");
    }
}
