//! The routes, and which of them a method and a path lead to. `table` has a row for each: its path, parameters and access.

pub mod access;
pub mod query;
pub mod table;

use hyper::Method;

use crate::api::routes::access::Access;
use crate::api::routes::table::row;
use crate::http::request::media::Media;

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
    CreateNamespace,
    DeleteNamespace,
    ListNamespaces,
    GetNamespaceStatus,
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

/// No route was found. The path is unknown, or it takes only these methods.
#[derive(Debug, PartialEq, Eq)]
pub struct NotFound {
    pub allow: Option<String>,
}

impl Route {
    pub const ALL: [Self; 22] = [
        Self::CreateJob,
        Self::GetJobStatus,
        Self::DeleteJob,
        Self::ListJobs,
        Self::WatchJobs,
        Self::GetJobLogs,
        Self::SuspendJob,
        Self::ResumeJob,
        Self::CreateNamespace,
        Self::DeleteNamespace,
        Self::ListNamespaces,
        Self::GetNamespaceStatus,
        Self::Health,
        Self::Livez,
        Self::Readyz,
        Self::Metrics,
        Self::OpenApi,
        Self::Docs,
        Self::DocsStart,
        Self::DocsScript,
        Self::DocsStyle,
        Self::DocsIcon,
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
        row(self).method
    }

    pub const fn path(self) -> &'static str {
        row(self).path
    }

    pub const fn operation(self) -> &'static str {
        row(self).operation
    }

    pub const fn media(self) -> Media {
        row(self).media
    }

    pub const fn access(self) -> Access {
        row(self).access
    }

    /// The query's parameters; any other is an error, as a misspelt option must not be dropped in silence.
    pub const fn parameters(self) -> &'static [&'static str] {
        row(self).parameters
    }

    /// Whether it is open to everybody, and has more to say to who may call.
    pub const fn tells_more_to_callers(self) -> bool {
        matches!(self, Self::Health | Self::Readyz)
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
