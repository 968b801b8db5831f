//! The live state: outages, waits, jobs that are gone, and background tasks that fail.

use serde_json::{Value, json};

use crate::calls::{BINARY, CREATE_JOB, JOBS, create, lab, manifest, problem, status, status_directly};
use crate::given::status_of;
use crate::job_events::reader::Reader;
use crate::live::{ALL_JOBS, complete, failed, is_hit, own_job, until, until_status};
use crate::support::Lab;
use crate::support::service::Reply;
use crate::support::stub::{Fault, Gate, Kind};
use crate::waiting::{LONG, answered_when, lab_with_one_place, place_is_taken, sent, waiting_for};

/// From now on the cluster lets nobody watch.
fn unwatchable(lab: &Lab) {
    let kind = Kind::status(503, "ServiceUnavailable", "the watch cache is being initialized");
    lab.cluster.fault(Fault::new("GET", ALL_JOBS, kind).of_watches().always());
    lab.cluster.break_watches();
}

/// The job ends, and is deleted at once, as with `ttlSecondsAfterFinished: 0`.
fn end_and_delete(lab: &Lab, end: &Value) {
    lab.cluster.hush_watches();
    lab.cluster.set_job_status("default", "hello", end.clone());
    lab.cluster.remove_job("default", "hello");
    lab.cluster.unhush_watches();
}

/// Another job takes the name, and has completed.
fn replace(lab: &Lab) {
    lab.cluster.remove_job("default", "hello");
    lab.cluster.put_job(own_job("hello"));
    lab.cluster.set_job_status("default", "hello", complete());
}

#[tokio::test]
async fn ttl0_follow_a_wait_that_was_open_at_the_end_is_answered_with_the_last_status() {
    for (end, state) in [(complete(), "completed"), (failed(), "failed")] {
        let lab = lab_with_one_place().await;
        let uid = create(&lab.service, &manifest("hello")).await.expect_status(201).json()["uid"].clone();
        let reply = answered_when(&lab, None, || end_and_delete(&lab, &end)).await.expect_status(200);
        assert_eq!((&reply.json()["state"], &reply.json()["uid"]), (&json!(state), &uid));
        let gone = problem(&status(&lab.service, "hello").await, 404, "NotFound");
        let last = &gone["last_known"];
        assert_eq!((&last["state"], &last["uid"], &last["gone"]), (&json!(state), &uid, &json!(true)), "{gone}");
        let direct = problem(&status_directly(&lab.service, "hello").await, 404, "NotFound");
        assert_eq!(&direct["last_known"], last);
        let late = problem(&lab.service.get(&waiting_for("hello", LONG)).await, 404, "NotFound");
        assert_eq!(&late["last_known"], last, "a wait that begins afterwards has missed it");
        let details = lab.service.get(&format!("{}&details=true", status_of("hello"))).await;
        assert_eq!(&problem(&details, 404, "NotFound")["last_known"], last);
    }
}

#[tokio::test]
async fn ttl0_follow_a_wait_with_details_or_for_a_change_sees_the_end_too() {
    let lab = lab_with_one_place().await;
    create(&lab.service, &manifest("hello")).await.expect_status(201);
    let path = format!("{}&details=true", waiting_for("hello", LONG));
    let then = async {
        place_is_taken(&lab.service).await;
        end_and_delete(&lab, &complete());
    };
    let (reply, ()) = tokio::join!(sent(&lab.service, &path, None), then);
    let told = reply.expect_status(200).json();
    assert_eq!((&told["state"], &told["pods"], &told["events"]), (&json!("completed"), &json!([]), &json!([])));

    let lab = lab_with_one_place().await;
    create(&lab.service, &manifest("hello")).await.expect_status(201);
    let known = crate::live::etag(&status(&lab.service, "hello").await);
    let changed = answered_when(&lab, Some(&known), || end_and_delete(&lab, &complete())).await;
    assert_eq!(changed.expect_status(200).json()["state"], "completed");
}

#[tokio::test]
async fn ttl0_follow_create_with_a_wait_tells_the_end_of_a_job_that_is_gone() {
    let lab = lab_with_one_place().await;
    let body = json!({ "job_manifest": manifest("hello"), "wait": LONG });
    let headers = [("content-type", "application/json"), ("idempotency-key", "once")];
    let create = async || lab.service.send("POST", CREATE_JOB, &headers, body.to_string()).await;
    let then = async {
        place_is_taken(&lab.service).await;
        end_and_delete(&lab, &complete());
    };
    let waits = until(create, |reply| reply.json()["job"]["state"] != "pending");
    let (reply, ()) = tokio::join!(waits, then);
    assert_eq!(reply.json()["job"]["state"], "completed", "{}", reply.text());
}

