//! create-namespace, delete-namespace, list-namespaces, get-namespace-status.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep_until};

use crate::api::context::RequestContext;
use crate::api::jobs::wait::wait_for_disconnect;
use crate::api::routes::Route;
use crate::http::request::body;
use crate::http::request::body_stream::RequestBody;
use crate::http::request::parameters::{agreed, parse_namespace};
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;
use crate::jobs::policy::Policy;
use crate::kube::client::json;
use crate::kube::names::Namespace as NamespaceName;
use crate::kube::types::request::{DeleteOptions, NewNamespace, Propagation};
use crate::kube::types::{Condition, List, Namespace, NamespaceStatus, Time};
use crate::kube::url::Path;
use crate::util::backoff::Backoff;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateNamespace {
    namespace_name: Option<String>,
    labels: Option<BTreeMap<String, String>>,
    annotations: Option<BTreeMap<String, String>>,
    cluster: Option<String>,
}

#[derive(Serialize)]
struct Created<'a> {
    cluster: &'a str,
    namespace_name: String,
    creation_timestamp: Option<Time>,
    status: &'static str,
}

#[derive(Serialize)]
struct Deleted<'a> {
    cluster: &'a str,
    message: String,
    status: &'static str,
    phase: String,
}

/// The phase of a namespace that is gone, which the API server does not have.
const DELETED: &str = "Deleted";

/// The pauses between reads of a namespace that is being deleted.
const POLL: Backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(2));

const PAGE: u32 = 500;

#[derive(Serialize)]
struct Listed<'a> {
    cluster: &'a str,
    namespaces: Vec<NamespaceView<'a>>,
}

/// A namespace in an answer.
#[derive(Serialize)]
struct NamespaceView<'a> {
    cluster: &'a str,
    namespace_name: String,
    phase: Option<String>,
    creation_timestamp: Option<Time>,
    deletion_timestamp: Option<Time>,
    labels: BTreeMap<String, String>,
    /// During a deletion: what is left in the namespace, and what blocks its deletion.
    conditions: Vec<Condition>,
}

impl<'a> NamespaceView<'a> {
    fn new(cluster: &'a str, namespace: Namespace) -> Self {
        let (phase, conditions) = match namespace.status {
            NamespaceStatus::Namespace { phase, conditions } => (phase, conditions),
            NamespaceStatus::Word(_) => (None, Vec::new()),
        };
        let metadata = namespace.metadata;
        Self {
            cluster,
            namespace_name: metadata.name,
            phase,
            creation_timestamp: metadata.creation_timestamp,
            deletion_timestamp: metadata.deletion_timestamp,
            labels: metadata.labels,
            conditions,
        }
    }
}

pub(super) async fn create_namespace(ctx: &mut RequestContext, body: RequestBody) -> Result<Reply, Problem> {
    let parse = |name: &str| parse_namespace("namespace_name", name);
    let in_query = ctx.parameters.optional("namespace_name").map(&parse).transpose()?;
    let body = ctx.read_optional_body(body, |body: &CreateNamespace| body.cluster.as_deref()).await?;
    let CreateNamespace { namespace_name, labels, annotations, .. } = body;
    let name = agreed("namespace_name", in_query, namespace_name.as_deref().map(parse).transpose()?)?;
    let name = name.ok_or_else(|| Problem::malformed("namespace_name", "is missing"))?;
    ctx.set_object(&name, None);
    ctx.check_namespace(Policy::may_create_in, &name)?;
    let manifest = NewNamespace::new(name.as_str(), labels.unwrap_or_default(), annotations.unwrap_or_default());
    ctx.acquire_write_permit().await?;
    let created = ctx.client()?.post::<Namespace>(&Path::namespaces(), json(&manifest)?).await?;
    let metadata = created.object.metadata;
    ctx.set_object_uid(&metadata.uid);
    let created = Created {
        cluster: ctx.cluster.name(),
        namespace_name: metadata.name,
        creation_timestamp: metadata.creation_timestamp,
        status: "created",
    };
    Reply::json(StatusCode::CREATED, &created)
}

