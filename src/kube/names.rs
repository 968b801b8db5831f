//! Names of Kubernetes objects, validated: [`Namespace`], [`JobName`], [`PodName`] and [`ContainerName`]. Only valid
//! names can be parsed, so every name is safe in a URL.

use std::fmt;

use crate::util::dns::{MAX_LABEL_LEN, is_label, is_subdomain};
use crate::util::template_name::TemplateName;
use crate::util::text::truncate;

/// A job's name is the value of a label (`job-id`), which has the length of a DNS label.
const MAX_NAME_LEN: usize = MAX_LABEL_LEN;

/// Names the broken rule, and how to follow it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadName(String);

impl BadName {
    /// The name is shortened and escaped: it may contain anything.
    fn new(name: &str, rule: &str) -> Self {
        let start = truncate(name, MAX_NAME_LEN + 1);
        let shown = if start.len() < name.len() { format!("{start}…") } else { start.to_owned() };
        Self(format!("{shown:?} is not {rule}"))
    }
}

impl fmt::Display for BadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadName {}

/// Defines the type of a name, and the rule that it follows.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $is_valid:ident, $rule:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name(String);

        impl $name {
            pub fn parse(name: &str) -> Result<Self, BadName> {
                if $is_valid(name) { Ok(Self(name.to_owned())) } else { Err(BadName::new(name, $rule)) }
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// A DNS-1123 label.
    Namespace,
    is_label,
    "a namespace name: use at most 63 lower case letters, digits and '-', beginning and ending with a letter or digit"
);

name!(
    /// A DNS-1123 subdomain of at most 63 characters, as the labels of its pods demand.
    JobName,
    is_short_subdomain,
    "a job name: use at most 63 lower case letters, digits, '-' and '.', each part beginning and ending with a letter or digit"
);

name!(
    /// The name of a batch: that of its head, with room for the index of a member.
    BatchName,
    is_batch_name,
    "a batch name: use at most 58 lower case letters, digits, '-' and '.', each part beginning and ending with a letter or digit"
);

impl BatchName {
    /// Returns the name of the batch's head.
    pub fn head(&self) -> JobName {
        JobName(self.0.clone())
    }

    /// Returns the name of a member, such as `nightly-0000`.
    pub fn member(&self, index: u32) -> JobName {
        JobName(format!("{}-{index:04}", self.0))
    }
}

/// Both names follow the same rule.
impl From<&TemplateName> for JobName {
    fn from(template: &TemplateName) -> Self {
        Self(template.name().to_owned())
    }
}

name!(
    /// A DNS-1123 subdomain.
    PodName,
    is_subdomain,
    "a pod's name; get-job-status with details=true lists them"
);

name!(
    /// A DNS-1123 label.
    ContainerName,
    is_label,
    "a container's name; get-job-status with details=true lists them"
);

fn is_short_subdomain(name: &str) -> bool {
    name.len() <= MAX_NAME_LEN && is_subdomain(name)
}

/// A member's name is `-` and four digits longer.
fn is_batch_name(name: &str) -> bool {
    name.len() <= MAX_NAME_LEN - 5 && is_subdomain(name)
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
    fn hostile_names_are_refused() {
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
    fn the_name_of_a_template_is_a_job_name() {
        let long = format!("cronjob/{}", "n".repeat(63));
        for name in ["job/a", "cronjob/my.job-7", "preset/0", &long] {
            let template = TemplateName::parse(name).unwrap();
            assert_eq!(JobName::parse(template.name()).unwrap(), JobName::from(&template));
        }
    }

    #[test]
    fn the_names_of_a_batch_are_job_names() {
        let long = "n".repeat(58);
        for name in ["a", "nightly-2026.01", &long] {
            let batch = BatchName::parse(name).unwrap();
            assert_eq!(batch.head(), JobName::parse(name).unwrap());
            for (index, suffix) in [(0, "-0000"), (7, "-0007"), (999, "-0999")] {
                assert_eq!(batch.member(index), JobName::parse(&format!("{name}{suffix}")).unwrap());
            }
        }
        for name in ["", "A", "a-", "a/b", &"n".repeat(59)] {
            assert!(BatchName::parse(name).is_err(), "{name}");
        }
    }

    #[test]
    fn an_error_shows_the_name_shortened_and_escaped() {
        let error = JobName::parse(&format!("\u{1b}[31m{}", "x".repeat(500))).unwrap_err().to_string();
        assert!(error.starts_with("\"\\u{1b}[31mxxx"), "{error}");
        assert!(error.len() < 300, "{error}");
    }
}
