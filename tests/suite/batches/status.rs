//! The status of a batch: from memory and from the cluster, with its entity tag, and for whom it is.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::time::timeout;

use crate::access::{ALICE, BOB, ask, bearer, keygen, told, with_keys, with_users};
use crate::calls::{JOBS, lab, problem, sent};
use crate::live::{complete, etag, failed, is_hit, own_job, until, without_right_to};
use crate::support::Lab;
use crate::support::service::{PATIENCE, Reply};
use crate::support::stub::Right;
use crate::wire::Answer;

/// A head that is older than any submission.
pub(crate) fn head(namespace: &str, name: &str, size: usize) -> Value {
    let mut head = own_job(name);
    head["metadata"]["namespace"] = json!(namespace);
    head["metadata"]["uid"] = json!(format!("uid-of-{name}"));
    head["metadata"]["creationTimestamp"] = json!("2026-11-01T00:00:00Z");
    head["metadata"]["labels"]["eks-api/batch-head"] = json!("true");
    head["metadata"]["annotations"]["eks-api/batch"] = json!(json!({ "size": size, "body": "0a" }).to_string());
    head["spec"]["suspend"] = json!(true);
    head
}

/// A head to which another process may still add members.
pub(super) fn young_head(name: &str, size: usize) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let now = OffsetDateTime::from_unix_timestamp(now.try_into().unwrap()).unwrap();
    let mut young = head("default", name, size);
    young["metadata"]["creationTimestamp"] = json!(now.format(&Rfc3339).unwrap());
    young
}

pub(crate) fn member(namespace: &str, batch: &str, index: usize) -> Value {
    let mut member = own_job(&member_name(batch, index));
    member["metadata"]["namespace"] = json!(namespace);
    member["metadata"]["labels"]["eks-api/batch"] = json!(batch);
    let uid = format!("uid-of-{batch}");
    member["metadata"]["ownerReferences"] =
        json!([{ "apiVersion": "batch/v1", "kind": "Job", "name": batch, "uid": uid, "blockOwnerDeletion": false }]);
    member
}

pub(crate) fn member_name(batch: &str, index: usize) -> String {
    format!("{batch}-{index:04}")
}

/// Puts a batch into the namespace `default` of the cluster.
pub(super) fn put(lab: &Lab, name: &str, size: usize) {
    let members = (0..size).map(|index| member("default", name, index));
    lab.cluster.put_jobs(std::iter::once(head("default", name, size)).chain(members));
}

pub(super) fn path(name: &str) -> String {
    format!("/api/eks-get-batch-status?batch_name={name}")
}

/// Waits until what is known of the batch fits.
pub(super) async fn until_status(lab: &Lab, name: &str, fits: impl Fn(&Value) -> bool) -> Reply {
    until(
        async || lab.service.get(&path(name)).await,
        |reply| reply.status == 200 && is_hit(reply) && fits(&reply.json()),
    )
    .await
}

#[tokio::test]
async fn a_status_comes_from_memory_and_is_the_same_from_the_cluster() {
    let lab = lab().await;
    put(&lab, "etl", 3);
    lab.cluster.set_job_status("default", "etl-0000", complete());
    lab.cluster.set_job_status("default", "etl-0001", json!({ "active": 1 }));
    let known = until_status(&lab, "etl", |status| status["counts"]["running"] == 1).await;
    let before = sent(&lab.cluster);
    let status = lab.service.get(&path("etl")).await.expect_status(200).json();
    assert_eq!(sent(&lab.cluster), before, "nothing was asked of the cluster");
    let counts = json!({ "pending": 1, "running": 1, "suspended": 0, "completed": 1, "failed": 0, "missing": 0 });
    assert_eq!((&status["state"], &status["size"], &status["counts"]), (&json!("running"), &json!(3), &counts));
    assert_eq!((&status["batch_name"], &status["cluster"]), (&json!("etl"), &json!("lab")));
    assert_eq!(status.get("members"), None);
    for query in ["", "&details=true"] {
        let path = format!("{}{query}", path("etl"));
        let (known, direct) = (lab.service.get(&path).await, lab.service.get_directly(&path).await.expect_status(200));
        assert_eq!((known.json(), etag(&known)), (direct.json(), etag(&direct)), "{query}");
        assert!(is_hit(&known) && !is_hit(&direct));
    }
    let details = lab.service.get(&format!("{}&details=true", path("etl"))).await;
    let of_members: Vec<_> =
        details.json()["members"].as_array().unwrap().iter().map(|one| one["state"].clone()).collect();
    assert_eq!(of_members, ["completed", "running", "pending"]);
    assert_ne!(etag(&details), etag(&known));
}

