//! Tests of what the follower records, of a real store.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::time::timeout;

use super::*;
use crate::jobs::batches::membership::HEAD_LABEL;
use crate::jobs::pods::exit::Exit;
use crate::kube::names::{JobName, Namespace};
use crate::kube::types::{Condition, Job, Labels};
use crate::kube::watcher::{Failure, WatchEvent};

const SOON: Duration = Duration::from_secs(5);

/// A store, and the records of its follower.
struct Followed {
    store: Arc<JobStore>,
    records: mpsc::UnboundedReceiver<Record>,
    drops: watch::Sender<u64>,
    /// How many of the next records are dropped.
    dropped: Arc<Mutex<u32>>,
}

impl Followed {
    /// Starts a follower of a store that is not usable yet.
    fn start() -> Self {
        let store = Arc::new(JobStore::new("lab"));
        let (sender, records) = mpsc::unbounded_channel();
        let (drops, dropped) = (watch::Sender::default(), Arc::new(Mutex::new(0_u32)));
        let left = Arc::clone(&dropped);
        let record = move |record| {
            let mut left = left.lock().unwrap();
            let is_taken = *left == 0;
            *left = left.saturating_sub(1);
            is_taken && sender.send(record).is_ok()
        };
        let (changes, cluster) = (store.change_notifications(), "lab".into());
        let (of, since) = (Arc::clone(&store), drops.subscribe());
        let follower = Follower { cluster, store: of, changes, drops: since, record, lists: 0, last_list: None };
        tokio::spawn(follower.run());
        Self { store, records, drops, dropped }
    }

    /// Starts a follower of a store with these jobs. The first list is recorded.
    async fn with(jobs: Vec<Job>) -> Self {
        let mut followed = Self::start();
        followed.list(10, jobs);
        assert!(followed.next().await.starts_with("start"));
        followed
    }

    fn apply(&self, events: impl IntoIterator<Item = WatchEvent>) {
        events.into_iter().for_each(|event| self.store.apply_event(event, Instant::now()));
    }

    fn list(&self, version: u64, jobs: Vec<Job>) {
        use WatchEvent::{Init, InitApply, InitDone, Watching};
        self.apply([Init(version), InitApply(jobs), InitDone, Watching]);
    }

    /// Returns the next record, in short.
    async fn next(&mut self) -> String {
        short(&timeout(SOON, self.records.recv()).await.expect("nothing is recorded").unwrap())
    }

    async fn is_quiet(&mut self) -> bool {
        timeout(100 * SOON, self.records.recv()).await.is_err()
    }
}

fn short(record: &Record) -> String {
    match record {
        Record::Changed { status, .. } => format!("{} {}", status.name(), status.version),
        Record::Gone { status, time, .. } => {
            assert!((now() - 60..=now()).contains(time), "{time}");
            format!("{} {} gone", status.name(), status.uid)
        }
        Record::Listed { jobs, reason, .. } => {
            let mut jobs: Vec<_> = jobs.iter().map(|status| format!(" {} {}", status.name(), status.version)).collect();
            jobs.sort();
            let reason = if *reason == ListReason::Start { "start:" } else { "dropped:" };
            reason.to_owned() + &jobs.concat()
        }
        other => panic!("{other:?}"),
    }
}

fn job(name: &str, version: u64) -> Job {
    let mut job = Job::default();
    job.metadata.name = name.to_owned();
    job.metadata.namespace = "a".to_owned();
    job.metadata.uid = format!("u-{name}");
    job.metadata.resource_version = version.to_string();
    job.metadata.labels = Labels(vec![("app".into(), "eks-api".into())]);
    job
}

fn head(name: &str, version: u64) -> Job {
    let mut job = job(name, version);
    job.metadata.labels.0.push((HEAD_LABEL.into(), "true".into()));
    job
}

