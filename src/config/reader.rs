//! Reads one variable at a time and collects what is wrong with each. Owns the rules of single values; which setting
//! they make is the module above.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::config::duration::{self, Upto};
use crate::config::pattern::Patterns;
use crate::config::{Settings, SettingsErrors, VARIABLES};

/// What a loopback-only service protects from by default: nobody wants these gone.
const PROTECTED: &str = "kube-system,kube-public,kube-node-lease,default";

pub(super) struct Reader {
    variables: BTreeMap<String, String>,
    mistakes: Vec<String>,
}

impl Reader {
    /// Of a variable that is there twice the last value counts, also if that is the empty one.
    pub(super) fn new(environment: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut variables: BTreeMap<_, _> = environment.into_iter().collect();
        variables.retain(|_, value| !value.is_empty());
        Self { variables, mistakes: Vec::new() }
    }

    pub(super) fn required(&mut self, names: &[&str], what: &str, fits: fn(&str) -> bool) -> String {
        let Some((name, value)) = names.iter().find_map(|name| Some((*name, self.variables.get(*name)?.clone())))
        else {
            self.mistakes.push(format!("{} is not set: give {what}", names.join(" or ")));
            return String::new();
        };
        if !fits(&value) {
            self.mistakes.push(format!("{name} is {value:?}: it must be {what}"));
        }
        value
    }

    pub(super) fn or<T>(
        &mut self,
        name: &str,
        may_be: &str,
        parse: impl Fn(&str) -> Option<T>,
        default: impl Fn() -> T,
    ) -> T {
        let Some(value) = self.variables.get(name) else { return default() };
        parse(value).unwrap_or_else(|| {
            self.mistakes.push(format!("{name} is {value:?}: it must be {may_be}"));
            default()
        })
    }

    pub(super) fn patterns(&mut self, name: &str) -> Option<Patterns> {
        Patterns::parse(self.variables.get(name)?)
            .map_err(|bad| self.mistakes.push(format!("{name} holds {bad:?}: give names or patterns such as a,team-*")))
            .ok()
    }

    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    pub(super) fn mistake(&mut self, told: String) {
        self.mistakes.push(told);
    }

    pub(super) fn unknown(&self) -> Vec<String> {
        // Kubernetes gives every pod EKS_API_SERVICE_* and EKS_API_PORT* when a Service is called eks-api.
        let injected = |name: &str| name.starts_with("EKS_API_SERVICE_") || name.starts_with("EKS_API_PORT");
        let known = |name: &str| VARIABLES.iter().any(|v| v.name == name);
        let ours = self.variables.keys().filter(|name| name.starts_with("EKS_API_"));
        ours.filter(|name| !injected(name) && !known(name)).cloned().collect()
    }

    pub(super) fn finish(self, settings: Settings) -> Result<Settings, SettingsErrors> {
        if self.mistakes.is_empty() { Ok(settings) } else { Err(SettingsErrors(self.mistakes)) }
    }
}

/// <https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateCluster.html>: the pattern of `name`.
pub(super) fn is_cluster_name(name: &str) -> bool {
    name.len() <= 100
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

/// The region becomes a part of host names, so nothing but a label may pass.
pub(super) fn is_region(region: &str) -> bool {
    let label = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    region.len() <= 40 && region.starts_with(|c: char| c.is_ascii_lowercase()) && region.chars().all(label)
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

pub(super) fn choice(value: &str, no: &str, yes: &str) -> Option<bool> {
    if value == yes { Some(true) } else { (value == no).then_some(false) }
}

pub(super) fn count(value: &str) -> Option<u32> {
    value.parse().ok().filter(|n| (1..=1_000_000).contains(n))
}

pub(super) fn seconds(value: &str) -> Option<Duration> {
    let within = Duration::from_secs(1)..=Duration::from_mins(5);
    duration::parse(value, Upto::Minutes).filter(|time| within.contains(time))
}

pub(super) fn origins(list: &str) -> Option<Vec<String>> {
    let items = list.split(',').map(str::trim).filter(|item| !item.is_empty());
    items
        .map(|item| {
            let host = item.strip_prefix("https://").or_else(|| item.strip_prefix("http://"))?;
            let sane = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-:[]".contains(c);
            (!host.is_empty() && host.chars().all(sane)).then(|| item.to_owned())
        })
        .collect()
}

pub(super) fn protected() -> Patterns {
    Patterns::parse(PROTECTED).unwrap_or_else(|bad| unreachable!("the default {bad} is a pattern"))
}
