//! `eks-api check`: checks everything from credentials to permissions, and says what to do if a check fails.

mod report;
mod webhooks;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::api::routes::Route;
use crate::api::routes::access::{Access, is_optional};
use crate::app::error::Error;
use crate::app::presets::Loaded;
use crate::app::{auth, aws_http_client, default_cluster, presets, sdk};
use crate::aws::Sdk;
use crate::aws::eks::{self, Describer, Description};
use crate::aws::{clock, identity, token};
use crate::cli::check::report::Report;
use crate::cli::check::webhooks::Probe;
use crate::cli::environment::{CLUSTER_NAME, REGION, block_on, named_cluster, settings};
use crate::cli::options::option;
use crate::cli::spec::{CommandSpec, NO_OUTPUT, WRONG_ARGUMENTS, WRONG_SETTINGS};
use crate::cli::stdout::print;
use crate::clusters::cluster::connect;
use crate::config::Settings;
use crate::config::clusters::{ClusterConfig, StaticEndpoint};
use crate::http::tls::Tls;
use crate::kube::access_review::{Permission, allowed};
use crate::kube::api_server::ApiServer;
use crate::kube::client::Client;
use crate::kube::error::Error as KubeError;

pub static SPEC: CommandSpec = CommandSpec {
    name: "check",
    usage: "[OPTIONS]",
    summary: "check everything from credentials to permissions, and say what to do if a check fails",
    options: &[
        option("", "cluster", "NAME", "only this cluster of EKS_API_CLUSTERS_FILE [all]"),
        CLUSTER_NAME,
        REGION,
        option("", "config-only", "", "check only the settings and the files that they name; connect to nothing"),
    ],
    help: "\
It reads the settings of the service, and changes nothing in the cluster.
With EKS_API_CLUSTERS_FILE it checks all clusters, also if one fails.
With EKS_API_WEBHOOKS_FILE it connects to each endpoint, and sends no message.",
    exit_codes: &[(0, "all checks passed"), (1, "a check failed"), WRONG_ARGUMENTS, NO_OUTPUT, WRONG_SETTINGS],
    is_client: false,
    run: |arguments| {
        let settings = settings(&SPEC, arguments)?;
        let all = settings.clusters.load().map_err(Error::Config)?;
        let clusters = named_cluster(&SPEC, arguments, &all)?.map_or_else(|| all.clone(), |named| vec![named]);
        let presets = presets::load(&settings)?;
        let probes = webhooks::probes(&settings)?;
        if arguments.has("config-only") {
            return config_only(&settings, &presets, &probes, &all, &clusters);
        }
        print_presets(&settings, &presets)?;
        block_on(run(&default_cluster(&all)?, &clusters, probes))
    },
};

const STEP_TIMEOUT: Duration = Duration::from_secs(20);

/// Checks the files that the settings name. The clusters file is read already.
fn config_only(
    settings: &Settings,
    presets: &Loaded,
    probes: &[Probe],
    all: &[ClusterConfig],
    clusters: &[ClusterConfig],
) -> Result<(), Error> {
    aws_http_client()?;
    let names: Vec<String> = all.iter().map(|cluster| cluster.name.clone()).collect();
    let warnings = auth::check_keys_file(settings, &names)?;
    settings.tls.clone().map(Tls::load).transpose().map_err(|error| Error::Config(error.to_string()))?;
    let names: Vec<String> = clusters.iter().map(named).collect();
    let count = if names.len() == 1 { "1 cluster".to_owned() } else { format!("{} clusters", names.len()) };
    warnings.iter().try_for_each(|warning| print(&format!("warning keys: {warning}")))?;
    print_presets(settings, presets)?;
    webhooks::print_names(probes)?;
    print(&format!("ok      settings: {count}: {}", names.join(", ")))
}

/// Prints the number of presets, if a directory is set.
fn print_presets(settings: &Settings, Loaded { presets, warning }: &Loaded) -> Result<(), Error> {
    let Some(directory) = &settings.presets else { return Ok(()) };
    warning.iter().try_for_each(|warning| print(&format!("warning presets: {warning}")))?;
    print(&format!("ok      presets: {} in {}", presets.len(), directory.display()))
}

fn named(cluster: &ClusterConfig) -> String {
    format!("{}{}", cluster.name, if cluster.is_default { " (default)" } else { "" })
}

/// Checks one cluster after another. If there are several, the name of each precedes its checks. As in the service, the
/// default cluster's region is that of the service's own credentials. The webhooks follow.
async fn run(default: &ClusterConfig, clusters: &[ClusterConfig], probes: Vec<Probe>) -> Result<(), Error> {
    let mut report = Report::default();
    let sdk = sdk(default).await?;
    for config in clusters {
        if clusters.len() > 1 {
            report.print(&format!("cluster {}:", config.name));
        }
        check(config, &sdk.for_cluster(config), &mut report).await;
    }
    webhooks::check(probes, &mut report).await;
    report.end()
}

