//! /metrics: what is counted, under which names. That what is said about them elsewhere is true is `documents`', how
//! the text is read `scrape`'s.

#![expect(clippy::float_cmp, reason = "what is counted is a whole number")]

mod documents;
mod scrape;

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;

use self::scrape::Scrape;
use crate::calls::{CREATE_JOB, create, lab, manifest, problem, status};
use crate::given::{BINARY, JOBS, job, without_credentials};
use crate::live::{complete, failed, own_job, until, until_status};
use crate::readme::stream::Stream;
use crate::support::Lab;
use crate::support::aws::AwsMock;
use crate::support::service::{Folder, Service};
use crate::support::stub::{Fault, Gate, Kind};

const SECONDS: &str = "eks_api_request_duration_seconds";
const UPSTREAM: &str = "eks_api_upstream_requests_total";
const RETRIES: &str = "eks_api_upstream_retries_total";

/// A lab in which something was counted of everything. The folder of its history and its webhooks goes with it.
async fn worked() -> (Lab, Folder) {
    let state = Folder::new();
    let path = |name: &str| state.path().join(name).to_str().unwrap().to_owned();
    state.write("ops.key", "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n");
    state.write("webhooks", &format!("ops url=http://127.0.0.1:9/ secret_file={}\n", path("ops.key")));
    let (directory, webhooks) = (path(""), path("webhooks"));
    let settings = [("EKS_API_STATE_DIR", directory.as_str()), ("EKS_API_WEBHOOKS_FILE", webhooks.as_str())];
    let lab = Lab::with(BINARY, &settings).await;
    lab.cluster.fault(Fault::new("POST", JOBS, Kind::too_many(0)));
    create(&lab.service, &manifest("hello")).await.expect_status(201);
    status(&lab.service, "hello").await.expect_status(200);
    lab.service.get("/nowhere").await.expect_status(404);
    (lab, state)
}

