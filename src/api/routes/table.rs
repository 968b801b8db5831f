//! The route table: method, path, operation, access, parameters and media type of every route.

use hyper::Method;

use crate::api::routes::access::{self, Access};
use crate::auth::role::Role;
use crate::http::request::media::Media;

/// The routes, in the order of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Route {
    CreateJob,
    GetJobStatus,
    DeleteJob,
    ListJobs,
    WatchJobs,
    GetJobLogs,
    SuspendJob,
    ResumeJob,
    CreateBatch,
    GetBatchStatus,
    ListBatches,
    DeleteBatch,
    SuspendBatch,
    ResumeBatch,
    ListTemplates,
    ListHistory,
    GetJobHistory,
    GetJobStats,
    JobStatsSvg,
    ListAudit,
    ListWebhooks,
    ListDeliveries,
    Redeliver,
    TestWebhook,
    CreateNamespace,
    DeleteNamespace,
    ListNamespaces,
    GetNamespaceStatus,
    ListClusters,
    Health,
    Livez,
    Readyz,
    Metrics,
    OpenApi,
    Docs,
    DocsStart,
    DocsScript,
    DocsStyle,
    DocsIcon,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) route: Route,
    pub(super) method: &'static Method,
    pub(super) path: &'static str,
    pub(super) operation: &'static str,
    pub(super) access: Access,
    pub(super) parameters: &'static [&'static str],
    pub(super) media: Media,
}

const fn row(
    route: Route,
    method: &'static Method,
    path: &'static str,
    operation: &'static str,
    access: Access,
    parameters: &'static [&'static str],
) -> Row {
    Row { route, method, path, operation, access, parameters, media: Media::Json }
}

/// Returns the row of a route that everybody may read.
const fn open(route: Route, path: &'static str, operation: &'static str, media: Media) -> Row {
    Row { media, ..row(route, &Method::GET, path, operation, Access::Open, &[]) }
}

