//! Reads a cluster's endpoint and CA from EKS (`DescribeCluster`), or from its settings: [`Describer`].

use std::fmt;
use std::time::SystemTime;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_eks::Client;
use aws_sdk_eks::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_eks::operation::describe_cluster::{DescribeClusterError, DescribeClusterOutput};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::aws::Sdk;
use crate::aws::exchange::Exchange;
use crate::aws::load_error::LoadError;
use crate::config::clusters::{ClusterConfig, StaticEndpoint};
use crate::util::error_chain::chain;

/// A cluster as EKS or its settings describe it.
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

/// Why there is no description. Display may be shown to anyone. The cause may contain paths and is for the operator.
#[derive(Debug)]
pub enum Error {
    /// There is no endpoint or no CA yet: the cluster is being created, or failed.
    NotUsable {
        cluster: String,
        status: String,
    },
    NotFound {
        cluster: String,
        region: String,
        is_from_file: bool,
    },
    Credentials(LoadError),
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
            Self::NotFound { cluster, region, is_from_file: true } => write!(
                f,
                "no cluster {cluster} in {region} of the account that was asked: check cluster, region and role of its \
                 line in EKS_API_CLUSTERS_FILE"
            ),
            Self::NotFound { cluster, .. } => {
                write!(f, "no cluster {cluster} in this account and region: check EKS_CLUSTER_NAME and EKS_REGION")
            }
            Self::Credentials(error) => write!(f, "DescribeCluster: {error}"),
            Self::Refused { code, message } => write!(f, "DescribeCluster: {code}: {message}"),
            Self::Unanswered(why) => write!(f, "DescribeCluster: {why}"),
            Self::BadCa(why) => write!(f, "DescribeCluster: the CA data is not base64: {why}"),
        }
    }
}

impl std::error::Error for Error {}

impl Error {
    /// Returns the text with the cause, for the log.
    pub fn with_cause(&self) -> String {
        match self {
            Self::Credentials(error) => error.with_cause(),
            _ => self.to_string(),
        }
    }
}

#[derive(Debug)]
pub struct Describer {
    cluster: String,
    region: String,
    is_from_file: bool,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Eks(Client),
    /// The settings have the endpoint.
    Settings(Description),
}

/// A description, and the time of EKS' clock if the reply has one.
pub type Described = (Result<Description, Error>, Option<SystemTime>);

impl Describer {
    /// Makes the describer of a cluster. `sdk` is that of [`Sdk::for_cluster`].
    pub fn new(sdk: &Sdk, cluster: &ClusterConfig) -> Self {
        let source = match cluster.endpoint.clone() {
            Some(StaticEndpoint { url, ca_pem }) => Source::Settings(Description { endpoint: url, ca_pem }),
            None => Source::Eks(Client::new(&sdk.config)),
        };
        let ClusterConfig { eks_name, region, is_from_file, .. } = cluster;
        Self { cluster: eks_name.clone(), region: region.clone(), is_from_file: *is_from_file, source }
    }

    /// Returns the description. Makes no request if the settings have the endpoint.
    pub async fn describe(&self) -> Described {
        let client = match &self.source {
            Source::Eks(client) => client,
            Source::Settings(description) => return (Ok(description.clone()), None),
        };
        let exchange = Exchange::default();
        let call = client.describe_cluster().name(&self.cluster).customize().interceptor(exchange.clone());
        let description = match call.send().await {
            Ok(output) => self.description(&output),
            Err(error) => Err(self.error(&error, &exchange)),
        };
        (description, exchange.date())
    }

    fn error(&self, error: &SdkError<DescribeClusterError>, exchange: &Exchange) -> Error {
        match (error.code(), error.message()) {
            (Some("ResourceNotFoundException"), _) => self.not_found(),
            (Some(code), message) => {
                Error::Refused { code: code.to_owned(), message: message.unwrap_or("no message").to_owned() }
            }
            (None, _) => match chain(error).find_map(|cause| cause.downcast_ref::<CredentialsError>()) {
                Some(error) => Error::Credentials(error.into()),
                None => Error::Unanswered(exchange.failure(error)),
            },
        }
    }

    fn not_found(&self) -> Error {
        let (cluster, region) = (self.cluster.clone(), self.region.clone());
        Error::NotFound { cluster, region, is_from_file: self.is_from_file }
    }

    fn description(&self, output: &DescribeClusterOutput) -> Result<Description, Error> {
        let Some(found) = output.cluster() else { return Err(self.not_found()) };
        let ca = found.certificate_authority().and_then(|ca| ca.data()).filter(|data| !data.is_empty());
        let (Some(endpoint), Some(ca)) = (found.endpoint(), ca) else {
            let status = found.status().map_or("in an unknown state", |status| status.as_str()).to_owned();
            return Err(Error::NotUsable { cluster: self.cluster.clone(), status });
        };
        let ca_pem = STANDARD.decode(ca).map_err(|error| Error::BadCa(error.to_string()))?;
        Ok(Description { endpoint: endpoint.to_owned(), ca_pem })
    }
}
