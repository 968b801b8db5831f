//! What a refusal (403) of the watch is worth. An API server that starts refuses everybody until it has read its rules,
//! so one that let us watch before is not believed at once.

use std::time::Duration;

use tokio::time::Instant;

use crate::kube::watcher::failure::Failure;
use crate::kube::watcher::state_machine::Input;

/// An API server reads its rules within seconds.
const DOUBT: Duration = Duration::from_secs(20);

#[derive(Debug, Default)]
pub(super) struct Rights {
    /// Whether we were let watch since the last refusal that was believed.
    had: bool,
    /// Since when there are only refusals.
    refused: Option<Instant>,
}

impl Rights {
    /// A refusal in doubt becomes a failure like any other: with the same words, and with another try soon.
    pub(super) fn weigh(&mut self, input: Input, now: Instant) -> Input {
        match input {
            Input::Opened => *self = Self { had: true, refused: None },
            Input::Failed(Failure::Forbidden(_)) if self.had => {
                if now.saturating_duration_since(*self.refused.get_or_insert(now)) < DOUBT {
                    return doubted(input);
                }
                *self = Self::default();
            }
            Input::Failed(_) => self.refused = None,
            _ => {}
        }
        input
    }
}

fn doubted(input: Input) -> Input {
    match input {
        Input::Failed(failure) => Input::Failed(Failure::Broken(failure.to_string())),
        input => input,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a refusal, so many seconds after the beginning, is taken for.
    fn refused(rights: &mut Rights, begun: Instant, seconds: u64) -> Failure {
        let refusal = Input::Failed(Failure::Forbidden("no".to_owned()));
        match rights.weigh(refusal, begun + Duration::from_secs(seconds)) {
            Input::Failed(failure) => failure,
            other => panic!("{other:?}"),
        }
    }

    fn is_believed(failure: &Failure) -> bool {
        matches!(failure, Failure::Forbidden(_))
    }

    #[test]
    fn who_never_watched_has_no_right_to() {
        let (mut rights, begun) = (Rights::default(), Instant::now());
        assert!(is_believed(&refused(&mut rights, begun, 0)));
    }

    #[test]
    fn a_right_that_we_had_is_gone_only_if_it_stays_away() {
        let (mut rights, begun) = (Rights::default(), Instant::now());
        rights.weigh(Input::Opened, begun);
        let in_doubt = refused(&mut rights, begun, 100);
        assert_eq!(in_doubt, Failure::Broken(Failure::Forbidden("no".to_owned()).to_string()));
        assert!(!is_believed(&refused(&mut rights, begun, 119)));
        assert!(is_believed(&refused(&mut rights, begun, 120)));
        assert!(is_believed(&refused(&mut rights, begun, 121)), "until the right is back");
        rights.weigh(Input::Opened, begun);
        assert!(!is_believed(&refused(&mut rights, begun, 300)));
    }

    #[test]
    fn doubt_begins_anew_when_something_else_fails() {
        let (mut rights, begun) = (Rights::default(), Instant::now());
        rights.weigh(Input::Opened, begun);
        assert!(!is_believed(&refused(&mut rights, begun, 0)));
        rights.weigh(Input::Failed(Failure::Broken("refused".to_owned())), begun);
        assert!(!is_believed(&refused(&mut rights, begun, 60)));
    }
}
