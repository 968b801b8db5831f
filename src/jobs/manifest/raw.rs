//! Objects of which few members are read. The others keep the text that they came with, numbers to the last digit.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

pub type Members = BTreeMap<String, Box<RawValue>>;

/// The members of an object; `None` for anything else.
pub fn members(raw: &RawValue) -> Option<Members> {
    serde_json::from_str(raw.get()).ok()
}

/// The elements of an array; `None` for anything else.
pub fn elements(raw: &RawValue) -> Option<Vec<Box<RawValue>>> {
    serde_json::from_str(raw.get()).ok()
}

/// The content of a string; `None` for anything else.
pub fn string(raw: &RawValue) -> Option<String> {
    serde_json::from_str(raw.get()).ok()
}

/// The value of a member. Missing and null are the same, as in Kubernetes.
pub fn get<'a>(parent: &'a Members, name: &str) -> Option<&'a RawValue> {
    parent.get(name).map(|raw| &**raw).filter(|raw| raw.get() != "null")
}

/// The object under a name, if there is one.
pub fn object(parent: &Members, name: &str) -> Option<Members> {
    get(parent, name).and_then(members)
}

/// Writes a string or an object, neither of which can fail.
pub fn write<T: Serialize + ?Sized>(value: &T) -> Box<RawValue> {
    to_raw_value(value).unwrap_or_default()
}

/// Some of the names, as a sentence lists them.
pub fn listed(names: &[String], most: usize) -> String {
    let (shown, more) = names.split_at(names.len().min(most));
    let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
    shown.join(", ") + &more
}