/// Scrapes again and again until it fits.
async fn until_scraped(service: &Service, fits: impl Fn(&Scrape) -> bool) -> Scrape {
    let ask = async || service.get("/metrics").await.expect_status(200);
    let reply = until(ask, |reply| fits(&Scrape::parse(&reply.text()))).await;
    Scrape::parse(&reply.text())
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

#[tokio::test]
async fn requests_are_counted_by_operation_and_status() {
    let lab = lab().await;
    create(&lab.service, &manifest("hello")).await.expect_status(201);
    for _ in 0..3 {
        status(&lab.service, "hello").await.expect_status(200);
    }
    status(&lab.service, "Hello").await.expect_status(422);
    lab.service.get_directly("/api/eks-get-job-status?job_name=none").await.expect_status(404);
    lab.service.get("/api/eks-list-jobs?surprise=1").await.expect_status(400);
    lab.service.send("OPTIONS", "/health", &[], "").await.expect_status(204);
    let scrape = Scrape::of(&lab.service).await;
    for (operation, code, count) in [
        ("create_job", "201", 1.0),
        ("get_job_status", "200", 3.0),
        ("get_job_status", "422", 1.0),
        ("get_job_status", "404", 1.0),
        ("list_jobs", "400", 1.0),
        ("none", "204", 1.0),
        ("metrics", "200", 0.0),
    ] {
        let labels = [("operation", operation), ("code", code)];
        assert_eq!(scrape.value("eks_api_requests_total", &labels), count, "{operation} {code}");
        assert_eq!(scrape.value(&format!("{SECONDS}_count"), &labels), count, "{operation} {code}");
        assert!(count == 0.0 || scrape.value(&format!("{SECONDS}_sum"), &labels) > 0.0, "{operation} {code}");
    }
    let again = Scrape::of(&lab.service).await;
    assert_eq!(again.value("eks_api_requests_total", &[("operation", "metrics")]), 1.0, "the scrape before");
}

#[tokio::test]
async fn nothing_that_a_caller_sends_becomes_a_label() {
    let lab = lab().await;
    for path in ["/surprise", "/api/surprise?surprise=surprise", "/metrics/surprise"] {
        lab.service.get(path).await.expect_status(404);
    }
    lab.service.send("SURPRISE", "/health", &[("user-agent", "surprise")], "").await.expect_status(405);
    status(&lab.service, "surprise").await.expect_status(404);
    let reply = lab.service.get("/metrics").await.expect_status(200);
    assert!(!reply.text().contains("urprise") && !reply.text().contains("SURPRISE"), "{}", reply.text());
    let scrape = Scrape::parse(&reply.text());
    assert_eq!(scrape.value("eks_api_requests_total", &[("operation", "none"), ("code", "404")]), 3.0);
    assert_eq!(scrape.value("eks_api_requests_total", &[("operation", "none"), ("code", "405")]), 1.0);
}

#[tokio::test]
async fn requests_to_the_api_server_are_counted_by_verb_resource_and_code() {
    let lab = lab().await;
    create(&lab.service, &manifest("hello")).await.expect_status(201);
    lab.service.get("/api/eks-get-job-status?job_name=hello&details=true").await.expect_status(200);
    lab.service.get("/api/eks-get-namespace-status?namespace_name=none").await.expect_status(404);
    lab.service.get("/api/eks-list-namespaces").await.expect_status(200);
    lab.service.post("/api/eks-suspend-job?job_name=hello", &json!({})).await.expect_status(200);
    lab.service.delete("/api/eks-delete-job?job_name=hello").await.expect_status(200);
    let scrape = Scrape::of(&lab.service).await;
    for (verb, resource, code) in [
        ("create", "jobs", "201"),
        ("get", "jobs", "200"),
        ("list", "pods", "200"),
        ("list", "events", "200"),
        ("get", "namespaces", "404"),
        ("list", "namespaces", "200"),
        ("patch", "jobs", "200"),
        ("delete", "jobs", "200"),
        ("list", "jobs", "200"),
        ("watch", "jobs", "200"),
    ] {
        let labels = [("verb", verb), ("resource", resource), ("code", code)];
        assert_eq!(scrape.value(UPSTREAM, &labels), 1.0, "{verb} {resource} {code}");
        let sum = scrape.value("eks_api_upstream_request_duration_seconds_sum", &labels);
        assert!(sum > 0.0, "{verb} {resource} {code}");
    }
    assert!(scrape.value(UPSTREAM, &[("verb", "get"), ("resource", "version"), ("code", "200")]) >= 1.0);
    assert_eq!(scrape.0[RETRIES].samples, []);
}

#[tokio::test]
async fn what_is_sent_again_is_counted_by_its_reason() {
    let lab = lab().await;
    lab.cluster.fault(Fault::new("POST", JOBS, Kind::too_many(0)));
    lab.cluster.fault(Fault::new("POST", JOBS, Kind::CutAfter));
    lab.cluster.fault(Fault::new("GET", "/api/v1/namespaces", Kind::Unauthorized));
    create(&lab.service, &manifest("hello")).await.expect_status(201);
    lab.service.get("/api/eks-list-namespaces").await.expect_status(200);
    let scrape = Scrape::of(&lab.service).await;
    for (verb, resource, code) in
        [("create", "jobs", "429"), ("create", "jobs", "broken"), ("list", "namespaces", "401")]
    {
        let labels = [("verb", verb), ("resource", resource), ("code", code)];
        assert_eq!((scrape.value(RETRIES, &labels), scrape.value(UPSTREAM, &labels)), (1.0, 1.0), "{verb} {code}");
    }
    assert_eq!(scrape.value(RETRIES, &[]), 3.0);
    assert_eq!(scrape.value("eks_api_token_renewals_total", &[("outcome", "succeeded")]), 2.0);
}

#[tokio::test]
async fn a_request_that_nobody_waits_for_any_more_is_counted_as_abandoned() {
    let lab = lab().await;
    let gate = Gate::new();
    lab.cluster.fault(Fault::new("GET", "/api/v1/namespaces", Kind::HoldBefore(gate.clone())));
    tokio::select! {
        reply = lab.service.get("/api/eks-list-namespaces") => panic!("{}", reply.text()),
        () = gate.held(1) => {}
    }
    let labels = [("verb", "list"), ("resource", "namespaces"), ("code", "abandoned")];
    until_scraped(&lab.service, |scrape| scrape.value(UPSTREAM, &labels) == 1.0).await;
    gate.open();
}

#[tokio::test]
async fn what_is_open_is_told_and_what_a_limit_refuses() {
    let limits = ["REQUESTS", "WAITS", "STREAMS"].map(|kind| format!("EKS_API_MAX_{kind}"));
    let limits: Vec<(&str, &str)> = limits.iter().map(|name| (name.as_str(), "1")).collect();
    let lab = Lab::with(BINARY, &limits).await;
    create(&lab.service, &manifest("hello")).await.expect_status(201);
    let open = |scrape: &Scrape| {
        ["eks_api_requests_in_flight", "eks_api_open_waits", "eks_api_open_streams"].map(|name| scrape.value(name, &[]))
    };
    // The scrape's own connection is one.
    let is_idle = |scrape: &Scrape| open(scrape) == [0.0; 3] && scrape.value("eks_api_open_connections", &[]) == 1.0;
    let scrape = until_scraped(&lab.service, is_idle).await;
    assert_eq!(scrape.value("eks_api_limit", &[("limit", "waits")]), 1.0);
    assert_eq!(scrape.value("eks_api_limit", &[("limit", "connections")]), 4096.0);

    let gate = Gate::new();
    lab.cluster.fault(Fault::new("GET", "/api/v1/namespaces", Kind::HoldBefore(gate.clone())));
    let _stream = Stream::open(lab.service.address(), "/api/eks-watch-jobs", &[]).await.unwrap();
    let then = async {
        until_scraped(&lab.service, |scrape| open(scrape) == [0.0, 1.0, 1.0]).await;
        let held = async {
            gate.held(1).await;
            assert_eq!(open(&Scrape::of(&lab.service).await), [1.0; 3]);
            // Each once more is once too often.
            problem(&lab.service.get("/api/eks-watch-jobs").await, 503, "overloaded");
            problem(&lab.service.get("/api/eks-list-namespaces").await, 503, "overloaded");
            gate.open();
        };
        let (reply, ()) = tokio::join!(lab.service.get("/api/eks-list-namespaces"), held);
        reply.expect_status(200);
        until_scraped(&lab.service, |scrape| open(scrape) == [0.0, 1.0, 1.0]).await;
        problem(&lab.service.get("/api/eks-get-job-status?job_name=hello&wait=5m").await, 503, "overloaded");
        let scrape = Scrape::of(&lab.service).await;
        for (limit, count) in [("requests", 2.0), ("waits", 1.0), ("streams", 0.0), ("peer", 0.0), ("writes", 0.0)] {
            assert_eq!(scrape.value("eks_api_refused_total", &[("limit", limit)]), count, "{limit}");
        }
        lab.cluster.set_job_status("default", "hello", complete());
    };
    let (reply, ()) = tokio::join!(lab.service.get("/api/eks-get-job-status?job_name=hello&wait=5m"), then);
    assert_eq!(reply.expect_status(200).json()["state"], "completed");
}

#[tokio::test]
async fn the_rates_that_are_set_are_told_and_none_that_is_off() {
    let limit = async |settings: &[(&str, &str)]| {
        let lab = Lab::with(BINARY, settings).await;
        let scrape = Scrape::of(&lab.service).await;
        ["peer", "caller"].map(|limit| scrape.value("eks_api_limit", &[("limit", limit)]))
    };
    assert_eq!(limit(&[]).await, [1000.0, 500.0]);
    let settings = [("EKS_API_PEER_RATE_LIMIT", "7"), ("EKS_API_RATE_LIMIT", "off")];
    let lab = Lab::with(BINARY, &settings).await;
    let reply = lab.service.get("/metrics").await.expect_status(200).text();
    assert!(reply.contains("\neks_api_limit{limit=\"peer\"} 7\n"), "{reply}");
    assert!(!reply.contains("eks_api_limit{limit=\"caller\"}"), "{reply}");
}

#[tokio::test]
async fn jobs_in_memory_are_told_by_state() {
    let lab = lab().await;
    for name in ["one", "two", "three"] {
        lab.cluster.put_job(own_job(name));
    }
    let jobs = |scrape: &Scrape, state: &str| scrape.value("eks_api_cached_jobs", &[("state", state)]);
    until_scraped(&lab.service, |scrape| jobs(scrape, "pending") == 3.0).await;
    lab.cluster.set_job_status("default", "two", complete());
    until_status(&lab.service, "two", |reply| reply.json()["state"] == "completed").await;
    let scrape = Scrape::of(&lab.service).await;
    let all = ["pending", "running", "suspended", "completed", "failed"].map(|state| jobs(&scrape, state));
    assert_eq!(all, [2.0, 0.0, 0.0, 1.0, 0.0]);
}

/// The numbers of completed and failed jobs, and how many run times are known.
fn finished(scrape: &Scrape) -> [f64; 4] {
    let value = |name: &str, state| scrape.value(name, &[("cluster", "lab"), ("state", state)]);
    let [jobs, times] = ["eks_api_jobs_finished_total", "eks_api_job_duration_seconds_count"];
    [value(jobs, "completed"), value(jobs, "failed"), value(times, "completed"), value(times, "failed")]
}

#[tokio::test]
async fn a_job_that_finishes_is_counted_once_with_its_run_time() {
    let lab = lab().await;
    let ended = |kind: &str, start: &str| {
        json!({ "startTime": start, "conditions": [{ "type": kind, "status": "True",
            "lastTransitionTime": "2026-01-20T10:31:30Z" }] })
    };
    let mut old = own_job("old");
    old["status"] = failed();
    lab.cluster.put_job(old);
    for (name, status) in [
        ("good", ended("Complete", "2026-01-20T10:30:00Z")),
        ("bad", ended("Failed", "2026-01-20T09:31:30Z")),
        ("untimed", failed()),
    ] {
        lab.cluster.put_job(own_job(name));
        until_status(&lab.service, name, |reply| reply.json()["state"] == "pending").await;
        lab.cluster.set_job_status("default", name, status);
    }
    let scrape = until_scraped(&lab.service, |scrape| finished(scrape)[1] == 2.0).await;
    assert_eq!(finished(&scrape), [1.0, 2.0, 1.0, 1.0], "the old job had failed before it was seen");
    let sum = |state| scrape.value("eks_api_job_duration_seconds_sum", &[("state", state)]);
    assert_eq!((sum("completed"), sum("failed")), (90.0, 3600.0));
    assert_eq!(scrape.value("eks_api_jobs_finished_total", &[("namespace", "default")]), 0.0, "without the setting");

    lab.cluster.compact();
    lab.cluster.end_watches();
    lab.cluster.put_job(own_job("last"));
    until_status(&lab.service, "last", |reply| reply.status == 200).await;
    lab.cluster.set_job_status("default", "last", complete());
    let scrape = until_scraped(&lab.service, |scrape| finished(scrape)[0] == 2.0).await;
    assert_eq!(finished(&scrape), [2.0, 2.0, 1.0, 1.0], "a new list counts nothing twice");
}

#[tokio::test]
async fn a_setting_counts_finished_jobs_by_namespace_from_zero_on() {
    let lab = Lab::with(BINARY, &[("EKS_API_METRICS_NAMESPACES", "true")]).await;
    let mut job = own_job("nightly");
    job["metadata"]["namespace"] = json!("team-a");
    lab.cluster.put_job(job);
    let team = [("namespace", "team-a")];
    let failures = |scrape: &Scrape| {
        let family = &scrape.0["eks_api_jobs_finished_total"];
        let ours = |labels: &scrape::Labels| labels["namespace"] == "team-a" && labels["state"] == "failed";
        family.samples.iter().find(|(_, labels, _)| ours(labels)).map(|(.., value)| *value)
    };
    until_scraped(&lab.service, |scrape| failures(scrape) == Some(0.0)).await;
    lab.cluster.set_job_status("team-a", "nightly", failed());
    let scrape = until_scraped(&lab.service, |scrape| failures(scrape) == Some(1.0)).await;
    assert_eq!(scrape.value("eks_api_jobs_finished_total", &team), 1.0);
    assert_eq!(scrape.value("eks_api_job_duration_seconds_count", &team), 0.0, "run times have no namespace");
}

#[tokio::test]
async fn the_watch_tells_its_state_its_restarts_and_what_it_failed_of() {
    let begun = now();
    let lab = lab().await;
    let state = |scrape: &Scrape, state: &str| scrape.value("eks_api_watch_state", &[("state", state)]);
    let scrape = until_scraped(&lab.service, |scrape| state(scrape, "following") == 1.0).await;
    assert_eq!(
        (scrape.value("eks_api_watch_state", &[]), scrape.value("eks_api_watch_restarts_total", &[])),
        (1.0, 0.0)
    );
    let last = scrape.value("eks_api_watch_last_event_timestamp_seconds", &[]);
    assert!(last >= begun - 1.0 && last <= now() + 1.0, "{last}");

    lab.cluster.break_watches();
    let restarted = |scrape: &Scrape| scrape.value("eks_api_watch_restarts_total", &[]) == 1.0;
    let scrape = until_scraped(&lab.service, restarted).await;
    let failures = |scrape: &Scrape, reason| scrape.value("eks_api_watch_failures_total", &[("reason", reason)]);
    assert_eq!((failures(&scrape, "broken"), failures(&scrape, "gone")), (1.0, 0.0));

    lab.cluster.stop().await;
    until_scraped(&lab.service, |scrape| state(scrape, "lost") == 1.0).await;
}

#[tokio::test]
async fn the_token_and_the_description_tell_how_old_they_are() {
    let begun = now();
    let lab = lab().await;
    let scrape = Scrape::of(&lab.service).await;
    let expiry = scrape.value("eks_api_token_expiry_timestamp_seconds", &[]);
    assert!(expiry > begun + 800.0 && expiry < now() + 841.0, "14 minutes: {}", expiry - begun);
    let described = scrape.value("eks_api_describe_cluster_last_success_timestamp_seconds", &[]);
    assert!(described >= begun - 1.0 && described <= now() + 1.0);
    let succeeded = [("outcome", "succeeded")];
    assert_eq!(scrape.value("eks_api_describe_cluster_total", &succeeded), 1.0);
    assert_eq!(scrape.value("eks_api_token_renewals_total", &succeeded), 1.0);
    assert_eq!((scrape.value("eks_api_ready", &[]), scrape.value("eks_api_check_passed", &[])), (1.0, 5.0));
}

#[tokio::test]
async fn a_service_that_is_not_ready_tells_so() {
    let aws = AwsMock::start().await;
    aws.answers_recording("describe-cluster-creating");
    let service = without_credentials(&aws).start().await;
    let failed = |scrape: &Scrape, name: &str| scrape.value(name, &[("outcome", "failed")]) >= 1.0;
    let scrape = until_scraped(&service, |scrape| failed(scrape, "eks_api_token_renewals_total")).await;
    assert_eq!(scrape.value("eks_api_token_expiry_timestamp_seconds", &[]), 0.0);
    // The clock is right until a server has said another time.
    assert_eq!((scrape.value("eks_api_ready", &[]), scrape.value("eks_api_check_passed", &[])), (0.0, 1.0));
    assert_eq!(scrape.value("eks_api_watch_state", &[("state", "pending")]), 1.0);
    until_scraped(&service, |scrape| failed(scrape, "eks_api_describe_cluster_total")).await;
}

#[tokio::test]
async fn the_process_tells_what_it_takes() {
    let begun = now();
    let lab = lab().await;
    let scrape = Scrape::of(&lab.service).await;
    let proc = |name: &str| std::fs::read_to_string(format!("/proc/{}/{name}", lab.service.pid())).unwrap();
    let started = scrape.value("process_start_time_seconds", &[]);
    assert!(started >= begun - 1.0 && started <= now(), "{started}");
    let resident = proc("status")
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    let told = scrape.value("process_resident_memory_bytes", &[]);
    assert!((told / 1024.0 - resident.unwrap()).abs() < 4096.0, "{told}");
    assert!(scrape.value("process_virtual_memory_bytes", &[]) >= told);
    let files = std::fs::read_dir(format!("/proc/{}/fd", lab.service.pid())).unwrap().count();
    let open = scrape.value("process_open_fds", &[]);
    assert!(
        (open - f64::from(u32::try_from(files).unwrap())).abs() < 8.0 && open < scrape.value("process_max_fds", &[])
    );
    assert!(scrape.0["process_cpu_seconds_total"].samples.len() == 1);
}

#[tokio::test]
async fn scrapes_amid_a_crowd_lose_no_count() {
    let lab = lab().await;
    create(&lab.service, &manifest("hello")).await.expect_status(201);
    let client = async || {
        for _ in 0..40 {
            status(&lab.service, "hello").await.expect_status(200);
            lab.service.get_directly("/api/eks-get-job-status?job_name=hello").await.expect_status(200);
        }
    };
    let scrapes = async {
        let mut last = 0.0;
        for _ in 0..40 {
            let count = Scrape::of(&lab.service).await.value("eks_api_requests_total", &[]);
            assert!(count > last, "{count} after {last}");
            last = count;
        }
    };
    tokio::join!(client(), client(), client(), client(), scrapes);
    let scrape = Scrape::of(&lab.service).await;
    assert_eq!(scrape.value("eks_api_requests_total", &[("operation", "get_job_status"), ("code", "200")]), 320.0);
    assert_eq!(scrape.value("eks_api_requests_total", &[("operation", "metrics")]), 40.0);
}

#[tokio::test]
async fn head_has_the_headers_alone_and_other_methods_are_refused() {
    let lab = lab().await;
    let head = lab.service.send("HEAD", "/metrics", &[], "").await.expect_status(200);
    assert_eq!(head.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert!(head.body.is_empty() && head.header("content-length").is_some_and(|length| length != "0"));
    problem(&lab.service.post("/metrics", &json!({})).await, 405, "MethodNotAllowed");
    problem(&lab.service.get("/metrics?name=up").await, 400, "BadRequest");
}

#[tokio::test]
async fn metrics_can_be_switched_off() {
    let lab = Lab::with(BINARY, &[("EKS_API_METRICS", "false")]).await;
    problem(&lab.service.get("/metrics").await, 404, "path_not_found");
    lab.service.post(CREATE_JOB, &job("hello")).await.expect_status(201);
}
