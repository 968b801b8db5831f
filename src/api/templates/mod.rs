//! list-templates: the `CronJobs`, from the cluster, and then the presets.

mod entry;
mod pagination;

use std::ops::Bound;
use std::sync::Arc;

use hyper::StatusCode;
use serde::Serialize;

use crate::api::context::RequestContext;
use crate::api::jobs::list::pages::MAX_PAGE;
use crate::api::jobs::list::pagination::expired;
use crate::api::routes::access::SEE_CRON_JOBS;
use crate::api::templates::entry::Entry;
use crate::api::templates::pagination::Cursor;
use crate::auth::AccessRequest;
use crate::config::pattern::Patterns;
use crate::http::request::parameters::parse_namespace;
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;
use crate::jobs::policy::Policy;
use crate::jobs::template::declaration;
use crate::kube::error::Error;
use crate::kube::names::Namespace;
use crate::kube::types::{CronJob, List};
use crate::kube::url::Path;
use crate::util::template_name::{TemplateKind, TemplateName};

/// The most pages that are read from the cluster for one page of templates.
const MAX_PAGES: usize = 10;

/// The answer.
#[derive(Serialize)]
struct Listed<'a> {
    templates: Vec<Entry<'a>>,
    cluster: &'a str,
    /// The start of the next page; null on the last one.
    r#continue: Option<String>,
    warnings: Vec<String>,
}

/// The templates that a call is for.
struct Filter {
    namespace: Option<Namespace>,
    allowed: Vec<Patterns>,
}

impl Filter {
    fn allows(&self, namespace: &str) -> bool {
        self.allowed.iter().all(|allowed| allowed.matches(namespace))
            && self.namespace.as_ref().is_none_or(|wanted| wanted.as_str() == namespace)
    }
}

