//! create-namespace, delete-namespace, list-namespaces, get-namespace-status.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep_until};

use crate::api::context::RequestContext;
use crate::api::jobs::wait::hung_up;
use crate::api::routes::Route;
use crate::http::request::body;
use crate::http::request::body_stream::RequestBody;
use crate::http::request::parameters::{agreed, parse_namespace};
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;
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

/// The phase of a namespace that is gone.
const DELETED: &str = "Deleted";

/// How often a namespace that is being deleted is asked about.
const POLL: Backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(2));

const PAGE: u32 = 500;

#[derive(Serialize)]
struct Listed {
    namespaces: Vec<Shown>,
}

/// A namespace as callers see it.
#[derive(Serialize)]
struct Shown {
    namespace_name: String,
    phase: Option<String>,
    creation_timestamp: Option<Time>,
    deletion_timestamp: Option<Time>,
    labels: BTreeMap<String, String>,
    /// While it is being deleted: what is left in it, and what holds that up.
    conditions: Vec<ShownCondition>,
}

#[derive(Serialize)]
struct ShownCondition {
    r#type: String,
    status: String,
    reason: Option<String>,
    message: Option<String>,
    last_transition_time: Option<Time>,
}

impl Shown {
    fn of(namespace: Namespace) -> Self {
        let (phase, conditions) = match namespace.status {
            NamespaceStatus::Namespace { phase, conditions } => (phase, conditions),
            NamespaceStatus::Word(_) => (None, Vec::new()),
        };
        let shown = |condition: Condition| ShownCondition {
            r#type: condition.r#type,
            status: condition.status,
            reason: condition.reason,
            message: condition.message,
            last_transition_time: condition.last_transition_time,
        };
        let metadata = namespace.metadata;
        Self {
            namespace_name: metadata.name,
            phase,
            creation_timestamp: metadata.creation_timestamp,
            deletion_timestamp: metadata.deletion_timestamp,
            labels: metadata.labels,
            conditions: conditions.into_iter().map(shown).collect(),
        }
    }
}

pub(super) async fn create_namespace(call: &mut RequestContext, body: RequestBody) -> Result<Reply, Problem> {
    let in_query = call.parameters.optional("namespace_name");
    let in_query = in_query.map(|name| parse_namespace("namespace_name", name)).transpose()?;
    let wanted: CreateNamespace = call.read_if_any(body).await?;
    let in_body = wanted.namespace_name.map(|name| parse_namespace("namespace_name", &name)).transpose()?;
    let name = agreed("namespace_name", in_query, in_body)?;
    let name = name.ok_or_else(|| Problem::malformed("namespace_name", "is missing"))?;
    call.target.namespace = Some(name.clone());
    call.shared.policy.may_create_in(&name)?;
    call.caller.may_use(&name)?;
    let labels = wanted.labels.unwrap_or_default();
    let manifest = NewNamespace::new(name.as_str(), labels, wanted.annotations.unwrap_or_default());
    call.acquire_write_permit().await?;
    let metadata = call.session.post::<Namespace>(&Path::namespaces(), json(&manifest)?).await?.object.metadata;
    call.set_object_uid(&metadata.uid);
    let created =
        Created { namespace_name: metadata.name, creation_timestamp: metadata.creation_timestamp, status: "created" };
    Reply::json(StatusCode::CREATED, &created)
}

pub(super) async fn delete_namespace(call: &mut RequestContext, body: RequestBody) -> Result<Reply, Problem> {
    body::none(body).await?;
    let name = one_namespace(call)?;
    call.shared.policy.may_delete(&name)?;
    call.caller.may_use(&name)?;
    let wait = call.parameters.wait()?;
    // What is in a namespace is deleted by its own controller; Foreground would only add a finalizer to wait for.
    let options = DeleteOptions::new(Propagation::Background);
    call.acquire_write_permit().await?;
    let namespace: Namespace = call.session.delete(&Path::namespace(&name), &options).await?;
    call.set_object_uid(&namespace.metadata.uid);
    // An API server that had nothing to clean up answers with a Status, not with the namespace.
    let mut phase = namespace.status.phase().unwrap_or("Terminating").to_owned();
    if let Some(time) = wait {
        // It is being deleted, and that there was no waiting for the end of that is no reason to say that it is not.
        phase = match phase_after(call, &name, phase.clone(), time).await {
            Ok(phase) => phase,
            Err(problem) => {
                call.wait_ended(Route::GetNamespaceStatus, &problem);
                phase
            }
        };
    }
    let is_gone = phase == DELETED;
    let message = format!("Namespace {name} {}", if is_gone { "is deleted" } else { "is being deleted" });
    Reply::json(StatusCode::OK, &Deleted { message, status: "success", phase })
}

