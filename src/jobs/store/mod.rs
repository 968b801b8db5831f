//! The jobs in memory, shared by all tasks: answers readers, applies events, wakes waiting readers.

pub mod change_log;
pub(crate) mod ended;
pub mod index;
pub(crate) mod reflector;
pub(crate) mod staleness;

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};

use self::change_log::Change;
use self::index::{Counts, PageCursor};
use self::reflector::JobReflector;
use self::staleness::Age;
use crate::jobs::filter::Filter;
use crate::jobs::pods::exit::Exit;
use crate::jobs::status::{Status, key};
use crate::kube::names::{JobName, Namespace};
use crate::kube::types::Job;
use crate::kube::watcher::WatchEvent;

/// The label, always set, by which the service finds its own jobs again.
pub const LABEL_SELECTOR: &str = "app=eks-api";

#[derive(Debug)]
pub struct JobStore {
    live: RwLock<JobReflector>,
    /// Rings at every change, and when the cache begins or ceases to be of use.
    change_notifications: watch::Sender<()>,
    /// Tells the numbers of this cache's changes from those of an earlier run of the program.
    pub instance_id: String,
    /// Rings when a job shows that the cluster's store was set back: then all has to be listed again.
    pub store_was_reset: Notify,
}

/// Where an answer comes from: the cache (and how old it then is, if the watch is down), or elsewhere.
#[derive(Clone, Debug)]
pub enum Found<T> {
    Hit { found: T, age: Option<Duration> },
    Miss,
}

/// Some jobs, newest first, and where to go on.
#[derive(Debug)]
pub struct Page {
    pub jobs: Vec<Arc<Status>>,
    pub next: Option<PageCursor>,
    pub remaining: usize,
}

/// Some jobs as they are after one change.
#[derive(Debug)]
pub struct SnapshotPage {
    pub jobs: Vec<Arc<Status>>,
    pub next: Option<PageCursor>,
    pub change: u64,
}

impl Default for JobStore {
    fn default() -> Self {
        let instance_id = format!("{:08x}", fastrand::u32(..));
        Self {
            live: RwLock::default(),
            change_notifications: watch::Sender::default(),
            instance_id,
            store_was_reset: Notify::new(),
        }
    }
}

