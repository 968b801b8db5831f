//! The clusters file is read again on SIGHUP: lines are added, removed and changed, and the other clusters notice nothing.

use serde_json::{Value, json};
use tokio::join;

use super::{EVENTS, HELLO, LOG, Lab, fill, hello, problem, to, until_known, until_status};
use crate::access::{job_in, own_job_in};
use crate::job_events::reader::Reader;
use crate::job_logs::reader::Reader as LogReader;
use crate::live::until;
use crate::support::aws::Role;
use crate::support::service::Reply;
use crate::support::stub::{Fault, Gate, Kind};

/// The query of the event stream.
fn events(cluster: &str) -> String {
    to(EVENTS, cluster)["/api/eks-watch-jobs?".len()..].to_owned()
}

async fn until_open(lab: &Lab, metric: &str, count: u32) {
    let line = format!("\neks_api_{metric} {count}\n");
    until(async || lab.service.get("/metrics").await, |reply| reply.text().contains(&line)).await;
}

fn without(text: &str, name: &str) -> String {
    let lines = text.lines().filter(|line| line.split(' ').next() != Some(name));
    lines.flat_map(|line| [line, "\n"]).collect()
}

#[tokio::test]
async fn a_new_line_is_served_and_a_removed_one_is_unknown() {
    let mut lab = Lab::start().await;
    let mut stream = Reader::open(&lab.service, &events("a")).await;
    stream.snapshot().await;
    let connections = lab.a().connections();
    lab.clusters.add("c").await;
    fill("c", lab.clusters.stub("c"));
    assert_eq!(problem(&lab.service.get(&to(HELLO, "c")).await), (404, "cluster_not_found".to_owned()));
    lab.reload(&lab.clusters.text()).await;
    until_known(&lab.service, "c", 1).await;
    let reply = lab.service.get(&to(HELLO, "c")).await.expect_status(200);
    assert_eq!(reply.json()["cluster"], "c");

    lab.reload(&without(&lab.clusters.text(), "b")).await;
    assert_eq!(problem(&lab.service.get(&to(HELLO, "b")).await), (404, "cluster_not_found".to_owned()));
    lab.b().wait_for_no_watches().await;
    let listed = lab.service.get("/api/eks-list-clusters").await.json();
    let names: Vec<&Value> = listed["clusters"].as_array().unwrap().iter().map(|one| &one["cluster"]).collect();
    assert_eq!(names, ["a", "c"]);
    assert!(!lab.service.get("/metrics").await.text().contains("cluster=\"b\""));
    lab.service.get(&to(HELLO, "c")).await.expect_status(200);

    // The stream of A is still the same one, and so is the connection to its API server.
    lab.a().set_job_status("team-a", "hello", json!({ "active": 5 }));
    assert_eq!((stream.event().await.kind.as_str(), lab.a().connections()), ("modified", connections));
    // The line comes back, and the cluster is served again.
    lab.reload(&lab.clusters.text()).await;
    until_known(&lab.service, "b", 1).await;
    lab.service.get(&to(HELLO, "b")).await.expect_status(200);
}

#[tokio::test]
async fn a_removed_cluster_ends_its_waits_its_streams_and_its_logs_and_no_others() {
    let lab = Lab::start().await;
    let [mut of_a, mut of_b] =
        [Reader::open(&lab.service, &events("a")).await, Reader::open(&lab.service, &events("b")).await];
    of_a.snapshot().await;
    of_b.snapshot().await;
    let follow = format!("{LOG}&follow=true");
    let [mut log_of_a, mut log_of_b] = [
        LogReader::open(&lab.service, &to(&follow, "a")).await,
        LogReader::open(&lab.service, &to(&follow, "b")).await,
    ];
    log_of_a.expect("log of a\n").await;
    log_of_b.expect("log of b\n").await;
    let wait = format!("{HELLO}&wait=5m");
    let (wait_in_a, wait_in_b) = (to(&wait, "a"), to(&wait, "b"));
    let changes = async {
        until_open(&lab, "open_waits", 2).await;
        lab.reload(&without(&lab.clusters.text(), "b")).await;
        until_open(&lab, "open_waits", 1).await;
        lab.a().set_job_status("team-a", "hello", crate::live::complete());
    };
    let (a, b, ()) = join!(lab.service.get(&wait_in_a), lab.service.get(&wait_in_b), changes);
    let told = |reply: Reply| (reply.json()["cluster"].clone(), reply.expect_status(200).json()["state"].clone());
    assert_eq!(told(a), (json!("a"), json!("completed")));
    assert_eq!(told(b), (json!("b"), json!("running")), "it has what was known");
    assert_eq!(of_b.last_words().await, ["there is no cluster b; call /api/eks-list-clusters for the names"]);
    log_of_b.until_broken().await;
    assert_eq!(of_a.event().await.json()["state"], "completed");
    lab.a().append_log("team-a", "hello-x", "c", "more\n");
    log_of_a.expect("more\n").await;
    lab.b().wait_for_no_log_followers().await;
}

