//! How a run ends: as its job does, or before it, and why.

use serde_json::json;
use tokio::time::timeout;

use super::run::Run;
use super::{begin, end, lively, manifest, put_pod, put_pod_of};
use crate::calls::{JOBS, lab};
use crate::support::service::PATIENCE;
use crate::support::stub::{Fault, Kind};

const LOG: &str = "step 1 of 3\nstep 2 of 3\nstep 3 of 3\n";

#[tokio::test]
async fn a_job_that_completes_ends_the_run_with_0() {
    let lab = lively(&[]).await;
    let ended = Run::of(&manifest("hello", "true"), lab.service.address()).ended().await;
    ended.expect(0, "eks-api: job default/hello completed\n");
    assert_eq!(ended.stdout, "", "without --follow nothing is on stdout");
    let lines: Vec<&str> = ended.stderr.lines().collect();
    assert!(lines.iter().all(|line| line.starts_with("eks-api: ")), "{lines:?}");
    assert!(lines.contains(&"eks-api: job default/hello is created"), "{lines:?}");
    assert!(!ended.stderr.contains(['\r', '\x1b']), "in a pipe there is no live line: {:?}", ended.stderr);
}

#[tokio::test]
async fn a_log_is_on_stdout_in_its_order_and_nothing_else_is() {
    let lab = lively(&[]).await;
    let run = Run::of(&manifest("hello", "true"), lab.service.address()).args(&["--follow", "--namespace", "demo"]);
    let ended = run.ended().await;
    ended.expect(0, "job demo/hello completed");
    assert_eq!(ended.stdout, LOG);
}

#[tokio::test]
async fn a_job_that_fails_ends_the_run_with_its_containers_exit_code() {
    let lab = lively(&[]).await;
    let run = Run::of(&manifest("hello", "echo no; exit 42"), lab.service.address()).args(&["--follow"]);
    let ended = run.ended().await;
    ended.expect(42, "job default/hello failed (exit code 42): BackoffLimitExceeded: Job has reached");
    assert_eq!(ended.stdout, LOG);
}

#[tokio::test]
async fn a_job_that_fails_without_an_exit_code_ends_the_run_with_1() {
    let lab = lab().await;
    let run = Run::of(&manifest("hello", "true"), lab.service.address()).start().await;
    run.told("is created").await;
    let condition = json!({ "type": "Failed", "status": "True", "reason": "DeadlineExceeded" });
    lab.cluster.set_job_status("default", "hello", json!({ "conditions": [condition] }));
    run.ended().await.expect(1, "job default/hello failed: DeadlineExceeded");
}

#[tokio::test]
async fn a_job_that_is_deleted_ends_the_run_with_1() {
    let lab = lab().await;
    for follow in [&[][..], &["--follow"]] {
        let run = Run::of(&manifest("hello", "true"), lab.service.address()).args(follow).start().await;
        run.told("is created").await;
        lab.cluster.remove_job("default", "hello");
        run.ended().await.expect(1, "job default/hello was deleted");
    }
}

#[tokio::test]
async fn a_job_of_the_same_name_is_not_taken_for_the_one_that_was_submitted() {
    let lab = lab().await;
    let run = Run::of(&manifest("hello", "true"), lab.service.address()).start().await;
    run.told("is created").await;
    let mut other = lab.cluster.job("default", "hello").unwrap();
    lab.cluster.remove_job("default", "hello");
    other["metadata"]["uid"] = json!("another");
    other["status"] = json!({ "conditions": [{ "type": "Complete", "status": "True" }] });
    lab.cluster.put_job(other);
    run.ended().await.expect(1, "job default/hello was deleted");
}