pub(super) async fn delete_namespace(ctx: &mut RequestContext, body: RequestBody) -> Result<Reply, Problem> {
    ctx.count()?;
    body::none(body).await?;
    let name = resolve_namespace(ctx)?;
    ctx.check_namespace(Policy::may_delete, &name)?;
    let wait = ctx.parameters.wait()?;
    // The namespace controller deletes the contents. Foreground would only add a finalizer to wait for.
    let options = DeleteOptions::new(Propagation::Background);
    ctx.acquire_write_permit().await?;
    let namespace: Namespace = ctx.client()?.delete(&Path::namespace(&name), &options).await?;
    ctx.set_object_uid(&namespace.metadata.uid);
    // If there is nothing to clean up, the API server returns a Status and no namespace.
    let mut phase = namespace.status.phase().unwrap_or("Terminating").to_owned();
    if let Some(time) = wait {
        match wait_until_deleted(ctx, &name, phase.clone(), time).await {
            Ok(last) => phase = last,
            // The wait failed, but the deletion continues.
            Err(problem) => ctx.record_wait_error(Route::GetNamespaceStatus, &problem),
        }
    }
    let end = if phase == DELETED { "is deleted" } else { "is being deleted" };
    let message = format!("Namespace {name} {end}");
    Reply::json(StatusCode::OK, &Deleted { cluster: ctx.cluster.name(), message, status: "success", phase })
}

/// Returns the phase at the end of a wait for the deletion. Polls, as the service does not watch namespaces.
async fn wait_until_deleted(
    ctx: &mut RequestContext,
    name: &NamespaceName,
    mut phase: String,
    time: Duration,
) -> Result<String, Problem> {
    let end = Instant::now() + time;
    ctx.extend_deadline(time);
    ctx.acquire_wait_permit()?;
    let (mut disconnected, mut draining, mut poll) = (ctx.disconnected.take(), ctx.cluster.draining(), POLL);
    let (state, cluster, caller) = (Arc::clone(&ctx.state), Arc::clone(&ctx.cluster), ctx.caller().clone());
    // With EKS_API_AUTH=kubernetes, the cluster checks the caller's right at each poll.
    let mut revoked = pin!(state.auth.wait_until_revoked(&cluster.api_server, &caller, &[]));
    loop {
        let path = Path::namespace(name);
        let Some(read) = cluster.unless_drained(ctx.client()?.get::<Namespace>(&path)).await else { return Ok(phase) };
        match read {
            Ok(namespace) => namespace.status.phase().unwrap_or("Terminating").clone_into(&mut phase),
            Err(error) if error.is_not_found() => return Ok(DELETED.to_owned()),
            // The next poll may succeed.
            Err(_) => {}
        }
        let next = end.min(Instant::now() + poll.pause());
        let is_last = tokio::select! {
            () = sleep_until(next) => next == end,
            _ = draining.wait_for(|draining| *draining) => true,
            () = wait_for_disconnect(disconnected.as_mut()) => true,
            denied = revoked.as_mut() => return Err(denied.into()),
        };
        if is_last {
            return Ok(phase);
        }
    }
}

pub(super) async fn list_namespaces(ctx: &mut RequestContext) -> Result<Reply, Problem> {
    let (allowed, cluster) = (ctx.allowed_namespaces(), Arc::clone(ctx.cluster.name()));
    let (mut namespaces, mut token) = (Vec::new(), String::new());
    loop {
        let from = Some(token.as_str()).filter(|token| !token.is_empty());
        let page: List<Namespace> = ctx.client()?.get(&Path::namespaces_page(PAGE, from)).await?;
        let is_allowed = |name: &str| allowed.iter().all(|allowed| allowed.matches(name));
        let items = page.items.unwrap_or_default().into_iter().filter(|item| is_allowed(&item.metadata.name));
        namespaces.extend(items.map(|item| NamespaceView::new(&cluster, item)));
        token = page.metadata.r#continue;
        if token.is_empty() {
            return Reply::json(StatusCode::OK, &Listed { cluster: &cluster, namespaces });
        }
    }
}

pub(super) async fn get_namespace_status(ctx: &mut RequestContext) -> Result<Reply, Problem> {
    let name = resolve_namespace(ctx)?;
    ctx.check_namespace(Policy::may_use, &name)?;
    let namespace: Namespace = ctx.client()?.get(&Path::namespace(&name)).await?;
    Reply::json(StatusCode::OK, &NamespaceView::new(ctx.cluster.name(), namespace))
}

fn resolve_namespace(ctx: &mut RequestContext) -> Result<NamespaceName, Problem> {
    let name = ctx.parameters.namespace_name()?;
    ctx.set_object(&name, None);
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::jobs::wait::tests::{KeysFile, request};

    #[tokio::test(start_paused = true)]
    async fn a_wait_for_a_deletion_ends_within_a_minute_after_the_key_is_revoked() {
        let (file, name) = (KeysFile::new("deletion"), NamespaceName::parse("team-a").unwrap());
        for (is_revoked, seconds) in [(false, 300), (true, 60)] {
            let mut ctx = request(&file);
            if is_revoked {
                file.revoke(&ctx.state.auth);
            }
            let started = Instant::now();
            let ended = wait_until_deleted(&mut ctx, &name, "Terminating".to_owned(), Duration::from_mins(5)).await;
            assert_eq!((ended.is_err(), started.elapsed().as_secs()), (is_revoked, seconds));
        }
    }
}
