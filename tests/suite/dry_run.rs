//! The dry run of create-job: the API server judges the job, and nothing is created.

use serde_json::{Value, json};

use crate::access::{ALICE, create_as, job_in, keygen, told, with_keys, with_users};
use crate::audit::is_record;
use crate::calls::{
    BINARY, CREATE_JOB, JOBS, NAMESPACES, create, create_with, detail, lab, manifest, nameless, problem,
    recorded_reply, sent, status,
};
use crate::support::service::Reply;
use crate::support::stub::{Fault, Kind, Right};
use crate::support::{Lab, recorded_body};

const QUERY: &str = "/api/eks-create-job?dry_run=true";

async fn dry_run(lab: &Lab, manifest: &Value) -> Reply {
    lab.service.post(QUERY, &json!({ "job_manifest": manifest })).await
}

/// The queries of the POSTs for jobs.
fn queries(lab: &Lab) -> Vec<Vec<(String, String)>> {
    let posts = lab.cluster.requests().into_iter().filter(|request| request.matches("POST", "/apis/batch"));
    posts.map(|request| request.query).collect()
}

#[tokio::test]
async fn the_reply_has_the_job_that_would_be_stored_without_managed_fields() {
    let lab = lab().await;
    lab.cluster.fault(Fault::new("POST", JOBS, recorded_reply("job-create-dry-run")));
    let reply = dry_run(&lab, &manifest("dry")).await.expect_status(200).json();
    let mut stored = recorded_body("job-create-dry-run");
    assert!(stored["metadata"].as_object_mut().unwrap().remove("managedFields").is_some());
    let expected = json!({ "cluster": "lab", "job_name": "dry", "namespace": "default", "creation_timestamp": null,
        "status": "dry_run", "warnings": [], "job_manifest": stored });
    assert_eq!(reply, expected);
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(queries(&lab), [[pair("fieldValidation", "Strict"), pair("dryRun", "All")]]);
}

#[tokio::test]
async fn nothing_is_created_or_remembered_in_any_form_of_the_call() {
    let lab = lab().await;
    let body = |dry_run: bool| json!({ "job_manifest": manifest("hello"), "dry_run": dry_run });
    for (target, body) in
        [(CREATE_JOB, body(true)), (QUERY, body(true)), (QUERY, json!({ "job_manifest": nameless() }))]
    {
        let reply = lab.service.post(target, &body).await.expect_status(200).json();
        assert_eq!(reply["status"], "dry_run");
        assert_eq!(reply["job_manifest"]["metadata"]["name"], reply["job_name"]);
        assert_eq!(reply["job_manifest"]["metadata"]["labels"]["job-id"], reply["job_name"]);
    }
    let yaml = [("content-type", "application/yaml")];
    let manifest = manifest("hello").to_string();
    let target = format!("{QUERY}&namespace=default");
    lab.service.send("POST", &target, &yaml, manifest.clone()).await.expect_status(200);
    let envelope = format!("dry_run: yes\njob_manifest: {manifest}\n");
    lab.service.send("POST", CREATE_JOB, &yaml, envelope).await.expect_status(200);
    assert_eq!(sent(&lab.cluster), vec![format!("POST {JOBS}"); 5]);
    assert!(queries(&lab).iter().all(|query| query.contains(&("dryRun".to_owned(), "All".to_owned()))));
    assert_eq!(lab.cluster.job("default", "hello"), None);
    assert_eq!(
        detail(&status(&lab.service, "hello").await, 404, "NotFound"),
        "jobs.batch \"hello\" not found in namespace default"
    );
    assert_eq!(lab.service.get("/api/eks-list-jobs").await.json()["jobs"], json!([]));
    // The same job is free to be created, also from the reply of the dry run.
    let target = format!("{CREATE_JOB}?dry_run=false&wait=0s");
    lab.service.post(&target, &body(false)).await.expect_status(201);
    let stored = dry_run(&lab, &json!({ "metadata": { "name": "copy" }, "spec": nameless()["spec"] })).await.json();
    let copy = create(&lab.service, &stored["job_manifest"]).await.expect_status(201).json();
    assert_eq!(copy["job_name"], "copy");
}

