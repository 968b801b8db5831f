//! The failures of a command that goes on after a failure: [`Failures`].

use crate::client::exit::Exit;
use crate::client::progress::Progress;

/// Keeps the failure with the highest exit code. The others are written at once.
#[derive(Default)]
pub(super) struct Failures(Option<Exit>);

impl Failures {
    pub(super) fn add(&mut self, exit: Exit, progress: &Progress) {
        let other = match &self.0 {
            Some(worst) if worst.code >= exit.code => Some(exit),
            _ => self.0.replace(exit),
        };
        if let Some(other) = other {
            progress.note(&other.text);
        }
    }

    pub(super) fn end(self) -> Result<(), Exit> {
        self.0.map_or(Ok(()), Err)
    }
}
