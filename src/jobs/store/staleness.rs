//! How old the jobs in memory are.

use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Staleness {
    /// No list is complete, or the service may not list jobs.
    #[default]
    Unknown,
    Current,
    /// The jobs are as they were at this time.
    Stale(Instant),
}

/// The answer of the store, with its age while the watch is down. After a miss the caller must ask the API server.
#[derive(Clone, Debug)]
pub enum Found<T> {
    Hit { found: T, age: Option<Duration> },
    Miss,
}

impl Staleness {
    pub(super) fn answer<T>(self, found: Option<T>, now: Instant) -> Found<T> {
        match (self, found) {
            (Self::Current, Some(found)) => Found::Hit { found, age: None },
            (Self::Stale(since), Some(found)) => Found::Hit { found, age: Some(now.saturating_duration_since(since)) },
            (Self::Unknown, _) | (_, None) => Found::Miss,
        }
    }
}
