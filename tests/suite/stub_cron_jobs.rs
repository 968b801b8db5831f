//! The stub's `CronJobs`, held against those of a real API server.

use serde_json::{Value, json};

use crate::given::{CRON_JOBS, cron_job};
use crate::stub_watches::cluster;
use crate::support::recorded_body;
use crate::support::stub::{Fault, Kind, Right};

/// Takes out what two servers cannot have in common.
fn without_identity(mut cron_job: Value) -> Value {
    for field in ["uid", "resourceVersion", "creationTimestamp"] {
        assert!(cron_job["metadata"][field].take().is_string(), "{field}: {cron_job}");
    }
    cron_job
}

#[tokio::test]
async fn a_cron_job_is_given_as_by_a_real_server() {
    let (cluster, api) = cluster().await;
    cluster.put_cron_job(recorded_body("cronjob-get"));
    let found = api.get("/apis/batch/v1/namespaces/rec2/cronjobs/etl").await.expect_status(200).json();
    assert_eq!(without_identity(found), without_identity(recorded_body("cronjob-get")));
    let missing = api.get("/apis/batch/v1/namespaces/rec2/cronjobs/nope").await;
    assert_eq!((missing.status.as_u16(), missing.json()), (404, recorded_body("cronjob-get-missing")));
    assert_eq!(cluster.count("GET", "/apis/batch/v1/namespaces/rec2/cronjobs/"), 2);
}

#[tokio::test]
async fn each_put_gives_a_new_version_and_keeps_the_uid() {
    let (cluster, api) = cluster().await;
    let path = format!("{CRON_JOBS}/etl");
    cluster.put_cron_job(cron_job("etl"));
    let first = api.get(&path).await.expect_status(200).json();
    cluster.put_cron_job(cron_job("etl"));
    let second = api.get(&path).await.expect_status(200).json();
    assert_eq!(second["metadata"]["uid"], first["metadata"]["uid"]);
    assert_ne!(second["metadata"]["resourceVersion"], first["metadata"]["resourceVersion"]);
    assert_eq!(cluster.cron_job("default", "etl"), Some(second));

    cluster.remove_cron_job("default", "etl");
    api.get(&path).await.expect_status(404);
    cluster.put_cron_job(cron_job("etl"));
    let third = api.get(&path).await.expect_status(200).json();
    assert_ne!(third["metadata"]["uid"], first["metadata"]["uid"]);
}

#[tokio::test]
async fn cron_jobs_are_listed_in_pages_as_by_a_real_server() {
    let (cluster, api) = cluster().await;
    for item in recorded_body("cronjob-list")["items"].as_array().unwrap() {
        cluster.put_cron_job(item.clone());
    }
    let all = api.get("/apis/batch/v1/namespaces/rec2/cronjobs?limit=500").await.expect_status(200).json();
    let real = recorded_body("cronjob-list");
    assert_eq!((&all["kind"], &all["apiVersion"]), (&real["kind"], &real["apiVersion"]));
    let items = |list: &Value| list["items"].as_array().unwrap().iter().cloned().map(without_identity).collect();
    let (found, recorded): (Vec<Value>, Vec<Value>) = (items(&all), items(&real));
    assert_eq!(found, recorded);

    cluster.put_cron_job(cron_job("etl"));
    let first = api.get("/apis/batch/v1/cronjobs?limit=2").await.expect_status(200).json();
    let token = first["metadata"]["continue"].as_str().unwrap();
    let last = api.get(&format!("/apis/batch/v1/cronjobs?limit=2&continue={token}")).await.expect_status(200).json();
    let places = |list: &Value| -> Vec<String> {
        let place = |item: &Value| format!("{}/{}", item["metadata"]["namespace"], item["metadata"]["name"]);
        list["items"].as_array().unwrap().iter().map(|item| place(item).replace('"', "")).collect()
    };
    assert_eq!(
        (places(&first), places(&last)),
        (vec!["default/etl".into(), "rec2/etl".into()], vec!["rec2/two".into()])
    );
    assert!(last["metadata"]["continue"].is_null());
    assert_eq!(places(&api.get("/apis/batch/v1/jobs").await.json()), [""; 0], "a CronJob is no Job");
}

#[tokio::test]
async fn a_right_can_be_missing_as_on_a_real_server() {
    let (cluster, api) = cluster().await;
    cluster.put_cron_job(recorded_body("cronjob-get"));
    let (one, all) = ("/apis/batch/v1/namespaces/rec2/cronjobs/etl", "/apis/batch/v1/namespaces/rec2/cronjobs");
    cluster.deny("get", "cronjobs");
    let mut real = recorded_body("cronjob-get-forbidden");
    real["message"] = json!(real["message"].as_str().unwrap().replace(r#""bob""#, r#""anyone""#));
    let refused = api.get(one).await;
    assert_eq!((refused.status.as_u16(), refused.json()), (403, real));
    api.get(all).await.expect_status(200);
    api.get("/apis/batch/v1/namespaces/rec2/jobs").await.expect_status(200);

    cluster.deny("list", "cronjobs");
    api.get(all).await.expect_status(403);
    api.get("/apis/batch/v1/cronjobs").await.expect_status(403);
}

#[tokio::test]
async fn a_right_can_be_had_for_one_cron_job_only() {
    let (cluster, api) = cluster().await;
    cluster.put_cron_job(cron_job("etl"));
    cluster.put_cron_job(cron_job("other"));
    cluster.allow_user("anyone", Right::to(&["get"], "cronjobs").within("default").named("etl"));
    api.get(&format!("{CRON_JOBS}/etl")).await.expect_status(200);
    api.get(&format!("{CRON_JOBS}/other")).await.expect_status(403);
    api.get(CRON_JOBS).await.expect_status(403);
}

#[tokio::test]
async fn faults_strike_cron_jobs_too_and_nothing_changes_them_by_a_request() {
    let (cluster, api) = cluster().await;
    cluster.put_cron_job(cron_job("etl"));
    cluster.fault(Fault::new("GET", CRON_JOBS, Kind::status(500, "InternalError", "etcd is gone")));
    let path = format!("{CRON_JOBS}/etl");
    api.get(&path).await.expect_status(500);
    api.get(&path).await.expect_status(200);
    api.delete(&path).await.expect_status(405);
    api.post(CRON_JOBS, &cron_job("new")).await.expect_status(405);
    assert_eq!((cluster.count("*", CRON_JOBS), cluster.count("GET", CRON_JOBS)), (4, 2));
}
