//! list-batches: from the store or, if it is empty, from the cluster.

use std::sync::Arc;
use std::time::Instant;

use tokio::task::yield_now;

use crate::api::batches::batch_ref::BatchRef;
use crate::api::batches::lookup::{FoundBatch, from_store, jobs_in_cluster, may_grow_for, with_members};
use crate::api::context::RequestContext;
use crate::api::jobs::exits;
use crate::api::jobs::list::filter::in_namespaces;
use crate::api::jobs::list::pages::{Listed, MAX_PAGE};
use crate::api::jobs::list::pagination::{self, Token};
use crate::api::jobs::list::{MAX_PAGES, Rest, list_in_cluster, reply};
use crate::api::jobs::lookup::Source;
use crate::api::routes::access::SEE_JOBS;
use crate::auth::AccessRequest;
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;
use crate::jobs::batches::Batch;
use crate::jobs::batches::membership::MEMBER_LABEL;
use crate::jobs::batches::state::BatchState;
use crate::jobs::batches::status::{BatchStatus, View};
use crate::jobs::filter::Filter;
use crate::jobs::label_selector::Selector;
use crate::jobs::status::Status;
use crate::jobs::store::index::PageCursor;
use crate::jobs::store::{Found, Page};
use crate::kube::client::json;
use crate::kube::names::{BatchName, Namespace};

const DEFAULT_LIMIT: u32 = 100;

/// The batches that a caller asks for.
struct Query {
    filter: Filter,
    state: Option<BatchState>,
    limit: usize,
}

/// A batch, and whether its missing members may still be submitted.
type Listing = (Batch, bool);

impl Query {
    fn takes(&self, (batch, may_grow): &Listing) -> bool {
        self.state.is_none_or(|wanted| wanted == batch.state(*may_grow))
    }
}

