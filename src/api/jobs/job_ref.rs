//! [`JobRef`]: a job by its name, or by its name and uid.

use hyper::StatusCode;

use crate::api::routes::Route;
use crate::http::response::problem::Problem;
use crate::kube::error::Error;
use crate::kube::names::{JobName, Namespace};
use crate::kube::refusal::Refusal;
use crate::kube::types::Status;
use crate::kube::url::Path;

#[derive(Clone, Debug)]
pub struct JobRef {
    pub namespace: Namespace,
    pub name: JobName,
    /// None for any job of that name.
    pub uid: Option<String>,
}

impl JobRef {
    /// Returns a reference to one job of that name.
    #[must_use]
    pub fn with_uid(&self, uid: &str) -> Self {
        Self { uid: Some(uid.to_owned()), ..self.clone() }
    }

    pub fn has_uid(&self, uid: &str) -> bool {
        self.uid.as_deref().is_none_or(|own| own == uid)
    }

    pub fn path(&self) -> Path {
        Path::job(&self.namespace, &self.name)
    }

    /// Returns the 409 for the head of a batch, which is not a job to callers. Names the call for batches.
    pub fn is_a_batch(&self, route: Route) -> Problem {
        let call = match route {
            Route::DeleteJob => Route::DeleteBatch,
            Route::SuspendJob => Route::SuspendBatch,
            Route::ResumeJob => Route::ResumeBatch,
            Route::GetJobLogs => Route::GetJobLogs,
            _ => Route::GetBatchStatus,
        };
        let parameter = if call == route { " with batch_name" } else { "" };
        let detail = format!("{} is a batch: call {}{parameter}", self.name, call.path());
        Problem::new(StatusCode::CONFLICT, "is_a_batch", detail)
    }

    /// Returns the 404 for a name that another job has now.
    pub fn replaced(&self) -> Error {
        let Self { namespace, name, .. } = self;
        let message =
            format!("jobs.batch \"{name}\" with this uid not found in namespace {namespace}: another job has the name");
        let status = Status { message, reason: "NotFound".to_owned(), code: 404, ..Status::default() };
        Error::Refused(Box::new(Refusal::new(404, status, None)))
    }
}
