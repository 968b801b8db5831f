//! The parameters that the calls about the history share, and the way to the database: [`Reader`].

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::StatusCode;

use crate::api::context::RequestContext;
use crate::api::jobs::exits;
use crate::api::jobs::list::filter::filter;
use crate::api::jobs::list::pages::MAX_PAGE;
use crate::api::routes::access::SEE_JOBS;
use crate::auth::AccessRequest;
use crate::config::moment;
pub(in crate::api) use crate::config::moment::{now, seconds};
use crate::history::History;
use crate::history::query::Cursor;
use crate::history::query::filter::RunFilter;
use crate::history::query::run::Run;
use crate::history::store::ReadError;
use crate::http::limits::cluster_limits::Permit;
use crate::http::limits::limiter::overloaded;
use crate::http::request::parameters::Parameters;
use crate::http::response::problem::Problem;
use crate::jobs::filter::Filter;
use crate::jobs::state::State;

const DEFAULT_LIMIT: u32 = 100;
/// The most bytes of a caller's name. No record has a longer one.
const MAX_CALLER_LEN: usize = 256;
/// The longest time of a query. It never exceeds the rest of the request's time.
const MAX_READ_TIME: Duration = Duration::from_secs(10);
/// The service tries again each minute to use the database.
const RETRY_AFTER: Duration = Duration::from_mins(1);

/// `since` and `until` in milliseconds since 1970, rounded up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::api) struct Times {
    pub(in crate::api) since: Option<i64>,
    pub(in crate::api) until: Option<i64>,
}

pub(in crate::api) fn times(parameters: &Parameters, now: i64) -> Result<Times, Problem> {
    let time = |name| parameters.optional(name).map(|text| time(name, text, now)).transpose();
    let (since, until) = (time("since")?, time("until")?);
    if since.zip(until).is_some_and(|(since, until)| since > until) {
        return Err(Problem::malformed("since", "is after until; give an earlier time, or a larger age"));
    }
    Ok(Times { since, until })
}

/// Parses an RFC 3339 time, or an age.
pub(in crate::api) fn time(name: &str, text: &str, now: i64) -> Result<i64, Problem> {
    let message = "must be an RFC 3339 time, such as 2026-01-20T10:30:00Z, or an age, such as 90s, 24h or 7d";
    moment::parse(text, now).ok_or_else(|| Problem::malformed(name, message))
}

/// Returns the value of a parameter that has one of these values.
pub(in crate::api) fn one_of(parameters: &Parameters, name: &str, values: &[&str]) -> Result<Option<String>, Problem> {
    let Some(value) = parameters.optional(name) else { return Ok(None) };
    let wrong = || Problem::malformed(name, &format!("must be one of {}", values.join(", ")));
    values.contains(&value).then(|| Some(value.to_owned())).ok_or_else(wrong)
}

pub(super) fn caller(parameters: &Parameters) -> Result<Option<String>, Problem> {
    match parameters.optional("caller") {
        Some(name) if name.is_empty() || name.len() > MAX_CALLER_LEN => {
            let message = format!("must be the name of a caller, of 1 to {MAX_CALLER_LEN} bytes");
            Err(Problem::malformed("caller", &message))
        }
        name => Ok(name.map(str::to_owned)),
    }
}

/// Returns the runs that the query selects, within the namespaces that the service and the caller may use.
pub(super) fn runs(ctx: &mut RequestContext, Times { since, until }: Times) -> Result<RunFilter, Problem> {
    let caller = caller(&ctx.parameters)?;
    let Filter { allowed, namespace, job, selector, state, template, batch } = filter(ctx)?;
    Ok(RunFilter {
        cluster: ctx.cluster.name().to_string(),
        namespace: namespace.map(|name| name.to_string()),
        allowed,
        job_name: job.map(|name| name.to_string()),
        uid: None,
        state: state.map(State::name).map(str::to_owned),
        since: since.map(seconds),
        until: until.map(seconds),
        batch_name: batch.map(|name| name.to_string()),
        template: template.map(|name| name.to_string()),
        caller,
        selector,
    })
}

