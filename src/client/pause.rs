//! The pause before something is tried again. It doubles each time, and is spread so that many runs do not return at once.

use std::time::Duration;

const SHORTEST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub struct Pause(Duration);

impl Default for Pause {
    fn default() -> Self {
        Self(SHORTEST)
    }
}

impl Pause {
    /// The next pause: the one that is asked for, if any.
    pub fn next(&mut self, asked: Option<Duration>) -> Duration {
        let jitter = self.0.mul_f64(fastrand::f64() / 2.0);
        let pause = asked.unwrap_or(self.0) + jitter;
        self.0 = (self.0 * 2).min(LONGEST);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit() {
        let mut pause = Pause::default();
        let pauses: Vec<Duration> = (0..10).map(|_| pause.next(None)).collect();
        assert!(pauses[0] < SHORTEST * 2 && pauses[9] >= LONGEST && pauses[9] < LONGEST * 2, "{pauses:?}");
        assert!(Pause::default().next(Some(Duration::from_secs(9))) >= Duration::from_secs(9));
    }
}
