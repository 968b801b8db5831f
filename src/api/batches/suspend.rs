//! suspend-batch and resume-batch.

use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::api::batches::batch_ref::BatchRef;
use crate::api::batches::lookup::{charge, find};
use crate::api::batches::view::check_description;
use crate::api::context::RequestContext;
use crate::api::jobs::suspend::check_result;
use crate::http::request::body_stream::RequestBody;
use crate::http::request::parameters::{agreed, parse_batch_name};
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;
use crate::jobs::status::Status;
use crate::jobs::store::JobStore;
use crate::kube::client::{Body, Client, json};
use crate::kube::error::Error;
use crate::kube::names::JobName;
use crate::kube::types::Job;
use crate::kube::types::request::Suspension;
use crate::kube::url::Path;

/// When to call again for the rest.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// The most changes at a time.
const MAX_CHANGES: usize = 16;

/// The parameters, if they are in a JSON body.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    batch_name: Option<String>,
    namespace: Option<String>,
    cluster: Option<String>,
}

/// The numbers of members.
#[derive(Default, Serialize)]
struct Outcome {
    changed: usize,
    /// They have ended, are gone, or were in the wanted state already.
    unchanged: usize,
    failed: usize,
    missing: usize,
}

#[derive(Serialize)]
struct Changed<'a> {
    cluster: &'a str,
    batch_name: &'a str,
    namespace: &'a str,
    #[serde(flatten)]
    outcome: Outcome,
}

/// Why a member was not changed.
struct Failure {
    problem: Problem,
    /// Whether another call may succeed.
    may_pass: bool,
}

/// The field that only the job's own status object has.
#[derive(Deserialize)]
struct Suspend {
    suspend: bool,
}

/// Suspends or resumes all known members that have not ended. The head is never changed.
pub(crate) async fn suspend_batch(
    ctx: &mut RequestContext,
    body: RequestBody,
    suspend: bool,
) -> Result<Reply, Problem> {
    let in_body: Parameters = ctx.read_optional_body(body, |body: &Parameters| body.cluster.as_deref()).await?;
    ctx.count()?;
    let batch = resolve_batch(ctx, &in_body)?;
    let found = find(ctx, &batch).await?.batch;
    ctx.set_object_uid(&found.head.uid);
    check_description(&batch, &found)?;
    let suspension = json(&Suspension::new(suspend))?;
    charge(ctx, found.members.len());
    let (mut first_failure, mut running) = (None, JoinSet::new());
    let members = found.known().filter(|member| needs_change(member, suspend));
    let names: Vec<JobName> = members.filter_map(|member| JobName::parse(member.name()).ok()).collect();
    let (mut names, known) = (names.into_iter().peekable(), found.known().count());
    let mut outcome = Outcome { missing: found.members.len() - known, ..Outcome::default() };
    loop {
        while running.len() < MAX_CHANGES
            && let Some(name) = names.peek().cloned()
        {
            match ctx.write_client().await {
                Ok(client) => {
                    let (path, store) = (Path::job(&batch.namespace, &name), Arc::clone(ctx.store()));
                    let changed = change(client, path, suspension.clone(), store, suspend);
                    running.spawn(async move { changed.await.map_err(|failure| (name, failure)) });
                    names.next();
                }
                // The permits of the changes on their way become free.
                Err(_) if !running.is_empty() => break,
                Err(problem) => {
                    outcome.failed += names.by_ref().count();
                    first_failure.get_or_insert((name, Failure { problem, may_pass: true }));
                }
            }
        }
        let Some(ended) = running.join_next().await else { break };
        let failure = match ended {
            Ok(Ok(is_changed)) => {
                outcome.changed += usize::from(is_changed);
                continue;
            }
            Ok(Err(failure)) => failure,
            // A change that panicked may have had its effect.
            Err(_) => {
                let problem = Error::Broken("the change was aborted".to_owned()).into();
                (batch.name.head(), Failure { problem, may_pass: true })
            }
        };
        outcome.failed += 1;
        first_failure.get_or_insert(failure);
    }
    outcome.unchanged = known - outcome.changed - outcome.failed;
    if let Some((member, failure)) = first_failure {
        return Err(incomplete(&batch, &outcome, &member, failure, suspend));
    }
    let (cluster, namespace) = (ctx.cluster.name(), batch.namespace.as_str());
    Reply::json(StatusCode::OK, &Changed { cluster, batch_name: batch.name.as_str(), namespace, outcome })
}

/// Returns the batch that the query or the body names.
fn resolve_batch(ctx: &mut RequestContext, in_body: &Parameters) -> Result<BatchRef, Problem> {
    let name = agreed(
        "batch_name",
        ctx.parameters.optional("batch_name").map(parse_batch_name).transpose()?,
        in_body.batch_name.as_deref().map(parse_batch_name).transpose()?,
    )?;
    let missing = || Problem::malformed("batch_name", "is missing: name the batch in the query, or in a JSON body");
    let name = name.ok_or_else(missing)?;
    let namespace = ctx.parameters.agreed_namespace(in_body.namespace.as_deref())?;
    BatchRef::new(ctx, namespace, name)
}

/// The state does not tell: a suspended job runs until its pods are gone.
fn needs_change(member: &Status, suspend: bool) -> bool {
    let now = serde_json::from_slice::<Suspend>(&member.json()).map(|now| now.suspend);
    !member.state.is_final() && now.ok() != Some(suspend)
}

/// Changes one member. Returns false if it is gone.
async fn change(
    client: Client,
    path: Path,
    suspension: Body,
    store: Arc<JobStore>,
    suspend: bool,
) -> Result<bool, Failure> {
    match client.merge_patch::<Job>(&path, suspension).await {
        Ok(patched) => {
            store.insert_if_newer(&patched);
            check_result(&patched, suspend).map_err(|problem| Failure { problem, may_pass: false })?;
            Ok(true)
        }
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(Failure { may_pass: error.may_pass(), problem: error.into() }),
    }
}

/// Returns the problem of a change that did not reach all members.
fn incomplete(batch: &BatchRef, outcome: &Outcome, member: &JobName, first: Failure, suspend: bool) -> Problem {
    let Outcome { changed, unchanged, failed, .. } = outcome;
    let Failure { problem, may_pass } = first;
    let verb = if suspend { "suspended" } else { "resumed" };
    let hint = if may_pass { "; call again for the rest" } else { "" };
    let detail = format!(
        "batch {} is {verb} in part: {changed} jobs changed, {unchanged} unchanged, {failed} failed, first {member}: \
         {}{hint}",
        batch.name, problem.detail,
    );
    let status = match problem.status {
        status if !may_pass || status == StatusCode::GATEWAY_TIMEOUT => status,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    let retry_after = problem.retry_after.or(may_pass.then_some(RETRY_AFTER));
    let Problem { cause, causes, .. } = problem;
    Problem { causes, retry_after, cause, ..Problem::new(status, "batch_incomplete", detail) }
}
