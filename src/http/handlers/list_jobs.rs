//! list-jobs: from the cache or, where there is none, from the cluster.

use std::sync::Arc;
use std::time::Instant;

use hyper::StatusCode;
use serde::Serialize;

use super::Call;
use super::wait::Origin;
use crate::auth::Asked;
use crate::http::access::SEE_JOBS;
use crate::http::error::Problem;
use crate::http::page_token;
use crate::http::parameters::parse_namespace;
use crate::http::reply::{Reply, merged};
use crate::jobs::cache::{Found, LABEL_SELECTOR, Page};
use crate::jobs::filter::Filter;
use crate::jobs::selector::Selector;
use crate::jobs::state::State;
use crate::jobs::status::Status;
use crate::jobs::store::Place;
use crate::kube::error::Error;
use crate::kube::path::Path;
use crate::kube::session::{Session, json};
use crate::kube::types::{Job, List};

/// As many as Kubernetes' own tools ask for at a time.
const LARGEST_PAGE: u32 = 500;

struct Wanted {
    filter: Filter,
    after: Option<Place>,
    limit: usize,
}

/// The answer, if it can be given at once.
pub(super) fn from_cache(call: &mut Call) -> Result<Option<Reply>, Problem> {
    let Wanted { filter, after, limit } = wanted(call)?;
    if call.wants_no_cache() {
        return Ok(None);
    }
    let asked = Asked { permission: SEE_JOBS, namespace: filter.namespace.as_ref(), name: None };
    match call.shared.auth.sees_at_once(&call.caller, &asked) {
        Some(verdict) => verdict?,
        None => return Ok(None),
    }
    match call.shared.cache.page(&filter, after.as_ref(), limit, Instant::now()) {
        Found::Hit { found, age } => Ok(Some(reply(&found, Origin::Cache { age })?)),
        Found::Miss => Ok(None),
    }
}

pub(super) async fn list_jobs(call: &mut Call) -> Result<Reply, Problem> {
    let Wanted { filter, after, limit } = wanted(call)?;
    if !call.wants_no_cache() {
        let asked = Asked { permission: SEE_JOBS, namespace: filter.namespace.as_ref(), name: None };
        call.shared.auth.sees(&call.caller, &[asked]).await?;
        if let Some(reply) = from_cache(call)? {
            return Ok(reply);
        }
    }
    let mut matching = in_cluster(&call.session, &filter).await?;
    matching.retain(|status| after.as_ref().is_none_or(|place| place.is_before(status)));
    matching.sort_unstable_by_key(|status| Place::of(status));
    let remaining = matching.len().saturating_sub(limit);
    matching.truncate(limit);
    let next = matching.last().filter(|_| remaining > 0).map(|last| Place::of(last));
    reply(&Page { jobs: matching, next, remaining }, Origin::Cluster)
}

fn wanted(call: &mut Call) -> Result<Wanted, Problem> {
    let filter = filter(call)?;
    let limit = call.parameters.number("limit", 1..=LARGEST_PAGE)?.unwrap_or(LARGEST_PAGE);
    let token = call.parameters.optional("continue").filter(|token| !token.is_empty());
    let after = token.map(|token| page_token::parse(&token)).transpose()?;
    Ok(Wanted { filter, after, limit: limit as usize })
}

/// Which jobs the query asks for, of those that the policy lets anyone see.
pub(super) fn filter(call: &mut Call) -> Result<Filter, Problem> {
    let parameters = &call.parameters;
    let namespace = parameters.optional("namespace").map(|name| parse_namespace("namespace", &name)).transpose()?;
    let job = parameters.optional("job_name").map(|_| parameters.job_name()).transpose()?;
    let selector = Selector::parse(parameters.optional("label_selector").as_deref().unwrap_or(""))
        .map_err(|error| Problem::malformed("label_selector", &error.to_string()))?;
    let state = parameters.optional("state").map(|name| state(&name)).transpose()?;
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
    /// How many jobs there are after this page.
    remaining: usize,
}

fn reply(page: &Page, origin: Origin) -> Result<Reply, Problem> {
    let jobs: Vec<_> = page.jobs.iter().map(|status| status.json()).collect();
    let jobs = [br#"{"jobs":["#, &*jobs.join(&b","[..]), b"]}"].concat();
    let rest = Rest { r#continue: page.next.as_ref().map(page_token::of), remaining: page.remaining };
    let mut reply = Reply::encoded(StatusCode::OK, merged(&jobs, &json(&rest)?));
    origin.tell(&mut reply.headers);
    Ok(reply)
}

/// Reads the whole list, page by page, and keeps what matches.
async fn in_cluster(session: &Session, filter: &Filter) -> Result<Vec<Arc<Status>>, Error> {
    let selector = match filter.selector.to_string() {
        own if own.is_empty() => LABEL_SELECTOR.to_owned(),
        own => format!("{LABEL_SELECTOR},{own}"),
    };
    let (mut matching, mut token) = (Vec::new(), String::new());
    loop {
        let from = Some(token.as_str()).filter(|token| !token.is_empty());
        let path = Path::jobs_page(filter.namespace.as_ref(), &selector, LARGEST_PAGE, from);
        let page: List<Job> = session.get(&path).await?;
        let statuses = page.items.unwrap_or_default().into_iter().map(|job| Status::of(&job));
        matching.extend(statuses.filter(|status| filter.matches(status)).map(Arc::new));
        token = page.metadata.r#continue;
        if token.is_empty() {
            return Ok(matching);
        }
    }
}
