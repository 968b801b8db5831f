//! The lines a process has written, and waiting for those to come.

use std::fmt;

use tokio::sync::watch;
use tokio::time::timeout;

use super::PATIENCE;

#[derive(Debug)]
pub struct Log(watch::Receiver<Vec<String>>);

/// Where the lines go in. The log has ended when this is dropped.
#[derive(Debug)]
pub struct Sink(watch::Sender<Vec<String>>);

impl Sink {
    pub fn push(&self, line: String) {
        self.0.send_modify(|lines| lines.push(line));
    }
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
