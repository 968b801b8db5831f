//! What callers keep from cluster `a` has no meaning for cluster `b`: tags, page tokens, event ids, idempotency keys.
//! What the service keeps of a job of `a` does not answer for the job of the same name in `b`.

use serde_json::{Value, json};
use tokio::join;

use super::{BOTH, EVENTS, HELLO, Lab, StubCluster, active, hello, problem, to, until_known};
use crate::access::{job_in, own_job_in};
use crate::calls::create_with;
use crate::job_events::reader::Reader;
use crate::live::{complete, etag, failed, is_hit, until};
use crate::support::service::Reply;

async fn get_with(lab: &Lab, path: &str, headers: &[(&str, &str)]) -> Reply {
    lab.service.send("GET", path, headers, "").await
}

#[tokio::test]
async fn a_tag_of_one_cluster_matches_no_job_of_the_other() {
    let lab = Lab::start().await;
    let versions = BOTH.map(|name| lab.clusters.stub(name).job("team-a", "hello").unwrap()["metadata"].clone());
    assert_eq!(versions[0]["resourceVersion"], versions[1]["resourceVersion"], "the tags differ only by the cluster");
    let no_cache = ("cache-control", "no-cache");
    for (own, other) in [("a", "b"), ("b", "a")] {
        let tag = etag(&lab.service.get(&to(HELLO, own)).await);
        let known = ("if-none-match", tag.as_str());
        for more in [&[][..], &[no_cache]] {
            let headers = [&[known], more].concat();
            assert_eq!(get_with(&lab, &to(HELLO, own), &headers).await.status, 304);
            let reply = get_with(&lab, &to(HELLO, other), &headers).await.expect_status(200);
            assert_eq!(reply.json()["active"], active(other));
        }
        // A wait for another version ends immediately: the caller has no version of this job.
        let reply = get_with(&lab, &to(&format!("{HELLO}&wait=5m"), other), &[known]).await.expect_status(200);
        assert_eq!(reply.json()["cluster"], other);
    }
}

#[tokio::test]
async fn a_page_token_of_one_cluster_is_refused_for_the_other() {
    let lab = Lab::start().await;
    for name in BOTH {
        lab.clusters.stub(name).put_job(own_job_in("team-a", "later"));
        until_known(&lab.service, name, 2).await;
    }
    let list = "/api/eks-list-jobs?namespace=team-a&limit=1";
    for (own, other) in [("a", "b"), ("b", "a")] {
        for headers in [&[][..], &[("cache-control", "no-cache")]] {
            let first = get_with(&lab, &to(list, own), headers).await.expect_status(200);
            assert_eq!(is_hit(&first), headers.is_empty());
            let next = format!("{list}&continue={}", first.json()["continue"].as_str().unwrap());
            let second = get_with(&lab, &to(&next, own), headers).await.expect_status(200);
            assert_eq!(second.json()["jobs"][0]["cluster"], own);
            let before = BOTH.map(|name| lab.clusters.stub(name).count("GET", "/apis/batch/v1/namespaces"));
            for headers in [&[][..], &[("cache-control", "no-cache")]] {
                let refused = get_with(&lab, &to(&next, other), headers).await;
                assert_eq!(problem(&refused), (400, "BadRequest".to_owned()));
                assert!(refused.json()["detail"].as_str().unwrap().starts_with("continue: "));
            }
            let after = BOTH.map(|name| lab.clusters.stub(name).count("GET", "/apis/batch/v1/namespaces"));
            assert_eq!(before, after, "no cluster sees it");
        }
    }
}

#[tokio::test]
async fn an_event_id_of_one_cluster_resets_a_stream_of_the_other() {
    let lab = Lab::start().await;
    let mut first = Reader::open(&lab.service, "namespace=team-a").await;
    first.snapshot().await;
    let mut other = Reader::after(&lab.service, "namespace=team-a&cluster=b", &first.id).await;
    let reset = other.event().await;
    assert_eq!((reset.kind.as_str(), &reset.json()["cluster"]), ("reset", &json!("b")));
    assert_eq!(other.snapshot().await[0].json()["active"], 2);
    // The same id continues the stream of its own cluster.
    let mut same = Reader::after(&lab.service, "namespace=team-a&cluster=a", &first.id).await;
    lab.a().set_job_status("team-a", "hello", json!({ "active": 7 }));
    let event = same.event().await;
    assert_eq!(
        (event.kind.as_str(), &event.json()["cluster"], &event.json()["active"]),
        ("modified", &json!("a"), &json!(7))
    );
    // The change of A is no event of B: the next event there is its own change.
    lab.b().set_job_status("team-a", "hello", json!({ "active": 8 }));
    assert_eq!(other.event().await.json()["active"], 8);
}

#[tokio::test]
async fn an_idempotency_key_of_one_cluster_creates_a_job_in_the_other() {
    let lab = Lab::start().await;
    let key = [("idempotency-key", "nightly-2026-01-01")];
    let mut body = job_in("team-a", "nightly");
    let mut uids = Vec::new();
    for name in BOTH {
        body["cluster"] = json!(name);
        let made = create_with(&lab.service, &key, &body).await.expect_status(201).json();
        let again = create_with(&lab.service, &key, &body).await.expect_status(200).json();
        assert_eq!((&made["uid"], &made["cluster"]), (&again["uid"], &json!(name)));
        assert_eq!(lab.clusters.stub(name).job("team-a", "nightly").unwrap()["metadata"]["uid"], made["uid"]);
        uids.push(made["uid"].clone());
    }
    assert_ne!(uids[0], uids[1]);
}