/// Runs the steps in order. A step that fails ends the check of this cluster if the next steps depend on it.
async fn check(config: &ClusterConfig, sdk: &Sdk, report: &mut Report) {
    let (cluster, describer) = connect(config, sdk);

    match cluster.tokens.current().await {
        Ok(_) => report.line("credentials", Ok::<_, String>("found, and a token signed with them".to_owned()), ""),
        Err(error) => {
            let (reason, remedy) = match &error {
                token::Error::Credentials(error) => (error.reason.clone(), error.remedy),
                token::Error::Sign { .. } => (error.with_cause(), "check the credentials: they cannot sign"),
            };
            report.line("credentials", Err::<String, _>(reason), remedy);
            return;
        }
    }
    let who = identity::caller(&sdk.config).await;
    report.line(
        "identity",
        who,
        "are these credentials expired, or of another partition? If STS cannot be reached: only this check needs it",
    );
    let Some((description, clock_is_right)) = description(config, &describer, report).await else { return };
    if let Err(error) = cluster.set_description(description) {
        report.line("tls", Err::<String, _>(error), "DescribeCluster gave no usable CA: is the cluster ACTIVE?");
        return;
    }
    if !reachable(&cluster, clock_is_right, report).await {
        return;
    }
    for (permission, uses) in needed() {
        permitted(&cluster, permission, &uses, report).await;
    }
}

/// Returns the description of the cluster, and whether the clock is right. A cluster with an endpoint is not described.
async fn description(
    config: &ClusterConfig,
    describer: &Describer,
    report: &mut Report,
) -> Option<(Description, bool)> {
    if let Some(StaticEndpoint { url, ca_pem }) = config.endpoint.clone() {
        report.line("cluster", Ok::<_, String>(format!("{url} (from EKS_API_CLUSTERS_FILE)")), "");
        return Some((Description { endpoint: url, ca_pem }, true));
    }
    let (answer, date) = describer.describe().await;
    let clock_is_right = clock_is_right(date, report);
    let endpoint = answer.as_ref().map(|description| description.endpoint.clone()).map_err(eks::Error::with_cause);
    let place = if config.is_from_file {
        "cluster, region and role of its line in EKS_API_CLUSTERS_FILE"
    } else {
        "EKS_CLUSTER_NAME and EKS_REGION"
    };
    let remedy = format!(
        "allow eks:DescribeCluster on this cluster; check {place}: in a wrong region the cluster is not found, or EKS has no such host; \
         for a proxy or its CA see HTTPS_PROXY, AWS_CA_BUNDLE"
    );
    report.line("cluster", endpoint, &remedy);
    Some((answer.ok()?, clock_is_right))
}

/// Reports the clock, and returns whether it is right. Without a date from AWS it counts as right.
fn clock_is_right(date: Option<SystemTime>, report: &mut Report) -> bool {
    let Some(date) = date else { return true };
    let differs = clock::difference(date, SystemTime::now());
    let is_right = differs.is_none();
    let outcome = differs.map_or_else(|| Ok("within a minute of that of AWS".to_owned()), Err);
    report.line("clock", outcome, "set the clock, for example with chrony or timedatectl set-ntp true");
    is_right
}

/// Checks TLS and the token with one request. The error tells which of them failed.
async fn reachable(cluster: &Arc<ApiServer>, clock_is_right: bool, report: &mut Report) -> bool {
    let outcome = client(cluster).server_date().await;
    let is_token = matches!(outcome, Err(KubeError::Unauthorized { .. }));
    if let Err(error) = outcome.as_ref().map_err(ToString::to_string).map(|_| ())
        && !is_token
    {
        let remedy = "open port 443 from here to the cluster's endpoint (security group, VPC endpoint, private DNS); if EKS_API_CLUSTERS_FILE has the endpoint, check it and its ca_file";
        report.line("tls", Err::<String, _>(error), remedy);
        return false;
    }
    report.line("tls", Ok::<_, String>("the API server's certificate is signed by the cluster's CA".to_owned()), "");
    let accepted = outcome.map(|_| "accepted by the API server".to_owned());
    let remedy = if clock_is_right {
        "create an access entry for the identity above: aws eks create-access-entry"
    } else {
        "set the clock first: a token is valid for 15 minutes by the clock of AWS"
    };
    report.line("token", accepted, remedy);
    !is_token
}

async fn permitted(cluster: &Arc<ApiServer>, permission: Permission, uses: &[&str], report: &mut Report) {
    let Permission { verb, group, resource, .. } = permission;
    let name = if group.is_empty() { format!("{verb} {resource}") } else { format!("{verb} {resource}.{group}") };
    let remedy = "bind it to the identity's access entry; deploy/rbac.yaml has the ClusterRoles";
    let missing = || format!("not allowed in all namespaces; needed for {}", uses.join("; "));
    let outcome = match allowed(&client(cluster), permission, None).await {
        Ok(true) => Ok("allowed in all namespaces".to_owned()),
        Ok(false) if is_optional(&permission) => {
            return report.warning(&name, &missing(), remedy);
        }
        Ok(false) => Err(missing()),
        Err(error) => Err(error.to_string()),
    };
    report.line(&name, outcome, remedy);
}

/// Returns each permission that the routes need, with its uses.
fn needed() -> Vec<(Permission, Vec<&'static str>)> {
    let mut needed: Vec<(Permission, Vec<&str>)> = Vec::new();
    for route in Route::ALL {
        let Access::Cluster(_, permissions) = route.access() else { continue };
        for permission in permissions {
            let Permission { verb, group, resource, needed_for } = *permission;
            match needed.iter_mut().find(|(p, _)| (p.verb, p.group, p.resource) == (verb, group, resource)) {
                Some((_, uses)) if uses.contains(&needed_for) => {}
                Some((_, uses)) => uses.push(needed_for),
                None => needed.push((*permission, vec![needed_for])),
            }
        }
    }
    needed
}

fn client(cluster: &Arc<ApiServer>) -> Client {
    Client::new(Arc::clone(cluster), Instant::now() + STEP_TIMEOUT)
}
