//! Calls that wait for what happens to a job: each is answered when it has happened, at the end of its time, or when it
//! cannot happen any more. The race between a completion and a wait has a room of its own, and so have creating with a
//! wait, and what bounds waits.

mod bounds;
mod creating;
mod race;

use std::fmt::Write as _;

use serde_json::json;

use crate::calls::{BINARY, JOBS, NAMESPACES, create, lab, manifest, problem, status};
use crate::given::status_of;
use crate::live::{complete, etag, failed, is_hit, own_job, until, without_right_to};
use crate::support::Lab;
use crate::support::service::{Reply, Service};

/// Much longer than any test lasts: who is answered earlier was not answered by the clock.
pub(crate) const LONG: &str = "5m";

pub(crate) fn waiting_for(name: &str, time: &str) -> String {
    format!("{}&wait={time}", status_of(name))
}

/// A lab in which one call may wait at a time, so that a test can tell whether one does. It has a job by which to tell.
pub(crate) async fn lab_with_one_place() -> Lab {
    let lab = Lab::with(BINARY, &[("EKS_API_MAX_WAITS", "1")]).await;
    create(&lab.service, &manifest("probe")).await.expect_status(201);
    lab
}

/// Waits until the one place is taken.
pub(crate) async fn place_is_taken(service: &Service) {
    until(async || service.get(&waiting_for("probe", "0s")).await, |reply| reply.status == 503).await;
}

/// Sends a request that waits. The question whether the place is taken takes it for a moment: then it is sent again.
pub(crate) async fn sent(service: &Service, path: &str, known: Option<&str>) -> Reply {
    let headers: Vec<_> = known.map(|tag| ("if-none-match", tag)).into_iter().collect();
    until(async || service.send("GET", path, &headers, "").await, |reply| reply.status != 503).await
}

/// What a call that waits for this job is answered when this happens while it waits.
pub(crate) async fn answered_when(lab: &Lab, known: Option<&str>, happens: impl FnOnce()) -> Reply {
    let path = waiting_for("hello", LONG);
    let then = async {
        place_is_taken(&lab.service).await;
        happens();
    };
    tokio::join!(sent(&lab.service, &path, known), then).0
}

#[tokio::test]
async fn a_wait_ends_when_the_job_completes_or_fails() {
    for (end, state) in [(complete(), "completed"), (failed(), "failed")] {
        let lab = lab_with_one_place().await;
        create(&lab.service, &manifest("hello")).await.expect_status(201);
        let happens = || {
            // What happens before the end is not what is waited for.
            lab.cluster.set_job_status("default", "hello", json!({ "active": 1 }));
            lab.cluster.set_job_status("default", "hello", end);
        };
        let reply = answered_when(&lab, None, happens).await.expect_status(200);
        assert_eq!((&reply.json()["state"], is_hit(&reply)), (&json!(state), true));
        assert_eq!(etag(&reply), etag(&status(&lab.service, "hello").await));
        // How a job failed is looked up once, whoever waits.
        let looked_up = usize::from(state == "failed");
        assert!(lab.cluster.count("GET", JOBS) <= looked_up, "it was told, and did not ask");
    }
}

#[tokio::test]
async fn a_wait_for_a_job_that_is_removed_meanwhile_is_answered_404() {
    let lab = lab_with_one_place().await;
    create(&lab.service, &manifest("hello")).await.expect_status(201);
    let removed = || lab.cluster.remove_job("default", "hello");
    problem(&answered_when(&lab, None, removed).await, 404, "NotFound");
}

#[tokio::test]
async fn a_wait_ends_when_the_job_is_deleted_through_the_service_itself() {
    let lab = lab_with_one_place().await;
    create(&lab.service, &manifest("hello")).await.expect_status(201);
    lab.cluster.hush_watches();
    let (path, delete) =
        (waiting_for("hello", LONG), "/api/eks-delete-job?job_name=hello&propagation_policy=Background");
    let then = async {
        place_is_taken(&lab.service).await;
        lab.service.delete(delete).await.expect_status(200);
    };
    let (reply, ()) = tokio::join!(sent(&lab.service, &path, None), then);
    problem(&reply, 404, "NotFound");
}

#[tokio::test]
async fn at_the_end_of_its_time_a_wait_is_answered_with_the_present_state() {
    let lab = lab().await;
    create(&lab.service, &manifest("hello")).await.expect_status(201);
    for time in ["100ms", "0s", "0m"] {
        let reply = lab.service.get(&waiting_for("hello", time)).await.expect_status(200);
        assert_eq!((&reply.json()["state"], is_hit(&reply)), (&json!("pending"), true), "{time}");
    }
    problem(&lab.service.get(&waiting_for("nope", LONG)).await, 404, "NotFound");
}

#[tokio::test]
async fn a_wait_for_a_job_that_has_ended_is_answered_at_once() {
    let lab = lab().await;
    for (name, end, state) in [("good", complete(), "completed"), ("bad", failed(), "failed")] {
        for job in [own_job(name), manifest(name)] {
            lab.cluster.put_job(job);
            lab.cluster.set_job_status("default", name, end.clone());
            let reply = lab.service.get(&waiting_for(name, LONG)).await.expect_status(200);
            assert_eq!(reply.json()["state"], state);
        }
    }
}

