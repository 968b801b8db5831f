//! All calls of AWS: credentials, roles, the bearer token, `DescribeCluster` and `GetCallerIdentity`.

mod assumed_role;
pub mod clock;
pub mod credentials;
pub mod eks;
mod exchange;
pub mod http_client;
pub mod identity;
pub mod load_error;
pub mod partition;
pub mod sign;
pub mod token;

use std::time::{Duration, SystemTime};

use aws_config::identity::IdentityCache;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_eks::config::SharedHttpClient;
use aws_sdk_eks::config::timeout::TimeoutConfig;

use assumed_role::RoleCredentials;
use credentials::CredentialChain;

use crate::config::clusters::ClusterConfig;

/// Reads the wall clock. A test passes a clock that follows its paused time.
pub type Clock = fn() -> SystemTime;

/// The SDK's settings. Credentials and endpoints come from the SDK's own sources.
#[derive(Clone, Debug)]
pub struct Sdk {
    pub config: SdkConfig,
    pub credentials: SharedCredentialsProvider,
}

impl Sdk {
    pub async fn load(region: &str, http: SharedHttpClient) -> Self {
        let region = Region::new(region.to_owned());
        let credentials = SharedCredentialsProvider::new(CredentialChain::new(region.clone(), http.clone()));
        // EKS answers within a second. A connection that hangs must not delay the next attempt.
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(5))
            .operation_attempt_timeout(Duration::from_secs(10))
            .operation_timeout(Duration::from_secs(20))
            .build();
        let config = aws_config::defaults(BehaviorVersion::latest())
            .region(region)
            .http_client(http)
            .credentials_provider(credentials.clone())
            .timeout_config(timeouts)
            .load()
            .await;
        Self { config, credentials }
    }

    /// Returns the settings and credentials for one cluster: its region, and its role if it has one. Makes no request.
    /// Called on the result, it would assume the second role with the first.
    #[must_use]
    pub fn for_cluster(&self, cluster: &ClusterConfig) -> Self {
        let config = self.config.to_builder().region(Region::new(cluster.region.clone()));
        // The SDK's cache keeps a rotated key for 15 minutes, and the session of a deleted role for an hour.
        let config = config.identity_cache(IdentityCache::no_cache()).build();
        let own = self.credentials.clone();
        let credentials = match &cluster.role {
            None => own,
            Some(role) => SharedCredentialsProvider::new(RoleCredentials::new(role.clone(), config.clone(), own)),
        };
        let config = config.into_builder().credentials_provider(credentials.clone()).build();
        Self { config, credentials }
    }
}

/// Parses a `Date` header (RFC 9110, section 5.6.7).
pub fn http_date(header: &str) -> Option<SystemTime> {
    let date = time::OffsetDateTime::parse(header, &time::format_description::well_known::Rfc2822).ok()?;
    Some(date.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_header_is_read() {
        let expected = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_444_114);
        assert_eq!(http_date("Mon, 23 Nov 2026 14:28:34 GMT"), Some(expected));
        assert_eq!(http_date("yesterday"), None);
    }
}
