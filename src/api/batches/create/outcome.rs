//! The result of each job of a batch, and the reply: [`Outcome`] and [`Outcomes`].

use std::collections::BTreeMap;
use std::ops::Not;
use std::time::Duration;

use hyper::StatusCode;
use serde::Serialize;

use crate::api::batches::batch_ref::BatchRef;
use crate::api::batches::create::body::OnError;
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;
use crate::jobs::batches::description::Description;
use crate::util::text::truncate;

/// The most characters of the detail of one job. A thousand of them are in a reply.
const MAX_DETAIL: usize = 500;
/// When a call can be repeated, if the API server does not say it.
const RETRY_AFTER: Duration = Duration::from_secs(2);

#[derive(Debug, Serialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub(super) enum Outcome {
    Created { uid: Box<str> },
    Existing { uid: Box<str> },
    Refused(Refused),
    NotSent,
}

/// Why a job was refused.
#[derive(Debug, Serialize)]
pub(super) struct Refused {
    code: u16,
    reason: String,
    detail: String,
    /// Whether the same job may be accepted later.
    #[serde(skip)]
    pub(super) passes: bool,
    #[serde(skip)]
    retry_after: Option<Duration>,
}

impl Refused {
    pub(super) fn new(problem: Problem) -> Self {
        let Problem { status, reason, detail, retry_after, is_temporary: passes, .. } = problem.of_change();
        let detail = truncate(&detail, MAX_DETAIL).to_owned();
        Self { code: status.as_u16(), reason, detail, passes, retry_after }
    }

    /// The name is taken by a job that is being deleted.
    pub(super) fn deleting(detail: &str) -> Self {
        Self::new(Problem::unavailable("batch_deleting", detail, RETRY_AFTER))
    }
}

/// 409: something of this batch is being deleted. `what` is the subject of the sentence.
pub(super) fn deleting(what: &str) -> Problem {
    let detail = format!("{what} being deleted; try again in a few seconds");
    let problem = Problem::new(StatusCode::CONFLICT, "batch_deleting", detail);
    Problem { retry_after: Some(RETRY_AFTER), ..problem }
}

/// The jobs of a batch after the call.
pub(super) struct Outcomes<'a> {
    batch: &'a BatchRef,
    cluster: &'a str,
    description: &'a Description,
    pub(super) jobs: Vec<Outcome>,
    on_error: OnError,
    /// Why the head was not created.
    pub(super) head: Option<Refused>,
    /// Whether the deadline kept jobs from being sent.
    pub(super) is_late: bool,
    /// Whether the same call can be made again: it has a key or a name.
    pub(super) is_repeatable: bool,
    pub(super) namespace_created: bool,
    pub(super) warnings: Vec<String>,
}

/// The members of the reply, which a problem has too.
#[derive(Serialize)]
struct Document<'a> {
    batch_name: &'a str,
    namespace: &'a str,
    cluster: &'a str,
    size: usize,
    created: usize,
    existing: usize,
    #[serde(skip_serializing_if = "Not::not")]
    namespace_created: bool,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    warnings: &'a [String],
    jobs: Vec<Member<'a>>,
}

#[derive(Serialize)]
struct Member<'a> {
    index: u32,
    id: Option<&'a str>,
    job_name: String,
    #[serde(flatten)]
    outcome: &'a Outcome,
}

impl<'a> Outcomes<'a> {
    /// No job is sent yet.
    pub(super) fn new(batch: &'a BatchRef, cluster: &'a str, description: &'a Description, on_error: OnError) -> Self {
        let jobs = (0..description.size).map(|_| Outcome::NotSent).collect();
        let (is_late, is_repeatable, namespace_created) = (false, true, false);
        let (head, warnings) = (None, Vec::new());
        Self { batch, cluster, description, jobs, on_error, head, is_late, is_repeatable, namespace_created, warnings }
    }

    fn count(&self, holds: impl Fn(&Outcome) -> bool) -> usize {
        self.jobs.iter().filter(|job| holds(job)).count()
    }

