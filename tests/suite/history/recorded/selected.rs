//! Runs of templates, of batches and of several clusters, and their numbers.

use serde_json::{Value, json};

use crate::calls::{BINARY, CREATE_JOB, nameless};
use crate::given::cron_job;
use crate::history::site::{Site, after, at, completed, failed, names, old_job, runs, with_state};
use crate::live::until;
use crate::support::clusters::Clusters;
use crate::support::service::{Folder, Reply};

#[tokio::test]
async fn a_run_names_its_template_and_its_batch_and_the_head_is_no_run() {
    let site = Site::start().await;
    site.lab.cluster.put_cron_job(cron_job("etl"));
    let from_template = json!({ "template": { "cron_job": "etl" }, "parameters": { "DATE": "2026-11-27" } });
    let made = site.post(CREATE_JOB, &from_template).await.expect_status(201).json();
    let batch = json!({ "batch_name": "nightly", "job_manifest": nameless(), "jobs": [{}, {}, {}] });
    let headers = [("x-request-id", "req-4")];
    site.send("POST", "/api/eks-create-batch", &headers, &batch).await.expect_status(201);
    let jobs = site.lab.cluster.jobs("default");
    assert_eq!(jobs.len(), 5, "a run, a head and three members");

    let all = site.until_runs("", |runs| runs.len() == 4).await;
    let of_batch: Vec<&Value> = all.iter().filter(|run| run["batch_name"] == "nightly").collect();
    assert_eq!(of_batch.len(), 3);
    assert!(of_batch.iter().all(|run| run["request_id"] == "req-4"), "{of_batch:?}");
    let members = runs(&site.get("/api/eks-list-history?batch_name=nightly").await.expect_status(200));
    assert_eq!(names(&members), ["nightly-0000", "nightly-0001", "nightly-0002"]);
    let of_template = runs(&site.get("/api/eks-list-history?template=cronjob/etl").await.expect_status(200));
    assert_eq!(names(&of_template), [made["job_name"].as_str().unwrap()]);
    assert_eq!(of_template[0]["template"], "cronjob/etl");

    // The head goes unseen, too.
    let path = "/api/eks-delete-batch?batch_name=nightly&propagation_policy=Background";
    site.send("DELETE", path, &[], &Value::Null).await.expect_status(200);
    let are_gone = |runs: &[Value]| runs.iter().filter(|run| !run["gone_time"].is_null()).count() == 3;
    assert_eq!(site.until_runs("", are_gone).await.len(), 4);
}

/// Runs of two templates on two days. The third of the first day failed.
fn of_two_days() -> Vec<Value> {
    let mut jobs = Vec::new();
    for (number, (template, day, queued, ran)) in
        [("etl", 0, 1, 10), ("etl", 0, 2, 20), ("etl", 0, 3, 30), ("other", 0, 4, 40), ("etl", 1, 5, 50)]
            .into_iter()
            .enumerate()
    {
        let created = at(day * 86_400);
        let (start, end) = (after(&created, queued), after(&created, queued + ran));
        let is_third = number == 2;
        let status = if is_third { failed(&start, &end) } else { completed(&start, &end) };
        let mut job = old_job(&format!("job-{number}"), &status);
        job["metadata"]["creationTimestamp"] = json!(created);
        job["metadata"]["annotations"] = json!({ "eks-api/template": format!("cronjob/{template}@7") });
        jobs.push(job);
    }
    jobs
}

#[tokio::test]
async fn the_numbers_of_known_runs_are_exact() {
    let site = Site::start().await;
    site.lab.cluster.put_jobs(of_two_days());
    site.until_runs("", |runs| runs.len() == 5).await;
    let path = "/api/eks-get-job-stats?since=2026-11-01T00:00:00Z&group_by=day,template";
    let groups = site.get(path).await.expect_status(200).json()["groups"].take();
    let mut groups = groups.as_array().unwrap().clone();
    groups.sort_by_key(|group| (group["day"].to_string(), group["template"].to_string()));
    let percentiles = |p50: u32, p95: u32, max: u32| json!({ "p50": p50, "p95": p95, "max": max });
    let one = |day: &str, template: &str, queued: u32, ran: u32| {
        json!({ "day": day, "template": template, "runs": 1, "completed": 1, "failed": 0,
            "ran_ms": percentiles(ran, ran, ran), "queued_ms": percentiles(queued, queued, queued), "ran_ms_sum": ran,
            "failed_reasons": {} })
    };
    let first = json!({ "day": "2026-11-20", "template": "cronjob/etl", "runs": 3, "completed": 2, "failed": 1,
        "ran_ms": percentiles(20_000, 30_000, 30_000), "queued_ms": percentiles(2000, 3000, 3000),
        "ran_ms_sum": 60_000, "failed_reasons": { "BackoffLimitExceeded": 1 } });
    let second = one("2026-11-20", "cronjob/other", 4000, 40_000);
    assert_eq!(groups, [first, second, one("2026-11-21", "cronjob/etl", 5000, 50_000)]);

    // A limit of two keys, and times that leave a day out.
    let path = "/api/eks-get-job-stats?since=2026-11-21T00:00:00Z&until=2026-11-22T00:00:00Z&group_by=namespace";
    let groups = site.get(path).await.expect_status(200).json()["groups"].take();
    assert_eq!((groups.as_array().unwrap().len(), &groups[0]["namespace"]), (1, &json!("default")));
    assert_eq!(groups[0]["runs"], 1);
    let three = site.get("/api/eks-get-job-stats?group_by=day,template,caller").await;
    assert_eq!(three.status, 400, "{}", three.text());
}

#[tokio::test]
async fn each_cluster_has_runs_of_its_own() {
    let state = Folder::new();
    let clusters = Clusters::start(&["a", "b"]).await;
    let uid = "11111111-2222-4333-8444-555555555555";
    for (name, status) in [("a", json!({})), ("b", completed(&at(1), &at(2)))] {
        let mut job = old_job("hello", &status);
        job["metadata"]["uid"] = json!(uid);
        clusters.stub(name).put_job(job);
    }
    let service = with_state(clusters.builder(BINARY), &state).start().await;
    let list = async |query: &str, state: &str| {
        let is_right =
            |reply: &Reply| reply.status == 200 && matches!(&runs(reply)[..], [run] if run["state"] == state);
        let path = format!("/api/eks-list-history?job_name=hello{query}");
        runs(&until(async || service.get(&path).await, is_right).await).swap_remove(0)
    };
    assert_eq!(list("", "pending").await["cluster"], "a", "the default");
    assert_eq!(list("&cluster=a", "pending").await["cluster"], "a");
    assert_eq!(list("&cluster=b", "completed").await["cluster"], "b");
    clusters.stub("b").remove_job("default", "hello");
    let path = "/api/eks-list-history?job_name=hello&cluster=b";
    until(async || service.get(path).await, |reply| !runs(reply)[0]["gone_time"].is_null()).await;
    assert!(list("", "pending").await["gone_time"].is_null(), "the job of this uid is still in a");
}
