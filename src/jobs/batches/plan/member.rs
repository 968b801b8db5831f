//! The members of a batch: [`Plan::member`].

use std::borrow::Cow;

use serde::Serialize;

use crate::jobs::batches::membership::MEMBER_LABEL;
use crate::jobs::batches::plan::{Base, Plan, PlannedJob, of_job};
use crate::jobs::manifest::metadata::{Identity, Origin};
use crate::jobs::manifest::raw::{self, Members};
use crate::jobs::manifest::variables::{self, BATCH_VARIABLES};
use crate::jobs::manifest::{Invalid, JobManifest, Manifest, image, to_body};
use crate::jobs::template::{Error, Instance, Overrides, apply, instantiate};
use crate::jobs::text::member;

/// The largest manifest of a member, as it is sent.
const MAX_MANIFEST_BYTES: usize = 1 << 20;
const INDEX_ANNOTATION: &str = "eks-api/batch-index";
const ID_ANNOTATION: &str = "eks-api/batch-id";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OwnerReference<'a> {
    api_version: &'static str,
    kind: &'static str,
    name: &'a str,
    uid: &'a str,
    block_owner_deletion: bool,
}

impl Plan {
    /// Returns a member to create, whose owner is the head with this uid. The same index gives the same member.
    ///
    /// Members have warnings in common: show each text once. [`Invalid::is_too_large`] marks a manifest beyond 1 MiB.
    pub fn member(&self, index: u32, head_uid: &str) -> Result<JobManifest, Error> {
        let job = self.job(index)?;
        let Instance { mut manifest, mut warnings } = self.instance(index, job)?;
        let name = self.name.member(index);
        let mut metadata = raw::object(&manifest, "metadata").unwrap_or_default();
        let head = self.name.as_str();
        let owner = OwnerReference {
            api_version: "batch/v1",
            kind: "Job",
            name: head,
            uid: head_uid,
            block_owner_deletion: false,
        };
        metadata.insert("ownerReferences".to_owned(), raw::write(&[owner]));
        let origin = self.origin(job);
        let place = index.to_string();
        let mut annotations = vec![(INDEX_ANNOTATION, place.as_str())];
        annotations.extend(self.id(index).map(|id| (ID_ANNOTATION, id)));
        let identity = Identity {
            namespace: &self.namespace,
            name: &name,
            stamp: &self.stamp,
            origin,
            labels: &[(MEMBER_LABEL, head)],
            annotations: &annotations,
        };
        let pod_template = raw::object(&manifest, "spec").and_then(|spec| raw::object(&spec, "template"));
        let written = identity.write(&mut metadata, pod_template.as_ref(), &mut warnings);
        written.map_err(|invalid| self.explain(index, job, invalid))?;
        manifest.insert("metadata".to_owned(), raw::write(&metadata));
        warnings.extend(image::warnings(pod_template.as_ref()));
        let manifest = to_body(&manifest)?;
        if manifest.len() > MAX_MANIFEST_BYTES {
            let message = format!("{name} has {} bytes; a job may have {MAX_MANIFEST_BYTES}", manifest.len());
            return Err(self.explain(index, job, Invalid::too_large("job_manifest", message)));
        }
        Ok(JobManifest {
            namespace: self.namespace.clone(),
            name,
            is_random: false,
            stamp: self.stamp.clone(),
            manifest,
            template: origin.map(Origin::annotation),
            warnings,
        })
    }

    pub(super) fn job(&self, index: u32) -> Result<&PlannedJob, Invalid> {
        self.jobs.get(index as usize).ok_or_else(|| Invalid::value("jobs", format!("has no index {index}")))
    }

    fn origin(&self, job: &PlannedJob) -> Option<&Origin> {
        match &self.base {
            Base::Template(_, origin) if job.manifest.is_none() => Some(origin),
            _ => None,
        }
    }

    /// Returns the manifest of a job with its parameters, overrides and variables.
    pub(super) fn instance(&self, index: u32, job: &PlannedJob) -> Result<Instance, Error> {
        let explained = |invalid| self.explain(index, job, invalid);
        let mut made = match (&job.manifest, &self.base) {
            (Some(own), _) => apply(own, &job.overrides).map_err(explained)?,
            (None, Base::Manifest(common)) => apply(common, &self.overrides(job)).map_err(explained)?,
            (None, Base::Template(template, _)) => {
                let mut parameters = self.parameters.clone();
                parameters.extend(job.parameters.clone());
                let made = instantiate(template, &parameters, &self.overrides(job));
                made.map_err(|error| match error {
                    Error::Invalid(invalid) => explained(invalid),
                    Error::InvalidTemplate(_) => error,
                })?
            }
            (None, Base::None) => Instance { manifest: Manifest::new(), warnings: Vec::new() },
        };
        made.warnings.splice(..0, job.warnings.iter().cloned());
        self.set_variables(index, &mut made.manifest);
        Ok(made)
    }

    /// Returns the common overrides with those of the job.
    fn overrides(&self, job: &PlannedJob) -> Cow<'_, Overrides> {
        if job.overrides.is_empty() {
            return Cow::Borrowed(&self.overrides);
        }
        let mut overrides = self.overrides.clone();
        overrides.extend(&job.overrides);
        Cow::Owned(overrides)
    }

    /// Puts index and id before the variables of each container, so that `$(NAME)` in these finds them.
    fn set_variables(&self, index: u32, manifest: &mut Manifest) {
        let values = [Some(index.to_string()), self.id(index).map(variables::escaped)];
        let ours =
            || BATCH_VARIABLES.into_iter().zip(&values).filter_map(|(name, value)| Some((name, value.as_ref()?)));
        raw::edit(manifest, "spec", &mut |spec: &mut Members| {
            variables::edit(spec, &mut |env| {
                let is_ours = |name: &str| ours().any(|(ours, _)| ours == name);
                env.retain(|variable| !variables::name(variable).is_some_and(|name| is_ours(&name)));
                env.splice(..0, ours().map(|(name, value)| variables::variable(name, raw::write(value))));
            });
        });
    }

    /// Returns the error with the field of the call that caused it. Of common and own ones it is the own one, if the
    /// job has it.
    fn explain(&self, index: u32, job: &PlannedJob, mut invalid: Invalid) -> Error {
        let has_manifest = job.manifest.is_some();
        if let Some(member) = invalid.field.strip_prefix("job_manifest.metadata.") {
            let overrides = format!("overrides.{member}");
            if job.overrides.contains(&overrides) || (!has_manifest && self.overrides.contains(&overrides)) {
                invalid.field = overrides.into();
            }
        }
        let field = &*invalid.field;
        let has_parameter = |names: &std::collections::BTreeMap<String, String>| {
            names.keys().any(|name| member("parameters", name) == field)
        };
        let is_own = if field.starts_with("overrides.") {
            has_manifest || job.overrides.contains(field)
        } else if field.starts_with("parameters") {
            has_parameter(&job.parameters) || !has_parameter(&self.parameters)
        } else {
            has_manifest
        };
        match &self.base {
            _ if is_own => of_job(index, invalid).into(),
            Base::Template(template, _) if field.starts_with("job_manifest") && !invalid.is_too_large => {
                Error::of_template(&template.name, &invalid)
            }
            Base::Template(..) if invalid.is_too_large => Invalid { field: "template".into(), ..invalid }.into(),
            _ => invalid.into(),
        }
    }
}
