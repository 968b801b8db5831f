//! The pages of list-templates: their order, their bounds, and what they tell a caller who may see little.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::list::{ALL, LIST, names, put, warnings};
use super::presets::{folder, lab_with, preset};
use crate::access::{ask, bearer, keygen_with, with_keys};
use crate::calls::lab;
use crate::given;
use crate::support::Lab;
use crate::support::stub::{Fault, Gate, Kind};

/// The templates of a page with their namespaces, such as `demo/cronjob/etl`.
fn places(page: &Value) -> Vec<String> {
    let templates = page["templates"].as_array().unwrap_or_else(|| panic!("{page}"));
    let text = |value: &Value| value.as_str().unwrap_or("*").to_owned();
    templates.iter().map(|found| format!("{}/{}", text(&found["namespace"]), text(&found["template"]))).collect()
}

/// What `continue` has inside.
fn decoded(token: &str) -> String {
    String::from_utf8(URL_SAFE_NO_PAD.decode(token).unwrap()).unwrap()
}

/// Reads all pages with these lines of the head. Every page but the last must be full.
async fn walk(lab: &Lab, query: &str, limit: usize, lines: &str) -> Vec<Value> {
    let (mut pages, mut token) = (Vec::new(), String::new());
    loop {
        let target = format!("{LIST}?limit={limit}&continue={token}{query}");
        let answer = ask(&lab.service, "GET", &target, lines, None).await;
        assert_eq!(answer.status(), 200, "{answer:?}");
        let page: Value = serde_json::from_str(&answer.body).unwrap();
        let next = page["continue"].as_str().map(str::to_owned);
        assert!(next.is_none() || places(&page).len() == limit, "{page}");
        pages.push(page);
        match next {
            Some(next) => token = next,
            None => return pages,
        }
    }
}

