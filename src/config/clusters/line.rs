//! One line of the clusters file, `NAME key=value …`: [`parse`].

use std::path::Path;

use crate::config::clusters::cluster::{AssumedRole, ClusterConfig, StaticEndpoint};
use crate::config::clusters::forms::{is_endpoint, is_made_of, is_role_arn};
use crate::config::line::{NAME_FORM, Values, shown};
use crate::config::reader::{is_cluster_name, is_region};
use crate::util::dns::is_label;

const KEYS: [&str; 9] =
    ["cluster", "region", "default", "role", "external_id", "role_session_name", "namespaces", "endpoint", "ca_file"];
const SESSION_NAME: &str = "eks-api";

/// Parses a line, and returns all its mistakes. The cluster is usable if there are none.
pub(super) fn parse(line: &str, read_ca: impl Fn(&Path) -> Result<Vec<u8>, String>) -> (ClusterConfig, Vec<String>) {
    let mut words = line.split_ascii_whitespace();
    let name = words.next().unwrap_or_default();
    let mut values = Values::new(&KEYS, shown);
    if !is_label(name) {
        values.must_be("the name", name, NAME_FORM);
    }
    values.read(words);
    if !values.has("region") {
        values.mistake("region is missing: add region=us-east-1");
    }
    let cluster = ClusterConfig {
        name: name.to_owned(),
        eks_name: values.checked("cluster", "the name of an EKS cluster", is_cluster_name).unwrap_or(name).to_owned(),
        region: values.checked("region", "an AWS region, such as us-east-1", is_region).unwrap_or_default().to_owned(),
        is_from_file: true,
        is_default: is_default(&mut values),
        role: role(&mut values),
        namespaces: values.patterns("namespaces"),
        endpoint: endpoint(&mut values, read_ca),
    };
    (cluster, values.mistakes)
}

/// A wrong value counts as true. Otherwise the file would also have no default.
fn is_default(values: &mut Values<'_>) -> bool {
    values.checked("default", "true or false", |value| value.parse::<bool>().is_ok());
    values.get("default").is_some_and(|value| value != "false")
}

fn role(values: &mut Values<'_>) -> Option<AssumedRole> {
    let form = "the ARN of an IAM role, such as arn:aws:iam::111122223333:role/eks-api";
    let arn = values.checked("role", form, is_role_arn);
    let form = "2 to 64 letters, digits and _+=,.@-";
    let session_name = values.checked("role_session_name", form, |name| is_made_of(name, 2..=64, "_+=,.@-"));
    let external_id = values.get("external_id").map(str::to_owned);
    if external_id.as_ref().is_some_and(|id| !is_made_of(id, 2..=1224, "_+=,.@:/-")) {
        values.mistake("external_id must be 2 to 1224 letters, digits and _+=,.@:/-");
    }
    for key in ["external_id", "role_session_name"] {
        if values.has(key) && !values.has("role") {
            values.mistake(format!("{key} needs a role: add role=ARN, or remove {key}"));
        }
    }
    Some(AssumedRole {
        arn: arn?.to_owned(),
        external_id,
        session_name: session_name.unwrap_or(SESSION_NAME).to_owned(),
    })
}

fn endpoint(values: &mut Values<'_>, read_ca: impl Fn(&Path) -> Result<Vec<u8>, String>) -> Option<StaticEndpoint> {
    match (values.has("endpoint"), values.has("ca_file")) {
        (true, false) => values.mistake("endpoint needs the cluster's CA: add ca_file=FILE"),
        (false, true) => values.mistake("ca_file needs an endpoint: add endpoint=https://HOST, or remove ca_file"),
        _ => {}
    }
    let url = values.checked("endpoint", "https://HOST or https://HOST:PORT, without a path", is_endpoint);
    let ca_pem = values.file("ca_file", read_ca);
    Some(StaticEndpoint { url: url?.to_owned(), ca_pem: ca_pem? })
}
