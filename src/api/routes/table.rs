//! The table behind [`Route`]: a row each, with all that is fixed about it. Adding a route without its row, and so
//! without deciding its access, does not compile.

use hyper::Method;

use crate::api::routes::Route;
use crate::api::routes::access::{self, Access};
use crate::auth::role::Role;
use crate::http::request::media::Media;

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

/// The rows by their routes' numbers: every request asks for its own several times.
static ROWS: [Row; Route::ALL.len()] = {
    let mut rows = [written(Route::ALL[0]); Route::ALL.len()];
    let mut index = 1;
    while index < rows.len() {
        rows[index] = written(Route::ALL[index]);
        index += 1;
    }
    rows
};

pub const fn row(route: Route) -> &'static Row {
    &ROWS[route as usize]
}

#[expect(clippy::too_many_lines, reason = "a table: a row a route")]
const fn written(route: Route) -> Row {
    use Access::{Cluster, Open};
    use Media::{EventStream, Html, Icon, Json, Metrics, Script, Style, Text};
    match route {
        Route::CreateJob => new(
            &Method::POST,
            "/api/eks-create-job",
            "create_job",
            Json,
            Cluster(Role::Write, access::CREATE_JOB),
            &["namespace", "wait"],
        ),
        Route::GetJobStatus => new(
            &Method::GET,
            "/api/eks-get-job-status",
            "get_job_status",
            Json,
            Cluster(Role::Read, access::GET_JOB_STATUS),
            &["job_name", "namespace", "uid", "details", "wait"],
        ),
        Route::DeleteJob => new(
            &Method::DELETE,
            "/api/eks-delete-job",
            "delete_job",
            Json,
            Cluster(Role::Write, access::DELETE_JOB),
            &["job_name", "namespace", "propagation_policy", "grace_period_seconds", "uid", "wait"],
        ),
        Route::ListJobs => new(
            &Method::GET,
            "/api/eks-list-jobs",
            "list_jobs",
            Json,
            Cluster(Role::Read, access::LIST_JOBS),
            &["namespace", "state", "label_selector", "limit", "continue", "wait"],
        ),
        Route::WatchJobs => new(
            &Method::GET,
            "/api/eks-watch-jobs",
            "watch_jobs",
            EventStream,
            Cluster(Role::Read, access::WATCH_JOBS),
            &["namespace", "job_name", "state"],
        ),
        Route::GetJobLogs => new(
            &Method::GET,
            "/api/eks-get-job-logs",
            "get_job_logs",
            Text,
            Cluster(Role::Read, access::GET_JOB_LOGS),
            &[
                "job_name",
                "namespace",
                "pod",
                "container",
                "follow",
                "tail_lines",
                "since_seconds",
                "since_time",
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
            Cluster(Role::Write, access::PATCH_JOB),
            &["job_name", "namespace", "wait"],
        ),
        Route::ResumeJob => new(
            &Method::POST,
            "/api/eks-resume-job",
            "resume_job",
            Json,
            Cluster(Role::Write, access::PATCH_JOB),
            &["job_name", "namespace", "wait"],
        ),
        Route::CreateNamespace => new(
            &Method::POST,
            "/api/eks-create-namespace",
            "create_namespace",
            Json,
            Cluster(Role::Admin, access::CREATE_NAMESPACE),
            &["namespace_name"],
        ),
        Route::DeleteNamespace => new(
            &Method::DELETE,
            "/api/eks-delete-namespace",
            "delete_namespace",
            Json,
            Cluster(Role::Admin, access::DELETE_NAMESPACE),
            &["namespace_name", "wait"],
        ),
        Route::ListNamespaces => new(
            &Method::GET,
            "/api/eks-list-namespaces",
            "list_namespaces",
            Json,
            Cluster(Role::Read, access::LIST_NAMESPACES),
            &[],
        ),
        Route::GetNamespaceStatus => new(
            &Method::GET,
            "/api/eks-get-namespace-status",
            "get_namespace_status",
            Json,
            Cluster(Role::Read, access::GET_NAMESPACE),
            &["namespace_name"],
        ),
        Route::Health => new(&Method::GET, "/health", "health", Json, Open, &[]),
        Route::Livez => new(&Method::GET, "/livez", "livez", Json, Open, &[]),
        Route::Readyz => new(&Method::GET, "/readyz", "readyz", Json, Open, &[]),
        Route::Metrics => new(&Method::GET, "/metrics", "metrics", Metrics, Open, &[]),
        Route::OpenApi => new(&Method::GET, "/openapi.json", "openapi", Json, Open, &[]),
        Route::Docs => new(&Method::GET, "/docs", "docs", Html, Open, &[]),
        Route::DocsStart => new(&Method::GET, "/docs/start.js", "docs_start", Script, Open, &[]),
        Route::DocsScript => new(&Method::GET, "/docs/swagger-ui-bundle.js", "docs_script", Script, Open, &[]),
        Route::DocsStyle => new(&Method::GET, "/docs/swagger-ui.css", "docs_style", Style, Open, &[]),
        Route::DocsIcon => new(&Method::GET, "/docs/favicon.png", "docs_icon", Icon, Open, &[]),
    }
}
