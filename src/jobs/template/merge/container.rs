//! The containers of a Job, and which of them is changed: [`Pod`].

use serde_json::value::RawValue;

use crate::jobs::manifest::Invalid;
use crate::jobs::manifest::invalid::object;
use crate::jobs::manifest::raw::{self, Members};
use crate::jobs::manifest::variables::name;
use crate::jobs::text::{MAX_LISTED, listed, shortened};
use crate::util::text::shown_name;

/// The annotation of the pod template that names the container that kubectl takes.
const DEFAULT_CONTAINER: &str = "kubectl.kubernetes.io/default-container";

const TEMPLATE: &str = "job_manifest.spec.template";
const POD: &str = "job_manifest.spec.template.spec";
pub(super) const CONTAINERS: &str = "job_manifest.spec.template.spec.containers";
const FIELD: &str = "overrides.container";

/// The objects from a Job's spec down to its containers.
pub(in crate::jobs::template) struct Pod {
    template: Members,
    spec: Members,
    containers: Vec<Box<RawValue>>,
}

impl Pod {
    pub(in crate::jobs::template) fn open(spec: &Members) -> Result<Self, Invalid> {
        let template = object(spec, "template", TEMPLATE)?;
        let spec = object(&template, "spec", POD)?;
        let containers = raw::get(&spec, "containers").map_or(Some(Vec::new()), raw::parse);
        let containers = containers.ok_or_else(|| Invalid::form(CONTAINERS, "must be an array"))?;
        Ok(Self { template, spec, containers })
    }

    /// Returns an error unless there is a container, and each is an object.
    pub(in crate::jobs::template) fn check(&self) -> Result<(), Invalid> {
        if self.containers.is_empty() {
            return Err(Invalid::value(CONTAINERS, "has no container; a Job needs at least one"));
        }
        (0..self.containers.len()).try_for_each(|at| self.container(at).map(drop))
    }

    /// Returns the name and the image of each container.
    pub(in crate::jobs::template) fn images(&self) -> Vec<(String, String)> {
        let text = |container: &Members, member| raw::get(container, member).and_then(raw::parse).unwrap_or_default();
        let containers = self.containers.iter().filter_map(|container| raw::parse(container));
        containers.map(|container| (text(&container, "name"), text(&container, "image"))).collect()
    }

    /// Returns the place of the container that is named, else of the only one. Else the pod template's annotation names
    /// it. `base` is what the error calls the Job.
    pub(super) fn choose(&self, wanted: Option<&str>, base: &str) -> Result<usize, Invalid> {
        let names: Vec<Option<String>> = self.containers.iter().map(|container| name(container)).collect();
        let find = |name: &str| names.iter().position(|known| known.as_deref() == Some(name));
        let list = || {
            let names: Vec<String> = names.iter().flatten().map(|name| shortened(name).to_owned()).collect();
            listed(&names, MAX_LISTED)
        };
        if let Some(wanted) = wanted {
            let missing = || format!("the {base} has no container \"{}\"; it has {}", shown_name(wanted), list());
            return find(wanted).ok_or_else(|| Invalid::value(FIELD, missing()));
        }
        if names.len() == 1 {
            return Ok(0);
        }
        let annotations = raw::object(&self.template, "metadata").and_then(|m| raw::object(&m, "annotations"));
        let default = annotations.and_then(|a| raw::get(&a, DEFAULT_CONTAINER).and_then(raw::parse::<String>));
        let missing = || {
            let list = list();
            format!(
                "name the container to change: the {base} has {list}; its annotation {DEFAULT_CONTAINER} can choose too"
            )
        };
        default.and_then(|default| find(&default)).ok_or_else(|| Invalid::value(FIELD, missing()))
    }

    pub(super) fn container(&self, at: usize) -> Result<Members, Invalid> {
        let container = self.containers.get(at).and_then(|container| raw::parse(container));
        container.ok_or_else(|| Invalid::form(format!("{CONTAINERS}[{at}]"), "must be an object"))
    }

    /// Writes the container back, and everything on the way to it.
    pub(super) fn replace(mut self, at: usize, container: &Members, spec: &mut Members) {
        if let Some(old) = self.containers.get_mut(at) {
            *old = raw::write(container);
        }
        self.spec.insert("containers".to_owned(), raw::write(&self.containers));
        self.template.insert("spec".to_owned(), raw::write(&self.spec));
        spec.insert("template".to_owned(), raw::write(&self.template));
    }
}
