//! The calls for operators share these: who may make them, and what their callers may see.

use std::sync::Arc;

use crate::api::context::RequestContext;
use crate::api::routes::access::Access;
use crate::auth::AccessRequest;
use crate::config::pattern::Patterns;
use crate::history::outbox::requests::Scope;
use crate::http::response::problem::Problem;

impl RequestContext {
    /// Checks that the caller may make this call. With `AUTH=kubernetes` the default cluster decides that.
    pub async fn authorize_operator(&mut self) -> Result<(), Problem> {
        let Access::Operator(permission) = self.route.access() else {
            return Err(Problem::internal("the route is not for operators"));
        };
        let default = self.state.clusters.default_cluster();
        if self.caller().bearer().is_some() {
            // The review is a request to the cluster.
            self.enter()?;
        }
        let request = AccessRequest { permission, namespace: None, name: None };
        // Boxed: the future is large.
        Box::pin(self.state.auth.authorize(&default.api_server, self.caller(), &[request])).await?;
        // The rest of the call needs no cluster.
        drop(self.take_permit());
        Ok(())
    }

    /// Returns the clusters and the namespaces that the caller may use. A cluster that the call names is the only one.
    /// The namespaces that the service works in do not matter: the records are also about others.
    pub fn operator_scope(&self) -> Scope {
        let namespaces = self.caller().namespaces().filter(|allowed| !Patterns::is_star(allowed));
        Scope { clusters: self.operator_clusters(), namespaces: namespaces.cloned().into_iter().collect() }
    }

    fn operator_clusters(&self) -> Option<Vec<String>> {
        if self.parameters.has("cluster") {
            return Some(vec![self.cluster.name().to_string()]);
        }
        if self.caller().sees_all_clusters() {
            return None;
        }
        let clusters = self.state.clusters.current();
        let usable = clusters.all().filter(|cluster| {
            let is_default = Arc::ptr_eq(cluster, &clusters.default);
            self.caller().may_use_cluster(cluster.name(), is_default).is_ok()
        });
        Some(usable.map(|cluster| cluster.name().to_string()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::jobs::wait::tests::{KeysFile, request};
    use crate::api::routes::Route;
    use crate::auth::Caller;

    #[tokio::test]
    async fn a_call_that_is_not_for_operators_is_refused() {
        let file = KeysFile::new("operator");
        let mut ctx = request(&file);
        assert_eq!(ctx.authorize_operator().await.unwrap_err().status.as_u16(), 500);
        ctx.route = Route::ListAudit;
        ctx.authorize_operator().await.unwrap();
    }

    #[tokio::test]
    async fn a_caller_sees_the_records_of_its_clusters_and_namespaces() {
        let file = KeysFile::new("audit");
        let mut ctx = request(&file);
        let cluster = ctx.cluster.name().to_string();
        let seen = |ctx: &RequestContext| {
            let Scope { clusters, namespaces } = ctx.operator_scope();
            (clusters, namespaces)
        };
        assert_eq!(seen(&ctx), (Some(vec![cluster]), Vec::new()), "namespaces=* is no limit");
        ctx.info.caller = Caller::Unauthenticated;
        assert_eq!(seen(&ctx), (Some(Vec::new()), vec![Patterns::NONE]));
        ctx.info.caller = Caller::Anonymous;
        assert_eq!(seen(&ctx), (None, Vec::new()));
    }
}
