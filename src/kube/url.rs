//! Makes all URLs of the API server, from parsed names and encoded queries: [`Path`].

use std::fmt::Write as _;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::kube::names::{ContainerName, JobName, Namespace, PodName};
use crate::util::template_name::TemplateName;

/// Path and query of a request to the API server, with its resource and verb.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    text: String,
    resource: Resource,
    verb: Verb,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    Version,
    Namespaces,
    Jobs,
    Pods,
    PodLogs,
    Events,
    AccessReviews,
    CronJobs,
}

/// The names of the resources, in their order.
pub const RESOURCES: [&str; 8] =
    ["version", "namespaces", "jobs", "pods", "pods/log", "events", "selfsubjectaccessreviews", "cronjobs"];

/// RBAC's verb for a GET of the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Get,
    List,
    Watch,
}

impl Path {
    const fn object(resource: Resource, text: String) -> Self {
        Self { text, resource, verb: Verb::Get }
    }

    const fn collection(resource: Resource, text: String) -> Self {
        Self { text, resource, verb: Verb::List }
    }

    pub fn version() -> Self {
        Self::object(Resource::Version, "/version".to_owned())
    }

    pub fn namespaces() -> Self {
        Self::collection(Resource::Namespaces, "/api/v1/namespaces".to_owned())
    }

    pub fn namespace(name: &Namespace) -> Self {
        Self::object(Resource::Namespaces, format!("/api/v1/namespaces/{name}"))
    }

    /// For creating a job, or for a dry run of that
    /// (<https://kubernetes.io/docs/reference/using-api/api-concepts/#dry-run>).
    pub fn new_job(namespace: &Namespace, validation: FieldValidation, is_dry_run: bool) -> Self {
        let (validation, dry_run) = (validation.as_str(), if is_dry_run { "&dryRun=All" } else { "" });
        let path = format!("/apis/batch/v1/namespaces/{namespace}/jobs?fieldValidation={validation}{dry_run}");
        Self::collection(Resource::Jobs, path)
    }

    pub fn job(namespace: &Namespace, name: &JobName) -> Self {
        Self::object(Resource::Jobs, format!("/apis/batch/v1/namespaces/{namespace}/jobs/{name}"))
    }

    pub fn cron_job(namespace: &Namespace, template: &TemplateName) -> Self {
        let name = template.name();
        Self::object(Resource::CronJobs, format!("/apis/batch/v1/namespaces/{namespace}/cronjobs/{name}"))
    }

    /// A page of the CronJobs of a namespace, or (`None`) of all.
    pub fn cron_jobs_page(namespace: Option<&Namespace>, limit: u32, token: Option<&str>) -> Self {
        let cron_jobs = match namespace {
            Some(namespace) => format!("/apis/batch/v1/namespaces/{namespace}/cronjobs?limit={limit}"),
            None => format!("/apis/batch/v1/cronjobs?limit={limit}"),
        };
        let text = token.map_or(cron_jobs.clone(), |token| format!("{cron_jobs}&{}", query("continue", token)));
        Self::collection(Resource::CronJobs, text)
    }

    /// A page of the jobs of a namespace, or (`None`) of all.
    pub fn jobs_page(namespace: Option<&Namespace>, label_selector: &str, limit: u32, token: Option<&str>) -> Self {
        let jobs = match namespace {
            Some(namespace) => format!("/apis/batch/v1/namespaces/{namespace}/jobs?"),
            None => "/apis/batch/v1/jobs?".to_owned(),
        };
        let mut query = form_urlencoded::Serializer::for_suffix(jobs.clone(), jobs.len());
        query.append_pair("labelSelector", label_selector).append_pair("limit", &limit.to_string());
        if let Some(token) = token {
            query.append_pair("continue", token);
        }
        Self::collection(Resource::Jobs, query.finish())
    }

    /// A watch of the jobs of all namespaces from this version, for so many seconds.
    pub fn jobs_watch(label_selector: &str, version: u64, seconds: u64) -> Self {
        let selector = query("labelSelector", label_selector);
        let rest = format!("watch=1&allowWatchBookmarks=true&resourceVersion={version}&timeoutSeconds={seconds}");
        let text = format!("/apis/batch/v1/jobs?{selector}&{rest}");
        Self { text, resource: Resource::Jobs, verb: Verb::Watch }
    }

