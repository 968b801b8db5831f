//! Makes the head and the members of a call from its body: [`Plan`]. Everything here is a pure function.

mod base;
mod head;
mod input;
mod member;

use std::collections::HashMap;

use crate::jobs::batches::MAX_MEMBERS;
use crate::jobs::batches::description::Description;
use crate::jobs::batches::plan::base::{Checked, check};
pub use crate::jobs::batches::plan::input::{BatchInput, JobInput, Source};
use crate::jobs::idempotency::{BoundKey, IdempotencyKey, OwnershipStamp};
use crate::jobs::manifest::metadata::Origin;
use crate::jobs::manifest::raw::Members;
use crate::jobs::manifest::{Invalid, Manifest, bind};
use crate::jobs::template::{Error, Overrides, Template, parameters};
use crate::jobs::text::shortened;
use crate::kube::names::{BatchName, Namespace};

const MAX_ID_CHARS: usize = 63;
const TTL_REMOVED: &str = "ttlSecondsAfterFinished of the jobs is left out: they stay until their batch is deleted; ttl_seconds_after_finished of the batch deletes them together";

/// A call whose form is right.
#[derive(Debug)]
pub struct Plan {
    name: BatchName,
    namespace: Namespace,
    stamp: OwnershipStamp,
    description: Description,
    notify: Option<String>,
    base: Base,
    parameters: parameters::Values,
    overrides: Overrides,
    jobs: Vec<PlannedJob>,
}

/// The manifest of the jobs that have none of their own, as [`check`] returns it.
#[derive(Debug)]
enum Base {
    Manifest(Manifest),
    Template(Box<Template>, Origin),
    None,
}

#[derive(Debug)]
struct PlannedJob {
    /// Its own manifest, as [`check`] returns it.
    manifest: Option<Manifest>,
    parameters: parameters::Values,
    overrides: Overrides,
    warnings: Vec<String>,
}

impl Plan {
    /// Checks the form of the call: its size, its ids, its manifests, and the types of its parameters and overrides.
    pub fn new(name: BatchName, namespace: Namespace, request_id: &str, input: BatchInput) -> Result<Self, Error> {
        let BatchInput { source, jobs, ttl_seconds_after_finished: ttl, notify, bound, .. } = input;
        let size = u32::try_from(jobs.len()).unwrap_or(u32::MAX);
        if !(1..=MAX_MEMBERS).contains(&size) {
            return Err(Invalid::value("jobs", format!("has {size} jobs; send 1 to {MAX_MEMBERS}")).into());
        }
        if ttl.is_some_and(|ttl| i32::try_from(ttl).is_err()) {
            let message = format!("must be from 0 to {}", i32::MAX);
            return Err(Invalid::value("ttl_seconds_after_finished", message).into());
        }
        let ids = ids(&jobs)?;
        let mut warnings = Vec::new();
        let mut had_ttl = false;
        let mut checked = |manifest| {
            let Checked { manifest, warnings, had_ttl: ttl } = check(manifest, &name, &namespace)?;
            had_ttl |= ttl;
            Ok::<_, Invalid>((manifest, warnings))
        };
        let base = match source {
            Source::Manifest(manifest) => {
                let (manifest, found) = checked(manifest)?;
                warnings = found;
                Base::Manifest(manifest)
            }
            Source::Template(template) => {
                let found = checked(template.manifest.clone());
                let (manifest, found) = found.map_err(|invalid| Error::of_template(&template.name, &invalid))?;
                warnings = found;
                let template = Template { manifest, ..(*template).clone() };
                let (name, version) = (template.name.clone(), template.version.clone());
                Base::Template(Box::new(template), Origin { template: name, version, call: Members::new() })
            }
            Source::None => Base::None,
        };
        let mut planned = Vec::new();
        for (index, job) in jobs.into_iter().enumerate() {
            let job = planned_job(job, &base, &mut checked).map_err(|invalid| of_job(index, invalid))?;
            planned.push(job);
        }
        let mut overrides = Overrides::parse(&input.overrides)?;
        if matches!(base, Base::None) && !input.overrides.is_empty() {
            let message = "is for a common job_manifest or template only: write it into jobs[].overrides";
            return Err(Invalid::form("overrides", message).into());
        }
        let parameters = parameters_of_template(&input.parameters, matches!(base, Base::Template(..)))?;
        had_ttl |= overrides.take_ttl();
        for job in &mut planned {
            had_ttl |= job.overrides.take_ttl();
        }
        if had_ttl {
            warnings.push(TTL_REMOVED.to_owned());
        }
        if let Some(first) = planned.first_mut() {
            first.warnings.splice(..0, warnings);
        }
        let description = Description {
            size,
            ids,
            ttl_seconds_after_finished: ttl,
            key: Some(bound.key.as_str().into()),
            body: bound.body.as_str().into(),
        };
        let stamp = OwnershipStamp::new(request_id, Some(bound));
        Ok(Self { name, namespace, stamp, description, notify, base, parameters, overrides, jobs: planned })
    }

