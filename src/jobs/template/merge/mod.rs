//! Changes a template by parameters and overrides: [`merge`]. Everything that they do not name keeps its text.

mod common;
pub(super) mod container;
mod env;
pub(super) mod overrides;
mod shell;

use crate::jobs::manifest::invalid::object;
use crate::jobs::manifest::metadata::{SERVICE_LABELS, labels_of_pods};
use crate::jobs::manifest::raw::{self, Members};
use crate::jobs::manifest::{Invalid, Manifest};
use crate::jobs::template::merge::container::{CONTAINERS, Pod};
use crate::jobs::template::merge::env::Merged;
use crate::jobs::template::merge::overrides::{Overrides, Patch, field};
use crate::jobs::template::types::{Instance, MergeError, Parameter};
use crate::jobs::text::member;

/// Further warnings are counted.
const MAX_WARNINGS: usize = 10;

/// The manifest to change.
pub(super) struct Base<'a> {
    pub(super) manifest: &'a Manifest,
    /// The parameters that it declares.
    pub(super) parameters: &'a [Parameter],
    /// Its name in messages: `template` or `manifest`.
    pub(super) noun: &'static str,
}

/// Returns the manifest with the overrides and with the variables of the parameters. An override that removes what is
/// not there is a warning.
pub(super) fn merge(
    base: &Base<'_>,
    variables: &[(String, String)],
    overrides: &Overrides,
) -> Result<Instance, MergeError> {
    let mut manifest = base.manifest.clone();
    let mut removals = Removals::default();
    change_metadata(&mut manifest, overrides, &mut removals)?;
    let mut spec = object(&manifest, "spec", "job_manifest.spec").map_err(MergeError::Template)?;
    let mut warnings = Vec::new();
    let changes_container = overrides.change_container() || !variables.is_empty();
    if changes_container || overrides.container.is_some() {
        let pod = Pod::open(&spec).map_err(MergeError::Template)?;
        let at = pod.choose(overrides.container.as_deref(), base.noun).map_err(MergeError::Override)?;
        if changes_container {
            let mut container = pod.container(at).map_err(MergeError::Template)?;
            change_env(&mut container, at, base.parameters, variables, &overrides.env, &mut removals)?;
            change_container(&mut container, at, overrides, &mut removals)?;
            warnings = shell::warnings(&container, base.parameters);
            pod.replace(at, &container, &mut spec);
        }
    } else if let Ok(container) = Pod::open(&spec).and_then(|pod| pod.container(pod.choose(None, base.noun)?)) {
        // A parameter without a value is dangerous, too: the shell runs the name.
        warnings = shell::warnings(&container, base.parameters);
    }
    if changes_container || !overrides.of_spec.is_empty() {
        spec.extend(overrides.of_spec.iter().map(|(member, value)| ((*member).to_owned(), value.clone())));
        manifest.insert("spec".to_owned(), raw::write(&spec));
    }
    warnings.extend(removals.warnings(base.noun));
    Ok(Instance { manifest, warnings })
}

/// The overrides that remove what is not there.
#[derive(Default)]
struct Removals(Vec<(String, String)>);

impl Removals {
    /// `what` is the missing thing.
    fn add(&mut self, field: String, what: impl Into<String>) {
        self.0.push((field, what.into()));
    }

    fn warnings(self, base: &str) -> Vec<String> {
        let more = self.0.len().saturating_sub(MAX_WARNINGS);
        let mut warnings: Vec<String> = self
            .0
            .into_iter()
            .take(MAX_WARNINGS)
            .map(|(field, what)| format!("{field}: the {base} has no such {what}, so nothing was removed"))
            .collect();
        if more > 0 {
            warnings.push(format!("{more} more overrides removed nothing"));
        }
        warnings
    }
}

