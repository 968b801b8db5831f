//! The batches that calls of this process are submitting: [`Submissions`]. Their missing members may still come.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

use crate::jobs::status::{Status, key};
use crate::kube::names::{BatchName, Namespace};

/// The most heads that are remembered after their submission. The states of others depend on their age.
const MAX_ENDED: usize = 1000;

#[derive(Debug, Default)]
pub struct Submissions {
    /// The number of calls for each batch, by the key of its head.
    calls: Mutex<HashMap<String, usize>>,
    /// The uids of the latest heads whose submission is over.
    ended: Mutex<VecDeque<Arc<str>>>,
    ends: watch::Sender<()>,
}

impl Submissions {
    fn calls(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Marks a batch as being submitted, until the value is dropped.
    pub fn begin(self: &Arc<Self>, namespace: &Namespace, name: &BatchName) -> Submission {
        let key = key(namespace, &name.head());
        *self.calls().entry(key.clone()).or_default() += 1;
        Submission { submissions: Arc::clone(self), key }
    }

    /// Whether a call is submitting the batch of this head. Takes the key of the head.
    pub fn contains(&self, key: &str) -> bool {
        self.calls().contains_key(key)
    }

    /// Notes that the batch of this head gets no more members: it is complete, or a repetition cannot complete it.
    pub fn ended(&self, head_uid: Arc<str>) {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if ended.len() == MAX_ENDED {
            ended.pop_front();
        }
        ended.push_back(head_uid);
    }

    /// Whether [`Submissions::ended`] was called for this head.
    pub fn has_ended(&self, head_uid: &str) -> bool {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).iter().any(|ended| **ended == *head_uid)
    }

    /// Returns for how long missing members of the batch of this head may still be submitted. `None`: they will not be.
    ///
    /// Another process may submit them. So a head that is younger than `max_age` counts as being submitted, unless its
    /// submission ended in this process. `max_age` is twice the time that a call may take.
    pub fn may_grow_for(&self, head: &Status, max_age: Duration) -> Option<Duration> {
        let grows_until = Duration::from_secs(head.created.try_into().unwrap_or_default()) + max_age;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let left = grows_until.checked_sub(now).filter(|left| !left.is_zero());
        if self.contains(head.key()) {
            return Some(left.unwrap_or(max_age / 2));
        }
        left.filter(|_| !self.has_ended(&head.uid))
    }

    /// Notifies of the end of every later submission. It changes the states of incomplete batches.
    pub fn ends(&self) -> watch::Receiver<()> {
        self.ends.subscribe()
    }
}

/// The mark of a call that submits a batch.
#[derive(Debug)]
pub struct Submission {
    submissions: Arc<Submissions>,
    key: String,
}

impl Drop for Submission {
    fn drop(&mut self) {
        let mut calls = self.submissions.calls();
        if let Some(count) = calls.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                calls.remove(&self.key);
            }
        }
        drop(calls);
        self.submissions.ends.send_replace(());
    }
}

#[cfg(test)]
#[path = "submissions_tests.rs"]
mod tests;
