//! Jobs whose end was seen, each with its last status: for ten minutes, and at most 10,000 of them.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::jobs::status::Status;

const KEPT_FOR: Duration = Duration::from_mins(10);
const MOST: usize = 10_000;

#[derive(Debug, Default)]
pub(super) struct Gone {
    /// Several jobs may have had one name, the latest last.
    named: HashMap<String, VecDeque<(Instant, Arc<Status>)>>,
    oldest_first: VecDeque<(Instant, String)>,
}

impl Gone {
    /// Keeps the last status of a job that is gone. Once it is final, nothing replaces it.
    pub(super) fn note(&mut self, status: Arc<Status>, now: Instant) {
        let named = self.named.entry(status.key().to_owned()).or_default();
        match named.back_mut() {
            Some((_, last)) if last.uid == status.uid => {
                if !last.state.is_final() && last.version <= status.version {
                    *last = status;
                }
            }
            _ => {
                self.oldest_first.push_back((now, status.key().to_owned()));
                named.push_back((now, status));
            }
        }
        while self.oldest_first.len() > MOST || self.oldest_first.front().is_some_and(|(then, _)| is_over(*then, now)) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some((_, key)) = self.oldest_first.pop_front() else { return };
        let Some(named) = self.named.get_mut(&key) else { return };
        named.pop_front();
        if named.is_empty() {
            self.named.remove(&key);
        }
    }

    /// The last status of the job with this name, and with this uid if there is one.
    pub(super) fn last(&self, key: &str, uid: Option<&str>, now: Instant) -> Option<&Arc<Status>> {
        let mut named = self.named.get(key)?.iter().rev().filter(|(then, _)| !is_over(*then, now));
        named.find(|(_, status)| uid.is_none_or(|uid| *status.uid == *uid)).map(|(_, status)| status)
    }
}

fn is_over(then: Instant, now: Instant) -> bool {
    now.saturating_duration_since(then) > KEPT_FOR
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
        Arc::new(Status::of(&job))
    }

    fn version(gone: &Gone, uid: Option<&str>, now: Instant) -> Option<u64> {
        gone.last("a/x", uid, now).map(|status| status.version)
    }

    #[test]
    fn last_known_is_the_latest_of_a_name_unless_a_uid_is_named() {
        let (mut gone, now) = (Gone::default(), Instant::now());
        gone.note(status("x", "u1", 5, false), now);
        gone.note(status("x", "u1", 7, true), now);
        gone.note(status("x", "u1", 9, false), now);
        gone.note(status("x", "u2", 11, false), now);
        gone.note(status("y", "u3", 13, false), now);
        assert_eq!(version(&gone, None, now), Some(11));
        assert_eq!(version(&gone, Some("u1"), now), Some(7), "what comes after the final status adds nothing");
        assert_eq!(version(&gone, Some("u3"), now), None, "it had another name");
    }

    #[test]
    fn last_known_is_forgotten_after_ten_minutes() {
        let (mut gone, start) = (Gone::default(), Instant::now());
        gone.note(status("x", "u1", 5, false), start);
        assert_eq!(version(&gone, None, start + KEPT_FOR), Some(5));
        let later = start + KEPT_FOR + Duration::from_secs(1);
        assert_eq!(version(&gone, None, later), None);
        gone.note(status("y", "u2", 6, false), later);
        assert_eq!((gone.named.len(), gone.oldest_first.len()), (1, 1));
    }

    #[test]
    fn last_known_is_kept_of_10_000_jobs_also_of_one_name() {
        let (mut gone, now) = (Gone::default(), Instant::now());
        for number in 0..MOST as u64 + 2 {
            gone.note(status("x", &format!("u{number}"), number, false), now);
        }
        assert_eq!(gone.named["a/x"].len(), MOST);
        assert_eq!((version(&gone, Some("u1"), now), version(&gone, Some("u2"), now)), (None, Some(2)));
    }
}
