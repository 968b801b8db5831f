//! From the status of a Job to its state. Conditions decide, counts do not.

use crate::kube::types::{Condition, JobStatus};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Pending,
    Running,
    Suspended,
    Completed,
    Failed,
}

impl State {
    pub const ALL: [Self; 5] = [Self::Pending, Self::Running, Self::Suspended, Self::Completed, Self::Failed];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Suspended => "suspended",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }

    /// Whether the job will never run again.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed)
    }
}

/// The state, and the condition that decided it, if one did.
///
/// Without a deciding condition a job is running as soon as it has, or has had, a pod: between a failed pod and the
/// next one no pod is active, and the job runs all the same.
pub fn state(status: &JobStatus) -> (State, Option<&Condition>) {
    let decided = [
        ("Complete", State::Completed),
        ("Failed", State::Failed),
        ("Suspended", State::Suspended),
        ("FailureTarget", State::Running),
        ("SuccessCriteriaMet", State::Running),
    ];
    let holds = |kind: &str| status.conditions.iter().find(|c| c.r#type == kind && c.status == "True");
    if let Some((state, condition)) = decided.iter().find_map(|(kind, state)| Some((*state, holds(kind)?))) {
        return (state, Some(condition));
    }
    let begun = status.active > 0 || status.failed > 0 || status.succeeded > 0 || status.terminating > Some(0);
    (if begun { State::Running } else { State::Pending }, None)
}
