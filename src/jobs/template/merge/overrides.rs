//! The overrides of a call, with their types checked: [`Overrides`].

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::jobs::manifest::metadata::SERVICE_LABELS;
use crate::jobs::manifest::raw::{self, Members};
use crate::jobs::manifest::{Invalid, dump};
use crate::jobs::template::declaration::ANNOTATION;
use crate::jobs::text::member;
use crate::util::text::closest;

const NAMES: [&str; 14] = [
    "container",
    "image",
    "command",
    "args",
    "env",
    "resources",
    "labels",
    "annotations",
    "backoff_limit",
    "active_deadline_seconds",
    "ttl_seconds_after_finished",
    "parallelism",
    "completions",
    "suspend",
];
pub(super) const TTL: &str = "ttlSecondsAfterFinished";
/// The members of `resources`.
const SECTIONS: [&str; 2] = ["requests", "limits"];

/// New values by key. `None` removes the key.
pub(in crate::jobs::template) type Patch = BTreeMap<String, Option<Box<RawValue>>>;

/// The overrides of a call. The values keep the caller's text.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    pub(super) container: Option<String>,
    /// `image`, `command` and `args` of the container.
    pub(super) of_container: BTreeMap<&'static str, Box<RawValue>>,
    pub(in crate::jobs::template) env: Patch,
    /// `requests` and `limits`.
    pub(super) resources: BTreeMap<&'static str, Patch>,
    pub(super) labels: Patch,
    pub(super) annotations: Patch,
    /// Members of `spec`.
    pub(super) of_spec: BTreeMap<&'static str, Box<RawValue>>,
}

impl Overrides {
    /// Parses the overrides. The error names the first wrong field.
    pub fn parse(given: &Members) -> Result<Self, Invalid> {
        let mut overrides = Self::default();
        for (name, value) in given {
            overrides.add(name, value)?;
        }
        Ok(overrides)
    }

    /// Whether a container must be known.
    pub(super) fn change_container(&self) -> bool {
        let has_resources = self.resources.values().any(|patch| !patch.is_empty());
        !self.of_container.is_empty() || !self.env.is_empty() || has_resources
    }

    fn add(&mut self, name: &str, value: &RawValue) -> Result<(), Invalid> {
        let field = member("overrides", name);
        if value.get() == "null" && NAMES.contains(&name) {
            return Err(Invalid::form(field, "null removes nothing here; leave it out"));
        }
        match name {
            "container" => self.container = Some(string(value, &field)?),
            "image" => {
                string(value, &field)?;
                self.of_container.insert("image", value.to_owned());
            }
            "command" => {
                self.of_container.insert("command", strings(value, &field)?);
            }
            "args" => {
                self.of_container.insert("args", strings(value, &field)?);
            }
            "env" => self.env = patch(value, &field, variable)?,
            "resources" => self.resources = resources(value, &field)?,
            "labels" => self.labels = patch(value, &field, label)?,
            "annotations" => self.annotations = patch(value, &field, annotation)?,
            "backoff_limit" => self.number("backoffLimit", value, i32::MAX.into(), field)?,
            "active_deadline_seconds" => self.number("activeDeadlineSeconds", value, i64::MAX, field)?,
            "ttl_seconds_after_finished" => self.number(TTL, value, i32::MAX.into(), field)?,
            "parallelism" => self.number("parallelism", value, i32::MAX.into(), field)?,
            "completions" => self.number("completions", value, i32::MAX.into(), field)?,
            "suspend" if ["true", "false"].contains(&value.get()) => {
                self.of_spec.insert("suspend", value.to_owned());
            }
            "suspend" => return Err(Invalid::form(field, "must be true or false")),
            unknown => return Err(Invalid::form(field, not_one_of(unknown, "override", &NAMES))),
        }
        Ok(())
    }

    fn number(&mut self, member: &'static str, value: &RawValue, max: i64, field: String) -> Result<(), Invalid> {
        let digits = value.get().strip_prefix('-').unwrap_or(value.get());
        if !digits.bytes().all(|c| c.is_ascii_digit()) {
            return Err(Invalid::form(field, "must be a whole number"));
        }
        match value.get().parse::<i64>() {
            Ok(number) if (0..=max).contains(&number) => {
                self.of_spec.insert(member, raw::write(&number));
                Ok(())
            }
            _ => Err(Invalid::value(field, format!("must be from 0 to {max}"))),
        }
    }
}

/// Returns the field of a member of an override.
pub(super) fn field(name: &str, key: &str) -> String {
    member(&member("overrides", name), key)
}

fn not_one_of(name: &str, what: &str, known: &[&str]) -> String {
    let meant = closest(name, known.iter().copied()).map(|meant| format!("did you mean {meant}? "));
    format!("is unknown: {}the {what}s are {}", meant.unwrap_or_default(), known.join(", "))
}

