//! What tests tell the open watches and the logs to do, and what they learn about those who read
//! them.

use std::collections::BTreeMap;

use hyper::body::Bytes;

use super::StubCluster;
use super::logs::Key;
use super::watches::{Act, Order};

impl StubCluster {
    /// How many watches are open. One that was ended or broken is not, from that call on; one whose
    /// client leaves is not once that is noticed.
    pub fn watches(&self) -> usize {
        self.server.watches.state.borrow().open.len()
    }

    /// Waits until at least this many watches are open.
    pub async fn wait_for_watches(&self, at_least: usize) {
        self.server.watches.state.subscribe().wait_for(|state| state.open.len() >= at_least).await.unwrap();
    }

    /// Waits until no watch is open: their clients have left.
    pub async fn wait_for_no_watches(&self) {
        self.server.watches.state.subscribe().wait_for(|state| state.open.is_empty()).await.unwrap();
    }

    /// The resource versions that watches were opened with so far, those included that were told
    /// that theirs is gone. A watch that named none is an empty string.
    pub fn watch_opened_at(&self) -> Vec<String> {
        self.server.watches.state.borrow().opened_at.clone()
    }

    /// Waits until this many watches were opened since the start, whatever became of them.
    pub async fn wait_for_watch_openings(&self, at_least: usize) {
        self.server.watches.state.subscribe().wait_for(|state| state.opened_at.len() >= at_least).await.unwrap();
    }

    /// Sends a bookmark with the current version to those that asked for bookmarks.
    pub fn bookmark(&self) {
        self.order(Act::Bookmark);
    }

    /// Ends all open watches properly, as at their `timeoutSeconds`.
    pub fn end_watches(&self) {
        self.order(Act::End);
    }

    /// Tears down the connections of all open watches. What they had not sent yet may be lost.
    pub fn break_watches(&self) {
        self.order(Act::Break);
    }

    /// Sends these bytes as one chunk to all open watches, hushed ones included.
    pub fn send_to_watches(&self, bytes: impl Into<Bytes>) {
        self.order(Act::Send(bytes.into()));
    }

    /// From now on watches stay open and send nothing by themselves, new ones included: no changes,
    /// no bookmarks, not even an end at their `timeoutSeconds`.
    pub fn hush_watches(&self) {
        self.order(Act::Hush(true));
    }

    /// Lets watches send again, beginning with the changes that they held back.
    pub fn unhush_watches(&self) {
        self.order(Act::Hush(false));
    }

    /// Forgets the changes so far: a watch that begins at an older version is told that it is gone.
    /// Watches that are open are not concerned.
    pub fn compact(&self) {
        let mut store = self.server.store();
        let revision = store.revision();
        store.history.compact(revision);
    }

    /// Begins the log of a container anew with this text. The pod itself is put with `put_pod`.
    pub fn put_log(&self, namespace: &str, pod: &str, container: &str, text: impl AsRef<[u8]>) {
        self.server.logs.put(Key::new(namespace, pod, container), text.as_ref());
    }

    /// The log of the container's run before.
    pub fn put_previous_log(&self, namespace: &str, pod: &str, container: &str, text: impl AsRef<[u8]>) {
        self.server.logs.put(Key::new(namespace, pod, container).previous(), text.as_ref());
    }

    /// What the kubelet says in place of a log that it cannot read: without a time, and at once to its end.
    pub fn put_raw_log(&self, namespace: &str, pod: &str, container: &str, text: &str) {
        self.server.logs.put_raw(Key::new(namespace, pod, container), text.as_bytes());
    }

    /// Adds to a log, or begins it. Those who follow get it at once, half lines too.
    pub fn append_log(&self, namespace: &str, pod: &str, container: &str, text: impl AsRef<[u8]>) {
        self.server.logs.append(Key::new(namespace, pod, container), text.as_ref());
    }

    /// The container writes no more: those who follow come to an end, those to come included.
    pub fn end_log(&self, namespace: &str, pod: &str, container: &str) {
        self.server.logs.end(Key::new(namespace, pod, container));
    }

    /// How many requests follow a log at this time.
    pub fn log_followers(&self) -> usize {
        *self.server.logs.followers.borrow()
    }

    /// Waits until at least this many requests follow a log.
    pub async fn wait_for_log_followers(&self, at_least: usize) {
        self.server.logs.followers.subscribe().wait_for(|followers| *followers >= at_least).await.unwrap();
    }

    /// Waits until nobody follows a log: all have come to their end, or their clients have left.
    pub async fn wait_for_no_log_followers(&self) {
        self.server.logs.followers.subscribe().wait_for(|followers| *followers == 0).await.unwrap();
    }

    /// The parameters of every request for a log, in the order in which they came.
    pub fn log_queries(&self) -> Vec<BTreeMap<String, String>> {
        let requests = self.server.requests.borrow();
        let logs = requests.iter().filter(|request| request.path.contains("/pods/") && request.path.ends_with("/log"));
        logs.map(|request| request.query.iter().cloned().collect()).collect()
    }

    fn order(&self, act: Act) {
        let revision = self.server.store().revision();
        self.server.watches.order(&Order { revision, act });
    }
}
