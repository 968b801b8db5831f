//! Reads the filter of list-jobs and watch-jobs from the query.

use crate::api::context::RequestContext;
use crate::http::request::parameters::parse_namespace;
use crate::http::response::problem::Problem;
use crate::jobs::filter::Filter;
use crate::jobs::label_selector::Selector;
use crate::jobs::policy::Policy;
use crate::jobs::state::State;
use crate::util::template_name::{TemplateKind, TemplateName};

/// Returns the jobs that the query selects, within the namespaces that the service and the caller may use.
pub(crate) fn filter(ctx: &mut RequestContext) -> Result<Filter, Problem> {
    let parameters = &ctx.parameters;
    let job = parameters.optional("job_name").map(|_| parameters.job_name()).transpose()?;
    let selector = Selector::parse(parameters.optional("label_selector").unwrap_or(""))
        .map_err(|error| Problem::malformed("label_selector", &error.to_string()))?;
    let state = parameters.optional("state").map(state).transpose()?;
    let template = parameters.optional("template").map(template).transpose()?;
    let batch = parameters.optional("batch_name").map(|_| parameters.batch_name()).transpose()?;
    ctx.info.object.job.clone_from(&job);
    Ok(Filter { job, selector, state, template, batch, ..in_namespaces(ctx)? })
}

/// Returns all jobs of the namespace in the query. Without one, of all namespaces that service and caller may use.
pub(in crate::api) fn in_namespaces(ctx: &mut RequestContext) -> Result<Filter, Problem> {
    let named = ctx.parameters.optional("namespace");
    let namespace = named.map(|name| parse_namespace("namespace", name)).transpose()?;
    ctx.info.object.namespace.clone_from(&namespace);
    if let Some(namespace) = &namespace {
        ctx.check_namespace(Policy::may_use, namespace)?;
    }
    Ok(Filter { allowed: ctx.allowed_namespaces(), namespace, ..Filter::default() })
}

fn state(name: &str) -> Result<State, Problem> {
    let found = State::ALL.into_iter().find(|state| state.name() == name);
    let names = || State::ALL.map(State::name).join(", ");
    found.ok_or_else(|| Problem::malformed("state", &format!("must be one of {}", names())))
}

fn template(name: &str) -> Result<TemplateName, Problem> {
    let forms = || TemplateKind::ALL.map(|kind| format!("{}/NAME", kind.name())).join(", ");
    TemplateName::parse(name).ok_or_else(|| {
        let message =
            format!("must be one of {}; NAME has at most 63 lower case letters, digits, '-' and '.'", forms());
        Problem::malformed("template", &message)
    })
}
