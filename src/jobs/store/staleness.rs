//! How old what is known of all jobs is.

use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Staleness {
    /// Nothing is known: there was no list yet, or there is no right to one.
    #[default]
    Empty,
    JobReflector,
    /// As it was at this time.
    Stale(Instant),
}

/// Not at all old while the watch is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Age(pub(super) Option<Duration>);

impl Staleness {
    /// How old the answers are: `None` if there are none, and without an age if they are live.
    pub(super) fn age(self, now: Instant) -> Option<Age> {
        match self {
            Self::Empty => None,
            Self::JobReflector => Some(Age(None)),
            Self::Stale(then) => Some(Age(Some(now.saturating_duration_since(then)))),
        }
    }
}
