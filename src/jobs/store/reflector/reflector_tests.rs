//! Tests of the reflector, case by case. `model` tests random sequences.

use super::*;
use crate::jobs::state::State;
use crate::jobs::store::change_log::Change;
use crate::jobs::store::staleness::Found;
use crate::kube::types::Job;
use crate::kube::types::Time;

#[path = "model_tests.rs"]
mod model;

/// A job in the namespace `a`, created at the time of its uid.
fn job(name: &str, uid: u32, version: Version, active: i32) -> Job {
    let mut job = Job::default();
    job.metadata.name = name.to_owned();
    job.metadata.namespace = "a".to_owned();
    job.metadata.uid = format!("u{uid}");
    job.metadata.resource_version = version.to_string();
    job.metadata.creation_timestamp = Some(Time(format!("2026-01-20T10:{:02}:{:02}Z", uid / 60 % 60, uid % 60)));
    job.status.active = active;
    job
}

/// A reflector that gets one event a second.
struct Harness {
    reflector: JobReflector,
    now: Instant,
}

impl Harness {
    fn new() -> Self {
        Self { reflector: JobReflector::new("lab"), now: Instant::now() }
    }

    /// A reflector that watches from version 10 on and knows these jobs.
    fn following(jobs: &[Job]) -> Self {
        let mut harness = Self::new();
        harness.list(10, jobs);
        harness.apply_event(WatchEvent::Watching);
        harness
    }

    fn apply_event(&mut self, event: WatchEvent) {
        self.now += Duration::from_secs(1);
        self.reflector.apply_event(event, self.now);
    }

    fn list(&mut self, version: Version, jobs: &[Job]) {
        self.apply_event(WatchEvent::Init(version));
        self.apply_event(WatchEvent::InitApply(jobs.to_vec()));
        self.apply_event(WatchEvent::InitDone);
    }

    fn lose(&mut self) {
        self.apply_event(WatchEvent::Disconnected(Failure::IdleTimeout));
    }

    fn enter(&mut self, job: &Job) -> bool {
        self.reflector.insert_if_newer(Status::new("lab", job), self.now).is_new
    }

    fn tombstone(&mut self, name: &str, uid: u32) -> bool {
        self.reflector.tombstone(&format!("a/{name}"), &format!("u{uid}"), self.now)
    }

    /// The name, uid and version of each job.
    fn jobs(&self) -> Vec<String> {
        let shown = |status: &Arc<Status>| format!("{} {}@{}", status.name(), status.uid, status.version);
        let mut jobs: Vec<String> = self.reflector.index.all().map(shown).collect();
        jobs.sort_unstable();
        jobs
    }

    fn changes_since(&self, number: u64) -> Vec<(Option<State>, Option<State>, String)> {
        let changes = self.reflector.changes.since(number).unwrap();
        changes.iter().map(|change| shown(change)).collect()
    }

    fn age(&self) -> String {
        match self.reflector.staleness.answer(Some(()), self.now) {
            Found::Miss => "unknown".to_owned(),
            Found::Hit { age: None, .. } => "current".to_owned(),
            Found::Hit { age: Some(age), .. } => format!("{} s", age.as_secs()),
        }
    }
}

fn shown(change: &Change) -> (Option<State>, Option<State>, String) {
    let state = |status: Option<&Arc<Status>>| status.map(|status| status.state);
    let Change { before, status, .. } = change;
    (state(before.as_ref()), state(change.after()), format!("{}@{}", status.uid, status.version))
}

#[test]
fn an_older_watch_event_does_not_replace_our_own_write() {
    let mut harness = Harness::following(&[job("x", 1, 5, 0)]);
    assert!(harness.enter(&job("x", 1, 14, 1)));
    harness.apply_event(WatchEvent::Apply(job("x", 1, 12, 0)));
    assert_eq!(harness.jobs(), ["x u1@14"]);
    harness.apply_event(WatchEvent::Apply(job("x", 1, 16, 0)));
    assert_eq!(harness.jobs(), ["x u1@16"]);
}

#[test]
fn an_older_reply_does_not_replace_a_newer_one() {
    let mut harness = Harness::following(&[]);
    assert!(harness.enter(&job("x", 1, 14, 1)));
    assert!(!harness.enter(&job("x", 1, 12, 0)), "the reply to the first write is last");
    assert_eq!(harness.jobs(), ["x u1@14"]);
}

#[test]
fn a_reply_after_the_deletion_event_does_not_bring_the_job_back() {
    let mut harness = Harness::following(&[]);
    harness.apply_event(WatchEvent::Apply(job("x", 1, 12, 0)));
    harness.apply_event(WatchEvent::Delete(job("x", 1, 14, 0)));
    assert!(!harness.enter(&job("x", 1, 12, 0)));
    harness.apply_event(WatchEvent::Apply(job("y", 2, 17, 0)));
    harness.apply_event(WatchEvent::Delete(job("y", 2, 19, 0)));
    harness.apply_event(WatchEvent::Bookmark(20));
    assert!(!harness.enter(&job("y", 2, 17, 0)), "it was created and deleted before the bookmark");
    assert!(harness.enter(&job("z", 3, 21, 0)));
    assert_eq!(harness.jobs(), ["z u3@21"]);
}

#[test]
fn nothing_is_stored_before_a_list_begins() {
    let mut harness = Harness::new();
    assert!(!harness.enter(&job("x", 1, 14, 0)));
    harness.apply_event(WatchEvent::Init(10));
    harness.apply_event(WatchEvent::InitApply(vec![job("x", 1, 5, 0)]));
    assert!(harness.enter(&job("x", 1, 14, 1)), "the list must not hide our own write");
    assert!(!harness.reflector.is_usable());
    harness.apply_event(WatchEvent::InitDone);
    assert_eq!((harness.jobs(), harness.reflector.is_usable()), (vec!["x u1@14".to_owned()], true));
}