/// The phase at the end of a wait for the namespace to be gone. No watch tells of namespaces, so it asks.
async fn phase_after(
    call: &mut RequestContext,
    name: &NamespaceName,
    mut phase: String,
    time: Duration,
) -> Result<String, Problem> {
    let end = Instant::now() + time;
    call.session.extend_deadline(time);
    call.permit = Some(call.shared.calls.begin_wait()?);
    call.session.release_permit();
    let (mut caller, mut draining, mut poll) = (call.hung_up.take(), call.shared.draining.clone(), POLL);
    let (shared, who) = (Arc::clone(&call.shared), call.caller.clone());
    // Where the cluster judges, it does so at each look.
    let mut lost = pin!(shared.auth.wait_until_revoked(&who, &[]));
    loop {
        match call.session.get::<Namespace>(&Path::namespace(name)).await {
            Ok(namespace) => namespace.status.phase().unwrap_or("Terminating").clone_into(&mut phase),
            Err(error) if error.is_not_found() => return Ok(DELETED.to_owned()),
            // It may get better before the time is up.
            Err(_) => {}
        }
        let next = end.min(Instant::now() + poll.pause());
        let is_last = tokio::select! {
            () = sleep_until(next) => next == end,
            _ = draining.wait_for(|draining| *draining) => true,
            () = hung_up(caller.as_mut()) => true,
            denied = lost.as_mut() => return Err(denied.into()),
        };
        if is_last {
            return Ok(phase);
        }
    }
}

pub(super) async fn list_namespaces(call: &mut RequestContext) -> Result<Reply, Problem> {
    let (allowed, mut namespaces, mut token) = (call.allowed(), Vec::new(), String::new());
    loop {
        let from = Some(token.as_str()).filter(|token| !token.is_empty());
        let page: List<Namespace> = call.session.get(&Path::namespaces_page(PAGE, from)).await?;
        let allowed = |name: &str| allowed.iter().all(|allowed| allowed.matches(name));
        let items = page.items.unwrap_or_default().into_iter().filter(|item| allowed(&item.metadata.name));
        namespaces.extend(items.map(Shown::of));
        token = page.metadata.r#continue;
        if token.is_empty() {
            return Reply::json(StatusCode::OK, &Listed { namespaces });
        }
    }
}

pub(super) async fn get_namespace_status(call: &mut RequestContext) -> Result<Reply, Problem> {
    let name = one_namespace(call)?;
    call.may_use(&name)?;
    let namespace: Namespace = call.session.get(&Path::namespace(&name)).await?;
    Reply::json(StatusCode::OK, &Shown::of(namespace))
}

fn one_namespace(call: &mut RequestContext) -> Result<NamespaceName, Problem> {
    let name = call.parameters.namespace_name()?;
    call.target.namespace = Some(name.clone());
    Ok(name)
}

#[cfg(test)]
mod tests {
    use tokio::sync::watch;

    use super::*;
    use crate::api::jobs::wait::tests::{File, call};

    #[tokio::test(start_paused = true)]
    async fn a_wait_for_a_deletion_ends_within_a_minute_of_the_loss_of_the_key() {
        let (file, name) = (File::new("deletion"), NamespaceName::parse("team-a").unwrap());
        for (is_revoked, seconds) in [(false, 300), (true, 60)] {
            let (_drain, draining) = watch::channel(false);
            let mut call = call(&file, draining);
            if is_revoked {
                file.revoke(&call.shared.auth);
            }
            let begun = Instant::now();
            let ended = phase_after(&mut call, &name, "Terminating".to_owned(), Duration::from_mins(5)).await;
            assert_eq!((ended.is_err(), begun.elapsed().as_secs()), (is_revoked, seconds));
        }
    }
}
