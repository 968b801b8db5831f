//! Calls the handler of a route.

use std::sync::Arc;

use crate::api::context::RequestContext;
#[cfg(feature = "history")]
use crate::api::history;
use crate::api::routes::Route;
#[cfg(feature = "history")]
use crate::api::webhooks;
use crate::api::{batches, clusters, docs, jobs, metrics, namespaces, probes, templates};
use crate::http::request::body_stream::RequestBody;
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;

/// Runs the handler. A read ends soon after the drain of its cluster; a change goes on. A status without a wait is short.
pub(super) async fn handle(ctx: &mut RequestContext, body: RequestBody) -> Result<Reply, Problem> {
    let is_short = ctx.route == Route::GetJobStatus && !ctx.parameters.has("wait");
    if ctx.info.is_change || is_short {
        return run(ctx, body).await;
    }
    let cluster = Arc::clone(&ctx.cluster);
    let answer = cluster.unless_drained(run(ctx, body)).await;
    answer.unwrap_or_else(|| Err(ctx.state.cluster_left(&ctx.info)))
}

/// Each future is boxed, so a call takes only the memory that its own handler needs.
async fn run(ctx: &mut RequestContext, body: RequestBody) -> Result<Reply, Problem> {
    match ctx.route {
        Route::CreateJob => Box::pin(jobs::create::create_job(ctx, body)).await,
        Route::GetJobStatus => Box::pin(jobs::status::get_job_status(ctx)).await,
        Route::DeleteJob => Box::pin(jobs::delete::delete_job(ctx, body)).await,
        Route::ListJobs => Box::pin(jobs::list::list_jobs(ctx)).await,
        Route::WatchJobs => Box::pin(jobs::watch::watch_jobs(ctx)).await,
        Route::GetJobLogs => Box::pin(jobs::logs::get_job_logs(ctx)).await,
        Route::SuspendJob => Box::pin(jobs::suspend::suspend_job(ctx, body, true)).await,
        Route::ResumeJob => Box::pin(jobs::suspend::suspend_job(ctx, body, false)).await,
        Route::CreateBatch => Box::pin(batches::create::create_batch(ctx, body)).await,
        Route::GetBatchStatus => Box::pin(batches::status::get_batch_status(ctx)).await,
        Route::ListBatches => Box::pin(batches::list::list_batches(ctx)).await,
        Route::DeleteBatch => Box::pin(batches::delete::delete_batch(ctx, body)).await,
        Route::SuspendBatch => Box::pin(batches::suspend::suspend_batch(ctx, body, true)).await,
        Route::ResumeBatch => Box::pin(batches::suspend::suspend_batch(ctx, body, false)).await,
        Route::ListTemplates => Box::pin(templates::list_templates(ctx)).await,
        #[cfg(feature = "history")]
        Route::ListHistory => Box::pin(history::list::list_history(ctx)).await,
        #[cfg(feature = "history")]
        Route::GetJobHistory => Box::pin(history::job::get_job_history(ctx)).await,
        #[cfg(feature = "history")]
        Route::GetJobStats => Box::pin(history::stats::get_job_stats(ctx)).await,
        #[cfg(feature = "history")]
        Route::JobStatsSvg => Box::pin(history::plot::job_stats_svg(ctx)).await,
        #[cfg(feature = "history")]
        Route::ListAudit => Box::pin(history::audit::list_audit(ctx)).await,
        #[cfg(feature = "history")]
        Route::ListWebhooks => Box::pin(webhooks::list::list_webhooks(ctx)).await,
        #[cfg(feature = "history")]
        Route::ListDeliveries => Box::pin(webhooks::deliveries::list_deliveries(ctx)).await,
        #[cfg(feature = "history")]
        Route::Redeliver => Box::pin(webhooks::redeliver::redeliver(ctx, body)).await,
        #[cfg(feature = "history")]
        Route::TestWebhook => Box::pin(webhooks::test::test_webhook(ctx, body)).await,
        #[cfg(not(feature = "history"))]
        Route::ListWebhooks | Route::ListDeliveries | Route::Redeliver | Route::TestWebhook => {
            ctx.count()?;
            Err(Problem::no_webhooks())
        }
        #[cfg(not(feature = "history"))]
        Route::ListHistory | Route::GetJobHistory | Route::GetJobStats | Route::JobStatsSvg | Route::ListAudit => {
            ctx.count()?;
            Err(Problem::no_history())
        }
        Route::CreateNamespace => Box::pin(namespaces::create_namespace(ctx, body)).await,
        Route::DeleteNamespace => Box::pin(namespaces::delete_namespace(ctx, body)).await,
        Route::ListNamespaces => Box::pin(namespaces::list_namespaces(ctx)).await,
        Route::GetNamespaceStatus => Box::pin(namespaces::get_namespace_status(ctx)).await,
        Route::ListClusters => clusters::list_clusters(ctx).await,
        Route::Health => probes::health(ctx),
        Route::Livez => probes::livez(),
        Route::Readyz => probes::readyz(ctx),
        Route::Metrics => metrics::metrics(&ctx.state),
        Route::OpenApi => docs::openapi(ctx),
        Route::Docs | Route::DocsStart | Route::DocsScript | Route::DocsStyle | Route::DocsIcon => docs::page(ctx),
    }
}
