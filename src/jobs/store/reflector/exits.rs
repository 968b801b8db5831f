//! Finds the failed jobs whose exit is not looked up yet, and stores the exits.

use std::sync::Arc;

use time::{Duration, OffsetDateTime};

use crate::jobs::pods::exit::Exit;
use crate::jobs::state::State;
use crate::jobs::status::Status;
use crate::jobs::store::reflector::JobReflector;
use crate::kube::types::Job;

/// The exits of jobs that failed earlier are not looked up.
const MAX_AGE: Duration = Duration::minutes(10);
/// The exits of further jobs are not looked up.
const MAX_QUEUED: usize = 10_000;

impl JobReflector {
    /// Returns the job's status, with its exit if that is known.
    pub(in crate::jobs) fn status(&self, job: &Job) -> Status {
        let status = Status::new(&self.cluster, job);
        let known = self.index.get(status.key()).filter(|known| known.uid == status.uid);
        let status = match known.and_then(|known| known.exit()) {
            Some(exit) => Status::with_exit(&self.cluster, job, exit.clone()),
            None => status,
        };
        if self.keeps_images { status.with_images(job) } else { status }
    }

    /// Queues the lookup of a job's exit if the job has just failed. `before` is its status before.
    pub(super) fn queue_exit(&mut self, status: &Arc<Status>, before: Option<&Status>) {
        let failed_before = before.is_some_and(|before| before.state == State::Failed);
        let has_failed = status.state == State::Failed && !failed_before;
        let since = OffsetDateTime::now_utc() - MAX_AGE;
        let is_recent = status.ended_at.is_none_or(|time| time > since.unix_timestamp());
        if has_failed && is_recent && status.exit().is_none() && self.failed.len() < MAX_QUEUED {
            self.failed.push_back(Arc::clone(status));
        }
    }

    /// Queues the lookup again if the exit was looked up for an older version while the list was read.
    pub(super) fn requeue_exit(&mut self, listed: &Arc<Status>) {
        let known = self.index.get(listed.key()).filter(|known| known.uid == listed.uid);
        if listed.exit().is_none() && known.is_some_and(|known| known.exit().is_some()) {
            self.failed.push_back(Arc::clone(listed));
        }
    }

    /// Stores a job's exit. Returns false if another version of the job is known.
    pub(in crate::jobs) fn set_exit(&mut self, job: &Job, exit: Exit) -> bool {
        let status = Status::with_exit(&self.cluster, job, exit);
        let status = Arc::new(if self.keeps_images { status.with_images(job) } else { status });
        let Some(known) = self.index.get(status.key()) else { return true };
        if known.uid != status.uid || known.exit().is_some() {
            return true;
        }
        if known.version != status.version {
            return false;
        }
        let before = self.index.insert(Arc::clone(&status));
        self.wake(&status);
        self.changes.updated(before, status);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::filter::Filter;
    use crate::jobs::store::change_log::{ChangeKind, visible_changes};
    use crate::kube::watcher::WatchEvent;

    fn failed(version: u64, time: Option<OffsetDateTime>) -> Job {
        let time = time.map(|time| time.format(&time::format_description::well_known::Rfc3339).unwrap());
        let condition = serde_json::json!({ "type": "Failed", "status": "True", "lastTransitionTime": time });
        serde_json::from_value(serde_json::json!({
            "metadata": { "namespace": "a", "name": "x", "uid": "u1", "resourceVersion": version.to_string() },
            "status": { "conditions": [condition] },
        }))
        .unwrap()
    }

    fn apply_event(reflector: &mut JobReflector, event: WatchEvent) {
        reflector.apply_event(event, std::time::Instant::now());
    }

    fn following() -> JobReflector {
        let mut reflector = JobReflector::new("lab");
        for event in [WatchEvent::Init(10), WatchEvent::InitDone, WatchEvent::Watching] {
            apply_event(&mut reflector, event);
        }
        reflector
    }

    #[test]
    fn a_failed_job_is_queued_once_and_only_if_it_failed_recently() {
        let (now, old) = (OffsetDateTime::now_utc(), OffsetDateTime::now_utc() - Duration::minutes(11));
        for (time, expected) in [(Some(now), 1), (None, 1), (Some(old), 0)] {
            let mut reflector = following();
            for version in [12, 13] {
                apply_event(&mut reflector, WatchEvent::Apply(failed(version, time)));
            }
            assert_eq!(reflector.failed.len(), expected, "{time:?}");
        }
    }

    #[test]
    fn an_exit_is_a_modification_and_stays_with_the_job() {
        let (mut reflector, exit) = (following(), Exit { code: 3, message: None });
        apply_event(&mut reflector, WatchEvent::Apply(failed(12, None)));
        let last = reflector.changes.last();
        assert!(!reflector.set_exit(&failed(11, None), exit.clone()), "another version is known");
        assert!(reflector.set_exit(&failed(12, None), exit.clone()));
        let changes = reflector.changes.since(last).unwrap();
        let kinds: Vec<_> = visible_changes(&changes, &Filter::default()).into_iter().map(|(kind, _)| kind).collect();
        assert_eq!(kinds, [ChangeKind::Modified]);
        assert_eq!(reflector.index.get("a/x").unwrap().exit(), Some(&exit));
        apply_event(&mut reflector, WatchEvent::Apply(failed(13, None)));
        let entry = reflector.index.get("a/x").unwrap();
        assert_eq!((entry.exit(), entry.version), (Some(&exit), 13));
        let mut again = failed(20, None);
        again.metadata.uid = "u2".to_owned();
        apply_event(&mut reflector, WatchEvent::Apply(again));
        assert_eq!(reflector.index.get("a/x").unwrap().exit(), None, "another job of that name");
    }

    #[test]
    fn an_exit_that_is_set_while_a_newer_version_is_listed_is_looked_up_again() {
        let (mut reflector, now) = (JobReflector::new("lab"), Some(OffsetDateTime::now_utc()));
        for event in [WatchEvent::Init(10), WatchEvent::InitApply(vec![failed(10, now)]), WatchEvent::InitDone] {
            apply_event(&mut reflector, event);
        }
        reflector.failed.clear();
        for event in [WatchEvent::Init(20), WatchEvent::InitApply(vec![failed(15, now)])] {
            apply_event(&mut reflector, event);
        }
        assert!(reflector.set_exit(&failed(10, now), Exit { code: 3, message: None }));
        apply_event(&mut reflector, WatchEvent::InitDone);
        let queued: Vec<u64> = reflector.failed.iter().map(|status| status.version).collect();
        assert_eq!(queued, [15]);
    }
}