#[tokio::test]
async fn a_status_that_the_caller_has_is_not_sent_again_and_every_change_has_another_tag() {
    let lab = lab().await;
    put(&lab, "etl", 2);
    let mut tags = vec![etag(&until_status(&lab, "etl", |status| status["counts"]["pending"] == 2).await)];
    for (name, end) in [("etl-0000", complete()), ("etl-0001", failed())] {
        lab.cluster.set_job_status("default", name, end);
        let known = tags[tags.len() - 1].clone();
        let unless = async || lab.service.send("GET", &path("etl"), &[("if-none-match", &known)], "").await;
        let changed = until(unless, |reply| reply.status == 200).await;
        tags.push(etag(&changed));
        let same = lab.service.send("GET", &path("etl"), &[("if-none-match", &etag(&changed))], "").await;
        assert_eq!((same.status.as_u16(), same.body.len()), (304, 0));
        assert_eq!(same.header("cache-control"), Some("private, no-cache"));
    }
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), 3);
}

#[tokio::test]
async fn without_the_watch_the_members_are_listed_by_their_label() {
    let lab = without_right_to("watch", &[]).await;
    put(&lab, "etl", 2);
    // One of an earlier batch, and one of a batch with a longer name.
    lab.cluster.change_job("default", "etl-0001", |job| job["metadata"]["ownerReferences"][0]["uid"] = json!("old"));
    lab.cluster.put_job(member("default", "etl-x", 0));
    let reply = lab.service.get(&path("etl")).await.expect_status(200);
    let status = reply.json();
    assert_eq!((&status["state"], &status["counts"]["missing"]), (&json!("running"), &json!(1)));
    assert!(!is_hit(&reply));
    assert_eq!(sent(&lab.cluster), [format!("GET {JOBS}/etl"), format!("GET {JOBS}")]);
}

#[tokio::test]
async fn what_is_no_batch_is_a_404_that_says_why() {
    let lab = lab().await;
    lab.cluster.put_job(own_job("hello"));
    for path in [path("hello"), format!("{}&wait=1s", path("hello"))] {
        let told = problem(&lab.service.get(&path).await, 404, "NotFound");
        assert!(told["detail"].as_str().unwrap().contains("a job has the name; use get-job-status"), "{told}");
    }
    let told = problem(&lab.service.get(&path("nope")).await, 404, "NotFound");
    assert!(told["detail"].as_str().unwrap().starts_with("batch \"nope\" not found in namespace default"), "{told}");
    problem(&lab.service.get(&path("No_Name")).await, 422, "Invalid");
    problem(&lab.service.get("/api/eks-get-batch-status").await, 400, "BadRequest");
}

#[tokio::test]
async fn a_damaged_head_is_a_409_that_says_what_to_do() {
    let lab = lab().await;
    put(&lab, "etl", 2);
    lab.cluster.change_job("default", "etl", |job| job["metadata"]["annotations"]["eks-api/batch"] = json!("{"));
    for ask in [path("etl"), format!("{}&wait=1m", path("etl"))] {
        let reply = until(async || lab.service.get(&ask).await, |reply| reply.status == 409).await;
        let told = problem(&reply, 409, "batch_damaged");
        assert!(told["detail"].as_str().unwrap().contains("delete-batch"), "{told}");
    }
}

