//! Metrics of one cluster: requests to the API server, calls of `DescribeCluster`, and the watch. All labels come from
//! fixed sets.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::SystemTime;

use hyper::{Method, StatusCode};
use tokio::time::Instant;

use crate::kube::error::Error;
use crate::kube::url::{Path, RESOURCES};
use crate::kube::watcher::event::WatchEvent;
use crate::kube::watcher::failure::Failure;
use crate::telemetry::metrics::{Code, Counter, Histogram, MetricFamily, Outcomes, TimestampGauge};

#[derive(Debug, Default)]
pub struct ClientMetrics {
    pub requests: MetricFamily<RequestLabels, Histogram>,
    pub retries: MetricFamily<RequestLabels, Counter>,
    pub descriptions: Outcomes,
    pub described: TimestampGauge,
    pub watch: WatchMetrics,
}

/// The labels of a request. The verb is RBAC's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestLabels {
    pub verb: &'static str,
    pub resource: &'static str,
    pub code: Code,
}

/// One request to the API server, counted when it ends, or when nobody waits for it any more.
#[derive(Debug)]
pub struct Exchange<'a> {
    metrics: &'a ClientMetrics,
    labels: RequestLabels,
    pub started: Instant,
}

impl ClientMetrics {
    pub fn begin(&self, method: &Method, path: &Path) -> Exchange<'_> {
        Exchange { metrics: self, labels: labels(method, path, Code::Failure("abandoned")), started: Instant::now() }
    }

    /// Counts that a request is sent again, after this.
    pub fn retried(&self, method: &Method, path: &Path, after: &Error) {
        self.retries.get(labels(method, path, code(after))).count();
    }

    pub fn describe_ended(&self, succeeded: bool) {
        self.descriptions.note(succeeded);
        if succeeded {
            self.described.note(SystemTime::now());
        }
    }
}

impl Exchange<'_> {
    /// Sets the code. Dropping records it.
    pub fn ended(mut self, outcome: Result<StatusCode, &Error>) {
        self.labels.code = outcome.map_or_else(code, |status| status.as_u16().into());
    }
}

impl Drop for Exchange<'_> {
    fn drop(&mut self) {
        self.metrics.requests.get(self.labels).note(self.started.elapsed());
    }
}

fn labels(method: &Method, path: &Path, code: Code) -> RequestLabels {
    let verb = match *method {
        Method::POST => "create",
        Method::PATCH => "patch",
        Method::DELETE => "delete",
        _ => ["get", "list", "watch"][path.verb() as usize],
    };
    RequestLabels { verb, resource: RESOURCES[path.resource() as usize], code }
}

fn code(error: &Error) -> Code {
    match error {
        Error::Refused(refusal) => refusal.answered.into(),
        Error::Unauthorized { .. } | Error::CallerUnauthorized => 401.into(),
        Error::NotReady { .. } | Error::Unreachable(_) => Code::Failure("unreachable"),
        Error::Broken(_) => Code::Failure("broken"),
        Error::Timeout => Code::Failure("timeout"),
        Error::BadReply(_) | Error::NotKubernetes(_) => Code::Failure("unreadable"),
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
