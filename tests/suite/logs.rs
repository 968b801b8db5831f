//! What the operator reads: one line a request, in three formats, that nobody can forge and that holds no secret.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::audit::is_record;
use crate::given::{BINARY, JOBS, gives_out, job, new_key, session_key, status_of, with_container_credentials};
use crate::support::service::Service;
use crate::support::stub::{Fault, Kind};
use crate::support::{Lab, builder, surroundings};

/// The log line of the request with this id.
async fn line_of(service: &Service, id: &str) -> String {
    let marks = [format!("request_id={id} "), format!("\"request_id\":\"{id}\"")];
    service.log_line(|line| !is_record(line) && marks.iter().any(|mark| line.contains(mark))).await
}

/// The bare `key=value` pairs of a line.
fn pairs(line: &str) -> BTreeMap<&str, &str> {
    line.split(' ').filter_map(|word| word.split_once('=')).collect()
}

async fn create(service: &Service, id: &str, name: &str) -> u16 {
    let headers = [("content-type", "application/json"), ("x-request-id", id)];
    service.send("POST", "/api/eks-create-job", &headers, job(name).to_string()).await.status.as_u16()
}

async fn read(service: &Service, id: &str, path: &str) -> u16 {
    service.send("GET", path, &[("x-request-id", id)], "").await.status.as_u16()
}

#[tokio::test]
async fn a_write_is_one_line_that_tells_who_what_where_and_how_long() {
    let lab = Lab::with(BINARY, &[("LOG_LEVEL", "INFO")]).await;
    assert_eq!(create(&lab.service, "cron-7", "hello").await, 201);
    let line = line_of(&lab.service, "cron-7").await;
    assert!(line.contains(" INFO  request "), "{line}");
    let pairs = pairs(&line);
    for (key, value) in [("operation", "create_job"), ("namespace", "default"), ("job", "hello"), ("status", "201")] {
        assert_eq!(pairs.get(key), Some(&value), "{line}");
    }
    assert!(pairs["caller"].starts_with("127.0.0.1:"), "{line}");
    let time = |key: &str| pairs[key].parse::<f64>().unwrap();
    assert!(time("upstream_ms") > 0.0 && time("duration_ms") >= time("upstream_ms"), "{line}");
    let of_request = |line: &&String| line.contains("cron-7") && !is_record(line);
    assert_eq!(lab.service.logs().iter().filter(of_request).count(), 1);
}

#[tokio::test]
async fn a_refusal_is_logged_with_its_reason_and_what_the_caller_is_not_told() {
    let lab = Lab::start(BINARY).await;
    assert_eq!(read(&lab.service, "gone", &status_of("none")).await, 404);
    let line = line_of(&lab.service, "gone").await;
    assert!(line.contains(" INFO ") && line.contains("reason=NotFound"), "{line}");
    lab.cluster.fault(Fault::new("POST", JOBS, Kind::Reply { status: 200, headers: vec![], body: "text".into() }));
    lab.cluster.fault(Fault::new("*", JOBS, Kind::status(403, "Forbidden", "not allowed to")));
    assert_eq!(create(&lab.service, "broken", "hello").await, 403);
    lab.cluster.fault(Fault::new("GET", JOBS, Kind::Garbage));
    assert_eq!(read(&lab.service, "garbage", &status_of("hello")).await, 502);
    let line = line_of(&lab.service, "garbage").await;
    assert!(line.contains(" ERROR ") && line.contains("cause=\"reply of the API server: "), "{line}");
}

#[tokio::test]
async fn successful_reads_are_told_only_at_debug() {
    for (level, told) in [("INFO", false), ("DEBUG", true)] {
        let lab = Lab::with(BINARY, &[("LOG_LEVEL", level)]).await;
        assert_eq!(create(&lab.service, "first", "hello").await, 201);
        assert_eq!(read(&lab.service, "poll", &status_of("hello")).await, 200);
        assert_eq!(read(&lab.service, "probe", "/readyz").await, 200);
        assert_eq!(create(&lab.service, "last", "second").await, 201);
        // Lines come in the order of the requests.
        line_of(&lab.service, "last").await;
        let logs = lab.service.logs().join("\n");
        assert_eq!((logs.contains("request_id=poll "), logs.contains("request_id=probe ")), (told, told), "{logs}");
    }
}

#[tokio::test]
async fn in_json_every_line_is_one_object() {
    let lab = Lab::with(BINARY, &[("EKS_API_LOG_FORMAT", "json")]).await;
    assert_eq!(create(&lab.service, "cron-7", "hello").await, 201);
    read(&lab.service, "bad", "/api/eks-get-job-status?job_name=%0a%22").await;
    line_of(&lab.service, "bad").await;
    for line in lab.service.logs() {
        let object: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        for key in ["time", "level", "message"] {
            assert!(object[key].is_string(), "{key} in {line}");
        }
    }
    let object: Value = serde_json::from_str(&line_of(&lab.service, "cron-7").await).unwrap();
    assert_eq!((&object["operation"], &object["job"]), (&"create_job".into(), &"hello".into()));
}

