//! Why a caller may not. Owns the reasons and their words; which status and header go with each is `http::error`'s.

use std::fmt;
use std::sync::Arc;

use crate::auth::role::Role;
use crate::kube::error::Error as KubeError;

/// Why a caller may not.
#[derive(Clone, Debug)]
pub enum Denied {
    /// No credential: which one there has to be.
    Missing(&'static str),
    /// One that is not known, or not any more.
    Unknown(&'static str),
    /// A certificate that no line of the keys file names.
    NotNamed,
    Role {
        has: Role,
        needs: Role,
    },
    Namespace {
        namespace: String,
        allowed: String,
    },
    /// The cluster says no, or (if it is not sure) did not say yes.
    Cluster(String),
    /// The cluster could not be asked.
    Unanswered(Arc<KubeError>),
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(what) | Self::Unknown(what) => f.write_str(what),
            Self::NotNamed => f.write_str("this certificate is not named in the keys file, and there is no API key"),
            Self::Role { has, needs } => write!(f, "this needs the role {needs}, and yours is {has}"),
            Self::Namespace { namespace, allowed } => {
                write!(f, "you may use the namespaces {allowed} only, not {namespace}")
            }
            Self::Cluster(what) => f.write_str(what),
            Self::Unanswered(error) => write!(f, "the cluster could not be asked whether you may do this: {error}"),
        }
    }
}

impl std::error::Error for Denied {}
