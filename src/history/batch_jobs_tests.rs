//! The jobs of batches, and a store whose ends are followed, for the tests of their ends.

use std::sync::Mutex;
use std::time::Instant;

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::*;
use crate::kube::types::Job;
use crate::kube::watcher::WatchEvent;

/// Of the paused clock. The real one may need some rounds of a second.
const SOON: Duration = Duration::from_hours(240);
/// The age is by the real clock, which is not paused.
pub(super) const MAY_GROW: Duration = Duration::from_hours(1);

/// The creation of the heads that get no more members.
pub(super) const OLD: i64 = 1_769_000_000;

fn at(seconds: i64) -> String {
    OffsetDateTime::from_unix_timestamp(seconds).unwrap().format(&Rfc3339).unwrap()
}

pub(super) fn created_head(name: &str, size: usize, created: i64) -> Job {
    let description = json!({ "size": size, "body": "0a" }).to_string();
    serde_json::from_value(json!({ "metadata": {
        "name": name, "namespace": "a", "uid": format!("u-{name}"), "resourceVersion": "3",
        "creationTimestamp": at(created),
        "labels": { "app": "eks-api", "eks-api/batch-head": "true", "team": "x" },
        "annotations": { "eks-api/batch": description, "eks-api/notify": "ops,dev" },
    } }))
    .unwrap()
}

/// A head that is too old to get members.
pub(super) fn head(name: &str, size: usize) -> Job {
    created_head(name, size, OLD)
}

/// A member. Its end is `Complete` or `Failed`, and the seconds after the creation of old heads.
pub(super) fn member(batch: &str, index: usize, version: u64, end: impl Into<Option<(&'static str, i64)>>) -> Job {
    let end = end.into();
    let conditions =
        end.map(|(kind, end)| json!([{ "type": kind, "status": "True", "lastTransitionTime": at(OLD + end) }]));
    serde_json::from_value(json!({
        "metadata": {
            "name": format!("{batch}-{index:04}"), "namespace": "a", "uid": format!("u-{batch}-{index}"),
            "resourceVersion": version.to_string(), "labels": { "app": "eks-api", "eks-api/batch": batch },
            "ownerReferences": [{ "kind": "Job", "name": batch, "uid": format!("u-{batch}") }],
        },
        "status": { "active": u32::from(end.is_none()), "conditions": conditions.unwrap_or_else(|| json!([])) },
    }))
    .unwrap()
}

pub(super) const fn complete(end: i64) -> (&'static str, i64) {
    ("Complete", end)
}

pub(super) const fn failed(end: i64) -> (&'static str, i64) {
    ("Failed", end)
}

/// A store, and the records of the follower of its batches.
pub(super) struct Followed {
    pub(super) store: Arc<JobStore>,
    records: mpsc::UnboundedReceiver<Record>,
    pub(super) drops: watch::Sender<u64>,
    /// How many of the next records are dropped.
    pub(super) dropped: Arc<Mutex<u32>>,
    pub(super) follower: JoinHandle<()>,
}

impl Followed {
    /// Starts a follower of a store that is not usable yet.
    pub(super) fn start() -> Self {
        Self::of(Arc::new(JobStore::new("lab")), MAY_GROW)
    }

    pub(super) fn of(store: Arc<JobStore>, may_grow: Duration) -> Self {
        let (sender, records) = mpsc::unbounded_channel();
        let (drops, dropped) = (watch::Sender::default(), Arc::new(Mutex::new(0_u32)));
        let left = Arc::clone(&dropped);
        let record = move |record| {
            let mut left = left.lock().unwrap();
            let is_taken = *left == 0;
            *left = left.saturating_sub(1);
            is_taken && sender.send(record).is_ok()
        };
        let (cluster, of, since) = ("lab".into(), Arc::clone(&store), drops.subscribe());
        let follower = Follower { cluster, store: of, may_grow, drops: since, record, is_listed: false };
        let follower = tokio::spawn(follower.run());
        Self { store, records, drops, dropped, follower }
    }

    /// Starts a follower of a store with these jobs.
    pub(super) fn with(jobs: Vec<Job>) -> Self {
        let followed = Self::start();
        followed.list(10, jobs);
        followed
    }

    pub(super) fn apply(&self, events: impl IntoIterator<Item = WatchEvent>) {
        events.into_iter().for_each(|event| self.store.apply_event(event, Instant::now()));
    }

    pub(super) fn list(&self, version: u64, jobs: Vec<Job>) {
        use WatchEvent::{Init, InitApply, InitDone, Watching};
        self.apply([Init(version), InitApply(jobs), InitDone, Watching]);
    }

    /// The end of this batch that counts as recorded.
    pub(super) fn recorded(&self, name: &str) -> Option<End> {
        self.store.recorded_ends.borrow().as_ref().unwrap().get(&*format!("u-{name}")).copied()
    }

    /// Returns the next record, which is not written yet.
    pub(super) async fn next(&mut self) -> (Vec<BatchEnd>, oneshot::Sender<()>) {
        match timeout(SOON, self.records.recv()).await.expect("nothing is recorded").unwrap() {
            Record::BatchesEnded { cluster, batches, done } => {
                assert_eq!(*cluster, *"lab");
                (batches, done)
            }
            other => panic!("{other:?}"),
        }
    }

    /// Writes the next record, and returns it in short.
    pub(super) async fn written(&mut self) -> String {
        let (batches, done) = self.next().await;
        done.send(()).unwrap();
        short(&batches)
    }

    /// Writes the records of a list of all ends, and returns them in short.
    pub(super) async fn listed(&mut self) -> String {
        let mut pieces = Vec::new();
        loop {
            match self.written().await {
                piece if piece.is_empty() => return pieces.join("; "),
                piece => pieces.push(piece),
            }
        }
    }

    pub(super) async fn is_quiet(&mut self) -> bool {
        timeout(SOON, self.records.recv()).await.is_err()
    }
}

/// The time of an end counts from the creation of old heads.
pub(super) fn short(batches: &[BatchEnd]) -> String {
    let ends = batches.iter().map(|end| {
        let state = serde_json::from_str::<Value>(&end.json).unwrap()["state"].take();
        assert_eq!(state, end.state.name());
        format!("{} {} {}", end.name, end.state.name(), end.time - OLD)
    });
    let mut ends: Vec<_> = ends.collect();
    ends.sort();
    ends.join(", ")
}
