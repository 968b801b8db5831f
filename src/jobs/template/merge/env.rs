//! The variables of a container: [`merged`].

use std::collections::BTreeSet;

use serde_json::value::RawValue;

use crate::jobs::manifest::raw;
use crate::jobs::manifest::variables::{name, variable};
use crate::jobs::template::merge::overrides::Patch;
use crate::jobs::template::types::Parameter;

/// The variables. `missing` has the names that an override removes and no variable has.
pub(super) struct Merged {
    pub(super) env: Vec<Box<RawValue>>,
    pub(super) missing: Vec<String>,
}

/// Puts the variables of parameters first, so that `$(NAME)` in all other variables finds them. Kubernetes lets the
/// last variable of a name win, so the container's own variables of these names are removed.
/// An override of a parameter with a default takes that place. Else it replaces a variable in its place, takes the
/// place of the parameter, or is added at the end.
pub(super) fn merged(
    own: Vec<Box<RawValue>>,
    declared: &[Parameter],
    variables: &[(String, String)],
    overrides: &Patch,
) -> Merged {
    let is_set = |name: &str| variables.iter().any(|(set, _)| set == name);
    let mut env: Vec<_> = variables.iter().map(|(name, value)| variable(name, raw::write(value.as_str()))).collect();
    let own: Vec<(String, Box<RawValue>)> = own.into_iter().map(|old| (name(&old).unwrap_or_default(), old)).collect();
    let mut found = BTreeSet::new();
    for Parameter { name, default, .. } in declared {
        let stays_in_place = default.is_none() && own.iter().any(|(own, _)| own == name);
        if let Some(value) = overrides.get(name).and_then(Option::as_ref).filter(|_| !stays_in_place) {
            env.push(variable(name, value.clone()));
            found.insert(name.clone());
        }
    }
    for (name, old) in own {
        match overrides.get(&name) {
            // A second variable of this name would win over the new one.
            Some(Some(value)) => env.extend(found.insert(name.clone()).then(|| variable(&name, value.clone()))),
            Some(None) => drop(found.insert(name)),
            None if is_set(&name) => {}
            None => env.push(old),
        }
    }
    let has_default = |name: &str| declared.iter().any(|declared| declared.name == name && declared.default.is_some());
    let mut missing = Vec::new();
    for (name, value) in overrides.iter().filter(|(name, _)| !found.contains(*name)) {
        match value {
            Some(value) => env.push(variable(name, value.clone())),
            // It removes the default.
            None if has_default(name) => {}
            None => missing.push(name.clone()),
        }
    }
    Merged { env, missing }
}
