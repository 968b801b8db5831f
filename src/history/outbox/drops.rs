//! The deliveries that were dropped, because too many were pending or the history was full: [`Drops`].

use std::collections::BTreeMap;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often an endpoint is logged.
const LOG_INTERVAL: Duration = Duration::from_mins(1);

#[derive(Debug, Default)]
pub(in crate::history) struct Drops(Mutex<BTreeMap<Arc<str>, Dropped>>);

#[derive(Debug, Default)]
struct Dropped {
    total: u64,
    unlogged: u64,
    logged: Option<Instant>,
}

impl Drops {
    pub(in crate::history) fn add(&self, dropped: BTreeMap<Arc<str>, u64>) {
        let mut known = self.lock();
        for (webhook, number) in dropped {
            let known = known.entry(webhook).or_default();
            known.total += number;
            known.unlogged += number;
        }
    }

    /// Returns the number since the start.
    pub(in crate::history) fn total(&self, webhook: &str) -> u64 {
        self.lock().get(webhook).map_or(0, |known| known.total)
    }

    /// Logs the endpoints that were not logged for a while.
    pub(in crate::history) fn log(&self, now: Instant) {
        for (webhook, dropped) in self.take_unlogged(now) {
            log::warn!(webhook = &*webhook, dropped; "the oldest deliveries were dropped: too many are pending, or the history is full");
        }
    }

    fn take_unlogged(&self, now: Instant) -> Vec<(Arc<str>, u64)> {
        let is_due = |known: &Dropped| {
            known.unlogged > 0 && known.logged.is_none_or(|last| now.duration_since(last) >= LOG_INTERVAL)
        };
        let mut known = self.lock();
        let due = known.iter_mut().filter(|(_, known)| is_due(known));
        due.map(|(webhook, known)| {
            known.logged = Some(now);
            (Arc::clone(webhook), mem::take(&mut known.unlogged))
        })
        .collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Dropped>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_logged_at_most_once_a_minute_with_the_number() {
        let (drops, start) = (Drops::default(), Instant::now());
        let add = |webhook: &str, number| drops.add(BTreeMap::from([(webhook.into(), number)]));
        let at = |second| drops.take_unlogged(start + Duration::from_secs(second));
        add("ops", 3);
        assert_eq!(at(0), [("ops".into(), 3)]);
        add("ops", 4);
        add("lab", 1);
        add("ops", 5);
        assert_eq!(at(59), [("lab".into(), 1)]);
        assert_eq!(at(60), [("ops".into(), 9)]);
        assert_eq!(at(300), []);
        assert_eq!([drops.total("ops"), drops.total("lab"), drops.total("none")], [12, 1, 0]);
    }
}
