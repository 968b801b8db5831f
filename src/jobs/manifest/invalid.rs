//! [`Invalid`]: the field of a manifest that is wrong, and why.

use std::borrow::Cow;
use std::fmt;

use crate::jobs::manifest::raw::{self, Members};

#[derive(Debug, PartialEq, Eq)]
pub struct Invalid {
    pub field: Cow<'static, str>,
    pub message: String,
    /// Whether the form is wrong (a type, a contradiction) rather than a value.
    pub malformed: bool,
    /// Whether the manifest is larger than the service sends.
    pub is_too_large: bool,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

impl std::error::Error for Invalid {}

impl Invalid {
    pub(in crate::jobs) fn form(field: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into(), malformed: true, is_too_large: false }
    }

    pub(in crate::jobs) fn value(field: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into(), malformed: false, is_too_large: false }
    }

    pub(in crate::jobs) fn too_large(field: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { is_too_large: true, ..Self::value(field, message) }
    }
}

/// Returns the object under a key; an empty one if it is missing.
pub(in crate::jobs) fn object(parent: &Members, key: &str, field: &'static str) -> Result<Members, Invalid> {
    let Some(raw) = raw::get(parent, key) else { return Ok(Members::new()) };
    raw::parse(raw).ok_or_else(|| Invalid::form(field, "must be an object"))
}

/// Returns the string under a key. Null and empty count as missing, as in Kubernetes.
pub(in crate::jobs) fn text(parent: &Members, key: &str, field: &'static str) -> Result<Option<String>, Invalid> {
    let Some(raw) = raw::get(parent, key) else { return Ok(None) };
    let text: String = raw::parse(raw).ok_or_else(|| Invalid::form(field, "must be a string"))?;
    Ok(Some(text).filter(|text| !text.is_empty()))
}
