//! Why a caller may not do something. `api::errors` chooses the status.

use std::fmt;
use std::sync::Arc;

use crate::auth::role::Role;
use crate::kube::error::Error as KubeError;
use crate::util::text::shown_name;

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
    /// The role `run` is for other templates only.
    Template {
        template: String,
        allowed: String,
    },
    /// The role `run` does not include this. The text completes "the role run may not".
    NotForRoleRun(String),
    /// The caller may not use the cluster with this name, or it is unknown.
    ClusterNotAllowed(String),
    /// The cluster denies it, or cannot evaluate its rules.
    Cluster(String),
    /// The access review failed.
    ReviewFailed(Arc<KubeError>),
}

impl Denied {
    /// The refusal of a cluster. It is the same for forbidden and unknown names, so it does not reveal which exist.
    pub fn cluster_not_allowed(name: &str) -> Self {
        Self::ClusterNotAllowed(shown_name(name))
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(text) | Self::Unknown(text) => f.write_str(text),
            Self::NotNamed => f.write_str("this certificate is not named in the keys file, and there is no API key"),
            Self::Role { has, needs } if needs.has_templates() => {
                write!(f, "this needs the role write, or {needs} for a template, and yours is {has}")
            }
            Self::Role { has, needs } => write!(f, "this needs the role {needs}, and yours is {has}"),
            Self::Namespace { namespace, allowed } => {
                write!(f, "you may use the namespaces {allowed} only, not {namespace}")
            }
            Self::Template { template, allowed } => {
                write!(f, "you may create jobs from the templates {allowed} only, not from {template}")
            }
            Self::NotForRoleRun(what) => write!(f, "the role run may not {what}: this needs the role write"),
            Self::ClusterNotAllowed(name) => {
                write!(f, "you may not use the cluster {name}; ask for a key with clusters= that includes it")
            }
            Self::Cluster(text) => f.write_str(text),
            Self::ReviewFailed(error) => write!(f, "the cluster could not be asked whether you may do this: {error}"),
        }
    }
}

impl std::error::Error for Denied {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_roles_that_suffice() {
        for (has, needs, expected) in [
            (Role::Read, Role::Run, "this needs the role write, or run for a template, and yours is read"),
            (Role::Read, Role::Write, "this needs the role write, and yours is read"),
            (Role::Run, Role::Write, "this needs the role write, and yours is run"),
            (Role::Run, Role::Admin, "this needs the role admin, and yours is run"),
        ] {
            assert_eq!(Denied::Role { has, needs }.to_string(), expected);
        }
    }
}
