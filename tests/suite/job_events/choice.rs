//! What a reader is shown: filters, the policy, what is refused, and the head of the reply.

use serde_json::json;

use super::reader::{Reader, path};
use super::{completed, job, known, put, running, set, told};
use crate::calls::{BINARY, detail, lab, problem};
use crate::support::Lab;

#[tokio::test]
async fn a_namespace_and_a_name_narrow_what_is_shown() {
    let lab = lab().await;
    for (namespace, name) in [("team-a", "one"), ("team-a", "two"), ("team-b", "one")] {
        lab.cluster.put_job(job(namespace, name, &json!({})));
    }
    put(&lab.cluster, "last");
    known(&lab, "last").await;
    for (query, expected) in [
        ("namespace=team-a", vec!["team-a/one", "team-a/two"]),
        ("job_name=one", vec!["team-a/one", "team-b/one"]),
        ("job_name=one&namespace=team-b", vec!["team-b/one"]),
        ("job_name=three", vec![]),
        ("namespace=none", vec![]),
    ] {
        let mut reader = Reader::open(&lab.service, query).await;
        let shown = reader.snapshot().await.into_iter().map(|event| {
            let job = event.json();
            format!("{}/{}", job["namespace"].as_str().unwrap(), job["job_name"].as_str().unwrap())
        });
        let mut shown: Vec<String> = shown.collect();
        shown.sort();
        assert_eq!(shown, expected, "{query}");
    }

    let mut reader = Reader::open(&lab.service, "job_name=one&namespace=team-b").await;
    reader.snapshot().await;
    lab.cluster.set_job_status("team-a", "one", running());
    lab.cluster.set_job_status("team-b", "one", running());
    lab.cluster.remove_job("team-a", "one");
    lab.cluster.remove_job("team-b", "one");
    loop {
        let event = reader.event().await;
        assert_eq!(event.json()["namespace"], "team-b");
        if event.kind == "deleted" {
            break;
        }
    }
}

#[tokio::test]
async fn a_job_that_enters_a_state_is_added_and_one_that_leaves_it_deleted() {
    let lab = lab().await;
    put(&lab.cluster, "early");
    set(&lab.cluster, "early", &running());
    known(&lab, "early").await;
    let mut reader = Reader::open(&lab.service, "state=running").await;
    assert_eq!(reader.told(2).await, told(&[("added", "early"), ("snapshot-end", "")]));

    put(&lab.cluster, "late");
    set(&lab.cluster, "late", &running());
    let entered = reader.event().await;
    assert_eq!(entered.told(), ("added".to_owned(), "late".to_owned()));
    assert_eq!(entered.json()["state"], "running");

    set(&lab.cluster, "early", &completed());
    let left = reader.event().await;
    assert_eq!(left.told(), ("deleted".to_owned(), "early".to_owned()));
    assert_eq!(left.json()["state"], "completed", "as it is, so that the reader sees why");

    set(&lab.cluster, "late", &json!({ "active": 2 }));
    assert_eq!(reader.told(1).await, told(&[("modified", "late")]));
    lab.cluster.remove_job("default", "early");
    lab.cluster.remove_job("default", "late");
    assert_eq!(reader.told(1).await, told(&[("deleted", "late")]), "the other was not shown any more");
}

/// Sets a label of a job in the cluster.
fn label(lab: &Lab, name: &str, team: &str) {
    lab.cluster.change_job("default", name, |job| job["metadata"]["labels"]["team"] = json!(team));
}

#[tokio::test]
async fn a_job_whose_labels_begin_to_match_is_added_and_one_whose_labels_cease_to_is_deleted() {
    let lab = lab().await;
    for (name, team) in [("early", "a"), ("other", "b")] {
        put(&lab.cluster, name);
        label(&lab, name, team);
        known(&lab, name).await;
    }
    let mut reader = Reader::open(&lab.service, "label_selector=team+in+(a,c),app").await;
    assert_eq!(reader.told(2).await, told(&[("added", "early"), ("snapshot-end", "")]));

    label(&lab, "other", "c");
    assert_eq!(reader.told(1).await, told(&[("added", "other")]));
    label(&lab, "early", "b");
    let left = reader.event().await;
    assert_eq!(left.told(), ("deleted".to_owned(), "early".to_owned()));
    assert_eq!(left.json()["labels"]["team"], "b", "as it is, so that the reader sees why");
    let id = reader.id.clone();

    set(&lab.cluster, "early", &running());
    label(&lab, "other", "a");
    assert_eq!(reader.told(1).await, told(&[("modified", "other")]));
    drop(reader);
    label(&lab, "other", "b");
    label(&lab, "early", "a");
    lab.cluster.remove_job("default", "other");
    put(&lab.cluster, "last");
    known(&lab, "last").await;
    let selected = "label_selector=team+in+(a,c),app";
    let mut reader = Reader::after(&lab.service, selected, &id).await;
    // Of `other` the reader knows that it matched.
    assert_eq!(reader.told(2).await, told(&[("added", "early"), ("deleted", "other")]));
    let mut reader = Reader::after(&lab.service, selected, "x-1").await;
    assert_eq!(reader.told(3).await, told(&[("reset", ""), ("added", "early"), ("snapshot-end", "")]));
}

