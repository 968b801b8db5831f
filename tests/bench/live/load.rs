//! Load on one thread: keep-alive connections that each send the next request when the last is answered. It does next to
//! nothing with a reply but find its end, so that the server is what is measured.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Requests answered per second, by this many connections that take these in turn.
pub(crate) async fn rate(address: &str, requests: &'static [String], connections: usize, time: Duration) -> f64 {
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for number in 0..connections {
        let address = address.to_owned();
        tasks.spawn(async move {
            let mut connection = Connection::open(&address).await;
            let (mut answered, mut next) = (0_u32, number * 7919);
            while started.elapsed() < time {
                connection.send_whole(&requests[next % requests.len()]).await;
                let (status, _) = connection.reply().await;
                assert_eq!(status, 200);
                answered += 1;
                next += connections * 7919 + 1;
            }
            answered
        });
    }
    let mut answered = 0;
    while let Some(count) = tasks.join_next().await {
        answered += count.unwrap();
    }
    f64::from(answered) / started.elapsed().as_secs_f64()
}

/// A connection, one request at a time.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    host: String,
}

impl Connection {
    pub(crate) async fn open(address: &str) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, buffer: Vec::with_capacity(16 << 10), host: address.to_owned() }
    }

    pub(crate) async fn send(&mut self, path: &str, header: &str) {
        let request = request(&self.host, path, header);
        self.send_whole(&request).await;
    }

    async fn send_whole(&mut self, request: &str) {
        self.stream.write_all(request.as_bytes()).await.unwrap();
    }

    /// The status and the size of the body of the next reply.
    pub(crate) async fn reply(&mut self) -> (u16, usize) {
        self.buffer.clear();
        let mut head = None;
        loop {
            assert_ne!(self.stream.read_buf(&mut self.buffer).await.unwrap(), 0, "the connection was closed");
            if head.is_none() {
                head = find(&self.buffer, b"\r\n\r\n").map(|end| (end + 4, length(&self.buffer[..end])));
            }
            if let Some((begin, length)) = head
                && self.buffer.len() >= begin + length
            {
                let status = std::str::from_utf8(&self.buffer[9..12]).unwrap().parse().unwrap();
                return (status, length);
            }
        }
    }

    /// Reads on until this comes.
    pub(crate) async fn read_until(&mut self, text: &str) {
        self.buffer.clear();
        while find(&self.buffer, text.as_bytes()).is_none() {
            assert_ne!(self.stream.read_buf(&mut self.buffer).await.unwrap(), 0, "the stream has ended");
        }
    }
}

/// A request, with further header lines if there are any.
pub(crate) fn request(host: &str, path: &str, header: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n{header}\r\n")
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    let (first, mut from) = (wanted[0], 0);
    while let Some(at) = bytes[from..].iter().position(|byte| *byte == first) {
        if bytes[from + at..].starts_with(wanted) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

fn length(head: &[u8]) -> usize {
    const NAME: &[u8] = b"content-length: ";
    let Some(at) = find(head, NAME) else { return 0 };
    let digits = head[at + NAME.len()..].iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |number, digit| number * 10 + usize::from(digit - b'0'))
}
