//! Shows the progress of a run on stderr: [`Progress`]. On a terminal it is one line that is updated, else a line for each
//! event.

use std::cell::RefCell;
use std::future::Future;
use std::io::{self, IsTerminal, Write};
use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, interval};

use crate::util::text::printable;

#[derive(Debug)]
pub struct Progress {
    is_live: bool,
    is_quiet: bool,
    started: Instant,
    /// The text of the live line; empty if there is none.
    state: RefCell<String>,
}

impl Progress {
    /// A quiet run shows only the log of a job that failed.
    pub fn of_stderr(is_quiet: bool) -> Self {
        let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        let is_live = io::stderr().is_terminal() && !is_dumb && !is_quiet;
        Self { is_live, is_quiet, started: Instant::now(), state: RefCell::default() }
    }

    /// Writes a line that stays on the screen.
    pub fn note(&self, text: &str) {
        if !self.is_quiet {
            self.write(&format!("{}eks-api: {}\n", self.erase(), printable(text)));
            self.draw();
        }
    }

    /// Writes the end of the log of a job that failed.
    pub fn show_log(&self, log: &str) {
        const MAX_LEN: usize = 64 << 10;
        let from = log.ceil_char_boundary(log.len().saturating_sub(MAX_LEN));
        let lines: String = log[from..].lines().flat_map(|line| [printable(line), "\n".to_owned()]).collect();
        if !lines.is_empty() {
            self.write(&format!("eks-api: the last lines of the log:\n{lines}"));
        }
    }

    /// Shows the current state until it changes.
    pub fn state(&self, text: &str) {
        if self.state.borrow().as_str() == text {
            return;
        }
        self.live(text);
        if !self.is_live && !self.is_quiet {
            self.write(&format!("eks-api: {}\n", printable(text)));
        }
    }

    /// Shows a state on a terminal only.
    pub fn live(&self, text: &str) {
        *self.state.borrow_mut() = printable(text);
        self.draw();
    }

    /// Erases the live line, before the log is written to the terminal.
    pub fn clear(&self) {
        if self.is_live && !self.state.take().is_empty() {
            self.write(self.erase());
        }
    }

    /// Updates the time of the live line while `work` runs.
    pub async fn during<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        if !self.is_live {
            return work.await;
        }
        let mut tick = interval(Duration::from_secs(1));
        loop {
            tokio::select! {
                done = &mut work => return done,
                _ = tick.tick() => self.draw(),
            }
        }
    }

    fn draw(&self) {
        let state = self.state.borrow();
        if self.is_live && !state.is_empty() {
            let seconds = self.started.elapsed().as_secs();
            self.write(&format!("{}eks-api: {state} ({}:{:02})", self.erase(), seconds / 60, seconds % 60));
        }
    }

    const fn erase(&self) -> &'static str {
        if self.is_live { "\r\x1b[K" } else { "" }
    }

    #[allow(clippy::unused_self, reason = "only a Progress writes to stderr")]
    fn write(&self, text: &str) {
        // If stderr is closed, the exit code is all there is.
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }
}
