//! list-jobs: from the cache or, where there is none, from the cluster.

use std::sync::Arc;
use std::time::Instant;

use hyper::StatusCode;
use serde::Serialize;

use crate::api::context::RequestContext;
use crate::api::jobs::lookup::Source;
use crate::api::jobs::{exits, list_wait};
use crate::api::pagination::{self, Token};
use crate::api::routes::access::SEE_JOBS;
use crate::auth::AccessRequest;
use crate::http::request::parameters::parse_namespace;
use crate::http::response::problem::Problem;
use crate::http::response::reply::{Reply, merged};
use crate::jobs::filter::Filter;
use crate::jobs::label_selector::Selector;
use crate::jobs::state::State;
use crate::jobs::status::Status;
use crate::jobs::store::index::PageCursor;
use crate::jobs::store::{Found, LABEL_SELECTOR, Page};
use crate::kube::client::json;
use crate::kube::error::Error;
use crate::kube::types::{Job, List};
use crate::kube::url::Path;

/// As many as Kubernetes' own tools ask for at a time.
pub(super) const LARGEST_PAGE: u32 = 500;

/// More than these are not read for one page of those that match.
const MOST_PAGES: usize = 10;

struct Wanted {
    filter: Filter,
    from: Option<Token>,
    limit: usize,
}

