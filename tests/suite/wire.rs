//! One connection to the service, spoken to byte by byte, for what a client library hides.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::given::job;
use crate::support::service::{PATIENCE, Service};

pub(crate) struct Wire {
    tcp: TcpStream,
    read: Vec<u8>,
}

/// One answer: its whole head, and its body by its announced length.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) head: String,
    pub(crate) body: String,
}

/// The head of a request to create a job, with this header that tells of the body.
pub(crate) fn create_head(framing: &str) -> String {
    format!(
        "POST /api/eks-create-job HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{framing}\r\n\r\n"
    )
}

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        self.head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_else(|| panic!("{}", self.head))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }
}

impl Wire {
    pub(crate) async fn connect(service: &Service) -> Self {
        Self::connect_to(service.address()).await
    }

    pub(crate) async fn connect_to(address: &str) -> Self {
        Self { tcp: TcpStream::connect(address).await.unwrap(), read: Vec::new() }
    }

    /// Connects from this address of the loopback network.
    pub(crate) async fn connect_from(source: &str, service: &Service) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(format!("{source}:0").parse().unwrap()).unwrap();
        Self { tcp: socket.connect(service.address().parse().unwrap()).await.unwrap(), read: Vec::new() }
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.tcp.write_all(text.as_bytes()).await.unwrap();
    }

    /// Says that nothing more will be sent, and goes on reading.
    pub(crate) async fn half_close(&mut self) {
        self.tcp.shutdown().await.unwrap();
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")).await;
        self.answer().await
    }

    /// Sends a whole request to create a job, and waits for nothing.
    pub(crate) async fn create(&mut self, name: &str) {
        let body = job(name).to_string();
        self.send(&(create_head(&format!("Content-Length: {}", body.len())) + &body)).await;
    }

    /// The next answer to anything but HEAD.
    pub(crate) async fn answer(&mut self) -> Answer {
        let head = self.head().await;
        let mut answer = Answer { head, body: String::new() };
        let length = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
        while self.read.len() < length {
            assert!(self.more().await, "the body ends early after {}", answer.head);
        }
        let body: Vec<u8> = self.read.drain(..length).collect();
        // Of what is compressed or a picture, nobody reads the text.
        let is_text = answer.header("content-encoding").is_none() && answer.header("content-type") != Some("image/png");
        answer.body = if is_text { String::from_utf8(body).unwrap() } else { String::new() };
        answer
    }

    /// The next head, with its blank line.
    pub(crate) async fn head(&mut self) -> String {
        loop {
            if let Some(end) = self.read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                return String::from_utf8(self.read.drain(..end + 4).collect()).unwrap();
            }
            assert!(self.more().await, "the connection ends within a head");
        }
    }

    /// Waits for the service to close the connection, with nothing more said on it.
    pub(crate) async fn closed(&mut self) {
        assert!(!self.more().await, "more comes: {}", String::from_utf8_lossy(&self.read));
        assert!(self.read.is_empty(), "{}", String::from_utf8_lossy(&self.read));
    }

    /// Waits for the service to close the connection, whatever it says before.
    pub(crate) async fn ended(&mut self) {
        while self.more().await {}
    }

    async fn more(&mut self) -> bool {
        let read = timeout(PATIENCE, self.tcp.read_buf(&mut self.read)).await;
        // A reset is an end, too.
        read.expect("the service says nothing").unwrap_or(0) > 0
    }
}
