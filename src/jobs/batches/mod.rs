//! Batches: a head and its members, which are plain Jobs. The cluster holds everything; no counter can drift from it.
//!
//! `plan` makes the manifests. `membership` recognizes heads and members. `state` and `status` compute what
//! callers see. `submissions` remembers the batches that are being submitted. `expiry` deletes ended batches.

pub mod description;
pub mod expiry;
pub mod membership;
pub mod plan;
pub mod state;
pub mod status;
pub mod submissions;

use std::sync::Arc;

use crate::jobs::batches::description::Description;
use crate::jobs::batches::membership::{Head, Membership};
use crate::jobs::status::Status;

/// The most members of a batch. Their indexes have four digits.
pub const MAX_MEMBERS: u32 = 1000;

/// A batch at one moment.
#[derive(Clone, Debug)]
pub struct Batch {
    pub head: Arc<Status>,
    /// By index. `None` is a member that does not exist.
    pub members: Vec<Option<Arc<Status>>>,
}

impl Batch {
    /// Takes the head, and the job of each member's name. A job of another owner is not a member.
    pub fn new(head: Arc<Status>, mut job: impl FnMut(u32) -> Option<Arc<Status>>) -> Self {
        let size = description(&head).map_or(0, |description| description.size);
        let is_member = |job: &Arc<Status>| membership::is_owned_by(job, &head.uid);
        let members = (0..size).map(|index| job(index).filter(is_member)).collect();
        Self { head, members }
    }

    /// Returns what the head's annotation says. `None` if another tool has damaged it.
    pub fn description(&self) -> Option<&Description> {
        description(&self.head)
    }

    /// Whether the head is being deleted.
    pub fn is_deleting(&self) -> bool {
        matches!(self.head.batch(), Some(Membership::Head(Head { is_deleting: true, .. })))
    }

    /// Returns the known members.
    pub fn known(&self) -> impl Iterator<Item = &Arc<Status>> {
        self.members.iter().flatten()
    }
}

/// Returns what the annotation of a head says. `None` if another tool has damaged it.
pub fn description(head: &Status) -> Option<&Description> {
    match head.batch() {
        Some(Membership::Head(head)) => head.description.as_ref(),
        _ => None,
    }
}
