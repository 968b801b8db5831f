//! list-namespaces and get-namespace-status.

use serde_json::json;

use crate::calls::{BINARY, NAMESPACES, lab, problem};
use crate::support::Lab;

const LIST: &str = "/api/eks-list-namespaces";
const STATUS: &str = "/api/eks-get-namespace-status?namespace_name=";

#[tokio::test]
async fn all_namespaces_are_listed_however_many_pages_that_takes() {
    let lab = lab().await;
    for number in 0..1200 {
        lab.cluster.put_namespace(json!({ "metadata": { "name": format!("team-{number}") } }));
    }
    let listed = lab.service.get(LIST).await.expect_status(200).json();
    let names: Vec<&str> =
        listed["namespaces"].as_array().unwrap().iter().map(|n| n["namespace_name"].as_str().unwrap()).collect();
    for number in 0..1200 {
        assert!(names.contains(&format!("team-{number}").as_str()), "team-{number}");
    }
    assert!(lab.cluster.count("GET", NAMESPACES) >= 3);
}

#[tokio::test]
async fn only_allowed_namespaces_are_shown() {
    let lab = Lab::with(BINARY, &[("EKS_API_ALLOWED_NAMESPACES", "team-*")]).await;
    for name in ["team-a", "other"] {
        lab.cluster.put_namespace(json!({ "metadata": { "name": name } }));
    }
    let listed = lab.service.get(LIST).await.expect_status(200).json();
    let names: Vec<_> = listed["namespaces"].as_array().unwrap().iter().map(|n| &n["namespace_name"]).collect();
    assert_eq!(names, ["team-a"]);
    problem(&lab.service.get(&format!("{STATUS}other")).await, 403, "namespace_not_allowed");
    lab.service.get(&format!("{STATUS}team-a")).await.expect_status(200);
}

#[tokio::test]
async fn what_blocks_a_deletion_is_in_the_conditions() {
    let lab = lab().await;
    let condition = json!({ "type": "NamespaceContentRemaining", "status": "True", "reason": "SomeResourcesRemain",
        "message": "jobs.batch has 1 resource instances", "lastTransitionTime": "2026-01-20T10:30:00Z" });
    lab.cluster.put_namespace(json!({
        "metadata": { "name": "stuck", "deletionTimestamp": "2026-01-20T10:29:00Z" },
        "status": { "phase": "Terminating", "conditions": [condition] },
    }));
    let told = lab.service.get(&format!("{STATUS}stuck")).await.expect_status(200).json();
    assert_eq!(
        (&told["phase"], &told["deletion_timestamp"]),
        (&json!("Terminating"), &json!("2026-01-20T10:29:00+00:00"))
    );
    let condition = &told["conditions"][0];
    assert_eq!(condition["message"], "jobs.batch has 1 resource instances");
    assert_eq!(condition["last_transition_time"], "2026-01-20T10:30:00+00:00");
}

#[tokio::test]
async fn a_namespace_that_is_not_there_or_cannot_be_is_told_as_such() {
    let lab = lab().await;
    problem(&lab.service.get(&format!("{STATUS}nowhere")).await, 404, "NotFound");
    problem(&lab.service.get(&format!("{STATUS}A")).await, 422, "Invalid");
    problem(&lab.service.get("/api/eks-get-namespace-status").await, 400, "BadRequest");
}
