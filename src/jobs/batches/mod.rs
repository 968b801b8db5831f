//! Batches: a head and its members, which are plain Jobs. The cluster holds everything; no counter can drift from it.
//!
//! `plan` makes the manifests. `membership` recognizes heads and members. `state` and `status` compute what
//! callers see. `submissions` remembers the batches that are being submitted. `rounds` looks at all batches; `expiry`
//! deletes ended ones.

pub mod description;
pub mod expiry;
pub mod members;
pub mod membership;
pub mod plan;
pub mod rounds;
pub mod state;
pub mod status;
pub mod submissions;

use std::sync::Arc;

use crate::jobs::batches::description::Description;
pub use crate::jobs::batches::description::MAX_MEMBERS;
use crate::jobs::batches::membership::{Head, Membership};
use crate::jobs::batches::state::{BatchState, MemberCounts, state};
use crate::jobs::status::Status;

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
        let is_member = |job: &Arc<Status>| members::is_owned_by(job, &head.uid);
        let members = (0..size).map(|index| job(index).filter(is_member)).collect();
        Self { head, members }
    }

    /// Returns the description of the head. `None` if another tool has damaged it.
    pub fn description(&self) -> Option<&Description> {
        description(&self.head)
    }

    /// Returns the id of a member, if it has one.
    pub fn id(&self, index: usize) -> Option<&str> {
        self.description()?.id(index)
    }

    /// Whether the head is being deleted.
    pub fn is_deleting(&self) -> bool {
        matches!(self.head.batch(), Some(Membership::Head(Head { is_deleting: true, .. })))
    }

    /// Returns the known members.
    pub fn known(&self) -> impl Iterator<Item = &Arc<Status>> {
        self.members.iter().flatten()
    }

    pub fn has_exits(&self) -> bool {
        self.known().any(|member| member.exit().is_some())
    }

    pub fn counts(&self) -> MemberCounts {
        MemberCounts::of(self.members.iter().map(|member| Some(member.as_ref()?.state)))
    }

    /// Returns the state. `may_grow` is whether missing members may still be submitted. A batch with a damaged head is
    /// incomplete: its members are unknown.
    pub fn state(&self, may_grow: bool) -> BatchState {
        match self.description() {
            None if !self.is_deleting() => BatchState::Incomplete,
            _ => state(self.is_deleting(), &self.counts(), may_grow),
        }
    }
}

/// Returns the description of a head. `None` if another tool has damaged it.
pub fn description(head: &Status) -> Option<&Description> {
    head.batch().and_then(Membership::description)
}

#[cfg(test)]
#[path = "batch_tests.rs"]
pub(in crate::jobs) mod tests;
