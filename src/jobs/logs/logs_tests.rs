//! The chosen pod and container, and the errors for missing ones.

use serde_json::{Value, json};

use super::*;

fn pod(value: Value) -> Pod {
    serde_json::from_value(value).unwrap()
}

fn workers() -> Pod {
    pod(json!({ "metadata": { "name": "p" }, "spec": {
        "containers": [{ "name": "main" }, { "name": "helper" }],
        "initContainers": [{ "name": "proxy", "restartPolicy": "Always" }, { "name": "fetch" }] } }))
}

fn seen(job: Value, pods: &[&str]) -> JobPods {
    let pods = pods.iter().map(|name| pod(json!({ "metadata": { "name": name } }))).collect();
    JobPods { job: serde_json::from_value(job).unwrap(), pods }
}

/// A job whose template has these containers.
fn job(containers: &[&str]) -> JobInFull {
    let containers: Vec<Value> = containers.iter().map(|name| json!({ "name": name })).collect();
    let template = json!({ "spec": { "containers": containers, "initContainers": [{ "name": "fetch" }] } });
    serde_json::from_value(json!({ "spec": { "template": template } })).unwrap()
}

fn named(name: &str) -> ContainerName {
    ContainerName::parse(name).unwrap()
}

#[test]
fn the_container_is_the_given_one_or_the_annotated_or_the_first() {
    let mut pod = workers();
    assert_eq!(container(&job(&[]), &pod, None), Ok("main"));
    assert_eq!(container(&job(&[]), &pod, Some(&named("fetch"))), Ok("fetch"));
    let mut choose = |name: &str| {
        let key = "kubectl.kubernetes.io/default-container".to_owned();
        pod.metadata.annotations.insert(key, name.to_owned());
        container(&job(&[]), &pod, None).map(str::to_owned)
    };
    assert_eq!(choose("helper"), Ok("helper".to_owned()));
    assert_eq!(choose("gone"), Ok("main".to_owned()));
}

#[test]
fn log_first_container_the_default_is_one_of_the_jobs_own_template() {
    let mut injected = pod(json!({ "metadata": { "name": "p" }, "spec": {
        "containers": [{ "name": "proxy" }, { "name": "main" }, { "name": "helper" }],
        "initContainers": [{ "name": "setup" }, { "name": "fetch" }] } }));
    let own = job(&["main", "helper"]);
    assert_eq!(container(&own, &injected, None), Ok("main"));
    for (annotation, expected) in [("helper", "helper"), ("fetch", "fetch"), ("proxy", "main"), ("setup", "main")] {
        let key = "kubectl.kubernetes.io/default-container".to_owned();
        injected.metadata.annotations.insert(key, annotation.to_owned());
        assert_eq!(container(&own, &injected, None), Ok(expected), "{annotation}");
    }
    assert_eq!(container(&own, &injected, Some(&named("proxy"))), Ok("proxy"), "a given name counts");
    // The pod has none of them, and the job's template is not known.
    assert_eq!(container(&job(&["gone"]), &injected, None), Ok("proxy"));
    assert_eq!(container(&job(&[]), &injected, None), Ok("setup"));
}

#[test]
fn the_error_for_a_missing_container_names_the_others() {
    let message = container(&job(&[]), &workers(), Some(&named("x"))).unwrap_err().message;
    assert_eq!(message, "pod p has no container x; it has main, helper, and the init containers proxy, fetch");
}

#[test]
fn containers_are_in_the_order_in_which_they_end() {
    assert_eq!(containers(&workers(), None), ["fetch", "main", "helper", "proxy"]);
    assert_eq!(containers(&workers(), Some(&named("helper"))), ["helper"]);
    assert_eq!(containers(&workers(), Some(&named("x"))), [""; 0]);
}

#[test]
fn the_pod_is_the_given_one_or_the_newest() {
    let seen = seen(json!({ "metadata": { "name": "j" } }), &["old", "new"]);
    assert_eq!(seen.pod(None).unwrap().metadata.name, "new");
    assert_eq!(seen.pod(Some(&PodName::parse("old").unwrap())).unwrap().metadata.name, "old");
    let message = seen.pod(Some(&PodName::parse("x").unwrap())).unwrap_err().message;
    assert_eq!(message, "job j has no pod x; it has new, old");
}

