//! Batches that are not complete after the first call: what the reply says, and that the same call completes them.

use serde_json::{Value, json};

use super::{batch, numbers, post, posts, statuses, with};
use crate::calls::{BINARY, JOBS, lab, problem};
use crate::support::Lab;
use crate::support::service::Reply;
use crate::support::stub::{Fault, Gate, Kind};

fn denied() -> Kind {
    Kind::status(403, "Forbidden", "admission webhook \"policy\" denied the request: no")
}

fn count(all: &[String], status: &str) -> usize {
    all.iter().filter(|one| *one == status).count()
}

/// The names of the members in the cluster. None is there twice.
fn members(lab: &Lab) -> Vec<Value> {
    let jobs = lab.cluster.jobs("default").into_iter();
    jobs.map(|job| job["metadata"]["name"].clone()).filter(|name| name != "nightly").collect()
}

#[tokio::test]
async fn a_quota_stops_the_batch_and_the_same_call_completes_it() {
    let lab = lab().await;
    lab.cluster.set_quota("default", Some(11));
    let reply = post(&lab, &with(batch("nightly", 40), &json!({ "on_error": "continue" }))).await;
    let document = problem(&reply, 503, "batch_incomplete");
    assert!(reply.header("retry-after").is_some());
    let text = document["detail"].as_str().unwrap();
    assert!(text.starts_with("10 of 40 jobs exist") && text.contains("exceeded quota"), "{text}");
    assert!(text.ends_with("repeat the same call to create the rest"), "{text}");
    let all = statuses(&reply);
    assert_eq!((numbers(&reply), count(&all, "created")), ((10, 0), 10));
    assert!(count(&all, "refused") >= 1 && count(&all, "not_sent") >= 14, "{all:?}");
    let refused = document["jobs"].as_array().unwrap().iter().find(|job| job["status"] == "refused").unwrap();
    assert_eq!((&refused["code"], &refused["reason"]), (&json!(403), &json!("Forbidden")));

    lab.cluster.set_quota("default", None);
    let again = post(&lab, &with(batch("nightly", 40), &json!({ "on_error": "stop" }))).await.expect_status(201);
    assert_eq!((numbers(&again), members(&lab).len()), ((30, 10), 40));
    let last = post(&lab, &batch("nightly", 40)).await.expect_status(200);
    assert_eq!(numbers(&last), (0, 40));
}

#[tokio::test]
async fn a_refusal_for_good_stops_the_batch_unless_it_goes_on() {
    let lab = lab().await;
    // All are refused, as one that is refused late lets more than 16 others pass.
    lab.cluster.fault(Fault::new("POST", JOBS, denied()).after(1).always());
    let reply = post(&lab, &with(batch("nightly", 40), &json!({ "on_error": "stop" }))).await;
    let all = refused_for_good(&reply);
    let refused = count(&all, "refused");
    assert!((1..=16).contains(&refused), "{all:?}");
    assert_eq!((count(&all, "not_sent"), members(&lab).len()), (40 - refused, 0));

    let lab = self::lab().await;
    lab.cluster.fault(Fault::new("POST", JOBS, denied()).after(1));
    let reply = post(&lab, &with(batch("nightly", 40), &json!({ "on_error": "continue" }))).await;
    let all = refused_for_good(&reply);
    assert_eq!((count(&all, "refused"), count(&all, "created")), (1, 39), "{all:?}");
    assert_eq!(members(&lab).len(), 39, "what was created stays");
}

/// The statuses of a reply that says that the policy refuses jobs.
fn refused_for_good(reply: &Reply) -> Vec<String> {
    let document = problem(reply, 422, "batch_incomplete");
    assert_eq!(reply.header("retry-after"), None);
    assert!(document["detail"].as_str().unwrap().contains("denied the request"), "{document}");
    statuses(reply)
}

