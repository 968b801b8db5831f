//! What may go in when, case by case; the cases that nobody thought of are `model`'s.

use std::time::Duration;

use super::*;
use crate::jobs::state::State;
use crate::jobs::store::change_log::Change;
use crate::kube::types::{Job, Time};

#[path = "model_tests.rs"]
mod model;

/// A job in the namespace `a`, created when its uid says.
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

/// A live state that is told one thing after the other, a second apart.
struct Told {
    live: JobReflector,
    now: Instant,
}

impl Told {
    fn new() -> Self {
        Self { live: JobReflector::default(), now: Instant::now() }
    }

    /// One that follows since version 10 and knows these jobs.
    fn following(jobs: &[Job]) -> Self {
        let mut told = Self::new();
        told.list(10, jobs);
        told.apply_event(WatchEvent::Watching);
        told
    }

    fn apply_event(&mut self, news: WatchEvent) {
        self.now += Duration::from_secs(1);
        self.live.apply_event(news, self.now);
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
        self.live.enter(Status::of(job), self.now).is_new
    }

    fn tombstone(&mut self, name: &str, uid: u32) -> bool {
        self.live.tombstone(&format!("a/{name}"), &format!("u{uid}"), self.now)
    }

    /// Name, uid and version of all, by name.
    fn jobs(&self) -> Vec<String> {
        let shown = |status: &Arc<Status>| format!("{} {}@{}", status.name(), status.uid, status.version);
        let mut jobs: Vec<String> = self.live.store.all().map(shown).collect();
        jobs.sort_unstable();
        jobs
    }

    fn changes_since(&self, number: u64) -> Vec<(Option<State>, Option<State>, String)> {
        let changes = self.live.changes.since(number).unwrap();
        changes.iter().map(|change| shown(change)).collect()
    }

    fn age(&self) -> String {
        match self.live.age(self.now) {
            None => "nothing is known".to_owned(),
            Some(Age(None)) => "live".to_owned(),
            Some(Age(Some(age))) => format!("{} s", age.as_secs()),
        }
    }
}

fn shown(change: &Change) -> (Option<State>, Option<State>, String) {
    let Change { before, after, status, .. } = change;
    (*before, *after, format!("{}@{}", status.uid, status.version))
}

#[test]
fn the_watch_does_not_take_back_what_our_own_write_returned() {
    let mut told = Told::following(&[job("x", 1, 5, 0)]);
    assert!(told.enter(&job("x", 1, 14, 1)));
    told.apply_event(WatchEvent::Apply(job("x", 1, 12, 0)));
    assert_eq!(told.jobs(), ["x u1@14"]);
    told.apply_event(WatchEvent::Apply(job("x", 1, 16, 0)));
    assert_eq!(told.jobs(), ["x u1@16"]);
}

#[test]
fn replies_that_overtake_each_other_leave_the_newest() {
    let mut told = Told::following(&[]);
    assert!(told.enter(&job("x", 1, 14, 1)));
    assert!(!told.enter(&job("x", 1, 12, 0)), "the reply to the first write came last");
    assert_eq!(told.jobs(), ["x u1@14"]);
}

#[test]
fn a_reply_that_comes_after_the_watch_told_the_end_resurrects_nothing() {
    let mut told = Told::following(&[]);
    told.apply_event(WatchEvent::Apply(job("x", 1, 12, 0)));
    told.apply_event(WatchEvent::Delete(job("x", 1, 14, 0)));
    assert!(!told.enter(&job("x", 1, 12, 0)));
    told.apply_event(WatchEvent::Apply(job("y", 2, 17, 0)));
    told.apply_event(WatchEvent::Delete(job("y", 2, 19, 0)));
    told.apply_event(WatchEvent::Bookmark(20));
    assert!(!told.enter(&job("y", 2, 17, 0)), "it came and went before the bookmark");
    assert!(told.enter(&job("z", 3, 21, 0)));
    assert_eq!(told.jobs(), ["z u3@21"]);
}

#[test]
fn nothing_goes_in_before_there_is_a_list() {
    let mut told = Told::new();
    assert!(!told.enter(&job("x", 1, 14, 0)));
    told.apply_event(WatchEvent::Init(10));
    told.apply_event(WatchEvent::InitApply(vec![job("x", 1, 5, 0)]));
    assert!(told.enter(&job("x", 1, 14, 1)), "else the list's word would hide our own write from its caller");
    assert!(!told.live.is_usable());
    told.apply_event(WatchEvent::InitDone);
    assert_eq!((told.jobs(), told.live.is_usable()), (vec!["x u1@14".to_owned()], true));
}

#[test]
fn nothing_goes_in_while_the_first_list_is_not_to_be_had() {
    for failure in [Failure::IdleTimeout, Failure::Forbidden("no".to_owned())] {
        let mut told = Told::new();
        told.apply_event(WatchEvent::Init(10));
        told.apply_event(WatchEvent::Disconnected(failure));
        assert!(!told.enter(&job("x", 1, 14, 0)), "nothing would ever take it out");
    }
}