fn string(value: &RawValue, field: &str) -> Result<String, Invalid> {
    let text: String = raw::parse(value).ok_or_else(|| Invalid::form(field.to_owned(), "must be a string"))?;
    refuse_nul(&text, field)?;
    Ok(text)
}

/// A process takes its arguments and variables up to the first NUL.
fn refuse_nul(text: &str, field: &str) -> Result<(), Invalid> {
    if text.contains('\0') {
        return Err(Invalid::value(field.to_owned(), "contains a NUL character, which no process can take"));
    }
    Ok(())
}

fn strings(value: &RawValue, field: &str) -> Result<Box<RawValue>, Invalid> {
    let not_array = || Invalid::form(field.to_owned(), "must be an array of strings");
    let elements: Vec<Box<RawValue>> = raw::parse(value).ok_or_else(not_array)?;
    for (at, element) in elements.iter().enumerate() {
        string(element, &format!("{field}[{at}]"))?;
    }
    Ok(value.to_owned())
}

fn members(value: &RawValue, field: &str) -> Result<Members, Invalid> {
    raw::parse(value).ok_or_else(|| Invalid::form(field.to_owned(), "must be an object"))
}

/// Parses an object of new values. `check` gets each key, its value unless that is null, and its field.
fn patch(
    value: &RawValue,
    field: &str,
    check: fn(&str, Option<&RawValue>, &str) -> Result<(), Invalid>,
) -> Result<Patch, Invalid> {
    let mut patch = Patch::new();
    for (key, value) in members(value, field)? {
        let new = Some(value).filter(|value| value.get() != "null");
        check(&key, new.as_deref(), &member(field, &key))?;
        patch.insert(key, new);
    }
    Ok(patch)
}

fn resources(value: &RawValue, field: &str) -> Result<BTreeMap<&'static str, Patch>, Invalid> {
    let mut resources = BTreeMap::new();
    for (name, value) in members(value, field)? {
        let field = member(field, &name);
        let Some(section) = SECTIONS.into_iter().find(|section| *section == name) else {
            return Err(Invalid::form(field, not_one_of(&name, "resource override", &SECTIONS)));
        };
        if value.get() == "null" {
            return Err(Invalid::form(field, "null removes nothing here; leave it out"));
        }
        resources.insert(section, patch(&value, &field, quantity)?);
    }
    Ok(resources)
}

/// Kubernetes expands `$(NAME)` in the value of a variable.
fn variable(name: &str, value: Option<&RawValue>, field: &str) -> Result<(), Invalid> {
    if name.is_empty() || name.contains('=') {
        return Err(Invalid::value(field.to_owned(), "is not a name of a variable: it is empty or contains ="));
    }
    refuse_nul(name, field)?;
    value.map_or(Ok(()), |value| string_or_null(value, field))
}

fn label(name: &str, value: Option<&RawValue>, field: &str) -> Result<(), Invalid> {
    if SERVICE_LABELS.contains(&name) || is_of_service(name) {
        return Err(Invalid::value(field.to_owned(), "is set by the service"));
    }
    if dump::is_of_controller(name) {
        return Err(Invalid::value(field.to_owned(), "is set by the cluster"));
    }
    value.map_or(Ok(()), |value| string_or_null(value, field))
}

fn annotation(name: &str, value: Option<&RawValue>, field: &str) -> Result<(), Invalid> {
    if is_of_service(name) {
        return Err(Invalid::value(field.to_owned(), "is set by the service"));
    }
    if dump::is_of_tool(name) {
        return Err(Invalid::value(field.to_owned(), "is set by the cluster"));
    }
    value.map_or(Ok(()), |value| string_or_null(value, field))
}

/// The declaration belongs to the template.
fn is_of_service(name: &str) -> bool {
    dump::is_of_service(name) || name == ANNOTATION
}

fn string_or_null(value: &RawValue, field: &str) -> Result<(), Invalid> {
    let wrong = || Invalid::form(field.to_owned(), "must be a string, or null to remove it");
    refuse_nul(&raw::parse::<String>(value).ok_or_else(wrong)?, field)
}

fn quantity(_: &str, value: Option<&RawValue>, field: &str) -> Result<(), Invalid> {
    let is_number = value.is_none_or(|value| value.get().starts_with(|c: char| c == '-' || c.is_ascii_digit()));
    if is_number || value.and_then(raw::parse::<String>).is_some() {
        return Ok(());
    }
    Err(Invalid::form(field.to_owned(), "must be a string or a number, or null to remove it"))
}

#[cfg(test)]
#[path = "overrides_tests.rs"]
mod tests;
