//! Waiting callers on several threads, and the answers of the store.

use super::*;
use crate::jobs::state::State;
use crate::kube::types::{Condition, Labels, Time};

fn job(name: &str, version: u64) -> Job {
    let mut job = Job::default();
    job.metadata.name = name.to_owned();
    job.metadata.namespace = "a".to_owned();
    job.metadata.uid = format!("u-{name}");
    job.metadata.resource_version = version.to_string();
    job.metadata.creation_timestamp = Some(Time("2026-01-20T10:30:00Z".to_owned()));
    job.metadata.labels = Labels(vec![("app".into(), "eks-api".into())]);
    job
}

fn completed(name: &str, version: u64) -> Job {
    let mut job = job(name, version);
    let condition = Condition { r#type: "Complete".to_owned(), status: "True".to_owned(), ..Condition::default() };
    job.status.conditions = vec![condition];
    job
}

/// A store that follows a cluster with these jobs.
fn following(jobs: Vec<Job>) -> Arc<JobStore> {
    let store = Arc::new(JobStore::new("lab"));
    for event in [WatchEvent::Init(10), WatchEvent::InitApply(jobs), WatchEvent::InitDone, WatchEvent::Watching] {
        store.apply_event(event, Instant::now());
    }
    store
}

fn name(name: &str) -> (Namespace, JobName) {
    (Namespace::parse("a").unwrap(), JobName::parse(name).unwrap())
}

fn subscribe(store: &Arc<JobStore>, job: &str) -> Subscription {
    let (namespace, job) = name(job);
    store.subscribe(&namespace, &job)
}

fn find(store: &JobStore, job: &str) -> Option<Arc<Status>> {
    let (namespace, job) = name(job);
    match store.find(&namespace, &job, Instant::now()) {
        Found::Hit { found, .. } => Some(found),
        Found::Miss => None,
    }
}

fn waiting(store: &JobStore) -> usize {
    store.read().waiting.len()
}

/// Waits for a job's end: subscribes, then looks.
async fn wait(store: &Arc<JobStore>, job: &str) {
    let mut subscription = subscribe(store, job);
    while find(store, job).is_none_or(|status| status.state != State::Completed) {
        subscription.changed().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn subscribing_before_looking_misses_nothing() {
    let store = following(vec![job("x", 5)]);
    for round in 0..2000 {
        let version = 20 + 2 * round;
        store.apply_event(WatchEvent::Apply(job("x", version)), Instant::now());
        let waits: Vec<_> = (0..2)
            .map(|_| {
                let store = Arc::clone(&store);
                tokio::spawn(async move { wait(&store, "x").await })
            })
            .collect();
        if round % 2 == 0 {
            tokio::task::yield_now().await;
        }
        let done = completed("x", version + 1);
        if round % 3 == 0 {
            store.insert_if_newer(&done);
        } else {
            store.apply_event(WatchEvent::Apply(done), Instant::now());
        }
        for wait in waits {
            wait.await.unwrap();
        }
        assert_eq!(waiting(&store), 0);
    }
}

#[tokio::test]
async fn two_subscriptions_of_one_job_are_independent() {
    let store = following(vec![job("x", 5)]);
    let (mut one, other) = (subscribe(&store, "x"), subscribe(&store, "x"));
    let mut elsewhere = subscribe(&store, "y");
    assert_eq!(waiting(&store), 2);
    drop(other);
    assert_eq!(waiting(&store), 2);
    store.apply_event(WatchEvent::Apply(job("x", 12)), Instant::now());
    one.changed().await;
    let is_woken = |other: &Subscription| other.receiver.as_ref().unwrap().has_changed().unwrap();
    assert!(!is_woken(&one) && !is_woken(&elsewhere));
    drop(one);
    assert_eq!(waiting(&store), 1);
    store.insert_if_newer(&job("y", 13));
    elsewhere.changed().await;
    drop(elsewhere);
    assert_eq!(waiting(&store), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn dropped_subscriptions_leave_nothing_behind() {
    let store = following(Vec::new());
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                for round in 0..500_u64 {
                    let job_name = ["x", "y", "z"][fastrand::usize(..3)];
                    let subscription = subscribe(&store, job_name);
                    let version = 20 + round * 8 + task;
                    store.apply_event(WatchEvent::Apply(job(job_name, version)), Instant::now());
                    drop(subscription);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(waiting(&store), 0);
}

#[test]
fn our_own_writes_are_found_at_once_and_jobs_of_other_tools_are_not_stored() {
    let store = following(vec![job("x", 5)]);
    let mut change_notifications = store.change_notifications();
    store.insert_if_newer(&job("new", 12));
    assert_eq!(find(&store, "new").map(|status| status.version), Some(12));
    assert!(change_notifications.has_changed().unwrap());
    change_notifications.mark_unchanged();

    let mut foreign = job("foreign", 13);
    foreign.metadata.labels = Labels(vec![("app".into(), "other".into())]);
    store.insert_if_newer(&foreign);
    store.insert_if_newer(&job("x", 5));
    assert!(find(&store, "foreign").is_none() && !change_notifications.has_changed().unwrap());

    let (namespace, x) = name("x");
    store.tombstone(&namespace, &x, "u-other");
    assert!(find(&store, "x").is_some() && !change_notifications.has_changed().unwrap());
    store.tombstone(&namespace, &x, "u-x");
    assert!(find(&store, "x").is_none() && change_notifications.has_changed().unwrap());
}

#[test]
fn pages_have_a_cursor_and_the_number_of_remaining_jobs() {
    let store = following(["a", "b", "c", "d", "e"].map(|name| job(name, 5)).into());
    let (mut place, mut pages) = (None, Vec::new());
    loop {
        let Found::Hit { found: page, age: None } = store.page(&Filter::default(), place.as_ref(), 2, Instant::now())
        else {
            panic!("the store is current");
        };
        let names: Vec<String> = page.jobs.iter().map(|status| status.name().to_owned()).collect();
        pages.push((names.concat(), page.remaining));
        place = page.next;
        if place.is_none() {
            break;
        }
    }
    assert_eq!(pages, [("ab".to_owned(), 3), ("cd".to_owned(), 1), ("e".to_owned(), 0)]);
}

#[test]
fn before_the_first_list_every_read_is_a_miss() {
    let store = JobStore::new("lab");
    store.apply_event(WatchEvent::Init(10), Instant::now());
    store.apply_event(WatchEvent::InitApply(vec![job("x", 5)]), Instant::now());
    assert!(find(&store, "x").is_none() && !store.is_usable());
    assert!(matches!(store.page(&Filter::default(), None, 2, Instant::now()), Found::Miss));
    store.apply_event(WatchEvent::InitDone, Instant::now());
    assert!(find(&store, "x").is_some() && store.is_usable());
}

#[test]
fn a_deleted_head_is_not_the_last_known_job_of_its_name() {
    use crate::jobs::batches::tests::{description, head, member};

    let store = following(vec![head("u1", 5, &description(1)), member(0, "u1", 6, State::Completed)]);
    for job in [head("u1", 12, &description(1)), member(0, "u1", 13, State::Completed)] {
        store.apply_event(WatchEvent::Delete(job), Instant::now());
    }
    let last = |job| store.last_known(&name(job).0, &name(job).1, None, Instant::now());
    assert!(last("etl").is_none() && last("etl-0000").is_some());
}
