//! The audit: one record for every change, and one for every refused call.
//!
//! A record goes to journald if stderr does. Otherwise, or if journald does not take it, it is a line on stderr.

mod event;
pub mod request_info;

use time::OffsetDateTime;

use crate::audit::event::{AuditEvent, Outcome};
use crate::audit::request_info::RequestInfo;
use crate::telemetry::journal::Journal;
use crate::telemetry::metrics::Counter;
use crate::telemetry::stderr;

/// Writes and counts the records.
#[derive(Debug)]
pub struct Audit {
    /// None if stderr does not go to journald.
    journal: Option<Journal>,
    /// Records in journald or on stderr.
    pub written: Counter,
    /// Records that journald did not take. They go to stderr.
    pub fell_back: Counter,
    /// Records that stderr did not take either.
    pub lost: Counter,
}

impl Audit {
    pub fn new(journal: Option<Journal>) -> Self {
        let (written, fell_back, lost) = Default::default();
        Self { journal, written, fell_back, lost }
    }

    /// Records the outcome of a call, or of a part of it, if it is a change or was refused.
    pub fn record_outcome(&self, info: &RequestInfo, status: u16, reason: &str) {
        self.record_repeated(info, status, reason, 0);
    }

    /// Records how many more calls ended with the same refusal.
    pub fn record_repeated(&self, info: &RequestInfo, status: u16, reason: &str, repeated: u64) {
        let outcome = Outcome::new(status, reason);
        if info.is_change || outcome == Outcome::Refused {
            self.write(&AuditEvent::new(info, outcome, Some(status), reason, repeated));
        }
    }

    /// Records a change that started and gets no answer. It may still take effect.
    pub fn record_aborted(&self, info: &RequestInfo) {
        self.write(&AuditEvent::new(info, Outcome::Failed, None, "cut_off", 0));
    }

    fn write(&self, event: &AuditEvent<'_>) {
        let is_written = self.write_to_journal(event) || self.write_to_stderr(event);
        let counter = if is_written { &self.written } else { &self.lost };
        counter.count();
    }

    /// Returns whether journald took the record.
    fn write_to_journal(&self, event: &AuditEvent<'_>) -> bool {
        let Some(journal) = &self.journal else { return false };
        let is_taken = journal.send(&event.journal_entry()).is_ok();
        if !is_taken {
            self.fell_back.count();
        }
        is_taken
    }

    fn write_to_stderr(&self, event: &AuditEvent<'_>) -> bool {
        let json = event.json(OffsetDateTime::now_utc());
        // journald reads the priority from the prefix of a line on stderr.
        let line = match &self.journal {
            Some(_) => format!("<{}>{json}\n", event.priority()),
            None => format!("{json}\n"),
        };
        stderr::write(line.as_bytes())
    }
}

#[cfg(test)]
#[path = "audit_tests.rs"]
mod tests;
