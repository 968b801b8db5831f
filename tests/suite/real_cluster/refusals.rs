//! What the API server itself refuses, and what the service makes of it.

use std::rc::Rc;

use serde_json::{Value, json};

use super::{World, manifest};

pub(super) async fn an_invalid_manifest_comes_back_with_every_cause(world: Rc<World>) {
    let mut invalid = manifest("invalid", 0);
    invalid["spec"]["parallelism"] = json!(-1);
    invalid["spec"]["template"]["spec"]["restartPolicy"] = json!("Always");
    invalid["spec"]["template"]["spec"]["containers"][0]["name"] = json!("Not A Label");
    let refused = world.create("refusals", &invalid).await.expect_status(422);
    assert_eq!(refused.header("content-type"), Some("application/problem+json"));
    let refused = refused.json();
    assert_eq!(refused["reason"], "Invalid");
    assert!(refused["detail"].as_str().unwrap().starts_with("Job.batch \"invalid\" is invalid"), "{refused}");
    let causes = refused["causes"].as_array().unwrap();
    for field in ["spec.parallelism", "spec.template.spec.restartPolicy", "spec.template.spec.containers[0].name"] {
        let cause = causes.iter().find(|cause| cause["field"] == field);
        let cause = cause.unwrap_or_else(|| panic!("no cause for {field}: {refused}"));
        assert!(cause["message"].as_str().is_some_and(|message| !message.is_empty()), "{cause}");
    }

    let empty = json!({ "metadata": { "name": "empty" }, "spec": {} });
    let refused = world.create("refusals", &empty).await.expect_status(422).json();
    let fields: Vec<&Value> = refused["causes"].as_array().unwrap().iter().map(|cause| &cause["field"]).collect();
    assert!(fields.contains(&&json!("spec.template.spec.containers")), "{refused}");
}

pub(super) async fn a_value_of_the_wrong_type_is_a_bad_request(world: Rc<World>) {
    let mut wrong = manifest("wrong", 0);
    wrong["spec"]["backoffLimit"] = json!("two");
    let refused = world.create("refusals", &wrong).await.expect_status(400).json();
    assert_eq!(refused["reason"], "BadRequest");
    assert!(refused["detail"].as_str().unwrap().contains("backoffLimit"), "{refused}");
}

pub(super) async fn a_job_that_exists_is_a_conflict(world: Rc<World>) {
    world.create("refusals", &manifest("exists", 0)).await.expect_status(201);
    let refused = world.create("refusals", &manifest("exists", 0)).await.expect_status(409).json();
    assert_eq!(refused["reason"], "AlreadyExists");
    assert_eq!(refused["detail"], "jobs.batch \"exists\" already exists");
}

pub(super) async fn another_uid_protects_a_job_from_deletion(world: Rc<World>) {
    let name = "protected";
    let created = world.create("refusals", &manifest(name, 0)).await.expect_status(201).json();
    let delete = |uid: &str| format!("/api/eks-delete-job?namespace=refusals&job_name={name}&uid={uid}");
    let other = world.service.delete(&delete("00000000-0000-0000-0000-000000000000")).await;
    assert_eq!(other.expect_status(409).json()["reason"], "Conflict");
    let status = world.status("refusals", name, "").await.expect_status(200).json();
    assert_eq!(status["deletion_timestamp"], Value::Null);
    world.service.delete(&delete(created["uid"].as_str().unwrap())).await.expect_status(200);
}

pub(super) async fn an_idempotency_key_makes_one_job_of_many_calls(world: Rc<World>) {
    let namespace = "idempotent";
    let mut unnamed = manifest("", 0);
    unnamed["metadata"] = json!({});
    let send = async |key: &str, manifest: &Value| {
        let body = json!({ "job_manifest": manifest, "namespace": namespace }).to_string();
        let headers = [("content-type", "application/json"), ("idempotency-key", key)];
        world.service.send("POST", "/api/eks-create-job", &headers, body).await
    };
    let first = send("nightly", &unnamed).await.expect_status(201).json();
    let again = send("nightly", &unnamed).await.expect_status(200).json();
    assert_eq!((&first["job_name"], &first["uid"]), (&again["job_name"], &again["uid"]));

    let other_body = send("nightly", &manifest(first["job_name"].as_str().unwrap(), 1)).await.expect_status(409);
    assert_eq!(other_body.json()["reason"], "idempotency_key_reused");
    let other_key = send("weekly", &unnamed).await.expect_status(201).json();
    assert_ne!(first["job_name"], other_key["job_name"]);
    let jobs = world.cluster.admin.list(&format!("/apis/batch/v1/namespaces/{namespace}/jobs")).await;
    assert_eq!(jobs.len(), 2);
}
