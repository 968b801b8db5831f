//! The limits of create-batch: the size of its body, the rate limit, 16 creates at a time, and the role `run`.

use serde_json::{Value, json};

use super::{CREATE_BATCH, batch, numbers, post, posts, with};
use crate::access::{keygen_with, with_keys};
use crate::calls::{BINARY, CREATE_JOB, JOBS, detail, lab, nameless, problem};
use crate::given::cron_job;
use crate::support::Lab;
use crate::support::stub::{Fault, Gate, Kind};
use crate::wire::Wire;

const MIB: usize = 1 << 20;

/// A batch of 8 jobs whose body has at least this many bytes.
fn large(bytes: usize) -> Value {
    let mut body = batch("large", 8);
    for index in 0..8 {
        let mut own = nameless();
        own["metadata"]["annotations"] = json!({ "note": "x".repeat(200_000) });
        own["spec"]["template"]["metadata"]["annotations"] = json!({ "note": "x".repeat(bytes / 8 - 200_000) });
        body["jobs"][index] = json!({ "job_manifest": own });
    }
    body
}

#[tokio::test]
async fn a_body_may_have_4_mib_and_that_of_other_calls_one() {
    let lab = lab().await;
    let body = large(3 * MIB);
    assert!(body.to_string().len() > 3 * MIB);
    assert_eq!(numbers(&post(&lab, &body).await.expect_status(201)), (8, 0));
    problem(&lab.service.post(CREATE_JOB, &body).await, 413, "RequestEntityTooLarge");
    // The length is refused before the body is sent.
    let mut wire = Wire::connect(&lab.service).await;
    let head = format!("POST {CREATE_BATCH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n");
    wire.send(&format!("{head}Content-Length: {}\r\n\r\n", 4 * MIB + 1)).await;
    let answer = wire.answer().await;
    assert!(answer.status() == 413 && answer.body.contains("larger than 4 MiB"), "{}", answer.body);
}

#[tokio::test]
async fn a_job_may_have_1_mib_and_all_of_them_64() {
    let lab = lab().await;
    let note = |bytes: usize| json!({ "spec": { "template": { "metadata": { "annotations": { "note": "x".repeat(bytes) } } } } });
    let mut body = batch("large", 2);
    body["jobs"][1] = json!({ "job_manifest": note(MIB + 1) });
    assert!(detail(&post(&lab, &body).await, 413, "RequestEntityTooLarge").contains("jobs[1]"));
    let body = with(batch("large", 200), &json!({ "job_manifest": note(MIB / 2) }));
    assert!(detail(&post(&lab, &body).await, 413, "RequestEntityTooLarge").contains("16 MiB"));
    assert_eq!(posts(&lab), 0);
}

#[tokio::test]
async fn the_body_of_a_batch_that_is_being_sent_keeps_no_other_out() {
    let lab = lab().await;
    let gate = Gate::new();
    lab.cluster.fault(Fault::new("POST", JOBS, Kind::HoldBefore(gate.clone())).after(1));
    let second = async {
        gate.held(1).await;
        let other = with(large(3 * MIB), &json!({ "batch_name": "other" }));
        assert_eq!(post(&lab, &other).await.status, 201);
        gate.open();
    };
    let body = large(3 * MIB);
    let (first, ()) = tokio::join!(post(&lab, &body), second);
    first.expect_status(201);
}

#[tokio::test]
async fn a_hostile_body_of_4_mib_is_refused_and_other_calls_go_on() {
    let lab = lab().await;
    let deep = format!("{{\"jobs\":[{}1{}]}}", "[".repeat(70), "]".repeat(70));
    let many = format!("{{\"jobs\":[{}{{}}]}}", "{},".repeat(MIB));
    let wide: String = (0..300_000).fold(String::new(), |all, index| all + &format!("\"{index}\":1,"));
    let wide = format!("{{\"jobs\":[{{\"overrides\":{{{wide}\"x\":1}}}}]}}");
    for (body, status, reason) in
        [(deep, 400, "BadRequest"), (many, 422, "Invalid"), (wide, 413, "RequestEntityTooLarge")]
    {
        let headers = [("content-type", "application/json")];
        problem(&lab.service.send("POST", CREATE_BATCH, &headers, body).await, status, reason);
    }
    assert_eq!(posts(&lab), 0);
}