#[test]
fn nothing_is_stored_after_the_first_list_failed() {
    for failure in [Failure::IdleTimeout, Failure::Forbidden("no".to_owned())] {
        let mut harness = Harness::new();
        harness.apply_event(WatchEvent::Init(10));
        harness.apply_event(WatchEvent::Disconnected(failure));
        assert!(!harness.enter(&job("x", 1, 14, 0)), "nothing would ever remove it");
    }
}

#[test]
fn a_list_removes_jobs_deleted_without_a_watch_and_keeps_newer_writes() {
    let mut harness = Harness::following(&[job("gone", 1, 5, 0), job("kept", 2, 6, 0), job("both", 3, 7, 0)]);
    harness.lose();
    assert!(harness.enter(&job("new", 4, 31, 0)) && harness.enter(&job("both", 3, 32, 1)));
    assert!(harness.enter(&job("came-and-went", 5, 20, 0)));
    harness.list(30, &[job("kept", 2, 6, 0), job("both", 3, 7, 0)]);
    assert_eq!(harness.jobs(), ["both u3@32", "kept u2@6", "new u4@31"]);
}

#[test]
fn a_list_removes_a_job_whose_reply_is_older_than_the_list() {
    let mut harness = Harness::following(&[]);
    harness.lose();
    harness.apply_event(WatchEvent::Init(30));
    // The job is created at 20 and deleted at 25; the reply is slow.
    harness.enter(&job("x", 1, 20, 0));
    harness.enter(&job("new", 2, 31, 0));
    harness.apply_event(WatchEvent::InitApply(Vec::new()));
    harness.apply_event(WatchEvent::InitDone);
    assert_eq!(harness.jobs(), ["new u2@31"]);
}

#[test]
fn the_newer_of_a_reply_and_a_listed_job_wins() {
    let mut harness = Harness::following(&[job("x", 1, 5, 1), job("y", 2, 6, 1)]);
    harness.lose();
    harness.apply_event(WatchEvent::Init(30));
    harness.apply_event(WatchEvent::InitApply(vec![job("x", 1, 28, 1), job("y", 2, 26, 1)]));
    harness.enter(&job("x", 1, 20, 0));
    assert!(harness.enter(&job("y", 2, 31, 0)));
    assert_eq!(harness.jobs()[1], "y u2@31", "the caller finds its own write at once");
    harness.apply_event(WatchEvent::InitDone);
    assert_eq!(harness.jobs(), ["x u1@28", "y u2@31"]);
}

#[test]
fn an_incomplete_list_changes_nothing() {
    let mut harness = Harness::following(&[job("x", 1, 5, 0)]);
    harness.lose();
    harness.apply_event(WatchEvent::Init(20));
    harness.apply_event(WatchEvent::InitApply(vec![job("y", 2, 18, 0)]));
    assert_eq!(harness.jobs(), ["x u1@5"]);
    harness.lose();
    assert_eq!(harness.jobs(), ["x u1@5"]);
    harness.list(30, &[job("z", 3, 25, 0)]);
    assert_eq!(harness.jobs(), ["z u3@25"]);
}

#[test]
fn a_job_created_again_under_its_name_is_another_job() {
    let mut harness = Harness::following(&[job("x", 1, 5, 1)]);
    let before = harness.reflector.changes.last();
    harness.apply_event(WatchEvent::Apply(job("x", 2, 14, 0)));
    harness.apply_event(WatchEvent::Delete(job("x", 1, 12, 1)));
    assert_eq!(harness.jobs(), ["x u2@14"], "the deletion of the first does not concern the second");
    let (pending, running) = (Some(State::Pending), Some(State::Running));
    let expected = [(running, None, "u1@5".to_owned()), (None, pending, "u2@14".to_owned())];
    assert_eq!(harness.changes_since(before), expected);
}

#[test]
fn every_insert_and_remove_is_a_change_and_wakes_the_waiting_callers() {
    let mut harness = Harness::following(&[]);
    let mut waiting = harness.reflector.waiting.entry("a/x".to_owned()).or_default().subscribe();
    let mut last = harness.reflector.changes.last();
    let mut check = |harness: &Harness, expected: &[&str]| {
        let changes: Vec<String> = harness.changes_since(last).into_iter().map(|(.., what)| what).collect();
        assert_eq!(changes, expected);
        assert_eq!(waiting.has_changed().unwrap(), !expected.is_empty(), "{expected:?}");
        waiting.mark_unchanged();
        last = harness.reflector.changes.last();
    };
    harness.enter(&job("x", 1, 12, 0));
    check(&harness, &["u1@12"]);
    harness.apply_event(WatchEvent::Apply(job("x", 1, 12, 0)));
    check(&harness, &[]);
    harness.apply_event(WatchEvent::Apply(job("x", 1, 13, 1)));
    check(&harness, &["u1@13"]);
    harness.apply_event(WatchEvent::Delete(job("x", 1, 14, 1)));
    check(&harness, &["u1@13"]);
    harness.lose();
    harness.list(20, &[job("x", 2, 18, 0)]);
    check(&harness, &["u2@18"]);
    harness.list(21, &[job("x", 2, 18, 0)]);
    check(&harness, &[]);
    harness.tombstone("x", 2);
    check(&harness, &["u2@18"]);
    harness.list(40, &[job("x", 3, 30, 0)]);
    check(&harness, &["u3@30"]);
    harness.list(50, &[]);
    check(&harness, &["u3@30"]);
}

#[path = "batch_tests.rs"]
mod batches;
#[path = "ended_tests.rs"]
mod gone;
#[path = "more_tests.rs"]
mod more;
