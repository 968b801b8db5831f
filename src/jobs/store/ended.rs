//! Keeps the last statuses of jobs that are gone, for ten minutes, and of at most 10,000 jobs.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::jobs::status::Status;

const LIFETIME: Duration = Duration::from_mins(10);
const MAX_ENTRIES: usize = 10_000;

#[derive(Debug, Default)]
pub(super) struct EndedJobs {
    /// The jobs of each key, the latest last.
    by_key: HashMap<String, VecDeque<(Instant, Arc<Status>)>>,
    oldest_first: VecDeque<(Instant, String)>,
}

impl EndedJobs {
    /// Keeps the last status of a job. A final status is not replaced.
    pub(super) fn note(&mut self, status: Arc<Status>, now: Instant) {
        let same_key = self.by_key.entry(status.key().to_owned()).or_default();
        match same_key.back_mut() {
            Some((_, last)) if last.uid == status.uid => {
                if !last.state.is_final() && last.version <= status.version {
                    *last = status;
                }
            }
            _ => {
                self.oldest_first.push_back((now, status.key().to_owned()));
                same_key.push_back((now, status));
            }
        }
        let is_due = |(then, _): &(Instant, String)| is_expired(*then, now);
        while self.oldest_first.len() > MAX_ENTRIES || self.oldest_first.front().is_some_and(is_due) {
            self.remove_oldest();
        }
    }

    fn remove_oldest(&mut self) {
        let Some((_, key)) = self.oldest_first.pop_front() else { return };
        let Some(same_key) = self.by_key.get_mut(&key) else { return };
        same_key.pop_front();
        if same_key.is_empty() {
            self.by_key.remove(&key);
        }
    }

    /// Returns the last status of the latest job with this key, or of the job with this uid.
    pub(super) fn last(&self, key: &str, uid: Option<&str>, now: Instant) -> Option<&Arc<Status>> {
        let mut same_key = self.by_key.get(key)?.iter().rev().filter(|(then, _)| !is_expired(*then, now));
        same_key.find(|(_, status)| uid.is_none_or(|uid| *status.uid == *uid)).map(|(_, status)| status)
    }
}

fn is_expired(then: Instant, now: Instant) -> bool {
    now.saturating_duration_since(then) > LIFETIME
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kube::types::{Condition, Job};

    fn status(name: &str, uid: &str, version: u64, is_complete: bool) -> Arc<Status> {
        let mut job = Job::default();
        job.metadata.namespace = "a".to_owned();
        job.metadata.name = name.to_owned();
        job.metadata.uid = uid.to_owned();
        job.metadata.resource_version = version.to_string();
        if is_complete {
            let complete = serde_json::json!({ "type": "Complete", "status": "True" });
            job.status.conditions.push(serde_json::from_value::<Condition>(complete).unwrap());
        }
        Arc::new(Status::new("lab", &job))
    }

    fn version(ended: &EndedJobs, uid: Option<&str>, now: Instant) -> Option<u64> {
        ended.last("a/x", uid, now).map(|status| status.version)
    }

    #[test]
    fn last_known_is_the_latest_of_a_name_unless_a_uid_is_given() {
        let (mut ended, now) = (EndedJobs::default(), Instant::now());
        ended.note(status("x", "u1", 5, false), now);
        ended.note(status("x", "u1", 7, true), now);
        ended.note(status("x", "u1", 9, false), now);
        ended.note(status("x", "u2", 11, false), now);
        ended.note(status("y", "u3", 13, false), now);
        assert_eq!(version(&ended, None, now), Some(11));
        assert_eq!(version(&ended, Some("u1"), now), Some(7), "a final status is not replaced");
        assert_eq!(version(&ended, Some("u3"), now), None, "it has another name");
    }

    #[test]
    fn last_known_is_dropped_after_ten_minutes() {
        let (mut ended, start) = (EndedJobs::default(), Instant::now());
        ended.note(status("x", "u1", 5, false), start);
        assert_eq!(version(&ended, None, start + LIFETIME), Some(5));
        let later = start + LIFETIME + Duration::from_secs(1);
        assert_eq!(version(&ended, None, later), None);
        ended.note(status("y", "u2", 6, false), later);
        assert_eq!((ended.by_key.len(), ended.oldest_first.len()), (1, 1));
    }

    #[test]
    fn last_known_is_kept_of_10_000_jobs_also_of_one_name() {
        let (mut ended, now) = (EndedJobs::default(), Instant::now());
        for number in 0..MAX_ENTRIES as u64 + 2 {
            ended.note(status("x", &format!("u{number}"), number, false), now);
        }
        assert_eq!(ended.by_key["a/x"].len(), MAX_ENTRIES);
        assert_eq!((version(&ended, Some("u1"), now), version(&ended, Some("u2"), now)), (None, Some(2)));
    }
}
