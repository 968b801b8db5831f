//! Prints the outcomes of the checks of `eks-api check`, and counts the failures: [`Report`].

use crate::app::error::Error;
use crate::cli::stdout::print;

#[derive(Default)]
pub(super) struct Report {
    failed: usize,
    /// The first error of a write to stdout.
    unprinted: Option<Error>,
}

impl Report {
    /// Prints the outcome of a check, and after an error the remedy.
    pub(super) fn line(&mut self, what: &str, outcome: Result<String, impl ToString>, remedy: &str) {
        let text = match outcome {
            Ok(found) => format!("ok      {what}: {found}"),
            Err(error) => {
                self.failed += 1;
                format!("FAILED  {what}: {}\n        {remedy}", error.to_string())
            }
        };
        self.print(&text);
    }

    /// Prints what a check found missing, if the service works without it.
    pub(super) fn warning(&mut self, what: &str, missing: &str, remedy: &str) {
        self.print(&format!("warning {what}: {missing}\n        {remedy}"));
    }

    /// Prints a line. The first error of a write is kept for the end.
    pub(super) fn print(&mut self, text: &str) {
        self.unprinted = self.unprinted.take().or_else(|| print(text).err());
    }

    /// Returns an error if a check failed.
    pub(super) fn end(self) -> Result<(), Error> {
        match (self.unprinted, self.failed) {
            (Some(error), _) => Err(error),
            (None, 0) => Ok(()),
            (None, failed) => Err(Error::Failed(format!("{failed} failed"))),
        }
    }
}
