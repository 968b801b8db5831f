//! Recognizes the heads and the members of batches: [`Membership`].

use crate::jobs::batches::description::Description;
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
        is_deleting: bool,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// `None` if its annotation is missing or damaged.
    pub description: Option<Description>,
    pub is_deleting: bool,
}

impl Membership {
    /// Returns the part of this job. A member has the label, the name that belongs to it, and an
    /// owner: the Job with the name of the batch.
    pub fn of(job: &Job) -> Option<Self> {
        let metadata = &job.metadata;
        let is_deleting = metadata.deletion_timestamp.is_some();
        if is_head_label(metadata.labels.get(HEAD_LABEL)) {
            let description = metadata.annotations.batch.as_deref().and_then(Description::parse);
            return Some(Self::Head(Head { description, is_deleting }));
        }
        let batch = metadata.labels.get(MEMBER_LABEL)?;
        let is_named = split(&metadata.name).is_some_and(|(name, _)| name == batch);
        let mut owners = metadata.owner_references.iter();
        let owner = owners.find(|owner| owner.kind == "Job" && owner.name == batch).filter(|_| is_named)?;
        Some(Self::Member { owner: owner.uid.as_str().into(), is_deleting })
    }
}

impl Membership {
    /// Returns the description of a head.
    pub const fn description(&self) -> Option<&Description> {
        match self {
            Self::Head(head) => head.description.as_ref(),
            Self::Member { .. } => None,
        }
    }
}

/// Whether the job is the head of a batch.
pub fn is_head(job: &JobInFull) -> bool {
    is_head_label(job.metadata.labels.get(HEAD_LABEL).map(String::as_str))
}

fn is_head_label(value: Option<&str>) -> bool {
    value == Some("true")
}

/// Splits the name of a member into that of its batch and its index.
pub(super) fn split(name: &str) -> Option<(&str, u32)> {
    let (batch, index) = name.rsplit_once('-')?;
    let is_index = index.len() == 4 && index.bytes().all(|c| c.is_ascii_digit());
    Some((batch, index.parse().ok().filter(|_| is_index)?))
}