#[tokio::test]
async fn last_known_of_a_job_that_did_not_end_says_how_it_was_and_of_an_unknown_one_there_is_none() {
    let lab = lab_with_one_place().await;
    create(&lab.service, &manifest("hello")).await.expect_status(201);
    let reply = answered_when(&lab, None, || lab.cluster.remove_job("default", "hello")).await;
    let gone = problem(&reply, 404, "NotFound");
    assert_eq!((&gone["last_known"]["state"], &gone["last_known"]["gone"]), (&json!("pending"), &json!(true)));
    let never = problem(&status(&lab.service, "never").await, 404, "NotFound");
    assert_eq!(never.get("last_known"), None);
    create(&lab.service, &manifest("hello")).await.expect_status(201);
    let there = status(&lab.service, "hello").await.expect_status(200).json();
    assert_eq!((&there["state"], there.get("gone")), (&json!("pending"), None), "another of its name is there");
    let path = "/api/eks-delete-job?job_name=hello&propagation_policy=Background";
    lab.service.delete(path).await.expect_status(200);
    let deleted = problem(&status(&lab.service, "hello").await, 404, "NotFound");
    assert_eq!(deleted["last_known"]["uid"], there["uid"]);
}

/// What `create` with a wait and a plain wait are answered when another job takes the name meanwhile.
async fn follows_its_own_job(lab: &Lab, other: impl Future<Output = ()>) -> (Reply, Reply) {
    let body = json!({ "job_manifest": manifest("hello"), "wait": "20s" });
    let created = lab.service.post(CREATE_JOB, &body);
    let then = async {
        lab.cluster.wait_for("POST", JOBS, 1).await;
        until_status(&lab.service, "hello", |reply| reply.status == 200).await;
        let path = waiting_for("hello", "20s");
        tokio::join!(lab.service.get(&path), other).0
    };
    tokio::join!(created, then)
}

#[tokio::test]
async fn b9_create_and_wait_follow_their_own_job_and_no_other_of_its_name() {
    let lab = lab().await;
    // The two calls may not wait yet: then they see what takes the name, and it is another all the same.
    let (created, waited) = follows_its_own_job(&lab, async { replace(&lab) }).await;
    let created = created.expect_status(201).json();
    assert_eq!(created["job"], Value::Null, "{created}");
    if waited.status == 200 {
        assert_ne!(waited.json()["uid"], created["uid"]);
    } else {
        problem(&waited, 404, "NotFound");
    }
}

#[tokio::test]
async fn replaced_job_wait_without_a_watch_is_told_as_gone() {
    let lab = lab().await;
    unwatchable(&lab);
    create(&lab.service, &manifest("probe")).await;
    until_status(&lab.service, "probe", |reply| reply.header("age").is_some()).await;
    let path = format!("{JOBS}/hello");
    let other = async {
        // Both wait, and ask the cluster by now.
        let before = lab.cluster.count("GET", &path);
        lab.cluster.wait_for("GET", &path, before + 2).await;
        replace(&lab);
    };
    let (created, waited) = follows_its_own_job(&lab, other).await;
    let created = created.expect_status(201).json();
    assert_eq!(created["job"], Value::Null, "{created}");
    problem(&waited, 404, "NotFound");
}

#[tokio::test]
async fn uid_another_job_of_the_name_is_not_found_with_and_without_a_wait() {
    let lab = lab().await;
    let first = create(&lab.service, &manifest("hello")).await.expect_status(201).json()["uid"].clone();
    let first = first.as_str().unwrap();
    let asks = |query: &str| format!("{}&uid={first}{query}", status_of("hello"));
    for query in ["", "&wait=0s", "&details=true"] {
        assert_eq!(lab.service.get(&asks(query)).await.expect_status(200).json()["uid"], first);
    }
    replace(&lab);
    until_status(&lab.service, "hello", |reply| reply.json()["uid"] != first && reply.status == 200).await;
    for query in ["", "&wait=5m", "&details=true"] {
        let gone = problem(&lab.service.get(&asks(query)).await, 404, "NotFound");
        assert_eq!((&gone["last_known"]["uid"], &gone["last_known"]["gone"]), (&json!(first), &json!(true)), "{gone}");
    }
    let direct = problem(&lab.service.get_directly(&asks("")).await, 404, "NotFound");
    assert!(direct["detail"].as_str().unwrap().contains("namespace default: another job has the name"), "{direct}");
}

