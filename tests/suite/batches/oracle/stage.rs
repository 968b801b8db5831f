//! The cluster, the service and the call of a history, and all that was said in it.

use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::rc::Rc;

use serde_json::Value;
use tokio::task::yield_now;
use tokio::time::timeout;

use super::asked::Asked;
use super::events;
use super::truth::{Timeline, Told};
use crate::calls::{BINARY, JOBS};
use crate::support::aws::AwsMock;
use crate::support::service::{PATIENCE, Reply, Service};
use crate::support::stub::{Fault, StubCluster};
use crate::support::{builder, surroundings};

/// A service process. Its connections may break once it is killed, and not before.
struct Process {
    service: Service,
    is_killed: Cell<bool>,
}

pub(super) struct Stage {
    process: RefCell<Rc<Process>>,
    pub(super) cluster: StubCluster,
    aws: AwsMock,
    pub(super) asked: Asked,
    random: RefCell<fastrand::Rng>,
    pub(super) is_over: Cell<bool>,
    /// The batches that a call said to be there.
    acknowledged: RefCell<Vec<String>>,
    submissions: RefCell<Vec<Told>>,
    reads: RefCell<Vec<Told>>,
}

async fn process(aws: &AwsMock) -> Rc<Process> {
    let service = builder(BINARY, aws).env("EKS_API_REQUEST_TIMEOUT", "3s").env("LOG_LEVEL", "INFO").start().await;
    service.ready().await;
    Rc::new(Process { service, is_killed: Cell::new(false) })
}

impl Stage {
    pub(super) async fn start(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let (cluster, aws) = surroundings().await;
        Self {
            process: RefCell::new(process(&aws).await),
            cluster,
            aws,
            asked: Asked::any(&mut random),
            random: RefCell::new(random),
            is_over: Cell::default(),
            acknowledged: RefCell::default(),
            submissions: RefCell::default(),
            reads: RefCell::default(),
        }
    }

    pub(super) fn pick(&self, range: Range<usize>) -> usize {
        self.random.borrow_mut().usize(range)
    }

    /// Kills the service and starts another.
    pub(super) async fn replace_service(&self) {
        let killed = Rc::clone(&self.process.borrow());
        killed.is_killed.set(true);
        killed.service.signal("KILL").await;
        let new = process(&self.aws).await;
        self.process.replace(new);
    }

    /// Lets the next requests upstream fail.
    pub(super) fn disturb(&self) {
        for _ in 0..self.pick(0..4) {
            let kind = events::fault(self.pick(0..100));
            let method = ["POST", "POST", "POST", "GET"][self.pick(0..4)];
            let fault = Fault::new(method, JOBS, kind).after(self.pick(0..self.asked.size + 1));
            self.cluster.fault(fault.times(self.pick(1..4)));
        }
    }

    pub(super) fn end_disturbances(&self) {
        self.cluster.clear_faults();
        self.cluster.set_quota("default", None);
        self.cluster.release_garbage();
    }

    /// The name of the batch, once the cluster has it.
    pub(super) fn name(&self) -> String {
        let head = |job: &Value| !job["metadata"]["labels"]["eks-api/batch-head"].is_null();
        let jobs = self.cluster.jobs("default");
        let found = jobs.iter().find(|job| head(job)).and_then(|head| head["metadata"]["name"].as_str());
        found.or(self.asked.name).unwrap_or("unknown").to_owned()
    }

