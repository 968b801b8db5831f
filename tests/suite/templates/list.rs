//! list-templates: CronJobs and presets, for those who may see them. Their order and pages are in `pages`.

use serde_json::{Value, json};

use super::presets::{folder, lab_with, preset};
use crate::access::{ALICE, ask, bearer};
use crate::calls::{lab, problem, sent};
use crate::given;
use crate::support::Lab;
use crate::support::service::Reply;
use crate::support::stub::{Fault, Kind, Right};

pub(super) const LIST: &str = "/api/eks-list-templates";
pub(super) const ALL: &str = "/apis/batch/v1/cronjobs";

/// The templates of a reply, in its order.
pub(super) fn names(reply: &Reply) -> Vec<String> {
    let reply = reply.json();
    let templates = reply["templates"].as_array().unwrap_or_else(|| panic!("{reply}"));
    templates.iter().map(|template| template["template"].as_str().unwrap().to_owned()).collect()
}

pub(super) fn put(lab: &Lab, namespace: &str, name: &str) {
    let mut cron_job = given::cron_job(name);
    cron_job["metadata"]["namespace"] = json!(namespace);
    lab.cluster.put_cron_job(cron_job);
}

pub(super) fn warnings(reply: &Reply) -> Vec<String> {
    let reply = reply.json();
    reply["warnings"].as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn every_template_has_all_members() {
    let declared = "  annotations:\n    eks-api/parameters: \"DAY!,LEVEL=info\"\n";
    let presets = folder(&[
        ("report.yaml", &preset("registry.example.com/report:2", declared)),
        ("bound.yaml", &preset("busybox", "  namespace: demo\n")),
    ]);
    let lab = lab_with(&presets, &[]).await;
    put(&lab, "demo", "etl");
    lab.cluster.put_cron_job(json!({
        "metadata": { "name": "plain", "namespace": "demo" },
        "spec": { "schedule": "@daily", "jobTemplate": {
            "metadata": { "annotations": { "eks-api/parameters": "MODE" } },
            "spec": { "template": { "spec": {
                "initContainers": [{ "name": "init", "image": "init" }],
                "containers": [{ "name": "z", "image": "one" }, { "name": "a", "image": "two" }] } } } } },
    }));
    let reply = lab.service.get(LIST).await.expect_status(200);
    let parameter = |name: &str, default: Value| json!({ "name": name, "required": false, "default": default });
    let required = |name: &str| json!({ "name": name, "required": true, "default": null });
    assert_eq!(
        reply.json(),
        json!({
            "templates": [
                { "template": "cronjob/etl", "cluster": "lab", "namespace": "demo", "suspended": true,
                  "schedule": "0 3 * * *", "containers": ["main"], "images": { "main": "registry.example.com/etl:1.7" },
                  "parameters": [required("DATE"), parameter("MODE", Value::Null), parameter("LEVEL", json!("info"))] },
                { "template": "cronjob/plain", "cluster": "lab", "namespace": "demo", "suspended": false,
                  "schedule": "@daily", "containers": ["z", "a"], "images": { "z": "one", "a": "two" },
                  "parameters": [parameter("MODE", Value::Null)] },
                { "template": "preset/bound", "cluster": "lab", "namespace": "demo", "suspended": null,
                  "schedule": null, "containers": ["main"], "images": { "main": "busybox" }, "parameters": [] },
                { "template": "preset/report", "cluster": "lab", "namespace": null, "suspended": null,
                  "schedule": null, "containers": ["main"], "images": { "main": "registry.example.com/report:2" },
                  "parameters": [required("DAY"), parameter("LEVEL", json!("info"))] },
            ],
            "cluster": "lab",
            "continue": null,
            "warnings": [],
        })
    );
    assert_eq!(sent(&lab.cluster), [format!("GET {ALL}")], "one request");
}

#[tokio::test]
async fn without_templates_the_list_is_empty() {
    let lab = lab().await;
    let reply = lab.service.get(LIST).await.expect_status(200).json();
    assert_eq!(reply, json!({ "templates": [], "cluster": "lab", "continue": null, "warnings": [] }));
}

#[tokio::test]
async fn a_wrong_declaration_is_a_warning_and_the_list_goes_on() {
    let lab = lab().await;
    put(&lab, "demo", "etl");
    let mut wrong = given::cron_job("wrong");
    wrong["metadata"]["annotations"]["eks-api/parameters"] = json!("DATE!,A-B");
    lab.cluster.put_cron_job(wrong);
    let reply = lab.service.get(LIST).await.expect_status(200);
    assert_eq!(names(&reply), ["cronjob/wrong", "cronjob/etl"]);
    assert_eq!(reply.json()["templates"][0]["parameters"], json!([]));
    let [warning] = &warnings(&reply)[..] else { panic!("{}", reply.text()) };
    let begin = "namespace default: cronjob/wrong: metadata.annotations[eks-api/parameters]: ";
    assert!(warning.starts_with(begin) && warning.contains("A-B"), "{warning}");
}

#[tokio::test]
async fn only_allowed_namespaces_are_listed_of_cron_jobs_and_of_presets() {
    let presets = folder(&[
        ("all.yaml", &preset("busybox", "")),
        ("in-a.yaml", &preset("busybox", "  namespace: team-a\n")),
        ("in-b.yaml", &preset("busybox", "  namespace: team-b\n")),
        ("in-c.yaml", &preset("busybox", "  namespace: other\n")),
    ]);
    let lab = lab_with(&presets, &[("EKS_API_ALLOWED_NAMESPACES", "team-*")]).await;
    for namespace in ["other", "team-a", "team-b"] {
        put(&lab, namespace, &format!("of-{namespace}"));
    }
    let list = async |query: &str| names(&lab.service.get(&format!("{LIST}{query}")).await.expect_status(200));
    let all = ["cronjob/of-team-a", "preset/in-a", "cronjob/of-team-b", "preset/in-b", "preset/all"];
    assert_eq!(list("").await, all);
    assert_eq!(list("?namespace=team-a").await, ["cronjob/of-team-a", "preset/in-a", "preset/all"]);
    assert_eq!(list("?namespace=team-c").await, ["preset/all"]);
    problem(&lab.service.get(&format!("{LIST}?namespace=other")).await, 403, "namespace_not_allowed");
    problem(&lab.service.get(&format!("{LIST}?namespace=Not_A_Name")).await, 422, "Invalid");
}

#[tokio::test]
async fn without_the_right_to_list_cron_jobs_the_presets_remain() {
    let presets = folder(&[("report.yaml", &preset("busybox", ""))]);
    let lab = lab_with(&presets, &[]).await;
    put(&lab, "demo", "etl");
    lab.cluster.deny("list", "cronjobs");
    for query in ["", "?namespace=demo"] {
        let reply = lab.service.get(&format!("{LIST}{query}")).await.expect_status(200);
        assert_eq!(names(&reply), ["preset/report"]);
        let [warning] = &warnings(&reply)[..] else { panic!("{}", reply.text()) };
        for part in ["the CronJobs are missing: ", r#"cannot list resource "cronjobs""#, "eks-api-use-templates"] {
            assert!(warning.contains(part), "{part}: {warning}");
        }
    }
    lab.service.get("/api/eks-list-jobs").await.expect_status(200);
}

#[tokio::test]
async fn with_tokens_of_the_cluster_the_callers_own_rights_count() {
    let good = preset("busybox", "");
    let presets = folder(&[("a.yaml", &good), ("b.yaml", &good)]);
    let lab = lab_with(&presets, &[("EKS_API_AUTH", "kubernetes")]).await;
    for (token, user) in [(ALICE, "alice"), ("bobs-own.token", "bob")] {
        lab.cluster.accept_token(token, user);
    }
    lab.cluster.allow_user("alice", Right::to(&["list"], "cronjobs").within("team-a"));
    lab.cluster.allow_user("bob", Right::to(&["none"], "none"));
    put(&lab, "team-a", "etl");
    let get = async |token: &str, query: &str| {
        let answer = ask(&lab.service, "GET", &format!("{LIST}{query}"), &bearer(token), None).await;
        (answer.status(), serde_json::from_str::<Value>(&answer.body).unwrap())
    };
    let (status, own) = get(ALICE, "?namespace=team-a&limit=2").await;
    assert_eq!((status, &own["templates"][0]["template"], &own["warnings"]), (200, &json!("cronjob/etl"), &json!([])));
    let (_, everywhere) = get(ALICE, "").await;
    assert_eq!((&everywhere["templates"][0]["template"], warned(&everywhere)), (&json!("preset/a"), true));
    let (status, nothing) = get("bobs-own.token", "?namespace=team-a&limit=1").await;
    assert_eq!((status, &nothing["templates"][0]["template"], warned(&nothing)), (200, &json!("preset/a"), true));

    // Also a page of presets needs a token that the cluster accepts.
    let more = format!("?namespace=team-a&continue={}", nothing["continue"].as_str().unwrap());
    let (status, last) = get("bobs-own.token", &more).await;
    assert_eq!((status, &last["templates"][0]["template"], warned(&last)), (200, &json!("preset/b"), true));
    for query in ["", "?namespace=team-a", &more] {
        let (status, refused) = get("nobodys.token", query).await;
        assert_eq!((status, &refused["reason"]), (401, &json!("Unauthorized")), "{query}");
    }
}

fn warned(list: &Value) -> bool {
    let first = list["warnings"][0].as_str().unwrap_or_default();
    first.starts_with("the CronJobs are missing: ")
}

#[tokio::test]
async fn a_token_of_no_list_is_refused_and_an_expired_one_is_gone() {
    let lab = lab().await;
    put(&lab, "default", "a");
    put(&lab, "default", "b");
    let token = lab.service.get(&format!("{LIST}?limit=1")).await.json()["continue"].as_str().unwrap().to_owned();
    let path = format!("{LIST}?limit=1&continue={token}");
    let before = lab.cluster.count("GET", ALL);
    for wrong in ["garbage", "%25%25", "MS9hL2I", "MTc5NTQ3ODExMC9kZW1vL3JlcG9ydA"] {
        let told = problem(&lab.service.get(&format!("{LIST}?continue={wrong}")).await, 400, "BadRequest");
        assert_eq!(told["causes"][0]["field"], "continue", "{told}");
        assert!(told["detail"].as_str().unwrap().contains("list-templates"), "{told}");
    }
    for limit in ["0", "501", "many", ""] {
        problem(&lab.service.get(&format!("{LIST}?limit={limit}")).await, 400, "BadRequest");
    }
    assert_eq!(lab.cluster.count("GET", ALL), before, "nothing was asked of the cluster");
    problem(&lab.service.get(&format!("/api/eks-list-jobs?continue={token}")).await, 400, "BadRequest");
    let kind = Kind::status(410, "Expired", "The provided continue parameter is too old");
    lab.cluster.fault(Fault::new("GET", ALL, kind));
    let told = problem(&lab.service.get(&path).await, 410, "Expired");
    assert_eq!(told["detail"], "the cluster's list of CronJobs expired while it was read; call again");
    assert_eq!(names(&lab.service.get(&path).await), ["cronjob/b"]);
}

#[tokio::test]
async fn other_errors_of_the_cluster_are_those_of_the_call() {
    let presets = folder(&[("report.yaml", &preset("busybox", ""))]);
    let lab = lab_with(&presets, &[]).await;
    lab.cluster.fault(Fault::new("GET", ALL, Kind::status(422, "Invalid", "the list is invalid")).always());
    problem(&lab.service.get(LIST).await, 422, "Invalid");
}

#[tokio::test]
async fn a_cluster_without_cron_jobs_of_batch_v1_has_the_presets_and_a_warning() {
    let presets = folder(&[("report.yaml", &preset("busybox", ""))]);
    let lab = lab_with(&presets, &[]).await;
    lab.cluster.fault(Fault::new("GET", ALL, Kind::status(404, "NotFound", "the server could not find it")).always());
    let reply = lab.service.get(LIST).await.expect_status(200);
    assert_eq!(names(&reply), ["preset/report"]);
    let [warning] = &warnings(&reply)[..] else { panic!("{}", reply.text()) };
    assert!(warning.contains("from 1.21"), "{warning}");
}

#[tokio::test]
async fn a_cron_job_from_which_no_job_can_be_made_is_a_warning() {
    let lab = lab().await;
    for (name, pointer, wrong) in [
        ("a", "/spec/jobTemplate/metadata/labels", json!({ "eks-api/x": "1" })),
        ("b", "/spec/jobTemplate/spec/template/spec/containers", json!([])),
        ("c", "/spec/jobTemplate/metadata", json!(null)),
        ("d", "/spec", json!(null)),
    ] {
        let mut cron_job = given::cron_job(name);
        *cron_job.pointer_mut(pointer).unwrap() = wrong;
        lab.cluster.put_cron_job(cron_job);
    }
    let reply = lab.service.get(LIST).await.expect_status(200);
    assert_eq!(names(&reply), ["cronjob/a", "cronjob/b", "cronjob/c", "cronjob/d"]);
    let told = warnings(&reply);
    let expected = ["a", "b", "d"].map(|name| format!("namespace default: cronjob/{name}: "));
    assert!(told.len() == 3 && told.iter().zip(expected).all(|(told, begin)| told.starts_with(&begin)), "{told:?}");
}
