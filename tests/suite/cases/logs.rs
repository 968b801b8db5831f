//! Logs: streams that are cut, silent or refused, and pods that belong to another job. What takes time is tried beside
//! `http::handlers::logs`, where time is paused.

use serde_json::json;

use crate::calls::detail;
use crate::job_logs::reader::Reader;
use crate::job_logs::{PODS, end_one, ended, finished, logs, path, pod, put_job, running, with_log};
use crate::support::Lab;
use crate::support::stub::{Fault, Kind};

const FOLLOW: [&str; 2] = ["&follow=true", "&follow=true&all=true"];

fn heading(query: &str) -> &'static str {
    if query.contains("all") { "==> hello-a/c <==\n" } else { "" }
}

/// Makes the next readings of the log fail.
fn refuse(lab: &Lab, times: usize, kind: Kind) {
    lab.cluster.fault(Fault::new("GET", &format!("{PODS}/hello-a/log"), kind).times(times));
}

/// Ends the pod, and with it the job.
fn end(lab: &Lab) {
    end_one(&lab.cluster);
    put_job(&lab.cluster, &finished());
}

#[tokio::test]
async fn log_tls_newnode_a_kubelet_that_cannot_be_asked_yet_is_asked_again() {
    let url = "https://10.0.3.7:10250/containerLogs/demo/P/main?follow=true";
    let tls = format!("Internal error occurred: Get \"{url}\": remote error: tls: internal error");
    let away = format!("Get \"{url}\": dial tcp 10.0.3.7:10250: connect: connection refused");
    for (times, reason, message) in [(1, "InternalError", &tls), (2, "InternalError", &tls), (1, "", &away)] {
        for query in FOLLOW {
            let lab = with_log("live 1\n").await;
            refuse(&lab, times, Kind::status(500, reason, message));
            let mut reader = Reader::open(&lab.service, &path(query)).await;
            reader.expect(&format!("{}live 1\n", heading(query))).await;
            lab.cluster.append_log("default", "hello-a", "c", "live 2\n");
            reader.expect("live 2\n").await;
            end(&lab);
            reader.end().await;
        }
    }
}

#[tokio::test]
async fn log_tls_newnode_without_following_the_logs_of_all_pods_wait_for_it() {
    let lab = with_log("live\n").await;
    refuse(&lab, 1, Kind::status(500, "InternalError", "remote error: tls: internal error"));
    assert_eq!(logs(&lab, "&all=true").await.expect_status(200).text(), "==> hello-a/c <==\nlive\n");
}

#[tokio::test]
async fn log_rotated_a_stream_that_ends_while_its_container_runs_is_opened_again() {
    for query in FOLLOW {
        let lab = with_log("a\nb\n").await;
        let mut reader = Reader::open(&lab.service, &path(query)).await;
        reader.expect(&format!("{}a\nb\n", heading(query))).await;
        // The stream ends, as if the container had; but that runs on, and writes.
        lab.cluster.end_log("default", "hello-a", "c");
        lab.cluster.wait_for("GET", &format!("{PODS}/hello-a/log"), 2).await;
        for line in ["d", "\ne\n"] {
            lab.cluster.append_log("default", "hello-a", "c", line);
            reader.expect(line).await;
        }
        end(&lab);
        reader.end().await;
    }
}

#[tokio::test]
async fn log_first_container_one_that_a_webhook_put_first_is_not_the_default() {
    let lab = crate::calls::lab().await;
    let template = json!({ "spec": { "containers": [{ "name": "main" }] } });
    let spec = json!({ "selector": { "matchLabels": { "of": "hello" } }, "template": template });
    lab.cluster.put_job(json!({ "metadata": { "name": "hello", "uid": "hello-1" }, "spec": spec }));
    lab.cluster.put_pod(pod("hello-a", 0, &[running("proxy"), running("main")]));
    for container in ["proxy", "main"] {
        lab.cluster.put_log("default", "hello-a", container, format!("{container}'s log\n"));
    }
    assert_eq!(logs(&lab, "").await.expect_status(200).text(), "main's log\n");
    assert_eq!(logs(&lab, "&container=proxy").await.expect_status(200).text(), "proxy's log\n");
}

#[tokio::test]
async fn log_since_a_time_is_passed_on_in_utc() {
    let lab = with_log("x\n").await;
    for (given, asked) in [
        ("2026-11-28T15:00:01Z", "2026-11-28T15:00:01Z"),
        ("2026-11-28T15:00:01.5%2B01:00", "2026-11-28T14:00:01.5Z"),
        ("2026-11-28T15:00:01+01:00", "2026-11-28T14:00:01Z"),
    ] {
        logs(&lab, &format!("&since_time={given}")).await.expect_status(200);
        assert_eq!(lab.cluster.log_queries().pop().unwrap()["sinceTime"], asked);
    }
    // It is kept when the log is opened again.
    let mut reader =
        Reader::open(&lab.service, &path("&follow=true&timestamps=true&since_time=2026-11-28T15:00:01Z")).await;
    reader.piece().await.unwrap().unwrap();
    end_one(&lab.cluster);
    reader.end().await;
    let asked = lab.cluster.log_queries();
    assert!(asked[3..].len() > 1 && asked[3..].iter().all(|query| query["sinceTime"] == "2026-11-28T15:00:01Z"));
}

#[tokio::test]
async fn log_kubelet_200_what_the_kubelet_says_in_place_of_a_log_is_told() {
    let lab = with_log("").await;
    lab.cluster.put_pod(pod("hello-a", 0, &[ended("c", 0)]));
    put_job(&lab.cluster, &finished());
    let sentence = "unable to retrieve container logs for containerd://0123abcd";
    lab.cluster.put_raw_log("default", "hello-a", "c", sentence);
    let told = detail(&logs(&lab, "&follow=true").await, 502, "log_unavailable");
    assert_eq!(told, format!("the kubelet has no log of container c of pod hello-a: {sentence}"));
    let all = logs(&lab, "&follow=true&all=true").await.expect_status(200);
    assert_eq!(all.text(), format!("==> hello-a/c <==\n({sentence})\n"));
    // Without following, nothing tells it apart from a log.
    assert_eq!(logs(&lab, "").await.expect_status(200).text(), sentence);
}

#[tokio::test]
async fn sse_nginx_streams_say_that_they_are_not_to_be_held_back() {
    let lab = with_log("x\n").await;
    assert_eq!(logs(&lab, "").await.expect_status(200).header("x-accel-buffering"), Some("no"));
    let watch = Reader::open(&lab.service, "/api/eks-watch-jobs").await;
    assert_eq!(watch.header("x-accel-buffering"), Some("no"));
}

#[test]
fn sse_browser_key_the_sample_for_pages_with_a_key_sends_one() {
    let text = include_str!("../../../docs/API.md");
    let (_, section) = text.split_once("new EventSource(").unwrap();
    let (sample, _) = section.split_once("### delete-job").unwrap();
    let (before, code) = sample.split_once("async function watch(").unwrap();
    assert!(before.contains("`EventSource` cannot send a key"), "{before}");
    for word in ["fetch(url, { headers })", "Authorization: \"Bearer \" + key", "getReader()", "Last-Event-ID"] {
        assert!(code.contains(word), "the sample lacks {word}");
    }
}
