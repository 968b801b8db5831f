//! JSON objects of which few members are read. The others keep their text, numbers to the last digit.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::{RawValue, to_raw_value};

pub type Members = BTreeMap<String, Box<RawValue>>;

/// Parses a value; `None` if it is of another type.
pub fn parse<T: DeserializeOwned>(raw: &RawValue) -> Option<T> {
    serde_json::from_str(raw.get()).ok()
}

/// Returns the value of a member. Null counts as missing, as in Kubernetes.
pub fn get<'a>(parent: &'a Members, name: &str) -> Option<&'a RawValue> {
    parent.get(name).map(|raw| &**raw).filter(|raw| raw.get() != "null")
}

/// Returns the object under a name.
pub fn object(parent: &Members, name: &str) -> Option<Members> {
    get(parent, name).and_then(parse)
}

/// Changes the object under a name. Does nothing if there is none.
pub fn edit(parent: &mut Members, name: &str, change: &mut dyn FnMut(&mut Members)) {
    let Some(mut object) = object(parent, name) else { return };
    change(&mut object);
    parent.insert(name.to_owned(), write(&object));
}

/// Writes a string or an object; neither can fail.
pub fn write<T: Serialize + ?Sized>(value: &T) -> Box<RawValue> {
    to_raw_value(value).unwrap_or_default()
}
