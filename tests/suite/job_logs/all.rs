//! The logs of all pods and containers of a job, one after the other.

use serde_json::{Value, json};

use super::reader::Reader;
use super::{PODS, ended, finished, logs, path, pod, put_job, running, waiting};
use crate::calls::{detail, lab};
use crate::support::Lab;
use crate::support::stub::{Fault, Kind};

const ALL: &str = "&all=true";

/// A job with these pods, whose containers have written their own names.
async fn with_pods(pods: &[Value]) -> Lab {
    let lab = lab().await;
    put_job(&lab.cluster, &finished());
    for pod in pods {
        let name = pod["metadata"]["name"].as_str().unwrap();
        let kinds = ["containers", "initContainers"].into_iter();
        for container in kinds.filter_map(|kind| pod["spec"][kind].as_array()).flatten() {
            let container = container["name"].as_str().unwrap();
            lab.cluster.put_log("default", name, container, format!("{name} {container}\n"));
        }
        lab.cluster.put_pod(pod.clone());
    }
    lab
}

#[tokio::test]
async fn every_container_is_read_under_its_name_the_oldest_pod_first() {
    let mut old = pod("hello-z", 1, &[ended("main", 1), ended("helper", 0)]);
    old["spec"]["initContainers"] = json!([{ "name": "proxy", "restartPolicy": "Always" }, { "name": "fetch" }]);
    old["status"]["initContainerStatuses"] = json!([running("proxy"), ended("fetch", 0)]);
    let lab = with_pods(&[old, pod("hello-a", 2, &[ended("main", 0)])]).await;
    let expected = "==> hello-z/fetch <==\nhello-z fetch\n\n\
        ==> hello-z/main <==\nhello-z main\n\n\
        ==> hello-z/helper <==\nhello-z helper\n\n\
        ==> hello-z/proxy <==\nhello-z proxy\n\n\
        ==> hello-a/main <==\nhello-a main\n";
    assert_eq!(logs(&lab, ALL).await.expect_status(200).text(), expected);
    logs(&lab, "&all=true&tail_lines=0").await.expect_status(200);
    assert!(lab.cluster.log_queries()[5..].iter().all(|query| query["tailLines"] == "0"));
}

#[tokio::test]
async fn one_container_is_read_in_every_pod_that_has_it() {
    let pods = [
        pod("hello-a", 1, &[running("main"), running("helper")]),
        pod("hello-b", 2, &[running("main")]),
        pod("hello-c", 3, &[running("helper")]),
    ];
    let lab = with_pods(&pods).await;
    let expected = "==> hello-a/helper <==\nhello-a helper\n\n==> hello-c/helper <==\nhello-c helper\n";
    assert_eq!(logs(&lab, "&all=true&container=helper").await.text(), expected);
}

#[tokio::test]
async fn a_log_that_does_not_end_its_line_does_not_swallow_the_next_name() {
    let lab = with_pods(&[pod("hello-a", 1, &[ended("c", 0)]), pod("hello-b", 2, &[ended("c", 0)])]).await;
    lab.cluster.put_log("default", "hello-a", "c", "no end");
    lab.cluster.put_log("default", "hello-b", "c", "");
    assert_eq!(logs(&lab, ALL).await.text(), "==> hello-a/c <==\nno end\n\n==> hello-b/c <==\n");
}

#[tokio::test]
async fn what_cannot_be_read_is_named_in_its_place() {
    let pods = [
        pod("hello-a", 1, &[waiting("c", "ContainerCreating")]),
        pod("hello-b", 2, &[running("c")]),
        pod("hello-c", 3, &[running("c")]),
        pod("hello-d", 4, &[running("c")]),
    ];
    let lab = with_pods(&pods).await;
    let fault = |pod: &str, kind| lab.cluster.fault(Fault::new("GET", &format!("{PODS}/{pod}/log"), kind).always());
    fault("hello-b", Kind::status(404, "NotFound", "pods \"hello-b\" not found"));
    fault("hello-c", Kind::status(400, "BadRequest", "container \"c\" is terminated"));
    let expected = "==> hello-a/c <==\n(waiting: ContainerCreating: about ContainerCreating)\n\n\
        ==> hello-b/c <==\n(gone)\n\n\
        ==> hello-c/c <==\n(the API server answered 400: container \"c\" is terminated)\n\n\
        ==> hello-d/c <==\nhello-d c\n";
    assert_eq!(logs(&lab, ALL).await.expect_status(200).text(), expected);
}

#[tokio::test]
async fn the_runs_before_can_be_read_where_there_were_any() {
    let lab = with_pods(&[pod("hello-a", 1, &[running("c")]), pod("hello-b", 2, &[running("c")])]).await;
    lab.cluster.put_previous_log("default", "hello-b", "c", "before\n");
    let expected = "==> hello-a/c <==\n(no previous run)\n\n==> hello-b/c <==\nbefore\n";
    assert_eq!(logs(&lab, "&all=true&previous=true").await.text(), expected);
}

#[tokio::test]
async fn a_right_that_goes_in_the_middle_breaks_the_stream_off() {
    let lab = with_pods(&[pod("hello-a", 1, &[running("c")]), pod("hello-b", 2, &[running("c")])]).await;
    lab.cluster.fault(Fault::new("GET", &format!("{PODS}/hello-b/log"), Kind::status(403, "Forbidden", "no more")));
    Reader::open(&lab.service, &path(ALL)).await.until_broken().await;
    lab.service.log_line(|line| line.contains("log stream aborted") && line.contains("no more")).await;
}

#[tokio::test]
async fn followed_pods_come_one_after_the_other_until_the_job_is_finished() {
    let lab = with_pods(&[pod("hello-a", 1, &[ended("c", 1)]), pod("hello-b", 2, &[running("c")])]).await;
    put_job(&lab.cluster, &json!({ "active": 1 }));
    let mut reader = Reader::open(&lab.service, &path("&all=true&follow=true")).await;
    reader.expect("==> hello-a/c <==\nhello-a c\n\n==> hello-b/c <==\nhello-b c\n").await;
    lab.cluster.append_log("default", "hello-b", "c", "more\n");
    reader.expect("more\n").await;

    let seen = lab.cluster.count("GET", PODS);
    lab.cluster.put_pod(pod("hello-b", 2, &[ended("c", 1)]));
    lab.cluster.end_log("default", "hello-b", "c");
    // Nothing is left to read, and the job is not finished.
    lab.cluster.wait_for("GET", PODS, seen + 3).await;
    lab.cluster.put_pod(pod("hello-c", 3, &[waiting("c", "ContainerCreating")]));
    lab.cluster.put_log("default", "hello-c", "c", "third\n");
    lab.cluster.put_pod(pod("hello-c", 3, &[running("c")]));
    reader.expect("\n==> hello-c/c <==\nthird\n").await;
    put_job(&lab.cluster, &finished());
    lab.cluster.put_pod(pod("hello-c", 3, &[ended("c", 0)]));
    lab.cluster.end_log("default", "hello-c", "c");
    reader.end().await;
}

#[tokio::test]
async fn a_job_without_pods_or_with_none_that_has_the_container_is_told() {
    let lab = with_pods(&[]).await;
    detail(&logs(&lab, ALL).await, 404, "no_pods");
    lab.cluster.put_pod(pod("hello-a", 1, &[running("c")]));
    let told = detail(&logs(&lab, "&all=true&container=x").await, 404, "container_not_found");
    assert_eq!(told, "pod hello-a has no container x; it has c");
}
