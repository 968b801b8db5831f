//! Who AWS says we are: `GetCallerIdentity`, the question that the cluster asks with our token.

use aws_sdk_sts::error::ProvideErrorMetadata;

use crate::util::error_chain::error_chain;

/// The ARN of the credentials in use; the error is STS' own words.
pub async fn caller(config: &aws_config::SdkConfig) -> Result<String, String> {
    let reply = aws_sdk_sts::Client::new(config).get_caller_identity().send().await;
    let identity = reply.map_err(|error| match (error.code(), error.message()) {
        (Some(code), message) => format!("GetCallerIdentity: {code}: {}", message.unwrap_or("no message")),
        (None, _) => format!("GetCallerIdentity: {}", error_chain(&error)),
    })?;
    identity.arn().map(str::to_owned).ok_or_else(|| "GetCallerIdentity: no ARN in the reply".to_owned())
}
