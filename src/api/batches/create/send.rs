//! Sends the members of a batch, at most 16 at a time, and fewer while the API server answers 429.

use std::sync::Arc;

use hyper::StatusCode;
use tokio::task::{JoinError, JoinSet, yield_now};

use crate::api::batches::create::body::OnError;
use crate::api::batches::create::outcome::{Outcome, Refused};
use crate::api::batches::create::warnings::Warnings;
use crate::api::context::RequestContext;
use crate::api::templates::source::problem;
use crate::http::response::problem::Problem;
use crate::jobs::batches::membership::Membership;
use crate::jobs::batches::plan::Plan;
use crate::jobs::create::{self, Submitted};
use crate::jobs::manifest::{self, JobManifest};
use crate::kube::client::Client;
use crate::kube::types::Job;
use crate::kube::url::{FieldValidation, Path};

/// The most creates at a time.
const MAX_CREATES: usize = 16;
/// The most bytes of all manifests of a batch. To make them takes some seconds at most.
const MAX_MANIFESTS_BYTES: usize = 16 << 20;

/// The members that are being sent.
pub(super) struct Sending<'a> {
    pub(super) plan: &'a Plan,
    pub(super) head_uid: Arc<str>,
    pub(super) on_error: OnError,
    /// By index. Only those that are not sent yet are sent.
    pub(super) jobs: &'a mut [Outcome],
    pub(super) warnings: &'a mut Warnings,
}

/// The result of a create.
struct Sent {
    index: u32,
    result: Result<Submitted, Refused>,
    is_throttled: bool,
}

/// Prepares every member once and drops it again. So a fault in the last one shows before the first is sent.
pub(super) fn check_all(plan: &Plan) -> Result<Warnings, Problem> {
    let (mut bytes, mut warnings) = (0, Warnings::default());
    for index in 0..plan.size() {
        let member = plan.member(index, "").map_err(problem)?;
        bytes += member.manifest.len();
        if bytes > MAX_MANIFESTS_BYTES {
            let detail = format!(
                "jobs: the manifests of all jobs have more than {} MiB: send several batches",
                MAX_MANIFESTS_BYTES >> 20
            );
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", detail));
        }
        member.warnings.into_iter().for_each(|text| warnings.add(Some(index), text));
    }
    Ok(warnings)
}

impl Sending<'_> {
    /// Sends the members until one is refused, or time is over. Returns whether time is over.
    pub(super) async fn send(&mut self, ctx: &RequestContext) -> bool {
        let writers = ctx.writers();
        let unsent: Vec<u32> = (0..self.plan.size()).filter(|index| self.is_unsent(*index)).collect();
        let mut unsent = unsent.into_iter().peekable();
        let (mut tasks, mut limit, mut goes_on) = (JoinSet::new(), MAX_CREATES, true);
        loop {
            while goes_on
                && tasks.len() < limit
                && let Some(index) = unsent.peek().copied()
            {
                let client = writers.client().await;
                // A refusal may have come meanwhile.
                while let Some(sent) = tasks.try_join_next() {
                    goes_on &= self.take(ctx, sent, &mut limit);
                }
                goes_on &= !writers.is_late();
                let client = match client {
                    _ if !goes_on => break,
                    Ok(client) => client,
                    // The permits of the creates on their way become free.
                    Err(_) if !tasks.is_empty() => break,
                    Err(problem) => {
                        goes_on = self.refuse(index, Refused::new(problem));
                        break;
                    }
                };
                unsent.next();
                match self.plan.member(index, &self.head_uid) {
                    Ok(member) => {
                        tasks.spawn(create_member(client, Arc::clone(&self.head_uid), index, member));
                    }
                    Err(error) => goes_on = self.refuse(index, Refused::new(problem(error))),
                }
                // Other requests run meanwhile.
                yield_now().await;
            }
            let Some(sent) = tasks.join_next().await else { return writers.is_late() };
            goes_on &= self.take(ctx, sent, &mut limit);
        }
    }

    /// Takes the result of a create. Returns whether the sending goes on.
    fn take(&mut self, ctx: &RequestContext, sent: Result<Sent, JoinError>, limit: &mut usize) -> bool {
        // A create that panicked may have had its effect. A repetition finds out.
        let Ok(Sent { index, result, is_throttled }) = sent else { return false };
        *limit = if is_throttled { (*limit / 2).max(1) } else { (*limit + 1).min(MAX_CREATES) };
        match result {
            Ok(submitted) => {
                ctx.store().insert_if_newer(&submitted.job);
                if submitted.created {
                    ctx.record_created(&submitted.job);
                }
                self.created(index, submitted);
                true
            }
            Err(refused) => self.refuse(index, refused),
        }
    }

    fn is_unsent(&self, index: u32) -> bool {
        matches!(self.jobs.get(index as usize), Some(Outcome::NotSent))
    }

    fn set(&mut self, index: u32, outcome: Outcome) {
        if let Some(job) = self.jobs.get_mut(index as usize) {
            *job = outcome;
        }
    }

    fn created(&mut self, index: u32, submitted: Submitted) {
        submitted.warnings.into_iter().for_each(|text| self.warnings.add(Some(index), text));
        let uid = submitted.job.metadata.uid.into();
        self.set(index, if submitted.created { Outcome::Created { uid } } else { Outcome::Existing { uid } });
    }

    /// Returns whether the sending goes on.
    fn refuse(&mut self, index: u32, refused: Refused) -> bool {
        let goes_on = !refused.passes && self.on_error == OnError::Continue;
        self.set(index, Outcome::Refused(refused));
        goes_on
    }
}

async fn create_member(client: Client, head_uid: Arc<str>, index: u32, member: JobManifest) -> Sent {
    let (path, manifest) = (Path::job(&member.namespace, &member.name), member.manifest.clone());
    let result = match create::submit(&client, None, FieldValidation::default(), member).await {
        Ok(submitted) => match not_of(&head_uid, &submitted.job) {
            Some(refused) => Err(refused),
            None => Ok(submitted),
        },
        Err(error) => {
            let taken = if is_name_taken(&error) { client.get::<Job>(&path).await.ok() } else { None };
            let problem = match error {
                create::Error::Kube(error) => manifest::explain(error, &manifest).into(),
                error => error.into(),
            };
            Err(taken.and_then(|job| not_of(&head_uid, &job)).unwrap_or_else(|| Refused::new(problem)))
        }
    };
    Sent { index, result, is_throttled: client.is_throttled() }
}

/// Returns the refusal of a member whose name this job has. `None` if it is a member of the batch with this head.
fn not_of(head_uid: &str, job: &Job) -> Option<Refused> {
    let metadata = &job.metadata;
    match Membership::of(job) {
        Some(Membership::Member { owner, .. }) if *owner == *head_uid => None,
        Some(Membership::Member { .. }) => {
            Some(Refused::deleting("the job of an earlier batch has this name and is being deleted"))
        }
        _ if metadata.deletion_timestamp.is_some() => {
            Some(Refused::deleting("another job has this name and is being deleted"))
        }
        _ => {
            let detail = format!("a job without the head of this batch has the name {}; delete it", metadata.name);
            Some(Refused::new(Problem::new(StatusCode::CONFLICT, "AlreadyExists", detail)))
        }
    }
}

/// Whether another job has the name.
fn is_name_taken(error: &create::Error) -> bool {
    match error {
        create::Error::Kube(error) => error.is_already_exists(),
        create::Error::KeyReused { .. } | create::Error::BeingDeleted { .. } => true,
        create::Error::NamespaceMissing(_) | create::Error::NamespaceNotCreated(_) => false,
    }
}
