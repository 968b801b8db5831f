//! Limits how often a message is logged that anyone can cause.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

#[derive(Debug)]
pub struct LogThrottle {
    interval: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    last: Option<Instant>,
    suppressed: u64,
}

impl LogThrottle {
    pub fn new(interval: Duration) -> Self {
        Self { interval, state: Mutex::default() }
    }

    /// Returns the number of suppressed messages if the message is to be logged now.
    pub fn allow(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.last.is_some_and(|last| now.saturating_duration_since(last) < self.interval) {
            state.suppressed += 1;
            return None;
        }
        state.last = Some(now);
        Some(std::mem::take(&mut state.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_per_interval_counts_the_suppressed_ones() {
        let (throttle, start) = (LogThrottle::new(Duration::from_mins(1)), Instant::now());
        let at = |second| throttle.allow(start + Duration::from_secs(second));
        let logged: Vec<u64> = (0..130).filter_map(at).collect();
        assert_eq!(logged, [0, 59, 59]);
    }
}
