//! [`BatchRef`]: the batch that a call names.

use crate::api::context::RequestContext;
use crate::api::routes::Route;
use crate::http::response::problem::Problem;
use crate::jobs::policy::Policy;
use crate::kube::error::Error;
use crate::kube::names::{BatchName, Namespace};
use crate::kube::refusal::Refusal;
use crate::kube::types::Status;
use crate::kube::url::Path;

#[derive(Clone, Debug)]
pub(in crate::api) struct BatchRef {
    pub(in crate::api) namespace: Namespace,
    pub(in crate::api) name: BatchName,
}

impl BatchRef {
    /// Returns this batch, after the check of its namespace.
    pub(in crate::api) fn new(
        ctx: &mut RequestContext,
        namespace: Namespace,
        name: BatchName,
    ) -> Result<Self, Problem> {
        // The log names the batch also if the call is refused.
        ctx.set_object(&namespace, Some(&name.head()));
        ctx.check_namespace(Policy::may_use, &namespace)?;
        Ok(Self { namespace, name })
    }

    /// Returns the batch that the query names.
    pub(in crate::api) fn from_query(ctx: &mut RequestContext) -> Result<Self, Problem> {
        let (namespace, name) = (ctx.parameters.namespace()?, ctx.parameters.batch_name()?);
        Self::new(ctx, namespace, name)
    }

    /// Returns the path of its head.
    pub(super) fn path(&self) -> Path {
        Path::job(&self.namespace, &self.name.head())
    }

    /// Returns the 404 for a name without a batch.
    pub(super) fn not_found(&self) -> Error {
        self.missing("")
    }

    /// Returns the 404 for the name of a job. Names the call for jobs.
    pub(super) fn is_a_job(&self, route: Route) -> Error {
        let call = match route {
            Route::DeleteBatch => "delete-job",
            Route::SuspendBatch => "suspend-job",
            Route::ResumeBatch => "resume-job",
            Route::GetJobLogs => "get-job-logs with job_name",
            _ => "get-job-status",
        };
        self.missing(&format!(": a job has the name; use {call}"))
    }

    /// Returns the 404 for a name that another batch has now.
    pub(super) fn replaced(&self) -> Error {
        self.missing(": another batch has the name")
    }

    fn missing(&self, why: &str) -> Error {
        let Self { namespace, name } = self;
        let message = format!("batch \"{name}\" not found in namespace {namespace}{why}");
        let status = Status { message, reason: "NotFound".to_owned(), code: 404, ..Status::default() };
        Error::Refused(Box::new(Refusal::new(404, status, None)))
    }
}