    /// Returns the reply: 201 or 200 if all jobs exist, else the problem `batch_incomplete`.
    pub(super) fn reply(&self) -> Result<Reply, Problem> {
        let created = self.count(|job| matches!(job, Outcome::Created { .. }));
        let existing = self.count(|job| matches!(job, Outcome::Existing { .. }));
        let member = |(index, outcome)| Member {
            index,
            id: self.description.id(index as usize),
            job_name: self.batch.name.member(index).to_string(),
            outcome,
        };
        let document = Document {
            batch_name: self.batch.name.as_str(),
            namespace: self.batch.namespace.as_str(),
            cluster: self.cluster,
            size: self.jobs.len(),
            created,
            existing,
            namespace_created: self.namespace_created,
            warnings: &self.warnings,
            jobs: (0..).zip(&self.jobs).map(member).collect(),
        };
        if created + existing < self.jobs.len() {
            return Err(self.incomplete(&document));
        }
        Reply::json(if created > 0 { StatusCode::CREATED } else { StatusCode::OK }, &document)
    }

    fn incomplete(&self, document: &Document<'_>) -> Problem {
        let is_refused = |job: &Outcome, passes| matches!(job, Outcome::Refused(refused) if refused.passes == passes);
        let jobs = || self.jobs.iter().enumerate();
        let (for_good, passing) =
            (jobs().find(|(_, job)| is_refused(job, false)), jobs().find(|(_, job)| is_refused(job, true)));
        let is_unsent = self.jobs.iter().any(|job| matches!(job, Outcome::NotSent));
        let is_final = for_good.is_some() && (self.on_error == OnError::Stop || (passing.is_none() && !is_unsent));
        let status = match is_final {
            true => StatusCode::UNPROCESSABLE_ENTITY,
            false if self.is_late => StatusCode::GATEWAY_TIMEOUT,
            false => StatusCode::SERVICE_UNAVAILABLE,
        };
        let first = if is_final { for_good } else { passing.or(for_good) };
        let why = match (&self.head, first) {
            (Some(Refused { detail, .. }), _) => format!("the head of the batch was refused: {detail}"),
            (None, Some((index, Outcome::Refused(Refused { detail, .. })))) => {
                format!("jobs[{index}] was refused: {detail}")
            }
            _ => "the time limit of the call came before the other jobs were sent".to_owned(),
        };
        let there = match document.created + document.existing {
            0 => "no job exists".to_owned(),
            there => format!("{there} of {} jobs exist", document.size),
        };
        let detail = format!("{there}; {why}; {}", self.advice(is_final, document));
        let of_jobs = self.jobs.iter().filter_map(|job| match job {
            Outcome::Refused(refused) => Some(refused),
            _ => None,
        });
        let later = of_jobs.chain(&self.head).filter_map(|refused| refused.retry_after);
        let retry_after = (!is_final).then(|| later.max().unwrap_or(RETRY_AFTER));
        let members = serde_json::to_string(document).ok().and_then(|text| serde_json::from_str(&text).ok());
        let members: BTreeMap<_, _> = members.unwrap_or_default();
        Problem { retry_after, members: Some(Box::new(members)), ..Problem::new(status, "batch_incomplete", detail) }
    }

    fn advice(&self, is_final: bool, document: &Document<'_>) -> String {
        let name = &self.batch.name;
        match (is_final, self.is_repeatable) {
            (true, _) if document.created + document.existing == 0 => {
                format!("delete batch {name}, then send the corrected call")
            }
            (true, _) => format!("delete batch {name}, or send the corrected jobs as another batch"),
            (false, true) => "repeat the same call to create the rest".to_owned(),
            (false, false) => format!(
                "the call cannot be repeated safely, as it has no Idempotency-Key and no batch_name: delete batch {name}, and call again with one of them"
            ),
        }
    }
}

#[cfg(test)]
#[path = "outcome_tests.rs"]
mod tests;
