//! create-namespace, delete-namespace.

use std::collections::BTreeMap;

use hyper::StatusCode;
use hyper::body::Incoming;
use serde::{Deserialize, Serialize};

use super::Call;
use crate::http::body;
use crate::http::error::Problem;
use crate::http::parameters::parse_namespace;
use crate::http::reply::Reply;
use crate::kube::path::Path;
use crate::kube::request::{DeleteOptions, NewNamespace, Propagation};
use crate::kube::session::json;
use crate::kube::types::{Namespace, Time};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateNamespace {
    namespace_name: String,
    labels: Option<BTreeMap<String, String>>,
    annotations: Option<BTreeMap<String, String>>,
}

#[derive(Serialize)]
struct Created {
    namespace_name: String,
    creation_timestamp: Option<Time>,
    status: &'static str,
}

#[derive(Serialize)]
struct Deleted {
    message: String,
    status: &'static str,
    phase: String,
}

pub(super) async fn create_namespace(call: &mut Call, body: Incoming) -> Result<Reply, Problem> {
    let wanted: CreateNamespace = body::json(&call.headers, body).await?;
    let name = parse_namespace("namespace_name", &wanted.namespace_name)?;
    call.target.namespace = Some(name.clone());
    call.policy.may_create_in(&name)?;
    let labels = wanted.labels.unwrap_or_default();
    let manifest = NewNamespace::new(name.as_str(), labels, wanted.annotations.unwrap_or_default());
    let metadata = call.session.post::<Namespace>(&Path::namespaces(), json(&manifest)?).await?.object.metadata;
    let created =
        Created { namespace_name: metadata.name, creation_timestamp: metadata.creation_timestamp, status: "created" };
    Reply::json(StatusCode::CREATED, &created)
}

pub(super) async fn delete_namespace(call: &mut Call) -> Result<Reply, Problem> {
    let name = call.parameters.namespace_name()?;
    call.target.namespace = Some(name.clone());
    call.policy.may_delete(&name)?;
    // What is in a namespace is deleted by its own controller; Foreground would only add a finalizer to wait for.
    let options = DeleteOptions::new(Propagation::Background);
    let namespace: Namespace = call.session.delete(&Path::namespace(&name), &options).await?;
    let deleted = Deleted {
        message: format!("Namespace {name} is being deleted"),
        status: "success",
        // An API server that had nothing to clean up answers with a Status, not with the namespace.
        phase: namespace.status.phase().unwrap_or("Terminating").to_owned(),
    };
    Reply::json(StatusCode::OK, &deleted)
}