#[tokio::test]
async fn a_caller_sees_a_batch_only_with_the_right_to_get_and_list_jobs() {
    for (rights, status) in [(&["watch"][..], 403), (&["get"], 403), (&["list"], 403), (&["get", "list"], 200)] {
        let lab = with_users(&[]).await;
        put(&lab, "etl", 1);
        lab.cluster.set_job_status("default", "etl-0000", complete());
        until_known(&lab).await;
        lab.cluster.allow_user("alice", Right::to(rights, "jobs").within("default"));
        for query in ["", "&wait=1m"] {
            let answer = ask(&lab.service, "GET", &format!("{}{query}", path("etl")), &bearer(ALICE), None).await;
            assert_eq!(answer.status(), status, "{rights:?} {answer:?}");
        }
    }
}

#[tokio::test]
async fn the_exit_codes_of_members_are_only_for_callers_that_may_list_pods() {
    let lab = with_users(&[]).await;
    lab.cluster.allow_user("alice", Right::to(&["get", "list"], "jobs"));
    lab.cluster.put_job(head("default", "etl", 1));
    let mut failing = member("default", "etl", 0);
    failing["metadata"]["uid"] = json!("99999999-2222-4333-8444-555555555555");
    failing["spec"]["selector"] = json!({ "matchLabels": { "of": "etl" } });
    lab.cluster.put_job(failing);
    let ended = json!({ "exitCode": 3, "reason": "Error", "finishedAt": "2026-01-01T00:00:09Z" });
    lab.cluster.put_pod(json!({
        "metadata": { "name": "etl-x", "namespace": "default", "labels": { "of": "etl" } },
        "spec": { "containers": [{ "name": "c" }] },
        "status": { "phase": "Failed",
            "containerStatuses": [{ "name": "c", "restartCount": 0, "state": { "terminated": ended } }] },
    }));
    lab.cluster.set_job_status("default", "etl-0000", failed());
    let get = async |token: &str, path: &str| ask(&lab.service, "GET", path, &bearer(token), None).await;
    let exit = |answer: &Answer| object(answer)["failed_jobs"][0]["exit_code"].clone();
    let seen = until_answer(async || get(BOB, &path("etl")).await, |answer| exit(answer) == 3).await;
    let hidden = get(ALICE, &path("etl")).await;
    assert_eq!((hidden.status(), exit(&hidden)), (200, Value::Null));
    assert_eq!(object(&hidden)["failed_jobs"][0]["reason"], "BackoffLimitExceeded");
    assert_ne!(hidden.header("etag"), seen.header("etag"));
    let list = "/api/eks-list-batches";
    let listed =
        async |token: &str| object(&get(token, list).await)["batches"][0]["failed_jobs"][0]["exit_code"].clone();
    assert_eq!((listed(BOB).await, listed(ALICE).await), (json!(3), Value::Null));
}

fn object(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{error}: {answer:?}"))
}

async fn until_answer(mut ask: impl AsyncFnMut() -> Answer, fits: impl Fn(&Answer) -> bool) -> Answer {
    let asked = async {
        loop {
            let answer = ask().await;
            if fits(&answer) {
                return answer;
            }
        }
    };
    timeout(PATIENCE, asked).await.expect("no answer fits")
}

/// Waits until the service has listed the jobs.
async fn until_known(lab: &Lab) {
    let known = async || lab.service.get("/metrics").await;
    until(known, |reply| reply.text().lines().any(|line| line == "eks_api_batches 1")).await;
}

#[tokio::test]
async fn a_key_sees_the_batches_of_its_namespaces_alone() {
    let key = keygen("ci", "read", "team-*").await;
    let lab = with_keys(&[&key], &[]).await;
    lab.cluster.put_jobs([head("team-a", "etl", 1), head("default", "etl", 1)]);
    let line = format!("X-API-Key: {}\r\n", key.secret);
    let other = ask(&lab.service, "GET", &path("etl"), &line, None).await;
    assert_eq!(told(&other).0, 403);
    let own = ask(&lab.service, "GET", &format!("{}&namespace=team-a", path("etl")), &line, None).await;
    assert_eq!(own.status(), 200, "{own:?}");
    let list = ask(&lab.service, "GET", "/api/eks-list-batches", &line, None).await;
    let list = object(&list);
    assert!(list["batches"].as_array().unwrap().iter().all(|batch| batch["namespace"] == "team-a"), "{list}");
}
