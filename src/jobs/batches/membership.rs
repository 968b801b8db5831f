//! Recognizes the heads and the members of batches: [`Membership`].

use crate::jobs::batches::description::Description;
use crate::jobs::status::Status;
use crate::kube::names::BatchName;
use crate::kube::types::{Job, JobInFull};

/// The label of a head. Its value is `true`.
pub const HEAD_LABEL: &str = "eks-api/batch-head";
/// The label of a member. Its value is the name of the batch.
pub const MEMBER_LABEL: &str = "eks-api/batch";

/// A job's part in a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Membership {
    Head(Head),
    /// It belongs to the batch whose head has the uid `owner`.
    Member {
        owner: Box<str>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// `None` if its annotation is missing or damaged.
    pub description: Option<Description>,
    pub is_deleting: bool,
}

impl Membership {
    /// Returns the part of this job. A member has the label, the name that belongs to it, and a Job of the batch's name
    /// as its owner.
    pub fn of(job: &Job) -> Option<Self> {
        let metadata = &job.metadata;
        if is_head_label(metadata.labels.get(HEAD_LABEL)) {
            let description = metadata.annotations.batch.as_deref().and_then(Description::parse);
            return Some(Self::Head(Head { description, is_deleting: metadata.deletion_timestamp.is_some() }));
        }
        let batch = metadata.labels.get(MEMBER_LABEL)?;
        let is_named = split(&metadata.name).is_some_and(|(name, _)| name == batch);
        let mut owners = metadata.owner_references.iter();
        let owner = owners.find(|owner| owner.kind == "Job" && owner.name == batch).filter(|_| is_named)?;
        Some(Self::Member { owner: owner.uid.as_str().into() })
    }
}

/// Whether the job is the head of a batch.
pub fn is_head(job: &JobInFull) -> bool {
    is_head_label(job.metadata.labels.get(HEAD_LABEL).map(String::as_str))
}

fn is_head_label(value: Option<&str>) -> bool {
    value == Some("true")
}

/// Returns the name of the batch that a job is a member of.
pub fn batch_of(status: &Status) -> Option<&str> {
    let is_member = matches!(status.batch(), Some(Membership::Member { .. }));
    split(status.name()).filter(|_| is_member).map(|(batch, _)| batch)
}

/// Returns the index of a member.
pub fn index_of(status: &Status) -> Option<u32> {
    let is_member = matches!(status.batch(), Some(Membership::Member { .. }));
    split(status.name()).filter(|_| is_member).map(|(_, index)| index)
}

pub fn is_member_of(status: &Status, batch: &BatchName) -> bool {
    batch_of(status) == Some(batch.as_str())
}

/// Whether it is a member of the batch whose head has this uid.
pub fn is_owned_by(status: &Status, uid: &str) -> bool {
    matches!(status.batch(), Some(Membership::Member { owner }) if **owner == *uid)
}

/// Splits the name of a member into that of its batch and its index.
fn split(name: &str) -> Option<(&str, u32)> {
    let (batch, index) = name.rsplit_once('-')?;
    let is_index = index.len() == 4 && index.bytes().all(|c| c.is_ascii_digit());
    Some((batch, index.parse().ok().filter(|_| is_index)?))
}
