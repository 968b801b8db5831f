//! Listing jobs: which ones a query asks for, and what is refused. Pages have a room of their own.

mod pages;
mod templates;

use serde_json::{Value, json};

use crate::calls::{BINARY, create, lab, manifest, problem, sent, status};
use crate::live::{ALL_JOBS, complete, failed, is_hit, own_job, until, without_right_to};
use crate::support::Lab;
use crate::support::service::{Reply, Service};

/// The path that asks with these parameters.
fn path(query: &[(&str, &str)]) -> String {
    let query: String = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
    format!("/api/eks-list-jobs?{query}")
}

async fn list(service: &Service, query: &[(&str, &str)]) -> Reply {
    service.get(&path(query)).await
}

/// The names of the jobs in a reply, in its order.
fn names(reply: &Reply) -> Vec<String> {
    let reply = reply.json();
    let jobs = reply["jobs"].as_array().unwrap_or_else(|| panic!("{reply}"));
    jobs.iter().map(|job| job["job_name"].as_str().unwrap().to_owned()).collect()
}

/// A job of this namespace and age with further labels, as the cluster stores it.
pub(crate) fn job(namespace: &str, name: &str, created: &str, labels: &Value) -> Value {
    let mut job = own_job(name);
    job["metadata"]["namespace"] = json!(namespace);
    job["metadata"]["creationTimestamp"] = json!(created);
    for (key, value) in labels.as_object().into_iter().flatten() {
        job["metadata"]["labels"][key] = value.clone();
    }
    job
}

/// Puts jobs into the cluster, and waits until the service knows all of them.
pub(crate) async fn put(lab: &Lab, jobs: Vec<Value>) {
    let count = jobs.len();
    lab.cluster.put_jobs(jobs);
    let known = |reply: &Reply| names(reply).len() + count_of(&reply.json()["remaining"]) == count;
    until(async || list(&lab.service, &[("limit", "1")]).await, known).await;
}

fn count_of(number: &Value) -> usize {
    number.as_u64().and_then(|number| usize::try_from(number).ok()).unwrap_or_else(|| panic!("{number}"))
}

/// Five jobs of three namespaces, the oldest first.
fn five() -> Vec<Value> {
    vec![
        job("default", "oldest", "2026-11-01T00:00:00Z", &json!({ "team": "a", "tier": "" })),
        job("team-a", "older", "2026-11-02T00:00:00Z", &json!({ "team": "a", "example.com/stage": "test" })),
        job("team-a", "middle", "2026-11-03T00:00:00Z", &json!({ "team": "b" })),
        job("team-b", "newer", "2026-11-04T00:00:00Z", &json!({ "team": "c" })),
        job("default", "newest", "2026-11-05T00:00:00Z", &json!({})),
    ]
}

/// A lab that knows these five, each in a state of its own.
pub(crate) async fn lab_with_five(environment: &[(&str, &str)]) -> Lab {
    let lab = Lab::with(BINARY, environment).await;
    lab.cluster.put_jobs(five());
    lab.cluster.put_job(manifest("strangers"));
    for (namespace, name, now) in [
        ("default", "oldest", complete()),
        ("team-a", "older", failed()),
        ("team-a", "middle", json!({ "active": 1 })),
        ("team-b", "newer", json!({ "conditions": [{ "type": "Suspended", "status": "True" }] })),
    ] {
        lab.cluster.set_job_status(namespace, name, now);
    }
    // The last of these changes: once it is known, all are.
    lab.cluster.change_job("default", "newest", |job| job["metadata"]["labels"]["last"] = json!("1"));
    until(async || list(&lab.service, &[("label_selector", "last")]).await, |reply| names(reply) == ["newest"]).await;
    lab
}