fn change_metadata(manifest: &mut Manifest, overrides: &Overrides, removals: &mut Removals) -> Result<(), MergeError> {
    let Overrides { labels, annotations, .. } = overrides;
    if labels.is_empty() && annotations.is_empty() {
        return Ok(());
    }
    let mut metadata = object(manifest, "metadata", "job_manifest.metadata").map_err(MergeError::Template)?;
    if !labels.is_empty() {
        let own = object(&metadata, "labels", "job_manifest.metadata.labels");
        let mut own = own.map_err(MergeError::Template)?;
        if own.is_empty() {
            // Kubernetes gives a Job without labels those of its pods. With the new labels it would not.
            let template = raw::object(manifest, "spec").and_then(|spec| raw::object(&spec, "template"));
            own = labels_of_pods(template.as_ref());
            own.retain(|name, _| !SERVICE_LABELS.contains(&name.as_str()));
        }
        let is_changed = change(&mut own, labels, |name| removals.add(field("labels", name), "label"));
        if own.is_empty() {
            // Without any label the Job would get those of its pods. The service sets this one anyway.
            own.insert("app".to_owned(), raw::write("eks-api"));
        }
        if is_changed {
            metadata.insert("labels".to_owned(), raw::write(&own));
        }
    }
    if !annotations.is_empty() {
        let own = object(&metadata, "annotations", "job_manifest.metadata.annotations");
        let mut own = own.map_err(MergeError::Template)?;
        if change(&mut own, annotations, |name| removals.add(field("annotations", name), "annotation")) {
            metadata.insert("annotations".to_owned(), raw::write(&own));
        }
    }
    manifest.insert("metadata".to_owned(), raw::write(&metadata));
    Ok(())
}

fn change_env(
    container: &mut Members,
    at: usize,
    declared: &[Parameter],
    variables: &[(String, String)],
    overrides: &Patch,
    removals: &mut Removals,
) -> Result<(), MergeError> {
    if variables.is_empty() && overrides.is_empty() {
        return Ok(());
    }
    let own = raw::get(container, "env").map_or(Some(Vec::new()), raw::parse);
    let own = own.ok_or_else(|| of_type(at, "env", "an array"))?;
    let Merged { env, missing } = env::merged(own, declared, variables, overrides);
    for name in &missing {
        removals.add(field("env", name), "variable");
    }
    if !env.is_empty() || container.contains_key("env") {
        container.insert("env".to_owned(), raw::write(&env));
    }
    Ok(())
}

fn change_container(
    container: &mut Members,
    at: usize,
    overrides: &Overrides,
    removals: &mut Removals,
) -> Result<(), MergeError> {
    container.extend(overrides.of_container.iter().map(|(member, value)| ((*member).to_owned(), value.clone())));
    for (section, patch) in overrides.resources.iter().filter(|(_, patch)| !patch.is_empty()) {
        let open = |parent: &Members, name: &str| raw::get(parent, name).map_or(Some(Members::new()), raw::parse);
        let mut resources = open(container, "resources").ok_or_else(|| of_type(at, "resources", "an object"))?;
        let own = open(&resources, section);
        let mut own = own.ok_or_else(|| of_type(at, &format!("resources.{section}"), "an object"))?;
        let missing = |key: &str| {
            removals.add(member(&field("resources", section), key), format!("resource in its {section}"));
        };
        if change(&mut own, patch, missing) {
            resources.insert((*section).to_owned(), raw::write(&own));
            container.insert("resources".to_owned(), raw::write(&resources));
        }
    }
    Ok(())
}

fn of_type(at: usize, member: &str, kind: &str) -> MergeError {
    MergeError::Template(Invalid::form(format!("{CONTAINERS}[{at}].{member}"), format!("must be {kind}")))
}

/// Sets and removes keys. `missing` gets each key that is to be removed and is not there. Returns whether there is a
/// change.
fn change(own: &mut Members, patch: &Patch, mut missing: impl FnMut(&str)) -> bool {
    let mut is_changed = false;
    for (key, value) in patch {
        match value {
            Some(value) => drop(own.insert(key.clone(), value.clone())),
            None if own.remove(key).is_some() => {}
            None => {
                missing(key);
                continue;
            }
        }
        is_changed = true;
    }
    is_changed
}

#[cfg(test)]
#[path = "merge_tests.rs"]
mod tests;
