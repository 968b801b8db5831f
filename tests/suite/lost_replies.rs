//! Creating a job when the reply is lost: whatever breaks, there is exactly one job, and the caller is told so, or is
//! told that it cannot be known.

use serde_json::{Value, json};

use crate::calls::{BINARY, JOBS, create, detail, lab, manifest, nameless, problem, sent};
use crate::support::Lab;
use crate::support::stub::{Fault, Gate, Kind};

fn post() -> String {
    format!("POST {JOBS}")
}

fn get(name: &str) -> String {
    format!("GET {JOBS}/{name}")
}

fn already_exists(name: &str) -> Kind {
    Kind::status(409, "AlreadyExists", &format!("jobs.batch \"{name}\" already exists"))
}

/// A reply with which an API server says that it refuses, or does not know.
fn refusal(code: u16, reason: &str) -> Kind {
    Kind::status(code, reason, "the stub says so")
}

/// A lab that gives up after the shortest time there is.
async fn hasty() -> Lab {
    Lab::with(BINARY, &[("EKS_API_REQUEST_TIMEOUT", "1s")]).await
}

#[tokio::test]
async fn a_connection_cut_before_the_job_was_made_costs_a_second_post() {
    let lab = lab().await;
    lab.cluster.fault(Fault::new("POST", JOBS, Kind::CutBefore));
    assert_eq!(create(&lab.service, &manifest("hello")).await.status, 201);
    assert_eq!(sent(&lab.cluster), [post(), post()]);
}

#[tokio::test]
async fn a_job_that_was_made_without_a_reply_is_recognized_as_ours() {
    for kind in [Kind::CutAfter, Kind::Truncate] {
        let lab = lab().await;
        lab.cluster.fault(Fault::new("POST", JOBS, kind.clone()));
        let reply = create(&lab.service, &manifest("hello")).await;
        assert_eq!((reply.status.as_u16(), &reply.json()["status"]), (201, &json!("created")), "{kind:?}");
        let stored = lab.cluster.job("default", "hello").unwrap();
        assert_eq!(reply.json()["uid"], stored["metadata"]["uid"], "{kind:?}");
        assert_eq!(sent(&lab.cluster), [post(), post(), get("hello")], "{kind:?}");
    }
}

#[tokio::test]
async fn a_job_named_here_is_made_once_under_one_name() {
    let lab = lab().await;
    lab.cluster.fault(Fault::new("POST", JOBS, Kind::CutAfter).times(2));
    let created = create(&lab.service, &nameless()).await.json();
    let names: Vec<Value> =
        lab.cluster.requests().iter().map(|request| request.body["metadata"]["name"].clone()).collect();
    let posted: Vec<&Value> = names.iter().filter(|name| name.is_string()).collect();
    assert_eq!(posted, vec![&created["job_name"]; 3]);
    let stored = lab.cluster.job("default", created["job_name"].as_str().unwrap()).unwrap();
    assert_eq!(created["uid"], stored["metadata"]["uid"]);
}

#[tokio::test]
async fn a_reply_that_is_no_job_is_as_good_as_none() {
    let lab = lab().await;
    lab.cluster.fault(Fault::new("POST", JOBS, Kind::Garbage));
    lab.cluster.fault(Fault::new("POST", JOBS, Kind::Huge((16 << 20) + 1)));
    assert_eq!(create(&lab.service, &manifest("hello")).await.status, 201);
    assert_eq!(sent(&lab.cluster), [post(), post(), post()]);
}

#[tokio::test]
async fn a_cluster_that_ran_out_of_time_is_asked_again() {
    for (code, reason) in [(504, "Timeout"), (500, "ServerTimeout")] {
        let lab = lab().await;
        lab.cluster.fault(Fault::new("POST", JOBS, refusal(code, reason)));
        assert_eq!(create(&lab.service, &manifest("hello")).await.status, 201, "{reason}");
        assert_eq!(sent(&lab.cluster), [post(), post()], "{reason}");
    }
}

#[tokio::test]
async fn a_refusal_that_hides_our_own_job_does_not_deceive() {
    // A job that was made counts against its namespace's quota, so that the second try is forbidden.
    let lab = lab().await;
    lab.cluster.fault(Fault::new("POST", JOBS, Kind::CutAfter));
    lab.cluster.fault(Fault::new("POST", JOBS, refusal(403, "Forbidden")));
    let reply = create(&lab.service, &manifest("hello")).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    assert_eq!(sent(&lab.cluster), [post(), post(), get("hello")]);
}

