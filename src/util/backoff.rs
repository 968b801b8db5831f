//! The pause before the next attempt: [`Backoff`].

use std::time::Duration;

/// Pauses that double up to a maximum. Jitter keeps many callers from trying at the same moment.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    next: Duration,
    max: Duration,
}

impl Backoff {
    pub const fn new(first: Duration, max: Duration) -> Self {
        Self { next: first, max }
    }

    /// Returns between half of the current step and the whole step. The step then doubles.
    pub fn pause(&mut self) -> Duration {
        let step = self.next;
        self.next = (step * 2).min(self.max);
        step.mul_f64(0.5 + fastrand::f64() / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_double_up_to_the_maximum_and_no_pause_is_longer() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
        for step in [100, 200, 400, 800, 1000, 1000] {
            let (pause, step) = (backoff.pause(), Duration::from_millis(step));
            assert!(pause >= step / 2 && pause <= step, "{pause:?} of {step:?}");
        }
    }
}
