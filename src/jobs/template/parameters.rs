//! The parameters of a call: [`variables`].

use std::collections::BTreeSet;

use crate::jobs::manifest::Invalid;
use crate::jobs::manifest::raw::{self, Members};
use crate::jobs::template::declaration::ANNOTATION;
use crate::jobs::template::types::Parameter;
use crate::jobs::text::{listed, shortened};
use crate::util::strict_json::push_member;

/// A message does not name further parameters.
const MAX_LISTED: usize = 30;

/// Returns the environment variables of the parameters that are given or have a default, in the order of the
/// declaration. The values are written so that Kubernetes' expansion gives the parameter's value.
pub(super) fn variables(declared: &[Parameter], given: &Members) -> Result<Vec<(String, String)>, Invalid> {
    let names: BTreeSet<&str> = declared.iter().map(|parameter| &*parameter.name).collect();
    for (name, value) in given {
        let text: String = raw::parse(value).ok_or_else(|| Invalid::form(field(name), "must be a string"))?;
        if !names.contains(name.as_str()) {
            return Err(Invalid::value(field(name), undeclared(declared)));
        }
        if text.contains('\0') {
            return Err(Invalid::value(field(name), "contains a NUL character, which no variable can hold"));
        }
    }
    let values = declared.iter().map(|Parameter { name, is_required, default }| {
        let value = given.get(name).and_then(|value| raw::parse::<String>(value)).or_else(|| default.clone());
        if value.is_none() && *is_required {
            return Err(Invalid::value(field(name), "is required by the template; give it a value"));
        }
        Ok(value.map(|value| (name.clone(), escaped(&value))))
    });
    values.filter_map(Result::transpose).collect()
}

/// Kubernetes reads `$(NAME)` in a value as a reference, and `$$` as `$`.
fn escaped(value: &str) -> String {
    value.replace('$', "$$")
}

fn undeclared(declared: &[Parameter]) -> String {
    if declared.is_empty() {
        return format!("is not declared: the template declares no parameters; its annotation {ANNOTATION} does that");
    }
    let names: Vec<String> = declared.iter().map(|parameter| shortened(&parameter.name).to_owned()).collect();
    format!("is not declared: the template declares {}", listed(&names, MAX_LISTED))
}

fn field(name: &str) -> String {
    let mut field = "parameters".to_owned();
    push_member(&mut field, name);
    field
}