#[tokio::test]
async fn a_batch_of_a_thousand_jobs_counts_as_eleven_calls() {
    let lab = Lab::with(BINARY, &[("EKS_API_PEER_RATE_LIMIT", "5")]).await;
    let small = post(&lab, &batch("small", 99)).await.expect_status(201);
    assert_eq!(small.header("ratelimit"), Some("\"peer\";r=9;t=1"));
    let body = batch("nightly", 1000);
    let reply = post(&lab, &body).await.expect_status(201);
    assert_eq!((numbers(&reply), posts(&lab)), ((1000, 0), 100 + 1001));
    let left = reply.header("ratelimit").unwrap();
    assert_eq!(left, "\"peer\";r=0;t=1");
}

#[tokio::test]
async fn sixteen_jobs_are_created_at_a_time() {
    let lab = lab().await;
    let gate = Gate::new();
    lab.cluster.fault(Fault::new("POST", JOBS, Kind::HoldBefore(gate.clone())).after(1).times(99));
    let open = async {
        gate.held(16).await;
        assert_eq!(posts(&lab), 17, "with the head");
        assert_eq!(lab.service.get("/api/eks-get-job-status?job_name=none").await.status, 404, "others go on");
        assert_eq!(posts(&lab), 17);
        gate.open();
    };
    let body = batch("nightly", 40);
    let (reply, ()) = tokio::join!(post(&lab, &body), open);
    assert_eq!(numbers(&reply.expect_status(201)), (40, 0));
}

#[tokio::test]
async fn a_caller_that_disconnects_does_not_stop_the_batch() {
    let lab = lab().await;
    let gate = Gate::new();
    lab.cluster.fault(Fault::new("POST", JOBS, Kind::HoldBefore(gate.clone())).after(1));
    let body = batch("nightly", 40).to_string();
    let mut wire = Wire::connect(&lab.service).await;
    let head = format!("POST {CREATE_BATCH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n");
    wire.send(&format!("{head}Content-Length: {}\r\n\r\n{body}", body.len())).await;
    gate.held(1).await;
    drop(wire);
    gate.open();
    lab.service.log_line(|line| line.contains("operation=create_batch") && line.contains("status=201")).await;
    assert_eq!(lab.cluster.jobs("default").len(), 41);
}

#[tokio::test]
async fn the_role_run_creates_batches_from_its_templates_only() {
    let key = keygen_with("runner", "run", "*", &["--templates", "cronjob/etl"]).await;
    let lab = with_keys(&[&key], &[]).await;
    for name in ["etl", "other"] {
        lab.cluster.put_cron_job(cron_job(name));
    }
    let create = async |more: &Value| {
        let jobs = json!([{ "parameters": { "MODE": "a" } }, {}]);
        let base = json!({ "batch_name": "nightly", "template": { "cron_job": "etl" }, "parameters": { "DATE": "x" }, "jobs": jobs });
        let headers = [("content-type", "application/json"), ("x-api-key", &*key.secret)];
        lab.service.send("POST", CREATE_BATCH, &headers, with(base, more).to_string()).await
    };
    for (more, reason) in [
        (json!({ "template": { "cron_job": "other" } }), "template_not_allowed"),
        (json!({ "template": { "job_name": "etl" } }), "role_not_sufficient"),
        (json!({ "template": null, "job_manifest": nameless(), "parameters": {} }), "role_not_sufficient"),
        (json!({ "jobs": [{}, { "job_manifest": nameless() }] }), "role_not_sufficient"),
        (json!({ "overrides": { "image": "x" } }), "role_not_sufficient"),
        (json!({ "jobs": [{}, { "overrides": { "image": "x" } }] }), "role_not_sufficient"),
    ] {
        problem(&create(&more).await, 403, reason);
    }
    assert!(
        lab.cluster.count("POST", JOBS) == 0
            && lab.cluster.count("GET", "/apis/batch/v1/namespaces/default/cronjobs") == 0
    );
    let ttl = json!({ "overrides": { "ttl_seconds_after_finished": 60 } });
    assert_eq!(create(&ttl).await.expect_status(201).json()["created"], 2);
}
