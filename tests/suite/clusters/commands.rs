//! The cluster in log, audit and metrics, and the commands that are for one cluster or for all.

use serde_json::{Value, json};

use super::{BOTH, HELLO, Lab, to};
use crate::access::job_in;
use crate::audit::is_record;
use crate::given::BINARY;
use crate::live::failed;
use crate::support;
use crate::support::clusters::Clusters;
use crate::support::real::Api;

/// Makes a call under this id, and returns its line in the log.
async fn logged(lab: &Lab, id: &str, method: &str, path: &str, body: &str) -> String {
    let json = ("content-type", "application/json");
    let headers = if body.is_empty() { vec![("x-request-id", id)] } else { vec![("x-request-id", id), json] };
    lab.service.send(method, path, &headers, body.to_owned()).await;
    let mark = format!("request_id={id} ");
    lab.service.log_line(|line| line.contains(&mark)).await
}

/// The audit record of the call with this id.
async fn record(lab: &Lab, id: &str) -> Value {
    let mark = format!(r#""request_id":"{id}""#);
    let line = lab.service.log_line(|line| is_record(line) && line.contains(&mark)).await;
    serde_json::from_str(&line).unwrap()
}

#[tokio::test]
async fn log_and_audit_have_the_cluster_of_the_call() {
    let lab = Lab::start().await;
    let in_body = |name: &str| {
        let mut body = job_in("team-a", "by-body");
        body["cluster"] = json!(name);
        body.to_string()
    };
    let in_query = job_in("team-a", "by-query").to_string();
    for name in BOTH {
        let create = to("/api/eks-create-job", name);
        for (number, method, path, body, outcome) in [
            (1, "GET", to(HELLO, name), String::new(), None),
            (2, "POST", create.clone(), in_query.clone(), Some("success")),
            (3, "POST", "/api/eks-create-job".to_owned(), in_body(name), Some("success")),
            (4, "POST", create, "{}".to_owned(), Some("failed")),
            (
                5,
                "POST",
                to("/api/eks-suspend-job?job_name=hello&namespace=team-a", name),
                String::new(),
                Some("success"),
            ),
            (
                6,
                "DELETE",
                to("/api/eks-delete-namespace?namespace_name=kube-system", name),
                String::new(),
                Some("refused"),
            ),
        ] {
            let id = format!("{name}-{number}");
            let line = logged(&lab, &id, method, &path, &body).await;
            assert!(line.contains(&format!(" cluster={name} ")), "{line}");
            if let Some(outcome) = outcome {
                let record = record(&lab, &id).await;
                assert_eq!((&record["cluster"], &record["outcome"]), (&json!(name), &json!(outcome)), "{record}");
            }
        }
    }
}

#[tokio::test]
async fn the_log_of_the_background_work_has_its_cluster() {
    let lab = Lab::start().await;
    lab.b().deny("list", "pods");
    lab.b().set_job_status("team-a", "hello", failed());
    let line = lab.service.log_line(|line| line.contains("could not be looked up")).await;
    assert!(line.contains(" cluster=b "), "{line}");
    lab.a().stop().await;
    let line = lab.service.log_line(|line| line.contains("check failed")).await;
    assert!(line.contains(" cluster=a "), "{line}");
}

#[tokio::test]
async fn the_metrics_have_the_cluster_only_with_a_file() {
    let lab = Lab::start().await;
    let single = support::Lab::start(BINARY).await;
    let (with_file, without) = (lab.service.get("/metrics").await.text(), single.service.get("/metrics").await.text());
    for family in [
        "eks_api_check_passed",
        "eks_api_upstream_requests_total",
        "eks_api_token_renewals_total",
        "eks_api_token_expiry_timestamp_seconds",
        "eks_api_describe_cluster_total",
        "eks_api_watch_state",
        "eks_api_watch_last_event_timestamp_seconds",
        "eks_api_cached_jobs",
    ] {
        let samples =
            |text: &str, label: &str| text.lines().filter(|line| line.starts_with(&format!("{family}{label}"))).count();
        for name in BOTH {
            assert!(samples(&with_file, &format!("{{cluster=\"{name}\"")) > 0, "{family}");
        }
        let all = samples(&with_file, "{") + samples(&with_file, " ");
        let labelled: usize = BOTH.iter().map(|name| samples(&with_file, &format!("{{cluster=\"{name}\""))).sum();
        assert_eq!(all, labelled, "{family}");
        assert!(samples(&without, "{") + samples(&without, " ") > 0 && samples(&without, "{cluster=") == 0, "{family}");
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn check_prints_each_cluster_and_fails_if_one_of_them_does() {
    let clusters = Clusters::start(&BOTH).await;
    let check = || clusters.builder(BINARY).arg("check");
    let output = check().output().await;
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(told.contains("cluster a:\n") && told.contains("cluster b:\n") && !told.contains("FAILED"), "{told}");
    // The service may not create jobs in B.
    clusters.stub("b").deny("create", "jobs");
    let output = check().output().await;
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{told}");
    let (a, b) = told.split_once("cluster b:\n").unwrap();
    assert!(!a.contains("FAILED") && b.contains("FAILED  create jobs.batch"), "{told}");
    for (name, code) in [("a", 0), ("b", 1)] {
        assert_eq!(check().arg("--cluster").arg(name).output().await.status.code(), Some(code), "{name}");
    }
}

#[tokio::test]
async fn a_token_is_accepted_by_its_cluster_alone() {
    let clusters = Clusters::start(&BOTH).await;
    for (own, other) in [("a", "b"), ("b", "a")] {
        let output = clusters.builder(BINARY).arg("token").arg("--cluster").arg(own).output().await;
        let credential: Value = serde_json::from_slice(&output.stdout).unwrap();
        let token = credential["status"]["token"].as_str().unwrap();
        for (name, status) in [(own, 200), (other, 401)] {
            let stub = clusters.stub(name);
            let api = Api::new(&stub.endpoint(), &stub.ca_pem(), token);
            let reply = api.get("/apis/batch/v1/namespaces/default/jobs").await;
            assert_eq!(reply.status, status, "the token of {own} in {name}");
        }
    }
}
