//! Changes a manifest by parameters and overrides: [`merge`]. Everything that they do not name keeps its text.

pub(super) mod container;
mod env;
pub(super) mod overrides;
mod shell;

use crate::jobs::manifest::invalid::object;
use crate::jobs::manifest::raw::{self, Members};
use crate::jobs::manifest::{Invalid, Manifest, labels_of_pods};
use crate::jobs::template::merge::container::Pod;
use crate::jobs::template::merge::overrides::{Overrides, Patch, field, path};
use crate::jobs::template::types::{Instance, Wrong};

const CONTAINERS: &str = "job_manifest.spec.template.spec.containers";

/// Returns the manifest with the overrides and with the variables of the parameters. `base` is the word for the
/// manifest in messages.
pub(super) fn merge(
    mut manifest: Manifest,
    overrides: &Overrides,
    parameters: &[(String, String)],
    base: &str,
) -> Result<Instance, Wrong> {
    change_metadata(&mut manifest, overrides, base)?;
    let mut spec = object(&manifest, "spec", "job_manifest.spec").map_err(Wrong::Manifest)?;
    let mut warnings = Vec::new();
    let changes_container = overrides.change_container() || !parameters.is_empty();
    if changes_container || overrides.container.is_some() {
        let pod = Pod::open(&spec).map_err(Wrong::Manifest)?;
        let at = pod.choose(overrides.container.as_deref(), base).map_err(Wrong::Call)?;
        if changes_container {
            let mut container = pod.container(at).map_err(Wrong::Manifest)?;
            change_container(&mut container, at, overrides, parameters, base)?;
            warnings = shell::warnings(&container, parameters);
            pod.replace(at, &container, &mut spec);
        }
    }
    if changes_container || !overrides.of_spec.is_empty() {
        spec.extend(overrides.of_spec.iter().map(|(member, value)| ((*member).to_owned(), value.clone())));
        manifest.insert("spec".to_owned(), raw::write(&spec));
    }
    Ok(Instance { manifest, warnings })
}

fn change_metadata(manifest: &mut Manifest, overrides: &Overrides, base: &str) -> Result<(), Wrong> {
    let Overrides { labels, annotations, .. } = overrides;
    if labels.is_empty() && annotations.is_empty() {
        return Ok(());
    }
    let mut metadata = object(manifest, "metadata", "job_manifest.metadata").map_err(Wrong::Manifest)?;
    if !labels.is_empty() {
        let mut own = object(&metadata, "labels", "job_manifest.metadata.labels").map_err(Wrong::Manifest)?;
        if own.is_empty() {
            // Kubernetes gives a Job without labels those of its pods. With the new labels it would not.
            let template = raw::object(manifest, "spec").and_then(|spec| raw::object(&spec, "template"));
            own = labels_of_pods(template.as_ref());
            own.retain(|name, _| !overrides::SERVICE_LABELS.contains(&name.as_str()));
        }
        let field = |name: &str| field("labels", name);
        change(&mut own, labels, field, &format!("the {base} has no such label"))?;
        if own.is_empty() {
            // Without any label the Job would get those of its pods. The service sets this one anyway.
            own.insert("app".to_owned(), raw::write("eks-api"));
        }
        metadata.insert("labels".to_owned(), raw::write(&own));
    }
    if !annotations.is_empty() {
        let own = object(&metadata, "annotations", "job_manifest.metadata.annotations");
        let mut own = own.map_err(Wrong::Manifest)?;
        let field = |name: &str| field("annotations", name);
        change(&mut own, annotations, field, &format!("the {base} has no such annotation"))?;
        metadata.insert("annotations".to_owned(), raw::write(&own));
    }
    manifest.insert("metadata".to_owned(), raw::write(&metadata));
    Ok(())
}

fn change_container(
    container: &mut Members,
    at: usize,
    overrides: &Overrides,
    parameters: &[(String, String)],
    base: &str,
) -> Result<(), Wrong> {
    let of_type = |member: &str, kind: &str| {
        Wrong::Manifest(Invalid::form(format!("{CONTAINERS}[{at}].{member}"), format!("must be {kind}")))
    };
    container.extend(overrides.of_container.iter().map(|(member, value)| ((*member).to_owned(), value.clone())));
    if !parameters.is_empty() || !overrides.env.is_empty() {
        let own = raw::get(container, "env").map_or(Some(Vec::new()), raw::parse);
        let own = own.ok_or_else(|| of_type("env", "an array"))?;
        let env = env::merged(own, parameters, &overrides.env, base).map_err(Wrong::Call)?;
        container.insert("env".to_owned(), raw::write(&env));
    }
    for (section, patch) in overrides.resources.iter().filter(|(_, patch)| !patch.is_empty()) {
        let open = |parent: &Members, name: &str| raw::get(parent, name).map_or(Some(Members::new()), raw::parse);
        let mut resources = open(container, "resources").ok_or_else(|| of_type("resources", "an object"))?;
        let own = open(&resources, section);
        let mut own = own.ok_or_else(|| of_type(&format!("resources.{section}"), "an object"))?;
        let field = |key: &str| path(&field("resources", section), key);
        change(&mut own, patch, field, &format!("the {base} has no such resource in its {section}"))?;
        resources.insert((*section).to_owned(), raw::write(&own));
        container.insert("resources".to_owned(), raw::write(&resources));
    }
    Ok(())
}

/// Sets and removes keys. To remove a key that is not there is an error.
fn change(own: &mut Members, patch: &Patch, field: impl Fn(&str) -> String, missing: &str) -> Result<(), Wrong> {
    for (key, value) in patch {
        match value {
            Some(value) => drop(own.insert(key.clone(), value.clone())),
            None if own.remove(key).is_some() => {}
            None => return Err(Wrong::Call(Invalid::value(field(key), missing))),
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "merge_tests.rs"]
mod tests;
