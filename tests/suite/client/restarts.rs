//! A service that goes away and comes back, or has no room: the run outlives it, with one job and with each line once.

use super::run::Run;
use super::{begin, end, manifest};
use crate::calls::{BINARY, JOBS};
use crate::support::aws::AwsMock;
use crate::support::port::Port;
use crate::support::service::Service;
use crate::support::stub::{Fault, Gate, Kind};
use crate::support::{Lab, builder, surroundings};

/// A lab whose service has an address that it can come back to.
async fn lab() -> (Lab, Port) {
    let ((cluster, aws), port) = (surroundings().await, Port::new());
    let service = started(&aws, &port).await;
    (Lab { service, cluster, aws }, port)
}

async fn started(aws: &AwsMock, port: &Port) -> Service {
    let service = builder(BINARY, aws).env("EKS_API_LISTEN", &port.address().to_string()).start().await;
    service.ready().await;
    service
}

/// Ends the service by this signal.
async fn stop(lab: &mut Lab, signal: &str) {
    lab.service.signal(signal).await;
    lab.service.exit_status().await;
}

/// Ends the service and starts another at its address.
async fn restart(lab: &mut Lab, port: &Port, signal: &str) {
    stop(lab, signal).await;
    lab.service = started(&lab.aws, port).await;
}

#[tokio::test]
async fn a_log_goes_on_over_restarts_and_crashes_of_the_service() {
    let (mut lab, port) = lab().await;
    let mut run = Run::of(&manifest("hello", "true"), lab.service.address()).args(&["--follow"]).start().await;
    run.told("is created").await;
    begin(&lab.cluster);
    lab.cluster.put_log("default", "hello-a", "main", "one\ntwo\n");
    assert_eq!([run.line().await, run.line().await], ["one\n", "two\n"]);
    restart(&mut lab, &port, "KILL").await;
    lab.cluster.append_log("default", "hello-a", "main", "three\nfo");
    assert_eq!(run.line().await, "three\n");
    restart(&mut lab, &port, "TERM").await;
    lab.cluster.append_log("default", "hello-a", "main", "ur\nfive\n");
    end(&lab.cluster, 3);
    let ended = run.ended().await;
    ended.expect(3, "the log broke off");
    assert_eq!(ended.stdout, "four\nfive\n");
    assert_eq!(lab.cluster.count("POST", JOBS), 1);
}

#[tokio::test]
async fn what_was_written_while_the_service_was_away_is_shown_though_the_job_has_ended() {
    let (mut lab, port) = lab().await;
    let mut run = Run::of(&manifest("hello", "true"), lab.service.address()).args(&["--follow"]).start().await;
    run.told("is created").await;
    begin(&lab.cluster);
    lab.cluster.put_log("default", "hello-a", "main", "one\n");
    assert_eq!(run.line().await, "one\n");
    stop(&mut lab, "TERM").await;
    lab.cluster.append_log("default", "hello-a", "main", "two\n");
    end(&lab.cluster, 0);
    lab.service = started(&lab.aws, &port).await;
    let ended = run.ended().await;
    // A short absence is not worth a word.
    ended.expect(0, "job default/hello completed");
    assert_eq!(ended.stdout, "two\n");
}

#[tokio::test]
async fn a_wait_goes_on_over_a_restart() {
    let (mut lab, port) = lab().await;
    let run = Run::of(&manifest("hello", "true"), lab.service.address()).start().await;
    run.told("is created").await;
    restart(&mut lab, &port, "TERM").await;
    begin(&lab.cluster);
    end(&lab.cluster, 0);
    run.ended().await.expect(0, "job default/hello completed");
}

#[tokio::test]
async fn a_job_whose_answer_is_lost_is_made_once() {
    let (mut lab, port) = lab().await;
    let gate = Gate::new();
    lab.cluster.fault(Fault::new("POST", JOBS, Kind::HoldAfter(gate.clone())));
    // Without a name it is the key that makes it the same job.
    let nameless = manifest("hello", "true").replace("\"name\":\"hello\"", "\"generateName\":\"hello-\"");
    let run = Run::of(&nameless, lab.service.address()).start().await;
    gate.held(1).await;
    assert!(lab.cluster.job("default", "hello").is_none());
    restart(&mut lab, &port, "KILL").await;
    lab.cluster.wait_for("POST", JOBS, 2).await;
    let jobs = lab.service.get_directly("/api/eks-list-jobs").await.json()["jobs"].take();
    let [job] = jobs.as_array().unwrap().as_slice() else { panic!("{jobs}") };
    let name = job["job_name"].as_str().unwrap();
    let complete = serde_json::json!({ "conditions": [{ "type": "Complete", "status": "True" }] });
    lab.cluster.set_job_status("default", name, complete);
    run.ended().await.expect(0, "already exists");
}

#[tokio::test]
async fn a_service_that_is_not_there_is_waited_for_until_the_time_is_up() {
    let port = Port::new();
    let run =
        Run::of(&manifest("hello", "true"), &port.address().to_string()).args(&["--timeout", "300ms"]).ended().await;
    run.expect(69, "the time is up; http://");
    assert!(run.stderr.contains("nothing was sent"), "{run:?}");
    let told = format!("nothing answers at http://{} (connection refused); trying again until", port.address());
    assert!(run.stderr.contains(&told), "{run:?}");
}

#[tokio::test]
async fn a_service_that_asks_for_patience_is_asked_again() {
    let (lab, _port) = lab().await;
    lab.cluster.fault(Fault::new("POST", JOBS, Kind::too_many(0)).times(20));
    let run = Run::of(&manifest("hello", "true"), lab.service.address()).args(&["--timeout", "20s"]).start().await;
    lab.cluster.wait_for("POST", JOBS, 2).await;
    lab.cluster.clear_faults();
    let asked = lab.cluster.count("POST", JOBS);
    lab.cluster.wait_for("POST", JOBS, asked + 1).await;
    while lab.cluster.job("default", "hello").is_none() {
        tokio::task::yield_now().await;
    }
    begin(&lab.cluster);
    end(&lab.cluster, 0);
    run.ended().await.expect(0, "job default/hello completed");
}
