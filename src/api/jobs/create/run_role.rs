//! The limits of the role `run` in create-job and create-batch. The check comes before anything is read, so a refusal
//! reveals nothing.

use crate::api::context::RequestContext;
use crate::api::jobs::create::body::Source;
use crate::auth::Denied;
use crate::auth::role::Role;
use crate::jobs::manifest::raw::Members;
use crate::util::template_name::{TemplateKind, TemplateName};
use crate::util::text::shown_name;

/// The override that the role may set. It decides only when a finished job is deleted.
const ALLOWED_OVERRIDE: &str = "ttl_seconds_after_finished";

/// Refuses what the role `run` does not include. Callers with another role may go on.
pub(super) fn check(ctx: &RequestContext, source: &Source, has_field_validation: bool) -> Result<(), Denied> {
    if !ctx.caller().is_limited_to_templates() {
        return Ok(());
    }
    let template = match source {
        Source::Template(call) => Some((&call.template, &call.overrides)),
        Source::Manifest(_) => None,
    };
    check_template(ctx, template.map(|(template, _)| template), template.into_iter().map(|(_, overrides)| overrides))?;
    // The reply shows the environment of the template.
    if ctx.info.is_dry_run {
        return Err(Denied::NotForRoleRun("make a dry run".to_owned()));
    }
    if has_field_validation {
        return Err(Denied::NotForRoleRun("set field_validation".to_owned()));
    }
    Ok(())
}

/// Refuses what the role `run` does not include: another template, or none, and most overrides.
pub(in crate::api) fn check_template<'a>(
    ctx: &RequestContext,
    template: Option<&TemplateName>,
    overrides: impl Iterator<Item = &'a Members>,
) -> Result<(), Denied> {
    let caller = ctx.caller();
    if !caller.is_limited_to_templates() {
        return Ok(());
    }
    let template = template.ok_or(Denied::Role { has: Role::Run, needs: Role::Write })?;
    if template.kind() == TemplateKind::Job {
        return Err(Denied::NotForRoleRun("run a Job again".to_owned()));
    }
    caller.may_use_template(template)?;
    if let Some(name) = overrides.flat_map(Members::keys).find(|name| *name != ALLOWED_OVERRIDE) {
        return Err(Denied::NotForRoleRun(format!("set overrides.{}", shown_name(name))));
    }
    Ok(())
}