pub(super) async fn list_templates(ctx: &mut RequestContext) -> Result<Reply, Problem> {
    ctx.count()?;
    let parameters = &ctx.parameters;
    let namespace = parameters.optional("namespace").map(|name| parse_namespace("namespace", name)).transpose()?;
    ctx.info.object.namespace.clone_from(&namespace);
    if let Some(namespace) = &namespace {
        ctx.check_namespace(Policy::may_use, namespace)?;
    }
    let limit = ctx.parameters.number("limit", 1..=MAX_PAGE)?.unwrap_or(MAX_PAGE) as usize;
    let token = ctx.parameters.optional("continue").filter(|token| !token.is_empty());
    let from = token.map(|token| Cursor::parse(&ctx.cluster.tag_prefix, token)).transpose()?;
    let filter = Filter { namespace, allowed: ctx.allowed_namespaces() };
    let cluster = Arc::clone(ctx.cluster.name());
    let mut listed = Listed { templates: Vec::new(), cluster: &cluster, r#continue: None, warnings: Vec::new() };
    let next = match from {
        Some(Cursor::Presets(last)) => {
            check_caller(ctx, &filter, &mut listed).await?;
            Cursor::Presets(last)
        }
        Some(Cursor::CronJobs(token)) => list_cron_jobs(ctx, &filter, Some(token), limit, &mut listed).await?,
        None => list_cron_jobs(ctx, &filter, None, limit, &mut listed).await?,
    };
    let next = match next {
        Cursor::Presets(last) => list_presets(ctx, &filter, last.as_deref(), limit, &mut listed),
        in_cron_jobs @ Cursor::CronJobs(_) => Some(in_cron_jobs),
    };
    listed.r#continue = next.map(|next| next.encode(&ctx.cluster.tag_prefix));
    Reply::json(StatusCode::OK, &listed)
}

/// Checks the caller's token in the cluster, if it has one. A page of presets asks the cluster for nothing else.
async fn check_caller(ctx: &mut RequestContext, filter: &Filter, listed: &mut Listed<'_>) -> Result<(), Problem> {
    let request = AccessRequest { permission: SEE_CRON_JOBS, namespace: filter.namespace.as_ref(), name: None };
    match ctx.authorize(&[request]).await {
        Err(problem) if problem.status == StatusCode::FORBIDDEN => {
            listed.warnings.push(missing(&problem));
            Ok(())
        }
        checked => checked,
    }
}

/// Lists `CronJobs` up to the limit, and returns where to go on. Without the right to list them, the presets follow.
async fn list_cron_jobs(
    ctx: &mut RequestContext,
    filter: &Filter,
    mut token: Option<String>,
    limit: usize,
    listed: &mut Listed<'_>,
) -> Result<Cursor, Problem> {
    ctx.enter()?;
    // A list costs the cluster far more than any other call. So a caller has one at a time.
    let limits = Arc::clone(&ctx.limits);
    let _turn = limits.acquire_list(ctx.caller_id()).await?;
    for _ in 0..MAX_PAGES {
        let room = u32::try_from(limit.saturating_sub(listed.templates.len())).unwrap_or(MAX_PAGE);
        let path = Path::cron_jobs_page(filter.namespace.as_ref(), room, token.as_deref());
        let page: List<CronJob> = match ctx.client()?.get(&path).await {
            Err(Error::Refused(refusal)) if refusal.code == 410 => return Err(expired()),
            Err(error @ Error::Refused(_)) => {
                let problem = Problem::from(error);
                if problem.status != StatusCode::FORBIDDEN {
                    return Err(problem);
                }
                listed.warnings.push(missing(&problem));
                return Ok(Cursor::Presets(None));
            }
            page => page?,
        };
        for cron_job in page.items.unwrap_or_default() {
            add_cron_job(ctx, filter, cron_job, listed);
        }
        if page.metadata.r#continue.is_empty() {
            return Ok(Cursor::Presets(None));
        }
        token = Some(page.metadata.r#continue);
        if listed.templates.len() >= limit {
            break;
        }
    }
    Ok(token.map_or(Cursor::Presets(None), Cursor::CronJobs))
}

fn add_cron_job(ctx: &RequestContext, filter: &Filter, cron_job: CronJob, listed: &mut Listed<'_>) {
    let (namespace, name) = (&cron_job.metadata.namespace, &cron_job.metadata.name);
    let Some(name) = TemplateName::new(TemplateKind::CronJob, name) else { return };
    if !filter.allows(namespace) || !may_see(ctx, &name) {
        return;
    }
    let annotations = [&cron_job.metadata.annotations, &cron_job.spec.job_template.metadata.annotations];
    let declared = annotations.into_iter().find_map(|annotations| annotations.get(declaration::ANNOTATION));
    let parameters = declared.map(|declared| declaration::parse(declared)).transpose().unwrap_or_else(|why| {
        let annotation = declaration::ANNOTATION;
        listed.warnings.push(format!("{name} in namespace {namespace}: the annotation {annotation} is wrong: {why}"));
        None
    });
    listed.templates.push(Entry::of_cron_job(listed.cluster, &name, cron_job, parameters.unwrap_or_default()));
}

/// Lists presets after the last one up to the limit, and returns where to go on.
fn list_presets(
    ctx: &RequestContext,
    filter: &Filter,
    last: Option<&str>,
    limit: usize,
    listed: &mut Listed<'_>,
) -> Option<Cursor> {
    let presets = ctx.state.presets.current();
    let after = last.map_or(Bound::Unbounded, Bound::Excluded);
    let mut shown = last;
    let visible = presets.range::<str, _>((after, Bound::Unbounded)).filter(|(_, preset)| {
        entry::namespace(preset).is_none_or(|namespace| filter.allows(&namespace)) && may_see(ctx, &preset.name)
    });
    for (name, preset) in visible {
        if listed.templates.len() >= limit {
            return Some(Cursor::Presets(shown.map(str::to_owned)));
        }
        listed.templates.push(Entry::of_preset(listed.cluster, preset));
        shown = Some(name);
    }
    None
}

/// A key of the role `run` sees only the templates that it names.
fn may_see(ctx: &RequestContext, template: &TemplateName) -> bool {
    !ctx.caller().is_limited_to_templates() || ctx.caller().may_use_template(template).is_ok()
}

fn missing(problem: &Problem) -> String {
    let detail = &problem.detail;
    format!(
        "the CronJobs are missing: {detail}; grant list cronjobs.batch, as eks-api-use-templates of deploy/rbac.yaml does"
    )
}
