//! Sends the members of a batch, at most 16 at a time, and fewer while the API server answers 429.

use std::sync::Arc;

use hyper::StatusCode;
use tokio::task::{JoinSet, yield_now};

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
use crate::kube::error::Error;
use crate::kube::types::Job;
use crate::kube::url::{FieldValidation, Path};

/// The most creates at a time.
const MAX_CREATES: usize = 16;
/// The most bytes of all manifests of a batch. More would not be sent within the time limit.
const MAX_MANIFESTS_BYTES: usize = 64 << 20;

/// The members that are being sent.
pub(super) struct Sending<'a> {
    pub(super) plan: &'a Plan,
    pub(super) head_uid: Arc<str>,
    pub(super) on_error: OnError,
    /// By index. Only those that are not sent yet are sent.
    pub(super) jobs: &'a mut [Outcome],
    pub(super) warnings: &'a mut Warnings,
}

/// What became of a create.
struct Sent {
    index: u32,
    result: Result<Submitted, Refused>,
    is_throttled: bool,
}

/// Prepares every member once and drops it again, so that a fault in the last one keeps the first from being sent.
pub(super) async fn check_all(plan: &Plan, warnings: &mut Warnings) -> Result<(), Problem> {
    let mut bytes = 0;
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
        // Other requests run meanwhile.
        yield_now().await;
    }
    Ok(())
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
                let client = match writers.client().await {
                    Ok(client) if !writers.is_late() => client,
                    // The permits of the creates on their way become free.
                    Err(_) if !tasks.is_empty() => break,
                    Err(problem) if !writers.is_late() => {
                        goes_on = self.refuse(index, Refused::new(problem, true));
                        break;
                    }
                    _ => {
                        goes_on = false;
                        break;
                    }
                };
                unsent.next();
                match self.plan.member(index, &self.head_uid) {
                    Ok(member) => {
                        tasks.spawn(create_member(client, Arc::clone(&self.head_uid), index, member));
                    }
                    Err(error) => goes_on = self.refuse(index, Refused::new(problem(error), false)),
                }
                // Other requests run meanwhile.
                yield_now().await;
            }
            let Some(sent) = tasks.join_next().await else { return writers.is_late() };
            // A create that panicked may have had its effect. A repetition finds out.
            let Ok(Sent { index, result, is_throttled }) = sent else {
                goes_on = false;
                continue;
            };
            limit = if is_throttled { (limit / 2).max(1) } else { (limit + 1).min(MAX_CREATES) };
            goes_on &= match result {
                Ok(submitted) => {
                    ctx.store().insert_if_newer(&submitted.job);
                    self.created(index, submitted);
                    true
                }
                Err(refused) => self.refuse(index, refused),
            };
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
        Ok(submitted) if owner(&submitted.job).is_some_and(|owner| *owner == *head_uid) => Ok(submitted),
        Ok(_) => Err(Refused::former()),
        Err(error) => {
            let passes = may_pass(&error);
            let is_former = is_name_taken(&error)
                && client.get::<Job>(&path).await.is_ok_and(|job| owner(&job).is_some_and(|owner| *owner != *head_uid));
            if is_former {
                Err(Refused::former())
            } else if let create::Error::Kube(error) = error {
                Err(Refused::new(manifest::explain(error, &manifest).into(), passes))
            } else {
                Err(Refused::new(error.into(), passes))
            }
        }
    };
    Sent { index, result, is_throttled: client.is_throttled() }
}

/// Returns the uid of the head that a job belongs to.
fn owner(job: &Job) -> Option<Box<str>> {
    match Membership::of(job) {
        Some(Membership::Member { owner }) => Some(owner),
        _ => None,
    }
}

/// Whether the same create may succeed later, without another body.
fn may_pass(error: &create::Error) -> bool {
    match error {
        create::Error::Kube(Error::Refused(refusal)) => refusal.is_temporary(),
        create::Error::Kube(_) | create::Error::BeingDeleted { .. } => true,
        create::Error::NamespaceMissing(_)
        | create::Error::NamespaceNotCreated(_)
        | create::Error::KeyReused { .. } => false,
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
