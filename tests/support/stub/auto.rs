//! Plays the job controller, the kubelet and the namespace controller at a fixed pace, so that a
//! demonstration sees jobs run, pause and go, and namespaces go. Tests do not use it: it lives on
//! the clock.

mod objects;

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use super::logs::{Key, Logs};
use super::store::{Object, Resource, Store, now, text};

/// How many lines each container writes while it runs.
const STEPS: u32 = 3;

/// How long each stage takes.
#[derive(Clone, Copy, Debug)]
pub struct AutoRun {
    pub pending: Duration,
    pub running: Duration,
    /// From a deletion to the end of the job or the namespace.
    pub terminating: Duration,
}

/// Sees to every job and namespace once for each thing that can happen to it, until it is aborted.
pub async fn play(store: Arc<Mutex<Store>>, logs: Arc<Logs>, pace: AutoRun) {
    let mut changes = store.lock().unwrap().revision.subscribe();
    let mut seen = HashSet::new();
    loop {
        let (jobs, namespaces) = {
            let store = store.lock().unwrap();
            let all = |resource| store.list(resource, None).cloned().collect::<Vec<Object>>();
            (all(Resource::Jobs), all(Resource::Namespaces))
        };
        for job in jobs {
            let uid = text(&job["metadata"]["uid"]);
            // Pausing and going on are changes of the specification: each makes a new generation.
            let turn = format!("{uid}/{}", job["metadata"]["generation"]);
            if !job["metadata"]["deletionTimestamp"].is_null() {
                if seen.insert(("delete", uid.to_owned())) {
                    let store = Arc::clone(&store);
                    tokio::spawn(async move {
                        sleep(pace.terminating).await;
                        store.lock().unwrap().settle();
                    });
                }
            } else if ["Complete", "Failed"].iter().any(|kind| objects::has_condition(&job, kind)) {
                // What has ended neither pauses nor runs again.
            } else if job["spec"]["suspend"] == true {
                if seen.insert(("pause", turn)) {
                    pause(&store, &job);
                }
            } else if seen.insert(("run", turn)) {
                let run = Run { store: Arc::clone(&store), logs: Arc::clone(&logs), pod: objects::pod_of(&job), job };
                tokio::spawn(run.play(pace));
            }
        }
        for namespace in namespaces {
            let (uid, name) = (text(&namespace["metadata"]["uid"]).to_owned(), namespace.name().to_owned());
            if !namespace["metadata"]["deletionTimestamp"].is_null() && seen.insert(("delete", uid)) {
                let store = Arc::clone(&store);
                tokio::spawn(async move {
                    sleep(pace.terminating).await;
                    store.lock().unwrap().remove_namespace(&name);
                });
            }
        }
        if changes.changed().await.is_err() {
            return;
        }
    }
}

/// Takes a job's pods away and says so in its status.
fn pause(store: &Mutex<Store>, job: &Object) {
    let mut store = store.lock().unwrap();
    for pod in store.pods_of(text(&job["metadata"]["uid"])) {
        store.remove(Resource::Pods, pod.namespace(), pod.name());
    }
    store.update(Resource::Jobs, job.namespace(), job.name(), |job| job["status"] = objects::paused());
}

/// A job's way from pending to its end, with one pod: no second is tried if that fails.
struct Run {
    store: Arc<Mutex<Store>>,
    logs: Arc<Logs>,
    /// The job as it was when the run began.
    job: Object,
    pod: Value,
}

impl Run {
    async fn play(self, pace: AutoRun) {
        self.attempt(pace).await;
        // Whether it went to its end or not, its containers write no more.
        self.containers().for_each(|container| self.logs.end(self.log(container)));
    }

    /// Leaves a job alone that is deleted or paused meanwhile.
    async fn attempt(&self, pace: AutoRun) {
        let paused = objects::has_condition(&self.job, "Suspended");
        let past = if paused { vec![objects::resumed()] } else { Vec::new() };
        sleep(pace.pending).await;
        let start = now();
        let started = objects::with_phase(&self.pod, "Running", &json!({"running": {"startedAt": start}}));
        if !self.advance(objects::running(&start, &past), started) {
            return;
        }
        let created = objects::event_of(&self.job, &self.pod);
        self.store.lock().unwrap().put(Resource::Events, created);

        for step in 1..=STEPS {
            for container in self.containers() {
                self.logs.append(self.log(container), format!("step {step} of {STEPS}\n").as_bytes());
            }
            sleep(objects::sleeps(&self.pod).unwrap_or(pace.running) / STEPS).await;
            if !self.stays(&self.store.lock().unwrap()) {
                return;
            }
        }
        let end = now();
        let code = objects::exit_code(&self.pod);
        let (phase, reason) = if code == 0 { ("Succeeded", "Completed") } else { ("Failed", "Error") };
        let ended = json!({"exitCode": code, "reason": reason, "startedAt": start, "finishedAt": end});
        let pod = objects::with_phase(&self.pod, phase, &json!({"terminated": ended}));
        let status = if code == 0 { objects::complete(&start, &end, &past) } else { objects::failed(&start, &past) };
        self.advance(status, pod);
    }

    /// Sets the status and puts the pod, both at once, if this very job is still there and stays.
    fn advance(&self, status: Value, pod: Value) -> bool {
        let mut store = self.store.lock().unwrap();
        let stays = self.stays(&store);
        if stays {
            store.put(Resource::Pods, pod);
            store.update(Resource::Jobs, self.job.namespace(), self.job.name(), |job| job["status"] = status);
        }
        stays
    }

    /// Whether the job is still the one that the run began with, neither deleted nor paused.
    fn stays(&self, store: &Store) -> bool {
        let found = store.get(Resource::Jobs, self.job.namespace(), self.job.name());
        found.is_some_and(|found| {
            let same = |field: &str| found["metadata"][field] == self.job["metadata"][field];
            same("uid") && same("generation") && found["metadata"]["deletionTimestamp"].is_null()
        })
    }

    fn containers(&self) -> impl Iterator<Item = &str> {
        self.pod["spec"]["containers"].as_array().into_iter().flatten().map(|container| text(&container["name"]))
    }

    fn log(&self, container: &str) -> Key {
        Key::new(self.job.namespace(), text(&self.pod["metadata"]["name"]), container)
    }
}
