//! `DescribeCluster`: where the cluster is and which CAs speak for it. Owns one question and what its failures mean;
//! how often it is asked is `app`'s.

use std::fmt;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::SystemTime;

use aws_sdk_eks::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_eks::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_eks::error::{BoxError, ProvideErrorMetadata};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::util::error_chain::error_chain;

/// What the rest of the service needs of the cluster.
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
    /// Being made (or gone wrong): there is no endpoint or no CA yet.
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
                write!(f, "no cluster {cluster} in this account and region: check EKS_CLUSTER_NAME and EKS_REGION")
            }
            Self::Refused { code, message } => write!(f, "DescribeCluster: {code}: {message}"),
            Self::Unanswered(why) => write!(f, "DescribeCluster: {why}"),
            Self::BadCa(why) => write!(f, "DescribeCluster: the CA data is not base64: {why}"),
        }
    }
}

impl std::error::Error for Error {}

/// Asks EKS about one cluster.
#[derive(Debug)]
pub struct Describer {
    client: aws_sdk_eks::Client,
    cluster: String,
}

/// An answer, and the time that EKS' clock showed, if it did.
pub type Described = (Result<Description, Error>, Option<SystemTime>);

impl Describer {
    pub fn new(config: &aws_config::SdkConfig, cluster: &str) -> Self {
        Self { client: aws_sdk_eks::Client::new(config), cluster: cluster.to_owned() }
    }

    pub async fn describe(&self) -> Described {
        let date = std::sync::Arc::new(ServerDate::default());
        let call = self.client.describe_cluster().name(&self.cluster).customize().interceptor(Dated(date.clone()));
        let outcome = call.send().await;
        (self.judge(outcome), date.take())
    }

    fn judge(
        &self,
        outcome: Result<
            aws_sdk_eks::operation::describe_cluster::DescribeClusterOutput,
            aws_sdk_eks::error::SdkError<aws_sdk_eks::operation::describe_cluster::DescribeClusterError>,
        >,
    ) -> Result<Description, Error> {
        let cluster = || self.cluster.clone();
        let output = outcome.map_err(|error| match (error.code(), error.message()) {
            (Some("ResourceNotFoundException"), _) => Error::NotFound { cluster: cluster() },
            (Some(code), message) => {
                Error::Refused { code: code.to_owned(), message: message.unwrap_or("no message").to_owned() }
            }
            (None, _) => Error::Unanswered(error_chain(&error)),
        })?;
        let found = output.cluster().ok_or_else(|| Error::NotFound { cluster: cluster() })?;
        let ca = found.certificate_authority().and_then(|ca| ca.data()).filter(|data| !data.is_empty());
        let (Some(endpoint), Some(ca)) = (found.endpoint(), ca) else {
            let status = found.status().map_or("in an unknown state", |status| status.as_str()).to_owned();
            return Err(Error::NotUsable { cluster: cluster(), status });
        };
        let ca_pem = STANDARD.decode(ca).map_err(|error| Error::BadCa(error.to_string()))?;
        Ok(Description { endpoint: endpoint.to_owned(), ca_pem })
    }
}

#[derive(Debug, Default)]
struct ServerDate(Mutex<Option<SystemTime>>);

impl ServerDate {
    fn take(&self) -> Option<SystemTime> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Notes the Date header of the reply, by which a wrong clock of ours is found.
#[derive(Debug)]
struct Dated(std::sync::Arc<ServerDate>);

impl Intercept for Dated {
    fn name(&self) -> &'static str {
        "Dated"
    }

    fn read_after_transmit(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date").and_then(crate::aws::http_date);
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = date;
        Ok(())
    }
}
