//! The batches that calls of this process are submitting: [`Submissions`]. Their missing members may still come.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::jobs::status::key;
use crate::kube::names::{BatchName, Namespace};

#[derive(Debug, Default)]
pub struct Submissions {
    /// The number of calls for each batch, by the key of its head.
    calls: Mutex<HashMap<String, usize>>,
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
