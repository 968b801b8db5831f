//! What tests put into the cluster, change in it and look up in it, past all requests.

use serde_json::Value;

use super::StubCluster;
use super::store::{Deletion, Resource};

impl StubCluster {
    pub fn job(&self, namespace: &str, name: &str) -> Option<Value> {
        self.server.store().get(Resource::Jobs, namespace, name).map(|job| Value::clone(job))
    }

    pub fn cron_job(&self, namespace: &str, name: &str) -> Option<Value> {
        self.server.store().get(Resource::CronJobs, namespace, name).map(|cron_job| Value::clone(cron_job))
    }

    pub fn namespace(&self, name: &str) -> Option<Value> {
        self.server.store().get(Resource::Namespaces, "", name).map(|namespace| Value::clone(namespace))
    }

    /// The jobs of a namespace, by name.
    pub fn jobs(&self, namespace: &str) -> Vec<Value> {
        self.server.store().list(Resource::Jobs, Some(namespace)).map(|job| Value::clone(job)).collect()
    }

    /// Puts a namespace as it is, in place of one with its name. As with the other `put` methods,
    /// the store gives it a new resource version, and a uid and a creation time if it has none.
    pub fn put_namespace(&self, namespace: Value) {
        self.server.store().put(Resource::Namespaces, namespace);
    }

    /// Puts a whole Job, the body of a recording for example, and makes its namespace if need be.
    /// One that is there and has no uid in `job` keeps its own.
    pub fn put_job(&self, job: Value) {
        self.replace(Resource::Jobs, job);
    }

    /// Puts a whole `CronJob`, as `put_job` does a Job. The stub never runs it.
    pub fn put_cron_job(&self, cron_job: Value) {
        self.replace(Resource::CronJobs, cron_job);
    }

    /// Puts many `CronJobs` at once.
    pub fn put_cron_jobs(&self, cron_jobs: impl IntoIterator<Item = Value>) {
        let mut store = self.server.store();
        for cron_job in cron_jobs {
            store.put(Resource::CronJobs, cron_job);
        }
    }

    /// Removes a `CronJob`. The jobs that were made of it stay.
    pub fn remove_cron_job(&self, namespace: &str, name: &str) {
        let removed = self.server.store().remove(Resource::CronJobs, namespace, name);
        assert!(removed.is_some(), "there is no CronJob {namespace}/{name}");
    }

    /// Puts many jobs at once. Each is a change of its own to those who watch.
    pub fn put_jobs(&self, jobs: impl IntoIterator<Item = Value>) {
        let mut store = self.server.store();
        for job in jobs {
            store.put(Resource::Jobs, job);
        }
    }

    /// Puts a pod. One without an owner is adopted by a job whose selector it matches, as the job controller does.
    pub fn put_pod(&self, pod: Value) {
        self.server.store().put_pod(pod);
    }

    pub fn put_event(&self, event: Value) {
        self.server.store().put(Resource::Events, event);
    }

    /// Replaces the status of a job that must exist.
    pub fn set_job_status(&self, namespace: &str, name: &str, status: Value) {
        self.change_job(namespace, name, |job| job["status"] = status);
    }

    /// Changes a job that must exist, in any way: its labels, for example.
    pub fn change_job(&self, namespace: &str, name: &str, change: impl FnOnce(&mut Value)) {
        let there = self.server.store().update(Resource::Jobs, namespace, name, change);
        assert!(there, "there is no job {namespace}/{name}");
    }

    /// Removes a job without a request, as its time-to-live does. What it owns goes, too.
    pub fn remove_job(&self, namespace: &str, name: &str) {
        self.server.store().remove_job(namespace, name);
    }

    /// Deletes a job without a request, as another tool does: `Foreground`, `Background` or `Orphan`.
    pub fn delete_job(&self, namespace: &str, name: &str, policy: &str) {
        self.server.store().delete_job(namespace, name, policy);
    }

    /// Every change of the jobs of a namespace since the start: its revision, the name, and the job after it.
    pub fn job_changes(&self, namespace: &str) -> Vec<(u64, String, Option<Value>)> {
        let store = self.server.store();
        let changes = store.history.between(0, u64::MAX).filter_map(|change| {
            let job = change.after.as_ref().or(change.before.as_ref()).filter(|job| job.namespace() == namespace)?;
            Some((change.revision, job.name().to_owned(), change.after.as_ref().map(|job| Value::clone(job))))
        });
        changes.collect()
    }

    /// The number of the newest change of any object.
    pub fn revision(&self) -> u64 {
        self.server.store().revision()
    }

    /// Waits for a change after this one.
    pub async fn wait_for_change(&self, after: u64) {
        let mut revision = self.server.store().revision.subscribe();
        revision.wait_for(|revision| *revision > after).await.unwrap();
    }

    /// Waits until the jobs of a namespace are as they are to be.
    pub async fn wait_for_jobs(&self, namespace: &str, fits: impl Fn(&[Value]) -> bool) {
        loop {
            let revision = self.revision();
            if fits(&self.jobs(namespace)) {
                return;
            }
            self.wait_for_change(revision).await;
        }
    }

    /// Ends what foreground deletion waits for: pods go, and the jobs that were being deleted.
    pub fn settle(&self) {
        self.server.store().settle();
    }

    /// Stops the garbage collector: what a deleted job owns stays, and the job itself if it is deleted in the foreground.
    pub fn hold_garbage(&self) {
        self.server.store().hold_garbage();
    }

    /// Lets the garbage collector go on, with what it has missed.
    pub fn release_garbage(&self) {
        self.server.store().release_garbage();
    }

    /// Refuses to create jobs while the namespace has this many, as a quota of `count/jobs.batch` does.
    pub fn set_quota(&self, namespace: &str, limit: Option<usize>) {
        let quotas = &mut self.server.store().quotas;
        match limit {
            Some(limit) => drop(quotas.insert(namespace.to_owned(), limit)),
            None => drop(quotas.remove(namespace)),
        }
    }

    /// Ends a namespace's deletion: it goes, with all that is in it.
    pub fn finish_namespace(&self, name: &str) {
        self.server.store().remove_namespace(name);
    }

    /// Every deletion that was carried out, with its options.
    pub fn deletions(&self) -> Vec<Deletion> {
        self.server.store().deletions.clone()
    }

    /// The newest resource version.
    pub fn resource_version(&self) -> String {
        self.server.store().revision().to_string()
    }

    /// Refuses the continue tokens that were given so far, with 410: the lists that are being read
    /// in pages must begin anew.
    pub fn expire_continues(&self) {
        self.server.store().forget_snapshots();
    }

    fn replace(&self, resource: Resource, mut object: Value) {
        let mut store = self.server.store();
        let metadata = &object["metadata"];
        let namespace = metadata["namespace"].as_str().unwrap_or("default");
        let known = store.get(resource, namespace, metadata["name"].as_str().unwrap_or_default());
        if let (true, Some(uid)) = (metadata["uid"].is_null(), known.map(|known| known["metadata"]["uid"].clone())) {
            object["metadata"]["uid"] = uid;
        }
        store.put(resource, object);
    }
}
