//! The calls of a run that concern its job, and what it takes from their answers.

pub mod known;
pub mod outcome;
pub mod reason;
pub mod status;

use std::cell::Cell;
use std::time::Duration;

use form_urlencoded::Serializer;
use hyper::header::{ETAG, HeaderName, HeaderValue, IF_NONE_MATCH};
use hyper::{Method, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep};

use crate::client::exit::{Exit, UNAVAILABLE};
use crate::client::job::status::Status;
use crate::client::manifest::Manifest;
use crate::client::pause::Pause;
use crate::client::service::{Error, Retryable, Service, ServiceRequest, ServiceResponse};

/// How long one call waits for a change; then the next does. It ends well before the idle limit.
const WAIT: &str = "15s";

/// A wait that fails later than this was cut. One that fails earlier is repeated after a pause.
const CUT: Duration = Duration::from_secs(5);

/// A job that is there.
#[derive(Clone, Debug, Deserialize)]
pub struct Job {
    pub job_name: String,
    pub namespace: String,
    uid: String,
    #[serde(default)]
    pub warnings: Vec<String>,
    /// Whether it was there before.
    #[serde(skip)]
    pub is_known: bool,
    /// Whether the service refuses the parameter uid, as one before 0.2.0 does.
    #[serde(skip)]
    is_uid_unknown: Cell<bool>,
}

/// What a status call tells.
#[derive(Debug)]
pub enum Seen {
    Status(Status),
    /// The job is gone. The last status is there if the service saw its end.
    Gone {
        last: Option<Status>,
        why: String,
    },
}

impl std::fmt::Display for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "job {}/{}", self.namespace, self.job_name)
    }
}

/// Creates the job, however often that has to be tried.
pub async fn submit(service: &Service<'_>, manifest: &Manifest, key: &str) -> Result<Job, Exit> {
    let key = HeaderValue::try_from(key).map_err(|_| Exit::usage("--idempotency-key must be printable ASCII"))?;
    let ask = ServiceRequest {
        method: Method::POST,
        path: "/api/eks-create-job".to_owned(),
        headers: vec![(HeaderName::from_static("idempotency-key"), key)],
        body: manifest.body.clone(),
    };
    let answer = service.call(&ask).await.map_err(|error| ended(error, "the job is not created"))?;
    Ok(Job { is_known: answer.status == StatusCode::OK, ..parsed(&answer)? })
}

/// Removes the job, if it is still this very one.
pub async fn delete(service: &Service<'_>, job: &Job) -> Result<(), Exit> {
    let path = job.path("delete-job", &[("uid", &job.uid)]);
    let ask = ServiceRequest { method: Method::DELETE, ..ServiceRequest::get(path) };
    service.call(&ask).await.map_err(|error| ended(error, &format!("{job} is not deleted")))?;
    Ok(())
}

/// The status, and the version of it that is known.
#[derive(Debug, Default)]
pub struct Watch {
    known: Option<HeaderValue>,
    is_begun: bool,
    pause: Pause,
}

impl Watch {
    /// The status, once it is another than before; `None` if it has not changed for a while.
    pub async fn next(&mut self, service: &Service<'_>, job: &Job) -> Result<Option<Seen>, Exit> {
        if self.is_begun {
            let begun = Instant::now();
            match job.ask(service, &[("wait", WAIT)], self.known.as_ref(), false).await {
                Ok(answer) => {
                    self.pause = Pause::default();
                    return self.take(job, &answer);
                }
                Err(Retryable::Final(error)) => return job.lost(error),
                // A proxy may have cut the wait. Whether the service is there is for the next call to find out.
                Err(Retryable::Passing(_)) if begun.elapsed() >= CUT => {}
                Err(Retryable::Passing(passing)) => sleep(self.pause.next(passing.after)).await,
            }
        }
        self.is_begun = true;
        match job.ask(service, &[], self.known.as_ref(), true).await {
            Ok(answer) => self.take(job, &answer),
            Err(Retryable::Final(error)) => job.lost(error),
            Err(Retryable::Passing(_)) => Ok(None),
        }
    }

    fn take(&mut self, job: &Job, answer: &ServiceResponse) -> Result<Option<Seen>, Exit> {
        if answer.status == StatusCode::NOT_MODIFIED {
            return Ok(None);
        }
        self.known = answer.headers.get(ETAG).cloned();
        let status: Status = parsed(answer)?;
        // A service before 0.2.0 goes by the name alone.
        if status.uid != job.uid {
            return Ok(Some(Seen::Gone { last: None, why: "another job has its name".to_owned() }));
        }
        Ok(Some(Seen::Status(status)))
    }
}

impl Job {
    /// The status with its pods and events, by a single attempt.
    pub async fn details(&self, service: &Service<'_>) -> Option<Status> {
        let answer = self.ask(service, &[("details", "true")], None, false).await.ok()?;
        parsed::<Status>(&answer).ok().filter(|status| status.uid == self.uid)
    }

    /// A status call for this very job. `patient` repeats it while the service is away.
    async fn ask(
        &self,
        service: &Service<'_>,
        query: &[(&str, &str)],
        known: Option<&HeaderValue>,
        patient: bool,
    ) -> Result<ServiceResponse, Retryable> {
        loop {
            let uid = (!self.is_uid_unknown.get()).then_some(("uid", self.uid.as_str()));
            let query: Vec<_> = query.iter().copied().chain(uid).collect();
            let mut ask = ServiceRequest::get(self.path("get-job-status", &query));
            ask.headers.extend(known.map(|known| (IF_NONE_MATCH, known.clone())));
            let answer =
                if patient { service.call(&ask).await.map_err(Retryable::Final) } else { service.once(&ask).await };
            match answer {
                Err(Retryable::Final(Error::Problem(problem)))
                    if problem.status == StatusCode::BAD_REQUEST && uid.is_some() =>
                {
                    self.is_uid_unknown.set(true);
                }
                answer => return answer,
            }
        }
    }

    /// All that a container of this name writes, in each of the job's pods, with times.
    pub fn logs(&self, container: Option<&str>, query: &[(&str, &str)]) -> ServiceRequest {
        let mut query = [&[("all", "true"), ("timestamps", "true")], query].concat();
        query.extend(container.map(|name| ("container", name)));
        ServiceRequest::get(self.path("get-job-logs", &query))
    }

    /// The last lines that a container of this name wrote, in the newest pod.
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

    fn lost(&self, error: Error) -> Result<Option<Seen>, Exit> {
        match error {
            Error::Problem(problem) if problem.is_gone() => {
                let last = problem.last_known.as_ref().and_then(|last| serde_json::from_str::<Status>(last.get()).ok());
                let last = last.filter(|last| last.uid == self.uid);
                Ok(Some(Seen::Gone { last, why: problem.text }))
            }
            error => Err(ended(error, &format!("how {self} ends cannot be told"))),
        }
    }
}

fn parsed<T: DeserializeOwned>(answer: &ServiceResponse) -> Result<T, Exit> {
    serde_json::from_slice(&answer.body)
        .map_err(|error| Exit::new(UNAVAILABLE, format!("the answer is not one of eks-api: {error}")))
}

fn ended(error: Error, so: &str) -> Exit {
    match error {
        Error::Exit(end) => end,
        Error::Problem(problem) => problem.end(so),
    }
}
