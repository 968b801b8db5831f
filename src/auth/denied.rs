//! Why a caller may not do something. `api::errors` chooses the status.

use std::fmt;
use std::sync::Arc;

use crate::auth::role::Role;
use crate::kube::error::Error as KubeError;

#[derive(Clone, Debug)]
pub enum Denied {
    /// There is no credential. The text says which one to send.
    Missing(&'static str),
    /// The credential is unknown, or no longer valid.
    Unknown(&'static str),
    /// No line of the keys file names the certificate.
    NotNamed,
    Role {
        has: Role,
        needs: Role,
    },
    Namespace {
        namespace: String,
        allowed: String,
    },
    /// The cluster denies it, or cannot evaluate its rules.
    Cluster(String),
    /// The access review failed.
    ReviewFailed(Arc<KubeError>),
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(text) | Self::Unknown(text) => f.write_str(text),
            Self::NotNamed => f.write_str("this certificate is not named in the keys file, and there is no API key"),
            Self::Role { has, needs } => write!(f, "this needs the role {needs}, and yours is {has}"),
            Self::Namespace { namespace, allowed } => {
                write!(f, "you may use the namespaces {allowed} only, not {namespace}")
            }
            Self::Cluster(text) => f.write_str(text),
            Self::ReviewFailed(error) => write!(f, "the cluster could not be asked whether you may do this: {error}"),
        }
    }
}

impl std::error::Error for Denied {}
