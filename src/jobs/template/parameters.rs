//! The parameters of a call: [`parse`] and [`variables`].

use std::collections::BTreeMap;

use crate::jobs::manifest::Invalid;
use crate::jobs::manifest::raw::{self, Members};
use crate::jobs::manifest::variables::escaped;
use crate::jobs::template::declaration::ANNOTATION;
use crate::jobs::template::merge::overrides::Overrides;
use crate::jobs::template::types::Parameter;
use crate::jobs::text::{MAX_LISTED, listed, member, shortened};

/// The values of parameters by name.
pub type Values = BTreeMap<String, String>;

/// Parses the parameters of a call. The error names the first wrong field.
pub fn parse(given: &Members) -> Result<Values, Invalid> {
    let mut values = Values::new();
    for (name, value) in given {
        let value: String = raw::parse(value).ok_or_else(|| Invalid::form(field(name), "must be a string"))?;
        if value.contains('\0') {
            return Err(Invalid::value(field(name), "contains a NUL character, which no variable can hold"));
        }
        values.insert(name.clone(), value);
    }
    Ok(values)
}

/// Returns the environment variables of the parameters that are given or have a default, in the order of the
/// declaration. An override replaces a default. The values are written so that Kubernetes' expansion gives the
/// parameter's value.
pub(super) fn variables(
    declared: &[Parameter],
    given: &Values,
    overrides: &Overrides,
) -> Result<Vec<(String, String)>, Invalid> {
    if let Some(name) = given.keys().find(|name| declared.iter().all(|parameter| parameter.name != **name)) {
        return Err(Invalid::value(field(name), undeclared(declared)));
    }
    let values = declared.iter().map(|Parameter { name, is_required, default }| {
        let is_overridden = overrides.env.contains_key(name);
        let value = match given.get(name) {
            Some(_) if is_overridden => {
                let message = "is given in parameters too; give it once";
                return Err(Invalid::value(member("overrides.env", name), message));
            }
            None if *is_required => {
                return Err(Invalid::value(field(name), "is required by the template; give it a value"));
            }
            Some(value) => Some(value),
            None => default.as_ref().filter(|_| !is_overridden),
        };
        Ok(value.map(|value| (name.clone(), escaped(value))))
    });
    values.filter_map(Result::transpose).collect()
}

fn undeclared(declared: &[Parameter]) -> String {
    if declared.is_empty() {
        return format!("is not declared: the template declares no parameters; its annotation {ANNOTATION} does that");
    }
    let names: Vec<String> = declared.iter().map(|parameter| shortened(&parameter.name).to_owned()).collect();
    format!("is not declared: the template declares {}", listed(&names, MAX_LISTED))
}

fn field(name: &str) -> String {
    member("parameters", name)
}