#[tokio::test]
async fn a_selector_of_watch_jobs_has_the_bounds_of_list_jobs() {
    let lab = lab().await;
    let (many, long) = (["a"; 17].join(","), format!("a%3D{}", "b".repeat(64)));
    let longest = format!("a+in+({})", ["b"; 600].join(","));
    for selector in [&*many, &*long, &*longest, "a+in+b", "a,,b"] {
        let [list, watch] = ["list", "watch"].map(|call| format!("/api/eks-{call}-jobs?label_selector={selector}"));
        let [list, watch] = [lab.service.get(&list).await, lab.service.get(&watch).await];
        assert_eq!(detail(&list, 400, "BadRequest"), detail(&watch, 400, "BadRequest"));
    }
    Reader::open(&lab.service, &format!("label_selector={}", ["a"; 16].join(","))).await.snapshot().await;
}

#[tokio::test]
async fn jobs_outside_the_allowed_namespaces_are_never_shown() {
    let lab = Lab::with(BINARY, &[("EKS_API_ALLOWED_NAMESPACES", "team-*")]).await;
    for namespace in ["prod", "steam-1", "team-a"] {
        lab.cluster.put_job(job(namespace, "early", &json!({})));
    }
    let mut reader = Reader::open(&lab.service, "").await;
    for namespace in ["prod", "default", "team-b"] {
        lab.cluster.put_job(job(namespace, "late", &json!({})));
        lab.cluster.remove_job("prod", "early");
    }
    let mut shown = Vec::new();
    while shown.last() != Some(&json!("team-b")) {
        let event = reader.event().await;
        if event.kind != "snapshot-end" {
            shown.push(event.json()["namespace"].take());
        }
    }
    assert_eq!(shown, ["team-a", "team-b"]);

    let refused = lab.service.get(&path("namespace=prod")).await;
    problem(&refused, 403, "namespace_not_allowed");
}

#[tokio::test]
async fn what_is_asked_for_wrongly_is_refused_before_a_stream_begins() {
    let lab = lab().await;
    for (query, field) in [
        ("label_selector=a%20b", "label_selector"),
        ("limit=5", "limit"),
        ("state=Running", "state"),
        ("state=", "state"),
        ("state=running&state=failed", "state"),
    ] {
        let told = problem(&lab.service.get(&path(query)).await, 400, "BadRequest");
        assert_eq!(told["causes"][0]["field"], field, "{query}");
    }
    let told = detail(&lab.service.get(&path("state=done")).await, 400, "BadRequest");
    assert!(told.contains("pending, running, suspended, completed, failed"), "{told}");
    for query in ["namespace=Team", "namespace=", "job_name=a_b", "job_name=..%2Fa"] {
        problem(&lab.service.get(&path(query)).await, 422, "Invalid");
    }
}

#[tokio::test]
async fn whoever_can_read_events_gets_them() {
    let lab = lab().await;
    for accept in ["text/event-stream", "*/*", "text/*", "application/json, text/event-stream;q=0.5"] {
        let reader = Reader::with(&lab.service, "", &[("accept", accept)]).await;
        assert_eq!(reader.head.status, 200, "{accept}");
        let header = |name: &str| reader.head.headers.get(name).map(|value| value.to_str().unwrap());
        assert_eq!(header("content-type"), Some("text/event-stream"));
        assert_eq!(header("cache-control"), Some("no-store"));
        assert_eq!(header("content-length"), None);
        assert!(header("x-request-id").is_some());
    }
    let refused = lab.service.send("GET", &path(""), &[("accept", "application/json")], "").await;
    assert!(detail(&refused, 406, "NotAcceptable").contains("text/event-stream"));
}

#[tokio::test]
async fn a_question_about_the_head_alone_takes_no_place() {
    let lab = Lab::with(BINARY, &[("EKS_API_MAX_STREAMS", "1")]).await;
    for _ in 0..3 {
        super::troubles::free(&lab).await;
        let reply = loop {
            let reply = lab.service.send("HEAD", &path(""), &[], "").await;
            // The stream that found it free may have to end first.
            if reply.status != 503 {
                break reply.expect_status(200);
            }
        };
        assert_eq!((reply.header("content-type"), reply.text()), (Some("text/event-stream"), String::new()));
    }
    for method in ["POST", "DELETE"] {
        let reply = lab.service.send(method, &path(""), &[], "").await;
        assert_eq!((reply.status.as_u16(), reply.header("allow")), (405, Some("GET, HEAD, OPTIONS")));
    }
}

#[tokio::test]
async fn a_page_of_a_named_origin_may_read_and_no_other() {
    let origin = "https://tools.example.com";
    let lab = Lab::with(BINARY, &[("EKS_API_CORS_ORIGINS", origin)]).await;
    // What a browser's EventSource sends when it comes back.
    let sent = |origin| {
        [("accept", "text/event-stream"), ("cache-control", "no-cache"), ("origin", origin), ("last-event-id", "x-1")]
    };
    let mut reader = Reader::with(&lab.service, "", &sent(origin)).await;
    assert_eq!(reader.head.headers.get("access-control-allow-origin").unwrap(), origin);
    assert_eq!(reader.event().await.kind, "reset");
    let other = Reader::with(&lab.service, "", &sent("https://evil.example.com")).await;
    assert_eq!(other.head.headers.get("access-control-allow-origin"), None);
}
