//! [`AccessRequest`]: the object or list that a caller wants to see, as RBAC names it.

use crate::kube::access_review::Permission;
use crate::kube::names::Namespace;

/// One object or all, in one namespace or in all. Or one non-resource URL.
#[derive(Clone, Copy, Debug)]
pub struct AccessRequest<'a> {
    pub permission: Permission,
    pub namespace: Option<&'a Namespace>,
    pub name: Option<&'a str>,
}

impl AccessRequest<'_> {
    /// The message of a refusal, in the form of the cluster's own.
    pub(super) fn refusal(&self) -> String {
        let Permission { verb, resource, group, .. } = self.permission;
        if self.permission.is_for_url() {
            return format!(
                "{resource} is forbidden: the default cluster does not let you {verb} this path; \
                 ask for a ClusterRole with it in nonResourceURLs"
            );
        }
        let name = self.name.map(|name| format!(" {name:?}")).unwrap_or_default();
        let place = match self.namespace.map(Namespace::as_str) {
            Some(name) => format!("in the namespace {name:?}"),
            None => "in all namespaces; name one that is allowed".to_owned(),
        };
        let dot = if group.is_empty() { "" } else { "." };
        format!("{resource}{dot}{group}{name} is forbidden: the cluster does not let you {verb} {resource} {place}")
    }
}
