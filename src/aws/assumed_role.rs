//! Loads the credentials of a role by `AssumeRole` of STS: [`RoleCredentials`].

use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, SharedCredentialsProvider, future};
use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sts::operation::assume_role::AssumeRoleError;

use crate::aws::load_error::{LoadError, LoadStep};
use crate::config::clusters::AssumedRole;
use crate::util::error_chain::{causes, chain};

/// The longest session that AWS allows if the service's own credentials are those of a role
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html#iam-term-role-chaining>).
const SESSION_LENGTH: Duration = Duration::from_hours(1);
/// Ends before the time-out of a token, so that the error names the role.
const TIMEOUT: Duration = Duration::from_secs(8);

const DENIED: &str = "allow sts:AssumeRole in the role's trust policy and in the policy of this service's identity; \
                      set external_id if the trust policy asks for one";
const DENIED_WITH_ID: &str = "allow sts:AssumeRole in the role's trust policy and in the policy of this service's identity; \
                              compare external_id with the trust policy";
const REFUSED: &str = "check this service's own credentials, and role and region of the cluster's line";
const UNANSWERED: &str = "check the region of the cluster's line; open port 443 from here to STS in that region \
                          (security group, VPC endpoint); for a proxy or its CA see HTTPS_PROXY, AWS_CA_BUNDLE";

/// Assumes a role with the service's own credentials. Each load reads these anew and calls STS. So a rotated key and a
/// changed trust policy take effect at once.
#[derive(Clone, Debug)]
pub(super) struct RoleCredentials {
    role: AssumedRole,
    /// Its region is that of the cluster.
    config: SdkConfig,
    own: SharedCredentialsProvider,
}

impl RoleCredentials {
    pub(super) fn new(role: AssumedRole, config: SdkConfig, own: SharedCredentialsProvider) -> Self {
        let timeouts = config.timeout_config().map_or_else(TimeoutConfig::builder, TimeoutConfig::to_builder);
        let config = config.into_builder().timeout_config(timeouts.operation_timeout(TIMEOUT).build()).build();
        Self { role, config, own }
    }

    async fn load(&self) -> provider::Result {
        // Loaded before the call, so that their error does not name the role.
        let own = self.own.provide_credentials().await?;
        let AssumedRole { arn, external_id, session_name } = &self.role;
        let mut provider = AssumeRoleProvider::builder(arn)
            .configure(&self.config)
            .session_name(session_name)
            .session_length(SESSION_LENGTH);
        if let Some(id) = external_id {
            provider = provider.external_id(id);
        }
        let provider = provider.build_from_provider(own).await;
        provider.provide_credentials().await.map_err(|error| CredentialsError::provider_error(self.load_error(&error)))
    }

    /// Replaces the SDK's error by one that names the role and what to do.
    fn load_error(&self, error: &CredentialsError) -> LoadError {
        let arn = &self.role.arn;
        let refusal = chain(error).find_map(|cause| cause.downcast_ref::<SdkError<AssumeRoleError>>());
        let Some((code, refusal)) = refusal.and_then(|refusal| Some((refusal.code()?, refusal))) else {
            let reason = format!("AssumeRole: {} (role {arn})", causes(error));
            return LoadError { step: LoadStep::RoleUnanswered, reason, remedy: UNANSWERED };
        };
        let message = refusal.message().unwrap_or("no message");
        let remedy = match (code, &self.role.external_id) {
            ("AccessDenied", Some(_)) => DENIED_WITH_ID,
            ("AccessDenied", None) => DENIED,
            _ => REFUSED,
        };
        let reason = format!("AssumeRole: {code}: {message} (role {arn})");
        LoadError { step: LoadStep::RoleRefused, reason, remedy }
    }
}

impl ProvideCredentials for RoleCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.load())
    }
}
