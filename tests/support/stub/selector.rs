//! Label and field selectors: equality, sets, existence.

use serde_json::Value;

use super::routes::Call;
use super::status::{self, Reply};

#[derive(Debug)]
enum Wanted {
    In(Vec<String>),
    /// Objects without the key fit, too.
    NotIn(Vec<String>),
    Present,
    Absent,
}

type Requirements = Vec<(String, Wanted)>;

/// What a list or a watch asks for.
#[derive(Debug)]
pub struct Selector {
    labels: Requirements,
    /// Dotted paths.
    fields: Requirements,
}

impl Selector {
    pub fn of(call: &Call) -> Result<Self, Reply> {
        let read = |name: &str| parse(call.parameter(name).unwrap_or_default());
        Ok(Self { labels: read("labelSelector")?, fields: read("fieldSelector")? })
    }

    /// Whether all objects fit.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    pub fn fits(&self, object: &Value) -> bool {
        let labels = &object["metadata"]["labels"];
        let field = |path: &str| path.split('.').fold(object, |value, key| &value[key]).as_str();
        self.labels.iter().all(|(key, wanted)| holds(wanted, labels[key].as_str()))
            && self.fields.iter().all(|(path, wanted)| holds(wanted, Some(field(path).unwrap_or_default())))
    }
}

fn holds(wanted: &Wanted, found: Option<&str>) -> bool {
    let among = |values: &[String]| found.is_some_and(|found| values.iter().any(|value| value == found));
    match wanted {
        Wanted::In(values) => among(values),
        Wanted::NotIn(values) => !among(values),
        Wanted::Present => found.is_some(),
        Wanted::Absent => found.is_none(),
    }
}

/// Reads `a=b,c!=d,e,!f,g in (h,i),j notin (k)`.
fn parse(selector: &str) -> Result<Requirements, Reply> {
    parts(selector).map(requirement).collect()
}

/// Splits at the commas that are not between parentheses.
fn parts(selector: &str) -> impl Iterator<Item = &str> {
    let mut inside = false;
    let parts = selector.split(move |letter| {
        inside = letter == '(' || inside && letter != ')';
        letter == ',' && !inside
    });
    parts.map(str::trim).filter(|part| !part.is_empty())
}

fn requirement(part: &str) -> Result<(String, Wanted), Reply> {
    let (key, wanted) = if let Some((key, values)) = part.split_once(" notin ") {
        (key, Wanted::NotIn(set(values)?))
    } else if let Some((key, values)) = part.split_once(" in ") {
        (key, Wanted::In(set(values)?))
    } else if let Some((key, value)) = part.split_once("!=") {
        (key, Wanted::NotIn(vec![one(value)?]))
    } else if let Some((key, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
        (key, Wanted::In(vec![one(value)?]))
    } else if let Some(key) = part.strip_prefix('!') {
        (key, Wanted::Absent)
    } else {
        (part, Wanted::Present)
    };
    let key = key.trim();
    if key.is_empty() || key.contains(['(', ')', ' ', '=']) {
        return Err(unreadable(&format!("found '{part}', expected: !, identifier, or 'end of string'")));
    }
    Ok((key.to_owned(), wanted))
}

fn one(value: &str) -> Result<String, Reply> {
    let value = value.trim();
    if value.starts_with('=') {
        return Err(unreadable("found '=', expected: identifier"));
    }
    Ok(value.to_owned())
}

fn set(values: &str) -> Result<Vec<String>, Reply> {
    let inside = values.trim().strip_prefix('(').and_then(|values| values.strip_suffix(')'));
    let inside = inside.ok_or_else(|| unreadable(&format!("found '{}', expected: '('", values.trim())))?;
    Ok(inside.split(',').map(|value| value.trim().to_owned()).collect())
}

fn unreadable(why: &str) -> Reply {
    status::bad_request(&format!("unable to parse requirement: {why}"))
}