#[tokio::test]
async fn the_other_waits_of_a_removed_cluster_end_too() {
    let lab = Lab::start().await;
    // The namespace stays in its deletion, and the pending job has no pod whose log could begin.
    lab.b().put_job(own_job_in("team-a", "pending"));
    let terminating = json!({ "metadata": { "name": "team-gone", "finalizers": ["lab/hold"] },
        "status": { "phase": "Active" } });
    lab.b().put_namespace(terminating);
    until_known(&lab.service, "b", 2).await;
    let (list, log, delete) = (
        to("/api/eks-list-jobs?namespace=team-a&wait=5m", "b"),
        to("/api/eks-get-job-logs?job_name=pending&namespace=team-a&follow=true", "b"),
        to("/api/eks-delete-namespace?namespace_name=team-gone&wait=5m", "b"),
    );
    let changes = async {
        until_open(&lab, "open_waits", 2).await;
        until_open(&lab, "open_streams", 1).await;
        lab.reload(&without(&lab.clusters.text(), "b")).await;
    };
    let (list, log, delete, ()) =
        join!(lab.service.get(&list), lab.service.get(&log), lab.service.delete(&delete), changes);
    assert_eq!(list.expect_status(200).json()["all_ended"], false);
    assert_eq!(delete.expect_status(200).json()["phase"], "Terminating");
    assert_eq!(problem(&log), (404, "cluster_not_found".to_owned()), "as for a new call");
}

#[tokio::test]
async fn sigterm_ends_the_streams_of_every_cluster() {
    let mut lab = Lab::start().await;
    lab.clusters.add("c").await;
    lab.reload(&lab.clusters.text()).await;
    until_known(&lab.service, "c", 0).await;
    let mut streams = Vec::new();
    for name in ["a", "b", "c"] {
        let mut stream = Reader::open(&lab.service, &events(name)).await;
        stream.snapshot().await;
        streams.push(stream);
    }
    lab.service.signal("TERM").await;
    for mut stream in streams {
        assert_eq!(stream.last_words().await, ["the service is shutting down"]);
    }
    assert!(lab.service.exit_status().await.success());
}

#[tokio::test]
async fn a_change_in_flight_finishes_in_a_cluster_that_is_removed() {
    let lab = Lab::start().await;
    let gate = Gate::new();
    lab.b().fault(Fault::new("POST", "/apis/batch/v1/namespaces/team-a/jobs", Kind::HoldAfter(gate.clone())));
    let mut body = job_in("team-a", "made");
    body["cluster"] = json!("b");
    let reload = async {
        gate.held(1).await;
        lab.reload(&without(&lab.clusters.text(), "b")).await;
        assert_eq!(problem(&lab.service.get(&to(HELLO, "b")).await), (404, "cluster_not_found".to_owned()));
        gate.open();
    };
    let (reply, ()) = join!(lab.service.post("/api/eks-create-job", &body), reload);
    assert_eq!(reply.expect_status(201).json()["cluster"], "b");
    assert!(lab.b().job("team-a", "made").is_some());
    until_open(&lab, "requests_in_flight", 0).await;
}

