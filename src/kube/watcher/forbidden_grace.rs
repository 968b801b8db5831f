//! Delays the belief in a 403 of the watch. An API server that starts refuses every request until it has read its rules.

use std::time::Duration;

use tokio::time::Instant;

use crate::kube::watcher::failure::Failure;
use crate::kube::watcher::state_machine::Input;

/// An API server reads its rules within seconds.
const FORBIDDEN_GRACE: Duration = Duration::from_secs(20);

#[derive(Debug, Default)]
pub(super) struct ForbiddenGrace {
    /// Whether a watch was opened since the last 403 that counted.
    was_allowed: bool,
    /// Begin of the current series of 403s.
    forbidden_since: Option<Instant>,
}

impl ForbiddenGrace {
    /// Turns a 403 within the grace period into a failure that is retried soon. The message stays.
    pub(super) fn filter(&mut self, input: Input, now: Instant) -> Input {
        match input {
            Input::Opened => *self = Self { was_allowed: true, forbidden_since: None },
            Input::Failed(failure @ Failure::Forbidden(_)) if self.was_allowed => {
                let since = *self.forbidden_since.get_or_insert(now);
                if now.saturating_duration_since(since) < FORBIDDEN_GRACE {
                    return Input::Failed(Failure::Broken(failure.to_string()));
                }
                *self = Self::default();
                return Input::Failed(failure);
            }
            Input::Failed(_) => self.forbidden_since = None,
            _ => {}
        }
        input
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Filters a 403 that comes so many seconds after `begin`.
    fn forbidden(grace: &mut ForbiddenGrace, begin: Instant, seconds: u64) -> Failure {
        let input = Input::Failed(Failure::Forbidden("no".to_owned()));
        match grace.filter(input, begin + Duration::from_secs(seconds)) {
            Input::Failed(failure) => failure,
            other => panic!("{other:?}"),
        }
    }

    fn counts(failure: &Failure) -> bool {
        matches!(failure, Failure::Forbidden(_))
    }

    #[test]
    fn a_403_counts_at_once_if_no_watch_was_opened_before() {
        let (mut grace, begin) = (ForbiddenGrace::default(), Instant::now());
        assert!(counts(&forbidden(&mut grace, begin, 0)));
    }

    #[test]
    fn a_403_after_a_watch_counts_when_it_lasts() {
        let (mut grace, begin) = (ForbiddenGrace::default(), Instant::now());
        grace.filter(Input::Opened, begin);
        let within_grace = forbidden(&mut grace, begin, 100);
        assert_eq!(within_grace, Failure::Broken(Failure::Forbidden("no".to_owned()).to_string()));
        assert!(!counts(&forbidden(&mut grace, begin, 119)));
        assert!(counts(&forbidden(&mut grace, begin, 120)));
        assert!(counts(&forbidden(&mut grace, begin, 121)), "until a watch is opened");
        grace.filter(Input::Opened, begin);
        assert!(!counts(&forbidden(&mut grace, begin, 300)));
    }

    #[test]
    fn the_grace_period_begins_again_after_another_failure() {
        let (mut grace, begin) = (ForbiddenGrace::default(), Instant::now());
        grace.filter(Input::Opened, begin);
        assert!(!counts(&forbidden(&mut grace, begin, 0)));
        grace.filter(Input::Failed(Failure::Broken("refused".to_owned())), begin);
        assert!(!counts(&forbidden(&mut grace, begin, 60)));
    }
}
