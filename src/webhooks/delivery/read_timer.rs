//! When the outbox is read again: [`ReadTimer`].

use std::time::Duration;

use tokio::time::Instant;

use crate::util::backoff::Backoff;

/// The shortest time between reads, unless a page was full. So a burst of changes is one read.
const MIN_INTERVAL: Duration = Duration::from_millis(100);
/// The longest time between reads. The times of deliveries are by a clock that may be set.
const MAX_INTERVAL: Duration = Duration::from_mins(1);
/// Pauses after reads that failed.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(10));

#[derive(Debug)]
pub(super) struct ReadTimer {
    next: Instant,
    /// No change makes the next read earlier.
    earliest: Instant,
    backoff: Backoff,
}

impl ReadTimer {
    /// The first read is at once.
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self { next: now, earliest: now, backoff: BACKOFF }
    }

    pub(super) const fn next(&self) -> Instant {
        self.next
    }

    /// There may be more to read.
    pub(super) fn hasten(&mut self) {
        self.next = self.next.min(self.earliest.max(Instant::now()));
    }

    /// A read has ended. `pause` is the time until the next delivery is due.
    pub(super) fn done(&mut self, is_page_full: bool, pause: Option<Duration>) {
        self.backoff = BACKOFF;
        let now = Instant::now();
        self.earliest = if is_page_full { now } else { now + MIN_INTERVAL };
        let pause = if is_page_full { Duration::ZERO } else { pause.unwrap_or(MAX_INTERVAL).min(MAX_INTERVAL) };
        self.next = self.earliest.max(now + pause);
    }

    pub(super) fn failed(&mut self) {
        self.earliest = Instant::now() + self.backoff.pause();
        self.next = self.earliest;
    }
}