/// A lab with namespaces that begin like others, and presets of one namespace and of all.
async fn with_many() -> (Lab, [&'static str; 11]) {
    let (all, bound) = (preset("busybox", ""), preset("busybox", "  namespace: team-a\n"));
    let presets = folder(&[("a.yaml", &all), ("b.yaml", &bound), ("z.yaml", &all)]);
    let lab = lab_with(&presets, &[]).await;
    for (namespace, name) in [("team-b", "a"), ("team-a", "z"), ("team", "x"), ("tea", "x"), ("team-a", "b")] {
        put(&lab, namespace, name);
    }
    for (namespace, name) in [("team-a", "b-c"), ("team", "a"), ("team-a-b", "a")] {
        put(&lab, namespace, name);
    }
    let order = [
        "tea/cronjob/x",
        "team/cronjob/a",
        "team/cronjob/x",
        "team-a/cronjob/b",
        "team-a/cronjob/b-c",
        "team-a/cronjob/z",
        "team-a/preset/b",
        "team-a-b/cronjob/a",
        "team-b/cronjob/a",
        "*/preset/a",
        "*/preset/z",
    ];
    (lab, order)
}

#[tokio::test]
async fn the_pages_are_the_whole_list_by_namespace_and_name() {
    let (lab, order) = with_many().await;
    for limit in 1..=12 {
        let before = lab.cluster.count("GET", ALL);
        let pages = walk(&lab, "", limit, "").await;
        assert_eq!(pages.iter().flat_map(places).collect::<Vec<_>>(), order, "limit={limit}");
        assert_eq!(pages.len(), order.len().div_ceil(limit), "limit={limit}");
        assert_eq!(lab.cluster.count("GET", ALL) - before, pages.len(), "each call reads the cluster once");
    }
    let pages = walk(&lab, "&namespace=team-a", 2, "").await;
    let of_team_a = [&order[3..7], &order[9..]].concat();
    assert_eq!(pages.iter().flat_map(places).collect::<Vec<_>>(), of_team_a);
}

#[tokio::test]
async fn a_page_goes_on_after_its_last_template_even_if_that_is_gone() {
    let lab = lab().await;
    for name in ["a", "b", "d"] {
        put(&lab, "demo", name);
    }
    let first = lab.service.get(&format!("{LIST}?limit=2")).await.json();
    lab.cluster.remove_cron_job("demo", "b");
    put(&lab, "demo", "c");
    let token = first["continue"].as_str().unwrap();
    let second = lab.service.get(&format!("{LIST}?limit=2&continue={token}")).await;
    assert_eq!(names(&second), ["cronjob/c", "cronjob/d"]);
    assert!(second.json()["continue"].is_null());
}

#[tokio::test]
async fn a_key_of_the_role_run_sees_its_own_templates_and_learns_no_other_name() {
    let options = ["--templates", "cronjob/etl*,preset/report-*"];
    let key = keygen_with("runner", "run", "team-*", &options).await;
    let bound = |namespace: &str| preset("busybox", &format!("  namespace: {namespace}\n"));
    let presets = folder(&[
        ("report-day.yaml", &preset("busybox", "")),
        ("report-team.yaml", &bound("team-a")),
        ("report-hidden.yaml", &bound("hidden-ns")),
        ("hidden-preset.yaml", &preset("hidden-image", "")),
    ]);
    let lab = with_keys(&[&key], &[("EKS_API_PRESETS_DIR", presets.path().to_str().unwrap())]).await;
    for (namespace, name) in [("team-a", "etl"), ("team-a", "hidden-a"), ("team-b", "etl-x"), ("team-b", "hidden-b")] {
        put(&lab, namespace, name);
    }
    put(&lab, "hidden-ns", "etl");
    let mut wrong = given::cron_job("hidden-wrong");
    wrong["metadata"]["namespace"] = json!("team-b");
    wrong["metadata"]["annotations"]["eks-api/parameters"] = json!("A-B");
    lab.cluster.put_cron_job(wrong);
    let own = ["team-a/cronjob/etl", "team-a/preset/report-team", "team-b/cronjob/etl-x", "*/preset/report-day"];
    for limit in 1..=own.len() {
        let pages = walk(&lab, "", limit, &bearer(&key.secret)).await;
        assert_eq!(pages.iter().flat_map(places).collect::<Vec<_>>(), own, "limit={limit}");
        for page in &pages {
            assert!(!page.to_string().contains("hidden"), "{page}");
            let Some(token) = page["continue"].as_str() else { continue };
            let last = places(page).pop().unwrap().replace('*', "");
            let decoded = decoded(token);
            let prefix = decoded.strip_suffix(&format!("t/{last}"));
            assert!(prefix.is_some_and(|prefix| !prefix.contains('/')), "only what the page has: {decoded}");
        }
    }
    let elsewhere = ask(&lab.service, "GET", &format!("{LIST}?namespace=hidden-ns"), &bearer(&key.secret), None).await;
    assert_eq!(elsewhere.status(), 403);
}

#[tokio::test]
async fn a_caller_has_one_list_at_a_time() {
    let lab = lab().await;
    put(&lab, "demo", "etl");
    let gate = Gate::new();
    lab.cluster.fault(Fault::new("GET", ALL, Kind::HoldBefore(gate.clone())).always());
    let list = async || names(&lab.service.get(LIST).await.expect_status(200));
    let other = async {
        gate.held(1).await;
        list().await
    };
    let check = async {
        gate.held(1).await;
        // Long enough for the other call to reach the cluster, if it could.
        for _ in 0..50 {
            lab.service.get("/api/eks-list-jobs").await.expect_status(200);
        }
        assert_eq!(lab.cluster.count("GET", ALL), 1);
        gate.open();
    };
    let (one, other, ()) = tokio::join!(list(), other, check);
    assert_eq!((one, other), (vec!["cronjob/etl".to_owned()], vec!["cronjob/etl".to_owned()]));
    assert_eq!(lab.cluster.count("GET", ALL), 2);
}

#[tokio::test]
async fn a_call_reads_5000_cron_jobs_and_says_so_if_there_are_more() {
    let lab = lab().await;
    lab.cluster.put_cron_jobs((0..5001).map(|number| {
        let metadata = json!({ "name": format!("cron-{number:04}"), "namespace": "demo" });
        let pod = json!({ "spec": { "containers": [{ "name": "main" }] } });
        json!({ "metadata": metadata, "spec": { "schedule": "@daily", "jobTemplate": { "spec": { "template": pod } } } })
    }));
    let list = async |query: &str| lab.service.get(&format!("{LIST}?limit=1{query}")).await.expect_status(200);
    let begin = "the list is not complete: the service reads the first 5000 CronJobs";
    assert_eq!(warnings(&list("").await), [format!("{begin}; name a namespace")]);
    assert_eq!(lab.cluster.count("GET", ALL), 50);
    let of_demo = list("&namespace=demo").await;
    assert_eq!(
        (names(&of_demo), warnings(&of_demo)),
        (vec!["cronjob/cron-0000".to_owned()], vec![format!("{begin} of namespace demo")])
    );

    lab.cluster.remove_cron_job("demo", "cron-0000");
    assert_eq!(warnings(&list("").await), [""; 0]);
}

#[tokio::test]
async fn a_wrong_declaration_is_told_on_its_own_page() {
    let lab = lab().await;
    for name in ["a", "b", "c"] {
        let mut wrong = given::cron_job(name);
        wrong["metadata"]["annotations"]["eks-api/parameters"] = json!("A-B");
        lab.cluster.put_cron_job(wrong);
    }
    let pages = walk(&lab, "", 1, "").await;
    let told: Vec<&str> = pages.iter().map(|page| page["warnings"][0].as_str().unwrap()).collect();
    assert!(
        ["a", "b", "c"]
            .iter()
            .zip(&told)
            .all(|(name, told)| told.starts_with(&format!("namespace default: cronjob/{name}: "))),
        "{told:?}"
    );
    assert!(pages.iter().all(|page| page["warnings"].as_array().unwrap().len() == 1), "{pages:?}");
}
