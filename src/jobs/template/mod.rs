//! Templates: the manifest of a `CronJob`, a Job or a preset, from which create-job makes a Job with parameters and
//! overrides. Everything here is a pure function; `api` reads the templates.

pub mod declaration;
mod merge;
mod parameters;
pub mod presets;
mod source;
mod types;

use crate::jobs::manifest::raw::Members;
use crate::jobs::manifest::{Invalid, Manifest};
use crate::jobs::template::merge::merge;
use crate::jobs::template::merge::overrides::{self, Overrides};
use crate::jobs::template::types::Wrong;
pub use crate::jobs::template::types::{Error, Instance, Parameter, Template};

/// Returns the Job that the template makes with these parameters and overrides.
pub fn instantiate(template: &Template, parameters: &Members, overrides: &Members) -> Result<Instance, Error> {
    let variables = parameters::variables(&template.parameters, parameters)?;
    let overrides = Overrides::parse(overrides)?;
    if let Some(Parameter { name, .. }) = template.parameters.iter().find(|p| overrides.env.contains_key(&p.name)) {
        let message = "is a parameter of this template: give it in parameters";
        return Err(Invalid::value(overrides::field("env", name), message).into());
    }
    merge(template.manifest.clone(), &overrides, &variables, "template").map_err(|wrong| match wrong {
        Wrong::Call(invalid) => invalid.into(),
        Wrong::Manifest(invalid) => Error::of_template(&template.name, &invalid),
    })
}

/// Returns a manifest of the caller's own with these overrides.
pub fn apply(manifest: Manifest, overrides: &Members) -> Result<Manifest, Error> {
    let overrides = Overrides::parse(overrides)?;
    match merge(manifest, &overrides, &[], "manifest") {
        Ok(instance) => Ok(instance.manifest),
        Err(Wrong::Call(invalid) | Wrong::Manifest(invalid)) => Err(invalid.into()),
    }
}

#[cfg(test)]
#[path = "template_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "property_tests.rs"]
mod properties;

#[cfg(test)]
#[path = "expansion_tests.rs"]
mod expansion;