#[tokio::test]
async fn all_of_the_services_jobs_are_listed_newest_first_without_a_request() {
    let lab = lab_with_five(&[]).await;
    let before = sent(&lab.cluster);
    let reply = list(&lab.service, &[]).await.expect_status(200);
    assert_eq!(names(&reply), ["newest", "newer", "middle", "older", "oldest"]);
    let told = reply.json();
    assert_eq!((&told["continue"], &told["remaining"]), (&Value::Null, &json!(0)));
    assert!(is_hit(&reply));
    assert_eq!(told["jobs"][0], status(&lab.service, "newest").await.json(), "as get-job-status tells it");
    assert_eq!(sent(&lab.cluster), before);
}

#[tokio::test]
async fn an_empty_list_is_a_list() {
    let lab = lab().await;
    for query in [vec![], vec![("namespace", "nowhere")], vec![("state", "failed")]] {
        let told = list(&lab.service, &query).await.expect_status(200).json();
        assert_eq!(told, json!({ "jobs": [], "cluster": "lab", "continue": null, "remaining": 0 }), "{query:?}");
    }
    assert_eq!(lab.cluster.namespace("nowhere"), None, "a question makes nothing");
}

#[tokio::test]
async fn a_created_job_is_listed_at_once_and_a_deleted_one_no_more() {
    let lab = lab().await;
    lab.cluster.hush_watches();
    create(&lab.service, &manifest("hello")).await.expect_status(201);
    assert_eq!(names(&list(&lab.service, &[]).await), ["hello"]);
    lab.service.delete("/api/eks-delete-job?job_name=hello&propagation_policy=Background").await.expect_status(200);
    assert!(names(&list(&lab.service, &[]).await).is_empty());
}

type Query = &'static [(&'static str, &'static str)];

/// Each query, and the jobs that it asks for.
const QUERIES: [(Query, &[&str]); 25] = [
    (&[("namespace", "default")], &["newest", "oldest"]),
    (&[("namespace", "team-a")], &["middle", "older"]),
    (&[("namespace", "team")], &[]),
    (&[("state", "pending")], &["newest"]),
    (&[("state", "running")], &["middle"]),
    (&[("state", "suspended")], &["newer"]),
    (&[("state", "completed")], &["oldest"]),
    (&[("state", "failed")], &["older"]),
    (&[("state", "failed"), ("namespace", "team-a")], &["older"]),
    (&[("state", "failed"), ("namespace", "default")], &[]),
    (&[("label_selector", "")], &["newest", "newer", "middle", "older", "oldest"]),
    (&[("label_selector", "team=a")], &["older", "oldest"]),
    (&[("label_selector", "team==a")], &["older", "oldest"]),
    (&[("label_selector", "team = a , !tier")], &["older"]),
    (&[("label_selector", "team!=a")], &["newest", "newer", "middle"]),
    (&[("label_selector", "team in (b, c)")], &["newer", "middle"]),
    (&[("label_selector", "team notin (b,c)")], &["newest", "older", "oldest"]),
    (&[("label_selector", "team")], &["newer", "middle", "older", "oldest"]),
    (&[("label_selector", "!team")], &["newest"]),
    (&[("label_selector", "tier=")], &["oldest"]),
    (&[("label_selector", "example.com/stage=test")], &["older"]),
    (&[("label_selector", "job-id=middle")], &["middle"]),
    (&[("label_selector", "app=eks-api,team")], &["newer", "middle", "older", "oldest"]),
    (&[("label_selector", "app=another")], &[]),
    (&[("label_selector", "team"), ("state", "running"), ("namespace", "team-a")], &["middle"]),
];

#[tokio::test]
async fn every_filter_means_the_same_from_memory_and_from_the_cluster() {
    let lab = lab_with_five(&[]).await;
    for (query, expected) in QUERIES {
        let known = list(&lab.service, query).await.expect_status(200);
        assert_eq!(names(&known), expected, "{query:?}");
        let direct = lab.service.get_directly(&path(query)).await.expect_status(200);
        assert_eq!((is_hit(&known), is_hit(&direct)), (true, false));
        assert_eq!(direct.json(), known.json(), "{query:?}");
    }
}

