//! `wait` on changes and lists: each answers when what it waits for has happened, or when the time is up.

use serde_json::{Value, json};

use crate::given::BINARY;
use crate::live::{complete, failed, own_job, until, until_status};
use crate::support::Lab;
use crate::support::service::Reply;

/// Much longer than any test lasts: who is answered earlier was not answered by the clock.
const LONG: &str = "wait=5m";

/// Waits until a call waits.
async fn until_one_waits(lab: &Lab) {
    until(async || lab.service.get("/metrics").await, |reply| reply.text().contains("\neks_api_open_waits 1\n")).await;
}

/// What is answered to a call when this happens while it waits.
async fn answered_when(lab: &Lab, method: &str, path: &str, happens: impl FnOnce()) -> Reply {
    let then = async {
        until_one_waits(lab).await;
        happens();
    };
    tokio::join!(lab.service.send(method, path, &[], ""), then).0
}

/// A lab with jobs that have a pod each. Without pods, a job that is to be suspended is suspended at once.
async fn lab_with(jobs: &[&str]) -> Lab {
    let lab = Lab::start(BINARY).await;
    for name in jobs {
        let mut job = own_job(name);
        job["status"] = json!({ "active": 1 });
        lab.cluster.put_job(job);
        until_status(&lab.service, name, |reply| reply.header("x-cache") == Some("hit")).await;
    }
    lab
}

fn suspended(is: &str) -> Value {
    json!({ "conditions": [{ "type": "Suspended", "status": is, "reason": "JobSuspended" }] })
}

#[tokio::test]
async fn a_suspension_is_waited_for() {
    let lab = lab_with(&["hello"]).await;
    let path = format!("/api/eks-suspend-job?job_name=hello&{LONG}");
    let happens = || lab.cluster.set_job_status("default", "hello", suspended("True"));
    let reply = answered_when(&lab, "POST", &path, happens).await.expect_status(200);
    assert_eq!(reply.json()["state"], "suspended");

    let path = format!("/api/eks-resume-job?job_name=hello&{LONG}");
    let happens = || lab.cluster.set_job_status("default", "hello", suspended("False"));
    let reply = answered_when(&lab, "POST", &path, happens).await.expect_status(200);
    assert_eq!(reply.json()["state"], "pending");
}

#[tokio::test]
async fn a_wait_for_a_suspension_ends_with_the_job_and_with_the_time() {
    let lab = lab_with(&["hello", "other"]).await;
    let reply = lab.service.send("POST", "/api/eks-suspend-job?job_name=other&wait=1ms", &[], "").await;
    assert_eq!(reply.expect_status(200).json()["state"], "running", "the cluster has not suspended it yet");
    let path = format!("/api/eks-suspend-job?job_name=hello&{LONG}");
    let happens = || lab.cluster.set_job_status("default", "hello", complete());
    let reply = answered_when(&lab, "POST", &path, happens).await.expect_status(200);
    assert_eq!(reply.json()["state"], "completed");
}

#[tokio::test]
async fn a_deletion_is_waited_for() {
    let lab = lab_with(&["hello", "held"]).await;
    for name in ["hello", "held"] {
        let uid = lab.cluster.job("default", name).unwrap()["metadata"]["uid"].clone();
        lab.cluster.put_pod(json!({ "metadata": { "name": format!("{name}-pod"),
            "labels": { "batch.kubernetes.io/controller-uid": uid },
            "ownerReferences": [{ "kind": "Job", "uid": uid }] } }));
    }
    let path = "/api/eks-delete-job?job_name=held&wait=1ms";
    let reply = lab.service.delete(path).await.expect_status(200).json();
    assert_eq!((&reply["gone"], &reply["status"]), (&false.into(), &"success".into()), "{reply}");

    let path = format!("/api/eks-delete-job?job_name=hello&{LONG}");
    let reply = answered_when(&lab, "DELETE", &path, || lab.cluster.settle()).await.expect_status(200).json();
    assert_eq!(reply["gone"], true, "{reply}");
    assert_eq!(reply["message"], "Job hello in namespace default is deleted");
}

