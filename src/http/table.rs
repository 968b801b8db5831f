//! The table behind [`Route`]: a row each, with all that is fixed about it. Adding a route without its row, and so
//! without deciding its access, does not compile.

use hyper::Method;

use super::access::{self, Access};
use super::media::Media;
use super::route::Route;

/// A route's row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    pub method: &'static Method,
    pub path: &'static str,
    pub operation: &'static str,
    pub media: Media,
    pub access: Access,
    pub parameters: &'static [&'static str],
}

const fn new(
    method: &'static Method,
    path: &'static str,
    operation: &'static str,
    media: Media,
    access: Access,
    parameters: &'static [&'static str],
) -> Row {
    Row { method, path, operation, media, access, parameters }
}

#[expect(clippy::too_many_lines, reason = "a table: a row a route")]
pub const fn row(route: Route) -> Row {
    use Access::{Cluster, Open};
    use Media::{EventStream, Json, Text};
    match route {
        Route::CreateJob => {
            new(&Method::POST, "/api/eks-create-job", "create_job", Json, Cluster(access::CREATE_JOB), &["wait"])
        }
        Route::GetJobStatus => new(
            &Method::GET,
            "/api/eks-get-job-status",
            "get_job_status",
            Json,
            Cluster(access::GET_JOB_STATUS),
            &["job_name", "namespace", "details", "wait"],
        ),
        Route::DeleteJob => new(
            &Method::DELETE,
            "/api/eks-delete-job",
            "delete_job",
            Json,
            Cluster(access::DELETE_JOB),
            &["job_name", "namespace", "propagation_policy", "grace_period_seconds", "uid"],
        ),
        Route::ListJobs => new(
            &Method::GET,
            "/api/eks-list-jobs",
            "list_jobs",
            Json,
            Cluster(access::LIST_JOBS),
            &["namespace", "state", "label_selector", "limit", "continue"],
        ),
        Route::WatchJobs => new(
            &Method::GET,
            "/api/eks-watch-jobs",
            "watch_jobs",
            EventStream,
            Cluster(access::WATCH_JOBS),
            &["namespace", "job_name", "state"],
        ),
        Route::GetJobLogs => new(
            &Method::GET,
            "/api/eks-get-job-logs",
            "get_job_logs",
            Text,
            Cluster(access::GET_JOB_LOGS),
            &[
                "job_name",
                "namespace",
                "pod",
                "container",
                "follow",
                "tail_lines",
                "since_seconds",
                "timestamps",
                "previous",
                "all",
            ],
        ),
        Route::SuspendJob => new(
            &Method::POST,
            "/api/eks-suspend-job",
            "suspend_job",
            Json,
            Cluster(access::PATCH_JOB),
            &["job_name", "namespace"],
        ),
        Route::ResumeJob => new(
            &Method::POST,
            "/api/eks-resume-job",
            "resume_job",
            Json,
            Cluster(access::PATCH_JOB),
            &["job_name", "namespace"],
        ),
        Route::CreateNamespace => new(
            &Method::POST,
            "/api/eks-create-namespace",
            "create_namespace",
            Json,
            Cluster(access::CREATE_NAMESPACE),
            &[],
        ),
        Route::DeleteNamespace => new(
            &Method::DELETE,
            "/api/eks-delete-namespace",
            "delete_namespace",
            Json,
            Cluster(access::DELETE_NAMESPACE),
            &["namespace_name", "wait"],
        ),
        Route::ListNamespaces => new(
            &Method::GET,
            "/api/eks-list-namespaces",
            "list_namespaces",
            Json,
            Cluster(access::LIST_NAMESPACES),
            &[],
        ),
        Route::GetNamespaceStatus => new(
            &Method::GET,
            "/api/eks-get-namespace-status",
            "get_namespace_status",
            Json,
            Cluster(access::GET_NAMESPACE),
            &["namespace_name"],
        ),
        Route::Health => new(&Method::GET, "/health", "health", Json, Open, &[]),
        Route::Livez => new(&Method::GET, "/livez", "livez", Json, Open, &[]),
        Route::Readyz => new(&Method::GET, "/readyz", "readyz", Json, Open, &[]),
    }
}
