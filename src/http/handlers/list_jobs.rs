//! list-jobs: from the cache or, where there is none, from the cluster.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::StatusCode;

use super::Call;
use super::wait::Origin;
use crate::http::error::Problem;
use crate::http::parameters::parse_namespace;
use crate::http::reply::Reply;
use crate::jobs::cache::{Found, LABEL_SELECTOR, Page};
use crate::jobs::compact::Seconds;
use crate::jobs::filter::Filter;
use crate::jobs::json::Json;
use crate::jobs::selector::Selector;
use crate::jobs::state::State;
use crate::jobs::status::Status;
use crate::jobs::store::Place;
use crate::kube::error::Error;
use crate::kube::name::{JobName, Namespace};
use crate::kube::path::Path;
use crate::kube::session::Session;
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
    match call.shared.cache.page(&filter, after.as_ref(), limit, Instant::now()) {
        Found::Hit { found, age } => Ok(Some(reply(found, Origin::Cache { age }))),
        Found::Miss => Ok(None),
    }
}

pub(super) async fn list_jobs(call: &mut Call) -> Result<Reply, Problem> {
    let Wanted { filter, after, limit } = wanted(call)?;
    let mut matching = in_cluster(&call.session, &filter).await?;
    matching.retain(|status| after.as_ref().is_none_or(|place| age(status) > (Reverse(place.created), &place.key)));
    matching.sort_unstable_by(|one, other| age(one).cmp(&age(other)));
    let remaining = matching.len().saturating_sub(limit);
    matching.truncate(limit);
    let next = matching.last().filter(|_| remaining > 0).map(|last| Place::of(last));
    Ok(reply(Page { jobs: matching, next, remaining }, Origin::Cluster))
}

fn age(status: &Status) -> (Reverse<Seconds>, &str) {
    (Reverse(status.created), status.key())
}

fn wanted(call: &mut Call) -> Result<Wanted, Problem> {
    let filter = filter(call)?;
    let limit = call.parameters.number("limit", 1..=LARGEST_PAGE)?.unwrap_or(LARGEST_PAGE);
    let token = call.parameters.optional("continue").filter(|token| !token.is_empty());
    let after = token.map(|token| place(&token)).transpose()?;
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
    if let Some(namespace) = &namespace {
        call.shared.policy.may_use(namespace)?;
    }
    call.target.namespace.clone_from(&namespace);
    call.target.job.clone_from(&job);
    Ok(Filter { allowed: call.shared.policy.allowed.clone(), namespace, job, selector, state })
}

fn state(name: &str) -> Result<State, Problem> {
    let names = || State::ALL.map(State::name).join(", ");
    let found = State::ALL.into_iter().find(|state| state.name() == name);
    found.ok_or_else(|| Problem::malformed("state", &format!("must be one of {}", names())))
}

fn reply(page: Page, origin: Origin) -> Reply {
    let Page { jobs, next, remaining } = page;
    let mut json = Json::with_capacity(jobs.len() * 1024 + 128);
    json.raw(r#"{"jobs":["#);
    for status in &jobs {
        status.write(&mut json);
        json.raw(",");
    }
    // Where the next page begins (null on the last one), and how many jobs there are after this one.
    match next {
        Some(place) => json.end(r#"],"continue":""#).raw(&token(&place)).raw("\""),
        None => json.end(r#"],"continue":null"#),
    };
    json.raw(r#","remaining":"#).number(remaining as u64).raw("}");
    origin.told_in(Reply::encoded(StatusCode::OK, json.into_bytes()))
}

/// A place in the order of age, as callers get and return it: nothing in it that they need to read, or that may not be
/// read.
fn token(place: &Place) -> String {
    URL_SAFE_NO_PAD.encode(format!("{}/{}", place.created.number(), place.key))
}

fn place(token: &str) -> Result<Place, Problem> {
    let parse = || {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
        let (created, key) = text.split_once('/')?;
        let (namespace, name) = key.split_once('/')?;
        Namespace::parse(namespace).and(JobName::parse(name)).ok()?;
        Some(Place { created: Seconds::from_number(created.parse().ok()?), key: key.to_owned() })
    };
    parse().ok_or_else(|| Problem::malformed("continue", "is not what a list-jobs call returned; begin without it"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_leads_back_to_its_place_and_nothing_else_is_one() {
        let there = Place { created: Seconds::from_number(1_769_000_000), key: "team-a/nightly".to_owned() };
        assert_eq!(place(&token(&there)).unwrap(), there);
        let encoded = |text: &str| URL_SAFE_NO_PAD.encode(text);
        for bad in ["", "garbage", "%%%", &encoded("1/a"), &encoded("x/a/b"), &encoded("1/a/../b"), &encoded("-1/a/b")]
        {
            assert_eq!(place(bad).unwrap_err().status, 400, "{bad}");
        }
    }
}