#[tokio::test]
async fn what_is_no_query_is_refused_with_a_sentence_about_its_parameter() {
    let lab = lab().await;
    let before = lab.cluster.count("GET", ALL_JOBS);
    for (name, values, sentence) in [
        (
            "label_selector",
            vec![
                "a b", "=a", "a=b=c", "a in b", "a in (b", "a>1", "a,", ",", "-a", "a=é", "a/b/c=d", "a\0", "(a)",
                "a~b",
            ],
            "a notin (b,c)",
        ),
        ("limit", vec!["0", "501", "-1", "1.5", "ten", "", "99999999999999999999"], "from 1 to 500"),
        ("state", vec!["done", "Completed", "", "pending,running"], "pending, running"),
        ("continue", vec!["garbage", "%%%", "MQ", "MS9hL2I=", "MS9hLy4u", "Ly8v"], "list-jobs"),
    ] {
        for value in values {
            for ask in [path(&[(name, value)]), path(&[("namespace", "team-a"), (name, value)])] {
                for reply in [lab.service.get(&ask).await, lab.service.get_directly(&ask).await] {
                    let told = problem(&reply, 400, "BadRequest");
                    assert_eq!(told["causes"][0]["field"], name, "{ask}: {told}");
                    assert!(told["detail"].as_str().unwrap().contains(sentence), "{ask}: {told}");
                }
            }
        }
    }
    problem(&list(&lab.service, &[("namespace", "Not_A_Name")]).await, 422, "Invalid");
    for unknown in ["job_name", "labels", "wait"] {
        problem(&list(&lab.service, &[(unknown, "a")]).await, 400, "BadRequest");
    }
    problem(&list(&lab.service, &[("limit", "1"), ("limit", "2")]).await, 400, "BadRequest");
    assert_eq!(lab.cluster.count("GET", ALL_JOBS), before, "nothing was asked of the cluster");
}

#[tokio::test]
async fn outside_the_allowed_namespaces_nothing_is_listed() {
    let allowed = [("EKS_API_ALLOWED_NAMESPACES", "default,team-b")];
    let lab = lab_with_five(&allowed).await;
    for reply in [list(&lab.service, &[]).await, lab.service.get_directly(&path(&[])).await] {
        assert_eq!(names(&reply), ["newest", "newer", "oldest"]);
        assert_eq!(reply.json()["remaining"], 0, "nor counted");
    }
    let paged = list(&lab.service, &[("limit", "2")]).await.json();
    assert_eq!(paged["remaining"], 1);
    let refused = problem(&list(&lab.service, &[("namespace", "team-a")]).await, 403, "namespace_not_allowed");
    assert!(refused["detail"].as_str().unwrap().contains("default, team-b"), "{refused}");
    assert_eq!(names(&list(&lab.service, &[("namespace", "team-b")]).await), ["newer"]);
}

#[tokio::test]
async fn without_the_right_to_watch_the_cluster_is_asked_for_every_list() {
    let lab = without_right_to("watch", &[]).await;
    lab.cluster.put_jobs(five());
    lab.cluster.put_job(manifest("strangers"));
    for _ in 0..2 {
        let reply = list(&lab.service, &[("namespace", "team-a")]).await.expect_status(200);
        assert_eq!((names(&reply), is_hit(&reply)), (vec!["middle".to_owned(), "older".into()], false));
    }
    let namespaced = "/apis/batch/v1/namespaces/team-a/jobs";
    assert_eq!(sent(&lab.cluster), vec![format!("GET {namespaced}"); 2], "the right to list one namespace is enough");
    let reply = list(&lab.service, &[("label_selector", "team=a"), ("limit", "1")]).await.expect_status(200);
    assert_eq!((names(&reply), &reply.json()["remaining"]), (vec!["older".to_owned()], &json!(1)));
}
