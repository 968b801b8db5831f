//! Logs that are followed: what is waited for, and when it ends.

use serde_json::json;

use super::reader::{Reader, ask};
use super::{PODS, end_one, ended, finished, path, pod, put_job, put_one, running, waiting, with_log};
use crate::calls::{detail, lab, problem};
use crate::support::stub::{Fault, Kind};

const FOLLOW: &str = "&follow=true";

#[tokio::test]
async fn each_piece_arrives_before_the_next_is_written() {
    let lab = with_log("").await;
    let mut reader = Reader::open(&lab.service, &path(FOLLOW)).await;
    for piece in ["a line\n", "half ", "a line\n", "\u{1f980}\0\r\n"] {
        lab.cluster.append_log("default", "hello-a", "c", piece);
        reader.expect(piece).await;
    }
    end_one(&lab.cluster);
    reader.end().await;
}

#[tokio::test]
async fn a_pod_that_has_ended_is_read_to_its_end() {
    let lab = with_log("all\n").await;
    end_one(&lab.cluster);
    let mut reader = Reader::open(&lab.service, &path("&follow=true&tail_lines=5&timestamps=true")).await;
    let line = reader.piece().await.unwrap().unwrap();
    assert!(line.ends_with(b"Z all\n"), "{line:?}");
    reader.end().await;
    let asked = lab.cluster.log_queries();
    assert_eq!(asked.len(), 1);
    // A log that grows no more is not followed: then its end tells that it is whole.
    assert_eq!((asked[0].get("follow"), &*asked[0]["tailLines"]), (None, "5"));
}

#[tokio::test]
async fn a_container_that_is_being_made_is_waited_for() {
    let lab = lab().await;
    put_job(&lab.cluster, &json!({ "active": 1 }));
    let mut unscheduled = pod("hello-a", 0, &[running("c")]);
    unscheduled["spec"]["nodeName"] = json!(null);
    unscheduled["status"] = json!({ "phase": "Pending" });
    lab.cluster.put_pod(unscheduled);
    let asked = ask(&lab.service, &path(FOLLOW)).await;
    lab.cluster.wait_for("GET", PODS, 1).await;
    lab.cluster.put_pod(pod("hello-a", 0, &[waiting("c", "ContainerCreating")]));
    lab.cluster.wait_for("GET", PODS, 3).await;
    assert!(lab.cluster.log_queries().is_empty());
    put_one(&lab.cluster, "hello\n");
    let mut reader = asked.reader().await;
    reader.expect("hello\n").await;
    end_one(&lab.cluster);
    reader.end().await;
}

#[tokio::test]
async fn a_pod_is_waited_for_and_a_job_that_ends_without_one_is_told() {
    let lab = lab().await;
    put_job(&lab.cluster, &json!({}));
    let (one, other) =
        (ask(&lab.service, &path(FOLLOW)).await, ask(&lab.service, &path("&follow=true&all=true")).await);
    lab.cluster.wait_for("GET", PODS, 3).await;
    put_job(&lab.cluster, &finished());
    for asked in [one, other] {
        let told = detail(&asked.reply().await, 404, "no_pods");
        assert_eq!(told, "job hello has finished, and its pods are gone");
    }
}

#[tokio::test]
async fn a_job_that_goes_while_it_is_waited_for_is_told() {
    let lab = lab().await;
    put_job(&lab.cluster, &json!({}));
    let asked = ask(&lab.service, &path(FOLLOW)).await;
    lab.cluster.wait_for("GET", PODS, 1).await;
    lab.cluster.remove_job("default", "hello");
    problem(&asked.reply().await, 404, "NotFound");
}

#[tokio::test]
async fn waiting_ends_with_a_problem_when_somebody_has_to_mend_something() {
    let lab = lab().await;
    put_job(&lab.cluster, &json!({ "active": 1 }));
    lab.cluster.put_pod(pod("hello-a", 0, &[waiting("c", "ContainerCreating")]));
    let asked = ask(&lab.service, &path(FOLLOW)).await;
    lab.cluster.wait_for("GET", PODS, 1).await;
    lab.cluster.put_pod(pod("hello-a", 0, &[waiting("c", "InvalidImageName")]));
    problem(&asked.reply().await, 409, "container_waiting");
}

#[tokio::test]
async fn a_kubelet_that_is_behind_is_asked_again() {
    let lab = with_log("hello\n").await;
    let message = r#"container "c" in pod "hello-a" is waiting to start: ContainerCreating"#;
    let behind = Kind::status(400, "BadRequest", message);
    lab.cluster.fault(Fault::new("GET", &format!("{PODS}/hello-a/log"), behind));
    Reader::open(&lab.service, &path(FOLLOW)).await.expect("hello\n").await;
}

#[tokio::test]
async fn a_container_that_is_run_again_is_followed_on() {
    let lab = with_log("first\n").await;
    let mut failed = pod("hello-a", 0, &[ended("c", 1)]);
    failed["spec"]["restartPolicy"] = json!("OnFailure");
    let mut reader = Reader::open(&lab.service, &path("&follow=true&tail_lines=1")).await;
    reader.expect("first\n").await;
    let seen = lab.cluster.count("GET", PODS);
    lab.cluster.put_pod(failed.clone());
    lab.cluster.end_log("default", "hello-a", "c");
    // The log was asked for before, and the pods twice since: it waits for the next run.
    lab.cluster.wait_for("GET", PODS, seen + 2).await;
    lab.cluster.put_log("default", "hello-a", "c", "second\nlast\n");
    lab.cluster.end_log("default", "hello-a", "c");
    failed["status"]["containerStatuses"][0]["restartCount"] = json!(1);
    failed["status"]["phase"] = json!("Failed");
    lab.cluster.put_pod(failed);
    reader.expect("second\nlast\n").await;
    reader.end().await;
    // The first run is followed, then read to its end.
    assert_eq!(lab.cluster.log_queries().len(), 3);
}

#[tokio::test]
async fn a_job_that_is_removed_ends_with_its_log() {
    let lab = with_log("x\n").await;
    let mut reader = Reader::open(&lab.service, &path(FOLLOW)).await;
    reader.expect("x\n").await;
    lab.cluster.remove_job("default", "hello");
    lab.cluster.end_log("default", "hello-a", "c");
    reader.end().await;
}
