//! `eks-api token`: an ExecCredential, so that kubectl can use the service's own token
//! (<https://kubernetes.io/docs/reference/config-api/client-authentication.v1beta1/>).

use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Error, cluster, print};
use crate::aws::Sdk;
use crate::config::Settings;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExecCredential<'a> {
    kind: &'static str,
    api_version: &'static str,
    spec: Spec,
    status: Status<'a>,
}

#[derive(Serialize)]
struct Spec {}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status<'a> {
    expiration_timestamp: String,
    token: &'a str,
}

pub async fn run(settings: &Settings) -> Result<(), Error> {
    let sdk = Sdk::load(&settings.region).await;
    let (cluster, _) = cluster(settings, &sdk);
    let token = cluster.tokens.current().await.map_err(|error| Error::Failed(error.told_in_full()))?;
    let whole_seconds = OffsetDateTime::from(token.good_until).replace_nanosecond(0);
    let expiration = whole_seconds.ok().and_then(|time| time.format(&Rfc3339).ok());
    let credential = ExecCredential {
        kind: "ExecCredential",
        api_version: "client.authentication.k8s.io/v1beta1",
        spec: Spec {},
        status: Status {
            expiration_timestamp: expiration.ok_or_else(|| Error::Failed("the clock is out of range".to_owned()))?,
            token: token.value.expose(),
        },
    };
    let text = serde_json::to_string(&credential).map_err(|error| Error::Failed(error.to_string()))?;
    print(&text);
    Ok(())
}
