//! Creating and deleting namespaces.

use serde_json::{Value, json};

use crate::calls::{CREATE_NAMESPACE, NAMESPACES, detail, lab, problem, recorded_reply, sent};
use crate::support::stub::{Fault, Kind};

const DELETE: &str = "/api/eks-delete-namespace?namespace_name";

#[tokio::test]
async fn a_created_namespace_is_answered_with_every_field_of_the_contract() {
    let lab = lab().await;
    let reply = lab.service.post(CREATE_NAMESPACE, &json!({ "namespace_name": "team-a" })).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    let created = reply.json();
    assert_eq!((&created["namespace_name"], &created["status"]), (&json!("team-a"), &json!("created")));
    let stored = lab.cluster.namespace("team-a").unwrap();
    let time = stored["metadata"]["creationTimestamp"].as_str().unwrap();
    assert_eq!(created["creation_timestamp"], time.replace('Z', "+00:00"));
    assert_eq!(sent(&lab.cluster), [format!("POST {NAMESPACES}")]);
}

#[tokio::test]
async fn labels_and_annotations_go_along() {
    let lab = lab().await;
    let labels = json!({ "team": "a", "pod-security.kubernetes.io/enforce": "restricted" });
    let annotations = json!({ "owner": "ünïcode" });
    let body = json!({ "namespace_name": "team-a", "labels": labels, "annotations": annotations });
    assert_eq!(lab.service.post(CREATE_NAMESPACE, &body).await.status, 201);
    let requests = lab.cluster.requests();
    let post = &requests.iter().find(|request| request.method == "POST").unwrap().body;
    assert_eq!((&post["apiVersion"], &post["kind"]), (&json!("v1"), &json!("Namespace")));
    assert_eq!(post["metadata"], json!({ "name": "team-a", "labels": labels, "annotations": annotations }));
}

#[tokio::test]
async fn a_namespace_that_exists_is_a_conflict() {
    let lab = lab().await;
    let body = json!({ "namespace_name": "team-a" });
    assert_eq!(lab.service.post(CREATE_NAMESPACE, &body).await.status, 201);
    let told = detail(&lab.service.post(CREATE_NAMESPACE, &body).await, 409, "AlreadyExists");
    assert_eq!(told, r#"namespaces "team-a" already exists"#);
}

#[tokio::test]
async fn a_bad_name_is_found_before_anything_is_sent() {
    let lab = lab().await;
    for name in ["", "Upper", "under_score", "dot.ted", "-a", "a-", "a/b", &"n".repeat(64), "ä"] {
        let reply = lab.service.post(CREATE_NAMESPACE, &json!({ "namespace_name": name })).await;
        let told = problem(&reply, 422, "Invalid");
        assert_eq!(told["causes"][0]["field"], "namespace_name", "{name:?}");
        assert!(told["detail"].as_str().unwrap().contains("lower case letters, digits and '-'"), "{told}");
    }
    assert_eq!(sent(&lab.cluster), [""; 0]);
    let longest = json!({ "namespace_name": "n".repeat(63) });
    assert_eq!(lab.service.post(CREATE_NAMESPACE, &longest).await.status, 201);
}

#[tokio::test]
async fn a_body_of_another_form_is_refused() {
    let lab = lab().await;
    for (body, field) in [
        (json!({}), "namespace_name"),
        (json!({ "namespace_name": null }), "namespace_name"),
        (json!({ "namespace_name": 7 }), "namespace_name"),
        (json!({ "namespace_name": "a", "label": {} }), "label"),
        (json!({ "namespace_name": "a", "labels": { "n": 1 } }), "labels.n"),
        (json!({ "namespace_name": "a", "annotations": [] }), "annotations"),
        (json!("a"), "body"),
    ] {
        let reply = lab.service.post(CREATE_NAMESPACE, &body).await;
        assert_eq!(problem(&reply, 400, "BadRequest")["causes"][0]["field"], field, "{body}");
    }
    assert_eq!(sent(&lab.cluster), [""; 0]);
}

#[tokio::test]
async fn what_kubernetes_finds_wrong_keeps_its_causes() {
    let lab = lab().await;
    lab.cluster.fault(Fault::new("POST", NAMESPACES, recorded_reply("namespace-create-invalid-name")));
    let reply = lab.service.post(CREATE_NAMESPACE, &json!({ "namespace_name": "fine" })).await;
    let told = problem(&reply, 422, "Invalid");
    assert_eq!(told["causes"][0]["field"], "metadata.name", "{told}");
}

#[tokio::test]
async fn a_deleted_namespace_is_terminating_until_it_is_gone() {
    let lab = lab().await;
    lab.cluster.put_namespace(json!({ "metadata": { "name": "team-a" } }));
    for _ in 0..2 {
        let reply = lab.service.delete(&format!("{DELETE}=team-a")).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let expected = json!({ "cluster": "lab", "message": "Namespace team-a is being deleted",
            "status": "success", "phase": "Terminating" });
        assert_eq!(reply.json(), expected);
    }
    assert_eq!(sent(&lab.cluster), vec![format!("DELETE {NAMESPACES}/team-a"); 2]);
    lab.cluster.finish_namespace("team-a");
    let told = detail(&lab.service.delete(&format!("{DELETE}=team-a")).await, 404, "NotFound");
    assert_eq!(told, r#"namespaces "team-a" not found"#);
}

#[tokio::test]
async fn a_namespace_that_went_at_once_was_terminating_too() {
    let lab = lab().await;
    let body = json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success" });
    lab.cluster.fault(Fault::new("DELETE", NAMESPACES, Kind::Reply { status: 200, headers: Vec::new(), body }));
    let reply = lab.service.delete(&format!("{DELETE}=team-a")).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["phase"]), (200, &json!("Terminating")));
}

