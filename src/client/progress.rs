//! What is told of a run on stderr: on a terminal one line that is kept up to date, in a pipe a plain line for each thing
//! that happens.

use std::cell::RefCell;
use std::future::Future;
use std::io::{self, IsTerminal, Write};
use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, interval};

use crate::client::exit::printable;

#[derive(Debug)]
pub struct Progress {
    is_live: bool,
    is_quiet: bool,
    started: Instant,
    /// What the live line says; empty if there is none.
    state: RefCell<String>,
}

impl Progress {
    /// A quiet one says nothing of a run that goes well.
    pub fn of_stderr(is_quiet: bool) -> Self {
        let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        let is_live = io::stderr().is_terminal() && !is_dumb && !is_quiet;
        Self { is_live, is_quiet, started: Instant::now(), state: RefCell::default() }
    }

    /// Something that happened, and stays on the screen.
    pub fn note(&self, text: &str) {
        if !self.is_quiet {
            self.write(&format!("{}eks-api: {}\n", self.erase(), printable(text)));
            self.draw();
        }
    }

    /// The end of the log of a job that failed, of which only a quiet run says nothing else.
    pub fn show_log(&self, log: &str) {
        const MAX_LEN: usize = 64 << 10;
        let from = log.ceil_char_boundary(log.len().saturating_sub(MAX_LEN));
        let lines: String = log[from..].lines().flat_map(|line| [printable(line), "\n".to_owned()]).collect();
        if !lines.is_empty() {
            self.write(&format!("eks-api: the last lines of the log:\n{lines}"));
        }
    }

    /// How things are now, until they are otherwise.
    pub fn state(&self, text: &str) {
        if self.state.borrow().as_str() == text {
            return;
        }
        self.live(text);
        if !self.is_live && !self.is_quiet {
            self.write(&format!("eks-api: {}\n", printable(text)));
        }
    }

    /// The same for what is of interest only while it lasts.
    pub fn live(&self, text: &str) {
        *self.state.borrow_mut() = printable(text);
        self.draw();
    }

    /// Takes the live line away, before others write to the terminal.
    pub fn clear(&self) {
        if self.is_live && !self.state.take().is_empty() {
            self.write(self.erase());
        }
    }

    /// Keeps the live line's time going while something else is done.
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

    #[allow(clippy::unused_self, reason = "what is written belongs to this progress alone")]
    fn write(&self, text: &str) {
        // stderr may be gone; the exit code still tells.
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }
}
