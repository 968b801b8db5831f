//! The audit: one record for every change, and one for every refused call.
//!
//! A record goes to journald if stderr does. Otherwise, or if journald does not take it, it is a line on stderr. If there
//! is a history, it keeps a copy.

mod event;
pub mod request_info;

#[cfg(feature = "history")]
use std::sync::Arc;

use time::OffsetDateTime;

use crate::audit::event::{AuditEvent, Outcome};
use crate::audit::request_info::RequestInfo;
#[cfg(feature = "history")]
use crate::history::{History, record::Record};
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
    /// Keeps a copy of each record.
    #[cfg(feature = "history")]
    history: Option<Arc<History>>,
}

impl Audit {
    pub fn new(journal: Option<Journal>) -> Self {
        let (written, fell_back, lost) = Default::default();
        Self {
            journal,
            written,
            fell_back,
            lost,
            #[cfg(feature = "history")]
            history: None,
        }
    }

    /// Copies each record into the history.
    #[cfg(feature = "history")]
    #[must_use]
    pub fn with_history(self, history: Option<Arc<History>>) -> Self {
        Self { history, ..self }
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
        let now = OffsetDateTime::now_utc();
        let is_written = self.write_to_journal(event) || self.write_to_stderr(event, now);
        let counter = if is_written { &self.written } else { &self.lost };
        counter.count();
        #[cfg(feature = "history")]
        if let Some(history) = &self.history {
            history.record(Record::Audit(Box::new(event.record(now))));
        }
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

    fn write_to_stderr(&self, event: &AuditEvent<'_>, now: OffsetDateTime) -> bool {
        let json = event.json(now);
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
