//! The description of one cluster: [`ClusterConfig`].

use std::fmt;

use crate::config::pattern::Patterns;

/// One cluster, as the settings or a line of `EKS_API_CLUSTERS_FILE` describe it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterConfig {
    /// The name that callers use.
    pub name: String,
    /// The name in EKS.
    pub eks_name: String,
    pub region: String,
    /// Whether a line of `EKS_API_CLUSTERS_FILE` describes it.
    pub is_from_file: bool,
    /// Whether calls without `cluster` are for this cluster.
    pub is_default: bool,
    /// The role to assume. Without one the service's own credentials are used.
    pub role: Option<AssumedRole>,
    /// Narrows `EKS_API_ALLOWED_NAMESPACES`.
    pub namespaces: Option<Patterns>,
    /// The address of the API server. Without one EKS describes the cluster.
    pub endpoint: Option<StaticEndpoint>,
}

/// The parameters of `AssumeRole` (<https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>). Debug does
/// not show the external ID.
#[derive(Clone, PartialEq, Eq)]
pub struct AssumedRole {
    pub arn: String,
    pub external_id: Option<String>,
    pub session_name: String,
}

impl fmt::Debug for AssumedRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AssumedRole({})", self.arn)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaticEndpoint {
    pub url: String,
    pub ca_pem: Vec<u8>,
}

impl ClusterConfig {
    /// Describes the only cluster of a service without a clusters file.
    pub fn single(name: &str, region: &str) -> Self {
        Self {
            name: name.to_owned(),
            eks_name: name.to_owned(),
            region: region.to_owned(),
            is_from_file: false,
            is_default: true,
            role: None,
            namespaces: None,
            endpoint: None,
        }
    }
}
