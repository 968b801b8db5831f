//! The meaning of scalars: the rules of YAML 1.1 as in `sigs.k8s.io/yaml`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use saphyr_parser::{Marker, ScalarStyle, Tag};

use super::error::Error;

#[derive(Debug, PartialEq)]
pub(super) enum Scalar {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Str(String),
    /// A plain `<<`.
    Merge,
}

impl Scalar {
    pub(super) fn new(at: &Marker, text: String, style: ScalarStyle, tag: Option<&Tag>) -> Result<Self, Error> {
        let Some(tag) = tag else {
            return Ok(if style == ScalarStyle::Plain { plain(text) } else { Self::Str(text) });
        };
        let kind = if tag.is_yaml_core_schema() { tag.suffix.as_str() } else { "" };
        let wrong = || Error::at(at, "the value does not fit its tag");
        Ok(match (kind, plain(text.clone())) {
            ("str" | "timestamp", _) => Self::Str(text),
            // The tag `!` alone means a string.
            ("", _) if tag.handle.is_empty() => Self::Str(text),
            ("merge", Self::Merge) => Self::Merge,
            ("null", Self::Null) => Self::Null,
            ("bool", Self::Bool(value)) => Self::Bool(value),
            ("int", Self::Int(value)) => Self::Int(value),
            #[allow(clippy::cast_precision_loss, reason = "a tag asks for a float")]
            ("float", Self::Int(value)) => Self::Float(value as f64),
            ("float", Self::Float(value)) => Self::Float(value),
            ("binary", _) => {
                let text: String = text.split_ascii_whitespace().collect();
                Self::Str(String::from_utf8(STANDARD.decode(text).map_err(|_| wrong())?).map_err(|_| wrong())?)
            }
            ("null" | "bool" | "int" | "float" | "merge", _) => return Err(wrong()),
            _ => return Err(Error::at(at, "this tag is not supported")),
        })
    }

    pub(super) fn to_json(&self, at: &Marker) -> Result<String, Error> {
        Ok(match self {
            Self::Null => "null".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Int(value) => value.to_string(),
            Self::Float(value) if value.is_finite() => value.to_string(),
            Self::Float(_) => return Err(Error::at(at, "JSON has no infinity and no NaN")),
            Self::Str(text) => quoted(text),
            Self::Merge => quoted("<<"),
        })
    }

    /// Returns the name of a member. JSON has only strings.
    pub(super) fn to_key(&self, at: &Marker) -> Result<String, Error> {
        match self {
            Self::Null => Err(Error::at(at, "a key must not be null")),
            Self::Str(text) => Ok(text.clone()),
            _ => self.to_json(at),
        }
    }
}

fn plain(text: String) -> Scalar {
    match text.as_str() {
        "" | "~" | "null" | "Null" | "NULL" => Scalar::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Scalar::Bool(true),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Scalar::Bool(false),
        ".nan" | ".NaN" | ".NAN" => Scalar::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Scalar::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Scalar::Float(f64::NEG_INFINITY),
        "<<" => Scalar::Merge,
        _ if text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) => {
            number(&text).unwrap_or(Scalar::Str(text))
        }
        _ => Scalar::Str(text),
    }
}

/// An integer in base 10, or in another by its prefix, or a float. Digits may be grouped by underscores.
fn number(text: &str) -> Option<Scalar> {
    let digits = text.replace('_', "");
    let (is_negative, unsigned) = match digits.strip_prefix(['+', '-']) {
        Some(rest) => (digits.starts_with('-'), rest),
        None => (false, digits.as_str()),
    };
    let prefix = unsigned.get(..2).unwrap_or_default().to_ascii_lowercase();
    let (radix, body) = match prefix.as_str() {
        "0x" => (16, &unsigned[2..]),
        "0o" => (8, &unsigned[2..]),
        "0b" => (2, &unsigned[2..]),
        _ if unsigned.len() > 1 && unsigned.starts_with('0') => (8, &unsigned[1..]),
        _ => (10, unsigned),
    };
    // As in Go, a number beyond 64 bits is a float.
    let range = if is_negative { 0..=1 << 63 } else { 0..=u64::MAX.into() };
    if body.starts_with(|c: char| c.is_ascii_alphanumeric())
        && let Some(value) = i128::from_str_radix(body, radix).ok().filter(|value| range.contains(value))
    {
        return Some(Scalar::Int(if is_negative { -value } else { value }));
    }
    let mantissa = unsigned.split(['e', 'E']).next().unwrap_or_default();
    let is_float = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && unsigned.chars().all(|c| c.is_ascii_digit() || ".eE+-".contains(c))
        && mantissa.contains(|c: char| c.is_ascii_digit());
    let value = is_float.then(|| digits.parse::<f64>().ok()).flatten()?;
    value.is_finite().then_some(Scalar::Float(value))
}

/// Returns the text as a JSON string.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