fn failed(name: &str, version: u64) -> Job {
    let mut job = job(name, version);
    job.status.conditions =
        vec![Condition { r#type: "Failed".to_owned(), status: "True".to_owned(), ..Condition::default() }];
    job
}

#[tokio::test(start_paused = true)]
async fn all_jobs_come_first_and_then_every_change_in_its_order() {
    let mut followed = Followed::start();
    assert!(followed.is_quiet().await, "the jobs are not known yet");
    followed.list(10, vec![job("x", 3), job("y", 4)]);
    assert_eq!(followed.next().await, "start: x 3 y 4");
    followed.apply([11, 12].map(|version| WatchEvent::Apply(job("x", version))));
    followed.apply([WatchEvent::Delete(job("y", 13)), WatchEvent::Apply(job("z", 14))]);
    for expected in ["x 11", "x 12", "y u-y gone", "z 14"] {
        assert_eq!(followed.next().await, expected);
    }
    followed.store.insert_if_newer(&job("created", 15));
    assert_eq!(followed.next().await, "created 15");
    followed.store.tombstone(&Namespace::parse("a").unwrap(), &JobName::parse("created").unwrap(), "u-created");
    assert_eq!(followed.next().await, "created u-created gone");
    assert!(followed.is_quiet().await);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_takes_the_name_of_another_is_new_and_the_other_is_gone() {
    let mut followed = Followed::with(vec![job("x", 3)]).await;
    let mut again = job("x", 12);
    again.metadata.uid = "u-again".to_owned();
    followed.apply([WatchEvent::Apply(again.clone()), WatchEvent::Delete(again)]);
    for expected in ["x u-x gone", "x 12", "x u-again gone"] {
        assert_eq!(followed.next().await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_that_ends_and_is_deleted_in_one_event_has_its_end_recorded() {
    let mut followed = Followed::with(vec![job("x", 3)]).await;
    followed.apply([WatchEvent::Delete(failed("x", 12))]);
    assert_eq!([followed.next().await, followed.next().await], ["x 12", "x u-x gone"]);
}

#[tokio::test(start_paused = true)]
async fn an_exit_that_becomes_known_is_a_change() {
    let mut followed = Followed::with(vec![failed("x", 3)]).await;
    followed.store.set_exit(&failed("x", 3), &Exit { code: 7, message: None });
    let Some(Record::Changed { status, .. }) = followed.records.recv().await else { panic!("no change") };
    assert_eq!(status.exit().map(|exit| exit.code), Some(7));
}

#[tokio::test(start_paused = true)]
async fn the_heads_of_batches_are_left_out() {
    let mut followed = Followed::start();
    followed.list(10, vec![job("x", 3), head("etl", 4)]);
    assert_eq!(followed.next().await, "start: x 3");
    followed.apply([11, 12].map(|version| WatchEvent::Apply(head("etl", version))));
    followed.apply([WatchEvent::Delete(head("etl", 13)), WatchEvent::Apply(job("x", 14))]);
    assert_eq!(followed.next().await, "x 14");
}

#[tokio::test(start_paused = true)]
async fn more_changes_than_the_store_keeps_are_a_list() {
    let mut followed = Followed::with(vec![job("x", 3)]).await;
    followed.apply((11..11 + 1025).map(|version| WatchEvent::Apply(job("x", version))));
    assert_eq!(followed.next().await, "start: x 1035");
    followed.apply((2000..2000 + 1024).map(|version| WatchEvent::Apply(job("x", version))));
    for version in 2000..2000 + 1024 {
        assert_eq!(followed.next().await, format!("x {version}"));
    }
    assert!(followed.is_quiet().await);
}

#[tokio::test(start_paused = true)]
async fn after_drops_all_jobs_are_recorded_and_changes_go_on() {
    let mut followed = Followed::with(vec![job("x", 3)]).await;
    *followed.dropped.lock().unwrap() = 1;
    followed.apply([11, 12].map(|version| WatchEvent::Apply(job("x", version))));
    assert!(followed.is_quiet().await, "x 12 would hide that x 11 is missing");
    followed.apply([WatchEvent::Apply(job("x", 13))]);
    assert!(followed.is_quiet().await);
    followed.drops.send_modify(|count| *count += 1);
    assert_eq!(followed.next().await, "dropped: x 13");
    followed.apply([WatchEvent::Apply(job("x", 14))]);
    assert_eq!(followed.next().await, "x 14");
    assert!(followed.is_quiet().await);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_dropped_is_recorded_when_there_is_room_again() {
    let mut followed = Followed::start();
    *followed.dropped.lock().unwrap() = 2;
    followed.list(10, vec![job("x", 3)]);
    for _ in 0..2 {
        assert!(followed.is_quiet().await);
        followed.drops.send_modify(|count| *count += 1);
    }
    assert_eq!(followed.next().await, "dropped: x 3");
    assert!(followed.is_quiet().await);
}

#[tokio::test(start_paused = true)]
async fn one_list_waits_for_the_writer_at_most() {
    let mut followed = Followed::start();
    followed.list(10, vec![job("x", 3)]);
    let waiting = followed.records.recv().await.unwrap();
    followed.apply([WatchEvent::Apply(job("x", 11))]);
    assert_eq!(followed.next().await, "x 11", "changes go on");
    followed.drops.send_modify(|count| *count += 1);
    assert!(followed.is_quiet().await);
    followed.apply([WatchEvent::Apply(job("x", 12))]);
    assert!(followed.is_quiet().await);
    drop(waiting);
    assert_eq!(followed.next().await, "dropped: x 12");
}

#[tokio::test(start_paused = true)]
async fn when_the_jobs_are_forgotten_nothing_is_recorded_before_the_next_list() {
    let mut followed = Followed::with(vec![job("x", 3), job("y", 4)]).await;
    followed.store.clear();
    assert!(followed.is_quiet().await);
    followed.list(20, vec![job("y", 4)]);
    assert_eq!(followed.next().await, "start: y 4");
    // Drops while nothing is known are not forgotten.
    followed.apply([WatchEvent::Disconnected(Failure::Forbidden("no".to_owned()))]);
    followed.drops.send_modify(|count| *count += 1);
    assert!(followed.is_quiet().await);
    followed.list(30, vec![]);
    assert_eq!(followed.next().await, "dropped:");
}

#[tokio::test(start_paused = true)]
async fn after_each_list_of_the_cluster_all_jobs_are_recorded() {
    let mut followed = Followed::with(vec![job("x", 3), job("y", 4)]).await;
    followed.apply([WatchEvent::Disconnected(Failure::Gone)]);
    followed.list(20, vec![job("y", 15)]);
    assert_eq!(followed.next().await, "start: y 15");
    followed.list(30, vec![job("y", 15)]);
    assert_eq!(followed.next().await, "start: y 15", "after each list");
    followed.apply([WatchEvent::Delete(job("y", 31))]);
    assert_eq!(followed.next().await, "y u-y gone");
    assert!(followed.is_quiet().await);
}