#[tokio::test]
async fn what_the_service_refuses_is_told_in_its_words() {
    let lab = lab().await;
    let run = |text: &str| Run::of(text, lab.service.address());
    run(&manifest("Hello", "true")).ended().await.expect(65, "\"Hello\" is not a job name");
    lab.cluster.put_job(serde_json::from_str(&manifest("taken", "true")).unwrap());
    let taken = run(&manifest("taken", "true")).ended().await;
    taken.expect(65, "already exists (409 AlreadyExists, request ");
    assert_eq!(taken.stdout, "");
    lab.cluster.fault(Fault::new("POST", JOBS, Kind::status(403, "Forbidden", "exceeded quota: one")));
    run(&manifest("hello", "true")).ended().await.expect(75, "exceeded quota: one");
    assert!(lab.cluster.job("default", "hello").is_none());
}

#[tokio::test]
async fn what_cannot_be_sent_is_a_usage_error() {
    for (arguments, told) in [
        (&["-f", "none.json"][..], "none.json cannot be read: there is no such file"),
        (&["--follow"], "-f is missing"),
        (&["-f", "job.json", "--url", "http://user:hunter2@127.0.0.1"], "without a user"),
        (&["-f", "job.json", "--key-file", "none"], "--key-file none: "),
        (&["-f", "job.json", "--ca-file", "job.json"], "--ca-file job.json: "),
        (&["-f", "job.json"], "job.json is not YAML"),
    ] {
        let ended = Run::with("kind: [Job\n", arguments).ended().await;
        ended.expect(2, told);
        assert!(!ended.stderr.contains("hunter2"), "{ended:?}");
    }
    let help = Run::with("", &["--help"]).ended().await;
    help.expect(0, "");
    assert!(help.stdout.contains("Exit codes:"), "{help:?}");
}

#[tokio::test]
async fn a_manifest_may_come_on_stdin() {
    let lab = lively(&[]).await;
    let url = format!("http://{}", lab.service.address());
    let run = Run::with("", &["-f", "-"]).env("EKS_API_URL", &url).stdin(&manifest("piped", "true"));
    run.ended().await.expect(0, "job default/piped completed");
}

#[tokio::test]
async fn runs_with_the_same_key_are_one_job() {
    let lab = lively(&[]).await;
    let run = |key: &[&str]| Run::of(&manifest("nightly", "true"), lab.service.address()).args(key);
    let keyed = ["--idempotency-key", "nightly-1"];
    run(&keyed).ended().await.expect(0, "job default/nightly is created");
    run(&keyed).ended().await.expect(0, "job default/nightly already exists");
    run(&[]).ended().await.expect(65, "409 AlreadyExists");
}

#[tokio::test]
async fn a_run_whose_time_is_up_leaves_its_job() {
    let lab = lab().await;
    let run = Run::of(&manifest("hello", "true"), lab.service.address()).args(&["--timeout", "3s"]).ended().await;
    run.expect(124, "the time is up; job default/hello goes on");
    assert!(lab.cluster.deletions().is_empty() && lab.cluster.job("default", "hello").is_some());
}

#[tokio::test]
async fn a_signal_ends_the_run_and_the_job_only_if_it_is_said() {
    let lab = lab().await;
    for (signal, code, also, told, deleted) in [
        ("INT", 130, &[][..], "interrupted; job default/hello-0 goes on", 0),
        ("TERM", 143, &["--delete-on-interrupt"], "terminated; job default/hello-1 is being deleted", 1),
        ("INT", 130, &["--delete-on-interrupt", "--follow"], "interrupted; job default/hello-2 is being deleted", 1),
    ] {
        let name = told.split(['/', ' ']).find(|word| word.starts_with("hello")).unwrap();
        let run = Run::of(&manifest(name, "true"), lab.service.address()).args(also).start().await;
        run.told("is created").await;
        run.signal(signal).await;
        run.ended().await.expect(code, told);
        assert_eq!(lab.cluster.count("DELETE", &format!("{JOBS}/{name}")), deleted);
    }
    let denied = Kind::status(403, "Forbidden", "not you");
    lab.cluster.fault(Fault::new("DELETE", &format!("{JOBS}/hello-3"), denied).always());
    let run = Run::of(&manifest("hello-3", "true"), lab.service.address()).args(&["--delete-on-interrupt"]);
    let run = run.start().await;
    run.told("is created").await;
    run.signal("INT").await;
    run.ended().await.expect(130, "interrupted; job default/hello-3 is not deleted: not you");
}

