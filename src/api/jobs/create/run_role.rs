//! The limits of the role `run` in create-job. The check comes before anything is read, so a refusal reveals nothing.

use crate::api::context::RequestContext;
use crate::api::jobs::create::body::Source;
use crate::auth::Denied;
use crate::auth::role::Role;
use crate::util::template_name::TemplateKind;
use crate::util::text::shown_name;

/// The override that the role may set. It decides only when a finished job is deleted.
const ALLOWED_OVERRIDE: &str = "ttl_seconds_after_finished";

/// Refuses what the role `run` does not include. Callers with another role may go on.
pub(super) fn check(ctx: &RequestContext, source: &Source, has_field_validation: bool) -> Result<(), Denied> {
    let caller = ctx.caller();
    if !caller.is_limited_to_templates() {
        return Ok(());
    }
    let Source::Template(call) = source else {
        return Err(Denied::Role { has: Role::Run, needs: Role::Write });
    };
    if call.template.kind() == TemplateKind::Job {
        return Err(Denied::NotForRoleRun("run a Job again".to_owned()));
    }
    caller.may_use_template(&call.template)?;
    if let Some(name) = call.overrides.keys().find(|name| *name != ALLOWED_OVERRIDE) {
        return Err(Denied::NotForRoleRun(format!("set overrides.{}", shown_name(name))));
    }
    // The reply shows the environment of the template.
    if ctx.info.is_dry_run {
        return Err(Denied::NotForRoleRun("make a dry run".to_owned()));
    }
    if has_field_validation {
        return Err(Denied::NotForRoleRun("set field_validation".to_owned()));
    }
    Ok(())
}
