//! The calls that a run makes, and what it takes from their answers.

use form_urlencoded::Serializer;
use hyper::header::{ETAG, HeaderName, HeaderValue, IF_NONE_MATCH};
use hyper::{Method, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::end::{End, FAILED, NOT_ALLOWED, REFUSED, UNAVAILABLE};
use super::manifest::Manifest;
use super::service::{Answer, Ask, Error, Problem, Service};

/// How long one call waits for a change; then the next does.
const WAIT: &str = "60s";

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
}

#[derive(Debug, Deserialize)]
pub struct Status {
    uid: String,
    pub state: String,
    pub reason: Option<String>,
    pub message: Option<String>,
    #[serde(default)]
    pods: Vec<Pod>,
}

#[derive(Debug, Deserialize)]
struct Pod {
    containers: Vec<Container>,
}

#[derive(Debug, Deserialize)]
struct Container {
    exit_code: Option<i64>,
}

impl std::fmt::Display for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "job {}/{}", self.namespace, self.job_name)
    }
}

impl Status {
    pub fn is_final(&self) -> bool {
        ["completed", "failed"].contains(&self.state.as_str())
    }

    /// Why the job is as it is, after a colon.
    pub fn why(&self) -> String {
        let told = [Some(""), self.reason.as_deref(), self.message.as_deref()];
        told.into_iter().flatten().collect::<Vec<_>>().join(": ")
    }

    /// The exit code, if all containers that failed ended with the same.
    fn exit_code(&self) -> Option<u8> {
        let ended = self.pods.iter().flat_map(|pod| &pod.containers).filter_map(|container| container.exit_code);
        let mut codes = ended.filter(|code| *code != 0);
        let first = codes.next()?;
        u8::try_from(first).ok().filter(|_| codes.all(|code| code == first))
    }
}

/// Makes the job, however often that has to be tried.
pub async fn submit(service: &Service<'_>, manifest: &Manifest, key: &str) -> Result<Job, End> {
    let key = HeaderValue::try_from(key).map_err(|_| End::usage("--idempotency-key must be printable ASCII"))?;
    let ask = Ask {
        method: Method::POST,
        path: "/api/eks-create-job".to_owned(),
        headers: vec![(HeaderName::from_static("idempotency-key"), key)],
        body: manifest.body.clone(),
    };
    let answer = service.call(&ask).await.map_err(|error| ended(error, "the job is not created"))?;
    Ok(Job { is_known: answer.status == StatusCode::OK, ..parsed(&answer)? })
}

/// Removes the job, if it is still this very one.
pub async fn delete(service: &Service<'_>, job: &Job) -> Result<(), End> {
    let path = job.path("delete-job", &[("uid", &job.uid)]);
    let ask = Ask { method: Method::DELETE, ..Ask::get(path) };
    service.call(&ask).await.map_err(|error| ended(error, &format!("{job} is not deleted")))?;
    Ok(())
}

/// The status, and with it the version that is then known.
#[derive(Debug, Default)]
pub struct Watch {
    known: Option<HeaderValue>,
    is_begun: bool,
}

impl Watch {
    /// The status, once it is another than before; `None` if it has not changed for a while.
    pub async fn next(&mut self, service: &Service<'_>, job: &Job) -> Result<Option<Status>, End> {
        let mut ask = Ask::get(job.path("get-job-status", if self.is_begun { &[("wait", WAIT)] } else { &[] }));
        ask.headers.extend(self.known.take().map(|known| (IF_NONE_MATCH, known)));
        self.is_begun = true;
        let answer = service.call(&ask).await.map_err(|error| job.lost(error))?;
        self.known = answer.headers.get(ETAG).cloned();
        if answer.status == StatusCode::NOT_MODIFIED {
            return Ok(None);
        }
        job.own(parsed(&answer)?).map(Some)
    }
}

impl Job {
    pub async fn status(&self, service: &Service<'_>) -> Result<Status, End> {
        let ask = Ask::get(self.path("get-job-status", &[]));
        let answer = service.call(&ask).await.map_err(|error| self.lost(error))?;
        self.own(parsed(&answer)?)
    }

    /// The exit code of the job's container, if one can be told.
    pub async fn exit_code(&self, service: &Service<'_>) -> Option<u8> {
        let ask = Ask::get(self.path("get-job-status", &[("details", "true")]));
        let answer = service.call(&ask).await.ok()?;
        parsed::<Status>(&answer).ok().filter(|status| status.uid == self.uid)?.exit_code()
    }

    /// All that a container of this name writes, in each of the job's pods, with times.
    pub fn logs(&self, container: Option<&str>, follow: bool) -> Ask {
        let follow = if follow { "true" } else { "false" };
        let mut query = vec![("all", "true"), ("timestamps", "true"), ("follow", follow)];
        query.extend(container.map(|name| ("container", name)));
        Ask::get(self.path("get-job-logs", &query))
    }

    fn path(&self, call: &str, query: &[(&str, &str)]) -> String {
        let mut text = Serializer::new(format!("/api/eks-{call}?"));
        text.append_pair("job_name", &self.job_name).append_pair("namespace", &self.namespace);
        text.extend_pairs(query).finish()
    }

    fn own(&self, status: Status) -> Result<Status, End> {
        if status.uid == self.uid { Ok(status) } else { Err(End::new(FAILED, format!("{self} was deleted"))) }
    }

    fn lost(&self, error: Error) -> End {
        match error {
            Error::Problem(problem) if problem.status == StatusCode::NOT_FOUND => {
                End::new(FAILED, format!("{self} was deleted"))
            }
            error => ended(error, &format!("how {self} ends cannot be told")),
        }
    }
}

fn parsed<T: DeserializeOwned>(answer: &Answer) -> Result<T, End> {
    serde_json::from_slice(&answer.body)
        .map_err(|error| End::new(UNAVAILABLE, format!("the answer is not one of eks-api: {error}")))
}

/// A problem as the end of the run.
fn ended(error: Error, so: &str) -> End {
    match error {
        Error::End(end) => end,
        Error::Problem(Problem { status, text }) => {
            let code = match status.as_u16() {
                401 | 403 => NOT_ALLOWED,
                400..=499 => REFUSED,
                _ => UNAVAILABLE,
            };
            End::new(code, format!("{so}: {text}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exit_code_is_told_if_there_is_but_one() {
        let code = |codes: &[Option<i64>]| {
            let container = |code: &Option<i64>| Pod { containers: vec![Container { exit_code: *code }] };
            let pods = codes.iter().map(container).collect();
            Status { uid: String::new(), state: "failed".to_owned(), reason: None, message: None, pods }.exit_code()
        };
        assert_eq!(code(&[Some(3)]), Some(3));
        assert_eq!(code(&[Some(3), Some(0), None, Some(3)]), Some(3));
        assert_eq!([code(&[Some(3), Some(4)]), code(&[]), code(&[Some(0)]), code(&[Some(259)])], [None; 4]);
    }
}
