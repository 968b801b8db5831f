//! Label and field selectors, as far as equality, inequality and existence go. Sets (`in`, `notin`)
//! are refused.

use serde_json::Value;

use super::status::{self, Reply};

#[derive(Debug)]
enum Wanted {
    Equal(String),
    Different(String),
    Present,
    Absent,
}

/// Reads `a=b,c!=d,e,!f`.
fn parse(selector: &str) -> Result<Vec<(String, Wanted)>, Reply> {
    let mut requirements = Vec::new();
    for part in selector.split(',').filter(|part| !part.is_empty()) {
        let (key, wanted) = if let Some((key, value)) = part.split_once("!=") {
            (key, Wanted::Different(value.to_owned()))
        } else if let Some((key, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
            (key, Wanted::Equal(value.to_owned()))
        } else if let Some(key) = part.strip_prefix('!') {
            (key, Wanted::Absent)
        } else {
            (part, Wanted::Present)
        };
        if let Wanted::Equal(value) | Wanted::Different(value) = &wanted
            && value.starts_with('=')
        {
            return Err(status::bad_request("unable to parse requirement: found '=', expected: identifier"));
        }
        if key.contains(['(', ')', ' ']) {
            return Err(status::bad_request("the stub knows no sets in selectors"));
        }
        requirements.push((key.to_owned(), wanted));
    }
    Ok(requirements)
}

fn holds(wanted: &Wanted, found: Option<&str>) -> bool {
    match wanted {
        Wanted::Equal(value) => found == Some(value),
        Wanted::Different(value) => found != Some(value),
        Wanted::Present => found.is_some(),
        Wanted::Absent => found.is_none(),
    }
}

/// Keeps the objects whose labels fit.
pub fn by_labels(objects: &mut Vec<Value>, selector: &str) -> Result<(), Reply> {
    let requirements = parse(selector)?;
    objects.retain(|object| {
        let labels = &object["metadata"]["labels"];
        requirements.iter().all(|(key, wanted)| holds(wanted, labels[key].as_str()))
    });
    Ok(())
}

/// Keeps the objects whose fields, named by dotted paths, fit.
pub fn by_fields(objects: &mut Vec<Value>, selector: &str) -> Result<(), Reply> {
    let requirements = parse(selector)?;
    objects.retain(|object| {
        let field = |path: &str| path.split('.').fold(object, |value, key| &value[key]).as_str();
        requirements.iter().all(|(path, wanted)| holds(wanted, Some(field(path).unwrap_or_default())))
    });
    Ok(())
}