pub(crate) async fn list_batches(ctx: &mut RequestContext) -> Result<Reply, Problem> {
    // A list counts also if it comes from memory: it is work.
    ctx.count()?;
    let limit = ctx.parameters.number("limit", 1..=MAX_PAGE)?.unwrap_or(DEFAULT_LIMIT) as usize;
    let state = ctx.parameters.optional("state").map(state).transpose()?;
    let token = ctx.parameters.optional("continue").filter(|token| !token.is_empty());
    let from = token.map(|token| pagination::parse(&ctx.cluster.tag_prefix, token)).transpose()?;
    let query = Query { filter: in_namespaces(ctx)?, state, limit };
    if !ctx.wants_no_cache() {
        let namespace = query.filter.namespace.as_ref();
        ctx.authorize(&[AccessRequest { permission: SEE_JOBS, namespace, name: None }]).await?;
    }
    let stored = match &from {
        Some(Token::Cluster(_)) => None,
        _ if ctx.wants_no_cache() => None,
        Some(Token::PageCursor(cursor)) => stored(ctx, &query, Some(cursor.clone())).await,
        None => stored(ctx, &query, None).await,
    };
    let (batches, rest, source) = match stored {
        Some(stored) => stored,
        None => Box::pin(in_cluster(ctx, &query, from)).await?,
    };
    let has_exits = batches.iter().any(|(batch, _)| batch.has_exits());
    let with_exits = has_exits && exits::caller_may_see(ctx, query.filter.namespace.as_ref()).await?;
    let view = View { with_members: false, with_exits };
    let object = |(batch, may_grow): &Listing| json(&BatchStatus::new(&rest.cluster, batch, *may_grow, view));
    let objects = batches.iter().map(object).collect::<Result<_, _>>()?;
    reply(r#"{"batches":["#, objects, &rest, source)
}

/// Returns the batches in memory, or `None` if they are not known.
///
/// With a state it looks at a bounded number of batches, so a page may have fewer than the limit.
async fn stored(
    ctx: &RequestContext,
    query: &Query,
    mut after: Option<PageCursor>,
) -> Option<(Vec<Listing>, Rest, Source)> {
    let mut batches = Vec::new();
    let page_size = if query.state.is_some() { MAX_PAGE as usize } else { query.limit };
    let mut left = MAX_PAGES;
    loop {
        let heads = ctx.store().batch_heads(&query.filter, after.as_ref(), page_size, Instant::now());
        let Found::Hit { found: Page { jobs: heads, remaining, .. }, age } = heads else { return None };
        let mut unseen = heads.len();
        for head in &heads {
            if batches.len() == query.limit {
                break;
            }
            (after, unseen) = (Some(PageCursor::from(&**head)), unseen - 1);
            // One that is deleted meanwhile is left out.
            let found = batch_ref(head).and_then(|batch| from_store(ctx, &batch));
            let listing = found.map(|FoundBatch { batch, .. }| with_growth(ctx, batch));
            batches.extend(listing.filter(|listing| query.takes(listing)));
            // Other calls get their turn.
            yield_now().await;
        }
        left -= 1;
        let (remaining, is_full) = (remaining + unseen, batches.len() == query.limit);
        if remaining == 0 || is_full || query.state.is_none() || left == 0 {
            let next = after.filter(|_| remaining > 0);
            let rest = Rest {
                cluster: ctx.cluster.name().to_string(),
                r#continue: next.map(|next| pagination::encode(&ctx.cluster.tag_prefix, &next)),
                remaining: Some(remaining).filter(|remaining| query.state.is_none() || *remaining == 0),
                all_ended: None,
            };
            return Some((batches, rest, Source::Store { age }));
        }
    }
}

/// Lists the heads in the cluster, and once the members of all batches.
async fn in_cluster(
    ctx: &mut RequestContext,
    query: &Query,
    mut from: Option<Token>,
) -> Result<(Vec<Listing>, Rest, Source), Problem> {
    ctx.enter()?;
    // A list costs the cluster far more than any other call. So a caller has one at a time.
    let limits = Arc::clone(&ctx.limits);
    let _turn = limits.acquire_list(ctx.caller_id()).await?;
    let (mut batches, mut members, mut left) = (Vec::new(), None, MAX_PAGES);
    loop {
        let limit = query.limit - batches.len();
        let (heads, mut rest) = list_in_cluster(ctx, Listed::BatchHeads, &query.filter, from, limit).await?;
        // Listed after the heads: otherwise those of a batch that is new would seem to be missing.
        let members = match &mut members {
            Some(members) => members,
            None => members.insert(jobs_in_cluster(ctx, &all_members(&query.filter)?).await?),
        };
        for head in heads {
            let listing = with_growth(ctx, with_members(head, members));
            batches.extend(Some(listing).filter(|listing| query.takes(listing)));
            // Other calls get their turn.
            yield_now().await;
        }
        left -= 1;
        from = match &rest.r#continue {
            Some(next) if query.state.is_some() && batches.len() < query.limit && left > 0 => {
                Some(pagination::parse(&ctx.cluster.tag_prefix, next)?)
            }
            _ => {
                rest.remaining = rest.remaining.filter(|remaining| query.state.is_none() || *remaining == 0);
                return Ok((batches, rest, Source::Cluster));
            }
        };
    }
}

/// Selects the members of all batches in these namespaces.
fn all_members(filter: &Filter) -> Result<Filter, Problem> {
    let selector =
        Selector::parse(MEMBER_LABEL).map_err(|error| Problem::malformed("label_selector", &error.to_string()))?;
    Ok(Filter { selector, ..filter.clone() })
}

fn with_growth(ctx: &RequestContext, batch: Batch) -> Listing {
    let may_grow = may_grow_for(ctx, &batch).is_some();
    (batch, may_grow)
}

/// Returns the batch of a head. `None` if another tool gave it a name that no batch can have.
fn batch_ref(head: &Status) -> Option<BatchRef> {
    let (namespace, name) = (Namespace::parse(head.namespace()).ok()?, BatchName::parse(head.name()).ok()?);
    Some(BatchRef { namespace, name })
}

fn state(name: &str) -> Result<BatchState, Problem> {
    let found = BatchState::ALL.into_iter().find(|state| state.name() == name);
    let names = || BatchState::ALL.map(BatchState::name).join(", ");
    found.ok_or_else(|| Problem::malformed("state", &format!("must be one of {}", names())))
}
