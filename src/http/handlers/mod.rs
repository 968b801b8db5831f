//! One function an operation: parameters in, [`Reply`] or [`Problem`] out. Owns the order of the steps; what each
//! step means is `jobs`' and `kube`'s.

mod jobs;
mod namespaces;
mod probes;

use std::sync::Arc;
use std::time::SystemTime;

use hyper::body::Incoming;
use hyper::header::HeaderMap;

use super::error::Problem;
use super::parameters::Parameters;
use super::reply::Reply;
use super::request_id::RequestId;
use super::route::Route;
use crate::jobs::policy::Policy;
use crate::kube::name::{JobName, Namespace};
use crate::kube::session::Session;

/// One request on its way to an answer.
#[derive(Debug)]
pub struct Call {
    pub route: Route,
    pub request_id: RequestId,
    pub parameters: Parameters,
    pub headers: HeaderMap,
    pub session: Session,
    pub policy: Arc<Policy>,
    pub now: SystemTime,
    pub draining: bool,
    pub target: Target,
}

/// What the call is about, as far as it is known, for the log.
#[derive(Clone, Debug, Default)]
pub struct Target {
    pub namespace: Option<Namespace>,
    pub job: Option<JobName>,
}

pub async fn answer(call: &mut Call, body: Incoming) -> Result<Reply, Problem> {
    match call.route {
        Route::CreateJob => jobs::create_job(call, body).await,
        Route::GetJobStatus => jobs::get_job_status(call).await,
        Route::DeleteJob => jobs::delete_job(call).await,
        Route::CreateNamespace => namespaces::create_namespace(call, body).await,
        Route::DeleteNamespace => namespaces::delete_namespace(call).await,
        Route::Health => probes::health(call),
        Route::Livez => probes::livez(),
        Route::Readyz => probes::readyz(call),
    }
}