#[tokio::test]
async fn a_job_that_is_gone_at_once_is_not_waited_for() {
    let lab = lab_with(&["hello", "other"]).await;
    let path =
        |name: &str, more: &str| format!("/api/eks-delete-job?job_name={name}&propagation_policy=Background{more}");
    let reply = lab.service.delete(&path("hello", &format!("&{LONG}"))).await.expect_status(200).json();
    assert_eq!(reply["gone"], true);
    let reply = lab.service.delete(&path("other", "")).await.expect_status(200).json();
    assert_eq!(reply.get("gone"), None, "nobody waits");
}

#[tokio::test]
async fn a_list_is_waited_for_until_none_of_its_jobs_is_unfinished() {
    let lab = lab_with(&["one", "two", "three"]).await;
    let reply = lab.service.get("/api/eks-list-jobs?wait=1ms").await.expect_status(200).json();
    assert_eq!((&reply["all_ended"], reply["jobs"].as_array().unwrap().len()), (&false.into(), 3), "{reply}");
    let happens = || {
        lab.cluster.set_job_status("default", "two", complete());
        lab.cluster.set_job_status("default", "one", failed());
        lab.cluster.set_job_status("default", "three", complete());
    };
    let reply = answered_when(&lab, "GET", &format!("/api/eks-list-jobs?{LONG}"), happens).await.expect_status(200);
    let states = |reply: &Value| -> Vec<String> {
        let jobs = reply["jobs"].as_array().unwrap().iter();
        jobs.map(|job| job["state"].as_str().unwrap().to_owned()).collect()
    };
    let reply = reply.json();
    assert_eq!(reply["all_ended"], true);
    assert!(states(&reply).iter().all(|state| state != "pending"), "{reply}");
}

#[tokio::test]
async fn a_list_waits_for_those_jobs_alone_that_match() {
    let lab = lab_with(&["one", "two"]).await;
    lab.cluster.set_job_status("default", "one", complete());
    until_status(&lab.service, "one", |reply| reply.json()["state"] == "completed").await;
    for (query, all_ended) in [
        ("label_selector=job-id=one", true),
        ("namespace=default&label_selector=job-id=one", true),
        ("namespace=nowhere", true),
        ("label_selector=job-id=nothing", true),
    ] {
        let path = format!("/api/eks-list-jobs?{query}&{LONG}");
        let reply = lab.service.get(&path).await.expect_status(200).json();
        assert_eq!(reply["all_ended"], all_ended, "{query}: {reply}");
    }
    let reply = lab.service.get("/api/eks-list-jobs?namespace=default").await.json();
    assert_eq!(reply.get("all_ended"), None, "nobody waits");
    for query in ["state=failed", "continue=MS9hL2I"] {
        let reply = lab.service.get(&format!("/api/eks-list-jobs?{query}&wait=1s")).await;
        assert_eq!((reply.status.as_u16(), &reply.json()["causes"][0]["field"]), (400, &"wait".into()), "{query}");
    }
    // A job that goes is no longer unfinished.
    let path = format!("/api/eks-list-jobs?{LONG}");
    let reply = answered_when(&lab, "GET", &path, || lab.cluster.remove_job("default", "two")).await;
    assert_eq!(reply.expect_status(200).json()["all_ended"], true);
}

#[tokio::test]
async fn a_list_is_waited_for_also_where_nothing_can_be_watched() {
    let lab = crate::live::without_right_to("watch", &[]).await;
    lab.cluster.put_job(own_job("one"));
    let path = format!("/api/eks-list-jobs?{LONG}");
    let happens = || lab.cluster.set_job_status("default", "one", complete());
    let reply = answered_when(&lab, "GET", &path, happens).await.expect_status(200);
    assert_eq!((reply.header("x-cache"), &reply.json()["all_ended"]), (Some("miss"), &true.into()));
}
