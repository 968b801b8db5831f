//! How old what is known of all jobs is.

use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Freshness {
    /// Nothing is known: there was no list yet, or there is no right to one.
    #[default]
    Empty,
    Live,
    /// As it was at this time.
    Since(Instant),
}

/// Not at all old while the watch is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Age(pub(super) Option<Duration>);

impl Freshness {
    /// How old the answers are: `None` if there are none, and without an age if they are live.
    pub(super) fn age(self, now: Instant) -> Option<Age> {
        match self {
            Self::Empty => None,
            Self::Live => Some(Age(None)),
            Self::Since(then) => Some(Age(Some(now.saturating_duration_since(then)))),
        }
    }
}
