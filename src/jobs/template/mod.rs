//! Templates: the manifest of a `CronJob`, a Job or a preset, from which create-job makes a Job with parameters and
//! overrides. Everything here is a pure function; `api` reads the templates.

mod declaration;
mod merge;
pub mod parameters;
pub mod presets;
mod source;
mod types;

use crate::jobs::manifest::{Invalid, Manifest};
pub use crate::jobs::template::merge::overrides::Overrides;
use crate::jobs::template::merge::{Base, merge};
use crate::jobs::template::parameters::Values;
pub use crate::jobs::template::source::MAX_PRESET_BYTES;
use crate::jobs::template::types::MergeError;
pub use crate::jobs::template::types::{Error, Instance, Parameter, Template};

/// Returns the Job that the template makes with these parameters and overrides.
pub fn instantiate(template: &Template, parameters: &Values, overrides: &Overrides) -> Result<Instance, Error> {
    let variables = parameters::variables(&template.parameters, parameters, overrides)?;
    let base = Base { manifest: &template.manifest, parameters: &template.parameters, noun: "template" };
    merge(&base, &variables, overrides).map_err(|error| match error {
        MergeError::Override(invalid) => invalid.into(),
        MergeError::Template(invalid) => Error::of_template(&template.name, &invalid),
    })
}

/// Returns a manifest of the caller's own with these overrides.
pub fn apply(manifest: &Manifest, overrides: &Overrides) -> Result<Instance, Invalid> {
    let base = Base { manifest, parameters: &[], noun: "manifest" };
    merge(&base, &[], overrides).map_err(|error| match error {
        MergeError::Override(invalid) | MergeError::Template(invalid) => invalid,
    })
}

#[cfg(test)]
#[path = "template_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "again_tests.rs"]
mod again;

#[cfg(test)]
#[path = "property_tests.rs"]
mod properties;

#[cfg(test)]
#[path = "expansion_tests.rs"]
mod expansion;
