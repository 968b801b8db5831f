//! The name of a template with its kind, such as `cronjob/etl`: [`TemplateName`].

use std::fmt;

use crate::util::dns::{MAX_LABEL_LEN, is_subdomain};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TemplateKind {
    CronJob,
    Job,
    Preset,
}

impl TemplateKind {
    pub const ALL: [Self; 3] = [Self::CronJob, Self::Job, Self::Preset];

    /// The kind in `cronjob/etl`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CronJob => "cronjob",
            Self::Job => "job",
            Self::Preset => "preset",
        }
    }

    /// The member of create-job's `template`.
    pub const fn member(self) -> &'static str {
        match self {
            Self::CronJob => "cron_job",
            Self::Job => "job_name",
            Self::Preset => "preset",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TemplateName {
    kind: TemplateKind,
    name: String,
}

impl TemplateName {
    /// Returns `None` unless the name is a DNS-1123 subdomain of at most 63 characters. Jobs and CronJobs have the same
    /// rule.
    pub fn new(kind: TemplateKind, name: &str) -> Option<Self> {
        let is_valid = name.len() <= MAX_LABEL_LEN && is_subdomain(name);
        is_valid.then(|| Self { kind, name: name.to_owned() })
    }

    /// Parses `cronjob/etl`.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, name) = text.split_once('/')?;
        Self::new(TemplateKind::ALL.into_iter().find(|known| known.name() == kind)?, name)
    }

    pub const fn kind(&self) -> TemplateKind {
        self.kind
    }

    /// The name without the kind.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for TemplateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.name(), self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_a_known_kind_and_is_a_valid_name() {
        for good in ["cronjob/etl", "job/etl-x7", "preset/report.v2", &format!("job/{}", "n".repeat(63))] {
            assert_eq!(TemplateName::parse(good).unwrap().to_string(), good);
        }
        let long = format!("job/{}", "n".repeat(64));
        for bad in
            ["", "etl", "cronjob/", "/etl", "CronJob/etl", "cronjob/Etl", "cronjob/a/b", "cronjob/..", "job/ a", &long]
        {
            assert_eq!(TemplateName::parse(bad), None, "{bad}");
        }
    }
}