pub(crate) async fn list_jobs(call: &mut RequestContext) -> Result<Reply, Problem> {
    // A list is work also if it comes from memory, so it always counts.
    call.count()?;
    let Wanted { filter, from, limit } = wanted(call)?;
    let all_ended = match call.parameters.wait()? {
        Some(_) if call.parameters.has("state") || from.is_some() => {
            let why = "waits for jobs of every state to end: leave out state and continue";
            return Err(Problem::malformed("wait", why));
        }
        Some(time) => Some(list_wait::all_ended(call, &filter, time).await?),
        None => None,
    };
    let after = match &from {
        Some(Token::PageCursor(place)) => Some(place),
        Some(Token::Cluster(_)) | None => None,
    };
    let is_of_cluster = matches!(from, Some(Token::Cluster(_)));
    if !call.wants_no_cache() {
        may_list(call, &filter).await?;
        if !is_of_cluster
            && let Found::Hit { found, age } = call.shared.store().page(&filter, after, limit, Instant::now())
        {
            let Page { mut jobs, next, remaining } = found;
            if !exits::hide_at_once(&call.shared, &call.caller, filter.namespace.as_ref(), &mut jobs) {
                // The cluster has to be asked whether the caller may see how these jobs failed.
                call.enter()?;
                exits::hide(&call.shared, &call.caller, filter.namespace.as_ref(), &mut jobs).await;
            }
            let next = next.as_ref().map(pagination::of);
            return reply(
                &jobs,
                &Rest { r#continue: next, remaining: Some(remaining), all_ended },
                Source::Cache { age },
            );
        }
    }
    call.enter()?;
    // Each of them costs the cluster far more than any other call.
    let _permit = call.shared.calls.acquire_list(call.caller_id()).await?;
    let namespace = filter.namespace.as_ref();
    let (mut jobs, rest) = in_cluster(call, &filter, from, limit).await?;
    exits::hide(&call.shared, &call.caller, namespace, &mut jobs).await;
    reply(&jobs, &Rest { all_ended, ..rest }, Source::Cluster)
}

/// Whether the caller may list these jobs. The cluster is asked only if the answer is not known.
pub(super) async fn may_list(call: &mut RequestContext, filter: &Filter) -> Result<(), Problem> {
    let asked = AccessRequest { permission: SEE_JOBS, namespace: filter.namespace.as_ref(), name: None };
    if let Some(verdict) = call.shared.auth.authorize_cached(&call.caller, &asked) {
        return Ok(verdict?);
    }
    call.enter()?;
    Ok(call.shared.auth.authorize(&call.caller, &[asked]).await?)
}

fn wanted(call: &mut RequestContext) -> Result<Wanted, Problem> {
    let filter = filter(call)?;
    let limit = call.parameters.number("limit", 1..=LARGEST_PAGE)?.unwrap_or(LARGEST_PAGE);
    let token = call.parameters.optional("continue").filter(|token| !token.is_empty());
    let from = token.map(pagination::parse).transpose()?;
    Ok(Wanted { filter, from, limit: limit as usize })
}

/// Which jobs the query asks for, of those that the policy lets anyone see.
pub(super) fn filter(call: &mut RequestContext) -> Result<Filter, Problem> {
    let parameters = &call.parameters;
    let namespace = parameters.optional("namespace").map(|name| parse_namespace("namespace", name)).transpose()?;
    let job = parameters.optional("job_name").map(|_| parameters.job_name()).transpose()?;
    let selector = Selector::parse(parameters.optional("label_selector").unwrap_or(""))
        .map_err(|error| Problem::malformed("label_selector", &error.to_string()))?;
    let state = parameters.optional("state").map(state).transpose()?;
    call.target.namespace.clone_from(&namespace);
    call.target.job.clone_from(&job);
    if let Some(namespace) = &namespace {
        call.may_use(namespace)?;
    }
    Ok(Filter { allowed: call.allowed(), namespace, job, selector, state })
}

fn state(name: &str) -> Result<State, Problem> {
    let names = || State::ALL.map(State::name).join(", ");
    let found = State::ALL.into_iter().find(|state| state.name() == name);
    found.ok_or_else(|| Problem::malformed("state", &format!("must be one of {}", names())))
}

/// What follows the jobs of a page.
#[derive(Serialize)]
struct Rest {
    /// Where the next page begins; null on the last one.
    r#continue: Option<String>,
    /// How many jobs there are after this page; null if nobody knows.
    remaining: Option<usize>,
    /// With a wait: whether none of the jobs that match was unfinished.
    #[serde(skip_serializing_if = "Option::is_none")]
    all_ended: Option<bool>,
}

fn reply(jobs: &[Arc<Status>], rest: &Rest, origin: Source) -> Result<Reply, Problem> {
    let jobs: Vec<_> = jobs.iter().map(|status| status.json()).collect();
    let jobs = [br#"{"jobs":["#, &*jobs.join(&b","[..]), b"]}"].concat();
    let mut reply = Reply::encoded(StatusCode::OK, merged(&jobs, &json(rest)?));
    origin.tell(&mut reply.headers);
    Ok(reply)
}

/// A list of one page is sorted as the cache's is. Of a longer one the pages are those of the API server, in its order.
async fn in_cluster(
    call: &RequestContext,
    filter: &Filter,
    from: Option<Token>,
    limit: usize,
) -> Result<(Vec<Arc<Status>>, Rest), Problem> {
    let largest = LARGEST_PAGE as usize;
    let (mut jobs, mut next) = match from {
        Some(Token::Cluster(token)) => (Vec::new(), Some(token)),
        from => match (page(call, filter, largest, None).await?, from) {
            ((jobs, None), from) => return Ok(from_one_page(jobs, from.as_ref(), limit)),
            // It is of the cache's list, and no place in the API server's.
            (_, Some(_)) => return Err(expired()),
            ((jobs, next), None) if limit == largest => (jobs, next),
            (_, None) => (Vec::new(), None),
        },
    };
    for _ in 0..MOST_PAGES {
        if jobs.len() >= limit {
            break;
        }
        let (more, behind) = page(call, filter, limit - jobs.len(), next.as_deref()).await?;
        jobs.extend(more);
        next = behind;
        if next.is_none() {
            break;
        }
    }
    jobs.sort_unstable_by_key(|status| PageCursor::from(&**status));
    let remaining = next.is_none().then_some(0);
    let next = next.as_deref().map(pagination::of_cluster);
    Ok((jobs, Rest { r#continue: next, remaining, all_ended: None }))
}

fn from_one_page(mut jobs: Vec<Arc<Status>>, from: Option<&Token>, limit: usize) -> (Vec<Arc<Status>>, Rest) {
    if let Some(Token::PageCursor(place)) = from {
        jobs.retain(|status| *place < PageCursor::from(&**status));
    }
    jobs.sort_unstable_by_key(|status| PageCursor::from(&**status));
    let remaining = jobs.len().saturating_sub(limit);
    jobs.truncate(limit);
    let next = jobs.last().filter(|_| remaining > 0).map(|last| pagination::of(&PageCursor::from(&**last)));
    (jobs, Rest { r#continue: next, remaining: Some(remaining), all_ended: None })
}

/// What matches of one page of the API server's list, and its `continue`.
pub(super) async fn page(
    call: &RequestContext,
    filter: &Filter,
    limit: usize,
    token: Option<&str>,
) -> Result<(Vec<Arc<Status>>, Option<String>), Problem> {
    let selector = match filter.selector.to_string() {
        own if own.is_empty() => LABEL_SELECTOR.to_owned(),
        own => format!("{LABEL_SELECTOR},{own}"),
    };
    let limit = u32::try_from(limit).unwrap_or(LARGEST_PAGE);
    let path = Path::jobs_page(filter.namespace.as_ref(), &selector, limit, token);
    let list: List<Job> = match call.session.get(&path).await {
        Err(Error::Refused(refusal)) if refusal.code == 410 => return Err(expired()),
        list => list?,
    };
    let statuses = list.items.unwrap_or_default().into_iter().map(|job| call.shared.store().status(&job));
    let matching = statuses.filter(|status| filter.matches(status)).map(Arc::new).collect();
    Ok((matching, Some(list.metadata.r#continue).filter(|token| !token.is_empty())))
}

fn expired() -> Problem {
    let detail = "continue: the list that it belongs to is no longer there; list again without it";
    Problem::new(StatusCode::GONE, "Expired", detail)
}
