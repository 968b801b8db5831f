//! A status that is answered from what the watch told: without a request, never older than the caller's own changes,
//! and never for jobs that the watch does not tell of. Entity tags and outages have rooms of their own.

mod etags;
mod outages;

use serde_json::json;

use crate::calls::{JOBS, create, lab, manifest, problem, sent, status, status_directly};
use crate::given::status_of;
use crate::live::{is_hit, own_job, requests, until_status};
use crate::wire::Wire;

const SUSPEND: &str = "/api/eks-suspend-job";
const RESUME: &str = "/api/eks-resume-job";

#[tokio::test]
async fn a_thousand_reads_of_a_known_job_cost_the_cluster_nothing() {
    let lab = lab().await;
    create(&lab.service, &manifest("hello")).await.expect_status(201);
    let before = requests(&lab.cluster);
    let mut wire = Wire::connect(&lab.service).await;
    for _ in 0..1000 {
        let answer = wire.get(&status_of("hello")).await;
        assert_eq!((answer.status(), answer.header("x-cache"), answer.header("age")), (200, Some("hit"), None));
        assert!(answer.body.contains(r#""state":"pending""#), "{}", answer.body);
    }
    assert_eq!(requests(&lab.cluster), before);
}

#[tokio::test]
async fn a_job_that_the_watch_has_not_told_of_yet_is_read_once_and_known_from_then_on() {
    let lab = lab().await;
    lab.cluster.hush_watches();
    lab.cluster.put_job(own_job("hello"));
    let (first, second) = (status(&lab.service, "hello").await, status(&lab.service, "hello").await);
    assert_eq!((is_hit(&first), is_hit(&second)), (false, true));
    assert_eq!(first.json(), second.json());
    assert_eq!(sent(&lab.cluster), [format!("GET {JOBS}/hello")]);
}

#[tokio::test]
async fn a_job_that_the_watch_told_of_is_never_asked_for() {
    let lab = lab().await;
    lab.cluster.put_job(own_job("hello"));
    let list = async || lab.service.get("/api/eks-list-jobs").await;
    crate::live::until(list, |reply| reply.json()["jobs"][0]["job_name"] == "hello").await;
    assert!(is_hit(&status(&lab.service, "hello").await));
    assert_eq!(sent(&lab.cluster), [""; 0]);
}

#[tokio::test]
async fn own_changes_are_seen_at_once_although_the_watch_says_nothing() {
    let lab = lab().await;
    lab.cluster.hush_watches();
    create(&lab.service, &manifest("hello")).await.expect_status(201);
    let path = |call: &str| format!("{call}?job_name=hello");
    for (call, suspended) in [(SUSPEND, true), (RESUME, false), (SUSPEND, true)] {
        let told = lab.service.post(&path(call), &json!({})).await.expect_status(200).json();
        assert_eq!(lab.cluster.job("default", "hello").unwrap()["spec"]["suspend"], suspended);
        let read = status(&lab.service, "hello").await;
        assert!(is_hit(&read), "{call}");
        assert_eq!(read.json(), told, "{call}");
    }
    let uid = status(&lab.service, "hello").await.json()["uid"].clone();
    lab.cluster.put_pod(json!({ "metadata": {
        "name": "hello-pod",
        "labels": { "batch.kubernetes.io/controller-uid": uid },
        "ownerReferences": [{ "kind": "Job", "uid": uid }],
    } }));
    lab.service.delete(&path("/api/eks-delete-job")).await.expect_status(200);
    let ending = status(&lab.service, "hello").await;
    assert!(is_hit(&ending) && ending.json()["deletion_timestamp"].is_string(), "{}", ending.text());
}

#[tokio::test]
async fn what_was_deleted_in_the_background_is_gone_at_once_and_does_not_come_back() {
    let lab = lab().await;
    lab.cluster.hush_watches();
    create(&lab.service, &manifest("hello")).await.expect_status(201);
    assert!(is_hit(&status(&lab.service, "hello").await));
    let path = "/api/eks-delete-job?job_name=hello&propagation_policy=Background";
    lab.service.delete(path).await.expect_status(200);
    problem(&status(&lab.service, "hello").await, 404, "NotFound");
    // The watch tells of the job's whole life only now. Once it has come to the next job, it has told all of it.
    lab.cluster.put_job(own_job("next"));
    lab.cluster.unhush_watches();
    let list = async || lab.service.get("/api/eks-list-jobs").await;
    let listed = crate::live::until(list, |reply| reply.json()["jobs"] != json!([])).await.json();
    assert_eq!(listed["jobs"].as_array().unwrap().len(), 1, "{listed}");
    assert_eq!(listed["jobs"][0]["job_name"], "next");
    problem(&status(&lab.service, "hello").await, 404, "NotFound");
}

#[tokio::test]
async fn a_name_that_is_used_again_is_the_new_job_at_once() {
    let lab = lab().await;
    lab.cluster.hush_watches();
    let path = "/api/eks-delete-job?job_name=hello&propagation_policy=Background";
    for _ in 0..3 {
        let created = create(&lab.service, &manifest("hello")).await.expect_status(201).json();
        let read = status(&lab.service, "hello").await;
        assert!(is_hit(&read));
        assert_eq!(read.json()["uid"], created["uid"]);
        lab.service.delete(path).await.expect_status(200);
    }
    let created = create(&lab.service, &manifest("hello")).await.expect_status(201).json();
    // What the watch tells of the earlier ones changes nothing.
    lab.cluster.unhush_watches();
    lab.cluster.put_job(own_job("next"));
    let list = async || lab.service.get("/api/eks-list-jobs").await;
    crate::live::until(list, |reply| reply.text().contains(r#""job_name":"next""#)).await;
    let read = status(&lab.service, "hello").await;
    assert!(is_hit(&read));
    assert_eq!(read.json()["uid"], created["uid"]);
}

#[tokio::test]
async fn another_tools_job_is_read_from_the_cluster_every_time() {
    let lab = lab().await;
    let mut stranger = own_job("stranger");
    stranger["metadata"]["labels"] = json!({ "app": "another" });
    for job in [manifest("stranger"), stranger] {
        lab.cluster.put_job(job);
        let before = sent(&lab.cluster).len();
        for active in 1..4 {
            lab.cluster.set_job_status("default", "stranger", json!({ "active": active }));
            let read = status(&lab.service, "stranger").await.expect_status(200);
            assert!(!is_hit(&read));
            assert_eq!(read.json()["active"], active);
        }
        lab.service.post(&format!("{SUSPEND}?job_name=stranger"), &json!({})).await.expect_status(200);
        assert!(!is_hit(&status(&lab.service, "stranger").await), "its suspension is not remembered");
        let (get, patch) = (format!("GET {JOBS}/stranger"), format!("PATCH {JOBS}/stranger"));
        // The fourth read is before the change: the head of a batch must not be suspended.
        assert_eq!(sent(&lab.cluster)[before..], [vec![get.clone(); 4], vec![patch, get]].concat());
    }
    assert_eq!(lab.service.get("/api/eks-list-jobs").await.json()["jobs"], json!([]));
}

#[tokio::test]
async fn who_asks_for_no_cache_gets_the_clusters_own_word_and_the_others_get_it_from_then_on() {
    let lab = lab().await;
    create(&lab.service, &manifest("hello")).await.expect_status(201);
    lab.cluster.hush_watches();
    lab.cluster.set_job_status("default", "hello", json!({ "active": 1 }));
    let known = status(&lab.service, "hello").await;
    assert_eq!((is_hit(&known), &known.json()["state"]), (true, &json!("pending")));
    for value in ["no-cache", "max-age=0, No-Cache", "no-store,no-cache"] {
        let direct = lab.service.send("GET", &status_of("hello"), &[("cache-control", value)], "").await;
        assert_eq!((is_hit(&direct), &direct.json()["state"]), (false, &json!("running")), "{value}");
    }
    let known = status(&lab.service, "hello").await;
    assert_eq!((is_hit(&known), &known.json()["state"]), (true, &json!("running")));
}

#[tokio::test]
async fn a_deleted_job_is_not_found_once_the_watch_told_so() {
    let lab = lab().await;
    create(&lab.service, &manifest("hello")).await.expect_status(201);
    lab.cluster.remove_job("default", "hello");
    let gone = until_status(&lab.service, "hello", |reply| reply.status != 200).await;
    problem(&gone, 404, "NotFound");
    problem(&status_directly(&lab.service, "hello").await, 404, "NotFound");
}
