//! create-batch: fresh batches, names and keys, and what is refused before the first job is sent.

mod completion;
mod head;
mod limits;
mod refusals;

use hyper::body::Bytes;
use serde_json::{Value, json};

use crate::calls::{JOBS, NAMESPACES, detail, lab, nameless, problem, sent};
use crate::given::cron_job;
use crate::support::Lab;
use crate::support::service::Reply;

const CREATE_BATCH: &str = "/api/eks-create-batch";

/// The body of a batch with this many jobs.
fn batch(name: &str, size: usize) -> Value {
    let jobs: Vec<Value> = (0..size).map(|index| json!({ "id": format!("id-{index}") })).collect();
    json!({ "batch_name": name, "job_manifest": nameless(), "jobs": jobs })
}

/// The same body with these members, in place of its own.
fn with(mut body: Value, more: &Value) -> Value {
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

async fn post(lab: &Lab, body: &Value) -> Reply {
    lab.service.post(CREATE_BATCH, body).await
}

async fn post_with_key(lab: &Lab, key: &str, body: &Value) -> Reply {
    let headers = [("content-type", "application/json"), ("idempotency-key", key)];
    lab.service.send("POST", CREATE_BATCH, &headers, Bytes::from(body.to_string())).await
}

/// The number of jobs that were sent, with the head.
fn posts(lab: &Lab) -> usize {
    sent(&lab.cluster).iter().filter(|request| **request == format!("POST {JOBS}")).count()
}

/// The status of each job of a reply.
fn statuses(reply: &Reply) -> Vec<String> {
    let document = reply.json();
    let jobs = document["jobs"].as_array().unwrap().iter();
    jobs.map(|job| job["status"].as_str().unwrap().to_owned()).collect()
}

/// The numbers of a reply: created, existing.
fn numbers(reply: &Reply) -> (u64, u64) {
    let document = reply.json();
    (document["created"].as_u64().unwrap(), document["existing"].as_u64().unwrap())
}

#[tokio::test]
async fn a_fresh_batch_is_a_head_and_its_members() {
    let lab = lab().await;
    let reply = post(&lab, &batch("nightly", 30)).await.expect_status(201);
    let document = reply.json();
    assert_eq!((numbers(&reply), &document["size"], document.get("warnings")), ((30, 0), &json!(30), None));
    assert_eq!(document["jobs"][29]["job_name"], "nightly-0029");
    assert_eq!(posts(&lab), 31);
    assert_eq!(sent(&lab.cluster).last(), Some(&format!("GET {JOBS}/nightly")), "the head is looked up again");
    let head = lab.cluster.job("default", "nightly").unwrap();
    assert_eq!(
        (&head["spec"]["suspend"], &head["metadata"]["labels"]["eks-api/batch-head"]),
        (&json!(true), &json!("true"))
    );
    for (index, job) in document["jobs"].as_array().unwrap().iter().enumerate() {
        let member = lab.cluster.job("default", &format!("nightly-{index:04}")).unwrap();
        assert_eq!(member["metadata"]["uid"], job["uid"]);
        assert_eq!((&job["id"], &job["status"]), (&json!(format!("id-{index}")), &json!("created")));
        assert_eq!(member["metadata"]["ownerReferences"][0]["uid"], head["metadata"]["uid"]);
    }
    let line = lab.service.log_line(|line| line.contains("operation=create_batch")).await;
    assert!(line.contains("job=nightly") && line.contains("status=201"), "{line}");
}

#[tokio::test]
async fn a_repetition_creates_nothing() {
    for key in [None, Some("night 1")] {
        let lab = lab().await;
        let create = async |body: &Value| match key {
            Some(key) => post_with_key(&lab, key, body).await,
            None => post(&lab, body).await,
        };
        let first = create(&batch("nightly", 3)).await.expect_status(201);
        let again = create(&batch("nightly", 3)).await.expect_status(200);
        assert_eq!((numbers(&again), statuses(&again)), ((0, 3), vec!["existing".to_owned(); 3]));
        assert_eq!(again.json()["jobs"][2]["uid"], first.json()["jobs"][2]["uid"]);
        assert_eq!(posts(&lab), 5, "the head is sent twice, and each member once");
        let other = create(&batch("nightly", 4)).await;
        let reason = if key.is_some() { "idempotency_key_reused" } else { "AlreadyExists" };
        let text = detail(&other, 409, reason);
        assert!(text.contains("batch nightly") && text.contains("another body"), "{text}");
    }
}

#[tokio::test]
async fn a_key_names_the_batch_and_without_both_the_reply_warns() {
    let lab = lab().await;
    let body = with(batch("", 1), &json!({ "batch_name": null }));
    let first = post_with_key(&lab, "night 1", &body).await.expect_status(201).json();
    assert!(first["batch_name"].as_str().unwrap().starts_with("batch-"), "{first}");
    assert_eq!(first.get("warnings"), None);
    let again = post_with_key(&lab, "night 1", &body).await.expect_status(200).json();
    assert_eq!(again["batch_name"], first["batch_name"]);
    let without = post(&lab, &body).await.expect_status(201).json();
    assert_ne!(without["batch_name"], first["batch_name"]);
    assert!(without["warnings"][0].as_str().unwrap().contains("cannot be repeated safely"), "{without}");
}

#[tokio::test]
async fn name_and_namespace_may_be_in_the_query_and_the_body_may_be_yaml() {
    let lab = lab().await;
    let target = format!("{CREATE_BATCH}?batch_name=nightly&namespace=fresh");
    let yaml = "job_manifest:\n  spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: b}]}}}\njobs:\n- id: de\n- id: fr\n";
    let headers = [("content-type", "application/yaml")];
    let reply = lab.service.send("POST", &target, &headers, yaml).await.expect_status(201).json();
    assert_eq!(
        (&reply["namespace"], &reply["namespace_created"], &reply["jobs"][1]["id"]),
        (&json!("fresh"), &json!(true), &json!("fr"))
    );
    assert_eq!(reply["warnings"], json!(["namespace fresh did not exist and was created"]));
    assert_eq!(lab.cluster.count("POST", NAMESPACES), 1);
    let differs = lab.service.post(&target, &batch("weekly", 1)).await;
    assert_eq!(problem(&differs, 400, "BadRequest")["causes"][0]["field"], "batch_name");
}

#[tokio::test]
async fn a_batch_from_a_template_reads_it_once() {
    let lab = lab().await;
    lab.cluster.put_cron_job(cron_job("etl"));
    let jobs = json!([{ "parameters": { "MODE": "a" } }, { "parameters": { "MODE": "b" } }, {}]);
    let body = json!({ "batch_name": "nightly", "template": { "cron_job": "etl" }, "parameters": { "DATE": "x" }, "jobs": jobs });
    let reply = post(&lab, &body).await.expect_status(201);
    assert_eq!(numbers(&reply), (3, 0));
    let reads = sent(&lab.cluster).iter().filter(|request| request.contains("cronjobs")).count();
    assert_eq!(reads, 1);
    let member = lab.cluster.job("default", "nightly-0001").unwrap();
    assert!(member["metadata"]["annotations"]["eks-api/template"].as_str().unwrap().starts_with("cronjob/etl@"));
    // Later the template declares another parameter, or is gone. What exists is found all the same.
    let mut changed = cron_job("etl");
    changed["metadata"]["annotations"] = json!({ "eks-api/parameters": "DATE!,NEW!" });
    lab.cluster.put_cron_job(changed);
    assert_eq!(numbers(&post(&lab, &body).await.expect_status(200)), (0, 3));
    let other = with(body.clone(), &json!({ "parameters": { "DATE": "y" } }));
    problem(&post(&lab, &other).await, 422, "Invalid");
    lab.cluster.remove_cron_job("default", "etl");
    let again = post(&lab, &body).await.expect_status(200);
    assert_eq!(numbers(&again), (0, 3));
    lab.cluster.remove_job("default", "nightly-0001");
    problem(&post(&lab, &body).await, 404, "template_not_found");
    let other = with(body, &json!({ "parameters": { "DATE": "y" } }));
    problem(&post(&lab, &other).await, 404, "template_not_found");
}
