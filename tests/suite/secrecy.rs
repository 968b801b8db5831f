//! What is secret stays so: no environment variable of a job, no token and no key is in the log or in an answer,
//! whatever goes wrong.

use serde_json::{Value, json};

use crate::calls::{BINARY, CREATE_JOB, JOBS, create, create_with, manifest, status};
use crate::support::Lab;
use crate::support::stub::{Fault, Kind};

const PASSWORD: &str = "hunter2-secret";
/// The start of every token, the secret key that signs them, and the header they travel in.
const OURS: [&str; 4] = ["k8s-aws-v1.", "lab-secret-one", "Bearer", "X-Amz-Signature"];

fn with_password(name: &str) -> Value {
    let mut manifest = manifest(name);
    let container = &mut manifest["spec"]["template"]["spec"]["containers"][0];
    container["env"] = json!([{ "name": "DB_PASSWORD", "value": PASSWORD }]);
    manifest
}

async fn play(lab: &Lab) -> Vec<String> {
    let service = &lab.service;
    let mut answers = Vec::new();
    let kinds = [
        Kind::CutBefore,
        Kind::CutAfter,
        Kind::Truncate,
        Kind::Garbage,
        Kind::Unauthorized,
        Kind::status(403, "Forbidden", "no"),
        Kind::status(500, "InternalError", "broken"),
        Kind::Reply { status: 302, headers: Vec::new(), body: json!("elsewhere") },
    ];
    for (at, kind) in kinds.into_iter().enumerate() {
        lab.cluster.fault(Fault::new("POST", JOBS, kind));
        answers.push(create(service, &with_password(&format!("job-{at}"))).await);
    }
    answers.push(create(service, &with_password("hello")).await);
    answers.push(create(service, &with_password("hello")).await);
    answers.push(status(service, "hello").await);
    answers.push(service.get("/api/eks-get-job-status?job_name=hello&details=true").await);
    let key = [("idempotency-key", "k")];
    answers.push(create_with(service, &key, &json!({ "job_manifest": with_password("keyed") })).await);
    answers.push(create_with(service, &key, &json!({ "job_manifest": with_password("keyed") })).await);

    let mut strict = with_password("bad");
    strict["spec"]["backofLimit"] = json!(1);
    answers.push(create(service, &strict).await);
    let mut invalid = with_password("bad");
    invalid["spec"]["template"]["spec"]["restartPolicy"] = json!("Always");
    answers.push(create(service, &invalid).await);
    let cut_off = format!("{{\"job_manifest\":{}", with_password("bad"));
    answers.push(service.send("POST", CREATE_JOB, &[("content-type", "application/json")], cut_off).await);
    answers.push(service.get("/health").await);

    let last = service.send("GET", "/livez", &[("x-request-id", "the-last-one")], "").await;
    service.log_line(|line| line.contains("the-last-one")).await;
    answers.push(last);
    answers.iter().map(|reply| format!("{} {:?} {}", reply.status, reply.headers, reply.text())).collect()
}

#[tokio::test]
async fn nothing_secret_is_in_the_log_or_in_an_answer() {
    let lab = Lab::with(BINARY, &[("LOG_LEVEL", "DEBUG")]).await;
    let answers = play(&lab).await;
    let created = answers.iter().filter(|answer| answer.starts_with("201")).count();
    assert_eq!(created, 9, "all but the one that is forbidden: {answers:#?}");
    for text in answers.iter().chain(&lab.service.logs()) {
        for secret in OURS.iter().chain(&[PASSWORD]) {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
    let stored = lab.cluster.job("default", "hello").unwrap();
    assert!(stored.to_string().contains(PASSWORD), "it does reach the cluster");
}

#[tokio::test]
async fn a_value_of_the_wrong_place_is_told_to_its_sender_alone() {
    let lab = Lab::with(BINARY, &[("LOG_LEVEL", "DEBUG")]).await;
    let body = json!({ "job_manifest": PASSWORD, "namespace": "a" });
    let reply = create_with(&lab.service, &[("x-request-id", "misplaced")], &body).await;
    assert_eq!(reply.status, 400);
    let line = lab.service.log_line(|line| line.contains("misplaced")).await;
    assert!(line.contains("status=400") && !line.contains(PASSWORD), "{line}");
}

#[tokio::test]
async fn a_token_that_is_refused_for_good_is_not_shown_to_anyone() {
    let lab = Lab::with(BINARY, &[("LOG_LEVEL", "DEBUG")]).await;
    lab.cluster.fault(Fault::new("*", "/", Kind::Unauthorized).always());
    let reply = status(&lab.service, "hello").await;
    assert_eq!(reply.status, 502, "{}", reply.text());
    lab.service.log_line(|line| line.contains("upstream_unauthorized")).await;
    for text in lab.service.logs().iter().chain([&reply.text()]) {
        assert!(OURS.iter().all(|secret| !text.contains(secret)), "{text}");
    }
}
