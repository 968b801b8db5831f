//! The job of a run and the requests that concern it: [`Job`], [`submit`], [`delete`] and [`StatusWatch`].

pub mod outcome;
pub mod reason;
pub mod state;
pub mod status;

use std::cell::Cell;
use std::time::Duration;

use form_urlencoded::Serializer;
use hyper::body::Bytes;
use hyper::header::{ETAG, HeaderName, HeaderValue, IF_NONE_MATCH};
use hyper::{Method, Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep};

use crate::client::exit::{Exit, UNAVAILABLE};
use crate::client::job::status::Status;
use crate::client::manifest::Manifest;
use crate::client::service::{BACKOFF, Error, Service, ServiceRequest};
use crate::util::backoff::Backoff;

/// How long one request waits for a change of the status. It is shorter than the idle timeout.
const WAIT: &str = "15s";

/// A wait that fails later than this was cut by a proxy. After an earlier failure comes a pause.
const CUT: Duration = Duration::from_secs(5);

/// A job that the service created.
#[derive(Clone, Debug, Deserialize)]
pub struct Job {
    pub job_name: String,
    pub namespace: String,
    uid: String,
    #[serde(default)]
    pub warnings: Vec<String>,
    /// Whether an earlier run created it.
    #[serde(skip)]
    pub existed: bool,
    /// Whether the service refuses the parameter `uid`. Services before 0.2.0 do.
    #[serde(skip)]
    refuses_uid: Cell<bool>,
}

/// The result of a status request.
#[derive(Clone, Debug)]
pub enum JobStatus {
    Found(Status),
    /// The job was deleted. The last status is known if the service saw the job end.
    Deleted {
        last: Option<Status>,
        why: String,
    },
}

impl std::fmt::Display for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "job {}/{}", self.namespace, self.job_name)
    }
}

/// Creates the job. Repeats the request with the same key until it is answered.
pub async fn submit(service: &Service<'_>, manifest: &Manifest, key: &str) -> Result<Job, Exit> {
    let key = HeaderValue::try_from(key).map_err(|_| Exit::usage("--idempotency-key must be printable ASCII"))?;
    let request = ServiceRequest {
        method: Method::POST,
        path: "/api/eks-create-job".to_owned(),
        headers: vec![(HeaderName::from_static("idempotency-key"), key)],
        body: manifest.body.clone(),
    };
    let response = service.call(&request).await.map_err(|error| error.into_exit("the job is not created"))?;
    Ok(Job { existed: response.status() == StatusCode::OK, ..parse(&response)? })
}

/// Deletes the job. The UID keeps another job of that name.
pub async fn delete(service: &Service<'_>, job: &Job) -> Result<(), Exit> {
    let path = job.path("delete-job", &[("uid", &job.uid)]);
    let request = ServiceRequest { method: Method::DELETE, ..ServiceRequest::get(path) };
    service.call(&request).await.map_err(|error| error.into_exit(&format!("{job} is not deleted")))?;
    Ok(())
}

/// Waits for changes of the status.
#[derive(Debug)]
pub struct StatusWatch {
    etag: Option<HeaderValue>,
    has_begun: bool,
    backoff: Backoff,
}

impl Default for StatusWatch {
    fn default() -> Self {
        Self { etag: None, has_begun: false, backoff: BACKOFF }
    }
}

impl StatusWatch {
    /// Returns the status when it has changed; `None` if it has not changed for a while.
    pub async fn next(&mut self, service: &Service<'_>, job: &Job) -> Result<Option<JobStatus>, Exit> {
        if self.has_begun {
            let begun = Instant::now();
            match job.status(service, &[("wait", WAIT)], self.etag.as_ref(), false).await {
                Ok(response) => {
                    self.backoff = BACKOFF;
                    return self.changed(job, &response);
                }
                // A proxy may have cut the wait. The next request finds out whether the service is up.
                Err(Error::Retryable { .. }) if begun.elapsed() >= CUT => {}
                Err(Error::Retryable { retry_after, .. }) => {
                    sleep(retry_after.unwrap_or_default() + self.backoff.pause()).await;
                }
                Err(error) => return job.deleted(error).map(Some),
            }
        }
        self.has_begun = true;
        match job.status(service, &[], self.etag.as_ref(), true).await {
            Ok(response) => self.changed(job, &response),
            Err(error) => job.deleted(error).map(Some),
        }
    }

