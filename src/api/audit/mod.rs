//! The audit: a record of every call that changes something, and of every call that is refused. Owns which calls those
//! are and where their records go; what a record holds is `record`'s, how the journal takes it `ops::journal`'s.

mod record;

use std::sync::atomic::{AtomicU64, Ordering};

use hyper::StatusCode;
use time::OffsetDateTime;

use crate::api::audit::record::{Ending, Outcome, Record};
use crate::api::context::ObjectRef;
use crate::api::repeats::Repeated;
use crate::api::request_log::RequestInfo;
use crate::auth::Caller;
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;
use crate::telemetry::journal::Journal;
use crate::telemetry::stderr;

/// Where the records go, and how many there were.
#[derive(Debug)]
pub struct Audit {
    /// Only if stderr goes there as well. Otherwise a record is a line of stderr.
    journal: Option<Journal>,
    cluster: String,
    written: AtomicU64,
    fell_back: AtomicU64,
    lost: AtomicU64,
}

/// How many records there were since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// In the journal or on stderr.
    pub written: u64,
    /// Those that the journal was to take and did not: they are lines of stderr.
    pub fell_back: u64,
    /// Those that were dropped, as stderr is not read either.
    pub lost: u64,
}

/// Who called, and about what.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    pub line: &'a RequestInfo,
    pub caller: &'a Caller,
    pub target: &'a ObjectRef,
}

/// The same for whoever tells of it when the call itself is over: a stream, or what was done on the way.
#[derive(Clone, Debug)]
pub struct Account {
    pub line: RequestInfo,
    pub caller: Caller,
    pub target: ObjectRef,
}

impl Account {
    pub const fn subject(&self) -> Subject<'_> {
        Subject { line: &self.line, caller: &self.caller, target: &self.target }
    }
}

impl Audit {
    pub fn new(journal: Option<Journal>, cluster: &str) -> Self {
        let (written, fell_back, lost) = Default::default();
        Self { journal, cluster: cluster.to_owned(), written, fell_back, lost }
    }

    pub fn tally(&self) -> Tally {
        let counts = [&self.written, &self.fell_back, &self.lost];
        let [written, fell_back, lost] = counts.map(|count| count.load(Ordering::Relaxed));
        Tally { written, fell_back, lost }
    }

    /// Records a call that has its answer, if it is one to record.
    pub fn ended(&self, subject: &Subject<'_>, result: &Result<Reply, Problem>) {
        match result {
            Ok(reply) => self.record_outcome(subject, reply.status, ""),
            Err(problem) => self.record_outcome(subject, problem.status, &problem.reason),
        }
    }

    /// Records how often a refusal repeated, if each is one to record.
    pub fn repeated(&self, repeated: &Repeated) {
        let Repeated { account, status, reason, count } = repeated;
        self.came_to_again(&account.subject(), *status, reason, *count);
    }

    /// The same of what came to this without an answer of its own: the end of a stream, or what a call did on its way.
    pub fn record_outcome(&self, subject: &Subject<'_>, status: StatusCode, reason: &str) {
        self.came_to_again(subject, status, reason, 0);
    }

    fn came_to_again(&self, subject: &Subject<'_>, status: StatusCode, reason: &str, repeated: u64) {
        let outcome = Outcome::of(status, reason);
        let is_change = subject.line.route.is_some_and(|route| !route.is_read());
        if is_change || outcome == Outcome::Refused {
            self.record(subject, Ending { outcome, status: Some(status), reason, repeated });
        }
    }

    /// Records a change that was begun and will have no answer: it may take effect or not.
    pub fn record_aborted(&self, subject: &Subject<'_>) {
        self.record(subject, Ending { outcome: Outcome::Failed, status: None, reason: "cut_off", repeated: 0 });
    }

    fn record(&self, subject: &Subject<'_>, ending: Ending<'_>) {
        let caller = subject.caller.name();
        let record = Record::new(subject, &caller, &self.cluster, ending);
        let is_written = self.in_journal(&record) || self.on_stderr(&record);
        let count = if is_written { &self.written } else { &self.lost };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether the journal has it.
    fn in_journal(&self, record: &Record<'_>) -> bool {
        let Some(journal) = &self.journal else { return false };
        let is_taken = journal.send(&record.entry()).is_ok();
        self.fell_back.fetch_add(u64::from(!is_taken), Ordering::Relaxed);
        is_taken
    }

    fn on_stderr(&self, record: &Record<'_>) -> bool {
        let json = record.json(OffsetDateTime::now_utc());
        // Where the journal did not take the entry, this line goes to it too, and bears its priority as all do there.
        let line = match &self.journal {
            Some(_) => format!("<{}>{json}\n", record.priority()),
            None => format!("{json}\n"),
        };
        stderr::write(line.as_bytes())
    }
}

#[cfg(test)]
#[path = "audit_tests.rs"]
mod tests;
