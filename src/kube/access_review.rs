//! Permissions, and the API server's decision about them (SelfSubjectAccessReview): [`review`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::kube::client::{Client, json};
use crate::kube::error::Error;
use crate::kube::names::Namespace;
use crate::kube::url::Path;

/// One verb on one resource, as RBAC names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permission {
    pub verb: &'static str,
    pub group: &'static str,
    /// With its subresource, if any: `pods/log`.
    pub resource: &'static str,
    /// The part of the service that needs it.
    pub needed_for: &'static str,
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
    resource_attributes: BTreeMap<&'static str, &'a str>,
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
    let Permission { verb, group, resource, .. } = permission;
    let (resource, subresource) = resource.split_once('/').map_or((resource, None), |(r, sub)| (r, Some(sub)));
    let attributes = [
        ("verb", Some(verb)),
        ("group", Some(group)),
        ("resource", Some(resource)),
        ("subresource", subresource),
        ("namespace", namespace.map(Namespace::as_str)),
        ("name", name),
    ];
    let review = Review {
        api_version: "authorization.k8s.io/v1",
        kind: "SelfSubjectAccessReview",
        spec: Spec {
            resource_attributes: attributes.into_iter().filter_map(|(name, value)| Some((name, value?))).collect(),
        },
    };
    let reply = client.post::<Reviewed>(&Path::self_subject_access_reviews(), json(&review)?).await?;
    Ok(match reply.object.status {
        Verdict { allowed: true, .. } => Decision::Allowed,
        Verdict { evaluation_error, .. } if !evaluation_error.is_empty() => Decision::Unsure,
        Verdict { .. } => Decision::Denied,
    })
}