/// The table. A parameter that is not in it is an error: a misspelt option must not be ignored.
pub(super) static TABLE: [Row; 39] = {
    use Access::{Cluster, Operator};
    use Role::{Admin, Read, Run, Write};
    use access as needs;
    const GET: &Method = &Method::GET;
    const POST: &Method = &Method::POST;
    const DELETE: &Method = &Method::DELETE;
    #[rustfmt::skip]
    let table = [
        row(Route::CreateJob, POST, "/api/eks-create-job", "create_job",
            Cluster(Run, needs::CREATE_JOB), &["cluster", "namespace", "wait", "dry_run", "field_validation"]),
        row(Route::GetJobStatus, GET, "/api/eks-get-job-status", "get_job_status",
            Cluster(Read, needs::GET_JOB_STATUS), &["cluster", "job_name", "namespace", "uid", "details", "wait"]),
        row(Route::DeleteJob, DELETE, "/api/eks-delete-job", "delete_job",
            Cluster(Write, needs::DELETE_JOB),
            &["cluster", "job_name", "namespace", "propagation_policy", "grace_period_seconds", "uid", "wait"]),
        row(Route::ListJobs, GET, "/api/eks-list-jobs", "list_jobs",
            Cluster(Read, needs::LIST_JOBS),
            &["cluster", "namespace", "state", "label_selector", "template", "batch_name", "limit", "continue", "wait"]),
        Row { media: Media::EventStream, ..row(Route::WatchJobs, GET, "/api/eks-watch-jobs", "watch_jobs",
            Cluster(Read, needs::WATCH_JOBS),
            &["cluster", "namespace", "job_name", "state", "label_selector", "template", "batch_name"]) },
        Row { media: Media::Text, ..row(Route::GetJobLogs, GET, "/api/eks-get-job-logs", "get_job_logs",
            Cluster(Read, needs::GET_JOB_LOGS),
            &["cluster", "job_name", "batch_name", "namespace", "pod", "container", "follow", "tail_lines", "since_seconds",
              "since_time", "timestamps", "previous", "all"]) },
        row(Route::SuspendJob, POST, "/api/eks-suspend-job", "suspend_job",
            Cluster(Write, needs::PATCH_JOB), &["cluster", "job_name", "namespace", "wait"]),
        row(Route::ResumeJob, POST, "/api/eks-resume-job", "resume_job",
            Cluster(Write, needs::PATCH_JOB), &["cluster", "job_name", "namespace", "wait"]),
        row(Route::CreateBatch, POST, "/api/eks-create-batch", "create_batch",
            Cluster(Run, needs::CREATE_BATCH), &["cluster", "namespace", "batch_name"]),
        row(Route::GetBatchStatus, GET, "/api/eks-get-batch-status", "get_batch_status",
            Cluster(Read, needs::GET_BATCH_STATUS), &["cluster", "batch_name", "namespace", "details", "wait"]),
        row(Route::ListBatches, GET, "/api/eks-list-batches", "list_batches",
            Cluster(Read, needs::LIST_BATCHES), &["cluster", "namespace", "state", "limit", "continue"]),
        row(Route::DeleteBatch, DELETE, "/api/eks-delete-batch", "delete_batch",
            Cluster(Write, needs::DELETE_BATCH), &["cluster", "batch_name", "namespace", "propagation_policy", "wait"]),
        row(Route::SuspendBatch, POST, "/api/eks-suspend-batch", "suspend_batch",
            Cluster(Write, needs::PATCH_BATCH), &["cluster", "batch_name", "namespace"]),
        row(Route::ResumeBatch, POST, "/api/eks-resume-batch", "resume_batch",
            Cluster(Write, needs::PATCH_BATCH), &["cluster", "batch_name", "namespace"]),
        row(Route::ListTemplates, GET, "/api/eks-list-templates", "list_templates",
            Cluster(Read, needs::LIST_TEMPLATES), &["cluster", "namespace", "limit", "continue"]),
        row(Route::ListHistory, GET, "/api/eks-list-history", "list_history",
            Cluster(Read, needs::LIST_JOBS),
            &["cluster", "namespace", "job_name", "state", "since", "until", "batch_name", "template", "label_selector",
              "caller", "limit", "continue"]),
        row(Route::GetJobHistory, GET, "/api/eks-get-job-history", "get_job_history",
            Cluster(Read, needs::LIST_JOBS), &["cluster", "job_name", "namespace", "uid", "limit", "continue"]),
        row(Route::GetJobStats, GET, "/api/eks-get-job-stats", "get_job_stats",
            Cluster(Read, needs::LIST_JOBS),
            &["cluster", "namespace", "template", "caller", "since", "until", "group_by"]),
        Row { media: Media::Svg, ..row(Route::JobStatsSvg, GET, "/api/eks-job-stats.svg", "job_stats_svg",
            Cluster(Read, needs::LIST_JOBS),
            &["cluster", "namespace", "template", "caller", "since", "until", "group_by"]) },
        row(Route::ListAudit, GET, "/api/eks-list-audit", "list_audit",
            Operator(needs::LIST_AUDIT),
            &["cluster", "namespace", "since", "until", "caller", "operation", "outcome", "limit", "continue"]),
        row(Route::ListWebhooks, GET, "/api/eks-list-webhooks", "list_webhooks", Operator(needs::LIST_WEBHOOKS), &[]),
        row(Route::ListDeliveries, GET, "/api/eks-list-deliveries", "list_deliveries",
            Operator(needs::LIST_DELIVERIES), &["webhook", "state", "since", "limit", "continue"]),
        row(Route::Redeliver, POST, "/api/eks-redeliver", "redeliver", Operator(needs::REDELIVER), &[]),
        row(Route::TestWebhook, POST, "/api/eks-test-webhook", "test_webhook",
            Operator(needs::TEST_WEBHOOK), &["webhook"]),
        row(Route::CreateNamespace, POST, "/api/eks-create-namespace", "create_namespace",
            Cluster(Admin, needs::CREATE_NAMESPACE), &["cluster", "namespace_name"]),
        row(Route::DeleteNamespace, DELETE, "/api/eks-delete-namespace", "delete_namespace",
            Cluster(Admin, needs::DELETE_NAMESPACE), &["cluster", "namespace_name", "wait"]),
        row(Route::ListNamespaces, GET, "/api/eks-list-namespaces", "list_namespaces",
            Cluster(Read, needs::LIST_NAMESPACES), &["cluster"]),
        row(Route::GetNamespaceStatus, GET, "/api/eks-get-namespace-status", "get_namespace_status",
            Cluster(Read, needs::GET_NAMESPACE), &["cluster", "namespace_name"]),
        row(Route::ListClusters, GET, "/api/eks-list-clusters", "list_clusters", Cluster(Read, &[]), &["cluster"]),
        open(Route::Health, "/health", "health", Media::Json),
        open(Route::Livez, "/livez", "livez", Media::Json),
        open(Route::Readyz, "/readyz", "readyz", Media::Json),
        open(Route::Metrics, "/metrics", "metrics", Media::Metrics),
        open(Route::OpenApi, "/openapi.json", "openapi", Media::Json),
        open(Route::Docs, "/docs", "docs", Media::Html),
        open(Route::DocsStart, "/docs/start.js", "docs_start", Media::Script),
        open(Route::DocsScript, "/docs/swagger-ui-bundle.js", "docs_script", Media::Script),
        open(Route::DocsStyle, "/docs/swagger-ui.css", "docs_style", Media::Style),
        open(Route::DocsIcon, "/docs/favicon.png", "docs_icon", Media::Icon),
    ];
    table
};