/// Returns the limit of a page, and the place after which it begins. The mark is that of the call.
pub(in crate::api) fn page(ctx: &RequestContext, mark: &str) -> Result<(usize, Option<Cursor>), Problem> {
    let limit = ctx.parameters.number("limit", 1..=MAX_PAGE)?.unwrap_or(DEFAULT_LIMIT) as usize;
    let token = ctx.parameters.optional("continue").filter(|token| !token.is_empty());
    let message = "is not a value that this call returned for this cluster; list again without it";
    let parse = |token| decode(&ctx.cluster.tag_prefix, mark, token);
    let after = token.map(|token| parse(token).ok_or_else(|| Problem::malformed("continue", message)));
    Ok((limit, after.transpose()?))
}

/// Returns the `continue` of the next page.
pub(in crate::api) fn next(ctx: &RequestContext, mark: &str, next: Option<Cursor>) -> Option<String> {
    next.map(|next| encode(&ctx.cluster.tag_prefix, mark, next))
}

fn encode(prefix: &str, mark: &str, Cursor { time, id }: Cursor) -> String {
    URL_SAFE_NO_PAD.encode(format!("{prefix}{mark}/{time}/{id}"))
}

fn decode(prefix: &str, mark: &str, token: &str) -> Option<Cursor> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    let (time, id) = text.strip_prefix(prefix)?.strip_prefix(mark)?.strip_prefix('/')?.split_once('/')?;
    Some(Cursor { time: time.parse().ok()?, id: id.parse().ok()? })
}

/// Checks that the caller may list the jobs of the namespace that the call names, or of all namespaces.
pub(super) async fn authorize(ctx: &mut RequestContext) -> Result<(), Problem> {
    let namespace = ctx.info.object.namespace.clone();
    let jobs = AccessRequest { permission: SEE_JOBS, namespace: namespace.as_ref(), name: None };
    ctx.authorize(&[jobs]).await
}

/// Hides the exit codes and termination messages from a caller who may not list the pods.
pub(super) async fn hide_exits(ctx: &mut RequestContext, runs: &mut [Run]) -> Result<(), Problem> {
    let namespace = ctx.info.object.namespace.clone();
    let has_exits = runs.iter().any(|run| run.exit_code.is_some() || run.termination_message.is_some());
    if has_exits && !exits::caller_may_see(ctx, namespace.as_ref()).await? {
        for run in runs {
            (run.exit_code, run.termination_message) = (None, None);
        }
    }
    Ok(())
}

/// The right to run one query. It holds no permit of a cluster: a slow history stops no other call.
#[derive(Debug)]
pub(in crate::api) struct Reader {
    pub(in crate::api) history: Arc<History>,
    pub(in crate::api) time: Duration,
    sees_reasons: bool,
    _turn: Permit,
}

impl Reader {
    /// Called after the access is decided. 501 without a history.
    pub(in crate::api) async fn new(ctx: &mut RequestContext) -> Result<Self, Problem> {
        let history = ctx.state.history.clone().ok_or_else(Problem::no_history)?;
        drop(ctx.take_permit());
        let turn = ctx.state.calls.history.acquire(ctx.caller_id()).await?;
        let sees_reasons = ctx.state.auth.may_see_diagnostics(ctx.caller());
        Ok(Self { history, time: ctx.time_left().min(MAX_READ_TIME), sees_reasons, _turn: turn })
    }

    /// Returns the problem of a query that failed.
    pub(in crate::api) fn problem(&self, error: ReadError) -> Problem {
        match error {
            ReadError::Unavailable(reason) => {
                let detail = if self.sees_reasons {
                    format!("the history cannot be used: {reason}")
                } else {
                    "the history cannot be used now; the check history in /health has the reason".to_owned()
                };
                Problem::unavailable("history_unavailable", detail, RETRY_AFTER).because(reason)
            }
            ReadError::Busy => overloaded("too many calls read the history at a time; try again"),
            ReadError::Timeout => {
                let detail = "the history was read for too long: narrow the time with since and until, \
                              or name a namespace, a job, a template or a caller";
                Problem::new(StatusCode::GATEWAY_TIMEOUT, "history_timeout", detail)
            }
        }
    }
}

#[cfg(test)]
#[path = "query_tests.rs"]
mod tests;
