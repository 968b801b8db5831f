//! Names of namespaces and jobs, parsed once at the door. Owns Kubernetes' rules for them; nothing else makes these
//! types, so whatever holds one may go into a URL.

use std::fmt;

use crate::util::text::truncate;

/// The rule a name breaks, as a sentence that tells what to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadName(String);

impl fmt::Display for BadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadName {}

/// The length that both a DNS label and a label value (`job-id`) allow.
const LONGEST: usize = 63;
const LONGEST_SUBDOMAIN: usize = 253;

/// A namespace's name: a DNS-1123 label
/// (<https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names>).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace(Short);

/// A job's name: a DNS-1123 subdomain, as Kubernetes allows, of at most 63 characters, as its pods' labels demand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobName(Short);

/// A name of at most [`LONGEST`] bytes, in place: nearly every request has two of them, and allocates neither.
#[derive(Clone, PartialEq, Eq)]
struct Short {
    bytes: [u8; LONGEST],
    length: u8,
}

impl Short {
    /// `None` if it is too long.
    fn of(name: &str) -> Option<Self> {
        let mut bytes = [0; LONGEST];
        bytes.get_mut(..name.len())?.copy_from_slice(name.as_bytes());
        Some(Self { bytes, length: name.len().try_into().ok()? })
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.length)]).unwrap_or_default()
    }
}

impl fmt::Debug for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// A pod's name: a DNS-1123 subdomain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodName(String);

/// A container's name: a DNS-1123 label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerName(String);

impl Namespace {
    pub fn parse(name: &str) -> Result<Self, BadName> {
        if let Some(short) = Short::of(name).filter(|_| is_label(name)) {
            return Ok(Self(short));
        }
        Err(BadName(format!(
            "{} is not a namespace name: use at most {LONGEST} lower case letters, digits and '-', beginning and ending with a letter or digit",
            shown(name)
        )))
    }

    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl JobName {
    pub fn parse(name: &str) -> Result<Self, BadName> {
        if let Some(short) = Short::of(name).filter(|_| name.split('.').all(is_label)) {
            return Ok(Self(short));
        }
        Err(BadName(format!(
            "{} is not a job name: use at most {LONGEST} lower case letters, digits, '-' and '.', each part beginning and ending with a letter or digit",
            shown(name)
        )))
    }

    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl PodName {
    pub fn parse(name: &str) -> Result<Self, BadName> {
        if name.len() <= LONGEST_SUBDOMAIN && name.split('.').all(is_label) {
            return Ok(Self(name.to_owned()));
        }
        Err(BadName(format!("{} is not a pod's name; get-job-status with details=true lists them", shown(name))))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ContainerName {
    pub fn parse(name: &str) -> Result<Self, BadName> {
        if is_label(name) {
            return Ok(Self(name.to_owned()));
        }
        Err(BadName(format!("{} is not a container's name; get-job-status with details=true lists them", shown(name))))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PodName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ContainerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for JobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn is_label(name: &str) -> bool {
    let inner = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    let bytes = name.as_bytes();
    (1..=LONGEST).contains(&bytes.len())
        && bytes.iter().all(|c| inner(*c))
        && bytes[0] != b'-'
        && bytes[bytes.len() - 1] != b'-'
}

/// The name as an error may repeat it: short, and without characters that act on a terminal or a log.
fn shown(name: &str) -> String {
    let shown = truncate(name, LONGEST + 1);
    if shown.len() < name.len() { format!("{:?}", format!("{shown}…")) } else { format!("{shown:?}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_names_pass() {
        let long = "n".repeat(63);
        for name in ["a", "0", "a-b", "team-7", &long] {
            assert_eq!(Namespace::parse(name).unwrap().as_str(), name);
            assert_eq!(JobName::parse(name).unwrap().as_str(), name);
        }
        assert!(JobName::parse("my.job").is_ok());
        assert!(Namespace::parse("my.ns").is_err());
    }

    #[test]
    fn hostile_names_never_become_a_name() {
        let long = "n".repeat(64);
        let hostile = [
            "",
            "-",
            "-a",
            "a-",
            "A",
            "a_b",
            "a b",
            ".",
            "..",
            "a..b",
            ".a",
            "a.",
            "../../namespaces/x",
            "%2e%2e",
            "a/b",
            "a?b",
            "a#b",
            "a\0",
            "a\r\nX: y",
            "ä",
            "a;b",
            "a%00",
            "a\\b",
            &long,
            "\u{ff0e}\u{ff0e}",
        ];
        for name in hostile {
            assert!(Namespace::parse(name).is_err(), "{name:?}");
            assert!(JobName::parse(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn an_error_repeats_the_name_shortened_and_escaped() {
        let told = JobName::parse(&format!("\u{1b}[31m{}", "x".repeat(500))).unwrap_err().to_string();
        assert!(told.starts_with("\"\\u{1b}[31mxxx"), "{told}");
        assert!(told.len() < 300, "{told}");
    }
}
