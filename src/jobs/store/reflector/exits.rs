//! How failed jobs ended: which of them are still to be looked up, and what was found.

use std::sync::Arc;

use time::{Duration, OffsetDateTime};

use crate::jobs::pods::exit::Exit;
use crate::jobs::state::State;
use crate::jobs::status::Status;
use crate::jobs::store::index::Entry;
use crate::jobs::store::reflector::JobReflector;
use crate::kube::types::Job;

/// The pods of a job that failed longer ago are not looked up.
const RECENT: Duration = Duration::minutes(10);
/// Jobs beyond these are not looked up. Nothing but their exit code is missing then.
const MAX_QUEUED: usize = 10_000;

impl JobReflector {
    /// The job's status, with its exit if that is known.
    pub(in crate::jobs) fn status(&self, job: &Job) -> Status {
        let status = Status::of(job);
        let known = self.store.get(status.key()).filter(|known| known.status.uid == status.uid);
        match known.and_then(|known| known.status.exit()) {
            Some(exit) => Status::with_exit(job, exit.clone()),
            None => status,
        }
    }

    /// Notes that the exit of a job is to be looked up, if it has just failed. `before` is the state that it had.
    pub(super) fn queue_exit(&mut self, status: &Arc<Status>, before: Option<State>) {
        let has_failed = status.state == State::Failed && before != Some(State::Failed);
        let since = OffsetDateTime::now_utc() - RECENT;
        let is_recent = status.failed_at.is_none_or(|time| time > since.unix_timestamp());
        if has_failed && is_recent && status.exit().is_none() && self.failed.len() < MAX_QUEUED {
            self.failed.push_back(Arc::clone(status));
        }
    }

    /// Notes how a job ended. Returns false if another version of it is known than this one.
    pub(in crate::jobs) fn set_exit(&mut self, job: &Job, exit: Exit) -> bool {
        let status = Arc::new(Status::with_exit(job, exit));
        let Some(known) = self.store.get(status.key()) else { return true };
        if known.status.uid != status.uid || known.status.exit().is_some() {
            return true;
        }
        if known.status.version != status.version {
            return false;
        }
        let (before, list) = (known.status.state, known.list);
        self.store.put(Entry { status: Arc::clone(&status), list });
        self.wake(status.key());
        self.changes.push(Some(before), Some(status.state), status);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::filter::Filter;
    use crate::jobs::store::change_log::{ChangeKind, seen};
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

    fn apply_event(live: &mut JobReflector, news: WatchEvent) {
        live.apply_event(news, std::time::Instant::now());
    }

    fn following() -> JobReflector {
        let mut live = JobReflector::default();
        for news in [WatchEvent::Init(10), WatchEvent::InitDone, WatchEvent::Watching] {
            apply_event(&mut live, news);
        }
        live
    }

    #[test]
    fn a_job_is_queued_once_when_it_fails_and_not_long_after() {
        let (now, old) = (OffsetDateTime::now_utc(), OffsetDateTime::now_utc() - Duration::minutes(11));
        for (time, expected) in [(Some(now), 1), (None, 1), (Some(old), 0)] {
            let mut live = following();
            for version in [12, 13] {
                apply_event(&mut live, WatchEvent::Apply(failed(version, time)));
            }
            assert_eq!(live.failed.len(), expected, "{time:?}");
        }
    }

    #[test]
    fn an_exit_is_a_modification_and_stays_with_the_job() {
        let (mut live, exit) = (following(), Exit { code: 3, message: None });
        apply_event(&mut live, WatchEvent::Apply(failed(12, None)));
        let last = live.changes.last();
        assert!(!live.set_exit(&failed(11, None), exit.clone()), "another version is known");
        assert!(live.set_exit(&failed(12, None), exit.clone()));
        let changes = live.changes.since(last).unwrap();
        let kinds: Vec<_> = seen(&changes, &Filter::default()).into_iter().map(|(kind, _)| kind).collect();
        assert_eq!(kinds, [ChangeKind::Modified]);
        assert_eq!(live.store.get("a/x").unwrap().status.exit(), Some(&exit));
        apply_event(&mut live, WatchEvent::Apply(failed(13, None)));
        let entry = live.store.get("a/x").unwrap();
        assert_eq!((entry.status.exit(), entry.status.version), (Some(&exit), 13));
        let mut again = failed(20, None);
        again.metadata.uid = "u2".to_owned();
        apply_event(&mut live, WatchEvent::Apply(again));
        assert_eq!(live.store.get("a/x").unwrap().status.exit(), None, "another job of that name");
    }
}