    /// Sends a request. `None` if the service was killed meanwhile.
    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: String) -> Option<Told> {
        let process = Rc::clone(&self.process.borrow());
        let from = self.cluster.revision();
        let acknowledged = self.acknowledged.borrow().clone();
        let reply = process.service.try_send(method, path, headers, body).await;
        match reply {
            Ok(reply) => {
                let waits = path.contains("&wait=");
                Some(Told { from, to: self.cluster.revision(), reply, waits, acknowledged })
            }
            Err(_) if process.is_killed.get() => None,
            Err(error) => panic!("{method} {path}: {error}\n{}", process.service.logs().join("\n")),
        }
    }

    /// Sends the call. Returns whether it succeeded.
    pub(super) async fn submit(&self) -> bool {
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(self.asked.key.as_deref().map(|key| ("idempotency-key", key)));
        let Some(told) = self.send("POST", "/api/eks-create-batch", &headers, self.asked.body.to_string()).await else {
            return false;
        };
        let is_done = told.reply.status.is_success();
        if is_done {
            let name = told.reply.json()["batch_name"].as_str().unwrap_or_default().to_owned();
            let uid =
                self.cluster.job("default", &name).map(|head| head["metadata"]["uid"].as_str().unwrap().to_owned());
            self.acknowledged.borrow_mut().extend(uid);
        }
        self.submissions.borrow_mut().push(told);
        is_done
    }

    /// Deletes the batch. Returns whether it is gone.
    pub(super) async fn delete(&self) -> bool {
        let policy = ["Foreground", "Background"][self.pick(0..2)];
        let path = format!("/api/eks-delete-batch?batch_name={}&propagation_policy={policy}", self.name());
        let told = self.send("DELETE", &path, &[], String::new()).await;
        let status = told.map(|told| told.reply.status.as_u16());
        assert!(status.is_none_or(|status| [200, 404, 409, 429, 502, 503, 504].contains(&status)), "{status:?}");
        [Some(200), Some(404)].contains(&status)
    }

    pub(super) async fn suspend(&self, call: &str) {
        let path = format!("/api/eks-{call}-batch?batch_name={}", self.name());
        self.send("POST", &path, &[], String::new()).await;
    }

    /// Reads the status after each change, until the history is over.
    pub(super) async fn read(&self) {
        let mut random = fastrand::Rng::with_seed(self.pick(0..usize::MAX) as u64);
        while !self.is_over.get() {
            let before = self.cluster.revision();
            let more = ["&details=true", "&details=true", "", "&wait=100ms"][random.usize(0..4)];
            let path = format!("/api/eks-get-batch-status?batch_name={}{more}", self.name());
            let directly: &[(&str, &str)] = if random.u8(0..4) == 0 { &[("cache-control", "no-cache")] } else { &[] };
            let told = self.send("GET", &path, directly, String::new()).await;
            self.reads.borrow_mut().extend(told);
            self.cluster.wait_for_change(before).await;
        }
    }

    async fn status(&self, headers: &[(&str, &str)]) -> Reply {
        let path = format!("/api/eks-get-batch-status?batch_name={}&details=true", self.name());
        self.send("GET", &path, headers, String::new()).await.unwrap().reply
    }

    /// Waits until the service knows of the batch what the cluster itself holds.
    pub(super) async fn is_known(&self) {
        let known = async {
            loop {
                let (real, known) = (self.status(&[("cache-control", "no-cache")]).await, self.status(&[]).await);
                if (real.status, body(&real)) == (known.status, body(&known)) {
                    return;
                }
                yield_now().await;
            }
        };
        timeout(PATIENCE, known).await.expect("the service never knows what is there");
    }

    /// All members have run to their end, at this time.
    pub(super) fn progress_all(&self, time: &str) {
        for job in self.cluster.jobs("default") {
            if job["metadata"]["labels"]["eks-api/batch-head"].is_null() {
                let name = job["metadata"]["name"].as_str().unwrap();
                self.cluster.set_job_status("default", name, events::completed(time));
            }
        }
    }

    /// Holds all that was said against what happened. Returns the number of statuses.
    pub(super) fn check(&self, timeline: &Timeline) -> usize {
        for told in &*self.submissions.borrow() {
            timeline.check_submission(told, self.asked.size);
        }
        for told in &*self.reads.borrow() {
            timeline.check_status(told);
        }
        self.reads.borrow().len()
    }
}

/// The body of a status. A problem differs each time.
fn body(reply: &Reply) -> Option<Value> {
    reply.status.is_success().then(|| reply.json())
}
