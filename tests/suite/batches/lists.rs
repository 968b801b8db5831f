//! Lists of batches: newest first, in pages, by state.

use serde_json::{Value, json};

use super::status::{head, member};
use crate::access::{ALICE, ask, bearer, told, with_users};
use crate::calls::{BINARY, lab, problem};
use crate::live::{complete, failed, is_hit, until, without_right_to};
use crate::support::Lab;
use crate::support::service::Reply;
use crate::support::stub::Right;

fn path(query: &str) -> String {
    format!("/api/eks-list-batches?{query}")
}

fn names(reply: &Reply) -> Vec<String> {
    let reply = reply.json();
    let batches = reply["batches"].as_array().unwrap_or_else(|| panic!("{reply}"));
    batches.iter().map(|batch| batch["batch_name"].as_str().unwrap().to_owned()).collect()
}

/// Batches of one member each, the oldest first: the number decides the state.
const NUMBER: usize = 12;
const STATES: [&str; 4] = ["completed", "failed", "running", "incomplete"];

fn name(number: usize) -> String {
    format!("batch-{number:02}")
}

fn put(lab: &Lab) {
    for number in 0..NUMBER {
        let namespace = if number.is_multiple_of(2) { "team-a" } else { "team-b" };
        let mut head = head(namespace, &name(number), 1);
        head["metadata"]["creationTimestamp"] = json!(format!("2026-11-01T00:00:{number:02}Z"));
        let mut member = member(namespace, &name(number), 0);
        member["status"] = [complete(), failed(), json!({ "active": 1 }), json!({})][number % 4].clone();
        lab.cluster.put_jobs(std::iter::once(head).chain((number % 4 != 3).then_some(member)));
    }
}

async fn lab_with_batches(environment: &[(&str, &str)]) -> Lab {
    let lab = Lab::with(BINARY, environment).await;
    put(&lab);
    // The last but one of these changes is the member of a running batch.
    let all = async || lab.service.get(&path("")).await;
    until(all, |reply| reply.json()["batches"][1]["state"] == "running" && names(reply)[0] == name(NUMBER - 1)).await;
    lab
}

fn newest_first(takes: impl Fn(usize) -> bool) -> Vec<String> {
    (0..NUMBER).rev().filter(|number| takes(*number)).map(name).collect()
}

/// Reads all pages, and returns their sizes with the names of all.
async fn pages(lab: &Lab, query: &str, is_direct: bool) -> (Vec<usize>, Vec<String>) {
    let (mut sizes, mut all, mut token) = (Vec::new(), Vec::new(), String::new());
    loop {
        let path = path(&format!("{query}&continue={token}"));
        let page = if is_direct { lab.service.get_directly(&path).await } else { lab.service.get(&path).await };
        let page = page.expect_status(200);
        assert_eq!(is_hit(&page), !is_direct);
        sizes.push(names(&page).len());
        all.extend(names(&page));
        match page.json()["continue"].as_str() {
            Some(next) => next.clone_into(&mut token),
            None => return (sizes, all),
        }
    }
}

#[tokio::test]
async fn batches_are_listed_newest_first_in_pages_from_memory_and_from_the_cluster() {
    let lab = lab_with_batches(&[]).await;
    for is_direct in [false, true] {
        assert_eq!(pages(&lab, "", is_direct).await, (vec![NUMBER], newest_first(|_| true)));
        assert_eq!(pages(&lab, "limit=5", is_direct).await, (vec![5, 5, 2], newest_first(|_| true)));
        let in_a = newest_first(|number| number.is_multiple_of(2));
        assert_eq!(pages(&lab, "limit=6&namespace=team-a", is_direct).await, (vec![6], in_a));
        for (index, state) in STATES.into_iter().enumerate() {
            let expected = newest_first(|number| number % 4 == index);
            let (sizes, all) = pages(&lab, &format!("state={state}&limit=2"), is_direct).await;
            assert_eq!((sizes[0], all), (2, expected), "{state} {is_direct}");
        }
        assert_eq!(pages(&lab, "state=suspended", is_direct).await.1, [""; 0]);
    }
    let first = lab.service.get(&path("limit=5")).await.json();
    assert_eq!((&first["remaining"], &first["cluster"]), (&json!(NUMBER - 5), &json!("lab")));
    let one = lab.service.get("/api/eks-get-batch-status?batch_name=batch-11&namespace=team-b").await.json();
    assert_eq!(first["batches"][0], one, "as get-batch-status returns it");
}