#[tokio::test]
async fn it_goes_neither_with_a_wait_nor_with_a_key() {
    let lab = lab().await;
    for (target, key, body) in [
        (format!("{QUERY}&wait=1s"), None, json!({})),
        (QUERY.to_owned(), None, json!({ "wait": "0s" })),
        (QUERY.to_owned(), Some("k"), json!({})),
        (CREATE_JOB.to_owned(), Some("k"), json!({ "dry_run": true })),
        (QUERY.to_owned(), None, json!({ "dry_run": false })),
        (CREATE_JOB.to_owned(), None, json!({ "dry_run": "true" })),
        (format!("{CREATE_JOB}?dry_run=1"), None, json!({})),
    ] {
        let mut whole = json!({ "job_manifest": manifest("hello") });
        whole.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
        let key = key.map(|key| ("idempotency-key", key));
        let headers: Vec<_> = [("content-type", "application/json")].into_iter().chain(key).collect();
        let reply = lab.service.send("POST", &target, &headers, whole.to_string()).await;
        assert_eq!(problem(&reply, 400, "BadRequest")["causes"][0]["field"], "dry_run", "{target} {whole}");
    }
    assert_eq!(sent(&lab.cluster), [""; 0]);
}

#[tokio::test]
async fn what_the_api_server_refuses_is_refused_and_what_it_warns_of_is_shown() {
    let lab = lab().await;
    create(&lab.service, &manifest("taken")).await.expect_status(201);
    problem(&dry_run(&lab, &manifest("taken")).await, 409, "AlreadyExists");
    let mut wanted = manifest("hello");
    wanted["spec"]["template"]["spec"]["restartPolicy"] = json!("Always");
    problem(&dry_run(&lab, &wanted).await, 422, "Invalid");
    let mut wanted = manifest("hello");
    wanted["spec"]["backoff_limit"] = json!(1);
    assert!(detail(&dry_run(&lab, &wanted).await, 400, "BadRequest").contains("camelCase"));
    wanted["metadata"]["labels"] = json!({ "app": "mine" });
    let target = format!("{QUERY}&field_validation=warn");
    let warned = lab.service.post(&target, &json!({ "job_manifest": wanted })).await.expect_status(200).json();
    let replaced = "metadata.labels.app: \"mine\" is replaced by \"eks-api\", which the service sets";
    assert_eq!(warned["warnings"], json!([replaced, "unknown field \"spec.backoff_limit\""]));
    // A random name that is taken is replaced.
    let taken = Kind::status(409, "AlreadyExists", "jobs.batch \"job-x\" already exists");
    lab.cluster.fault(Fault::new("POST", JOBS, taken));
    dry_run(&lab, &nameless()).await.expect_status(200);
}

#[tokio::test]
async fn a_missing_namespace_is_404_and_says_if_it_would_be_created() {
    let (missing, would) = ("namespaces \"fresh\" not found", "; without dry_run it would be created");
    let body = json!({ "job_manifest": manifest("hello"), "namespace": "fresh", "dry_run": true });
    for (auto, expected) in [("true", format!("{missing}{would}")), ("false", missing.to_owned())] {
        let lab = Lab::with(BINARY, &[("EKS_API_AUTO_CREATE_NAMESPACE", auto)]).await;
        assert_eq!(detail(&lab.service.post(CREATE_JOB, &body).await, 404, "NotFound"), expected);
        assert_eq!(sent(&lab.cluster), [format!("POST {}", JOBS.replace("default", "fresh"))]);
        assert_eq!(lab.cluster.namespace("fresh"), None);
    }
    let mut body = job_in("fresh", "hello");
    body["dry_run"] = json!(true);
    let (writer, admin, reader) =
        (keygen("w", "write", "*").await, keygen("a", "admin", "*").await, keygen("r", "read", "*").await);
    let lab = with_keys(&[&writer, &admin, &reader], &[]).await;
    for (key, expected) in [(&writer, missing.to_owned()), (&admin, format!("{missing}{would}"))] {
        let refused = create_as(&lab.service, &key.secret, &body).await;
        assert_eq!(told(&refused), (404, "NotFound".to_owned(), expected));
    }
    assert_eq!(create_as(&lab.service, &reader.secret, &body).await.status(), 403);
    for (right, expected) in [("jobs", missing.to_owned()), ("*", format!("{missing}{would}"))] {
        let lab = with_users(&[]).await;
        lab.cluster.allow_user("alice", Right::to(&["create"], right));
        let refused = create_as(&lab.service, ALICE, &body).await;
        assert_eq!(told(&refused), (404, "NotFound".to_owned(), expected), "{right}");
        assert_eq!(lab.cluster.count("POST", NAMESPACES), 0);
    }
}

