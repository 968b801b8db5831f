//! list-jobs: from the store or, if it is empty, from the cluster.

pub(crate) mod filter;
pub(in crate::api) mod pages;
pub mod pagination;
mod wait;

use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;

use crate::api::context::RequestContext;
use crate::api::jobs::exits;
use crate::api::jobs::list::filter::filter;
use crate::api::jobs::list::pages::{Listed, MAX_PAGE, page};
use crate::api::jobs::list::pagination::{Token, expired};
use crate::api::jobs::lookup::Source;
use crate::api::routes::access::SEE_JOBS;
use crate::auth::AccessRequest;
use crate::clusters::cluster::Cluster;
use crate::http::response::list_body::ListBody;
use crate::http::response::problem::Problem;
use crate::http::response::reply::{Reply, merged};
use crate::jobs::filter::Filter;
use crate::jobs::status::Status;
use crate::jobs::store::index::PageCursor;
use crate::jobs::store::{Found, Page};
use crate::kube::client::{Body, json};

/// The most pages that are read from the cluster for one page of jobs that match.
pub(in crate::api) const MAX_PAGES: usize = 10;

const JOBS: &str = r#"{"jobs":["#;

pub(crate) async fn list_jobs(ctx: &mut RequestContext) -> Result<Reply, Problem> {
    // A list counts also if it comes from memory: it is work.
    ctx.count()?;
    let filter = filter(ctx)?;
    let namespace = filter.namespace.as_ref();
    let limit = ctx.parameters.number("limit", 1..=MAX_PAGE)?.unwrap_or(MAX_PAGE) as usize;
    let token = ctx.parameters.optional("continue").filter(|token| !token.is_empty());
    let from = token.map(|token| pagination::parse(&ctx.cluster.tag_prefix, token)).transpose()?;
    let all_ended = match ctx.parameters.wait()? {
        Some(_) if ctx.parameters.has("state") || from.is_some() => {
            let why = "waits for jobs of every state to end: leave out state and continue";
            return Err(Problem::malformed("wait", why));
        }
        Some(time) => Some(wait::all_ended(ctx, &filter, time).await?),
        None => None,
    };
    let after = match &from {
        Some(Token::PageCursor(cursor)) => Some(cursor),
        Some(Token::Cluster(_)) | None => None,
    };
    if !ctx.wants_no_cache() {
        ctx.authorize(&[AccessRequest { permission: SEE_JOBS, namespace, name: None }]).await?;
        if !matches!(from, Some(Token::Cluster(_)))
            && let Found::Hit { found, age } = ctx.store().page(&filter, after, limit, Instant::now())
        {
            let Page { mut jobs, next, remaining } = found;
            exits::hide_in_answer(ctx, namespace, &mut jobs).await?;
            let next = next.as_ref().map(|next| pagination::encode(&ctx.cluster.tag_prefix, next));
            let rest = Rest {
                cluster: ctx.cluster.name().to_string(),
                r#continue: next,
                remaining: Some(remaining),
                all_ended,
            };
            return reply(JOBS, objects(&jobs), &rest, Source::Store { age });
        }
    }
    ctx.enter()?;
    // A list costs the cluster far more than any other call. So a caller has one at a time.
    let limits = Arc::clone(&ctx.limits);
    let _turn = limits.acquire_list(ctx.caller_id()).await?;
    let (mut jobs, rest) = list_in_cluster(ctx, Listed::Jobs, &filter, from, limit).await?;
    exits::hide(&ctx.state, &ctx.cluster, ctx.caller(), namespace, &mut jobs).await;
    reply(JOBS, objects(&jobs), &Rest { all_ended, ..rest }, Source::Cluster)
}

/// The fields of the answer beside the jobs.
#[derive(Debug, Serialize)]
pub(in crate::api) struct Rest {
    pub(in crate::api) cluster: String,
    /// The start of the next page; null on the last one.
    pub(in crate::api) r#continue: Option<String>,
    /// The number of jobs after this page; null if it is unknown.
    pub(in crate::api) remaining: Option<usize>,
    /// After a wait: whether all jobs that match had ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::api) all_ended: Option<bool>,
}

fn objects(jobs: &[Arc<Status>]) -> Vec<Body> {
    jobs.iter().map(|status| status.json()).collect()
}

/// `head` is the text before the first of the objects.
pub(in crate::api) fn reply(
    head: &'static str,
    objects: Vec<Body>,
    rest: &Rest,
    source: Source,
) -> Result<Reply, Problem> {
    let mut reply = Reply::list(ListBody::new(head, objects, merged(b"]}", &json(rest)?)));
    source.set_headers(&mut reply.headers);
    Ok(reply)
}

/// Reads the jobs from the cluster. One page is sorted as in the store; several pages keep the API server's order.
pub(in crate::api) async fn list_in_cluster(
    ctx: &mut RequestContext,
    listed: Listed,
    filter: &Filter,
    from: Option<Token>,
    limit: usize,
) -> Result<(Vec<Arc<Status>>, Rest), Problem> {
    let max_page = MAX_PAGE as usize;
    let (mut jobs, mut next) = match from {
        Some(Token::Cluster(token)) => (Vec::new(), Some(token)),
        from => match (page(ctx, listed, filter, max_page, None).await?, from) {
            ((jobs, None), from) => return Ok(single_page(&ctx.cluster, jobs, from.as_ref(), limit)),
            // The cursor belongs to the order of the store, which the API server's list does not have.
            (_, Some(_)) => return Err(expired()),
            ((jobs, next), None) if limit == max_page => (jobs, next),
            (_, None) => (Vec::new(), None),
        },
    };
    for _ in 0..MAX_PAGES {
        if jobs.len() >= limit {
            break;
        }
        let (more, after) = page(ctx, listed, filter, limit - jobs.len(), next.as_deref()).await?;
        jobs.extend(more);
        next = after;
        if next.is_none() {
            break;
        }
    }
    jobs.sort_unstable_by_key(|status| PageCursor::from(&**status));
    let remaining = next.is_none().then_some(0);
    let next = next.as_deref().map(|next| pagination::encode_cluster(&ctx.cluster.tag_prefix, next));
    let cluster = ctx.cluster.name().to_string();
    Ok((jobs, Rest { cluster, r#continue: next, remaining, all_ended: None }))
}

fn single_page(
    cluster: &Cluster,
    mut jobs: Vec<Arc<Status>>,
    from: Option<&Token>,
    limit: usize,
) -> (Vec<Arc<Status>>, Rest) {
    if let Some(Token::PageCursor(cursor)) = from {
        jobs.retain(|status| *cursor < PageCursor::from(&**status));
    }
    jobs.sort_unstable_by_key(|status| PageCursor::from(&**status));
    let remaining = jobs.len().saturating_sub(limit);
    jobs.truncate(limit);
    let last = jobs.last().filter(|_| remaining > 0).map(|last| PageCursor::from(&**last));
    let next = last.map(|last| pagination::encode(&cluster.tag_prefix, &last));
    (jobs, Rest { cluster: cluster.name().to_string(), r#continue: next, remaining: Some(remaining), all_ended: None })
}
