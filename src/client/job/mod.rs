//! A job and the requests that concern it: [`Job`], [`find`], [`submit`], [`delete`] and [`StatusWatch`].

pub mod outcome;
pub mod poll;
pub mod reason;
pub mod state;
pub mod status;

use std::cell::Cell;

use hyper::body::Bytes;
use hyper::header::{HeaderName, HeaderValue, IF_NONE_MATCH};
use hyper::{Method, Response, StatusCode};
use serde::Deserialize;

use crate::client::exit::{Exit, REFUSED, UNAVAILABLE};
use crate::client::job::poll::Poll;
use crate::client::job::status::Status;
use crate::client::manifest::Manifest;
use crate::client::options::LogQuery;
use crate::client::problem::Problem;
use crate::client::service::{Error, Service, ServiceRequest};

/// A job of the service.
#[derive(Clone, Debug, Deserialize)]
pub struct Job {
    pub job_name: String,
    pub namespace: String,
    pub uid: String,
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

impl JobStatus {
    /// Returns the last status.
    pub fn status(self) -> Option<Status> {
        match self {
            Self::Found(status) => Some(status),
            Self::Deleted { last, .. } => last,
        }
    }
}

impl std::fmt::Display for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "job {}/{}", self.namespace, self.job_name)
    }
}

impl From<&Status> for Job {
    fn from(status: &Status) -> Self {
        let Status { job_name, namespace, uid, .. } = status.clone();
        Self { job_name, namespace, uid, warnings: Vec::new(), existed: false, refuses_uid: Cell::default() }
    }
}

/// Returns the status of the job of this name. If the job is gone, it is the last one. `details` adds the pods.
pub async fn find(service: &Service<'_>, name: &str, namespace: Option<&str>, details: bool) -> Result<Status, Error> {
    let optional = [namespace.map(|namespace| ("namespace", namespace)), details.then_some(("details", "true"))];
    let query = [("job_name", name)].into_iter().chain(optional.into_iter().flatten());
    match service.call(&ServiceRequest::get("get-job-status", query)).await {
        Ok(response) => Ok(Status::parse(response.into_body()).map_err(not_ours)?),
        Err(Error::Problem(problem)) => last_status(&problem).ok_or(Error::Problem(problem)),
        Err(error) => Err(error),
    }
}

/// Creates the job. Repeats the request with the same key until it is answered.
pub async fn submit(service: &Service<'_>, manifest: &Manifest, key: &str) -> Result<Job, Exit> {
    let key = HeaderValue::try_from(key).map_err(|_| Exit::usage("--idempotency-key must be printable ASCII"))?;
    let request = ServiceRequest {
        method: Method::POST,
        headers: vec![(HeaderName::from_static("idempotency-key"), key)],
        body: manifest.body.clone(),
        ..ServiceRequest::get("create-job", [])
    };
    let response = service.call(&request).await.map_err(|error| error.into_exit("the job is not created"))?;
    let job = serde_json::from_slice(response.body()).map_err(not_ours)?;
    Ok(Job { existed: response.status() == StatusCode::OK, ..job })
}

/// Deletes the job. The UID keeps another job of that name.
pub async fn delete(service: &Service<'_>, job: &Job) -> Result<(), Exit> {
    let request = ServiceRequest::delete("delete-job", job.query(&[("uid", &job.uid)]));
    service.call(&request).await.map_err(|error| error.into_exit(&format!("{job} is not deleted")))?;
    Ok(())
}

/// Waits for changes of the status.
#[derive(Debug, Default)]
pub struct StatusWatch(Poll);

