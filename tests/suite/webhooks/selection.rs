//! Which endpoints get an event: by type, namespace, cluster and labels.

use serde_json::{Value, json};

use super::site::{Files, Hooks, told_of};
use crate::calls::BINARY;
use crate::history::site::{at, completed, failed, old_job, runs, with_state};
use crate::live::until;
use crate::support::clusters::Clusters;
use crate::support::receiver::Receiver;
use crate::support::service::{Folder, Reply};

/// A job of this namespace with this label.
fn job(name: &str, namespace: &str, team: &str, status: &Value) -> Value {
    let mut job = old_job(name, status);
    job["metadata"]["namespace"] = json!(namespace);
    job["metadata"]["labels"]["team"] = json!(team);
    job
}

/// The names of the jobs that a receiver was told of, each once.
fn jobs_told(receiver: &Receiver) -> Vec<String> {
    let mut names: Vec<_> = told_of(&receiver.messages()).into_iter().map(|(name, _)| name).collect();
    names.dedup();
    names
}

#[tokio::test]
async fn an_endpoint_gets_the_types_namespaces_and_labels_of_its_line() {
    let cases = [
        ("all", "", &["a-data", "a-web", "b-data", "build-7-data"][..]),
        ("types", "events=job.failed", &["a-web"]),
        ("pattern", "events=job.c*", &["a-data", "a-web", "b-data", "build-7-data"]),
        ("one", "namespaces=team-a", &["a-data", "a-web"]),
        ("some", "namespaces=team-b,build-*", &["b-data", "build-7-data"]),
        ("labels", "label_selector=team=data", &["a-data", "b-data", "build-7-data"]),
        ("not", "label_selector=team!=data", &["a-web"]),
        ("both", "namespaces=team-* label_selector=team=data events=job.completed", &["a-data", "b-data"]),
        ("cluster", "clusters=lab", &["a-data", "a-web", "b-data", "build-7-data"]),
        ("elsewhere", "clusters=prod-*", &[]),
        ("batches", "events=batch.*", &[]),
    ];
    let receivers: Vec<_> = cases.iter().map(|_| Receiver::start()).collect();
    let lines: Vec<_> = cases.iter().zip(&receivers).map(|((name, options, _), one)| (*name, one, *options)).collect();
    let hooks = Hooks::start(&lines).await;
    let done = completed(&at(1), &at(2));
    hooks.cluster().put_job(job("a-data", "team-a", "data", &done));
    hooks.cluster().put_job(job("a-web", "team-a", "web", &failed(&at(1), &at(2))));
    hooks.cluster().put_job(job("b-data", "team-b", "data", &done));
    hooks.cluster().put_job(job("build-7-data", "build-7", "data", &done));
    hooks.site.until_runs("state=completed", |runs| runs.len() == 3).await;
    hooks.site.until_runs("state=failed", |runs| runs.len() == 1).await;
    for ((name, options, expected), receiver) in cases.iter().zip(&receivers) {
        hooks.until_webhook(name, |webhook| webhook["pending"] == 0).await;
        assert_eq!(jobs_told(receiver), *expected, "{options}");
    }
}

#[tokio::test]
async fn an_endpoint_gets_the_events_of_its_clusters() {
    let (both, near, far) = (Receiver::start(), Receiver::start(), Receiver::start());
    let (files, state) =
        (Files::new(&[("both", &both, ""), ("a", &near, "clusters=a"), ("b", &far, "clusters=b")]), Folder::new());
    let clusters = Clusters::start(&["a", "b"]).await;
    for name in ["a", "b"] {
        clusters.stub(name).put_job(old_job("zero", &json!({})));
    }
    let service = files.builder(with_state(clusters.builder(BINARY), &state)).start().await;
    for name in ["a", "b"] {
        let path = format!("/api/eks-list-history?job_name=zero&cluster={name}");
        let is_known = |reply: &Reply| reply.status == 200 && runs(reply).len() == 1;
        until(async || service.get(&path).await, is_known).await;
    }
    // The same job in both: only the cluster tells the messages apart.
    let mut same = old_job("etl", &completed(&at(1), &at(2)));
    same["metadata"]["uid"] = json!("11111111-2222-4333-8444-555555555555");
    for name in ["a", "b"] {
        clusters.stub(name).put_job(same.clone());
    }
    let messages = both.got(2).await;
    assert_ne!(messages[0].id, messages[1].id);
    let mut of: Vec<_> = messages.iter().map(|message| message.data()["cluster"].to_string()).collect();
    of.sort();
    assert_eq!(of, ["\"a\"", "\"b\""]);
    for (receiver, name) in [(&near, "a"), (&far, "b")] {
        let messages = receiver.got(1).await;
        assert_eq!(messages[0].data()["cluster"], name);
    }
    let idle =
        |reply: &Reply| reply.json()["webhooks"].as_array().unwrap().iter().all(|webhook| webhook["pending"] == 0);
    until(async || service.get("/api/eks-list-webhooks").await, idle).await;
    assert_eq!([&both, &near, &far].map(|receiver| receiver.messages().len()), [2, 1, 1]);
}

#[tokio::test]
async fn endpoints_of_a_new_file_get_what_happens_from_then_on() {
    let (first, second) = (Receiver::start(), Receiver::start());
    let hooks = Hooks::start(&[("first", &first, "")]).await;
    hooks.site.put("before", &completed(&at(1), &at(2)));
    hooks.until_sent("first", "before", "completed").await;
    hooks.files.write(&[("second", &second, "")]);
    hooks.reload(1).await;
    hooks.site.put("after", &completed(&at(1), &at(2)));
    hooks.until_sent("second", "after", "completed").await;
    assert_eq!((jobs_told(&first), jobs_told(&second)), (vec!["before".to_owned()], vec!["after".to_owned()]));
}
