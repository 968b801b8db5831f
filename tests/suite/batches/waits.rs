//! Calls that wait for a batch.

use serde_json::{Value, json};

use super::status::{head, member, member_name, path, put, until_status, young_head};
use crate::calls::{BINARY, JOBS, create, manifest, nameless, problem};
use crate::live::{complete, etag, failed, is_hit, without_right_to};
use crate::support::Lab;
use crate::support::service::Reply;
use crate::support::stub::{Fault, Kind};
use crate::waiting::{LONG, lab_with_one_place, place_is_taken, sent};

fn waiting(name: &str) -> String {
    format!("{}&wait={LONG}", path(name))
}

/// What a call that waits for the batch is answered when this happens while it waits.
async fn answered_when(lab: &Lab, known: Option<&str>, happens: impl FnOnce()) -> Reply {
    let then = async {
        place_is_taken(&lab.service).await;
        happens();
    };
    let path = waiting("etl");
    tokio::join!(sent(&lab.service, &path, known), then).0
}

/// A lab with a batch of three that the service knows.
async fn lab_with_three() -> Lab {
    let lab = lab_with_one_place().await;
    put(&lab, "etl", 3);
    until_status(&lab, "etl", |status| status["counts"]["pending"] == 3).await;
    lab
}

fn end(lab: &Lab, ends: [Value; 3]) {
    for (index, end) in ends.into_iter().enumerate() {
        lab.cluster.set_job_status("default", &member_name("etl", index), end);
    }
}

#[tokio::test]
async fn a_wait_ends_with_the_last_member_in_its_final_state() {
    for (ends, state) in
        [([complete(), complete(), complete()], "completed"), ([failed(), complete(), complete()], "failed")]
    {
        let lab = lab_with_three().await;
        let reply = answered_when(&lab, None, || end(&lab, ends)).await.expect_status(200);
        assert_eq!((&reply.json()["state"], is_hit(&reply)), (&json!(state), true));
    }
}

#[tokio::test]
async fn a_wait_ends_when_only_missing_members_are_left() {
    let lab = lab_with_three().await;
    let happens = || {
        lab.cluster.remove_job("default", "etl-0001");
        for name in ["etl-0000", "etl-0002"] {
            lab.cluster.set_job_status("default", name, complete());
        }
    };
    let reply = answered_when(&lab, None, happens).await.expect_status(200);
    assert_eq!((&reply.json()["state"], &reply.json()["counts"]["missing"]), (&json!("incomplete"), &json!(1)));
}

#[tokio::test]
async fn a_young_batch_with_missing_members_is_running_until_no_submission_can_add_them() {
    let lab = Lab::with(BINARY, &[("EKS_API_REQUEST_TIMEOUT", "1s")]).await;
    let mut ended = member("default", "etl", 0);
    ended["status"] = complete();
    lab.cluster.put_jobs([young_head("etl", 2), ended]);
    until_status(&lab, "etl", |status| status["counts"]["completed"] == 1).await;
    let reply = lab.service.get(&waiting("etl")).await.expect_status(200);
    assert_eq!((&reply.json()["state"], is_hit(&reply)), (&json!("incomplete"), true));
}

#[tokio::test]
async fn a_batch_whose_submission_is_over_is_incomplete_at_once() {
    let lab = lab_with_one_place().await;
    let refusal = Kind::status(403, "Forbidden", "admission webhook \"policy\" denied the request: no");
    lab.cluster.fault(Fault::new("POST", JOBS, refusal).after(1).always());
    let body = json!({ "batch_name": "etl", "job_manifest": nameless(), "jobs": [{}, {}] });
    problem(&lab.service.post("/api/eks-create-batch", &body).await, 422, "batch_incomplete");
    let status = lab.service.get(&waiting("etl")).await.expect_status(200).json();
    assert_eq!((&status["state"], &status["counts"]["missing"]), (&json!("incomplete"), &json!(2)));
}

#[tokio::test]
async fn a_wait_for_a_batch_that_is_deleted_is_a_404_also_if_another_takes_its_name() {
    for again in [false, true] {
        let lab = lab_with_three().await;
        let happens = || {
            lab.cluster.remove_job("default", "etl");
            if again {
                let mut other = head("default", "etl", 1);
                other["metadata"]["uid"] = json!("another");
                lab.cluster.put_job(other);
            }
        };
        problem(&answered_when(&lab, None, happens).await, 404, "NotFound");
    }
}

#[tokio::test]
async fn a_wait_with_a_tag_ends_at_the_first_change() {
    let lab = lab_with_three().await;
    let known = etag(&lab.service.get(&path("etl")).await);
    let unchanged = sent(&lab.service, &format!("{}&wait=100ms", path("etl")), Some(&known)).await;
    assert_eq!((unchanged.status.as_u16(), etag(&unchanged)), (304, known.clone()));
    let starts = || lab.cluster.set_job_status("default", "etl-0002", json!({ "active": 1 }));
    let changed = answered_when(&lab, Some(&known), starts).await.expect_status(200);
    assert_eq!((&changed.json()["state"], &changed.json()["counts"]["running"]), (&json!("running"), &json!(1)));
}

#[tokio::test]
async fn at_the_end_of_its_time_a_wait_is_answered_with_the_present_state() {
    let lab = lab_with_three().await;
    let path = |wait: &str| format!("{}&wait={wait}", path("etl"));
    let then = async { lab.cluster.set_job_status("default", "etl-0000", complete()) };
    let long = path("1s");
    let (reply, ()) = tokio::join!(lab.service.get(&long), then);
    let reply = reply.expect_status(200).json();
    assert_eq!((&reply["state"], &reply["counts"]["completed"]), (&json!("running"), &json!(1)));
    let told = problem(&lab.service.get(&path("6m")).await, 400, "BadRequest");
    assert_eq!(told["causes"][0]["field"], "wait");
}

#[tokio::test]
async fn a_wait_without_the_watch_asks_the_cluster_now_and_then() {
    let lab = without_right_to("watch", &[]).await;
    put(&lab, "etl", 3);
    let then = async {
        lab.cluster.wait_for("GET", &format!("{JOBS}/etl"), 2).await;
        end(&lab, [complete(), complete(), failed()]);
    };
    let path = waiting("etl");
    let (reply, ()) = tokio::join!(lab.service.get(&path), then);
    assert_eq!((&reply.json()["state"], is_hit(&reply)), (&json!("failed"), false));
}

#[tokio::test]
async fn a_waiting_caller_is_answered_when_the_service_stops_and_takes_a_place_of_waits_alone() {
    let mut lab = lab_with_three().await;
    let waiting = waiting("etl");
    let then = async {
        place_is_taken(&lab.service).await;
        create(&lab.service, &manifest("next")).await.expect_status(201);
        lab.service.signal("TERM").await;
    };
    let (reply, ()) = tokio::join!(sent(&lab.service, &waiting, None), then);
    assert_eq!(reply.expect_status(200).json()["state"], "running");
    assert_eq!(lab.service.exit_status().await.code(), Some(0));
}