#[tokio::test]
async fn the_recorded_replies_of_an_api_server_are_understood() {
    let lab = lab().await;
    lab.cluster.fault(Fault::new("POST", NAMESPACES, recorded_reply("namespace-create")));
    let created = lab.service.post(CREATE_NAMESPACE, &json!({ "namespace_name": "rec" })).await;
    assert_eq!((created.status.as_u16(), &created.json()["status"]), (201, &json!("created")));
    assert!(created.json()["creation_timestamp"].as_str().unwrap().ends_with("+00:00"));
    for (recording, status) in [
        ("namespace-delete", 200),
        ("namespace-delete-again", 200),
        ("namespace-delete-missing", 404),
        ("namespace-delete-kube-system", 403),
    ] {
        lab.cluster.fault(Fault::new("DELETE", NAMESPACES, recorded_reply(recording)));
        let reply = lab.service.delete(&format!("{DELETE}=rec")).await;
        assert_eq!(reply.status, status, "{recording}: {}", reply.text());
    }
}

#[tokio::test]
async fn no_foreground_finalizer_is_put_on_a_namespace() {
    let lab = lab().await;
    lab.cluster.put_namespace(json!({ "metadata": { "name": "team-a" } }));
    assert_eq!(lab.service.delete(&format!("{DELETE}=team-a")).await.status, 200);
    assert_eq!(lab.cluster.namespace("team-a").unwrap()["metadata"]["finalizers"], Value::Null);
}

#[tokio::test]
async fn what_is_forbidden_to_us_is_forbidden_to_the_caller() {
    let lab = lab().await;
    lab.cluster.deny("*", "namespaces");
    let created = lab.service.post(CREATE_NAMESPACE, &json!({ "namespace_name": "team-a" })).await;
    assert!(detail(&created, 403, "Forbidden").contains(r#"cannot create resource "namespaces""#));
    let deleted = lab.service.delete(&format!("{DELETE}=team-a")).await;
    assert!(detail(&deleted, 403, "Forbidden").contains(r#"cannot delete resource "namespaces""#));
}