#[tokio::test]
async fn a_webhook_that_supports_no_dry_run_is_named_as_the_reason() {
    let lab = lab().await;
    let says = "admission webhook \"policy.example.com\" does not support dry run";
    lab.cluster.fault(Fault::new("POST", JOBS, Kind::status(400, "BadRequest", says)).always());
    let told = detail(&dry_run(&lab, &manifest("hello")).await, 400, "BadRequest");
    assert_eq!(told, format!("{says}; the reason is this webhook, not the job: create the job without dry_run"));
    assert_eq!(lab.cluster.count("POST", JOBS), 1);
    // A create is never told to be another call.
    assert_eq!(detail(&create(&lab.service, &manifest("hello")).await, 400, "BadRequest"), says);
}

#[tokio::test]
async fn a_lost_reply_is_repeated_as_a_dry_run_and_leaves_no_doubt() {
    let lab = Lab::with(BINARY, &[("EKS_API_REQUEST_TIMEOUT", "2s")]).await;
    for kind in [Kind::CutAfter, Kind::Garbage, Kind::status(504, "Timeout", "too slow")] {
        lab.cluster.fault(Fault::new("POST", JOBS, kind.clone()));
        dry_run(&lab, &manifest("hello")).await.expect_status(200);
    }
    lab.cluster.fault(Fault::new("POST", JOBS, Kind::CutAfter).always());
    let told = detail(&dry_run(&lab, &manifest("hello")).await, 502, "upstream_broken");
    assert!(!told.contains("effect"), "{told}");
    assert!(queries(&lab).iter().all(|query| query.contains(&("dryRun".to_owned(), "All".to_owned()))));
    assert!(sent(&lab.cluster).iter().all(|request| *request == format!("POST {JOBS}")));
    assert_eq!(lab.cluster.job("default", "hello"), None);
}

#[tokio::test]
async fn audit_and_metrics_do_not_count_it_as_created() {
    let lab = lab().await;
    let body = json!({ "job_manifest": manifest("hello"), "dry_run": true });
    create_with(&lab.service, &[("x-request-id", "check")], &body).await.expect_status(200);
    let line = lab.service.log_line(|line| is_record(line) && line.contains("\"check\"")).await;
    let record: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(
        (&record["dry_run"], &record["outcome"], &record["status"]),
        (&json!(true), &json!("success"), &json!(200))
    );
    assert_eq!(record["message"], "create_job (dry run) default/hello from 127.0.0.1: success (200)");
    assert_eq!((record.get("uid"), &record["job"]), (None, &json!("hello")));
    let metrics = lab.service.get("/metrics").await.text();
    assert!(metrics.contains("eks_api_requests_total{operation=\"create_job\",code=\"200\"} 1\n"), "{metrics}");
    assert!(!metrics.contains("eks_api_requests_total{operation=\"create_job\",code=\"201\""), "{metrics}");
    create_with(&lab.service, &[("x-request-id", "made")], &json!({ "job_manifest": manifest("hello") })).await;
    let line = lab.service.log_line(|line| is_record(line) && line.contains("\"made\"")).await;
    assert!(!line.contains("dry_run"), "{line}");
}
