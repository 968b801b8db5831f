//! Permissions, and the API server's decision about them (SelfSubjectAccessReview): [`review`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::kube::client::{Client, json};
use crate::kube::error::Error;
use crate::kube::names::Namespace;
use crate::kube::url::Path;

/// One verb on one resource or non-resource URL, as RBAC names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permission {
    pub verb: &'static str,
    pub group: &'static str,
    /// With its subresource, if any: `pods/log`. A non-resource URL begins with `/`.
    pub resource: &'static str,
    /// The part of the service that needs it.
    pub needed_for: &'static str,
}

impl Permission {
    /// Whether it is for a non-resource URL.
    pub fn is_for_url(&self) -> bool {
        self.resource.starts_with('/')
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Review<'a> {
    api_version: &'static str,
    kind: &'static str,
    spec: Spec<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Spec<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_attributes: Option<BTreeMap<&'static str, &'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    non_resource_attributes: Option<BTreeMap<&'static str, &'a str>>,
}

impl<'a> Spec<'a> {
    fn new(permission: Permission, namespace: Option<&'a Namespace>, name: Option<&'a str>) -> Self {
        let Permission { verb, group, resource, .. } = permission;
        if permission.is_for_url() {
            let attributes = BTreeMap::from([("verb", verb), ("path", resource)]);
            return Self { resource_attributes: None, non_resource_attributes: Some(attributes) };
        }
        let (resource, subresource) = resource.split_once('/').map_or((resource, None), |(r, sub)| (r, Some(sub)));
        let attributes = [
            ("verb", Some(verb)),
            ("group", Some(group)),
            ("resource", Some(resource)),
            ("subresource", subresource),
            ("namespace", namespace.map(Namespace::as_str)),
            ("name", name),
        ];
        let attributes = attributes.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        Self { resource_attributes: Some(attributes), non_resource_attributes: None }
    }
}

#[derive(Deserialize)]
struct Reviewed {
    status: Verdict,
}

#[derive(Deserialize)]
struct Verdict {
    #[serde(default)]
    allowed: bool,
    #[serde(default, rename = "evaluationError")]
    evaluation_error: String,
}

/// The API server's decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    Allowed,
    Denied,
    /// Denied, but an authorizer failed. The next decision may differ.
    Unsure,
}

/// Whether the client's identity has the permission in a namespace, or (`None`) in all.
pub async fn allowed(client: &Client, permission: Permission, namespace: Option<&Namespace>) -> Result<bool, Error> {
    Ok(review(client, permission, namespace, None).await? == Decision::Allowed)
}

/// Reviews the permission for one object, or (`None`) for all.
pub async fn review(
    client: &Client,
    permission: Permission,
    namespace: Option<&Namespace>,
    name: Option<&str>,
) -> Result<Decision, Error> {
    let review = Review {
        api_version: "authorization.k8s.io/v1",
        kind: "SelfSubjectAccessReview",
        spec: Spec::new(permission, namespace, name),
    };
    let reply = client.post::<Reviewed>(&Path::self_subject_access_reviews(), json(&review)?).await?;
    Ok(match reply.object.status {
        Verdict { allowed: true, .. } => Decision::Allowed,
        Verdict { evaluation_error, .. } if !evaluation_error.is_empty() => Decision::Unsure,
        Verdict { .. } => Decision::Denied,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_resource_and_a_url_have_attributes_of_their_own() {
        let spec = |verb, group, resource, namespace, name| {
            let permission = Permission { verb, group, resource, needed_for: "a test" };
            serde_json::to_value(Spec::new(permission, namespace, name)).unwrap()
        };
        let namespace = Namespace::parse("demo").unwrap();
        let log = json!({ "verb": "get", "group": "", "resource": "pods", "subresource": "log", "namespace": "demo",
                          "name": "a" });
        assert_eq!(spec("get", "", "pods/log", Some(&namespace), Some("a")), json!({ "resourceAttributes": log }));
        let url = json!({ "verb": "get", "path": "/eks-api/list_audit" });
        assert_eq!(spec("get", "", "/eks-api/list_audit", None, None), json!({ "nonResourceAttributes": url }));
    }
}