    /// A page of all namespaces.
    pub fn namespaces_page(limit: u32, token: Option<&str>) -> Self {
        let limit = format!("/api/v1/namespaces?limit={limit}");
        let text = token.map_or(limit.clone(), |token| format!("{limit}&{}", query("continue", token)));
        Self::collection(Resource::Namespaces, text)
    }

    /// The log of one container
    /// (<https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#get-read-log-of-the-specified-pod>).
    pub fn pod_log(namespace: &Namespace, pod: &PodName, container: &ContainerName, options: &LogOptions) -> Self {
        let mut path = format!("/api/v1/namespaces/{namespace}/pods/{pod}/log?container={container}");
        let flags = [("follow", options.follow), ("timestamps", options.timestamps), ("previous", options.previous)];
        for (name, _) in flags.into_iter().filter(|(_, set)| *set) {
            let _ = write!(path, "&{name}=true");
        }
        let numbers = [("tailLines", options.tail_lines), ("sinceSeconds", options.since_seconds)];
        for (name, number) in numbers.into_iter().filter_map(|(name, number)| Some((name, number?))) {
            let _ = write!(path, "&{name}={number}");
        }
        if let Some(time) = options.since_time.and_then(|time| time.format(&Rfc3339).ok()) {
            let _ = write!(path, "&{}", query("sinceTime", &time));
        }
        Self::object(Resource::PodLogs, path)
    }

    /// The pods that a label selector matches.
    pub fn pods(namespace: &Namespace, label_selector: &str) -> Self {
        let selector = query("labelSelector", label_selector);
        Self::collection(Resource::Pods, format!("/api/v1/namespaces/{namespace}/pods?{selector}"))
    }

    /// The events of one job. The uid excludes an earlier job of the same name.
    pub fn events(namespace: &Namespace, uid: &str) -> Self {
        let selector = format!("involvedObject.kind=Job,involvedObject.uid={uid}");
        let selector = query("fieldSelector", &selector);
        Self::collection(Resource::Events, format!("/api/v1/namespaces/{namespace}/events?{selector}"))
    }

    pub fn self_subject_access_reviews() -> Self {
        let text = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews".to_owned();
        Self::collection(Resource::AccessReviews, text)
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub const fn resource(&self) -> Resource {
        self.resource
    }

    pub const fn verb(&self) -> Verb {
        self.verb
    }
}

/// How the API server treats unknown fields
/// (<https://kubernetes.io/docs/reference/using-api/api-concepts/#setting-the-field-validation-level>).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FieldValidation {
    #[default]
    Strict,
    Warn,
    Ignore,
}

impl FieldValidation {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Strict => "Strict",
            Self::Warn => "Warn",
            Self::Ignore => "Ignore",
        }
    }
}

/// The part of a log to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogOptions {
    pub follow: bool,
    pub timestamps: bool,
    /// The log of the run before the last restart.
    pub previous: bool,
    pub tail_lines: Option<u32>,
    pub since_seconds: Option<u32>,
    /// The API server ignores fractions of a second.
    pub since_time: Option<OffsetDateTime>,
}

impl LogOptions {
    /// The same options, for all lines.
    #[must_use]
    pub const fn whole(self) -> Self {
        Self { tail_lines: None, since_seconds: None, since_time: None, ..self }
    }
}

fn query(name: &str, value: &str) -> String {
    form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_encoded() {
        let namespace = Namespace::parse("rec").unwrap();
        assert_eq!(
            Path::pods(&namespace, "batch.kubernetes.io/controller-uid=38c0&x=1#?,a=b").as_str(),
            "/api/v1/namespaces/rec/pods?labelSelector=batch.kubernetes.io%2Fcontroller-uid%3D38c0%26x%3D1%23%3F%2Ca%3Db"
        );
        assert_eq!(
            Path::events(&namespace, "u/1").as_str(),
            "/api/v1/namespaces/rec/events?fieldSelector=involvedObject.kind%3DJob%2CinvolvedObject.uid%3Du%2F1"
        );
    }
}
