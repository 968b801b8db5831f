//! The only place where URLs of the cluster are made, and only of parsed names and encoded queries.

use std::fmt::Write as _;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::kube::names::{ContainerName, JobName, Namespace, PodName};

/// Path and query of a request to the API server, and what they lead to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    text: String,
    resource: Resource,
    reading: Verb,
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
}

/// The names of the resources, in their order.
pub const RESOURCES: [&str; 7] =
    ["version", "namespaces", "jobs", "pods", "pods/log", "events", "selfsubjectaccessreviews"];

/// What a GET of the path is in RBAC's words: get, list or watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    One,
    Many,
    Watch,
}

impl Path {
    const fn one(resource: Resource, text: String) -> Self {
        Self { text, resource, reading: Verb::One }
    }

    const fn many(resource: Resource, text: String) -> Self {
        Self { text, resource, reading: Verb::Many }
    }

    pub fn version() -> Self {
        Self::one(Resource::Version, "/version".to_owned())
    }

    pub fn namespaces() -> Self {
        Self::many(Resource::Namespaces, "/api/v1/namespaces".to_owned())
    }

    pub fn namespace(name: &Namespace) -> Self {
        Self::one(Resource::Namespaces, format!("/api/v1/namespaces/{name}"))
    }

    /// Where jobs are created: an unknown field is an error there, not silently dropped
    /// (<https://kubernetes.io/docs/reference/using-api/api-concepts/#validation-for-unrecognized-or-duplicate-fields>).
    pub fn jobs_strictly(namespace: &Namespace) -> Self {
        Self::many(Resource::Jobs, format!("/apis/batch/v1/namespaces/{namespace}/jobs?fieldValidation=Strict"))
    }

    pub fn job(namespace: &Namespace, name: &JobName) -> Self {
        Self::one(Resource::Jobs, format!("/apis/batch/v1/namespaces/{namespace}/jobs/{name}"))
    }

    /// A page of jobs, of one namespace or (`None`) of all.
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
        Self::many(Resource::Jobs, query.finish())
    }

    /// What happens to the jobs of all namespaces after this version, for so many seconds.
    pub fn jobs_watch(label_selector: &str, version: u64, seconds: u64) -> Self {
        let selector = query("labelSelector", label_selector);
        let rest = format!("watch=1&allowWatchBookmarks=true&resourceVersion={version}&timeoutSeconds={seconds}");
        let text = format!("/apis/batch/v1/jobs?{selector}&{rest}");
        Self { text, resource: Resource::Jobs, reading: Verb::Watch }
    }

    /// A page of all namespaces.
    pub fn namespaces_page(limit: u32, token: Option<&str>) -> Self {
        let limit = format!("/api/v1/namespaces?limit={limit}");
        let text = token.map_or(limit.clone(), |token| format!("{limit}&{}", query("continue", token)));
        Self::many(Resource::Namespaces, text)
    }

    /// What one container wrote
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
        Self::one(Resource::PodLogs, path)
    }

    /// The pods that a label selector matches.
    pub fn pods(namespace: &Namespace, label_selector: &str) -> Self {
        let selector = query("labelSelector", label_selector);
        Self::many(Resource::Pods, format!("/api/v1/namespaces/{namespace}/pods?{selector}"))
    }

    /// The events about one object: the uid tells it from an earlier one of the same name.
    pub fn events(namespace: &Namespace, uid: &str) -> Self {
        let selector = format!("involvedObject.kind=Job,involvedObject.uid={uid}");
        let selector = query("fieldSelector", &selector);
        Self::many(Resource::Events, format!("/api/v1/namespaces/{namespace}/events?{selector}"))
    }

    pub fn self_subject_access_reviews() -> Self {
        let text = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews".to_owned();
        Self::many(Resource::AccessReviews, text)
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub const fn resource(&self) -> Resource {
        self.resource
    }

    pub const fn reading(&self) -> Verb {
        self.reading
    }
}

/// Which part of a log is wanted, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogOptions {
    pub follow: bool,
    pub timestamps: bool,
    /// Of the container's run before the last restart.
    pub previous: bool,
    pub tail_lines: Option<u32>,
    pub since_seconds: Option<u32>,
    /// The API server passes it on in whole seconds.
    pub since_time: Option<OffsetDateTime>,
}

impl LogOptions {
    /// The same of all lines.
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
    fn what_the_server_told_us_is_encoded_when_it_goes_back() {
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
