//! The stream itself: its bounds, who may end it, and how its end can be told from a break.

use serde_json::json;
use tokio::task::yield_now;
use tokio::time::timeout;

use super::reader::{Reader, ask};
use super::{PODS, end_one, ended, logs, path, pod, put_job, put_one, with_log};
use crate::calls::{BINARY, lab, problem};
use crate::support::Lab;
use crate::support::service::PATIENCE;

const FOLLOW: &str = "&follow=true";
const MIB: usize = 1 << 20;
/// More than the sockets between the cluster, the service and the caller take in.
const LARGE: usize = 64 * MIB;

async fn with_large_log() -> Lab {
    let lab = with_log("").await;
    let line = ["l".repeat(MIB - 1), "\n".to_owned()].concat();
    lab.cluster.put_pod(pod("hello-a", 0, &[ended("c", 0)]));
    lab.cluster.put_log("default", "hello-a", "c", line.repeat(LARGE / MIB));
    lab
}

/// The most memory that the service has taken so far, in bytes.
fn peak(lab: &Lab) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", lab.service.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<usize>().unwrap() * 1024
}

#[tokio::test]
async fn a_large_log_passes_without_being_held() {
    let lab = with_large_log().await;
    let before = peak(&lab);
    let mut reader = Reader::open(&lab.service, &path("")).await;
    let mut read = 0;
    while let Some(piece) = reader.piece().await.unwrap() {
        read += piece.len();
    }
    assert_eq!(read, LARGE);
    let grown = peak(&lab) - before;
    assert!(grown < 16 * MIB, "{grown} bytes");
}

#[tokio::test]
async fn a_caller_that_does_not_read_keeps_the_rest_in_the_cluster() {
    let lab = with_large_log().await;
    let mut reader = Reader::open(&lab.service, &path("")).await;
    reader.piece().await.unwrap();
    assert_eq!(lab.service.get("/livez").await.status, 200);
    lab.cluster.close_connections().await;
    // Had the service taken all of it, there would be no break.
    assert!(reader.until_broken().await < LARGE);
}

#[tokio::test]
async fn log_order_a_followed_log_whose_connection_dies_is_taken_up_again() {
    let lab = with_log("one\n").await;
    let mut reader = Reader::open(&lab.service, &path(FOLLOW)).await;
    reader.expect("one\n").await;
    for line in ["two\n", "ha"] {
        lab.cluster.append_log("default", "hello-a", "c", line);
        reader.expect(line).await;
        lab.cluster.close_connections().await;
    }
    lab.cluster.append_log("default", "hello-a", "c", "lf\nthree\n");
    reader.expect("lf\nthree\n").await;
    end_one(&lab.cluster);
    reader.end().await;
}

#[tokio::test]
async fn a_caller_that_hangs_up_is_followed_for_no_longer() {
    let lab = with_log("one\n").await;
    for query in [FOLLOW, "&follow=true&all=true"] {
        let mut reader = Reader::open(&lab.service, &path(query)).await;
        reader.piece().await.unwrap();
        lab.cluster.wait_for_log_followers(1).await;
        drop(reader);
        timeout(PATIENCE, lab.cluster.wait_for_no_log_followers()).await.unwrap();
    }
}

#[tokio::test]
async fn streams_are_counted_and_so_are_those_that_wait() {
    let lab = Lab::with(BINARY, &[("EKS_API_MAX_STREAMS", "1"), ("EKS_API_MAX_REQUESTS", "1")]).await;
    put_one(&lab.cluster, "one\n");
    let mut reader = Reader::open(&lab.service, &path(FOLLOW)).await;
    reader.expect("one\n").await;
    let refused = logs(&lab, "").await;
    problem(&refused, 503, "overloaded");
    assert!(refused.header("retry-after").is_some());
    // The stream is no request any more.
    lab.service.get("/api/eks-get-job-status?job_name=hello&details=true").await.expect_status(200);
    end_one(&lab.cluster);
    reader.end().await;
    free(&lab).await;

    lab.cluster.remove_job("default", "hello");
    put_job(&lab.cluster, &json!({}));
    lab.cluster.put_pod(pod("hello-a", 0, &[super::waiting("c", "ContainerCreating")]));
    let seen = lab.cluster.count("GET", PODS);
    let asked = ask(&lab.service, &path(FOLLOW)).await;
    lab.cluster.wait_for("GET", PODS, seen + 1).await;
    problem(&logs(&lab, "").await, 503, "overloaded");
    asked.hang_up();
    free(&lab).await;
}

/// Waits until there is room for a stream again.
async fn free(lab: &Lab) {
    let free = async {
        while logs(lab, "").await.status == 503 {
            yield_now().await;
        }
    };
    timeout(PATIENCE, free).await.expect("the stream is still counted");
}

#[tokio::test]
async fn a_drain_ends_what_is_followed() {
    let Lab { mut service, cluster, aws: _aws } = with_log("one\n").await;
    let mut reader = Reader::open(&service, &path(FOLLOW)).await;
    reader.expect("one\n").await;
    service.signal("TERM").await;
    // What was sent is not the whole log.
    assert_eq!(reader.until_broken().await, 0);
    timeout(PATIENCE, cluster.wait_for_no_log_followers()).await.unwrap();
    assert_eq!(service.exit_status().await.code(), Some(0));
    let last = service.log_line(|line| line.contains("stopped")).await;
    assert!(!last.contains("still open"), "{last}");
}

#[tokio::test]
async fn a_drain_is_told_to_those_who_wait_for_a_log() {
    let Lab { mut service, cluster, aws: _aws } = lab().await;
    put_job(&cluster, &json!({}));
    let asked = ask(&service, &path(FOLLOW)).await;
    cluster.wait_for("GET", PODS, 1).await;
    service.signal("TERM").await;
    problem(&asked.reply().await, 503, "draining");
    assert_eq!(service.exit_status().await.code(), Some(0));
}

#[tokio::test]
async fn a_drain_lets_a_log_that_has_an_end_be_read() {
    let Lab { mut service, cluster: _cluster, aws: _aws } = with_large_log().await;
    let mut reader = Reader::open(&service, &path("")).await;
    let mut read = reader.piece().await.unwrap().unwrap().len();
    service.signal("TERM").await;
    service.log_line(|line| line.contains("draining")).await;
    while let Some(piece) = reader.piece().await.unwrap() {
        read += piece.len();
    }
    assert_eq!(read, LARGE);
    assert_eq!(service.exit_status().await.code(), Some(0));
}

#[tokio::test]
async fn a_question_about_the_head_alone_reads_no_log() {
    let lab = with_log("one\n").await;
    let reply = lab.service.send("HEAD", &path(FOLLOW), &[], "").await.expect_status(200);
    assert_eq!(reply.text(), "");
    timeout(PATIENCE, lab.cluster.wait_for_no_log_followers()).await.unwrap();
}
