//! Creating a job where there is no namespace yet, or not for much longer.

use serde_json::json;

use crate::calls::{BINARY, CREATE_JOB, NAMESPACES, detail, lab, manifest, problem, sent};
use crate::support::Lab;
use crate::support::service::Reply;
use crate::support::stub::{Fault, Gate, Kind};

const JOBS: &str = "/apis/batch/v1/namespaces/fresh/jobs";

async fn create_in_fresh(lab: &Lab) -> Reply {
    lab.service.post(CREATE_JOB, &json!({ "job_manifest": manifest("hello"), "namespace": "fresh" })).await
}

fn post(path: &str) -> String {
    format!("POST {path}")
}

#[tokio::test]
async fn a_missing_namespace_is_made_when_the_cluster_says_that_it_is_missing() {
    let lab = lab().await;
    let reply = create_in_fresh(&lab).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["namespace"]), (201, &json!("fresh")));
    assert_eq!(reply.json()["namespace_created"], true);
    assert_eq!(reply.json()["warnings"], json!(["namespace fresh did not exist and was created"]));
    assert!(lab.cluster.job("fresh", "hello").is_some() && lab.cluster.namespace("fresh").is_some());
    assert_eq!(sent(&lab.cluster), [post(JOBS), post(NAMESPACES), post(JOBS)]);
    let again = lab.service.post(CREATE_JOB, &json!({ "job_manifest": manifest("next"), "namespace": "fresh" })).await;
    assert_eq!(again.status, 201);
    assert_eq!((again.json().get("namespace_created"), &again.json()["warnings"]), (None, &json!([])));
    assert_eq!(sent(&lab.cluster).len(), 4, "a namespace that exists costs no request");
}

#[tokio::test]
async fn a_namespace_that_another_made_meanwhile_is_as_good() {
    let lab = lab().await;
    let gate = Gate::new();
    lab.cluster.fault(Fault::new("POST", NAMESPACES, Kind::HoldBefore(gate.clone())));
    let other = async {
        gate.held(1).await;
        lab.cluster.put_namespace(json!({ "metadata": { "name": "fresh" } }));
        gate.open();
    };
    let (reply, ()) = tokio::join!(create_in_fresh(&lab), other);
    assert_eq!(reply.status, 201, "{}", reply.text());
    assert_eq!(reply.json().get("namespace_created"), None);
    assert_eq!(sent(&lab.cluster), [post(JOBS), post(NAMESPACES), post(JOBS)]);
}

#[tokio::test]
async fn a_lost_reply_about_the_namespace_does_not_stop_the_job() {
    for kind in [Kind::CutBefore, Kind::CutAfter, Kind::Garbage, Kind::Truncate] {
        let lab = lab().await;
        lab.cluster.fault(Fault::new("POST", NAMESPACES, kind.clone()));
        let reply = create_in_fresh(&lab).await;
        assert_eq!(reply.status, 201, "{kind:?}: {}", reply.text());
        assert!(lab.cluster.job("fresh", "hello").is_some());
    }
}

#[tokio::test]
async fn a_lost_reply_about_the_job_does_not_hide_that_the_namespace_is_new() {
    let lab = lab().await;
    let gate = Gate::new();
    lab.cluster.fault(Fault::new("POST", NAMESPACES, Kind::HoldAfter(gate.clone())));
    let lose = async {
        gate.held(1).await;
        lab.cluster.fault(Fault::new("POST", JOBS, Kind::CutAfter));
        gate.open();
    };
    let (reply, ()) = tokio::join!(create_in_fresh(&lab), lose);
    assert_eq!(reply.expect_status(201).json()["namespace_created"], true);
    let get = format!("GET {JOBS}/hello");
    assert_eq!(sent(&lab.cluster), [post(JOBS), post(NAMESPACES), post(JOBS), post(JOBS), get]);
}

#[tokio::test]
async fn switched_off_a_missing_namespace_is_not_found() {
    let lab = Lab::with(BINARY, &[("EKS_API_AUTO_CREATE_NAMESPACE", "false")]).await;
    let told = detail(&create_in_fresh(&lab).await, 404, "NotFound");
    assert_eq!(told, r#"namespaces "fresh" not found"#);
    assert_eq!(sent(&lab.cluster), [post(JOBS)]);
    assert_eq!(lab.cluster.namespace("fresh"), None);
}

#[tokio::test]
async fn not_allowed_to_make_the_namespace_it_says_both_what_is_missing_and_what_is_forbidden() {
    let lab = lab().await;
    lab.cluster.deny("create", "namespaces");
    let told = detail(&create_in_fresh(&lab).await, 403, "Forbidden");
    assert!(told.starts_with("the namespace does not exist and could not be created: "), "{told}");
    assert!(told.contains("cannot create resource \"namespaces\""), "{told}");
    assert_eq!(sent(&lab.cluster), [post(JOBS), post(NAMESPACES)]);
}

#[tokio::test]
async fn a_namespace_that_is_never_found_is_made_only_once() {
    let lab = lab().await;
    let missing = Kind::Reply {
        status: 404,
        headers: Vec::new(),
        body: json!({ "kind": "Status", "reason": "NotFound", "code": 404, "message": "namespaces \"fresh\" not found",
            "details": { "name": "fresh", "kind": "namespaces" } }),
    };
    lab.cluster.fault(Fault::new("POST", JOBS, missing).always());
    let reply = create_in_fresh(&lab).await;
    problem(&reply, 404, "NotFound");
    let told = reply.json()["detail"].as_str().unwrap().to_owned();
    assert!(told.ends_with("; namespace fresh did not exist and was created"), "{told}");
    assert_eq!(sent(&lab.cluster), [post(JOBS), post(NAMESPACES), post(JOBS)]);
}

#[tokio::test]
async fn a_namespace_on_its_way_out_takes_no_job() {
    let lab = lab().await;
    lab.cluster.put_namespace(json!({ "metadata": { "name": "fresh" } }));
    assert_eq!(lab.service.delete("/api/eks-delete-namespace?namespace_name=fresh").await.status, 200);
    let told = problem(&create_in_fresh(&lab).await, 403, "Forbidden");
    assert!(told["detail"].as_str().unwrap().ends_with("because it is being terminated"), "{told}");
    assert_eq!(told["causes"][0]["reason"], "NamespaceTerminating", "{told}");
    assert_eq!(told["causes"][0]["field"], "metadata.namespace");
}
