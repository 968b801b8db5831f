//! The variables of a container: [`merged`].

use std::collections::BTreeSet;

use serde_json::value::RawValue;

use crate::jobs::manifest::Invalid;
use crate::jobs::manifest::raw::{self, Members};
use crate::jobs::template::merge::container::name;
use crate::jobs::template::merge::overrides::{Patch, field};

/// Puts the parameters first, so that `$(NAME)` in all other variables finds them. Kubernetes lets the last variable of
/// a name win, so the container's own variables of these names are removed: they would hide the parameters. An override
/// replaces a variable in its place, or adds it at the end.
pub(super) fn merged(
    own: Vec<Box<RawValue>>,
    parameters: &[(String, String)],
    overrides: &Patch,
    base: &str,
) -> Result<Vec<Box<RawValue>>, Invalid> {
    let parameter_names: BTreeSet<&str> = parameters.iter().map(|(name, _)| name.as_str()).collect();
    let mut env: Vec<_> = parameters.iter().map(|(name, value)| variable(name, raw::write(value.as_str()))).collect();
    let mut found = BTreeSet::new();
    for old in own {
        let name = name(&old).unwrap_or_default();
        match overrides.get(&name) {
            // A second variable of this name would win over the new one.
            Some(Some(value)) => env.extend(found.insert(name.clone()).then(|| variable(&name, value.clone()))),
            Some(None) => drop(found.insert(name)),
            None if parameter_names.contains(name.as_str()) => {}
            None => env.push(old),
        }
    }
    for (name, value) in overrides.iter().filter(|(name, _)| !found.contains(*name)) {
        let missing = || Invalid::value(field("env", name), format!("the {base} has no such variable"));
        env.push(variable(name, value.clone().ok_or_else(missing)?));
    }
    Ok(env)
}

fn variable(name: &str, value: Box<RawValue>) -> Box<RawValue> {
    raw::write(&Members::from([("name".to_owned(), raw::write(name)), ("value".to_owned(), value)]))
}
