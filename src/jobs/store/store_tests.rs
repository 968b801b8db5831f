//! Those who wait, on several threads: none is missed, none stays behind. And what the cache answers.

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

/// A cache that follows a cluster with these jobs.
fn following(jobs: Vec<Job>) -> Arc<JobStore> {
    let cache = Arc::new(JobStore::default());
    for news in [WatchEvent::Init(10), WatchEvent::InitApply(jobs), WatchEvent::InitDone, WatchEvent::Watching] {
        cache.apply_event(news, Instant::now());
    }
    cache
}

fn name(name: &str) -> (Namespace, JobName) {
    (Namespace::parse("a").unwrap(), JobName::parse(name).unwrap())
}

fn subscribe(cache: &Arc<JobStore>, job: &str) -> Subscription {
    let (namespace, job) = name(job);
    cache.subscribe(&namespace, &job)
}

fn find(cache: &JobStore, job: &str) -> Option<Arc<Status>> {
    let (namespace, job) = name(job);
    match cache.find(&namespace, &job, Instant::now()) {
        Found::Hit { found, .. } => Some(found),
        Found::Miss => None,
    }
}

fn waiting(cache: &JobStore) -> usize {
    cache.read().waiting.len()
}

/// As a wait for a job's end does it: subscribes, then looks, until it is there.
async fn wait(cache: &Arc<JobStore>, job: &str) {
    let mut subscription = subscribe(cache, job);
    while find(cache, job).is_none_or(|status| status.state != State::Completed) {
        subscription.changed().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_subscribes_and_then_looks_misses_nothing() {
    let cache = following(vec![job("x", 5)]);
    for round in 0..2000 {
        let version = 20 + 2 * round;
        cache.apply_event(WatchEvent::Apply(job("x", version)), Instant::now());
        let waits: Vec<_> = (0..2)
            .map(|_| {
                let cache = Arc::clone(&cache);
                tokio::spawn(async move { wait(&cache, "x").await })
            })
            .collect();
        if round % 2 == 0 {
            tokio::task::yield_now().await;
        }
        let done = completed("x", version + 1);
        if round % 3 == 0 {
            cache.enter(&done);
        } else {
            cache.apply_event(WatchEvent::Apply(done), Instant::now());
        }
        for wait in waits {
            wait.await.unwrap();
        }
        assert_eq!(waiting(&cache), 0);
    }
}

#[tokio::test]
async fn two_who_wait_for_one_job_do_not_need_each_other() {
    let cache = following(vec![job("x", 5)]);
    let (mut one, other) = (subscribe(&cache, "x"), subscribe(&cache, "x"));
    let mut elsewhere = subscribe(&cache, "y");
    assert_eq!(waiting(&cache), 2);
    drop(other);
    assert_eq!(waiting(&cache), 2);
    cache.apply_event(WatchEvent::Apply(job("x", 12)), Instant::now());
    one.changed().await;
    let is_woken = |other: &Subscription| other.receiver.as_ref().unwrap().has_changed().unwrap();
    assert!(!is_woken(&one) && !is_woken(&elsewhere));
    drop(one);
    assert_eq!(waiting(&cache), 1);
    cache.enter(&job("y", 13));
    elsewhere.changed().await;
    drop(elsewhere);
    assert_eq!(waiting(&cache), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_left_of_those_who_waited_for_many_jobs_and_left() {
    let cache = following(Vec::new());
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let cache = Arc::clone(&cache);
            tokio::spawn(async move {
                for round in 0..500_u64 {
                    let job_name = ["x", "y", "z"][fastrand::usize(..3)];
                    let subscription = subscribe(&cache, job_name);
                    let version = 20 + round * 8 + task;
                    cache.apply_event(WatchEvent::Apply(job(job_name, version)), Instant::now());
                    drop(subscription);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(waiting(&cache), 0);
}

#[test]
fn our_own_writes_are_found_at_once_and_other_tools_jobs_are_not_kept() {
    let cache = following(vec![job("x", 5)]);
    let mut change_notifications = cache.change_notifications();
    cache.enter(&job("new", 12));
    assert_eq!(find(&cache, "new").map(|status| status.version), Some(12));
    assert!(change_notifications.has_changed().unwrap());
    change_notifications.mark_unchanged();

    let mut foreign = job("foreign", 13);
    foreign.metadata.labels = Labels(vec![("app".into(), "other".into())]);
    cache.enter(&foreign);
    cache.enter(&job("x", 5));
    assert!(find(&cache, "foreign").is_none() && !change_notifications.has_changed().unwrap());

    let (namespace, x) = name("x");
    cache.tombstone(&namespace, &x, "u-other");
    assert!(find(&cache, "x").is_some() && !change_notifications.has_changed().unwrap());
    cache.tombstone(&namespace, &x, "u-x");
    assert!(find(&cache, "x").is_none() && change_notifications.has_changed().unwrap());
}

#[test]
fn pages_tell_where_they_end_and_how_many_remain() {
    let cache = following(["a", "b", "c", "d", "e"].map(|name| job(name, 5)).into());
    let (mut place, mut pages) = (None, Vec::new());
    loop {
        let Found::Hit { found: page, age: None } = cache.page(&Filter::default(), place.as_ref(), 2, Instant::now())
        else {
            panic!("the cache is live");
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
fn before_there_is_a_list_nothing_is_answered() {
    let cache = JobStore::default();
    cache.apply_event(WatchEvent::Init(10), Instant::now());
    cache.apply_event(WatchEvent::InitApply(vec![job("x", 5)]), Instant::now());
    assert!(find(&cache, "x").is_none() && !cache.is_usable());
    assert!(matches!(cache.page(&Filter::default(), None, 2, Instant::now()), Found::Miss));
    cache.apply_event(WatchEvent::InitDone, Instant::now());
    assert!(find(&cache, "x").is_some() && cache.is_usable());
}
