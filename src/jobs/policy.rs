//! Which namespaces may be used, created in and deleted, by this service's own settings. The cluster's RBAC comes on
//! top and is not repeated here.

use std::fmt;

use crate::config::pattern::Patterns;
use crate::kube::names::Namespace;

#[derive(Clone, Debug)]
pub struct Policy {
    pub protected: Patterns,
    pub allowed: Option<Patterns>,
    pub auto_create_namespace: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Forbidden {
    NotAllowed { namespace: String, allowed: String },
    Protected { namespace: String },
    System { namespace: String },
}

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAllowed { namespace, allowed } => {
                write!(f, "this service works in the namespaces {allowed} only, not in {namespace}")
            }
            Self::Protected { namespace } => write!(f, "namespace {namespace} is protected and cannot be deleted"),
            Self::System { namespace } => {
                write!(
                    f,
                    "nothing is created in {namespace}: namespaces whose names begin with kube- are Kubernetes' own"
                )
            }
        }
    }
}

impl std::error::Error for Forbidden {}

impl Policy {
    pub fn may_use(&self, namespace: &Namespace) -> Result<(), Forbidden> {
        match &self.allowed {
            Some(allowed) if !allowed.matches(namespace.as_str()) => {
                Err(Forbidden::NotAllowed { namespace: namespace.to_string(), allowed: allowed.to_string() })
            }
            _ => Ok(()),
        }
    }

    /// Whether a job may be created in the namespace, or the namespace itself.
    pub fn may_create_in(&self, namespace: &Namespace) -> Result<(), Forbidden> {
        if namespace.as_str().starts_with("kube-") {
            return Err(Forbidden::System { namespace: namespace.to_string() });
        }
        self.may_use(namespace)
    }

    pub fn may_delete(&self, namespace: &Namespace) -> Result<(), Forbidden> {
        if self.protected.matches(namespace.as_str()) {
            return Err(Forbidden::Protected { namespace: namespace.to_string() });
        }
        self.may_use(namespace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(protected: &str, allowed: Option<&str>) -> Policy {
        let parse = |list| Patterns::parse(list).unwrap();
        Policy { protected: parse(protected), allowed: allowed.map(parse), auto_create_namespace: true }
    }

    fn namespace(name: &str) -> Namespace {
        Namespace::parse(name).unwrap()
    }

    #[test]
    fn what_is_protected_can_be_used_but_not_deleted() {
        let policy = policy("default,prod-*", None);
        assert!(policy.may_create_in(&namespace("default")).is_ok());
        assert!(matches!(policy.may_delete(&namespace("prod-1")), Err(Forbidden::Protected { .. })));
        assert!(policy.may_delete(&namespace("team-a")).is_ok());
    }

    #[test]
    fn nothing_is_created_in_kubernetes_own_namespaces_whatever_is_set() {
        let policy = policy("", Some("kube-*"));
        assert!(matches!(policy.may_create_in(&namespace("kube-system")), Err(Forbidden::System { .. })));
        assert!(policy.may_use(&namespace("kube-system")).is_ok());
    }

    #[test]
    fn outside_the_allow_list_nothing_is_done() {
        let policy = policy("", Some("team-*"));
        let outside = namespace("default");
        assert!(policy.may_use(&outside).is_err());
        assert!(policy.may_create_in(&outside).is_err());
        let told = policy.may_delete(&outside).unwrap_err().to_string();
        assert_eq!(told, "this service works in the namespaces team-* only, not in default");
    }
}
