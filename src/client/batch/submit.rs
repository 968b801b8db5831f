//! Creates a batch: [`submit`]. The request is repeated until all jobs are created, or one is refused for good.

use hyper::header::{HeaderName, HeaderValue};
use hyper::{Method, StatusCode};
use serde::Deserialize;
use tokio::time::{Instant, sleep};

use crate::client::batch::body::Body;
use crate::client::batch::status::jobs;
use crate::client::command::print::{print, table};
use crate::client::exit::{Exit, REFUSED, TRY_LATER, UNAVAILABLE};
use crate::client::job::not_ours;
use crate::client::problem::{BATCH_INCOMPLETE, Problem};
use crate::client::service::{BACKOFF, Error, RETRY_TIMEOUT, Service, ServiceRequest};
use crate::util::text::printable;

/// The reason of a batch whose name is still in use by one that is being deleted.
const BATCH_DELETING: &str = "batch_deleting";
const HEADINGS: [&str; 6] = ["INDEX", "ID", "JOB", "CODE", "REASON", "DETAIL"];

/// The fields of a reply of create-batch that the client reads. An error has some of them.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Submission {
    pub batch_name: String,
    pub namespace: String,
    pub created: usize,
    existing: usize,
    jobs: Vec<Submitted>,
    pub warnings: Vec<String>,
    detail: String,
    request_id: String,
    /// Whether an earlier attempt of this command created some of the jobs.
    #[serde(skip)]
    pub was_repeated: bool,
    /// The end of the command if jobs are refused for good.
    #[serde(skip)]
    pub refusal: Option<Exit>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Submitted {
    index: usize,
    id: Option<String>,
    job_name: String,
    status: String,
    code: Option<u16>,
    reason: Option<String>,
    detail: Option<String>,
}

/// Creates the batch. Without `has_timeout` it ends after 2 minutes without progress. `again` says how to complete the
/// batch.
pub async fn submit(
    service: &Service<'_>,
    body: &Body,
    key: Option<&str>,
    has_timeout: bool,
    again: &str,
) -> Result<Submission, Exit> {
    let key = key.map(HeaderValue::try_from).transpose();
    let key = key.map_err(|_| Exit::usage("--idempotency-key must be printable ASCII"))?;
    let request = ServiceRequest {
        method: Method::POST,
        headers: key.into_iter().map(|key| (HeaderName::from_static("idempotency-key"), key)).collect(),
        body: body.bytes()?,
        ..ServiceRequest::get("create-batch", [])
    };
    let size = body.size();
    let (mut done, mut noted, mut backoff) = (0, String::new(), BACKOFF);
    let (mut progressed_at, mut was_repeated, mut created) = (Instant::now(), false, 0);
    service.progress.live(&format!("submitting {}", jobs(size)));
    loop {
        let problem = match service.call(&request).await {
            Ok(response) => {
                let submission: Submission = serde_json::from_slice(response.body()).map_err(not_ours)?;
                was_repeated |= service.was_repeated.get();
                created += submission.created;
                return Ok(Submission { created, was_repeated, ..submission });
            }
            Err(Error::Problem(problem)) if is_for_another_attempt(&problem) => problem,
            Err(Error::Problem(problem)) if problem.reason == BATCH_INCOMPLETE => {
                return refused(service, &problem, size).await;
            }
            Err(error) if done == 0 => return Err(error.into_exit("the batch is not created")),
            Err(error) => return Err(error.into_exit(&format!("only {done} of {} exist; {again}", jobs(size)))),
        };
        was_repeated |= service.was_repeated.get();
        let submission: Submission = serde_json::from_slice(&problem.body).unwrap_or_default();
        created += submission.created;
        if submission.existing() > done {
            (done, progressed_at, backoff) = (submission.existing(), Instant::now(), BACKOFF);
        }
        let why = match submission.refused().find_map(|job| job.detail.clone()) {
            Some(detail) => detail,
            None if problem.status == StatusCode::GATEWAY_TIMEOUT => "the call took too long".to_owned(),
            None if problem.reason != BATCH_INCOMPLETE => "a batch of this name is being deleted".to_owned(),
            // The head was refused. The detail says first how many jobs exist.
            None => submission.detail.split("; ").nth(1).unwrap_or(&submission.detail).to_owned(),
        };
        if !has_timeout && progressed_at.elapsed() >= RETRY_TIMEOUT {
            let code = if why.contains("exceeded quota") { TRY_LATER } else { UNAVAILABLE };
            return Err(Exit::new(code, format!("only {done} of {} exist: {why}; {again}", jobs(size))));
        }
        let exist = format!("{done} of {} exist", jobs(size));
        let text = format!("{exist}: {why}; trying again");
        service.progress.live(&exist);
        if text != noted {
            service.progress.note(&text);
            noted = text;
        }
        sleep(problem.retry_after.unwrap_or_default() + backoff.pause()).await;
    }
}

/// Whether the same request can complete the batch.
fn is_for_another_attempt(problem: &Problem) -> bool {
    match problem.reason.as_str() {
        BATCH_INCOMPLETE => problem.status != StatusCode::UNPROCESSABLE_ENTITY,
        BATCH_DELETING => problem.retry_after.is_some(),
        _ => false,
    }
}

/// Prints the refused jobs.
async fn refused(service: &Service<'_>, problem: &Problem, size: usize) -> Result<Submission, Exit> {
    let submission: Submission = serde_json::from_slice(&problem.body).map_err(not_ours)?;
    print(service, table(HEADINGS, submission.refused().map(row)).into_bytes()).await?;
    let (refused, existing) = (submission.refused().count(), submission.existing());
    let when = if existing > 0 { " when the others have ended" } else { "" };
    let Submission { batch_name, request_id, .. } = &submission;
    let text = format!(
        "{} {} refused, and {existing} of {size} exist; correct the jobs, and send all with --retry-failed \
         {batch_name}{when} ({} {}, request {request_id})",
        jobs(refused),
        if refused == 1 { "is" } else { "are" },
        problem.status.as_u16(),
        problem.reason
    );
    Ok(Submission { refusal: Some(Exit::new(REFUSED, text)), ..submission })
}

impl Submission {
    /// Returns the number of jobs that exist.
    pub fn existing(&self) -> usize {
        self.created + self.existing
    }

    fn refused(&self) -> impl Iterator<Item = &Submitted> {
        self.jobs.iter().filter(|job| job.status == "refused")
    }
}

fn row(job: &Submitted) -> [String; 6] {
    let text = |text: Option<&str>| printable(text.unwrap_or("-"));
    let code = job.code.map_or_else(|| "-".to_owned(), |code| code.to_string());
    let [id, reason, detail] = [&job.id, &job.reason, &job.detail].map(|value| text(value.as_deref()));
    [job.index.to_string(), id, printable(&job.job_name), code, reason, detail]
}
