//! The namespaces that the settings allow callers to use, create in and delete. The cluster's RBAC applies as well.

use crate::config::pattern::Patterns;
use crate::kube::names::Namespace;

#[derive(Clone, Debug)]
pub struct Policy {
    pub protected: Patterns,
    /// A namespace must match each of these lists.
    pub allowed: Vec<Patterns>,
    pub auto_create_namespace: bool,
}

/// Why a namespace is refused. `reason` is that of the error document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forbidden {
    pub reason: &'static str,
    pub message: String,
}

impl Policy {
    pub fn may_use(&self, namespace: &Namespace) -> Result<(), Forbidden> {
        match self.allowed.iter().find(|allowed| !allowed.matches(namespace.as_str())) {
            Some(allowed) => Err(Forbidden {
                reason: "namespace_not_allowed",
                message: format!("this service works in the namespaces {allowed} only, not in {namespace}"),
            }),
            None => Ok(()),
        }
    }

    /// Whether the namespace, or a job in it, may be created.
    pub fn may_create_in(&self, namespace: &Namespace) -> Result<(), Forbidden> {
        if namespace.as_str().starts_with("kube-") {
            return Err(protected(format!(
                "nothing is created in {namespace}: the namespaces kube-* belong to Kubernetes"
            )));
        }
        self.may_use(namespace)
    }

    pub fn may_delete(&self, namespace: &Namespace) -> Result<(), Forbidden> {
        if self.protected.matches(namespace.as_str()) {
            return Err(protected(format!("namespace {namespace} is protected and cannot be deleted")));
        }
        self.may_use(namespace)
    }
}

const fn protected(message: String) -> Forbidden {
    Forbidden { reason: "namespace_protected", message }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(protected: &str, allowed: Option<&str>) -> Policy {
        let parse = |list| Patterns::parse(list).unwrap();
        Policy {
            protected: parse(protected),
            allowed: allowed.map(parse).into_iter().collect(),
            auto_create_namespace: true,
        }
    }

    fn namespace(name: &str) -> Namespace {
        Namespace::parse(name).unwrap()
    }

    #[test]
    fn a_protected_namespace_can_be_used_but_not_deleted() {
        let policy = policy("default,prod-*", None);
        assert!(policy.may_create_in(&namespace("default")).is_ok());
        assert_eq!(policy.may_delete(&namespace("prod-1")).unwrap_err().reason, "namespace_protected");
        assert!(policy.may_delete(&namespace("team-a")).is_ok());
    }

    #[test]
    fn nothing_is_created_in_the_namespaces_of_kubernetes() {
        let policy = policy("", Some("kube-*"));
        assert_eq!(policy.may_create_in(&namespace("kube-system")).unwrap_err().reason, "namespace_protected");
        assert!(policy.may_use(&namespace("kube-system")).is_ok());
    }

    #[test]
    fn namespaces_outside_the_allow_list_are_refused() {
        let policy = policy("", Some("team-*"));
        let outside = namespace("default");
        assert_eq!(policy.may_use(&outside).unwrap_err().reason, "namespace_not_allowed");
        assert!(policy.may_create_in(&outside).is_err());
        let message = policy.may_delete(&outside).unwrap_err().message;
        assert_eq!(message, "this service works in the namespaces team-* only, not in default");
    }
}