#[test]
fn a_long_list_of_pods_is_shortened() {
    let names: Vec<String> = (0..12).map(|number| format!("p{number}")).collect();
    assert_eq!(listed(&names, MAX_NAMES), "p0, p1, p2, p3, p4, p5, p6, p7, p8, p9 and 2 more");
    assert_eq!(listed(&[], MAX_NAMES), "none");
}

#[test]
fn a_job_without_pods_says_why() {
    let condition = |kind: &str| json!({ "conditions": [{ "type": kind, "status": "True" }] });
    for (status, deleted, word) in [
        (json!({}), None, "no pod yet"),
        (condition("Suspended"), None, "suspended"),
        (condition("Complete"), None, "finished"),
        (condition("Failed"), None, "finished"),
        (json!({ "failed": 1 }), None, "has no pod now"),
        (json!({ "terminating": 1 }), Some("2026-01-01T00:00:00Z"), "being deleted"),
    ] {
        let metadata = json!({ "name": "j", "deletionTimestamp": deleted });
        let message = seen(json!({ "metadata": metadata, "status": status }), &[]).pod(None).unwrap_err().message;
        assert!(message.starts_with("job j ") && message.contains(word), "{message}");
    }
}

#[test]
fn a_refusal_concerns_one_container_or_all() {
    let refused = |code, reason: &str, message: &str| {
        let status = Status { reason: reason.to_owned(), message: message.to_owned(), ..Status::default() };
        Error::Refused(Box::new(Refusal::new(code, status, None)))
    };
    let of = |error| LogUnavailable::from_refusal(error, "p");
    let missing = r#"previous terminated container "c" in pod "p" not found"#;
    assert!(matches!(of(refused(400, "BadRequest", missing)), Ok(LogUnavailable::NoPrevious)));
    assert!(matches!(of(refused(404, "NotFound", "")), Ok(LogUnavailable::Gone)));
    assert!(matches!(of(refused(500, "InternalError", "dial")), Ok(LogUnavailable::Refused(_))));
    for error in [
        refused(403, "Forbidden", ""),
        refused(429, "TooManyRequests", ""),
        Error::Unauthorized { is_passing: false },
        Error::Timeout,
    ] {
        assert!(of(error).is_err());
    }
}

#[test]
fn log_tls_newnode_temporary_errors_are_told_from_final_ones() {
    let refused = |code, reason: &str, message: &str| {
        let status = Status { reason: reason.to_owned(), message: message.to_owned(), ..Status::default() };
        Error::Refused(Box::new(Refusal::new(code, status, None)))
    };
    let broken = || Error::Broken("reset".to_owned());
    for passing in [
        refused(500, "InternalError", "remote error: tls: internal error"),
        refused(500, "", "dial tcp 10.0.3.7:10250: connect: connection refused"),
        refused(503, "ServiceUnavailable", ""),
        refused(429, "TooManyRequests", ""),
        refused(400, "BadRequest", r#"container "c" in pod "p" is waiting to start: x"#),
        broken(),
        Error::Unreachable(String::new()),
        Error::Timeout,
    ] {
        assert!(passing.may_pass(), "{passing}");
    }
    for last in [
        refused(400, "BadRequest", r#"container "c" in pod "p" is terminated"#),
        refused(403, "Forbidden", ""),
        refused(404, "NotFound", ""),
        Error::CallerUnauthorized,
    ] {
        assert!(!last.may_pass(), "{last}");
    }
}

#[test]
fn a_404_names_the_pod_or_its_node() {
    let not_found = |name: &str| {
        let details = json!({ "name": name, "kind": "pods" });
        let status = serde_json::from_value(json!({ "reason": "NotFound", "details": details })).unwrap();
        LogUnavailable::from_refusal(Error::Refused(Box::new(Refusal::new(404, status, None))), "p").unwrap()
    };
    assert!(matches!(not_found("p"), LogUnavailable::Gone));
    assert_eq!(not_found("node-1").to_string(), "gone with its node node-1");
}