/// The service under a shell that tells it, or does not, that its stderr is the journal.
async fn under_journal(stream: &str) -> String {
    let (_cluster, aws) = surroundings().await;
    let script = format!("JOURNAL_STREAM={stream} exec \"$0\"");
    let built = builder("sh", &aws).arg("-c").arg(&script).arg(BINARY).start().await;
    built.logs().remove(0)
}

#[tokio::test]
async fn the_journal_gets_priorities_in_place_of_times() {
    let line = under_journal("$(stat -L -c %d:%i /proc/self/fd/2)").await;
    assert!(line.starts_with("<6>listening address="), "{line}");
}

#[tokio::test]
async fn another_stream_than_the_journals_gets_times() {
    // As inherited by a process whose stderr was redirected.
    let line = under_journal("1:1").await;
    assert!(line.contains("Z INFO  listening address="), "{line}");
}

#[tokio::test]
async fn no_caller_can_forge_a_line_or_a_pair() {
    let lab = Lab::start(BINARY).await;
    let before = lab.service.logs().len();
    for path in [
        "/api/eks-get-job-status?job_name=x%0A%3C0%3Eforged%20status=200",
        "/api/eks-list-jobs?namespace=a%0D%0Aforged",
        "/api/eks-get-job-status?forged%0A=1",
        "/forged%0Astatus=200",
        "/api/eks-delete-namespace?namespace_name=forged%1b%5b2J",
    ] {
        let id = "forged status=200";
        lab.service.send("GET", path, &[("x-request-id", id), ("user-agent", "forged\tagent")], "").await;
    }
    let body = r#"{"namespace_name": "forged\nlevel=ERROR status=200"}"#;
    let json = [("content-type", "application/json")];
    lab.service.send("POST", "/api/eks-create-namespace", &json, body).await;
    assert_eq!(create(&lab.service, "last", "hello").await, 201);
    line_of(&lab.service, "last").await;
    let mut logs = lab.service.logs().split_off(before);
    logs.retain(|line| !is_record(line));
    assert_eq!(logs.len(), 7, "a line a request: {logs:#?}");
    for line in logs {
        assert!(line.contains(" request request_id="), "{line}");
        assert!(!line.contains("forged") && !line.contains("status=200") && !line.contains('\u{1b}'), "{line}");
    }
}

#[tokio::test]
async fn no_secret_is_in_any_line_of_a_whole_run() {
    let (cluster, aws) = surroundings().await;
    let mut service = with_container_credentials(&aws).start().await;
    service.ready().await;
    let mut manifest = job("hello");
    manifest["job_manifest"]["spec"]["template"]["spec"]["containers"][0]["env"] =
        serde_json::json!([{ "name": "PASSWORD", "value": "hunter2" }]);
    assert_eq!(service.post("/api/eks-create-job", &manifest).await.status, 201);
    assert_eq!(service.get_directly(&status_of("hello")).await.status, 200);
    // Failures tell most: a refused token, broken connections and replies, a body that is no manifest.
    cluster.accept_key(new_key());
    gives_out(&aws, new_key());
    cluster.forget_key(&session_key().id);
    assert_eq!(service.get_directly(&status_of("hello")).await.status, 200);
    cluster.fault(Fault::new("GET", JOBS, Kind::Unauthorized).times(3));
    assert_eq!(service.get_directly(&status_of("hello")).await.status, 200);
    for kind in [Kind::CutBefore, Kind::Truncate, Kind::Garbage] {
        cluster.fault(Fault::new("DELETE", JOBS, kind));
        assert_eq!(service.delete("/api/eks-delete-job?job_name=hello").await.status, 502);
    }
    let headers = [("content-type", "application/json"), ("authorization", "Bearer callers-own-secret")];
    service.send("POST", "/api/eks-create-job", &headers, r#"{"job_manifest": "hunter2"}"#).await;
    service.signal("TERM").await;
    service.exit_status().await;

    let logs = service.logs().join("\n");
    assert!(logs.contains("operation=delete_job"), "{logs}");
    let (old, new) = (session_key(), new_key());
    let mut secrets = vec!["hunter2".to_owned(), "callers-own-secret".into(), "lab-container".into()];
    for key in [old, new] {
        secrets.extend([key.secret, key.session_token.unwrap()]);
    }
    secrets.push("k8s-aws-v1.".into());
    secrets.push("X-Amz-Signature".into());
    for secret in secrets {
        assert!(!logs.contains(&secret), "{secret} in:\n{logs}");
    }
}
