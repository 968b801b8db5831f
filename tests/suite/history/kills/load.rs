//! The load: jobs are created, changed and deleted in the cluster, at random.

use std::collections::BTreeSet;
use std::time::Duration;

use fastrand::Rng;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::time::sleep;

use crate::live::own_job;
use crate::support::stub::StubCluster;

/// The most jobs of the load at a time.
const MOST: usize = 150;
/// The time between two changes.
const PACE: Duration = Duration::from_millis(1);

pub(super) struct Load<'a> {
    cluster: &'a StubCluster,
    random: Rng,
    created: u32,
    removed: BTreeSet<String>,
}

impl<'a> Load<'a> {
    pub(super) fn new(cluster: &'a StubCluster, random: Rng) -> Self {
        Self { cluster, random, created: 0, removed: BTreeSet::new() }
    }

    /// Changes the cluster until this ends.
    pub(super) async fn during(&mut self, life: impl Future<Output = ()>) {
        let changes = async {
            loop {
                self.change();
                sleep(PACE).await;
            }
        };
        tokio::select! {
            () = life => {}
            () = changes => {}
        }
    }

    /// The uids of the jobs that are gone.
    pub(super) const fn removed(&self) -> &BTreeSet<String> {
        &self.removed
    }

    fn change(&mut self) {
        let jobs = self.cluster.jobs("default");
        let count = if jobs.is_empty() { 0 } else { self.random.usize(0..jobs.len()) };
        match self.random.u8(0..10) {
            0..4 if jobs.len() < MOST => self.create(),
            0..8 if !jobs.is_empty() => self.advance(&jobs[count]),
            _ if !jobs.is_empty() => self.remove(&jobs[count]),
            _ => self.create(),
        }
    }

    fn create(&mut self) {
        self.created += 1;
        let mut job = own_job(&format!("load-{}", self.created));
        job["metadata"]["namespace"] = json!("default");
        job["metadata"]["labels"]["number"] = json!(self.created.to_string());
        self.cluster.put_job(job);
    }

    /// Starts a job that waits, and ends one that runs.
    fn advance(&mut self, job: &Value) {
        let now = OffsetDateTime::now_utc().replace_nanosecond(0).unwrap().format(&Rfc3339).unwrap();
        let name = job["metadata"]["name"].as_str().unwrap();
        let status = &job["status"];
        if status["active"] == 1 {
            let (kind, reason) = *self.random.choice(&[("Complete", ""), ("Failed", "BackoffLimitExceeded")]).unwrap();
            let condition = json!({ "type": kind, "status": "True", "reason": reason, "lastTransitionTime": now });
            let mut ended = json!({ "startTime": status["startTime"], "conditions": [condition] });
            if kind == "Complete" {
                ended["completionTime"] = json!(now);
            }
            self.cluster.set_job_status("default", name, ended);
        } else if status["conditions"].is_null() {
            self.cluster.set_job_status("default", name, json!({ "startTime": now, "active": 1 }));
        }
    }

    fn remove(&mut self, job: &Value) {
        self.removed.insert(job["metadata"]["uid"].as_str().unwrap().to_owned());
        self.cluster.remove_job("default", job["metadata"]["name"].as_str().unwrap());
    }
}
