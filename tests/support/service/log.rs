//! The lines a process has written, and waiting for those to come.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::PATIENCE;

#[derive(Debug)]
pub struct Log(watch::Receiver<Vec<String>>);

/// Where the lines go in. The log has ended when this is dropped, and those who wait for more are told.
#[derive(Debug)]
pub struct Sink(watch::Sender<Vec<String>>);

impl Sink {
    /// Takes in what comes, to its end.
    pub async fn follow(self, pipe: impl AsyncRead + Unpin) {
        let mut lines = BufReader::new(pipe).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            self.0.send_modify(|lines| lines.push(line));
        }
    }

    /// Takes in what is written into a file, up to the line that says that the service is ready.
    pub async fn follow_until_ready(self, path: PathBuf) {
        let (mut file, mut text) = (File::open(path).unwrap(), String::new());
        while !text.lines().any(is_ready) {
            sleep(Duration::from_millis(1)).await;
            file.read_to_string(&mut text).unwrap();
            let written = text.rfind('\n').map_or("", |end| &text[..end]);
            self.0.send_replace(written.lines().map(str::to_owned).collect());
        }
    }
}

/// Whether this is the line that says that the cluster is usable.
pub fn is_ready(line: &str) -> bool {
    line.contains("ready") && (line.contains("endpoint=") || line.contains("\"endpoint\":"))
}

pub fn new() -> (Sink, Log) {
    let (sender, receiver) = watch::channel(Vec::new());
    (Sink(sender), Log(receiver))
}

impl Log {
    pub fn all(&self) -> Vec<String> {
        self.0.borrow().clone()
    }

    /// The first line that fits.
    pub async fn line(&self, fits: impl Fn(&str) -> bool) -> String {
        self.lines(1, fits).await.swap_remove(0)
    }

    /// The lines that fit, once there are so many. Panics with the whole log if it ends before, or
    /// if nothing comes for too long.
    pub async fn lines(&self, count: usize, fits: impl Fn(&str) -> bool) -> Vec<String> {
        let enough = |lines: &Vec<String>| lines.iter().filter(|line| fits(line)).count() >= count;
        let mut receiver = self.0.clone();
        let found = timeout(PATIENCE, receiver.wait_for(enough)).await;
        let found = found.unwrap_or_else(|_| panic!("the line that was waited for does not come:\n{self}"));
        let lines = found.unwrap_or_else(|_| panic!("the log ended without the line that was waited for:\n{self}"));
        lines.iter().filter(|line| fits(line)).cloned().collect()
    }

    /// Waits for the end of the log.
    pub async fn ended(&self) {
        let mut receiver = self.0.clone();
        let end = receiver.wait_for(|_| false);
        assert!(timeout(PATIENCE, end).await.is_ok(), "the log does not end:\n{self}");
    }
}

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.all().join("\n"))
    }
}
