//! Which pod and which container are read, and how the parameters reach the cluster.

use serde_json::{Value, json};

use super::{PODS, finished, logs, path, pod, put_job, running, with_log};
use crate::calls::{detail, lab, problem, sent};
use crate::support::Lab;

/// Two pods of two containers each, whose logs say whose they are.
async fn two_by_two() -> Lab {
    let lab = lab().await;
    put_job(&lab.cluster, &finished());
    for (name, second) in [("hello-z", 1), ("hello-a", 2)] {
        let mut pod = pod(name, second, &[running("main"), running("helper")]);
        pod["spec"]["initContainers"] = json!([{ "name": "fetch" }]);
        pod["status"]["initContainerStatuses"] = json!([running("fetch")]);
        lab.cluster.put_pod(pod);
        for container in ["main", "helper", "fetch"] {
            lab.cluster.put_log("default", name, container, format!("{name} {container}\n"));
        }
    }
    lab
}

#[tokio::test]
async fn the_first_container_of_the_newest_pod_is_read_as_text() {
    let lab = two_by_two().await;
    let reply = logs(&lab, "").await.expect_status(200);
    assert_eq!(reply.text(), "hello-a main\n");
    assert_eq!(reply.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(reply.header("transfer-encoding"), Some("chunked"));
    let base = "GET /api/v1/namespaces/default/pods";
    let job = "GET /apis/batch/v1/namespaces/default/jobs/hello".to_owned();
    let mut sent = sent(&lab.cluster);
    sent.retain(|request| request.contains("/namespaces/default/"));
    assert_eq!(sent, [job, base.to_owned(), format!("{base}/hello-a/log")]);
}

#[tokio::test]
async fn of_pods_of_the_same_second_the_last_by_name_is_the_newest() {
    let lab = lab().await;
    put_job(&lab.cluster, &finished());
    for name in ["hello-b", "hello-c", "hello-a"] {
        lab.cluster.put_pod(pod(name, 7, &[running("c")]));
        lab.cluster.put_log("default", name, "c", name);
    }
    assert_eq!(logs(&lab, "").await.text(), "hello-c");
}

#[tokio::test]
async fn pod_and_container_can_be_named() {
    let lab = two_by_two().await;
    for (query, text) in [
        ("&pod=hello-z", "hello-z main\n"),
        ("&container=helper", "hello-a helper\n"),
        ("&pod=hello-z&container=fetch", "hello-z fetch\n"),
    ] {
        assert_eq!(logs(&lab, query).await.expect_status(200).text(), text, "{query}");
    }
}

#[tokio::test]
async fn the_pods_own_choice_of_a_container_comes_before_the_first() {
    let lab = two_by_two().await;
    let mut pod = pod("hello-new", 9, &[running("main"), running("helper")]);
    pod["metadata"]["annotations"] = json!({ "kubectl.kubernetes.io/default-container": "helper" });
    lab.cluster.put_pod(pod);
    lab.cluster.put_log("default", "hello-new", "helper", "chosen\n");
    assert_eq!(logs(&lab, "").await.text(), "chosen\n");
}

#[tokio::test]
async fn a_pod_that_is_not_the_jobs_is_not_read() {
    let lab = two_by_two().await;
    let mut stranger = pod("stranger", 9, &[running("main")]);
    stranger["metadata"]["labels"] = json!({ "of": "other" });
    lab.cluster.put_pod(stranger);
    lab.cluster.put_log("default", "stranger", "main", "secret\n");
    for name in ["stranger", "nope"] {
        for query in ["", "&follow=true"] {
            let told = detail(&logs(&lab, &format!("&pod={name}{query}")).await, 404, "pod_not_found");
            assert_eq!(told, format!("job hello has no pod {name}; it has hello-a, hello-z"));
        }
    }
    assert!(lab.cluster.log_queries().is_empty());
}

#[tokio::test]
async fn a_container_that_is_not_there_is_told_those_that_are() {
    let lab = two_by_two().await;
    for query in ["", "&follow=true", "&all=true"] {
        let told = detail(&logs(&lab, &format!("&container=nope{query}")).await, 404, "container_not_found");
        assert_eq!(told, "pod hello-a has no container nope; it has main, helper, and the init containers fetch");
    }
}

#[tokio::test]
async fn a_job_without_a_selector_has_no_pods() {
    let lab = lab().await;
    lab.cluster.put_job(json!({ "metadata": { "name": "hello" } }));
    lab.cluster.put_pod(pod("stranger", 0, &[running("c")]));
    problem(&logs(&lab, "").await, 404, "no_pods");
    assert_eq!(lab.cluster.count("GET", PODS), 0);
}

#[tokio::test]
async fn the_parameters_are_passed_on_and_only_those_that_are_given() {
    let lab = with_log("one\ntwo\nthree\n").await;
    let asked = |lab: &Lab| lab.cluster.log_queries().pop().unwrap();
    let expected = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    assert_eq!(logs(&lab, "").await.text(), "one\ntwo\nthree\n");
    assert_eq!(asked(&lab), expected(&[("container", "c")]));
    assert_eq!(logs(&lab, "&tail_lines=2&since_seconds=60").await.text(), "two\nthree\n");
    assert_eq!(asked(&lab), expected(&[("container", "c"), ("tailLines", "2"), ("sinceSeconds", "60")]));
    assert_eq!(logs(&lab, "&tail_lines=0&timestamps=false&follow=false&previous=false&all=false").await.text(), "");
    assert_eq!(asked(&lab), expected(&[("container", "c"), ("tailLines", "0")]));
    let stamped = logs(&lab, "&timestamps=true&tail_lines=1").await.text();
    assert!(stamped.starts_with("20") && stamped.ends_with("Z three\n"), "{stamped}");
    logs(&lab, "&tail_lines=2147483647").await.expect_status(200);
}

#[tokio::test]
async fn the_run_before_can_be_read() {
    let lab = with_log("now\n").await;
    lab.cluster.put_previous_log("default", "hello-a", "c", "before\n");
    assert_eq!(logs(&lab, "&previous=true").await.expect_status(200).text(), "before\n");
}

#[tokio::test]
async fn each_mistake_names_its_parameter_and_costs_the_cluster_nothing() {
    let lab = with_log("x").await;
    for (query, status, reason, field) in [
        ("&follow=1", 400, "BadRequest", "follow"),
        ("&timestamps=yes", 400, "BadRequest", "timestamps"),
        ("&previous=", 400, "BadRequest", "previous"),
        ("&all=True", 400, "BadRequest", "all"),
        ("&tail_lines=-1", 400, "BadRequest", "tail_lines"),
        ("&tail_lines=2147483648", 400, "BadRequest", "tail_lines"),
        ("&since_seconds=0", 400, "BadRequest", "since_seconds"),
        ("&since_seconds=1.5", 400, "BadRequest", "since_seconds"),
        ("&since_time=yesterday", 400, "BadRequest", "since_time"),
        ("&since_time=2026-11-28", 400, "BadRequest", "since_time"),
        ("&since_time=2026-11-28T15:00:01", 400, "BadRequest", "since_time"),
        ("&since_time=2026-11-28T15:00:01Z&since_seconds=1", 400, "BadRequest", "since_time"),
        ("&lines=1", 400, "BadRequest", "lines"),
        ("&follow=true&previous=true", 400, "BadRequest", "previous"),
        ("&all=true&pod=hello-a", 400, "BadRequest", "pod"),
        ("&pod=..%2F..", 422, "Invalid", "pod"),
        ("&container=c%3Ffollow", 422, "Invalid", "container"),
    ] {
        let told = problem(&logs(&lab, query).await, status, reason);
        assert_eq!(told["causes"][0]["field"], Value::from(field), "{query}");
    }
    let nameless = lab.service.get(&path("").replace("job_name=hello", "namespace=default")).await;
    assert_eq!(problem(&nameless, 400, "BadRequest")["causes"][0]["field"], "job_name");
    assert!(!sent(&lab.cluster).iter().any(|request| request.contains("/namespaces/default/")));
}