impl StatusWatch {
    /// Returns the status when it has changed; `None` if it has not changed for a while.
    pub async fn next(&mut self, service: &Service<'_>, job: &Job) -> Result<Option<JobStatus>, Exit> {
        let ask = async |query: &[(&str, &str)], etag: Option<&HeaderValue>, retry: bool| {
            job.status(service, query, etag, retry).await
        };
        let reply = match self.0.next(ask).await {
            Ok(None) => return Ok(None),
            Ok(Some(reply)) => reply,
            Err(error) => return job.deleted(error).map(Some),
        };
        let status = Status::parse(reply).map_err(not_ours)?;
        // Services before 0.2.0 find a job by its name alone.
        if status.uid != job.uid {
            return Ok(Some(JobStatus::Deleted { last: None, why: "another job has its name".to_owned() }));
        }
        Ok(Some(JobStatus::Found(status)))
    }
}

impl Job {
    /// Returns the status with its pods and events. Tries once.
    pub async fn details(&self, service: &Service<'_>) -> Result<Status, Error> {
        let response = self.status(service, &[("details", "true")], None, false).await?;
        let status = Status::parse(response.into_body()).map_err(not_ours)?;
        if status.uid == self.uid { Ok(status) } else { Err(Exit::new(REFUSED, "another job has its name").into()) }
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
            let mut request = ServiceRequest::get("get-job-status", self.query(&query));
            request.headers.extend(etag.map(|etag| (IF_NONE_MATCH, etag.clone())));
            match if retry { service.call(&request).await } else { service.once(&request).await } {
                Err(Error::Problem(problem)) if problem.status == StatusCode::BAD_REQUEST && uid.is_some() => {
                    self.refuses_uid.set(true);
                }
                result => return result,
            }
        }
    }

    /// Requests a log, with times.
    pub fn log(&self, query: &LogQuery) -> ServiceRequest {
        let LogQuery { pod, container, tail_lines, since_seconds, .. } = query;
        let texts = [("pod", pod), ("container", container)];
        let numbers = [("tail_lines", tail_lines), ("since_seconds", since_seconds)];
        let values = texts.into_iter().chain(numbers).filter_map(|(name, value)| Some((name, value.as_deref()?)));
        let flags = [("all", query.all), ("follow", query.follow), ("previous", query.previous), ("timestamps", true)];
        let flags = flags.into_iter().filter_map(|(name, is_set)| is_set.then_some((name, "true")));
        ServiceRequest::get("get-job-logs", self.query(&values.chain(flags).collect::<Vec<_>>()))
    }

    /// Requests the last lines of a container in the newest pod.
    pub fn last_lines(&self, container: Option<&str>, lines: &str) -> ServiceRequest {
        let mut query = vec![("tail_lines", lines)];
        query.extend(container.map(|name| ("container", name)));
        ServiceRequest::get("get-job-logs", self.query(&query))
    }

    fn query<'q>(&'q self, more: &[(&'q str, &'q str)]) -> Vec<(&'q str, &'q str)> {
        [&[("job_name", self.job_name.as_str()), ("namespace", &self.namespace)], more].concat()
    }

    /// Takes the last status from the error of a job that is gone.
    fn deleted(&self, error: Error) -> Result<JobStatus, Exit> {
        let unknown = format!("the outcome of {self} is not known");
        match error {
            Error::Problem(problem) if problem.is_not_found() => {
                let last = last_status(&problem).filter(|last| last.uid == self.uid);
                Ok(JobStatus::Deleted { last, why: problem.text })
            }
            Error::Problem(problem) => Err(problem.into_late_exit(&unknown)),
            error => Err(error.into_exit(&unknown)),
        }
    }
}

/// Returns the last status of a job that is gone.
fn last_status(problem: &Problem) -> Option<Status> {
    let last = problem.last_known.as_ref()?.get();
    Status::parse(Bytes::copy_from_slice(last.as_bytes())).ok()
}

/// The end of a command that cannot read a reply.
#[allow(clippy::needless_pass_by_value, reason = "it is for map_err")]
pub fn not_ours(error: serde_json::Error) -> Exit {
    Exit::new(UNAVAILABLE, format!("the reply is not one of eks-api: {error}"))
}