#[tokio::test]
async fn a_reader_that_leaves_is_no_error_and_the_job_still_decides() {
    let lab = lab().await;
    let mut run = Run::of(&manifest("hello", "true"), lab.service.address()).args(&["--follow"]).start().await;
    run.told("is created").await;
    begin(&lab.cluster);
    lab.cluster.put_log("default", "hello-a", "main", "one\n");
    assert_eq!(run.line().await, "one\n");
    run.leave();
    lab.cluster.append_log("default", "hello-a", "main", "two\n");
    timeout(PATIENCE, lab.cluster.wait_for_no_log_followers()).await.unwrap();
    end(&lab.cluster, 7);
    run.ended().await.expect(7, "job default/hello failed (exit code 7): Told: by the test");
}

#[tokio::test]
async fn a_reader_that_stalls_keeps_no_signal_out() {
    let lab = lab().await;
    let run = Run::of(&manifest("hello", "true"), lab.service.address()).args(&["--follow"]);
    let (run, _reader) = run.start_stalled().await;
    run.told("is created").await;
    begin(&lab.cluster);
    lab.cluster.put_log("default", "hello-a", "main", "one\n");
    run.told("log of hello-a/main").await;
    run.signal("INT").await;
    run.ended().await.expect(130, "interrupted; job default/hello goes on");
}

#[tokio::test]
async fn the_pods_of_a_job_that_is_tried_again_are_followed_one_after_another() {
    let lab = lab().await;
    let mut run = Run::of(&manifest("hello", "true"), lab.service.address()).args(&["--follow"]).start().await;
    run.told("is created").await;
    begin(&lab.cluster);
    lab.cluster.put_log("default", "hello-a", "main", "first try\n");
    assert_eq!(run.line().await, "first try\n");
    put_pod(&lab.cluster, "Failed", &json!({ "terminated": { "exitCode": 9 } }));
    lab.cluster.end_log("default", "hello-a", "main");
    put_pod_of("hello-b", &lab.cluster, "Running", &json!({ "running": {} }));
    lab.cluster.put_log("default", "hello-b", "main", "second try\n");
    assert_eq!(run.line().await, "second try\n");
    put_pod_of("hello-b", &lab.cluster, "Failed", &json!({ "terminated": { "exitCode": 8 } }));
    lab.cluster.end_log("default", "hello-b", "main");
    let condition = json!({ "type": "Failed", "status": "True", "reason": "BackoffLimitExceeded" });
    lab.cluster.set_job_status("default", "hello", json!({ "conditions": [condition] }));
    let ended = run.ended().await;
    // The last try is the one beyond the limit.
    ended.expect(8, "job default/hello failed (exit code 8): BackoffLimitExceeded");
    assert_eq!(ended.stdout, "");
}

#[tokio::test]
async fn a_container_that_waits_is_told_of_and_its_log_is_not_missed() {
    let lab = lab().await;
    let run = Run::of(&manifest("hello", "true"), lab.service.address()).args(&["--follow"]).start().await;
    run.told("is created").await;
    let stuck = json!({ "waiting": { "reason": "ImagePullBackOff", "message": "Back-off pulling image" } });
    put_pod(&lab.cluster, "Pending", &stuck);
    // It is told once the pod has been seen so, after which it is looked at as it is then.
    let told = lab.service.log_line(|line| line.contains("operation=get_job_logs") && line.contains("status=200"));
    told.await;
    lab.cluster.put_log("default", "hello-a", "main", "late\n");
    end(&lab.cluster, 0);
    let ended = run.ended().await;
    ended.expect(0, "hello-a/main: (");
    assert!(ended.stderr.contains("ImagePullBackOff"), "{ended:?}");
    assert_eq!(ended.stdout, "late\n");
}
