//! Each kind of answer: what the caller gets, and how often the request was sent.

use serde_json::{Value, json};

use super::{LOGS, RESUME, SUSPEND, WEBHOOK, page, reply, without_reason};
use crate::calls::{
    BINARY, CREATE_NAMESPACE, JOBS, NAMESPACES, create, detail, lab, manifest, problem, status_directly,
};
use crate::support::Lab;
use crate::support::service::Reply;
use crate::support::stub::{Fault, Kind};

const ALL_CODES: [(u16, &str); 9] = [
    (400, "BadRequest"),
    (403, "Forbidden"),
    (404, "NotFound"),
    (409, "Conflict"),
    (413, "RequestEntityTooLarge"),
    (422, "Invalid"),
    (402, "upstream_refused"),
    (405, "upstream_refused"),
    (418, "upstream_refused"),
];

/// The change of this method, and where it goes.
async fn change(lab: &Lab, method: &str) -> (Reply, &'static str) {
    match method {
        "POST" => (create(&lab.service, &manifest("hello")).await, JOBS),
        "PATCH" => (lab.service.send("POST", SUSPEND, &[], "").await, JOBS),
        "DELETE" => (lab.service.delete("/api/eks-delete-job?job_name=hello").await, JOBS),
        _ => (lab.service.post(CREATE_NAMESPACE, &json!({ "namespace_name": "team-a" })).await, NAMESPACES),
    }
}

#[tokio::test]
async fn webhook_noreason_each_code_is_the_callers_after_one_exchange() {
    for method in ["POST", "PATCH", "DELETE"] {
        let lab = lab().await;
        for (code, reason) in ALL_CODES {
            lab.cluster.fault(Fault::new(method, JOBS, without_reason(code, WEBHOOK)));
            let before = lab.cluster.count(method, JOBS);
            let (reply, path) = change(&lab, method).await;
            assert_eq!(detail(&reply, code, reason), WEBHOOK, "{method}");
            assert_eq!(lab.cluster.count(method, path), before + 1, "{method} {code}");
        }
    }
    let lab = lab().await;
    for (code, reason) in ALL_CODES {
        lab.cluster.fault(Fault::new("POST", NAMESPACES, without_reason(code, WEBHOOK)));
        assert_eq!(detail(&change(&lab, "namespace").await.0, code, reason), WEBHOOK);
    }
    assert_eq!(lab.cluster.count("POST", NAMESPACES), ALL_CODES.len());
}

#[tokio::test]
async fn webhook_500_a_denial_is_told_at_once_and_had_no_effect() {
    for (method, code) in [("POST", 500), ("POST", 502), ("POST", 503), ("POST", 504), ("PATCH", 500), ("DELETE", 503)]
    {
        let lab = lab().await;
        lab.cluster.fault(Fault::new(method, JOBS, without_reason(code, WEBHOOK)).always());
        let (reply, _) = change(&lab, method).await;
        assert_eq!(detail(&reply, 422, "Invalid"), WEBHOOK, "{method} {code}");
        assert_eq!(lab.cluster.count(method, JOBS), 1, "{method} {code}");
    }
    let lab = lab().await;
    lab.cluster.fault(Fault::new("POST", JOBS, without_reason(401, WEBHOOK)).always());
    assert_eq!(detail(&create(&lab.service, &manifest("hello")).await, 403, "Forbidden"), WEBHOOK);
    assert_eq!(lab.cluster.count("POST", JOBS), 1);
}

#[tokio::test]
async fn etcd_too_large_and_rv_on_create_are_told_at_once() {
    let version = "resourceVersion should not be set on objects to be created";
    for (message, code, reason) in
        [("etcdserver: request is too large", 413, "RequestEntityTooLarge"), (version, 422, "Invalid")]
    {
        let lab = lab().await;
        lab.cluster.fault(Fault::new("POST", JOBS, without_reason(500, message)).always());
        assert_eq!(detail(&create(&lab.service, &manifest("hello")).await, code, reason), message);
        assert_eq!(lab.cluster.count("POST", JOBS), 1);
    }
}

