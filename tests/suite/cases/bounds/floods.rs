//! What a flood of calls may cost that memory answers: lists, and refusals of every kind.

use serde_json::Value;

use crate::audit::is_record;
use crate::given::BINARY;
use crate::support::Lab;

/// More than a bucket of one call a second lets through while a test makes them.
const MANY: usize = 40;

/// How many of so many calls are answered with this status. All others have to be 429.
async fn answered(lab: &Lab, method: &str, path: &str, body: &str, status: u16) -> usize {
    let mut count = 0;
    for _ in 0..MANY {
        let json = ("content-type", "application/json");
        let headers = if body.is_empty() { &[][..] } else { &[json] };
        let reply = lab.service.send(method, path, headers, body.to_owned()).await;
        assert!([status, 429].contains(&reply.status.as_u16()), "{path}: {}", reply.text());
        count += usize::from(reply.status == status);
    }
    count
}

#[tokio::test]
async fn b1_a_list_from_memory_counts_in_the_rate_limit() {
    let lab = Lab::with(BINARY, &[("EKS_API_PEER_RATE_LIMIT", "1")]).await;
    let passed = answered(&lab, "GET", "/api/eks-list-jobs?limit=1", "", 200).await;
    assert!((1..MANY).contains(&passed), "{passed} of {MANY}");
}

#[tokio::test]
async fn b4_refusals_from_memory_count_in_the_rate_limit() {
    let settings = [("EKS_API_PEER_RATE_LIMIT", "1"), ("EKS_API_ALLOWED_NAMESPACES", "default")];
    for (method, path, body, status) in [
        ("GET", "/api/eks-get-job-status?job_name=a&namespace=secret", "", 403),
        ("GET", "/api/eks-get-job-status?job_name=A_", "", 422),
        ("GET", "/api/eks-get-job-status", "", 400),
        ("GET", "/api/eks-get-job-status?job_name=a&wait=1", "", 400),
        ("GET", "/api/eks-list-jobs?namespace=secret", "", 403),
        ("GET", "/api/eks-watch-jobs?namespace=secret", "", 403),
        ("DELETE", "/api/eks-delete-job?job_name=A_", "", 422),
        ("POST", "/api/eks-create-job", "{}", 400),
    ] {
        let lab = Lab::with(BINARY, &settings).await;
        let passed = answered(&lab, method, path, body, status).await;
        assert!((1..MANY).contains(&passed), "{method} {path}: {passed} of {MANY}");
        // The probes are for everybody.
        lab.service.get("/livez").await.expect_status(200);
    }
}

#[tokio::test]
async fn b4_repeated_refusals_are_summed_up_in_the_log_and_the_audit() {
    let settings = [("EKS_API_ALLOWED_NAMESPACES", "default"), ("EKS_API_LOG_FORMAT", "json")];
    for (path, status, reason, is_recorded) in [
        ("/api/eks-get-job-status?job_name=a&namespace=secret", 403, "namespace_not_allowed", true),
        ("/api/eks-get-job-status?job_name=A_", 422, "Invalid", false),
        ("/nowhere", 404, "path_not_found", false),
    ] {
        let Lab { mut service, cluster: _cluster, aws: _aws } = Lab::with(BINARY, &settings).await;
        for _ in 0..MANY {
            service.get(path).await.expect_status(status);
        }
        // What was counted is written before the end.
        service.signal("TERM").await;
        service.exit_status().await;
        let lines = service.logs();
        let lines: Vec<Value> = lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let told = |is_audit: bool| -> Vec<&Value> {
            let of_kind = |line: &&Value| (line["type"] == "audit") == is_audit && line["reason"] == reason;
            lines.iter().filter(of_kind).collect()
        };
        let repeated = MANY - 1;
        let [first, count] = told(false)[..] else { panic!("{path}: {lines:#?}") };
        assert_eq!((&first["status"], &first["repeated"]), (&status.into(), &Value::Null));
        assert_eq!((&count["status"], &count["repeated"]), (&status.into(), &repeated.into()));
        assert_eq!(count["request_id"], first["request_id"], "the first one's line can be found");
        if is_recorded {
            let [first, count] = told(true)[..] else { panic!("{path}: {lines:#?}") };
            assert_eq!((&first["job"], &first["repeated"]), (&"a".into(), &Value::Null));
            assert_eq!((&count["job"], &count["repeated"]), (&Value::Null, &repeated.into()));
            assert_eq!((&count["outcome"], &count["operation"]), (&"refused".into(), &first["operation"]));
            assert!(count["message"].as_str().unwrap().ends_with("refused (403), 39 more times"), "{count}");
        } else {
            assert!(told(true).is_empty());
        }
    }
}

#[tokio::test]
async fn b4_a_refusal_of_the_cluster_is_told_each_time() {
    let lab = Lab::start(BINARY).await;
    for name in ["one", "two", "three"] {
        let path = format!("/api/eks-delete-job?job_name={name}");
        lab.service.delete(&path).await.expect_status(404);
        let mark = format!(r#""job":"{name}""#);
        lab.service.log_line(|line| is_record(line) && line.contains(&mark)).await;
    }
}

#[test]
fn b4_the_journal_drops_no_record() {
    let unit = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/systemd/eks-api.service")).unwrap();
    assert!(unit.lines().any(|line| line == "LogRateLimitIntervalSec=0"));
}
