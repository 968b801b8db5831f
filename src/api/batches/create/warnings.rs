//! Collects the warnings of many jobs: each text once, with the first job that has it.

use std::fmt::Write as _;

/// The most different texts. Further ones are counted.
const MAX_WARNINGS: usize = 20;

#[derive(Default)]
pub(super) struct Warnings {
    found: Vec<Warning>,
    others: usize,
}

struct Warning {
    text: String,
    /// The first job that has it. `None` if it is about the whole batch.
    first: Option<u32>,
    /// The number of further jobs.
    more: usize,
}

impl Warnings {
    /// Adds a warning of a job, or of the whole batch.
    pub(super) fn add(&mut self, job: Option<u32>, text: String) {
        let known = self.found.iter().position(|known| known.text == text);
        let has_room = self.found.len() < MAX_WARNINGS;
        match known.and_then(|at| self.found.get_mut(at)) {
            Some(known) => known.more += usize::from(known.first != job),
            None if has_room => self.found.push(Warning { text, first: job, more: 0 }),
            None => self.others += 1,
        }
    }

    /// Adds the warnings of the jobs behind those of the batch.
    pub(super) fn extend(&mut self, jobs: Self) {
        self.found.extend(jobs.found);
        self.others += jobs.others;
    }

    pub(super) fn into_texts(self) -> Vec<String> {
        let texts = self.found.into_iter().map(|Warning { mut text, first, more }| {
            let _ = match (first, more) {
                (None, _) => Ok(()),
                (Some(first), 0) => write!(text, " (jobs[{first}])"),
                (Some(first), more) => write!(text, " (jobs[{first}] and {more} more)"),
            };
            text
        });
        let others = (self.others > 0).then(|| format!("there are {} further warnings", self.others));
        texts.chain(others).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_warnings_are_listed_once_and_their_number_is_bounded() {
        let mut warnings = Warnings::default();
        warnings.add(None, "whole".to_owned());
        (0..3).for_each(|job| warnings.add(Some(job), "same".to_owned()));
        (0..30).for_each(|job| warnings.add(Some(job), format!("own {job}")));
        let texts = warnings.into_texts();
        assert_eq!(texts[..3], ["whole", "same (jobs[0] and 2 more)", "own 0 (jobs[0])"]);
        assert_eq!((texts.len(), &*texts[20]), (21, "there are 12 further warnings"));
    }
}