#[tokio::test]
async fn b18_a_wait_whose_watch_is_lost_asks_the_cluster() {
    let lab = lab_with_one_place().await;
    create(&lab.service, &manifest("hello")).await.expect_status(201);
    let reply = answered_when(&lab, None, || {
        unwatchable(&lab);
        lab.cluster.set_job_status("default", "hello", complete());
    });
    let reply = reply.await.expect_status(200);
    assert_eq!((&reply.json()["state"], is_hit(&reply)), (&json!("completed"), false));
}

#[tokio::test]
async fn b18_a_wait_that_ends_while_the_cluster_is_down_tells_its_age() {
    let lab = lab_with_one_place().await;
    create(&lab.service, &manifest("hello")).await.expect_status(201);
    let path = waiting_for("hello", "3s");
    let then = async {
        place_is_taken(&lab.service).await;
        lab.cluster.stop().await;
    };
    let (reply, ()) = tokio::join!(sent(&lab.service, &path, None), then);
    let reply = reply.expect_status(200);
    assert_eq!((&reply.json()["state"], is_hit(&reply)), (&json!("pending"), true));
    let age: u64 = reply.header("age").expect("it has an age").parse().unwrap();
    assert!((1..60).contains(&age), "{age}");
}

#[tokio::test]
async fn b6_after_a_reconnect_answers_have_an_age_until_the_backlog_is_read() {
    let lab = lab().await;
    create(&lab.service, &manifest("hello")).await.expect_status(201);
    unwatchable(&lab);
    until_status(&lab.service, "hello", |reply| reply.header("age").is_some()).await;
    lab.cluster.set_job_status("default", "hello", complete());
    // The stream opens, and its backlog is on its way.
    lab.cluster.hush_watches();
    lab.cluster.clear_faults();
    lab.cluster.wait_for_watches(1).await;
    for _ in 0..10 {
        let stale = status(&lab.service, "hello").await.expect_status(200);
        assert_eq!(stale.json()["state"], "pending");
        assert!(stale.header("age").is_some(), "it is as old as the outage");
    }
    lab.cluster.unhush_watches();
    let live = until_status(&lab.service, "hello", |reply| reply.header("age").is_none()).await;
    assert_eq!((&live.json()["state"], is_hit(&live)), (&json!("completed"), true));
}

#[tokio::test]
async fn c3_a_create_shows_that_the_store_was_set_back_and_all_is_listed_again() {
    let lab = lab().await;
    // The watch has come far; then the store is restored, and the stream stays open without a word.
    let bookmark = json!({ "type": "BOOKMARK", "object": { "metadata": { "resourceVersion": "900000000" } } });
    lab.cluster.send_to_watches(format!("{bookmark}\n"));
    lab.cluster.send_to_watches(format!("{}\n", json!({ "type": "ADDED", "object": with_version(own_job("far")) })));
    until_status(&lab.service, "far", is_hit_200).await;
    lab.cluster.hush_watches();
    lab.cluster.put_job(own_job("restored"));
    create(&lab.service, &manifest("hello")).await.expect_status(201);
    let names = |reply: &Reply| -> Vec<String> {
        let jobs = reply.json()["jobs"].as_array().unwrap().clone();
        let mut names: Vec<_> = jobs.iter().map(|job| job["job_name"].as_str().unwrap().to_owned()).collect();
        names.sort_unstable();
        names
    };
    let list = async || lab.service.get("/api/eks-list-jobs").await.expect_status(200);
    assert!(names(&list().await).contains(&"hello".to_owned()), "its caller finds it at once");
    until(list, |reply| names(reply) == ["hello", "restored"]).await;
    lab.service.log_line(|line| line.contains("check=watch") && line.contains("older version")).await;
}

fn with_version(mut job: Value) -> Value {
    job["metadata"]["namespace"] = json!("default");
    job["metadata"]["uid"] = json!("00000000-0000-4000-8000-0000000000ff");
    job["metadata"]["creationTimestamp"] = json!("2026-11-01T00:00:00Z");
    job["metadata"]["resourceVersion"] = json!("900000001");
    job
}

