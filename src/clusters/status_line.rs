//! The line of `systemctl status`: [`StatusLine`].

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::telemetry::systemd::Notifier;

/// Joins the states of the clusters to one line.
#[derive(Debug)]
pub struct StatusLine {
    notifier: Arc<Notifier>,
    /// By the name of the cluster.
    states: Mutex<BTreeMap<String, String>>,
}

impl StatusLine {
    pub fn new(notifier: Arc<Notifier>) -> Self {
        Self { notifier, states: Mutex::default() }
    }

    /// Adds a cluster whose state is not known yet.
    pub fn add(&self, cluster: &str) {
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        states.insert(cluster.to_owned(), "starting".to_owned());
    }

    /// Reports the state of a cluster. A task of a removed cluster may still run, and reports nothing.
    pub fn set(&self, cluster: &str, state: String) {
        self.update(|states| {
            if let Some(known) = states.get_mut(cluster) {
                *known = state;
            }
        });
    }

    /// Reports that a cluster is no longer served.
    pub fn remove(&self, cluster: &str) {
        self.update(|states| drop(states.remove(cluster)));
    }

    fn update(&self, change: impl FnOnce(&mut BTreeMap<String, String>)) {
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut states);
        self.notifier.status(&joined(&states));
    }
}

/// A single cluster is not named: the state of a ready one has its name.
fn joined(states: &BTreeMap<String, String>) -> String {
    if states.len() < 2 {
        return states.values().next().cloned().unwrap_or_default();
    }
    states.iter().map(|(name, state)| format!("{name}: {state}")).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_clusters_are_named() {
        let mut states = BTreeMap::from([("prod".to_owned(), "ready".to_owned())]);
        assert_eq!(joined(&states), "ready");
        states.insert("eu".to_owned(), "not ready".to_owned());
        assert_eq!(joined(&states), "eu: not ready; prod: ready");
    }
}