    /// The number of members.
    pub const fn size(&self) -> u32 {
        self.description.size
    }

    /// Returns the id of a member, if it has one.
    pub fn id(&self, index: u32) -> Option<&str> {
        self.description.id(index as usize)
    }

    /// Returns the content of the head's annotation.
    pub const fn description(&self) -> &Description {
        &self.description
    }
}

/// Binds a key to the members of a call, with its namespace if it gives one.
pub fn bind_call(key: &IdempotencyKey, call: &Members) -> Result<BoundKey, Invalid> {
    bind(key, call, None, None)
}

/// Returns the error about an item of `jobs`.
fn of_job(index: impl std::fmt::Display, invalid: Invalid) -> Invalid {
    Invalid { field: format!("jobs[{index}].{}", invalid.field).into(), ..invalid }
}

/// The fields of errors begin with the member of the item.
fn planned_job(
    job: JobInput,
    base: &Base,
    checked: &mut impl FnMut(Manifest) -> Result<(Manifest, Vec<String>), Invalid>,
) -> Result<PlannedJob, Invalid> {
    let is_from_template = job.manifest.is_none() && matches!(base, Base::Template(..));
    if job.manifest.is_none() && matches!(base, Base::None) {
        let message = "is missing, and the batch has no common job_manifest or template: send one of them";
        return Err(Invalid::form("job_manifest", message));
    }
    let (manifest, warnings) = job.manifest.map(checked).transpose()?.unzip();
    Ok(PlannedJob {
        manifest,
        parameters: parameters_of_template(&job.parameters, is_from_template)?,
        overrides: Overrides::parse(&job.overrides)?,
        warnings: warnings.unwrap_or_default(),
    })
}

fn parameters_of_template(given: &Members, is_from_template: bool) -> Result<parameters::Values, Invalid> {
    if !is_from_template && !given.is_empty() {
        return Err(Invalid::form("parameters", "is for a template only: write it into job_manifest"));
    }
    parameters::parse(given)
}

/// Returns the ids. Empty if no job has one.
fn ids(jobs: &[JobInput]) -> Result<Vec<Option<Box<str>>>, Invalid> {
    let mut places = HashMap::new();
    for (index, id) in jobs.iter().enumerate().filter_map(|(index, job)| Some((index, job.id.as_deref()?))) {
        let field = || format!("jobs[{index}].id");
        if id.is_empty() || id.chars().count() > MAX_ID_CHARS || id.contains(char::is_control) {
            return Err(Invalid::value(field(), "must be 1 to 63 characters without control characters"));
        }
        if let Some(first) = places.insert(id, index) {
            let message = format!("\"{}\" is the id of jobs[{first}] too; give each job its own", shortened(id));
            return Err(Invalid::value(field(), message));
        }
    }
    let has_ids = !places.is_empty();
    Ok(jobs.iter().filter(|_| has_ids).map(|job| job.id.as_deref().map(Into::into)).collect())
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "member_tests.rs"]
mod member_tests;

#[cfg(test)]
#[path = "property_tests.rs"]
mod properties;
