//! The events of the watcher: [`WatchEvent`].

use crate::kube::types::Job;
use crate::kube::watcher::failure::Failure;

/// A resource version. Those of one kind can be compared as numbers
/// (<https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions>).
pub type Version = u64;

/// Events for the store. Applied in order they reproduce the server's state.
#[derive(Debug)]
pub enum WatchEvent {
    /// A list as of this version begins.
    Init(Version),
    InitApply(Vec<Job>),
    /// The list is complete. A job that is not in it is gone, unless it is newer than the list.
    InitDone,
    /// All changes until now are reported, and every later change will be.
    Watching,
    Apply(Job),
    Delete(Job),
    /// All changes up to this version are reported.
    Bookmark(Version),
    /// Changes are missed from now until the next `Watching`.
    Disconnected(Failure),
}