fn is_hit_200(reply: &Reply) -> bool {
    reply.status == 200 && is_hit(reply)
}

fn numbered(number: usize) -> Value {
    own_job(&format!("job-{number:04}"))
}

/// Lists that were read from the cluster with this selector, so not by the watch.
fn lists(lab: &Lab) -> usize {
    let asked = lab.cluster.requests();
    let is_ours = |query: &[(String, String)]| {
        query.iter().any(|(name, value)| name == "labelSelector" && value.contains("job-id"))
    };
    asked.iter().filter(|request| request.path == ALL_JOBS && !request.is_watch() && is_ours(&request.query)).count()
}

#[tokio::test]
async fn b7_pages_without_the_cache_cost_a_list_each_and_hold_every_job_once() {
    let lab = lab().await;
    lab.cluster.put_jobs((0..1201).map(numbered));
    for (limit, most) in [("500", 3), ("300", 6)] {
        let before = lists(&lab);
        let (mut names, mut token) = (Vec::new(), String::new());
        loop {
            let path = format!("/api/eks-list-jobs?label_selector=job-id&limit={limit}&continue={token}");
            let page = lab.service.get_directly(&path).await.expect_status(200).json();
            let jobs = page["jobs"].as_array().unwrap();
            assert!(jobs.len() <= limit.parse().unwrap());
            names.extend(jobs.iter().map(|job| job["job_name"].as_str().unwrap().to_owned()));
            assert_eq!(page["remaining"].is_null(), page["continue"].is_string(), "nobody counts what follows");
            let Some(next) = page["continue"].as_str() else { break };
            token = next.to_owned();
        }
        names.sort_unstable();
        assert_eq!(names, (0..1201).map(|number| format!("job-{number:04}")).collect::<Vec<_>>());
        assert!(lists(&lab) - before <= most, "{} lists", lists(&lab) - before);
    }
}

#[tokio::test]
async fn b7_a_page_of_few_that_match_is_bounded_and_its_place_may_expire() {
    let lab = lab().await;
    lab.cluster.put_jobs((0..1201).map(numbered));
    let path = "/api/eks-list-jobs?label_selector=job-id&limit=1&state=failed";
    let before = lists(&lab);
    let page = lab.service.get_directly(path).await.expect_status(200).json();
    assert_eq!(page["jobs"], json!([]));
    assert!(lists(&lab) - before <= 11, "{} lists", lists(&lab) - before);
    let token = page["continue"].as_str().expect("there may be more behind it");
    lab.cluster.expire_continues();
    let next = format!("{path}&continue={token}");
    problem(&lab.service.get_directly(&next).await, 410, "Expired");
    let cached = lab.service.get("/api/eks-list-jobs?limit=1").await.expect_status(200).json();
    let place = format!("{path}&continue={}", cached["continue"].as_str().unwrap());
    problem(&lab.service.get_directly(&place).await, 410, "Expired");
}

#[tokio::test]
async fn b7_a_caller_reads_one_list_from_the_cluster_at_a_time() {
    let lab = lab().await;
    let (gate, path) = (Gate::new(), "/api/eks-list-jobs?label_selector=job-id");
    lab.cluster.fault(Fault::new("GET", ALL_JOBS, Kind::HoldBefore(gate.clone())).but_watches().always());
    let ask = || lab.service.get_directly(path);
    let then = async {
        gate.held(1).await;
        // Others are served while both lists are on their way.
        create(&lab.service, &manifest("hello")).await.expect_status(201);
        let held = lists(&lab);
        gate.open();
        held
    };
    let (one, other, held) = tokio::join!(ask(), ask(), then);
    assert_eq!((one.status.as_u16(), other.status.as_u16(), held), (200, 200, 1));
}

#[tokio::test]
async fn ttl0_follow_a_stream_reports_the_end_before_the_deletion() {
    let lab = Lab::with(BINARY, &[]).await;
    create(&lab.service, &manifest("hello")).await.expect_status(201);
    let mut reader = Reader::open(&lab.service, "").await;
    while reader.event().await.kind != "snapshot-end" {}
    end_and_delete(&lab, &complete());
    let mut told = Vec::new();
    for _ in 0..2 {
        let event = reader.event().await;
        told.push((event.kind.clone(), event.json()["state"].as_str().unwrap().to_owned()));
    }
    assert_eq!(told, [("modified", "completed"), ("deleted", "completed")].map(|(a, b)| (a.to_owned(), b.to_owned())));
}
