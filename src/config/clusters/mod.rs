//! The clusters to serve: [`ClusterSource::load`] returns them, and [`parse`] reads the clusters file.

mod cluster;
mod forms;
mod line;

use std::path::{Path, PathBuf};

pub use cluster::{AssumedRole, ClusterConfig, StaticEndpoint};

use crate::config::line::{self as lines, file_error};
use crate::config::reader::{Reader, is_cluster_name, is_region};
use crate::util::{files, net};

const FILE: &str = "EKS_API_CLUSTERS_FILE";

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
                let clusters = text.and_then(|text| parse(&text, net::ca_bundle));
                clusters.map_err(|mistakes| file_error(FILE, path, &mistakes))
            }
        }
    }
}

/// Parses the text of a clusters file. `read_ca` reads the file that a `ca_file` names. The error has all mistakes.
pub fn parse(
    text: &str,
    read_ca: impl Fn(&Path) -> Result<Vec<u8>, String>,
) -> Result<Vec<ClusterConfig>, Vec<String>> {
    let mut found = lines::parse(text, "clusters", |line| line::parse(line, &read_ca));
    let mut defaults = found.entries.iter().filter(|(_, cluster)| cluster.is_default).map(|(number, _)| *number);
    let first = defaults.next();
    let again = first.map(|first| format!("default=true is on line {first} already: remove one of them"));
    found.mistakes.extend(defaults.zip(again.into_iter().cycle()));
    let mut mistakes = found.mistakes();
    match &mut found.entries[..] {
        [] => mistakes.push("there is no cluster in it: add a line such as prod region=us-east-1".to_owned()),
        [(_, only)] => only.is_default = true,
        // The default may be on a line that was not read.
        _ if !found.is_cut && first.is_none() => {
            mistakes.push("no line has default=true: add it to the line of one cluster".to_owned());
        }
        _ => {}
    }
    if mistakes.is_empty() {
        Ok(found.entries.into_iter().map(|(_, cluster)| cluster).collect())
    } else {
        Err(mistakes)
    }
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
