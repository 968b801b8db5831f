//! The clusters to serve: [`ClusterSource::load`] returns them, and [`parse`] reads the clusters file.

mod cluster;
mod forms;
mod line;

use std::path::{Path, PathBuf};

pub use cluster::{AssumedRole, ClusterConfig, StaticEndpoint};

use crate::config::reader::{Reader, is_cluster_name, is_region};
use crate::util::{files, net};

const FILE: &str = "EKS_API_CLUSTERS_FILE";

/// The maximal number of clusters in a file.
const MAX_CLUSTERS: usize = 32;
/// A line has at most some 4 KiB, if all values are as long as they may be.
const MAX_FILE_BYTES: u64 = 256 << 10;

/// Where the clusters are described.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClusterSource {
    /// `EKS_CLUSTER_NAME` and `EKS_REGION`.
    Settings(Box<ClusterConfig>),
    /// `EKS_API_CLUSTERS_FILE`.
    File(PathBuf),
}

impl ClusterSource {
    /// The file has the name and the region of each cluster, so their variables must not be set.
    pub(super) fn read(read: &mut Reader) -> Self {
        if let Some(path) = read.value(FILE).map(PathBuf::from) {
            for name in ["EKS_CLUSTER_NAME", "EKS_REGION"] {
                if read.value(name).is_some() {
                    read.error(format!("{FILE} and {name} are set: remove {name}, because the file replaces it"));
                }
            }
            return Self::File(path);
        }
        let what = match read.value("EKS_CLUSTER_NAME") {
            Some(_) => "the name of the EKS cluster",
            None => "the name of the EKS cluster, or set EKS_API_CLUSTERS_FILE",
        };
        let name = read.required(&["EKS_CLUSTER_NAME"], what, is_cluster_name);
        let region = ["EKS_REGION", "AWS_REGION", "AWS_DEFAULT_REGION"];
        let region = read.required(&region, "the cluster's AWS region, such as us-east-1", is_region);
        Self::Settings(Box::new(ClusterConfig::single(&name, &region)))
    }

    /// Returns the clusters, exactly one of them the default. The error has all mistakes of the file, one a line.
    pub fn load(&self) -> Result<Vec<ClusterConfig>, String> {
        match self {
            Self::Settings(cluster) => Ok(vec![(**cluster).clone()]),
            Self::File(path) => {
                let text = files::read_text(path, MAX_FILE_BYTES).map_err(|error| vec![error.to_string()]);
                text.and_then(|text| parse(&text, net::ca_bundle)).map_err(|mistakes| {
                    let lines = mistakes.iter().map(|why| format!("{FILE} is {}: {why}", path.display()));
                    lines.collect::<Vec<_>>().join("\n")
                })
            }
        }
    }
}

/// Parses the text of a clusters file. `read_ca` reads the file that a `ca_file` names. The error has all mistakes.
pub fn parse(
    text: &str,
    read_ca: impl Fn(&Path) -> Result<Vec<u8>, String>,
) -> Result<Vec<ClusterConfig>, Vec<String>> {
    let (mut clusters, mut mistakes, mut is_cut) = (Vec::<(usize, ClusterConfig)>::new(), Vec::new(), false);
    let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim_ascii);
    let lines = (1..).zip(lines).filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    for (number, line) in lines {
        if clusters.len() == MAX_CLUSTERS {
            let advice = "remove this line and the later ones";
            mistakes.push(format!("line {number}: more than {MAX_CLUSTERS} clusters: {advice}"));
            is_cut = true;
            break;
        }
        let (cluster, mut found) = line::parse(line, &read_ca);
        if let Some((other, _)) = clusters.iter().find(|(_, other)| other.name == cluster.name) {
            found.push(format!("the name of line {other} is used again: choose another name"));
        }
        let default = clusters.iter().find(|(_, other)| other.is_default && cluster.is_default);
        if let Some((other, _)) = default {
            found.push(format!("default=true is on line {other} already: remove one of them"));
        }
        mistakes.extend(found.into_iter().map(|mistake| format!("line {number}: {mistake}")));
        clusters.push((number, cluster));
    }
    match &mut clusters[..] {
        [] => mistakes.push("there is no cluster in it: add a line such as prod region=us-east-1".to_owned()),
        [(_, only)] => only.is_default = true,
        // The default may be on a line that was not read.
        several if !is_cut && several.iter().all(|(_, cluster)| !cluster.is_default) => {
            mistakes.push("no line has default=true: add it to the line of one cluster".to_owned());
        }
        _ => {}
    }
    if mistakes.is_empty() { Ok(clusters.into_iter().map(|(_, cluster)| cluster).collect()) } else { Err(mistakes) }
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