#[tokio::test]
async fn quota_conflict_is_tried_three_times() {
    let message = "Operation cannot be fulfilled on resourcequotas \"compute\": the object has been modified; please \
                   apply your changes to the latest version and try again";
    for (method, times, code) in [("POST", 1, 201), ("POST", 2, 201), ("POST", 3, 409), ("PATCH", 1, 200)] {
        let lab = lab().await;
        lab.cluster.put_job(manifest("hello"));
        let conflict = Kind::status(409, "Conflict", message);
        lab.cluster.fault(Fault::new(method, JOBS, conflict).times(times));
        let reply = match method {
            "POST" => create(&lab.service, &manifest("other")).await,
            _ => change(&lab, method).await.0,
        };
        assert_eq!(reply.status, code, "{}", reply.text());
        assert_eq!(lab.cluster.count(method, JOBS), (times + 1).min(3));
        if code == 409 {
            assert_eq!(detail(&reply, 409, "Conflict"), message);
        }
    }
}

#[tokio::test]
async fn c1_a_408_and_a_429_are_tried_three_times() {
    let plain = || reply(429, &[("retry-after", "0")], json!("Too many requests, please try again later.\n"));
    for (kind, code, reason) in
        [(without_reason(408, "too slow"), 408, "upstream_refused"), (plain(), 429, "TooManyRequests")]
    {
        let lab = lab().await;
        lab.cluster.fault(Fault::new("POST", JOBS, kind).always());
        problem(&create(&lab.service, &manifest("hello")).await, code, reason);
        assert_eq!(lab.cluster.count("POST", JOBS), 3);
    }
}

#[tokio::test]
async fn c1_a_failure_of_the_cluster_is_tried_five_times_and_keeps_its_code() {
    for (code, reason, told, may_have_effect) in [
        (500, "InternalError", (502, "InternalError"), false),
        (503, "", (503, "upstream_refused"), true),
        (504, "Timeout", (504, "Timeout"), true),
    ] {
        let lab = lab().await;
        lab.cluster.fault(Fault::new("POST", JOBS, Kind::status(code, reason, "failed calling webhook")).always());
        let detail = detail(&create(&lab.service, &manifest("hello")).await, told.0, told.1);
        assert_eq!(detail.contains("may have taken effect"), may_have_effect, "{detail}");
        assert_eq!(lab.cluster.count("POST", JOBS), 5, "{code} {reason}");
    }
}

#[tokio::test]
async fn c1_a_delete_is_repeated_only_if_nothing_was_deleted() {
    for (code, reason, expected, deletes) in [(503, "ServiceUnavailable", 200, 2), (504, "Timeout", 504, 1)] {
        let lab = lab().await;
        lab.cluster.put_job(manifest("hello"));
        lab.cluster.fault(Fault::new("DELETE", JOBS, Kind::status(code, reason, "in trouble")));
        assert_eq!(change(&lab, "DELETE").await.0.status, expected);
        assert_eq!(lab.cluster.count("DELETE", JOBS), deletes);
    }
}

#[tokio::test]
async fn webhook_noreason_a_page_of_something_in_between_is_no_refusal() {
    for code in [302, 401, 403, 404, 503] {
        let lab = lab().await;
        lab.cluster.fault(Fault::new("*", JOBS, page(code)));
        create(&lab.service, &manifest("hello")).await.expect_status(201);
        assert_eq!(lab.cluster.count("POST", JOBS), 2, "{code}");
    }
    let lab = lab().await;
    lab.cluster.fault(Fault::new("*", JOBS, page(403)).always());
    let answered = "the reply is not from Kubernetes: 403, content type text/html, server awselb/2.0";
    let created = detail(&create(&lab.service, &manifest("hello")).await, 502, "upstream_bad_reply");
    assert_eq!(created, format!("{answered}; the change may have taken effect: look before you repeat it"));
    assert_eq!(detail(&status_directly(&lab.service, "hello").await, 502, "upstream_bad_reply"), answered);
    assert_eq!((lab.cluster.count("POST", JOBS), lab.cluster.count("GET", JOBS)), (5, 5));
}

