//! Signs one bearer token: a presigned `GetCallerIdentity` for the cluster: [`bearer_token`]
//! (<https://github.com/kubernetes-sigs/aws-iam-authenticator#api-authorization-from-outside-a-cluster>).

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::aws::partition;
use crate::util::secret::Secret;

/// The same value as in `aws eks get-token`. STS accepts the signature for 15 minutes in any case.
const EXPIRES_IN: Duration = Duration::from_mins(1);

/// Returns the token for a cluster, signed at the given time. The error is the signer's text.
pub fn bearer_token(
    credentials: Credentials,
    cluster: &str,
    region: &str,
    now: SystemTime,
) -> Result<Secret<String>, String> {
    let url = format!("https://{}/?Action=GetCallerIdentity&Version=2011-06-15", partition::sts_host(region));
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(EXPIRES_IN);
    let identity = credentials.into();
    let params = SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("sts")
        .time(now)
        .settings(settings)
        .build()
        .map_err(|error| error.to_string())?;
    let headers = std::iter::once(("x-k8s-aws-id", cluster));
    let request = SignableRequest::new("GET", url.as_str(), headers, SignableBody::Bytes(&[]));
    let request = request.map_err(|error| error.to_string())?;
    let output = sign(request, &params.into()).map_err(|error| error.to_string())?;
    let (_, signed) = output.into_parts().0.into_parts();
    let added = form_urlencoded::Serializer::new(url).extend_pairs(signed).finish();
    Ok(Secret::new(format!("k8s-aws-v1.{}", URL_SAFE_NO_PAD.encode(added))))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::Value;
    use time::OffsetDateTime;
    use time::format_description::well_known::Rfc3339;

    use super::*;

    fn parameters(token: &str) -> (String, BTreeMap<String, String>) {
        let url = URL_SAFE_NO_PAD.decode(token.strip_prefix("k8s-aws-v1.").unwrap()).unwrap();
        let url = String::from_utf8(url).unwrap();
        let (base, query) = url.split_once('?').unwrap();
        (base.to_owned(), form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    #[test]
    fn tokens_equal_those_of_the_aws_cli() {
        let vectors: Value = serde_json::from_str(include_str!("../../fixtures/eks-token.json")).unwrap();
        let cases = vectors["cases"].as_array().unwrap();
        assert!(cases.len() >= 8);
        for case in cases {
            let text = |name: &str| case[name].as_str().unwrap();
            let credentials = Credentials::new(
                text("access_key_id"),
                text("secret_access_key"),
                case["session_token"].as_str().map(str::to_owned),
                None,
                "vector",
            );
            let at = OffsetDateTime::parse(text("signing_time"), &Rfc3339).unwrap().into();
            let ours = bearer_token(credentials, text("cluster"), text("region"), at).unwrap();
            assert_eq!(parameters(ours.expose()), parameters(text("token")), "{}", text("cluster"));
        }
    }
}
