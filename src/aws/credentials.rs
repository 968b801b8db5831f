//! Credentials by the SDK's default chain (environment, profile files, web identity, container, IMDSv2), read anew
//! each time. The chain itself remembers a profile file for as long as it lives, so a rotated key would never be seen.

use aws_config::Region;
use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::provider::{self, ProvideCredentials, future};
use aws_sdk_eks::config::SharedHttpClient;

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
        chain.provide_credentials().await
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