#[tokio::test]
async fn log_tls_newnode_a_kubelet_that_is_away_is_asked_again_and_no_read_has_an_effect() {
    let pods = "/api/v1/namespaces/default/pods";
    let message = "Get \"https://10.0.3.7:10250/containerLogs/default/hello-a/c\": remote error: tls: internal error";
    for (times, code) in [(2, 200), (usize::MAX, 502)] {
        let lab = lab().await;
        let spec = json!({ "selector": { "matchLabels": { "of": "hello" } } });
        lab.cluster.put_job(json!({ "metadata": { "name": "hello" }, "spec": spec, "status": { "active": 1 } }));
        lab.cluster.put_pod(json!({
            "metadata": { "name": "hello-a", "labels": { "of": "hello" } },
            "spec": { "containers": [{ "name": "c" }] },
            "status": { "phase": "Running", "containerStatuses": [{ "name": "c", "state": { "running": {} } }] },
        }));
        lab.cluster.put_log("default", "hello-a", "c", "live 1\n");
        let log = format!("{pods}/hello-a/log");
        lab.cluster.fault(Fault::new("GET", &log, without_reason(500, message)).times(times));
        let reply = lab.service.get(LOGS).await;
        assert_eq!(reply.status, code, "{}", reply.text());
        if code == 502 {
            let told = detail(&reply, 502, "upstream_refused");
            assert_eq!(told, format!("the API server answered 500: {message}"));
            assert_eq!(lab.cluster.count("GET", &log), 5);
        } else {
            assert_eq!(reply.text(), "live 1\n");
        }
    }
}

#[tokio::test]
async fn warn_utf8_every_form_of_a_warning_reaches_the_caller() {
    for (lines, expected) in [
        (
            vec!["299 - \"Bitte Größe angeben\"", "299 - \"second advice\""],
            json!(["Bitte Größe angeben", "second advice"]),
        ),
        (vec!["299 - \"first\", 299 - \"second\""], json!(["first", "second"])),
        (vec!["299 - \"has \\t tab\""], json!(["has t tab"])),
        (vec!["299 agent/1.0 \"text\" \"Wed, 21 Oct 2015 07:28:00 GMT\""], json!(["text"])),
    ] {
        let lab = lab().await;
        let headers: Vec<(&str, &str)> = lines.into_iter().map(|line| ("warning", line)).collect();
        let job = json!({ "metadata": { "name": "hello", "namespace": "default", "uid": "u" } });
        lab.cluster.fault(Fault::new("POST", JOBS, reply(201, &headers, job)));
        let created = create(&lab.service, &manifest("hello")).await.expect_status(201);
        assert_eq!(created.json()["warnings"], expected);
    }
}

#[tokio::test]
async fn suspend_overruled_is_told_as_it_is_and_the_true_state_is_known() {
    for (call, suspend) in [(RESUME, true), (SUSPEND, false)] {
        let lab = lab().await;
        create(&lab.service, &manifest("hello")).await.expect_status(201);
        lab.cluster.hush_watches();
        let mut job: Value = lab.cluster.job("default", "hello").unwrap();
        job["spec"]["suspend"] = json!(suspend);
        job["metadata"]["resourceVersion"] = json!("900000");
        lab.cluster.fault(Fault::new("PATCH", JOBS, reply(200, &[], job)));
        let told = detail(&lab.service.send("POST", call, &[], "").await, 409, "suspend_overruled");
        assert!(told.contains(&format!("is still {suspend}")) && !told.contains("1.21"), "{told}");
        let known = lab.service.get("/api/eks-get-job-status?job_name=hello").await;
        assert_eq!((known.header("x-cache"), &known.json()["resource_version"]), (Some("hit"), &json!("900000")));
    }
}

#[tokio::test]
async fn sts_throttle_401_a_missing_access_entry_ends_quickly() {
    let (cluster, aws) = crate::support::surroundings().await;
    cluster.fault(Fault::new("*", "/", Kind::Unauthorized).always());
    let service = crate::support::builder(BINARY, &aws).start().await;
    service.log_line(|line| line.contains("check=kubernetes") && line.contains("access entry")).await;
    let told = detail(&create(&service, &manifest("hello")).await, 502, "upstream_unauthorized");
    assert!(told.contains("access entry"), "{told}");
    let posts = cluster.count("POST", JOBS);
    assert!((2..=3).contains(&posts), "{posts}");
}
