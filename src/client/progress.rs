//! Shows the progress of a command on stderr: [`Progress`]. On a terminal it is one line that is updated, else a line for
//! each event.

use std::cell::{Cell, RefCell};
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
    pub has_colours: bool,
    started: Instant,
    /// The text of the live line; empty if there is none.
    line: RefCell<String>,
    /// Whether the log on this terminal ended within a line.
    is_mid_line: Cell<bool>,
    /// The last state.
    state: RefCell<String>,
}

/// The numbers of terminal colours.
const GREEN: u8 = 32;
const YELLOW: u8 = 33;
const ERASE: &str = "\r\x1b[K";

impl Progress {
    /// A quiet run shows only the log of a job that failed.
    pub fn of_stderr(is_quiet: bool) -> Self {
        let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        let is_terminal = io::stderr().is_terminal() && !is_dumb;
        let has_colours = is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let (is_live, started) = (is_terminal && !is_quiet, Instant::now());
        let (line, state, is_mid_line) = (RefCell::default(), RefCell::default(), Cell::default());
        Self { is_live, is_quiet, has_colours, started, line, is_mid_line, state }
    }

    /// Writes a line that stays on the screen.
    pub fn note(&self, text: &str) {
        self.note_in(None, text);
    }

    /// Notes a success.
    pub fn success(&self, text: &str) {
        self.note_in(Some(GREEN), text);
    }

    pub fn warn(&self, text: &str) {
        self.note_in(Some(YELLOW), text);
    }

    fn note_in(&self, colour: Option<u8>, text: &str) {
        if !self.is_quiet {
            let line = format!("eks-api: {}", printable(text));
            let line = match colour.filter(|_| self.has_colours) {
                Some(colour) => format!("\x1b[{colour}m{line}\x1b[0m"),
                None => line,
            };
            self.write(&format!("{}{line}\n", self.begin()));
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

    /// Shows the current state until it changes. Only a terminal gets the details.
    pub fn state(&self, text: &str, details: &str) {
        self.step(&format!("{text}{details}"), text);
    }

    /// Shows the current state until it changes: `live` on a terminal, else `text`.
    pub fn step(&self, live: &str, text: &str) {
        self.live(live);
        if self.state.replace(text.to_owned()) != text && !self.is_live {
            self.note(text);
        }
    }

    /// Shows a state on a terminal only.
    pub fn live(&self, text: &str) {
        *self.line.borrow_mut() = printable(text);
        self.draw();
    }

    /// Erases the live line, before the log is written to the terminal.
    pub fn clear(&self) {
        if self.is_live && !self.line.take().is_empty() {
            self.write(ERASE);
        }
    }

    /// Remembers whether the log ended within a line.
    pub fn wrote(&self, is_mid_line: bool) {
        self.is_mid_line.set(is_mid_line && io::stdout().is_terminal() && io::stderr().is_terminal());
    }

    /// Ends the line of the log, before the last message.
    pub fn end_line(&self) {
        if self.is_mid_line.take() {
            self.write("\n");
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
        let line = self.line.borrow();
        if self.is_live && !line.is_empty() {
            let seconds = self.started.elapsed().as_secs();
            let time = format!("{}:{:02}", seconds / 60, seconds % 60);
            // Without line wrap, because only one line can be erased.
            self.write(&format!("{}\x1b[?7leks-api: {line} ({time})\x1b[?7h", self.begin()));
        }
    }

    /// Returns what comes before a line: it ends the line of the log, or erases the live line.
    fn begin(&self) -> &'static str {
        match (self.is_mid_line.take(), self.is_live && !self.line.borrow().is_empty()) {
            (true, _) => "\n",
            (false, true) => ERASE,
            (false, false) => "",
        }
    }

    #[allow(clippy::unused_self, reason = "only a Progress writes to stderr")]
    fn write(&self, text: &str) {
        // If stderr is closed, the exit code is all there is.
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }
}
