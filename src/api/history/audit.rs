//! list-audit: the audit records that match, the newest first.

use std::sync::Arc;

use hyper::StatusCode;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::api::context::RequestContext;
use crate::api::history::query::{self, Reader, Times};
use crate::api::routes::Route;
use crate::api::routes::access::LIST_AUDIT;
use crate::audit::request_info::NO_OPERATION;
use crate::auth::AccessRequest;
use crate::config::pattern::Patterns;
use crate::history::query::Page;
use crate::history::query::audit::{self, AuditFilter};
use crate::http::request::parameters::{Parameters, parse_namespace};
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;

/// Begins each `continue` of this call.
const MARK: &str = "a";
const OUTCOMES: [&str; 3] = ["success", "refused", "failed"];

#[derive(Serialize)]
struct Listed {
    records: Vec<Box<RawValue>>,
    /// The start of the next page; null on the last one.
    r#continue: Option<String>,
}

pub(crate) async fn list_audit(ctx: &mut RequestContext) -> Result<Reply, Problem> {
    // A list counts: it is work.
    ctx.count()?;
    let (filter, (limit, after)) = (filter(ctx)?, query::page(ctx, MARK)?);
    authorize(ctx).await?;
    let reader = Reader::new(ctx).await?;
    let list = reader.history.read(reader.time, move |connection| audit::list(connection, &filter, after, limit));
    let Page { rows: records, next } = list.await.map_err(|error| reader.problem(error))?;
    Reply::json(StatusCode::OK, &Listed { records, r#continue: query::next(ctx, MARK, next) })
}

/// Returns the records that the query selects, within the clusters and namespaces that the caller may use. The namespaces
/// that the service works in do not matter: it also records refusals.
fn filter(ctx: &mut RequestContext) -> Result<AuditFilter, Problem> {
    let parameters = &ctx.parameters;
    let Times { since, until } = query::times(parameters, query::now())?;
    let (caller, operation, outcome) = (query::caller(parameters)?, operation(parameters)?, outcome(parameters)?);
    let namespace = parameters.optional("namespace").map(|name| parse_namespace("namespace", name)).transpose()?;
    ctx.info.object.namespace.clone_from(&namespace);
    if let Some(namespace) = &namespace {
        ctx.caller().may_use(namespace)?;
    }
    Ok(AuditFilter {
        clusters: clusters(ctx),
        namespace: namespace.map(|name| name.to_string()),
        // A caller for all namespaces sees the records without one too.
        allowed: ctx.caller().namespaces().filter(|allowed| !Patterns::is_star(allowed)).cloned().into_iter().collect(),
        operation,
        outcome,
        caller,
        since,
        until,
    })
}

/// Returns the cluster that the call names, or those that the caller may use. `None` means all.
fn clusters(ctx: &RequestContext) -> Option<Vec<String>> {
    if ctx.parameters.has("cluster") {
        return Some(vec![ctx.cluster.name().to_string()]);
    }
    if ctx.caller().sees_all_clusters() {
        return None;
    }
    let clusters = ctx.state.clusters.current();
    let usable = clusters.all().filter(|cluster| {
        let is_default = Arc::ptr_eq(cluster, &clusters.default);
        ctx.caller().may_use_cluster(cluster.name(), is_default).is_ok()
    });
    Some(usable.map(|cluster| cluster.name().to_string()).collect())
}

/// Checks that the caller may read the audit. With `AUTH=kubernetes` the default cluster decides that.
async fn authorize(ctx: &mut RequestContext) -> Result<(), Problem> {
    let default = ctx.state.clusters.default_cluster();
    let records = AccessRequest { permission: LIST_AUDIT, namespace: None, name: None };
    if ctx.caller().bearer().is_some() {
        // The review is a request to the cluster.
        ctx.enter()?;
    }
    // Boxed: the future is large.
    Ok(Box::pin(ctx.state.auth.authorize(&default.api_server, ctx.caller(), &[records])).await?)
}

fn operation(parameters: &Parameters) -> Result<Option<String>, Problem> {
    let Some(name) = parameters.optional("operation") else { return Ok(None) };
    let is_known = name == NO_OPERATION || Route::ALL.iter().any(|route| route.operation() == name);
    let message = "must be an operation as the records name it, such as create_job";
    is_known.then(|| Some(name.to_owned())).ok_or_else(|| Problem::malformed("operation", message))
}

fn outcome(parameters: &Parameters) -> Result<Option<String>, Problem> {
    let Some(name) = parameters.optional("outcome") else { return Ok(None) };
    let message = || format!("must be one of {}", OUTCOMES.join(", "));
    let is_known = OUTCOMES.contains(&name);
    is_known.then(|| Some(name.to_owned())).ok_or_else(|| Problem::malformed("outcome", &message()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::jobs::wait::tests::{KeysFile, request};
    use crate::auth::Caller;

    #[tokio::test]
    async fn a_caller_sees_the_records_of_its_clusters_and_namespaces() {
        let file = KeysFile::new("audit");
        let mut ctx = request(&file);
        let cluster = ctx.cluster.name().to_string();
        let seen = |ctx: &mut RequestContext| {
            let AuditFilter { clusters, allowed, .. } = filter(ctx).unwrap();
            (clusters, allowed)
        };
        assert_eq!(seen(&mut ctx), (Some(vec![cluster]), Vec::new()), "namespaces=* is no limit");
        ctx.info.caller = Caller::Unauthenticated;
        assert_eq!(seen(&mut ctx), (Some(Vec::new()), vec![Patterns::NONE]));
        ctx.info.caller = Caller::Anonymous;
        assert_eq!(seen(&mut ctx), (None, Vec::new()));
    }
}
