//! AWS: credentials, the bearer token, and `DescribeCluster`. Owns everything said to AWS; what the cluster is then
//! asked is `kube`'s.

pub mod clock;
pub mod credentials;
pub mod eks;
pub mod http_client;
pub mod identity;
pub mod partition;
pub mod sign;
pub mod token;

use std::time::{Duration, SystemTime};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_eks::config::SharedHttpClient;
use aws_sdk_eks::config::timeout::TimeoutConfig;

use credentials::CredentialChain;

/// Where the wall clock is read; a test passes one that follows its paused time.
pub type Clock = fn() -> SystemTime;

/// The SDK's settings: its own chain for credentials, its own variables for endpoints, ring for TLS.
#[derive(Clone, Debug)]
pub struct Sdk {
    pub config: SdkConfig,
    pub credentials: SharedCredentialsProvider,
}

impl Sdk {
    pub async fn load(region: &str, http: SharedHttpClient) -> Self {
        let region = Region::new(region.to_owned());
        let credentials = SharedCredentialsProvider::new(CredentialChain::new(region.clone(), http.clone()));
        // EKS answers within a second; a hung connection must not hold the loop longer than its own back-off.
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
}

/// The text of an error and of what caused it, which the SDK's own Display leaves out, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    one_line(&text)
}

/// The chain of credentials tells each source it tried on a line of its own.
fn one_line(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.fold(String::new(), |told, line| match told.chars().last() {
        None => line.to_owned(),
        Some(':') => format!("{told} {line}"),
        Some(_) => format!("{told}; {line}"),
    })
}

/// The time of a `Date` header (RFC 9110, section 5.6.7).
pub fn http_date(header: &str) -> Option<SystemTime> {
    let date = time::OffsetDateTime::parse(header, &time::format_description::well_known::Rfc2822).ok()?;
    Some(date.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_several_lines_becomes_one() {
        assert_eq!(
            one_line("none found. Tried:\n  Environment: not set\n\n  Profile: none\n"),
            "none found. Tried: Environment: not set; Profile: none"
        );
    }

    #[test]
    fn a_date_header_is_read() {
        let expected = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_444_114);
        assert_eq!(http_date("Mon, 23 Nov 2026 14:28:34 GMT"), Some(expected));
        assert_eq!(http_date("yesterday"), None);
    }
}
