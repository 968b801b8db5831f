//! The service's own tokens, and connections to the wrong cluster.

use std::rc::Rc;

use serde_json::{Value, json};

use super::{BOTH, health_of, with_file};
use crate::real_cluster::World;
use crate::real_cluster::listing::idle;
use crate::support::real::eventually;

/// The token that the service would send to this cluster.
async fn token(world: &World, cluster: &str) -> String {
    let command = with_file(world, BOTH).arg("token").arg("--cluster").arg(cluster);
    let output = command.output().await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let credential: Value = serde_json::from_slice(&output.stdout).unwrap();
    credential["status"]["token"].as_str().unwrap().to_owned()
}

pub(in super::super) async fn a_token_of_the_service_is_good_in_its_own_cluster_only(world: Rc<World>) {
    let planes = [&world.cluster, world.far().await];
    let tokens = [token(&world, "near").await, token(&world, "far").await];
    for (of, token) in tokens.iter().enumerate() {
        for (at, plane) in planes.iter().enumerate() {
            let status = if of == at { 200 } else { 401 };
            plane.api_as(token).get("/api/v1/namespaces").await.expect_status(status);
        }
    }
    for plane in planes {
        let refused = plane.webhook.refused();
        assert!(refused.iter().any(|why| why.contains("the signature does not match")), "{refused:?}");
    }
}

pub(in super::super) async fn a_line_with_another_clusters_endpoint_is_refused_there(world: Rc<World>) {
    let far = world.far().await;
    let line = |name: &str, eks_name: &str, ca_file: &str| {
        format!("{name} cluster={eks_name} region=us-east-1 endpoint={} ca_file={ca_file}\n", far.endpoint())
    };
    let lines =
        [line("right", "lab-2", "far.crt"), line("named", "lab", "far.crt"), line("signed", "lab-2", "near.crt")];
    let file = format!("near cluster=lab region=us-east-1 default=true\n{}", lines.concat());
    let builder = with_file(&world, &file).file("far.crt", far.ca_pem()).file("near.crt", world.cluster.ca_pem());
    // A call that finds a wrong certificate is tried again until it times out.
    let service = builder.env("EKS_API_REQUEST_TIMEOUT", "5s").start().await;
    for (name, eks_name, status, why) in [
        ("near", "lab", "passed", ""),
        ("right", "lab-2", "passed", ""),
        ("named", "lab", "failed", "does not accept our token"),
        ("signed", "lab-2", "failed", "certificate"),
    ] {
        let state = eventually(&format!("the check of {name}"), async || {
            let state = health_of(&service, name).await;
            (state["checks"]["kubernetes"]["status"] == status).then_some(state)
        })
        .await;
        assert_eq!(state["eks_name"], eks_name);
        let detail = state["checks"]["kubernetes"]["detail"].as_str().unwrap_or_default();
        assert!(detail.contains(why), "{state}");
    }
    for (name, status, reason) in
        [("named", 502, "upstream_unauthorized"), ("signed", 502, "upstream_unreachable"), ("right", 201, "")]
    {
        let namespace = format!("by-{name}");
        let body = json!({ "job_manifest": idle("job"), "namespace": namespace, "cluster": name });
        let reply = service.post("/api/eks-create-job", &body).await.expect_status(status).json();
        assert_eq!(reply["reason"].as_str().unwrap_or_default(), reason);
        let made = if status == 201 { 200 } else { 404 };
        far.admin.get(&format!("/api/v1/namespaces/{namespace}")).await.expect_status(made);
        world.cluster.admin.get(&format!("/api/v1/namespaces/{namespace}")).await.expect_status(404);
    }
}
