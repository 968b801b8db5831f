//! One service for two real clusters. Each has a CA and a token judge of its own, and both have objects of the same
//! names. Callers know the clusters as `near`, which is the default, and `far`.

mod callers;
mod names;
mod outage;
mod tokens;

use serde_json::{Value, json};

use super::World;
use super::listing::{path, shown, there};
use crate::support::real::{Api, eventually};
use crate::support::service::{Builder, Reply, Service};

pub(super) use callers::a_token_of_a_caller_is_good_in_its_own_cluster_only;
pub(super) use names::{
    a_page_token_is_good_in_its_own_cluster_only, the_same_names_in_two_clusters_are_never_mixed_up,
};
pub(super) use outage::a_cluster_that_is_stopped_leaves_the_other_alone;
pub(super) use tokens::{
    a_line_with_another_clusters_endpoint_is_refused_there, a_token_of_the_service_is_good_in_its_own_cluster_only,
};

/// The EKS name of the second cluster. The first is `lab`.
pub(super) const FAR: &str = "lab-2";
const BOTH: &str = "near cluster=lab region=us-east-1 default=true\nfar cluster=lab-2 region=us-east-1\n";

/// A service with this clusters file, not started yet.
fn with_file(world: &World, text: &str) -> Builder {
    let builder = world.another_service().without("EKS_CLUSTER_NAME").without("EKS_REGION");
    builder.env("EKS_API_CLUSTERS_FILE", "clusters").file("clusters", text)
}

/// A service that follows the jobs of both clusters.
async fn both(world: &World) -> Service {
    world.far().await;
    healthy(with_file(world, BOTH)).await
}

async fn healthy(builder: Builder) -> Service {
    let service = builder.start().await;
    eventually("a service with healthy clusters", async || {
        (service.get("/health").await.expect_status(200).json()["status"] == "healthy").then_some(())
    })
    .await;
    service
}

/// What /health says of this cluster.
async fn health_of(service: &Service, cluster: &str) -> Value {
    let health = service.get("/health").await.expect_status(200).json();
    let found = health["clusters"].as_array().unwrap().iter().find(|state| state["cluster"] == cluster).cloned();
    found.unwrap_or_else(|| panic!("no {cluster} in {health}"))
}

/// One of the clusters, as callers and its administrator see it.
struct Side<'a> {
    name: &'static str,
    service: &'a Service,
    admin: &'a Api,
}

/// The near cluster and the far one.
async fn sides<'a>(world: &'a World, service: &'a Service) -> [Side<'a>; 2] {
    let far = &world.far().await.admin;
    [Side { name: "near", service, admin: &world.cluster.admin }, Side { name: "far", service, admin: far }]
}

impl Side<'_> {
    /// The path with the name of the cluster.
    fn path(&self, path: &str) -> String {
        format!("{path}{}cluster={}", if path.contains('?') { '&' } else { '?' }, self.name)
    }

    async fn get(&self, path: &str) -> Reply {
        self.service.get(&self.path(path)).await
    }

    async fn get_directly(&self, path: &str) -> Reply {
        self.service.get_directly(&self.path(path)).await
    }

    async fn delete(&self, path: &str) -> Reply {
        self.service.delete(&self.path(path)).await
    }

    async fn create(&self, namespace: &str, manifest: &Value) -> Reply {
        let body = json!({ "job_manifest": manifest, "namespace": namespace, "cluster": self.name });
        self.service.post("/api/eks-create-job", &body).await
    }

    /// The list of a namespace, once cache, cluster and administrator agree on it.
    async fn agreed(&self, namespace: &str) -> Value {
        eventually(&format!("the cache to be as {namespace} is in {}", self.name), async || {
            let listed = self.get(&path(namespace)).await.expect_status(200);
            let fresh = self.get_directly(&path(namespace)).await.expect_status(200);
            assert_eq!((listed.header("x-cache"), fresh.header("x-cache")), (Some("hit"), Some("miss")));
            let listed = listed.json();
            (listed == fresh.json() && shown(&listed) == there(self.admin, namespace, "").await).then_some(listed)
        })
        .await
    }
}