#[tokio::test]
async fn lost_replies_double_no_job() {
    for kind in [Kind::CutAfter, Kind::CutBefore, Kind::Truncate, Kind::Garbage] {
        let lab = lab().await;
        lab.cluster.fault(Fault::new("POST", JOBS, kind.clone()));
        lab.cluster.fault(Fault::new("POST", JOBS, kind.clone()).after(5).times(3));
        let reply = post(&lab, &batch("nightly", 30)).await.expect_status(201);
        assert_eq!((numbers(&reply), members(&lab).len()), ((30, 0), 30), "{kind:?}");
    }
}

#[tokio::test]
async fn an_api_server_that_goes_down_leaves_a_batch_that_can_be_completed() {
    let lab = Lab::with(BINARY, &[("EKS_API_REQUEST_TIMEOUT", "1s")]).await;
    let gate = Gate::new();
    lab.cluster.fault(Fault::new("POST", JOBS, Kind::HoldAfter(gate.clone())).after(8).times(4));
    let stop = async {
        gate.held(1).await;
        lab.cluster.stop().await;
    };
    let body = batch("nightly", 60);
    let (reply, ()) = tokio::join!(post(&lab, &body), stop);
    assert!([503, 504].contains(&reply.status.as_u16()), "{}", reply.text());
    let reason = reply.json()["reason"].clone();
    assert_eq!(reason, "batch_incomplete", "{}", reply.text());
    lab.cluster.clear_faults();
    lab.cluster.restart_on_same_port().await;
    let again = loop {
        let again = post(&lab, &body).await;
        if again.status.is_success() {
            break again;
        }
    };
    let (created, existing) = numbers(&again);
    assert_eq!((created + existing, members(&lab).len()), (60, 60));
}

#[tokio::test]
async fn the_deadline_ends_the_sending_before_the_reply() {
    let lab = Lab::with(BINARY, &[("EKS_API_REQUEST_TIMEOUT", "1s")]).await;
    let gate = Gate::new();
    lab.cluster.fault(Fault::new("POST", JOBS, Kind::HoldBefore(gate.clone())).after(3).always());
    let reply = post(&lab, &batch("nightly", 30)).await;
    let document = problem(&reply, 504, "batch_incomplete");
    assert_eq!(numbers(&reply), (2, 0), "{document}");
    let all = statuses(&reply);
    assert!(count(&all, "not_sent") >= 10 && count(&all, "refused") <= 16, "{all:?}");
    let late = document["jobs"].as_array().unwrap().iter().find(|job| job["status"] == "refused").unwrap();
    assert!(late["detail"].as_str().unwrap().contains("may have taken effect"), "{late}");
    gate.open();
}

#[tokio::test]
async fn too_many_requests_slow_the_batch_down_and_do_not_stop_it() {
    let lab = lab().await;
    lab.cluster.fault(Fault::new("POST", JOBS, Kind::too_many(0)).after(3).times(6));
    let reply = post(&lab, &batch("nightly", 60)).await.expect_status(201);
    assert_eq!((numbers(&reply), posts(&lab)), ((60, 0), 67));
}

#[tokio::test]
async fn a_member_name_of_somebody_else_is_refused_for_good_and_that_of_a_former_batch_is_not() {
    let lab = lab().await;
    lab.cluster.put_job(crate::calls::manifest("nightly-0001"));
    let reply = post(&lab, &batch("nightly", 3)).await;
    let document = problem(&reply, 422, "batch_incomplete");
    assert_eq!((&document["jobs"][1]["code"], &document["jobs"][1]["reason"]), (&json!(409), &json!("AlreadyExists")));

    let lab = self::lab().await;
    assert_eq!(post(&lab, &batch("nightly", 1)).await.status, 201);
    let mut former = lab.cluster.job("default", "nightly-0000").unwrap();
    former["metadata"]["name"] = json!("weekly-0001");
    former["metadata"]["labels"] = json!({ "eks-api/batch": "weekly" });
    former["metadata"]["ownerReferences"][0]["name"] = json!("weekly");
    lab.cluster.put_job(former);
    let reply = post(&lab, &batch("weekly", 3)).await;
    let document = problem(&reply, 503, "batch_incomplete");
    assert_eq!(document["jobs"][1]["reason"], "batch_deleting", "{document}");
}
