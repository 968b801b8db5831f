//! The kinds of objects that the store keeps, and what the API calls them.

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Resource {
    Namespaces,
    Jobs,
    CronJobs,
    Pods,
    Events,
}

impl Resource {
    pub fn plural(self) -> &'static str {
        match self {
            Self::Namespaces => "namespaces",
            Self::Jobs => "jobs",
            Self::CronJobs => "cronjobs",
            Self::Pods => "pods",
            Self::Events => "events",
        }
    }

    pub fn kind(self) -> &'static str {
        match self {
            Self::Namespaces => "Namespace",
            Self::Jobs => "Job",
            Self::CronJobs => "CronJob",
            Self::Pods => "Pod",
            Self::Events => "Event",
        }
    }

    pub fn group(self) -> &'static str {
        if self.is_batch() { "batch" } else { "" }
    }

    pub fn api_version(self) -> &'static str {
        if self.is_batch() { "batch/v1" } else { "v1" }
    }

    /// The name that error messages use, `jobs.batch`.
    pub fn qualified(self) -> &'static str {
        match self {
            Self::Jobs => "jobs.batch",
            Self::CronJobs => "cronjobs.batch",
            _ => self.plural(),
        }
    }

    fn is_batch(self) -> bool {
        matches!(self, Self::Jobs | Self::CronJobs)
    }
}
