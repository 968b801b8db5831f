//! Loads credentials by the SDK's default chain: environment, profile files, web identity, container, IMDSv2. Each load makes
//! a new chain, as a chain caches profile files and would not see a rotated key.

use aws_config::Region;
use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, future};
use aws_sdk_eks::config::SharedHttpClient;

use crate::util::error_chain::error_chain;

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
