//! Batches in memory, whatever the order of watch events, lists and replies to our own calls.

use std::collections::BTreeMap;

use super::*;
use crate::jobs::batches::Batch;
use crate::jobs::batches::tests::{description, head, member, status};
use crate::jobs::filter::Filter;
use crate::jobs::store::change_log::visible_changes;
use crate::kube::names::{BatchName, Namespace};

const SIZE: u32 = 4;

/// A change in the cluster, in the order of versions.
#[derive(Clone)]
enum Line {
    Apply(Job),
    Delete(Job),
}

/// A cluster with one batch, which is deleted and created again, and whose members change.
struct BatchCluster {
    rng: fastrand::Rng,
    version: Version,
    jobs: BTreeMap<String, Job>,
    lines: Vec<Line>,
}

impl BatchCluster {
    fn change(&mut self) {
        self.version += self.rng.u64(1..3);
        let version = self.version;
        let is_head = self.rng.u32(..5) == 0;
        let index = self.rng.u32(..SIZE);
        let name = if is_head { "etl".to_owned() } else { format!("etl-{index:04}") };
        let known = self.jobs.get(&name).cloned();
        if known.is_some() && self.rng.u32(..4) == 0 {
            let mut gone = self.jobs.remove(&name).unwrap();
            gone.metadata.resource_version = version.to_string();
            return self.lines.push(Line::Delete(gone));
        }
        let mut job = if is_head {
            head("", version, &description(SIZE as usize))
        } else {
            let owner = self.jobs.get("etl").map_or("u-gone", |head| &*head.metadata.uid).to_owned();
            let owner = if self.rng.u32(..6) == 0 { "u-other".to_owned() } else { owner };
            member(index, &owner, version, State::ALL[self.rng.usize(..5)])
        };
        job.metadata.uid = known.as_ref().map_or_else(|| format!("u-{version}"), |known| known.metadata.uid.clone());
        if let Some(known) = known {
            job.metadata.owner_references = known.metadata.owner_references;
        }
        self.jobs.insert(name, job.clone());
        self.lines.push(Line::Apply(job));
    }

    fn batch(&self) -> Option<Batch> {
        let status = |name: &str| Some(Arc::new(Status::new("lab", self.jobs.get(name)?)));
        Some(Batch::new(status("etl")?, |index| status(&format!("etl-{index:04}"))))
    }
}

fn known(harness: &Harness) -> Option<Batch> {
    harness.reflector.index.batch(&Namespace::parse("a").unwrap(), &BatchName::parse("etl").unwrap())
}

fn run(seed: u64) {
    let rng = fastrand::Rng::with_seed(seed);
    let mut cluster = BatchCluster { rng, version: 10, jobs: BTreeMap::new(), lines: Vec::new() };
    let mut harness = Harness::following(&[]);
    let mut read = 0;
    for _ in 0..60 {
        match cluster.rng.u32(..10) {
            0..=4 => cluster.change(),
            // The reply to one of our own calls is late, or faster than the watch.
            5 if !cluster.lines.is_empty() => match &cluster.lines[cluster.rng.usize(..cluster.lines.len())] {
                Line::Apply(job) => {
                    let status = Status::new("lab", job);
                    if harness.reflector.insert_if_newer(status, harness.now).store_was_reset {
                        // It was created and deleted without a watch, which looks like a reset.
                        read = list(&mut harness, &cluster);
                    }
                }
                Line::Delete(job) => {
                    let key = format!("a/{}", job.metadata.name);
                    harness.reflector.tombstone(&key, &job.metadata.uid, harness.now);
                }
            },
            6 => {
                harness.lose();
                read = list(&mut harness, &cluster);
            }
            _ => read += apply_line(&mut harness, cluster.lines.get(read)),
        }
    }
    while read < cluster.lines.len() {
        read += apply_line(&mut harness, cluster.lines.get(read));
    }
    for may_grow in [false, true] {
        let shown = |batch: Option<Batch>| batch.map(|batch| status(&batch, may_grow));
        assert_eq!(shown(known(&harness)), shown(cluster.batch()));
    }
    assert_eq!(harness.reflector.index.batch_count(), usize::from(cluster.jobs.contains_key("etl")));
}