#[tokio::test]
async fn a_wait_in_one_cluster_does_not_end_with_the_job_of_the_other() {
    let lab = Lab::start().await;
    let waiting = format!("{HELLO}&wait=5m");
    let (in_a, in_b) = (to(&waiting, "a"), to(&waiting, "b"));
    let changes = async {
        let open = async |count: u32| {
            let is_open = |reply: &Reply| reply.text().contains(&format!("\neks_api_open_waits {count}\n"));
            until(async || lab.service.get("/metrics").await, is_open).await;
        };
        open(2).await;
        lab.a().set_job_status("team-a", "hello", complete());
        open(1).await;
        // The store of B is read after the end in A, and the wait is still open.
        lab.b().put_job(own_job_in("team-a", "later"));
        until_known(&lab.service, "b", 2).await;
        open(1).await;
        lab.b().set_job_status("team-a", "hello", failed());
    };
    let (a, b, ()) = join!(lab.service.get(&in_a), lab.service.get(&in_b), changes);
    let told = |reply: &Reply| (reply.json()["cluster"].clone(), reply.json()["state"].clone());
    assert_eq!((told(&a), told(&b)), ((json!("a"), json!("completed")), (json!("b"), json!("failed"))));
}

#[tokio::test]
async fn the_last_status_of_a_job_that_is_gone_is_of_its_own_cluster() {
    let lab = Lab::start().await;
    lab.a().set_job_status("team-a", "hello", complete());
    until(async || lab.service.get(HELLO).await, |reply| reply.json()["state"] == "completed").await;
    for name in BOTH {
        lab.clusters.stub(name).remove_job("team-a", "hello");
    }
    let gone = async |name| until(async || lab.service.get(&to(HELLO, name)).await, |reply| reply.status == 404).await;
    let (a, b) = (gone("a").await.json(), gone("b").await.json());
    assert_eq!((&a["last_known"]["cluster"], &a["last_known"]["state"]), (&json!("a"), &json!("completed")));
    // B's job was running, and did not end.
    assert!(b["last_known"]["state"] != "completed" && b["last_known"]["cluster"] != "a", "{b}");
    // A new job of that uid in B is not the one that ended in A.
    lab.b().put_job(hello("b"));
    let known = |reply: &Reply| reply.status == 200;
    let again = until(async || lab.service.get(&to(HELLO, "b")).await, known).await.json();
    assert_eq!((&again["cluster"], &again["active"]), (&json!("b"), &json!(2)));
    assert_eq!(gone("a").await.status, 404);
}

/// A failed job, and the pod that shows how it failed.
fn put_failed(cluster: &str, stub: &StubCluster, code: u32) {
    let mut job = hello(cluster);
    job["metadata"]["name"] = json!("broken");
    job["metadata"]["uid"] = json!("99999999-2222-4333-8444-555555555555");
    job["spec"]["selector"] = json!({ "matchLabels": { "of": "broken" } });
    job["status"] = failed();
    let ended: Value = json!({ "exitCode": code, "reason": "Error", "message": format!("message of {cluster}"),
        "finishedAt": "2026-01-01T00:00:09Z" });
    let pod = json!({
        "metadata": { "name": "broken-x", "namespace": "team-a", "labels": { "of": "broken" } },
        "spec": { "containers": [{ "name": "c" }] },
        "status": { "phase": "Failed",
            "containerStatuses": [{ "name": "c", "restartCount": 0, "state": { "terminated": ended } }] },
    });
    // The job adopts the pod, and the exit is looked up when the job is known to have failed.
    stub.put_job(hello(cluster));
    let mut running = job.clone();
    running["status"] = json!({ "active": 1 });
    stub.put_job(running);
    stub.put_pod(pod);
    stub.put_job(job);
}

#[tokio::test]
async fn the_exit_of_a_job_is_of_its_own_cluster() {
    let lab = Lab::start().await;
    for (name, code) in [("a", 3), ("b", 4)] {
        put_failed(name, lab.clusters.stub(name), code);
    }
    let path = HELLO.replace("hello", "broken");
    for (name, code) in [("a", 3), ("b", 4)] {
        let known = async || lab.service.get(&to(&path, name)).await;
        let reply = until(known, |reply| !reply.json()["exit_code"].is_null()).await.json();
        assert_eq!(reply["exit_code"], code);
        assert_eq!(reply["termination_message"], format!("message of {name}"));
        let mut events = Reader::open(&lab.service, &to(EVENTS, name)["/api/eks-watch-jobs?".len()..]).await;
        let exits: Vec<Value> = events.snapshot().await.iter().map(|event| event.json()["exit_code"].clone()).collect();
        assert!(exits.contains(&json!(code)) && !exits.contains(&json!(7 - code)), "{exits:?}");
    }
}
