//! Finds out the identity of the credentials: `GetCallerIdentity`. The cluster sends the same request with our token.

use aws_sdk_sts::error::ProvideErrorMetadata;

use crate::aws::exchange::Exchange;

/// Returns the ARN of the credentials, or the error of STS.
pub async fn caller(config: &aws_config::SdkConfig) -> Result<String, String> {
    let exchange = Exchange::default();
    let call = aws_sdk_sts::Client::new(config).get_caller_identity().customize().interceptor(exchange.clone());
    let identity = call.send().await.map_err(|error| match (error.code(), error.message()) {
        (Some(code), message) => format!("GetCallerIdentity: {code}: {}", message.unwrap_or("no message")),
        (None, _) => format!("GetCallerIdentity: {}", exchange.failure(&error)),
    })?;
    identity.arn().map(str::to_owned).ok_or_else(|| "GetCallerIdentity: no ARN in the reply".to_owned())
}