/// Lists all jobs, and watches from then on. Returns the number of lines that are read.
fn list(harness: &mut Harness, cluster: &BatchCluster) -> usize {
    harness.list(cluster.version, &cluster.jobs.values().cloned().collect::<Vec<_>>());
    harness.apply_event(WatchEvent::Watching);
    cluster.lines.len()
}

fn apply_line(harness: &mut Harness, line: Option<&Line>) -> usize {
    match line.cloned() {
        Some(Line::Apply(job)) => harness.apply_event(WatchEvent::Apply(job)),
        Some(Line::Delete(job)) => harness.apply_event(WatchEvent::Delete(job)),
        None => return 0,
    }
    1
}

#[test]
fn any_order_of_events_ends_with_the_batch_of_the_cluster() {
    let seed = fastrand::u64(..);
    for round in 0..1000 {
        let seed = seed.wrapping_add(round);
        // Shown if the test fails; the last line is the failed run.
        println!("run({seed});");
        run(seed);
    }
}

#[test]
fn every_change_of_a_member_wakes_those_that_wait_for_its_batch() {
    let mut harness = Harness::following(&[head("u1", 5, &description(2))]);
    let mut waiting = harness.reflector.waiting.entry("a/etl".to_owned()).or_default().subscribe();
    let other = harness.reflector.waiting.entry("a/et".to_owned()).or_default().subscribe();
    let mut is_woken = || {
        assert!(!other.has_changed().unwrap());
        let is_woken = waiting.has_changed().unwrap();
        waiting.mark_unchanged();
        is_woken
    };
    harness.apply_event(WatchEvent::Apply(member(0, "u1", 12, State::Running)));
    assert!(is_woken());
    harness.apply_event(WatchEvent::Apply(job("etl-x", 1, 13, 0)));
    assert!(!is_woken(), "it is not a member");
    harness.enter(&member(1, "u1", 14, State::Running));
    assert!(is_woken());
    let mut ended = member(0, "u1", 15, State::Completed);
    ended.metadata.uid = "12-0".to_owned();
    harness.apply_event(WatchEvent::Apply(ended.clone()));
    assert!(is_woken());
    ended.metadata.resource_version = "16".to_owned();
    harness.apply_event(WatchEvent::Delete(ended));
    assert!(is_woken());
    assert!(harness.reflector.tombstone("a/etl-0001", "14-1", harness.now));
    assert!(is_woken());
    harness.list(40, &[head("u1", 5, &description(2)), member(0, "u1", 30, State::Pending)]);
    assert!(is_woken());
}

#[test]
fn a_head_is_not_a_job_in_any_list_or_number() {
    let mut harness = Harness::following(&[head("u1", 5, &description(2)), member(0, "u1", 6, State::Completed)]);
    let all = Filter::default();
    let last = harness.reflector.changes.last();
    for version in [12, 14] {
        harness.apply_event(WatchEvent::Apply(head("u1", version, &description(2))));
    }
    let mut ended = head("u1", 16, &description(2));
    ended.status = member(0, "u1", 16, State::Failed).status;
    harness.apply_event(WatchEvent::Apply(ended.clone()));
    let index = &harness.reflector.index;
    assert_eq!(index.counts(), [0, 0, 0, 1, 0], "only the member");
    let names: Vec<_> = index.matching(&all, None).map(|status| status.name().to_owned()).collect();
    assert_eq!((names, index.batch_count()), (vec!["etl-0000".to_owned()], 1));
    assert!(harness.reflector.finished.counts.values().flatten().all(|count| *count == 0));
    ended.metadata.resource_version = "18".to_owned();
    harness.apply_event(WatchEvent::Delete(ended));
    let changes = harness.reflector.changes.since(last).unwrap();
    assert!(changes.len() > 3 && visible_changes(&changes, &all).is_empty());
    assert_eq!(harness.reflector.index.batch_count(), 0);
    assert!(harness.reflector.failed.is_empty(), "its exit is not looked up");
}
