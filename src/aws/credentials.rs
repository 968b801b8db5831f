//! Loads credentials by the SDK's default chain: environment, profile files, web identity, container, IMDSv2. Each load makes
//! a new chain, as a chain caches profile files and would not see a rotated key. [`LoadError`] says why a load failed.

use std::fmt;

use aws_config::Region;
use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, future};
use aws_sdk_eks::config::SharedHttpClient;

use crate::util::error_chain::{chain, error_chain};

const NOT_LOADED: &str = "no AWS credentials could be loaded";

#[derive(Clone, Debug)]
pub struct CredentialChain {
    region: Region,
    http: SharedHttpClient,
}

impl CredentialChain {
    pub const fn new(region: Region, http: SharedHttpClient) -> Self {
        Self { region, http }
    }

    async fn load(&self) -> provider::Result {
        let config = ProviderConfig::without_region().with_http_client(self.http.clone());
        let chain = DefaultCredentialsChain::builder().configure(config).region(self.region.clone()).build().await;
        chain.provide_credentials().await.map_err(for_users)
    }
}

/// Replaces errors of the SDK that only programmers understand by what a person can change.
fn for_users(error: CredentialsError) -> CredentialsError {
    const NOT_BUILT_IN: &str = "the AWS profile signs in with IAM Identity Center (SSO) or a login session, which eks-api cannot do itself; \
         let the AWS CLI do it: give eks-api a profile with \
         credential_process = aws configure export-credentials --profile NAME --format process";
    const NOT_ALLOWED: &str = "credential_process failed; if this is the systemd service, its unit lets no other program run: \
                               name the program and what it needs in a drop-in with ExecPaths= (see NoExecPaths in the unit)";
    let text = error_chain(&error);
    // The SDK's errors are only texts. The feature "credentials-process" is on, so a missing feature is for sign-in.
    if text.contains("cargo feature") {
        CredentialsError::invalid_configuration(NOT_BUILT_IN)
    } else if text.contains("external process") {
        CredentialsError::provider_error(format!("{NOT_ALLOWED}: {text}"))
    } else {
        error
    }
}

impl ProvideCredentials for CredentialChain {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.load())
    }
}

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
