//! A job from a CronJob and from a Job: one read and one create.

use serde_json::{Value, json};

use super::{etl, made, post, posted, send, version, with, with_etl};
use crate::calls::{CREATE_JOB, JOBS, lab, sent};
use crate::given::{CRON_JOBS, cron_job};
use crate::live::complete;
use crate::support::recorded_body;
use crate::support::stub::{Fault, Kind};

#[tokio::test]
async fn a_job_from_a_cron_job_costs_one_read_and_one_create() {
    let lab = with_etl().await;
    let reply = made(post(&lab, &etl()).await, 201);
    assert_eq!(sent(&lab.cluster), [format!("GET {CRON_JOBS}/etl"), format!("POST {JOBS}")]);
    assert_eq!((&reply["template"], &reply["template_version"]), (&json!("cronjob/etl"), &version(&lab)));
    assert_eq!((&reply["namespace"], &reply["warnings"]), (&json!("default"), &json!([])));
    let name = reply["job_name"].as_str().unwrap();
    assert!(name.strip_prefix("etl-").is_some_and(|suffix| suffix.len() == 5), "{name}");

    let job = posted(&lab);
    let (metadata, source) = (&job["metadata"], cron_job("etl")["spec"]["jobTemplate"].take());
    let version = version(&lab);
    let expected = format!("cronjob/etl@{}", version.as_str().unwrap());
    assert_eq!(metadata["annotations"]["eks-api/template"], expected);
    assert_eq!(metadata["annotations"]["cronjob.kubernetes.io/instantiate"], "manual");
    assert_eq!(metadata["annotations"]["owner"], "etl");
    assert_eq!(metadata["ownerReferences"], Value::Null);
    assert_eq!(metadata["labels"]["team"], "data");
    assert_eq!((&metadata["labels"]["app"], &metadata["labels"]["job-id"]), (&json!("eks-api"), &json!(name)));
    assert_eq!(job["spec"]["backoffLimit"], source["spec"]["backoffLimit"]);
    let container = &job["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["image"], "registry.example.com/etl:1.7");
    let env = container["env"].as_array().unwrap();
    let position = |name: &str| env.iter().position(|variable| variable["name"] == name);
    assert!(position("DATE") < position("MODE") && position("DATE").is_some(), "{env:?}");
    assert!(env.contains(&json!({ "name": "DATE", "value": "2026-11-27" })), "{env:?}");
    assert!(lab.cluster.job("default", name).is_some());
}

#[tokio::test]
async fn name_parameters_and_overrides_reach_the_job() {
    let lab = with_etl().await;
    let overrides = json!({ "container": "main", "image": "registry.example.com/etl:1.8", "args": ["--all"],
        "env": { "OLD": "x", "TOKEN": null }, "labels": { "run": "manual" }, "backoff_limit": 0 });
    let body = with(&json!({ "job_name": "etl-manual", "overrides": overrides }));
    assert_eq!(made(post(&lab, &body).await, 201)["job_name"], "etl-manual");
    let job = posted(&lab);
    assert_eq!((&job["metadata"]["name"], &job["metadata"]["generateName"]), (&json!("etl-manual"), &Value::Null));
    assert_eq!((&job["metadata"]["labels"]["run"], &job["spec"]["backoffLimit"]), (&json!("manual"), &json!(0)));
    let container = &job["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["image"], "registry.example.com/etl:1.8");
    assert_eq!((&container["args"], &container["command"]), (&json!(["--all"]), &json!(["etl"])));
    let names: Vec<&str> = container["env"].as_array().unwrap().iter().filter_map(|v| v["name"].as_str()).collect();
    assert!(names.contains(&"OLD") && !names.contains(&"TOKEN"), "{names:?}");
}

#[tokio::test]
async fn a_job_runs_again() {
    let lab = lab().await;
    let mut old = recorded_body("job-get-complete");
    old["metadata"]["namespace"] = json!("default");
    let name = old["metadata"]["name"].as_str().unwrap().to_owned();
    lab.cluster.put_job(old);
    let version = lab.cluster.job("default", &name).unwrap()["metadata"]["resourceVersion"].clone();
    let reply = made(post(&lab, &json!({ "template": { "job_name": name } })).await, 201);
    assert_eq!(sent(&lab.cluster), [format!("GET {JOBS}/{name}"), format!("POST {JOBS}")]);
    assert_eq!((&reply["template"], &reply["template_version"]), (&json!(format!("job/{name}")), &version));
    let again = reply["job_name"].as_str().unwrap();
    assert!(again.starts_with(&format!("{name}-")), "{again}");
    let job = posted(&lab);
    assert_eq!(
        (&job["status"], &job["spec"]["selector"], &job["metadata"]["uid"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    assert_eq!(job["metadata"]["annotations"]["cronjob.kubernetes.io/instantiate"], Value::Null);
    // A run of a run is the run of that run.
    let third = made(post(&lab, &json!({ "template": { "job_name": again } })).await, 201);
    assert_eq!(third["template"], format!("job/{again}"));
}

#[tokio::test]
async fn wait_and_field_validation_and_the_query_go_with_a_template() {
    let lab = with_etl().await;
    let target = format!("{CREATE_JOB}?wait=0s&field_validation=warn&namespace=default");
    let reply = made(send(&lab, &target, "", &with(&json!({ "job_name": "etl-1" }))).await, 201);
    assert_eq!(reply["job"]["job_name"], "etl-1");
    let mut posts = lab.cluster.requests().into_iter().filter(|request| request.method == "POST");
    assert_eq!(posts.next().unwrap().parameter("fieldValidation"), Some("Warn"));
    let finish = async {
        lab.cluster.wait_for("POST", JOBS, 2).await;
        lab.cluster.set_job_status("default", "etl-2", complete());
    };
    let body = with(&json!({ "job_name": "etl-2", "wait": "1m" }));
    let (reply, ()) = tokio::join!(post(&lab, &body), finish);
    assert_eq!(made(reply, 201)["job"]["state"], "completed");
}

#[tokio::test]
async fn the_template_is_that_of_the_namespace() {
    let lab = with_etl().await;
    let mut other = cron_job("etl");
    other["metadata"]["namespace"] = json!("demo");
    other["spec"]["jobTemplate"]["spec"]["backoffLimit"] = json!(9);
    lab.cluster.put_namespace(json!({ "metadata": { "name": "demo" } }));
    lab.cluster.put_cron_job(other);
    let reply = made(post(&lab, &with(&json!({ "namespace": "demo" }))).await, 201);
    assert_eq!((&reply["namespace"], &posted(&lab)["spec"]["backoffLimit"]), (&json!("demo"), &json!(9)));
}

#[tokio::test]
async fn a_warning_about_the_template_joins_those_of_the_manifest() {
    let lab = with_etl().await;
    let mut etl = lab.cluster.cron_job("default", "etl").unwrap();
    let container = &mut etl["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0];
    container["command"] = json!(["sh", "-c", "etl --date $(DATE)"]);
    container["image"] = json!("registry.example.com/etl:<tag>");
    lab.cluster.put_cron_job(etl);
    let reply = made(post(&lab, &super::etl()).await, 201);
    let warnings: Vec<&str> = reply["warnings"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(warnings.iter().any(|warning| warning.contains("$DATE")), "{warnings:?}");
    assert!(warnings.iter().any(|warning| warning.contains("is not an image")), "{warnings:?}");
}

#[tokio::test]
async fn a_random_name_that_is_taken_is_replaced_without_another_read() {
    let lab = with_etl().await;
    let taken = Kind::status(409, "AlreadyExists", "jobs.batch \"etl-x\" already exists");
    lab.cluster.fault(Fault::new("POST", JOBS, taken));
    made(post(&lab, &etl()).await, 201);
    assert_eq!((lab.cluster.count("GET", CRON_JOBS), lab.cluster.count("POST", JOBS)), (1, 2));
}

#[tokio::test]
async fn a_job_of_an_own_manifest_has_no_template_in_its_reply() {
    let lab = lab().await;
    let reply = made(post(&lab, &crate::given::job("hello")).await, 201);
    assert_eq!((reply.get("template"), reply.get("template_version")), (None, None));
}