impl JobStore {
    fn read(&self) -> RwLockReadGuard<'_, JobReflector> {
        self.live.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, JobReflector> {
        self.live.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// A job that is not there may still be in the cluster: another tool's, or one that was created a moment ago.
    pub fn find(&self, namespace: &Namespace, name: &JobName, now: Instant) -> Found<Arc<Status>> {
        let live = self.read();
        match (live.age(now), live.store.get(&key(namespace, name))) {
            (Some(Age(age)), Some(entry)) => Found::Hit { found: Arc::clone(&entry.status), age },
            _ => Found::Miss,
        }
    }

    /// At most so many of the jobs that match, from behind a place on, and how many there are behind these.
    pub fn page(&self, filter: &Filter, after: Option<&PageCursor>, limit: usize, now: Instant) -> Found<Page> {
        let live = self.read();
        let Some(Age(age)) = live.age(now) else { return Found::Miss };
        let mut matching = live.store.matching(filter, after);
        let jobs: Vec<_> = matching.by_ref().take(limit).cloned().collect();
        let remaining = matching.count();
        let next = jobs.last().filter(|_| remaining > 0).map(|last| PageCursor::of(last));
        Found::Hit { found: Page { jobs, next, remaining }, age }
    }

    /// One of the jobs that match and have not ended, if there is one.
    pub fn unfinished(&self, filter: &Filter, now: Instant) -> Found<Option<Arc<Status>>> {
        let live = self.read();
        let Some(Age(age)) = live.age(now) else { return Found::Miss };
        let found = live.store.matching(filter, None).find(|status| !status.state.is_final()).cloned();
        Found::Hit { found, age }
    }

    /// The same for who wants all of them, part by part, and need not know how many remain. None if there is no
    /// knowing.
    pub fn part(&self, filter: &Filter, after: Option<&PageCursor>, limit: usize) -> Option<SnapshotPage> {
        let live = self.read();
        if !live.is_usable() {
            return None;
        }
        let mut matching = live.store.matching(filter, after);
        let jobs: Vec<_> = matching.by_ref().take(limit).cloned().collect();
        let is_last = matching.next().is_none();
        let next = jobs.last().filter(|_| !is_last).map(|last| PageCursor::of(last));
        Some(SnapshotPage { jobs, next, change: live.changes.last() })
    }

    /// How many jobs are in each state.
    pub fn counts(&self) -> Counts {
        self.read().store.counts()
    }

    pub fn is_usable(&self) -> bool {
        self.read().is_usable()
    }

    /// The changes after this one, or `None` if it is too long ago.
    pub fn changes_since(&self, number: u64) -> Option<Vec<Arc<Change>>> {
        self.read().changes.since(number)
    }

    /// Tells of everything, beginning with what happens after this call.
    pub fn change_notifications(&self) -> watch::Receiver<()> {
        self.change_notifications.subscribe()
    }

    /// Tells of one job, there or not, beginning with what happens after this call: so subscribe first, then look.
    pub fn subscribe(self: &Arc<Self>, namespace: &Namespace, name: &JobName) -> Subscription {
        let key = key(namespace, name);
        let receiver = self.write().waiting.entry(key.clone()).or_default().subscribe();
        Subscription { cache: Arc::clone(self), key, receiver: Some(receiver) }
    }

    /// Takes in what one of our own writes returned, so that its caller finds it at once.
    pub fn enter(&self, job: &Job) {
        let is_watched = job.metadata.labels.get("app") == Some("eks-api");
        if !is_watched {
            return;
        }
        let mut live = self.write();
        let status = live.status(job);
        let entered = live.enter(status, Instant::now());
        drop(live);
        if entered.is_set_back {
            self.store_was_reset.notify_one();
        }
        if entered.is_new {
            self.change_notifications.send_replace(());
        }
    }

    /// The status of a job that was read from the cluster, with its exit if that is known.
    pub fn status(&self, job: &Job) -> Status {
        self.read().status(job)
    }

    /// The next job that failed, and whose exit is to be looked up.
    pub fn next_failed(&self) -> Option<(Namespace, JobName)> {
        loop {
            let status = self.write().failed.pop_front()?;
            if let (Ok(namespace), Ok(name)) = (Namespace::parse(status.namespace()), JobName::parse(status.name())) {
                return Some((namespace, name));
            }
        }
    }

    /// Notes how a job ended. Returns false if another version of it is known than this one.
    pub fn set_exit(&self, job: &Job, exit: &Exit) -> bool {
        self.enter(job);
        let is_set = self.write().set_exit(job, exit.clone());
        self.change_notifications.send_replace(());
        is_set
    }

    /// Forgets all jobs. Until they are listed again, every read goes to the cluster.
    pub fn clear(&self) {
        self.write().clear();
        self.change_notifications.send_replace(());
    }

    /// The last status of a job that is gone, if its end was seen in the last ten minutes. Without a uid it is the last
    /// job of that name.
    pub fn last_known(
        &self,
        namespace: &Namespace,
        name: &JobName,
        uid: Option<&str>,
        now: Instant,
    ) -> Option<Arc<Status>> {
        self.read().gone.last(&key(namespace, name), uid, now).cloned()
    }

    /// Takes out what one of our own writes removed for good. The watch may still tell of it as it was.
    pub fn tombstone(&self, namespace: &Namespace, name: &JobName, uid: &str) {
        if self.write().tombstone(&key(namespace, name), uid, Instant::now()) {
            self.change_notifications.send_replace(());
        }
    }

    /// Takes in what the watch tells.
    pub fn apply_event(&self, news: WatchEvent, now: Instant) {
        self.write().apply_event(news, now);
        self.change_notifications.send_replace(());
    }
}

/// Waits for what happens to one job.
#[derive(Debug)]
pub struct Subscription {
    cache: Arc<JobStore>,
    key: String,
    /// Some until it is dropped.
    receiver: Option<watch::Receiver<()>>,
}

impl Subscription {
    /// Returns when something has happened since the last call, or since the subscription.
    pub async fn changed(&mut self) {
        let Some(receiver) = &mut self.receiver else { return std::future::pending().await };
        if receiver.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut live = self.cache.write();
        // The receiver goes while the state is held: of two who leave at once, one has to see that it is the last.
        drop(self.receiver.take());
        if live.waiting.get(&self.key).is_some_and(|waiting| waiting.receiver_count() == 0) {
            live.waiting.remove(&self.key);
        }
    }
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
