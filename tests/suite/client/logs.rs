//! `eks-api logs`, and the logs of several pods at the same time.

use serde_json::json;

use super::run::Run;
use super::{begin, end, manifest, put_pod, put_pod_of};
use crate::calls::lab;
use crate::job_logs::{PODS, end_one, ended, finished, pod, put_job, running, with_log};
use crate::support::stub::{Fault, Kind};

const LINES: &str = "one\ntwo\nthree\n";

#[tokio::test]
async fn logs_has_the_parameters_of_the_call() {
    let lab = with_log(LINES).await;
    let logs = |arguments: &[&str]| Run::command(&[&["logs", "hello"], arguments].concat(), lab.service.address());
    for (arguments, shown) in [
        (&[][..], LINES),
        (&["--tail", "1"], "three\n"),
        (&["--container", "c", "--since", "1h"], LINES),
        (&["--pod", "hello-a"], LINES),
        (&["--all"], LINES),
    ] {
        let ended = logs(arguments).ended().await;
        ended.expect(0, if arguments == ["--all"] { "log of hello-a/c" } else { "" });
        assert_eq!(ended.stdout, shown, "{arguments:?}");
    }
    let with_times = logs(&["--timestamps"]).ended().await;
    let is_timed = |(line, text): (&str, &str)| line.starts_with("20") && line.ends_with(&format!("Z {text}"));
    assert!(with_times.stdout.lines().zip(LINES.lines()).all(is_timed), "{with_times:?}");
    logs(&["--previous"]).ended().await.expect(65, "404 no_previous_log");
    logs(&["--container", "none"]).ended().await.expect(65, "404 container_not_found");
    let queries = lab.cluster.log_queries();
    assert!(queries.iter().any(|query| query.get("sinceSeconds").is_some_and(|since| since == "3600")), "{queries:?}");
    Run::command(&["logs", "none"], lab.service.address()).ended().await.expect(65, "no log was shown: ");
}

#[tokio::test]
async fn logs_follows_until_the_pod_ends() {
    let lab = with_log("one\n").await;
    let mut run = Run::command(&["logs", "hello", "--follow"], lab.service.address()).start().await;
    assert_eq!(run.line().await, "one\n");
    lab.cluster.append_log("default", "hello-a", "c", "two\n");
    assert_eq!(run.line().await, "two\n");
    end_one(&lab.cluster);
    let ended = run.ended().await;
    ended.expect(0, "");
    assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("", ""));
}

#[tokio::test]
async fn with_a_prefix_the_lines_of_all_pods_come_as_they_are_written_and_none_is_torn() {
    let lab = lab().await;
    let run = Run::of(&manifest("hello", "true"), lab.service.address()).args(&["--follow", "--prefix"]);
    let mut run = run.start().await;
    run.told("is created").await;
    put_pod_of("hello-b", &lab.cluster, "Running", &json!({ "running": {} }));
    begin(&lab.cluster);
    lab.cluster.put_log("default", "hello-a", "main", "a1\na");
    assert_eq!(run.line().await, "hello-a/main a1\n");
    lab.cluster.put_log("default", "hello-b", "main", "b1\nb");
    assert_eq!(run.line().await, "hello-b/main b1\n");
    lab.cluster.append_log("default", "hello-a", "main", "2\n");
    assert_eq!(run.line().await, "hello-a/main a2\n");
    lab.cluster.append_log("default", "hello-b", "main", "2");
    put_pod_of("hello-b", &lab.cluster, "Succeeded", &json!({ "terminated": { "exitCode": 0 } }));
    lab.cluster.end_log("default", "hello-b", "main");
    assert_eq!(run.line().await, "hello-b/main b2\n", "a last line without an end");
    lab.cluster.append_log("default", "hello-a", "main", "a3\n");
    end(&lab.cluster, 0);
    let ended = run.ended().await;
    ended.expect(0, "job default/hello completed");
    assert_eq!(ended.stdout, "hello-a/main a3\n");
}

#[tokio::test]
async fn more_pods_than_are_open_at_a_time_wait_and_all_are_shown() {
    let lab = lab().await;
    put_job(&lab.cluster, &json!({ "active": 20 }));
    for number in 0..20 {
        let name = format!("hello-{number:02}");
        lab.cluster.put_pod(pod(&name, number, &[running("c"), ended("d", 0)]));
        lab.cluster.put_log("default", &name, "c", format!("{number}\n"));
    }
    let run = Run::command(&["logs", "hello", "--prefix", "--follow", "-o", "json"], lab.service.address());
    run.ended().await.expect(2, "unknown option");
    let arguments = ["logs", "hello", "--prefix", "--follow", "--container", "c"];
    let run = Run::command(&arguments, lab.service.address()).start().await;
    run.told("16 logs are open; the other containers wait").await;
    lab.cluster.wait_for_log_followers(16).await;
    for number in 0..20 {
        let name = format!("hello-{number:02}");
        lab.cluster.put_pod(pod(&name, number, &[ended("c", 0), ended("d", 0)]));
        lab.cluster.end_log("default", &name, "c");
    }
    put_job(&lab.cluster, &finished());
    let ended = run.ended().await;
    ended.expect(0, "");
    let mut lines: Vec<&str> = ended.stdout.lines().collect();
    lines.sort_unstable();
    let expected: Vec<String> = (0..20).map(|number| format!("hello-{number:02}/c {number}")).collect();
    assert_eq!(lines, expected);
    let one = ["logs", "hello", "--prefix", "--pod", "hello-07", "--container", "c"];
    let one = Run::command(&one, lab.service.address()).ended().await;
    one.expect(0, "");
    assert_eq!(one.stdout, "hello-07/c 7\n");
}

#[tokio::test]
async fn a_pod_whose_log_cannot_be_read_does_not_hide_the_others() {
    let lab = lab().await;
    put_job(&lab.cluster, &finished());
    for (number, name) in [(1, "hello-a"), (2, "hello-b")] {
        lab.cluster.put_pod(pod(name, number, &[ended("c", 0)]));
        lab.cluster.put_log("default", name, "c", "text\n");
    }
    let gone = Kind::status(404, "NotFound", "pods \"hello-a\" not found");
    lab.cluster.fault(Fault::new("GET", &format!("{PODS}/hello-a/log"), gone).always());
    let ended = Run::command(&["logs", "hello", "--prefix"], lab.service.address()).ended().await;
    ended.expect(65, "hello-a/c: no log was shown: ");
    assert_eq!(ended.stdout, "hello-b/c text\n");
}

#[tokio::test]
async fn a_container_that_waits_is_shown_once_it_runs() {
    let lab = lab().await;
    let run = Run::of(&manifest("hello", "true"), lab.service.address()).args(&["--follow", "--prefix"]);
    let mut run = run.start().await;
    run.told("is created").await;
    put_pod(&lab.cluster, "Pending", &json!({ "waiting": { "reason": "ContainerCreating" } }));
    lab.cluster.set_job_status("default", "hello", json!({ "active": 1 }));
    lab.cluster.wait_for("GET", PODS, 1).await;
    lab.cluster.put_log("default", "hello-a", "main", "late\n");
    put_pod(&lab.cluster, "Running", &json!({ "running": {} }));
    assert_eq!(run.line().await, "hello-a/main late\n");
    end(&lab.cluster, 0);
    run.ended().await.expect(0, "completed");
}
