//! The load: jobs make their transitions in the cluster, at random, and the ids that they must have.

use std::collections::BTreeMap;
use std::time::Duration;

use fastrand::Rng;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::time::sleep;

use crate::live::own_job;
use crate::support::receiver::Receiver;
use crate::support::stub::StubCluster;
use crate::webhooks::site::id_of;

/// The time between two changes.
const PACE: Duration = Duration::from_millis(1);
/// Jobs that are not at their end.
const MOST: usize = 60;

pub(super) struct Load<'a> {
    cluster: &'a StubCluster,
    receiver: &'a Receiver,
    random: Rng,
    most: usize,
    created: u32,
    transitions: usize,
    /// The names of the jobs that go on.
    unfinished: Vec<String>,
    /// The names and the ids of the ends of those that do not.
    ended: Vec<(String, String)>,
}

impl<'a> Load<'a> {
    /// Makes no more than so many transitions.
    pub(super) fn new(cluster: &'a StubCluster, receiver: &'a Receiver, random: Rng, most: usize) -> Self {
        let (unfinished, ended) = (Vec::new(), Vec::new());
        Self { cluster, receiver, random, most, created: 0, transitions: 0, unfinished, ended }
    }

    /// Puts a job that is older than the service, which never changes.
    pub(super) fn put_first(&self) {
        let mut job = own_job("first");
        job["metadata"]["namespace"] = json!("default");
        self.cluster.put_job(job);
    }

    /// Changes the cluster until this ends.
    pub(super) async fn during(&mut self, life: impl Future<Output = ()>) {
        let changes = async {
            loop {
                if self.transitions < self.most {
                    self.change();
                }
                sleep(PACE).await;
            }
        };
        tokio::select! {
            () = life => {}
            () = changes => {}
        }
    }

    /// Changes the cluster until so many transitions were made.
    pub(super) fn until(&mut self, transitions: usize) {
        while self.transitions < transitions {
            self.change();
        }
    }

    /// The ids of all transitions, and what each is, by the objects of the cluster alone.
    pub(super) fn expected(&self) -> BTreeMap<String, String> {
        let mut expected = BTreeMap::new();
        let mut last: BTreeMap<String, Value> = BTreeMap::new();
        for (_, name, job) in self.cluster.job_changes("default") {
            if name == "first" {
                continue;
            }
            let mut add = |job: &Value, event_type: &str| {
                expected.insert(id_of(job, event_type), format!("{name} {event_type}"));
            };
            let Some(job) = job else {
                add(&last[&name], "job.deleted");
                continue;
            };
            add(&job, "job.created");
            if job["status"]["startTime"].is_string() {
                add(&job, "job.started");
            }
            match job["status"]["conditions"][0]["type"].as_str() {
                Some("Complete") => add(&job, "job.completed"),
                Some("Failed") => add(&job, "job.failed"),
                Some("Suspended") => add(&job, "job.suspended"),
                _ => {}
            }
            last.insert(name, job);
        }
        expected
    }

    fn change(&mut self) {
        let open = self.unfinished.len();
        match self.random.u8(0..10) {
            0..4 if open < MOST => self.create(),
            9 if !self.ended.is_empty() => self.delete(),
            _ if open > 0 => {
                let place = self.random.usize(0..open);
                self.advance(place);
            }
            _ => self.create(),
        }
    }

    fn create(&mut self) {
        self.created += 1;
        let name = format!("load-{}", self.created);
        let mut job = own_job(&name);
        job["metadata"]["namespace"] = json!("default");
        self.cluster.put_job(job);
        self.transitions += 1;
        self.unfinished.push(name);
    }

    /// Starts a job that waits, or suspends it for good. Ends one that runs.
    fn advance(&mut self, place: usize) {
        let now = OffsetDateTime::now_utc().replace_nanosecond(0).unwrap().format(&Rfc3339).unwrap();
        let name = self.unfinished[place].clone();
        let job = self.cluster.job("default", &name).unwrap();
        let condition = |kind: &str, reason: &str| json!([{ "type": kind, "status": "True", "reason": reason, "lastTransitionTime": now }]);
        let is_running = job["status"]["active"] == 1;
        let (event_type, status) = match (is_running, self.random.u8(0..5)) {
            (false, 0) => ("job.suspended", json!({ "conditions": condition("Suspended", "JobSuspended") })),
            (false, _) => ("job.started", json!({ "startTime": now, "active": 1 })),
            (true, 0..2) => (
                "job.failed",
                json!({ "startTime": job["status"]["startTime"], "failed": 1,
                "conditions": condition("Failed", "BackoffLimitExceeded") }),
            ),
            (true, _) => (
                "job.completed",
                json!({ "startTime": job["status"]["startTime"], "succeeded": 1,
                "completionTime": now, "conditions": condition("Complete", "CompletionsReached") }),
            ),
        };
        self.cluster.change_job("default", &name, |job| {
            job["spec"]["suspend"] = json!(event_type == "job.suspended");
            job["status"] = status;
        });
        self.transitions += 1;
        if event_type != "job.started" {
            self.unfinished.swap_remove(place);
            let job = self.cluster.job("default", &name).unwrap();
            self.ended.push((name, id_of(&job, event_type)));
        }
    }

    /// Removes a job whose end was delivered: so the service knew it. That of others is not promised.
    fn delete(&mut self) {
        let place = self.random.usize(0..self.ended.len());
        let (name, id) = &self.ended[place];
        if self.receiver.has(id) {
            self.cluster.remove_job("default", name);
            self.transitions += 1;
            self.ended.swap_remove(place);
        }
    }
}
