//! Sends entries with fields to journald by its native protocol (<https://systemd.io/JOURNAL_NATIVE_PROTOCOL/>):
//! [`Journal`] and [`Entry`].

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;

use crate::telemetry::log::is_journal;

/// The socket of journald. For a unit with `LogNamespace=` systemd mounts the namespace's socket here.
const SOCKET: &str = "/run/systemd/journal/socket";

#[derive(Debug)]
pub struct Journal {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Journal {
    /// Returns the journal if stderr is connected to it.
    pub fn of_stderr() -> io::Result<Option<Self>> {
        is_journal().then(|| Self::at(SOCKET)).transpose()
    }

    pub fn at(path: impl Into<PathBuf>) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        // A full socket is an error. The caller does not wait.
        socket.set_nonblocking(true)?;
        Ok(Self { socket, path: path.into() })
    }

    /// Sends to the path, because a connected socket would fail after journald restarts.
    pub fn send(&self, entry: &Entry) -> io::Result<()> {
        self.socket.send_to(&entry.0, &self.path).map(drop)
    }
}

/// The fields of an entry, in the format of the protocol.
#[derive(Debug, Default)]
pub struct Entry(Vec<u8>);

impl Entry {
    /// Adds a field. The name must have only capitals, digits and `_`, and begin with a letter; journald drops others. The
    /// value may have any characters.
    pub fn push(&mut self, name: &str, value: &str) {
        self.0.extend_from_slice(name.as_bytes());
        if value.contains('\n') {
            // A line feed would begin another field, so the value is sent with its length.
            self.0.push(b'\n');
            self.0.extend_from_slice(&(value.len() as u64).to_le_bytes());
        } else {
            self.0.push(b'=');
        }
        self.0.extend_from_slice(value.as_bytes());
        self.0.push(b'\n');
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn entry(fields: &[(&str, &str)]) -> Entry {
        let mut entry = Entry::default();
        for (name, value) in fields {
            entry.push(name, value);
        }
        entry
    }

    /// Returns an unused path.
    fn path(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("eks-api-journal-{name}-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        path
    }

    fn received(receiver: &UnixDatagram) -> Vec<u8> {
        let mut buffer = [0; 256];
        let length = receiver.recv(&mut buffer).unwrap();
        buffer[..length].to_vec()
    }

    #[test]
    fn a_field_is_one_line_with_name_and_value() {
        let sent = entry(&[("MESSAGE", "a = b"), ("PRIORITY", "6"), ("EMPTY", "")]);
        assert_eq!(sent.as_bytes(), b"MESSAGE=a = b\nPRIORITY=6\nEMPTY=\n");
    }

    #[test]
    fn a_value_with_line_feeds_cannot_forge_a_field() {
        let sent = entry(&[("CALLER", "a\nUID=0\n"), ("UID", "7")]);
        assert_eq!(sent.as_bytes(), b"CALLER\n\x08\0\0\0\0\0\0\0a\nUID=0\n\nUID=7\n");
    }

    #[test]
    fn an_entry_is_one_datagram_also_after_a_restart_of_journald() {
        let path = path("anew");
        let journal = Journal::at(&path).unwrap();
        for number in ["1", "2"] {
            let receiver = UnixDatagram::bind(&path).unwrap();
            journal.send(&entry(&[("MESSAGE", "told"), ("NUMBER", number)])).unwrap();
            assert_eq!(received(&receiver), format!("MESSAGE=told\nNUMBER={number}\n").as_bytes());
            drop(receiver);
            std::fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn a_missing_journald_is_an_error() {
        let sent = Journal::at(Path::new("/nonexistent/socket")).unwrap().send(&entry(&[("MESSAGE", "lost")]));
        assert_eq!(sent.unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_journald_that_does_not_read_is_an_error() {
        let path = path("full");
        let _receiver = UnixDatagram::bind(&path).unwrap();
        let journal = Journal::at(&path).unwrap();
        let told = entry(&[("MESSAGE", &"x".repeat(1000))]);
        let refused = (0..100_000).find_map(|_| journal.send(&told).err());
        assert_eq!(refused.unwrap().kind(), io::ErrorKind::WouldBlock);
        std::fs::remove_file(&path).unwrap();
    }
}
