//! `eks-api token`: prints an ExecCredential, so that kubectl can use the service's token
//! (<https://kubernetes.io/docs/reference/config-api/client-authentication.v1beta1/>).

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::app::error::Error;
use crate::app::{default_cluster, sdk};
use crate::cli::environment::{CLUSTER_NAME, REGION, block_on, named_cluster, settings};
use crate::cli::options::option;
use crate::cli::spec::{CommandSpec, NO_OUTPUT, WRONG_ARGUMENTS, WRONG_SETTINGS};
use crate::cli::stdout::print;
use crate::clusters::cluster::connect;
use crate::config::clusters::ClusterConfig;

pub static SPEC: CommandSpec = CommandSpec {
    name: "token",
    usage: "[OPTIONS]",
    summary: "print an ExecCredential for kubectl, as aws eks get-token does",
    options: &[option("", "cluster", "NAME", "a cluster of EKS_API_CLUSTERS_FILE [the default]"), CLUSTER_NAME, REGION],
    help: "It reads the settings of the service.",
    exit_codes: &[
        (0, "the token is printed"),
        (1, "no token was signed, for example because AWS credentials are missing"),
        WRONG_ARGUMENTS,
        NO_OUTPUT,
        WRONG_SETTINGS,
    ],
    is_client: false,
    run: |arguments| {
        let settings = settings(&SPEC, arguments)?;
        let clusters = settings.clusters.load().map_err(Error::Config)?;
        let default = default_cluster(&clusters)?;
        let named = named_cluster(&SPEC, arguments, &clusters)?;
        block_on(run(&default, named.as_ref().unwrap_or(&default)))
    },
};

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

const V1BETA1: &str = "client.authentication.k8s.io/v1beta1";
const V1: &str = "client.authentication.k8s.io/v1";

/// Returns the version that kubectl requests in `KUBERNETES_EXEC_INFO`. Without one it is that of `aws eks get-token`.
fn api_version(exec_info: Option<&str>) -> Result<&'static str, Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct ExecInfo {
        api_version: String,
    }
    let Some(exec_info) = exec_info.filter(|info| !info.is_empty()) else { return Ok(V1BETA1) };
    let asked = serde_json::from_str::<ExecInfo>(exec_info)
        .map_err(|error| Error::Failed(format!("KUBERNETES_EXEC_INFO is not an ExecCredential: {error}")))?;
    [V1BETA1, V1].into_iter().find(|version| *version == asked.api_version).ok_or_else(|| {
        let version = asked.api_version;
        Error::Failed(format!(
            "KUBERNETES_EXEC_INFO asks for {version:?}; eks-api token supports {V1} and {V1BETA1}: set one of them as apiVersion of exec in the kubeconfig"
        ))
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status<'a> {
    expiration_timestamp: String,
    token: &'a str,
}

/// As in the service, the default cluster's region is that of the service's own credentials.
async fn run(default: &ClusterConfig, config: &ClusterConfig) -> Result<(), Error> {
    let api_version = api_version(std::env::var("KUBERNETES_EXEC_INFO").ok().as_deref())?;
    let sdk = sdk(default).await?.for_cluster(config);
    let (cluster, _) = connect(config, &sdk);
    let token = cluster.tokens.current().await.map_err(|error| Error::Failed(error.with_cause()))?;
    let whole_seconds = OffsetDateTime::from(token.good_until).replace_nanosecond(0);
    let expiration = whole_seconds.ok().and_then(|time| time.format(&Rfc3339).ok());
    let credential = ExecCredential {
        kind: "ExecCredential",
        api_version,
        spec: Spec {},
        status: Status {
            expiration_timestamp: expiration.ok_or_else(|| Error::Failed("the clock is out of range".to_owned()))?,
            token: token.value.expose(),
        },
    };
    let text = serde_json::to_string(&credential).map_err(|error| Error::Failed(error.to_string()))?;
    print(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exec_v1_the_requested_version_is_returned() {
        let asked = |version: &str| {
            let info = format!(
                r#"{{"apiVersion":"client.authentication.k8s.io/{version}","kind":"ExecCredential","spec":{{}}}}"#
            );
            api_version(Some(&info)).map_err(|error| error.to_string())
        };
        assert_eq!([asked("v1"), asked("v1beta1")], [Ok(V1), Ok(V1BETA1)]);
        assert_eq!([api_version(None).unwrap(), api_version(Some("")).unwrap()], [V1BETA1; 2]);
        assert!(asked("v2").unwrap_err().contains("client.authentication.k8s.io/v2"));
        assert!(api_version(Some("{}")).is_err() && api_version(Some("v1")).is_err());
    }
}
