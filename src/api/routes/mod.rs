//! [`Route`]: finds the route of a request, and returns the fields of its row in the table.

pub mod access;
pub mod query;
pub mod table;

use hyper::Method;

use crate::api::routes::access::Access;
pub use crate::api::routes::table::Route;
use crate::api::routes::table::TABLE;
use crate::http::request::media::Media;
use crate::http::request::parameters::Parameters;

/// No route matches. The path is unknown, or it takes only these methods.
#[derive(Debug, PartialEq, Eq)]
pub struct NotFound {
    pub allow: Option<String>,
}

impl Route {
    pub const ALL: [Self; TABLE.len()] = {
        let mut all = [Self::CreateJob; TABLE.len()];
        let mut index = 0;
        while index < all.len() {
            all[index] = TABLE[index].route;
            index += 1;
        }
        all
    };

    /// Returns the route of a request. HEAD has the routes of GET.
    pub fn find(method: &Method, path: &str) -> Result<Self, NotFound> {
        let method = if *method == Method::HEAD { &Method::GET } else { method };
        let on_path = || TABLE.iter().filter(|row| row.path == path);
        if let Some(row) = on_path().find(|row| row.method == method) {
            return Ok(row.route);
        }
        let mut methods: Vec<&str> = on_path().map(|row| row.method.as_str()).collect();
        if methods.is_empty() {
            return Err(NotFound { allow: None });
        }
        if methods.contains(&"GET") {
            methods.push("HEAD");
        }
        methods.push("OPTIONS");
        Err(NotFound { allow: Some(methods.join(", ")) })
    }

    pub fn method(self) -> &'static Method {
        TABLE[self as usize].method
    }

    pub fn path(self) -> &'static str {
        TABLE[self as usize].path
    }

    pub fn operation(self) -> &'static str {
        TABLE[self as usize].operation
    }

    pub fn media(self) -> Media {
        TABLE[self as usize].media
    }

    pub fn access(self) -> Access {
        TABLE[self as usize].access
    }

    pub fn parameters(self) -> &'static [&'static str] {
        TABLE[self as usize].parameters
    }

    /// Whether the body of the request may still name the cluster.
    pub fn reads_cluster_from_body(self, query: &Parameters) -> bool {
        *self.method() == Method::POST && self.parameters().contains(&"cluster") && !query.has("cluster")
    }

    pub fn is_read(self) -> bool {
        *self.method() == Method::GET
    }

    /// Returns the kind of object that the route reads or changes: its first permission is for that kind.
    pub fn object_kind(self) -> &'static str {
        match self.access() {
            Access::Cluster(_, [first, ..]) if first.resource == "jobs" => "Job",
            Access::Cluster(_, [first, ..]) if first.resource == "namespaces" => "Namespace",
            Access::Cluster(_, [first, ..]) if first.resource == "cronjobs" => "CronJob",
            Access::Cluster(..) | Access::Operator(_) | Access::Open => "",
        }
    }

    /// Returns whether everybody may call the route, and known callers get a more detailed answer.
    pub const fn has_details_for_callers(self) -> bool {
        matches!(self, Self::Health | Self::Readyz)
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
    fn an_unknown_path_and_a_wrong_method_are_different_errors() {
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
    fn the_table_has_the_rows_in_the_order_of_the_routes() {
        for (index, route) in Route::ALL.into_iter().enumerate() {
            assert_eq!(route as usize, index, "{route:?} is not in its place");
        }
        assert_eq!(Route::DocsIcon as usize + 1, Route::ALL.len());
    }

    #[test]
    fn every_route_to_the_cluster_has_a_kind_of_object() {
        for route in Route::ALL {
            let expected = match route.operation() {
                name if name.contains("namespace") => "Namespace",
                name if ["job", "batch", "history"].iter().any(|noun| name.contains(noun)) => "Job",
                name if name.contains("template") => "CronJob",
                _ => "",
            };
            assert_eq!(route.object_kind(), expected, "{route:?}");
        }
    }

    #[test]
    fn every_call_of_the_api_takes_a_cluster_but_those_about_webhooks() {
        for route in Route::ALL {
            let is_call = route.access() != Access::Open;
            assert_eq!(route.path().starts_with("/api/"), is_call, "{route:?}");
            let is_of_webhooks = route.operation().contains("webhook") || route.operation().contains("deliver");
            assert_eq!(route.parameters().contains(&"cluster"), is_call && !is_of_webhooks, "{route:?}");
            let reads = route.reads_cluster_from_body(&Parameters::default());
            assert_eq!(reads, *route.method() == Method::POST && !is_of_webhooks, "{route:?}");
        }
    }

    #[test]
    fn operations_are_distinct() {
        let mut names: Vec<&str> = Route::ALL.iter().map(|route| route.operation()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Route::ALL.len());
    }
}
