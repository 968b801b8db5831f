//! What the documents promise in words, beside the calls that they show.

use serde_json::{Value, json};
use tokio::net::UnixDatagram;
use tokio::time::timeout;

use crate::support::service::{Folder, PATIENCE, Service};
use crate::support::stub::{Fault, Gate, Kind};
use crate::support::{Lab, builder, surroundings};

const BINARY: &str = env!("CARGO_BIN_EXE_eks-api");
const STATUS: &str = "/api/eks-get-job-status?job_name=hello";

async fn create(service: &Service) {
    let pod = json!({ "restartPolicy": "Never", "containers": [{ "name": "main", "image": "busybox:1.36" }] });
    let manifest = json!({ "metadata": { "name": "hello" }, "spec": { "template": { "spec": pod } } });
    service.post("/api/eks-create-job", &json!({ "job_manifest": manifest })).await.expect_status(201);
}

/// Waits until systemd is told a status that begins so.
async fn told(manager: &UnixDatagram, start: &str) {
    let until_told = async {
        let mut buffer = [0; 4096];
        loop {
            let length = manager.recv(&mut buffer).await.unwrap();
            if buffer[..length].starts_with(start.as_bytes()) {
                return;
            }
        }
    };
    timeout(PATIENCE, until_told).await.unwrap_or_else(|_| panic!("systemd is not told {start}"));
}

#[tokio::test]
async fn without_the_right_to_watch_all_but_watch_jobs_is_served() {
    let (cluster, aws) = surroundings().await;
    cluster.deny("watch", "jobs");
    let gate = Gate::new();
    cluster.fault(Fault::new("GET", "/version", Kind::HoldAfter(gate.clone())));
    let folder = Folder::new();
    let path = folder.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    let service = builder(BINARY, &aws).env("NOTIFY_SOCKET", path.to_str().unwrap()).start().await;
    // The API server is found to answer after that, and is to be told of as what it is: good enough.
    service.log_line(|line| line.contains("check failed") && line.contains("check=watch")).await;
    gate.open();
    told(&manager, "STATUS=degraded: watch: no right to list and watch jobs").await;

    let health = service.get("/health").await.json();
    assert_eq!((&health["status"], &health["checks"]["watch"]["status"]), (&json!("degraded"), &json!("failed")));
    service.get("/readyz").await.expect_status(200);
    create(&service).await;
    let status = service.get(STATUS).await.expect_status(200);
    assert_eq!((status.header("x-cache"), status.header("age")), (Some("miss"), None));
    let list = service.get("/api/eks-list-jobs").await.expect_status(200);
    assert_eq!((list.header("x-cache"), &list.json()["jobs"][0]["job_name"]), (Some("miss"), &json!("hello")));
    let watch = service.get("/api/eks-watch-jobs").await.expect_status(503);
    assert_eq!(watch.json()["reason"], "not_watching");
}

#[tokio::test]
async fn answers_tell_their_age_while_the_watch_is_down_and_only_then() {
    let lab = Lab::start(BINARY).await;
    create(&lab.service).await;
    let live = lab.service.get(STATUS).await.expect_status(200);
    assert_eq!((live.header("x-cache"), live.header("age")), (Some("hit"), None));
    lab.cluster.stop().await;
    lab.service.log_line(|line| line.contains("check failed") && line.contains("check=watch")).await;
    for path in [STATUS, "/api/eks-list-jobs"] {
        let old = lab.service.get(path).await.expect_status(200);
        assert_eq!(old.header("x-cache"), Some("hit"), "{path}");
        assert!(old.header("age").is_some_and(|age| age.parse::<u64>().is_ok()), "{path}: {:?}", old.headers);
    }
}

#[tokio::test]
async fn a_job_to_suspend_is_named_by_query_and_body_together_and_nothing_is_dropped() {
    let lab = Lab::start(BINARY).await;
    create(&lab.service).await;
    let reply = lab.service.post("/api/eks-suspend-job?namespace=team-a", &json!({ "job_name": "hello" })).await;
    reply.expect_status(404);
    let job = lab.cluster.job("default", "hello").unwrap();
    assert_ne!(job["spec"]["suspend"], json!(true), "the job of the same name in another namespace");
    let by_body = lab.service.post("/api/eks-suspend-job", &json!({ "job_name": "hello" })).await;
    assert_eq!(by_body.expect_status(200).json()["namespace"], "default");
}

#[tokio::test]
async fn a_page_of_a_named_origin_may_use_the_headers_that_are_told_of() {
    let origin = "https://tools.example.com";
    let lab = Lab::with(BINARY, &[("EKS_API_CORS_ORIGINS", origin)]).await;
    create(&lab.service).await;
    let headers = [("origin", origin), ("access-control-request-method", "GET")];
    let names = |value: Option<&str>| -> Vec<String> {
        value.unwrap_or("").split(',').map(|name| name.trim().to_owned()).collect()
    };
    let preflight = lab.service.send("OPTIONS", STATUS, &headers, "").await;
    let sent = names(preflight.header("access-control-allow-headers"));
    for name in ["if-none-match", "cache-control", "last-event-id", "idempotency-key"] {
        assert!(sent.iter().any(|allowed| allowed == name), "{name} may not be sent: {sent:?}");
    }
    let reply = lab.service.send("GET", STATUS, &headers, "").await;
    let read = names(reply.header("access-control-expose-headers"));
    for name in ["etag", "x-cache", "age", "retry-after"] {
        assert!(read.iter().any(|exposed| exposed == name), "{name} may not be read: {read:?}");
    }
}

#[tokio::test]
async fn a_job_of_another_tool_is_read_from_the_cluster_and_is_in_no_list() {
    let lab = Lab::start(BINARY).await;
    create(&lab.service).await;
    let mut job = lab.cluster.job("default", "hello").unwrap();
    job["metadata"] = json!({ "name": "theirs", "namespace": "default" });
    lab.cluster.put_job(job);
    for _ in 0..2 {
        let status = lab.service.get("/api/eks-get-job-status?job_name=theirs").await.expect_status(200);
        assert_eq!(status.header("x-cache"), Some("miss"));
    }
    for headers in [&[][..], &[("cache-control", "no-cache")]] {
        let list = lab.service.send("GET", "/api/eks-list-jobs", headers, "").await.expect_status(200).json();
        let names: Vec<&Value> = list["jobs"].as_array().unwrap().iter().map(|job| &job["job_name"]).collect();
        assert_eq!(names, ["hello"]);
    }
}
