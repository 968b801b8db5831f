//! Leads each call to its handler: parameters in, [`Reply`] or [`Problem`] out.

use super::context::RequestContext;
use super::routes::Route;
use super::{docs, jobs, metrics, namespaces, probes};
use crate::http::request::body_stream::RequestBody;
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;

/// Runs the handler of the call's route. Each is boxed: a call then takes as much memory as its own handler needs, not the
/// largest of all.
pub(super) async fn answer(call: &mut RequestContext, body: RequestBody) -> Result<Reply, Problem> {
    match call.route {
        // These may be answered from memory, and pass the door only if they are not.
        Route::GetJobStatus => return Box::pin(jobs::status::get_job_status(call)).await,
        Route::ListJobs => return Box::pin(jobs::list::list_jobs(call)).await,
        Route::Health => return probes::health(call),
        Route::Livez => return probes::livez(),
        Route::Readyz => return probes::readyz(call),
        Route::Metrics => return metrics::metrics(call),
        Route::OpenApi => return docs::openapi(call),
        Route::Docs | Route::DocsStart | Route::DocsScript | Route::DocsStyle | Route::DocsIcon => {
            return docs::page(call);
        }
        _ => call.enter()?,
    }
    match call.route {
        Route::CreateJob => Box::pin(jobs::create::create_job(call, body)).await,
        Route::DeleteJob => Box::pin(jobs::change::delete_job(call, body)).await,
        Route::WatchJobs => Box::pin(jobs::watch::watch_jobs(call)).await,
        Route::GetJobLogs => Box::pin(jobs::logs::get_job_logs(call)).await,
        Route::SuspendJob => Box::pin(jobs::change::suspend(call, body, true)).await,
        Route::ResumeJob => Box::pin(jobs::change::suspend(call, body, false)).await,
        Route::CreateNamespace => Box::pin(namespaces::create_namespace(call, body)).await,
        Route::DeleteNamespace => Box::pin(namespaces::delete_namespace(call, body)).await,
        Route::ListNamespaces => Box::pin(namespaces::list_namespaces(call)).await,
        _ => Box::pin(namespaces::get_namespace_status(call)).await,
    }
}