#[tokio::test]
async fn a_head_is_in_no_list_of_jobs() {
    let lab = lab_with_batches(&[]).await;
    for reply in [lab.service.get("/api/eks-list-jobs").await, lab.service.get_directly("/api/eks-list-jobs").await] {
        let jobs = reply.expect_status(200).json();
        let names: Vec<_> = jobs["jobs"].as_array().unwrap().iter().map(|job| job["job_name"].clone()).collect();
        assert!(names.len() == 9 && names.iter().all(|name| name.as_str().unwrap().ends_with("-0000")), "{names:?}");
    }
}

#[tokio::test]
async fn without_the_watch_the_heads_are_listed_by_their_label() {
    let lab = without_right_to("watch", &[]).await;
    put(&lab);
    let lists = || lab.cluster.count("GET", "/apis/batch/v1/jobs");
    let before = lists();
    assert_eq!(pages_of_misses(&lab).await, newest_first(|_| true));
    assert_eq!(lists() - before, 2, "one for the heads, and one for the members");
}

async fn pages_of_misses(lab: &Lab) -> Vec<String> {
    let reply = lab.service.get(&path("")).await.expect_status(200);
    assert!(!is_hit(&reply));
    names(&reply)
}

#[tokio::test]
async fn a_damaged_head_does_not_hide_the_other_batches() {
    let lab = lab_with_batches(&[]).await;
    lab.cluster.change_job("team-a", "batch-00", |job| job["metadata"]["annotations"]["eks-api/batch"] = json!("{"));
    let is_damaged = |reply: &Reply| reply.json()["batches"][NUMBER - 1]["state"] == "incomplete";
    let reply = until(async || lab.service.get(&path("")).await, is_damaged).await;
    assert_eq!(names(&reply), newest_first(|_| true));
    assert_eq!(reply.json()["batches"][NUMBER - 1]["size"], 0);
}

#[tokio::test]
async fn what_is_no_query_is_refused_and_other_namespaces_are_not_listed() {
    let lab = lab().await;
    for (query, field) in
        [("state=pending", "state"), ("limit=0", "limit"), ("limit=501", "limit"), ("continue=x", "continue")]
    {
        let told = problem(&lab.service.get(&path(query)).await, 400, "BadRequest");
        assert_eq!(told["causes"][0]["field"], field);
    }
    let empty = json!({ "batches": [], "cluster": "lab", "continue": Value::Null, "remaining": 0 });
    assert_eq!(lab.service.get(&path("")).await.json(), empty);

    let lab = Lab::with(BINARY, &[("EKS_API_ALLOWED_NAMESPACES", "team-a")]).await;
    put(&lab);
    let all = async || lab.service.get(&path("")).await;
    until(all, |reply| names(reply) == newest_first(|number| number.is_multiple_of(2))).await;
    problem(&lab.service.get(&path("namespace=team-b")).await, 403, "namespace_not_allowed");
}

#[tokio::test]
async fn a_user_lists_the_batches_of_its_namespaces_alone() {
    let lab = with_users(&[]).await;
    lab.cluster.allow_user("alice", Right::to(&["list"], "jobs").within("team-a"));
    put(&lab);
    for (query, status) in [("namespace=team-a", 200), ("namespace=team-b", 403), ("", 403)] {
        let answer = ask(&lab.service, "GET", &path(query), &bearer(ALICE), None).await;
        assert_eq!(answer.status(), status, "{query} {answer:?}");
        assert!(status == 200 || told(&answer).1 == "Forbidden");
    }
}