#[tokio::test]
async fn a_failure_that_lasts_does_not_hide_our_own_job_either() {
    let lab = lab().await;
    lab.cluster.fault(Fault::new("POST", JOBS, Kind::CutAfter));
    lab.cluster.fault(Fault::new("POST", JOBS, refusal(500, "InternalError")).always());
    let reply = create(&lab.service, &manifest("hello")).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    assert_eq!(sent(&lab.cluster).last(), Some(&get("hello")));
}

#[tokio::test]
async fn a_refusal_after_a_fault_that_made_nothing_is_told() {
    let lab = lab().await;
    lab.cluster.fault(Fault::new("POST", JOBS, Kind::CutBefore));
    lab.cluster.fault(Fault::new("POST", JOBS, refusal(403, "Forbidden")));
    problem(&create(&lab.service, &manifest("hello")).await, 403, "Forbidden");
    assert_eq!(lab.cluster.job("default", "hello"), None);
}

#[tokio::test]
async fn a_job_of_somebody_else_is_not_taken_for_ours() {
    let lab = lab().await;
    let mut theirs = manifest("hello");
    theirs["metadata"]["annotations"] = json!({ "eks-api/request-id": "same", "eks-api/create-id": "another" });
    lab.cluster.put_job(theirs);
    let told = detail(&create(&lab.service, &manifest("hello")).await, 409, "AlreadyExists");
    assert_eq!(told, r#"jobs.batch "hello" already exists"#);
    assert_eq!(sent(&lab.cluster), [post()], "without a doubt there is nothing to look for");

    lab.cluster.fault(Fault::new("POST", JOBS, Kind::CutBefore));
    problem(&create(&lab.service, &manifest("hello")).await, 409, "AlreadyExists");
    assert_eq!(sent(&lab.cluster)[1..], [post(), post(), get("hello")]);
}

#[tokio::test]
async fn a_job_that_is_deleted_between_the_questions_is_made_again() {
    let lab = lab().await;
    lab.cluster.fault(Fault::new("POST", JOBS, Kind::CutBefore));
    lab.cluster.fault(Fault::new("POST", JOBS, already_exists("hello")));
    assert_eq!(create(&lab.service, &manifest("hello")).await.status, 201);
    assert_eq!(sent(&lab.cluster), [post(), post(), get("hello"), post()]);
    assert!(lab.cluster.job("default", "hello").is_some());
}

#[tokio::test]
async fn the_question_whose_job_it_is_outlives_faults_too() {
    let lab = lab().await;
    lab.cluster.fault(Fault::new("POST", JOBS, Kind::CutAfter));
    lab.cluster.fault(Fault::new("GET", JOBS, Kind::CutBefore));
    lab.cluster.fault(Fault::new("GET", JOBS, refusal(503, "ServiceUnavailable")));
    let reply = create(&lab.service, &manifest("hello")).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    assert_eq!(sent(&lab.cluster), [post(), post(), get("hello"), get("hello"), get("hello")]);
}

#[tokio::test]
async fn a_reply_that_does_not_come_in_time_leaves_it_open_whether_there_is_a_job() {
    let lab = hasty().await;
    let gate = Gate::new();
    lab.cluster.fault(Fault::new("POST", JOBS, Kind::HoldAfter(gate.clone())));
    let told = detail(&create(&lab.service, &manifest("hello")).await, 504, "upstream_timeout");
    assert!(told.contains("may have taken effect"), "{told}");
    gate.deserted().await;
}

#[tokio::test]
async fn a_cluster_that_dies_with_the_reply_leaves_it_open_whether_there_is_a_job() {
    let lab = hasty().await;
    let gate = Gate::new();
    lab.cluster.fault(Fault::new("POST", JOBS, Kind::HoldAfter(gate.clone())));
    let wanted = manifest("hello");
    let killer = async {
        gate.held(1).await;
        lab.cluster.stop().await;
    };
    let (reply, ()) = tokio::join!(create(&lab.service, &wanted), killer);
    assert!(lab.cluster.job("default", "hello").is_some());
    let told = detail(&reply, 502, "upstream_broken");
    assert!(told.contains("may have taken effect"), "{told}");
}

#[tokio::test]
async fn a_cluster_that_does_not_tell_whose_job_it_is_leaves_it_open_too() {
    let lab = hasty().await;
    lab.cluster.fault(Fault::new("POST", JOBS, Kind::CutAfter));
    lab.cluster.fault(Fault::new("GET", JOBS, Kind::CutBefore).always());
    let told = detail(&create(&lab.service, &manifest("hello")).await, 502, "upstream_broken");
    assert!(told.contains("may have taken effect"), "{told}");
}
