//! list-audit: the audit records that match, the newest first.

use hyper::StatusCode;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::api::context::RequestContext;
use crate::api::history::query::{self, Reader, Times};
use crate::api::routes::Route;
use crate::audit::request_info::NO_OPERATION;
use crate::history::outbox::requests::Scope;
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
    ctx.authorize_operator().await?;
    let reader = Reader::new(ctx).await?;
    let list = reader.history.read(reader.time, move |connection| audit::list(connection, &filter, after, limit));
    let Page { rows: records, next } = list.await.map_err(|error| reader.problem(error))?;
    Reply::json(StatusCode::OK, &Listed { records, r#continue: query::next(ctx, MARK, next) })
}

/// Returns the records that the query selects, within the clusters and namespaces that the caller may use.
fn filter(ctx: &mut RequestContext) -> Result<AuditFilter, Problem> {
    let parameters = &ctx.parameters;
    let Times { since, until } = query::times(parameters, query::now())?;
    let (caller, operation, outcome) =
        (query::caller(parameters)?, operation(parameters)?, query::one_of(parameters, "outcome", &OUTCOMES)?);
    let namespace = parameters.optional("namespace").map(|name| parse_namespace("namespace", name)).transpose()?;
    ctx.info.object.namespace.clone_from(&namespace);
    if let Some(namespace) = &namespace {
        ctx.caller().may_use(namespace)?;
    }
    let Scope { clusters, namespaces: allowed } = ctx.operator_scope();
    Ok(AuditFilter {
        clusters,
        namespace: namespace.map(|name| name.to_string()),
        // A caller for all namespaces sees the records without one too.
        allowed,
        operation,
        outcome,
        caller,
        since,
        until,
    })
}

fn operation(parameters: &Parameters) -> Result<Option<String>, Problem> {
    let Some(name) = parameters.optional("operation") else { return Ok(None) };
    let is_known = name == NO_OPERATION || Route::ALL.iter().any(|route| route.operation() == name);
    let message = "must be an operation as the records name it, such as create_job";
    is_known.then(|| Some(name.to_owned())).ok_or_else(|| Problem::malformed("operation", message))
}
