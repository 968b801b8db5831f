//! The jobs in memory, shared by all tasks: answers readers, applies events, and wakes waiting callers.

mod batches;
pub mod change_log;
mod ended;
pub mod finished;
pub mod index;
mod page;
mod reflector;
mod staleness;
mod tombstones;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Instant;

use tokio::sync::{Notify, watch};

use self::change_log::Change;
use self::finished::FinishedJobs;
use self::index::{Counts, PageCursor};
pub use self::page::Page;
use self::reflector::JobReflector;
pub use self::staleness::Found;
use crate::jobs::batches::state::End;
use crate::jobs::batches::submissions::Submissions;
use crate::jobs::filter::Filter;
use crate::jobs::pods::exit::Exit;
use crate::jobs::status::{Status, key};
use crate::kube::names::{JobName, Namespace};
use crate::kube::types::Job;
use crate::kube::watcher::WatchEvent;

/// The label that the service sets on each of its jobs.
pub const LABEL_SELECTOR: &str = "app=eks-api";

#[derive(Debug)]
pub struct JobStore {
    reflector: RwLock<JobReflector>,
    change_notifications: watch::Sender<()>,
    /// Tells the change numbers of this store from those of another cluster or an earlier run of the program.
    pub instance_id: String,
    /// The batches that a call of this process submits.
    pub submissions: Arc<Submissions>,
    /// The ends of batches that are recorded for the webhooks, by the uid of the head. `None` if nothing records them.
    pub recorded_ends: watch::Sender<Option<HashMap<Box<str>, End>>>,
    /// Notified when a job proves that the API server's store was reset. All jobs must be listed again.
    pub store_was_reset: Notify,
}

impl JobStore {
    /// Makes an empty store. `cluster` is the name that callers use.
    pub fn new(cluster: &str) -> Self {
        Self {
            reflector: RwLock::new(JobReflector::new(cluster)),
            change_notifications: watch::Sender::default(),
            instance_id: format!("{:08x}", fastrand::u32(..)),
            submissions: Arc::default(),
            recorded_ends: watch::Sender::default(),
            store_was_reset: Notify::new(),
        }
    }

    /// From now on the statuses have the images.
    pub fn keep_images(&self) {
        self.write().keep_images();
    }