#[tokio::test]
async fn a_changed_line_takes_effect() {
    let mut lab = Lab::start().await;
    let [mut of_a, mut of_b] =
        [Reader::open(&lab.service, &events("a")).await, Reader::open(&lab.service, &events("b")).await];
    of_a.snapshot().await;
    of_b.snapshot().await;
    let id = of_b.id.clone();
    lab.clusters.member("b").set("namespaces", "team-b");
    lab.reload(&lab.clusters.text()).await;
    assert_eq!(of_b.last_words().await, ["the settings of this cluster have changed; call again"]);
    lab.b().put_job({
        let mut job = own_job_in("team-b", "other");
        job["metadata"]["namespace"] = json!("team-b");
        job
    });
    until_known(&lab.service, "b", 2).await;
    assert_eq!(problem(&lab.service.get(&to(HELLO, "b")).await).0, 403);
    let listed = lab.service.get("/api/eks-list-jobs?cluster=b").await.expect_status(200).json();
    assert_eq!((listed["jobs"].as_array().unwrap().len(), &listed["jobs"][0]["namespace"]), (1, &json!("team-b")));
    // What was known of the cluster before is outdated: an id of its old stream resets the new one.
    let mut again = Reader::after(&lab.service, "namespace=team-b&cluster=b", &id).await;
    assert_eq!(again.event().await.kind, "reset");
    lab.service.get(HELLO).await.expect_status(200);

    // A token for another region is refused.
    lab.clusters.member("b").set("namespaces", "team-*");
    lab.clusters.member("b").set("region", "eu-west-1");
    lab.reload(&lab.clusters.text()).await;
    let report = until_status(&lab.service, "b", "degraded").await;
    assert_eq!(report["region"], "eu-west-1");
    let why = |reply: &Reply| reply.json()["clusters"][1]["checks"]["kubernetes"]["status"] == "failed";
    until(async || lab.service.get("/health").await, why).await;
    lab.a().set_job_status("team-a", "hello", json!({ "active": 6 }));
    assert_eq!(of_a.event().await.json()["active"], 6, "the other cluster's stream is still open");
}

#[tokio::test]
async fn a_broken_file_and_another_default_leave_the_old_file_in_force() {
    let lab = Lab::start().await;
    let mut stream = Reader::open(&lab.service, &events("b")).await;
    stream.snapshot().await;
    let refused = async |text: &str, told: &[&str]| {
        let before = lab.service.logs().len();
        lab.reload(text).await;
        let logs = lab.service.logs();
        let line = logs[before..].iter().find(|line| line.contains("not reloaded")).unwrap();
        assert!(told.iter().all(|told| line.contains(told)), "{line}");
        for name in super::BOTH {
            assert_eq!(lab.service.get(&to(HELLO, name)).await.expect_status(200).json()["cluster"], name);
        }
    };
    let text = lab.clusters.text();
    let broken = format!("# one\n{text}c regoin=us-east-1\nB region=us-east-1\n");
    refused(&broken, &["line 4: ", "did you mean region?", "line 5: ", "the old files stay in force"]).await;
    refused("", &["there is no cluster"]).await;
    let moved = text.replace(" default=true", "").replacen("b ", "b default=true ", 1);
    refused(&moved, &["restart to change the default"]).await;
    refused(&without(&text, "a"), &["restart to change the default"]).await;
    lab.b().put_job(hello("b"));
    assert_eq!(stream.event().await.kind, "modified", "the stream is still open");
    // A good file is taken after them.
    lab.reload(&without(&text, "b")).await;
    assert_eq!(problem(&lab.service.get(&to(HELLO, "b")).await).0, 404);
}

#[tokio::test]
async fn a_cluster_whose_role_is_trusted_later_becomes_healthy() {
    const ARN: &str = "arn:aws:iam::222222222222:role/eks-api";
    let mut lab = Lab::start().await;
    lab.clusters.add("far").await;
    fill("far", lab.clusters.stub("far"));
    lab.clusters.assumes("far", Role::new(ARN).external_id("4f0c"));
    lab.clusters.aws.distrusts(ARN);
    lab.reload(&lab.clusters.text()).await;
    let refusal = |line: &str| line.contains("check failed") && line.contains("far") && line.contains("AccessDenied");
    lab.service.log_line(refusal).await;
    let report = until_status(&lab.service, "far", "degraded").await;
    assert!(!report.to_string().contains("s3cr3t"));
    assert_eq!(problem(&lab.service.get(&to(HELLO, "far")).await), (503, "not_ready".to_owned()));
    lab.service.get(HELLO).await.expect_status(200);
    lab.clusters.aws.trusts(Role::new(ARN).external_id("4f0c"));
    until_known(&lab.service, "far", 1).await;
    let reply = lab.service.get(&to(HELLO, "far")).await.expect_status(200);
    assert_eq!(reply.json()["cluster"], "far");
}
