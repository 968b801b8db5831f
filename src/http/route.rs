//! Method and path to [`Route`]: the one table of what the service offers. Pure; each route decides its access here,
//! and its name is the handler's, the log's and every later metric's.

use hyper::Method;

use crate::kube::access::Permission;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    CreateJob,
    GetJobStatus,
    DeleteJob,
    CreateNamespace,
    DeleteNamespace,
    Health,
    Livez,
    Readyz,
}

/// What a call needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing: probes.
    Open,
    /// These permissions in the cluster.
    Cluster(&'static [Permission]),
}

const fn permission(
    verb: &'static str,
    group: &'static str,
    resource: &'static str,
    needed_for: &'static str,
) -> Permission {
    Permission { verb, group, resource, needed_for }
}

const CREATE_JOB: &[Permission] = &[
    permission("create", "batch", "jobs", "create-job"),
    permission("get", "batch", "jobs", "create-job, to recognize its own job after a lost reply"),
    permission("create", "", "namespaces", "create-job into a missing namespace"),
];
const GET_JOB_STATUS: &[Permission] = &[
    permission("get", "batch", "jobs", "get-job-status"),
    permission("list", "", "pods", "get-job-status with details=true"),
    permission("list", "", "events", "get-job-status with details=true"),
];
const DELETE_JOB: &[Permission] = &[permission("delete", "batch", "jobs", "delete-job")];
const CREATE_NAMESPACE: &[Permission] = &[permission("create", "", "namespaces", "create-namespace")];
const DELETE_NAMESPACE: &[Permission] = &[permission("delete", "", "namespaces", "delete-namespace")];

/// No route was found. The path is unknown, or it takes only these methods.
#[derive(Debug, PartialEq, Eq)]
pub struct NotFound {
    pub allow: Option<String>,
}

impl Route {
    pub const ALL: [Self; 8] = [
        Self::CreateJob,
        Self::GetJobStatus,
        Self::DeleteJob,
        Self::CreateNamespace,
        Self::DeleteNamespace,
        Self::Health,
        Self::Livez,
        Self::Readyz,
    ];

    /// The route of a request. HEAD is served as GET is.
    pub fn find(method: &Method, path: &str) -> Result<Self, NotFound> {
        let method = if *method == Method::HEAD { &Method::GET } else { method };
        let on_path = || Self::ALL.into_iter().filter(|route| route.path() == path);
        if let Some(route) = on_path().find(|route| route.method() == method) {
            return Ok(route);
        }
        let mut methods: Vec<&str> = on_path().map(|route| route.method().as_str()).collect();
        if methods.is_empty() {
            return Err(NotFound { allow: None });
        }
        if methods.contains(&"GET") {
            methods.push("HEAD");
        }
        methods.push("OPTIONS");
        Err(NotFound { allow: Some(methods.join(", ")) })
    }

    pub const fn method(self) -> &'static Method {
        match self {
            Self::CreateJob | Self::CreateNamespace => &Method::POST,
            Self::DeleteJob | Self::DeleteNamespace => &Method::DELETE,
            Self::GetJobStatus | Self::Health | Self::Livez | Self::Readyz => &Method::GET,
        }
    }

    pub const fn path(self) -> &'static str {
        match self {
            Self::CreateJob => "/api/eks-create-job",
            Self::GetJobStatus => "/api/eks-get-job-status",
            Self::DeleteJob => "/api/eks-delete-job",
            Self::CreateNamespace => "/api/eks-create-namespace",
            Self::DeleteNamespace => "/api/eks-delete-namespace",
            Self::Health => "/health",
            Self::Livez => "/livez",
            Self::Readyz => "/readyz",
        }
    }

    pub const fn operation(self) -> &'static str {
        match self {
            Self::CreateJob => "create_job",
            Self::GetJobStatus => "get_job_status",
            Self::DeleteJob => "delete_job",
            Self::CreateNamespace => "create_namespace",
            Self::DeleteNamespace => "delete_namespace",
            Self::Health => "health",
            Self::Livez => "livez",
            Self::Readyz => "readyz",
        }
    }

    pub const fn access(self) -> Access {
        match self {
            Self::CreateJob => Access::Cluster(CREATE_JOB),
            Self::GetJobStatus => Access::Cluster(GET_JOB_STATUS),
            Self::DeleteJob => Access::Cluster(DELETE_JOB),
            Self::CreateNamespace => Access::Cluster(CREATE_NAMESPACE),
            Self::DeleteNamespace => Access::Cluster(DELETE_NAMESPACE),
            Self::Health | Self::Livez | Self::Readyz => Access::Open,
        }
    }

    /// The query's parameters; any other is an error, as a misspelt option must not be dropped in silence.
    pub const fn parameters(self) -> &'static [&'static str] {
        match self {
            Self::GetJobStatus => &["job_name", "namespace", "details"],
            Self::DeleteJob => &["job_name", "namespace", "propagation_policy", "grace_period_seconds", "uid"],
            Self::DeleteNamespace => &["namespace_name"],
            Self::CreateJob | Self::CreateNamespace | Self::Health | Self::Livez | Self::Readyz => &[],
        }
    }

    pub fn is_read(self) -> bool {
        *self.method() == Method::GET
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_found_by_its_own_method_and_path() {
        for route in Route::ALL {
            assert_eq!(Route::find(route.method(), route.path()), Ok(route));
        }
        assert_eq!(Route::find(&Method::HEAD, "/health"), Ok(Route::Health));
    }

    #[test]
    fn an_unknown_path_and_a_wrong_method_are_told_apart() {
        for path in ["/", "", "/api", "/api/eks-create-job/", "/api/../health", "/HEALTH", "/health%00", "//health"] {
            assert_eq!(Route::find(&Method::GET, path), Err(NotFound { allow: None }), "{path}");
        }
        let allow = |method, path| match Route::find(&method, path) {
            Err(NotFound { allow: Some(allow) }) => allow,
            other => panic!("{other:?}"),
        };
        assert_eq!(allow(Method::GET, "/api/eks-create-job"), "POST, OPTIONS");
        assert_eq!(allow(Method::PUT, "/health"), "GET, HEAD, OPTIONS");
        assert_eq!(allow(Method::HEAD, "/api/eks-delete-job"), "DELETE, OPTIONS");
    }

    #[test]
    fn operations_are_distinct() {
        let mut names: Vec<&str> = Route::ALL.iter().map(|route| route.operation()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Route::ALL.len());
    }
}