    fn read(&self) -> RwLockReadGuard<'_, JobReflector> {
        self.reflector.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, JobReflector> {
        self.reflector.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns a job. A missing job may exist in the cluster: another tool created it, or it is very new.
    pub fn find(&self, namespace: &Namespace, name: &JobName, now: Instant) -> Found<Arc<Status>> {
        let reflector = self.read();
        reflector.staleness.answer(reflector.index.get(&key(namespace, name)).cloned(), now)
    }

    /// Returns at most `limit` matching jobs after a place, and the number of the other matches.
    pub fn page(&self, filter: &Filter, after: Option<&PageCursor>, limit: usize, now: Instant) -> Found<Page> {
        let reflector = self.read();
        reflector.staleness.answer(Some(Page::new(reflector.index.matching(filter, after), limit)), now)
    }

    /// Returns a matching job that has not ended, if there is one.
    pub fn unfinished(&self, filter: &Filter, now: Instant) -> Found<Option<Arc<Status>>> {
        let reflector = self.read();
        let found = reflector.index.matching(filter, None).find(|status| !status.state.is_final()).cloned();
        reflector.staleness.answer(Some(found), now)
    }

    /// Returns all matching jobs and the number of the last change that they include. `None` before the first list.
    pub fn snapshot(&self, filter: &Filter) -> Option<(Vec<Arc<Status>>, u64)> {
        let reflector = self.read();
        let jobs = || reflector.index.matching(filter, None).cloned().collect();
        reflector.is_usable().then(|| (jobs(), reflector.changes.last()))
    }

    /// Returns the number of complete lists.
    pub fn lists(&self) -> u64 {
        self.read().lists
    }

    /// Returns the number of jobs in each state.
    pub fn counts(&self) -> Counts {
        self.read().index.counts()
    }

    /// Returns the numbers of finished jobs, and how long they ran.
    pub fn finished(&self) -> FinishedJobs {
        self.read().finished.numbers()
    }

    /// Whether the jobs are known.
    pub fn is_usable(&self) -> bool {
        self.read().is_usable()
    }

    /// Returns the changes after this number, or `None` if some of them are dropped.
    pub fn changes_since(&self, number: u64) -> Option<Vec<Arc<Change>>> {
        self.read().changes.since(number)
    }

    /// Notifies of every later change, and when the jobs begin or cease to be known.
    pub fn change_notifications(&self) -> watch::Receiver<()> {
        self.change_notifications.subscribe()
    }

    /// Notifies of every later change of one job, and of the members of a head. Subscribe first, then look at the job.
    pub fn subscribe(self: &Arc<Self>, namespace: &Namespace, name: &JobName) -> Subscription {
        let key = key(namespace, name);
        let receiver = self.write().waiting.entry(key.clone()).or_default().subscribe();
        Subscription { store: Arc::clone(self), key, receiver: Some(receiver) }
    }

    /// Stores a job that the API server returned, so that the caller finds it at once.
    pub fn insert_if_newer(&self, job: &Job) {
        if job.metadata.labels.get("app") != Some("eks-api") {
            return;
        }
        let mut reflector = self.write();
        let status = reflector.status(job);
        let inserted = reflector.insert_if_newer(status, Instant::now());
        drop(reflector);
        if inserted.store_was_reset {
            self.store_was_reset.notify_one();
        }
        if inserted.store_was_reset || inserted.is_new {
            self.notify();
        }
    }

    /// Returns the status of a job that was read from the cluster, with its exit if that is known.
    pub fn status(&self, job: &Job) -> Status {
        self.read().status(job)
    }

    /// Returns the next failed job whose exit must be looked up.
    pub fn next_failed(&self) -> Option<(Namespace, JobName)> {
        loop {
            let status = self.write().failed.pop_front()?;
            if let (Ok(namespace), Ok(name)) = (Namespace::parse(status.namespace()), JobName::parse(status.name())) {
                return Some((namespace, name));
            }
        }
    }

    /// Stores a job's exit. Returns false if another version of the job is known.
    pub fn set_exit(&self, job: &Job, exit: &Exit) -> bool {
        self.insert_if_newer(job);
        let is_set = self.write().set_exit(job, exit.clone());
        self.notify();
        is_set
    }

    /// Forgets all jobs. Until they are listed again, every read goes to the cluster.
    pub fn clear(&self) {
        self.write().clear();
        self.notify();
    }

    /// Returns the last status of a job that is gone for at most ten minutes. Without a uid it is the last job of that
    /// name. The head of a batch is not a job.
    pub fn last_known(
        &self,
        namespace: &Namespace,
        name: &JobName,
        uid: Option<&str>,
        now: Instant,
    ) -> Option<Arc<Status>> {
        let last = self.read().ended.last(&key(namespace, name), uid, now).cloned();
        last.filter(|last| !last.is_batch_head())
    }

    /// Removes a job that one of our own calls deleted. The watch may still report its earlier changes.
    pub fn tombstone(&self, namespace: &Namespace, name: &JobName, uid: &str) {
        if self.write().tombstone(&key(namespace, name), uid, Instant::now()) {
            self.notify();
        }
    }

    pub fn apply_event(&self, event: WatchEvent, now: Instant) {
        self.write().apply_event(event, now);
        self.notify();
    }

    fn notify(&self) {
        self.change_notifications.send_replace(());
    }
}

/// Notifies of the changes of one job.
#[derive(Debug)]
pub struct Subscription {
    store: Arc<JobStore>,
    key: String,
    /// Some until the subscription is dropped.
    receiver: Option<watch::Receiver<()>>,
}

impl Subscription {
    /// Returns after a change since the last call, or since the subscription.
    pub async fn changed(&mut self) {
        let Some(receiver) = &mut self.receiver else { return std::future::pending().await };
        if receiver.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut reflector = self.store.write();
        // Dropping the receiver under the lock lets exactly one of several subscribers see that it is the last.
        drop(self.receiver.take());
        if reflector.waiting.get(&self.key).is_some_and(|waiting| waiting.receiver_count() == 0) {
            reflector.waiting.remove(&self.key);
        }
    }
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
