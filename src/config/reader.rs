//! Reads the value of one variable at a time and collects the errors: [`Reader`].

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::config::duration::{self, Upto};
use crate::config::pattern::Patterns;
use crate::config::variables::{CLIENT_VARIABLES, VARIABLES};

/// All errors of the settings, one line each. No line has the value of a secret.
#[derive(Debug, PartialEq, Eq)]
pub struct SettingsErrors(Vec<String>);

impl fmt::Display for SettingsErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for SettingsErrors {}

pub(super) struct Reader {
    variables: BTreeMap<String, String>,
    errors: Vec<String>,
}

impl Reader {
    /// An empty value counts as not set. If a variable is given twice, the last value counts, also if it is empty.
    pub(super) fn new(environment: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut variables: BTreeMap<_, _> = environment.into_iter().collect();
        variables.retain(|_, value| !value.is_empty());
        Self { variables, errors: Vec::new() }
    }

    /// Returns the value of the first variable that is set.
    pub(super) fn required(&mut self, names: &[&str], what: &str, is_valid: fn(&str) -> bool) -> String {
        let Some((name, value)) = names.iter().find_map(|name| Some((*name, self.variables.get(*name)?.clone())))
        else {
            self.error(format!("{} is not set: set it to {what}", names.join(" or ")));
            return String::new();
        };
        if !is_valid(&value) {
            self.error(format!("{name} is {value:?}: it must be {what}"));
        }
        value
    }

    /// Returns the value of a variable, or the default if it is not set.
    pub(super) fn optional<T>(&mut self, name: &str, form: &str, parse: impl Fn(&str) -> Option<T>, default: T) -> T {
        let Some(value) = self.variables.get(name) else { return default };
        parse(value).unwrap_or_else(|| {
            self.errors.push(format!("{name} is {value:?}: it must be {form}"));
            default
        })
    }

    /// Returns whether a switch is on.
    pub(super) fn switch(&mut self, name: &str, default: bool) -> bool {
        self.optional(name, "true or false", |value| value.parse().ok(), default)
    }

    pub(super) fn patterns(&mut self, name: &str) -> Option<Patterns> {
        Patterns::parse(self.variables.get(name)?)
            .map_err(|bad| self.errors.push(format!("{name} has {bad:?}: give names or patterns such as a,team-*")))
            .ok()
    }

    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    pub(super) fn error(&mut self, text: String) {
        self.errors.push(text);
    }

    /// Returns the names that begin with `EKS_API_` and are not settings.
    pub(super) fn unknown(&self) -> Vec<String> {
        // If a Service is called eks-api, Kubernetes sets EKS_API_SERVICE_* and EKS_API_PORT* in every pod.
        let is_injected = |name: &str| name.starts_with("EKS_API_SERVICE_") || name.starts_with("EKS_API_PORT");
        let is_known = |name: &str| VARIABLES.iter().chain(&CLIENT_VARIABLES).any(|variable| variable.name == name);
        let ours = self.variables.keys().filter(|name| name.starts_with("EKS_API_"));
        ours.filter(|name| !is_injected(name) && !is_known(name)).cloned().collect()
    }

    pub(super) fn finish<T>(self, settings: T) -> Result<T, SettingsErrors> {
        if self.errors.is_empty() { Ok(settings) } else { Err(SettingsErrors(self.errors)) }
    }
}

/// <https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateCluster.html>: the pattern of `name`.
pub(super) fn is_cluster_name(name: &str) -> bool {
    name.len() <= 100
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

/// The region becomes a label of host names, so only the characters of one are allowed.
pub(super) fn is_region(region: &str) -> bool {
    let of_label = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    region.len() <= 40 && region.starts_with(|c: char| c.is_ascii_lowercase()) && region.chars().all(of_label)
}

pub(super) fn level(name: &str) -> Option<log::LevelFilter> {
    Some(match name.to_ascii_uppercase().as_str() {
        "DEBUG" => log::LevelFilter::Debug,
        "INFO" => log::LevelFilter::Info,
        "WARNING" => log::LevelFilter::Warn,
        "ERROR" | "CRITICAL" => log::LevelFilter::Error,
        _ => return None,
    })
}

pub(super) fn count(value: &str) -> Option<u32> {
    value.parse().ok().filter(|n| (1..=1_000_000).contains(n))
}

pub(super) fn seconds(value: &str) -> Option<Duration> {
    let allowed = Duration::from_secs(1)..=Duration::from_mins(5);
    duration::parse(value, Upto::Minutes).filter(|time| allowed.contains(time))
}

pub(super) fn origins(list: &str) -> Option<Vec<String>> {
    let is_origin = |item: &str| {
        let host = item.strip_prefix("https://").or_else(|| item.strip_prefix("http://")).unwrap_or_default();
        let of_host = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-:[]".contains(c);
        !host.is_empty() && host.chars().all(of_host)
    };
    items(list).map(|item| is_origin(item).then(|| item.to_owned())).collect()
}

/// Host names without ports.
pub(super) fn hosts(list: &str) -> Option<Vec<String>> {
    let of_host = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    items(list).map(|item| item.chars().all(of_host).then(|| item.to_owned())).collect()
}

fn items(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|item| !item.is_empty())
}
