//! Why credentials were not loaded: [`LoadError`]. It tells a cluster's role from the service's own credentials.

use std::fmt;

use aws_credential_types::provider::error::CredentialsError;

use crate::util::error_chain::{chain, error_chain};

const NOT_LOADED: &str = "no AWS credentials could be loaded";

/// Why credentials were not loaded. Display may be shown to anyone. The reason may contain ARNs and paths and is for the
/// operator.
#[derive(Clone, Debug)]
pub struct LoadError {
    pub(super) step: LoadStep,
    pub reason: String,
    pub remedy: &'static str,
}

/// The step of a load that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LoadStep {
    /// The service's own credentials could not be loaded.
    Own,
    /// They were loaded, and STS refused the cluster's role.
    RoleRefused,
    /// They were loaded, and STS did not answer.
    RoleUnanswered,
}

impl LoadError {
    /// Makes an error of the service's own credentials.
    pub(super) fn own(cause: &str) -> Self {
        let remedy = "attach a role to the instance or pod, or set AWS_* variables; see README, Credentials";
        Self { step: LoadStep::Own, reason: format!("{NOT_LOADED}: {cause}"), remedy }
    }

    /// Returns the text for the log.
    pub fn with_cause(&self) -> String {
        match self.step {
            LoadStep::Own => self.reason.clone(),
            LoadStep::RoleRefused | LoadStep::RoleUnanswered => format!("{}; {}", self.reason, self.remedy),
        }
    }
}

impl From<&CredentialsError> for LoadError {
    /// Finds the error of an assumed role. Any other error is of the service's own credentials.
    fn from(error: &CredentialsError) -> Self {
        let role = chain(error).find_map(|cause| cause.downcast_ref::<Self>());
        role.cloned().unwrap_or_else(|| Self::own(&error_chain(error)))
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.step {
            LoadStep::Own => NOT_LOADED,
            LoadStep::RoleRefused => "the cluster's role could not be assumed: STS refused it; the log has the reason",
            LoadStep::RoleUnanswered => {
                "the cluster's role could not be assumed: STS did not answer; the log has the reason"
            }
        })
    }
}

impl std::error::Error for LoadError {}