    fn changed(&mut self, job: &Job, response: &Response<Bytes>) -> Result<Option<JobStatus>, Exit> {
        if response.status() == StatusCode::NOT_MODIFIED {
            return Ok(None);
        }
        self.etag = response.headers().get(ETAG).cloned();
        let status: Status = parse(response)?;
        // Services before 0.2.0 find a job by its name alone.
        if status.uid != job.uid {
            return Ok(Some(JobStatus::Deleted { last: None, why: "another job has its name".to_owned() }));
        }
        Ok(Some(JobStatus::Found(status)))
    }
}

impl Job {
    /// Returns the status with its pods and events. Tries once.
    pub async fn details(&self, service: &Service<'_>) -> Option<Status> {
        let response = self.status(service, &[("details", "true")], None, false).await.ok()?;
        parse::<Status>(&response).ok().filter(|status| status.uid == self.uid)
    }

    /// Requests the status. With `retry` the request is repeated while the service is down.
    async fn status(
        &self,
        service: &Service<'_>,
        query: &[(&str, &str)],
        etag: Option<&HeaderValue>,
        retry: bool,
    ) -> Result<Response<Bytes>, Error> {
        loop {
            let uid = (!self.refuses_uid.get()).then_some(("uid", self.uid.as_str()));
            let query: Vec<_> = query.iter().copied().chain(uid).collect();
            let mut request = ServiceRequest::get(self.path("get-job-status", &query));
            request.headers.extend(etag.map(|etag| (IF_NONE_MATCH, etag.clone())));
            match if retry { service.call(&request).await } else { service.once(&request).await } {
                Err(Error::Problem(problem)) if problem.status == StatusCode::BAD_REQUEST && uid.is_some() => {
                    self.refuses_uid.set(true);
                }
                result => return result,
            }
        }
    }

    /// Requests the log of a container in all pods of the job, with times.
    pub fn log(&self, container: Option<&str>, query: &[(&str, &str)]) -> ServiceRequest {
        let mut query = [&[("all", "true"), ("timestamps", "true")], query].concat();
        query.extend(container.map(|name| ("container", name)));
        ServiceRequest::get(self.path("get-job-logs", &query))
    }

    /// Requests the last lines of a container in the newest pod.
    pub fn last_lines(&self, container: Option<&str>, lines: &str) -> ServiceRequest {
        let mut query = vec![("tail_lines", lines)];
        query.extend(container.map(|name| ("container", name)));
        ServiceRequest::get(self.path("get-job-logs", &query))
    }

    fn path(&self, call: &str, query: &[(&str, &str)]) -> String {
        let mut text = Serializer::new(format!("/api/eks-{call}?"));
        text.append_pair("job_name", &self.job_name).append_pair("namespace", &self.namespace);
        text.extend_pairs(query).finish()
    }

    /// Takes the last status from the error of a job that is gone.
    fn deleted(&self, error: Error) -> Result<JobStatus, Exit> {
        match error {
            Error::Problem(problem) if problem.is_not_found() => {
                let last = problem.last_known.as_ref().and_then(|last| serde_json::from_str::<Status>(last.get()).ok());
                let last = last.filter(|last| last.uid == self.uid);
                Ok(JobStatus::Deleted { last, why: problem.text })
            }
            error => Err(error.into_exit(&format!("the outcome of {self} is not known"))),
        }
    }
}

fn parse<T: DeserializeOwned>(response: &Response<Bytes>) -> Result<T, Exit> {
    serde_json::from_slice(response.body())
        .map_err(|error| Exit::new(UNAVAILABLE, format!("the reply is not one of eks-api: {error}")))
}
