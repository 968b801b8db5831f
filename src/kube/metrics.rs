//! Metrics of one cluster: requests to the API server, calls of `DescribeCluster`, and the watch. All labels come from
//! fixed sets.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use hyper::{Method, StatusCode};
use tokio::time::Instant;

use crate::kube::error::Error;
use crate::kube::url::{Path, RESOURCES};
use crate::kube::watcher::event::WatchEvent;
use crate::kube::watcher::failure::Failure;
use crate::telemetry::metrics::{Code, CodeFamily, Counter, Histogram, Outcomes, TimestampGauge};

/// As RBAC names them.
const VERBS: [&str; 6] = ["get", "list", "watch", "create", "patch", "delete"];
const ROWS: usize = VERBS.len() * RESOURCES.len();

#[derive(Debug)]
pub struct ClientMetrics {
    requests: CodeFamily<Histogram>,
    retries: CodeFamily<Counter>,
    pub descriptions: Outcomes,
    pub described: TimestampGauge,
    pub watch: WatchMetrics,
}

impl Default for ClientMetrics {
    fn default() -> Self {
        Self {
            requests: CodeFamily::new(ROWS),
            retries: CodeFamily::new(ROWS),
            descriptions: Outcomes::default(),
            described: TimestampGauge::default(),
            watch: WatchMetrics::default(),
        }
    }
}

/// What an instrument stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestLabels {
    pub verb: &'static str,
    pub resource: &'static str,
    pub code: &'static str,
}

/// One request to the API server, counted when it ends, or when nobody waits for it any more.
#[derive(Debug)]
pub struct Exchange<'a> {
    traffic: &'a ClientMetrics,
    row: usize,
    code: Code,
    pub started: Instant,
}

impl ClientMetrics {
    pub fn begin(&self, method: &Method, path: &Path) -> Exchange<'_> {
        Exchange { traffic: self, row: row(method, path), code: Code::ABANDONED, started: Instant::now() }
    }

    /// Counts that a request is sent again, after this.
    pub fn retried(&self, method: &Method, path: &Path, after: &Error) {
        self.retries.at(row(method, path), code(after)).count();
    }

    pub fn describe_ended(&self, succeeded: bool) {
        self.descriptions.note(succeeded);
        if succeeded {
            self.described.note(SystemTime::now());
        }
    }

    pub fn requests(&self) -> impl Iterator<Item = (RequestLabels, &Histogram)> {
        self.requests.used().map(|(row, code, histogram)| (what(row, code), histogram))
    }

    pub fn retries(&self) -> impl Iterator<Item = (RequestLabels, u64)> {
        self.retries.used().map(|(row, code, counter)| (what(row, code), counter.value()))
    }
}

impl Exchange<'_> {
    /// How long it took; of a stream, until it began.
    pub fn ended(mut self, outcome: Result<StatusCode, &Error>) -> Duration {
        self.code = outcome.map_or_else(code, |status| Code::of(status.as_u16()));
        self.started.elapsed()
    }
}

impl Drop for Exchange<'_> {
    fn drop(&mut self) {
        self.traffic.requests.at(self.row, self.code).note(self.started.elapsed());
    }
}

fn row(method: &Method, path: &Path) -> usize {
    let verb = match *method {
        Method::POST => 3,
        Method::PATCH => 4,
        Method::DELETE => 5,
        _ => path.verb() as usize,
    };
    verb * RESOURCES.len() + path.resource() as usize
}

fn what(row: usize, code: Code) -> RequestLabels {
    let (verb, resource) = (VERBS[row / RESOURCES.len()], RESOURCES[row % RESOURCES.len()]);
    RequestLabels { verb, resource, code: code.name() }
}

fn code(error: &Error) -> Code {
    match error {
        Error::Refused(refusal) => Code::of(refusal.answered),
        Error::Unauthorized { .. } | Error::CallerUnauthorized => Code::of(401),
        Error::NotReady { .. } | Error::Unreachable(_) => Code::UNREACHABLE,
        Error::Broken(_) => Code::BROKEN,
        Error::Timeout => Code::TIMEOUT,
        Error::BadReply(_) | Error::NotKubernetes(_) => Code::UNREADABLE,
    }
}

/// The state of the watch, by its events.
#[derive(Debug, Default)]
pub struct WatchMetrics {
    state: AtomicUsize,
    opened: Counter,
    losses: [Counter; LOSSES.len()],
    pub last_event: TimestampGauge,
}

/// A stream that ended regularly and is about to be reopened counts as `following`.
pub const WATCH_STATES: [&str; 5] = ["pending", "listing", "following", "lost", "forbidden"];
const LOSSES: [&str; 6] = ["gone", "forbidden", "throttled", "silent", "unreadable", "broken"];

impl WatchMetrics {
    pub fn apply_event(&self, event: &WatchEvent) {
        match event {
            WatchEvent::Init(_) => self.state.store(1, Relaxed),
            WatchEvent::Watching => {
                self.state.store(2, Relaxed);
                self.opened.count();
            }
            WatchEvent::Disconnected(failure) => {
                let (state, loss) = match failure {
                    Failure::Gone | Failure::SetBack => (3, 0),
                    Failure::Forbidden(_) => (4, 1),
                    Failure::Throttled(_) => (3, 2),
                    Failure::IdleTimeout => (3, 3),
                    Failure::Unreadable(_) => (3, 4),
                    Failure::Broken(_) => (3, 5),
                };
                self.state.store(state, Relaxed);
                self.losses[loss].count();
            }
            WatchEvent::InitApply(_) => {}
            WatchEvent::InitDone | WatchEvent::Apply(_) | WatchEvent::Delete(_) | WatchEvent::Bookmark(_) => {
                self.last_event.note(SystemTime::now());
            }
        }
    }

    pub fn state(&self) -> &'static str {
        WATCH_STATES[self.state.load(Relaxed)]
    }

    /// How often the stream was reopened.
    pub fn restarts(&self) -> u64 {
        self.opened.value().saturating_sub(1)
    }

    pub fn losses(&self) -> impl Iterator<Item = (&'static str, u64)> {
        LOSSES.into_iter().zip(self.losses.iter().map(Counter::value))
    }
}

#[cfg(test)]
#[path = "metrics_tests.rs"]
mod tests;