#[test]
fn a_list_takes_out_what_went_while_nobody_watched_and_keeps_newer_writes() {
    let mut told = Told::following(&[job("gone", 1, 5, 0), job("kept", 2, 6, 0), job("both", 3, 7, 0)]);
    told.lose();
    assert!(told.enter(&job("new", 4, 31, 0)) && told.enter(&job("both", 3, 32, 1)));
    assert!(told.enter(&job("came-and-went", 5, 20, 0)));
    told.list(30, &[job("kept", 2, 6, 0), job("both", 3, 7, 0)]);
    assert_eq!(told.jobs(), ["both u3@32", "kept u2@6", "new u4@31"]);
}

#[test]
fn a_reply_from_before_a_list_that_is_under_way_does_not_outlive_it() {
    let mut told = Told::following(&[]);
    told.lose();
    told.apply_event(WatchEvent::Init(30));
    // Created at 20, gone at 25; the reply was slow.
    told.enter(&job("x", 1, 20, 0));
    told.enter(&job("new", 2, 31, 0));
    told.apply_event(WatchEvent::InitApply(Vec::new()));
    told.apply_event(WatchEvent::InitDone);
    assert_eq!(told.jobs(), ["new u2@31"]);
}

#[test]
fn an_older_reply_does_not_replace_what_a_page_brought() {
    let mut told = Told::following(&[job("x", 1, 5, 0)]);
    told.lose();
    told.apply_event(WatchEvent::Init(30));
    told.apply_event(WatchEvent::InitApply(vec![job("x", 1, 28, 1)]));
    assert!(!told.enter(&job("x", 1, 20, 0)));
    told.apply_event(WatchEvent::InitDone);
    assert_eq!(told.jobs(), ["x u1@28"]);
}

#[test]
fn a_list_that_was_broken_off_is_made_up_for_by_the_next() {
    let mut told = Told::following(&[job("x", 1, 5, 0)]);
    told.lose();
    told.apply_event(WatchEvent::Init(20));
    told.apply_event(WatchEvent::InitApply(vec![job("y", 2, 18, 0)]));
    told.lose();
    assert_eq!(told.jobs(), ["x u1@5", "y u2@18"], "nothing is taken out by half a list");
    told.list(30, &[job("z", 3, 25, 0)]);
    assert_eq!(told.jobs(), ["z u3@25"]);
}

#[test]
fn a_job_that_was_made_again_under_its_name_is_another() {
    let mut told = Told::following(&[job("x", 1, 5, 1)]);
    let before = told.live.changes.last();
    told.apply_event(WatchEvent::Apply(job("x", 2, 14, 0)));
    told.apply_event(WatchEvent::Delete(job("x", 1, 12, 1)));
    assert_eq!(told.jobs(), ["x u2@14"], "the end of the first says nothing of the second");
    let (pending, running) = (Some(State::Pending), Some(State::Running));
    let expected = [(running, None, "u1@5".to_owned()), (None, pending, "u2@14".to_owned())];
    assert_eq!(told.changes_since(before), expected);
}

#[test]
fn every_way_in_and_out_is_a_change_and_wakes_who_waits_for_the_job() {
    let mut told = Told::following(&[]);
    let mut waiting = told.live.waiting.entry("a/x".to_owned()).or_default().subscribe();
    let mut last = told.live.changes.last();
    let mut check = |told: &Told, expected: &[&str]| {
        let changes: Vec<String> = told.changes_since(last).into_iter().map(|(.., what)| what).collect();
        assert_eq!(changes, expected);
        assert_eq!(waiting.has_changed().unwrap(), !expected.is_empty(), "{expected:?}");
        waiting.mark_unchanged();
        last = told.live.changes.last();
    };
    told.enter(&job("x", 1, 12, 0));
    check(&told, &["u1@12"]);
    told.apply_event(WatchEvent::Apply(job("x", 1, 12, 0)));
    check(&told, &[]);
    told.apply_event(WatchEvent::Apply(job("x", 1, 13, 1)));
    check(&told, &["u1@13"]);
    told.apply_event(WatchEvent::Delete(job("x", 1, 14, 1)));
    check(&told, &["u1@13"]);
    told.lose();
    told.list(20, &[job("x", 2, 18, 0)]);
    check(&told, &["u2@18"]);
    told.list(21, &[job("x", 2, 18, 0)]);
    check(&told, &[]);
    told.tombstone("x", 2);
    check(&told, &["u2@18"]);
    told.list(40, &[job("x", 3, 30, 0)]);
    check(&told, &["u3@30"]);
    told.list(50, &[]);
    check(&told, &["u3@30"]);
}

#[path = "ended_tests.rs"]
mod gone;
#[path = "more_tests.rs"]
mod more;
