//! Reads a cluster's endpoint and CA from EKS (`DescribeCluster`): [`Describer`].

use std::fmt;
use std::time::SystemTime;

use aws_sdk_eks::Client;
use aws_sdk_eks::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_eks::operation::describe_cluster::{DescribeClusterError, DescribeClusterOutput};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::aws::exchange::Exchange;

/// A cluster as EKS describes it.
#[derive(Clone, PartialEq, Eq)]
pub struct Description {
    pub endpoint: String,
    pub ca_pem: Vec<u8>,
}

impl fmt::Debug for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Description({})", self.endpoint)
    }
}

#[derive(Debug)]
pub enum Error {
    /// There is no endpoint or no CA yet: the cluster is being created, or failed.
    NotUsable {
        cluster: String,
        status: String,
    },
    NotFound {
        cluster: String,
    },
    Refused {
        code: String,
        message: String,
    },
    Unanswered(String),
    BadCa(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotUsable { cluster, status } => write!(f, "cluster {cluster} is {status}: it has no endpoint yet"),
            Self::NotFound { cluster } => {
                write!(
                    f,
                    "no cluster {cluster} in this account and region: check EKS_CLUSTER_NAME and EKS_REGION, or its line in EKS_API_CLUSTERS_FILE"
                )
            }
            Self::Refused { code, message } => write!(f, "DescribeCluster: {code}: {message}"),
            Self::Unanswered(why) => write!(f, "DescribeCluster: {why}"),
            Self::BadCa(why) => write!(f, "DescribeCluster: the CA data is not base64: {why}"),
        }
    }
}

impl std::error::Error for Error {}

#[derive(Debug)]
pub struct Describer {
    client: Client,
    cluster: String,
}

/// A description, and the time of EKS' clock if the reply has one.
pub type Described = (Result<Description, Error>, Option<SystemTime>);

impl Describer {
    pub fn new(config: &aws_config::SdkConfig, cluster: &str) -> Self {
        Self { client: Client::new(config), cluster: cluster.to_owned() }
    }

    pub async fn describe(&self) -> Described {
        let exchange = Exchange::default();
        let call = self.client.describe_cluster().name(&self.cluster).customize().interceptor(exchange.clone());
        let description = match call.send().await {
            Ok(output) => self.description(&output),
            Err(error) => Err(self.error(&error, &exchange)),
        };
        (description, exchange.date())
    }

    fn error(&self, error: &SdkError<DescribeClusterError>, exchange: &Exchange) -> Error {
        match (error.code(), error.message()) {
            (Some("ResourceNotFoundException"), _) => Error::NotFound { cluster: self.cluster.clone() },
            (Some(code), message) => {
                Error::Refused { code: code.to_owned(), message: message.unwrap_or("no message").to_owned() }
            }
            (None, _) => Error::Unanswered(exchange.failure(error)),
        }
    }

    fn description(&self, output: &DescribeClusterOutput) -> Result<Description, Error> {
        let cluster = self.cluster.clone();
        let Some(found) = output.cluster() else { return Err(Error::NotFound { cluster }) };
        let ca = found.certificate_authority().and_then(|ca| ca.data()).filter(|data| !data.is_empty());
        let (Some(endpoint), Some(ca)) = (found.endpoint(), ca) else {
            let status = found.status().map_or("in an unknown state", |status| status.as_str()).to_owned();
            return Err(Error::NotUsable { cluster, status });
        };
        let ca_pem = STANDARD.decode(ca).map_err(|error| Error::BadCa(error.to_string()))?;
        Ok(Description { endpoint: endpoint.to_owned(), ca_pem })
    }
}
