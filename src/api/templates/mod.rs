//! list-templates: the `CronJobs` from the cluster and the presets, in one order.

mod entry;
mod key;
mod page;
pub(in crate::api) mod source;

use std::sync::Arc;

use hyper::StatusCode;
use serde::Serialize;

use crate::api::context::RequestContext;
use crate::api::jobs::list::pages::MAX_PAGE;
use crate::api::templates::entry::Entry;
use crate::api::templates::key::Key;
use crate::api::templates::page::{Page, Row};
use crate::http::request::parameters::parse_namespace;
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;
use crate::jobs::filter::Filter;
use crate::jobs::manifest::raw::{self, Members};
use crate::jobs::policy::Policy;
use crate::jobs::template::Template;
use crate::kube::error::Error;
use crate::kube::types::List;
use crate::kube::url::Path;
use crate::util::template_name::{TemplateKind, TemplateName};

/// The most pages of `CronJobs` that a call reads.
const MAX_PAGES: u32 = 50;
/// The warning if the API server does not know batch/v1 CronJobs. A list of an empty or missing namespace is never 404.
const NOT_SERVED: &str =
    "the CronJobs are missing: this cluster does not serve them as batch/v1, as Kubernetes does from 1.21";
/// The `CronJobs` of a page. A reply of the API server may have 16 MiB, and a large CronJob has some 100 kB.
const PAGE: u32 = 100;

/// The answer.
#[derive(Serialize)]
struct Listed<'a> {
    templates: Vec<Entry<'a>>,
    cluster: &'a str,
    /// The start of the next page; null on the last one.
    r#continue: Option<String>,
    warnings: Vec<String>,
}

/// The answer while the templates are read.
struct Reading<'a> {
    cluster: &'a str,
    filter: Filter,
    page: Page<'a>,
    warnings: Vec<String>,
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
    let after = token.map(|token| Key::parse(&ctx.cluster.tag_prefix, token)).transpose()?;
    let cluster = Arc::clone(ctx.cluster.name());
    let mut reading = Reading {
        cluster: &cluster,
        filter: Filter { namespace, allowed: ctx.allowed_namespaces(), ..Filter::default() },
        page: Page::new(after, limit),
        warnings: Vec::new(),
    };
    reading.read_cron_jobs(ctx).await?;
    reading.read_presets(ctx);
    let Reading { page, mut warnings, .. } = reading;
    let (rows, last) = page.finish();
    let mut templates = Vec::with_capacity(rows.len());
    for Row { entry, warning } in rows {
        templates.push(entry);
        warnings.extend(warning);
    }
    let next = last.map(|last| last.encode(&ctx.cluster.tag_prefix));
    Reply::json(StatusCode::OK, &Listed { templates, cluster: &cluster, r#continue: next, warnings })
}

impl Reading<'_> {
    /// Reads all `CronJobs` at each call: the API server's own `continue` names objects that the caller may not see, and
    /// its order is another one. Without the right to list them there is a warning.
    async fn read_cron_jobs(&mut self, ctx: &mut RequestContext) -> Result<(), Problem> {
        ctx.enter()?;
        // A list costs the cluster far more than any other call. So a caller has one at a time.
        let limits = Arc::clone(&ctx.limits);
        let _turn = limits.acquire_list(ctx.caller_id()).await?;
        let mut token = None;
        for _ in 0..MAX_PAGES {
            let path = Path::cron_jobs_page(self.filter.namespace.as_ref(), PAGE, token.as_deref());
            let list: List<Members> = match ctx.client()?.get(&path).await {
                Err(Error::Refused(refusal)) if refusal.code == 410 => return Err(expired()),
                Err(error @ Error::Refused(_)) => {
                    let problem = Problem::from(error);
                    self.warnings.push(match problem.status {
                        StatusCode::FORBIDDEN => missing(&problem),
                        StatusCode::NOT_FOUND => NOT_SERVED.to_owned(),
                        _ => return Err(problem),
                    });
                    return Ok(());
                }
                list => list?,
            };
            for cron_job in list.items.unwrap_or_default() {
                self.add_cron_job(ctx, &cron_job);
            }
            if list.metadata.r#continue.is_empty() {
                return Ok(());
            }
            token = Some(list.metadata.r#continue);
        }
        self.warnings.push(self.incomplete());
        Ok(())
    }

    fn add_cron_job(&mut self, ctx: &RequestContext, cron_job: &Members) {
        let metadata = raw::object(cron_job, "metadata").unwrap_or_default();
        let text = |key| raw::get(&metadata, key).and_then(raw::parse::<String>).unwrap_or_default();
        let (namespace, name) = (text("namespace"), text("name"));
        let Some(template) = TemplateName::new(TemplateKind::CronJob, &name) else { return };
        if !self.filter.selects(&namespace, &name) || !may_see(ctx, &template) {
            return;
        }
        let cluster = self.cluster;
        let key = Key::new(Some(&namespace), &template);
        self.page.add(key, || row(cluster, &template, namespace, cron_job));
    }

    fn read_presets(&mut self, ctx: &RequestContext) {
        let cluster = self.cluster;
        for preset in ctx.state.presets.current().values() {
            let namespace = preset.namespace.as_ref().map(ToString::to_string);
            let is_selected = |namespace: &String| self.filter.selects(namespace, preset.name.name());
            if namespace.as_ref().is_none_or(is_selected) && may_see(ctx, &preset.name) {
                let row = || Row { entry: Entry::of_preset(cluster, preset), warning: None };
                self.page.add(Key::new(namespace.as_deref(), &preset.name), row);
            }
        }
    }

    fn incomplete(&self) -> String {
        let read = MAX_PAGES * PAGE;
        match &self.filter.namespace {
            Some(namespace) => {
                format!(
                    "the list is not complete: the service reads the first {read} CronJobs of namespace {namespace}"
                )
            }
            None => format!("the list is not complete: the service reads the first {read} CronJobs; name a namespace"),
        }
    }
}

fn row<'a>(cluster: &'a str, name: &TemplateName, namespace: String, cron_job: &Members) -> Row<'a> {
    let (template, warning) = match Template::from_cron_job(name.clone(), cron_job) {
        Ok(template) => (Some(template), None),
        Err(error) => (None, Some(format!("namespace {namespace}: {error}"))),
    };
    Row { entry: Entry::of_cron_job(cluster, name, namespace, cron_job, template.as_ref()), warning }
}

/// A key of the role `run` sees only the templates that it names.
fn may_see(ctx: &RequestContext, template: &TemplateName) -> bool {
    !ctx.caller().is_limited_to_templates() || ctx.caller().may_use_template(template).is_ok()
}

fn expired() -> Problem {
    let detail = "the cluster's list of CronJobs expired while it was read; call again";
    Problem::new(StatusCode::GONE, "Expired", detail)
}

fn missing(problem: &Problem) -> String {
    let detail = &problem.detail;
    format!(
        "the CronJobs are missing: {detail}; grant list cronjobs.batch, as eks-api-use-templates of deploy/rbac.yaml does"
    )
}