#[tokio::test]
async fn who_names_what_it_knows_is_answered_at_the_first_change_and_304_if_there_is_none() {
    let lab = lab_with_one_place().await;
    create(&lab.service, &manifest("hello")).await.expect_status(201);
    let known = etag(&status(&lab.service, "hello").await);
    let unchanged = sent(&lab.service, &waiting_for("hello", "100ms"), Some(&known)).await;
    assert_eq!((unchanged.status.as_u16(), unchanged.body.len(), etag(&unchanged)), (304, 0, known.clone()));

    let happens = || lab.cluster.set_job_status("default", "hello", json!({ "active": 1 }));
    let changed = answered_when(&lab, Some(&known), happens).await.expect_status(200);
    assert_eq!(changed.json()["state"], "running");
    let late = sent(&lab.service, &waiting_for("hello", LONG), Some(&known)).await;
    assert_eq!(late.expect_status(200).json(), changed.json(), "it had changed already");
    // A final state may still change, and whoever knows it waits for that.
    lab.cluster.set_job_status("default", "hello", complete());
    let ended = sent(&lab.service, &waiting_for("hello", LONG), Some(&etag(&changed))).await;
    let labelled = || lab.cluster.change_job("default", "hello", |job| job["metadata"]["labels"]["more"] = json!("1"));
    let relabelled = answered_when(&lab, Some(&etag(&ended)), labelled).await.expect_status(200);
    assert_eq!((&relabelled.json()["state"], &relabelled.json()["labels"]["more"]), (&json!("completed"), &json!("1")));
}

#[tokio::test]
async fn a_wait_with_details_has_those_of_its_end() {
    let lab = lab_with_one_place().await;
    create(&lab.service, &manifest("hello")).await.expect_status(201);
    let path = format!("{}&details=true", waiting_for("hello", LONG));
    let then = async {
        place_is_taken(&lab.service).await;
        lab.cluster.set_job_status("default", "hello", complete());
    };
    let (reply, ()) = tokio::join!(sent(&lab.service, &path, None), then);
    let told = reply.expect_status(200).json();
    assert_eq!((&told["state"], &told["pods"]), (&json!("completed"), &json!([])));
}

#[tokio::test]
async fn a_wait_that_is_no_time_up_to_five_minutes_is_refused() {
    let lab = lab().await;
    create(&lab.service, &manifest("hello")).await.expect_status(201);
    for bad in [
        "6m",
        "30",
        "-1s",
        "+1s",
        "1.5s",
        "",
        "s",
        "1h",
        "301s",
        "300001ms",
        "1%20s",
        "1m30s",
        "99999999999s",
        "%D9%A3s",
    ] {
        let told = problem(&lab.service.get(&waiting_for("hello", bad)).await, 400, "BadRequest");
        assert_eq!(told["causes"][0]["field"], "wait", "{bad}");
        assert!(told["detail"].as_str().unwrap().contains("30s or 5m"), "{told}");
    }
}

/// Waits for a job of which no watch tells, and so is asked about.
async fn is_answered_by_asking(lab: &Lab, job: serde_json::Value) {
    lab.cluster.put_job(job);
    let (path, upstream) = (waiting_for("hello", LONG), format!("{JOBS}/hello"));
    let before = lab.cluster.count("GET", &upstream);
    let then = async {
        lab.cluster.wait_for("GET", &upstream, before + 2).await;
        lab.cluster.set_job_status("default", "hello", complete());
    };
    let (reply, ()) = tokio::join!(lab.service.get(&path), then);
    assert_eq!((&reply.json()["state"], is_hit(&reply)), (&json!("completed"), false));
}

#[tokio::test]
async fn a_wait_for_another_tools_job_asks_the_cluster_now_and_then() {
    is_answered_by_asking(&lab().await, manifest("hello")).await;
}

#[tokio::test]
async fn a_wait_without_the_right_to_follow_jobs_asks_the_cluster_now_and_then() {
    is_answered_by_asking(&without_right_to("watch", &[]).await, own_job("hello")).await;
}

#[tokio::test]
async fn deleting_a_namespace_with_a_wait_is_answered_when_it_is_gone() {
    let lab = lab().await;
    let path = |name: &str, time: &str| {
        let mut path = format!("/api/eks-delete-namespace?namespace_name={name}");
        write!(path, "&wait={time}").unwrap();
        path
    };
    for name in ["team-a", "team-b"] {
        lab.service.post("/api/eks-create-namespace", &json!({ "namespace_name": name })).await.expect_status(201);
    }
    let (asked, then) = (path("team-a", LONG), async {
        lab.cluster.wait_for("GET", &format!("{NAMESPACES}/team-a"), 2).await;
        lab.cluster.finish_namespace("team-a");
    });
    let (gone, ()) = tokio::join!(lab.service.delete(&asked), then);
    let expected =
        json!({ "cluster": "lab", "message": "Namespace team-a is deleted", "status": "success", "phase": "Deleted" });
    assert_eq!(gone.expect_status(200).json(), expected);

    let ending = lab.service.delete(&path("team-b", "100ms")).await.expect_status(200).json();
    assert_eq!((&ending["phase"], &ending["status"]), (&json!("Terminating"), &json!("success")));
    for bad in ["6m", "30", "-1s"] {
        problem(&lab.service.delete(&path("team-b", bad)).await, 400, "BadRequest");
    }
}
