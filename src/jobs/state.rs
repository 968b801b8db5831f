//! The state of a Job. Its conditions decide; without one, its pods do.

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

    /// Whether the job has ended.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed)
    }
}

/// Returns the state, and the condition that decided it.
///
/// A job has begun when it has or had a pod. A pod that ended and is not counted yet is only in
/// `uncountedTerminatedPods`.
pub fn state(suspend: Option<bool>, status: &JobStatus) -> (State, Option<&Condition>) {
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
    let uncounted = status.uncounted_terminated_pods.as_ref().is_some_and(|pods| !pods.is_empty());
    let has_pods = status.active > 0 || status.terminating > Some(0) || uncounted;
    let has_begun = has_pods || status.failed > 0 || status.succeeded > 0;
    // Without a Suspended condition the controller has not acted yet, or it is not that of Kubernetes.
    let is_suspended = suspend == Some(true) && !has_pods;
    let state = match has_begun {
        _ if is_suspended => State::Suspended,
        true => State::Running,
        false => State::Pending,
    };
    (state, None)
}
