//! What the history has of a run: its fields, its transitions, and who created it.

mod restarts;
mod selected;

use serde_json::{Value, json};

use super::site::{CREATED, Site, after, at, completed, failed, old_job, running, suspended, told};
use crate::access::{file, keygen};
use crate::calls::{CREATE_JOB, manifest};

/// A service that asks for keys. Its calls are those of the key `ci`.
async fn with_key() -> Site {
    let key = keygen("ci", "write", "*").await;
    let settings = [("EKS_API_AUTH", "api-key"), ("EKS_API_KEYS_FILE", "keys")];
    let mut site = Site::with(|builder| builder.envs(&settings).file("keys", &file(&[&key]))).await;
    site.token = Some(key.secret);
    site
}

/// Puts a pod of the job with a container that ended so.
fn put_pod(site: &Site, job: &str, code: i32, message: &str) {
    let owner = site.lab.cluster.job("default", job).unwrap();
    let owners = json!([{ "apiVersion": "batch/v1", "kind": "Job", "name": job, "uid": owner["metadata"]["uid"],
        "controller": true }]);
    let end = json!({ "exitCode": code, "message": message, "finishedAt": at(60) });
    site.lab.cluster.put_pod(json!({
        "metadata": { "name": format!("{job}-a"), "namespace": "default", "ownerReferences": owners,
            "labels": owner["spec"]["selector"]["matchLabels"] },
        "spec": { "containers": [{ "name": "c" }] },
        "status": { "phase": "Failed", "containerStatuses": [{ "name": "c", "state": { "terminated": end } }] },
    }));
}

#[tokio::test]
async fn a_run_that_was_created_here_has_all_fields_until_it_failed_and_is_gone() {
    let site = with_key().await;
    let mut wanted = manifest("etl-x7");
    wanted["metadata"]["labels"] = json!({ "team": "data" });
    let body = json!({ "job_manifest": wanted });
    site.send("POST", CREATE_JOB, &[("x-request-id", "req-1")], &body).await.expect_status(201);
    let job = site.lab.cluster.job("default", "etl-x7").unwrap();
    let created = job["metadata"]["creationTimestamp"].as_str().unwrap().to_owned();
    let (start, end) = (after(&created, 2), after(&created, 62));
    let mut expected = json!({
        "cluster": "lab", "job_name": "etl-x7", "namespace": "default", "uid": job["metadata"]["uid"],
        "state": "pending", "reason": null, "message": null, "exit_code": null, "termination_message": null,
        "images": { "c": "busybox" }, "template": null, "batch_name": null, "labels": job["metadata"]["labels"],
        "creation_timestamp": told(&created), "start_time": null, "completion_time": null, "gone_time": null,
        "queued_ms": null, "ran_ms": null, "retries": 0, "caller": "ci", "request_id": "req-1", "has_gaps": false,
    });
    assert_eq!(expected["labels"]["team"], "data");
    assert_eq!(site.until_state("etl-x7", "pending").await, expected);

    put_pod(&site, "etl-x7", 3, "no rows");
    site.set_status("etl-x7", running(&start));
    site.until_state("etl-x7", "running").await;
    site.set_status("etl-x7", failed(&start, &end));
    let run = site.until_run("etl-x7", |run| !run["exit_code"].is_null()).await;
    let ended = json!({ "state": "failed", "reason": "BackoffLimitExceeded",
        "message": "Job has reached the specified backoff limit", "exit_code": 3, "termination_message": "no rows",
        "start_time": told(&start), "completion_time": told(&end), "queued_ms": 2000, "ran_ms": 60_000, "retries": 1 });
    expected.as_object_mut().unwrap().extend(ended.as_object().unwrap().clone());
    assert_eq!(run, expected);

    site.send("DELETE", "/api/eks-delete-job?job_name=etl-x7&propagation_policy=Background", &[], &Value::Null)
        .await
        .expect_status(200);
    let mut gone = site.until_gone("etl-x7").await;
    let gone_time = gone["gone_time"].take();
    assert_eq!(gone, expected, "the deletion changes nothing else");
    assert!(gone_time.as_str().unwrap() >= told(&created).as_str(), "{gone_time}");
    let mut transitions = site.transitions("etl-x7").await;
    // The times of the end are ahead of the clock that saw the deletion.
    let is_gone = |(state, time, _): &(String, String, _)| state == "gone" && gone_time == **time;
    let position = transitions.iter().position(is_gone).unwrap_or_else(|| panic!("{transitions:?}"));
    transitions.remove(position);
    let reason = Some("BackoffLimitExceeded");
    assert_eq!(transitions, rows(&[("pending", &created, None), ("running", &start, None), ("failed", &end, reason)]));
}

fn rows(rows: &[(&str, &str, Option<&str>)]) -> Vec<(String, String, Option<String>)> {
    let row = |(state, time, reason): &(&str, &str, Option<&str>)| {
        ((*state).to_owned(), told(time), reason.map(str::to_owned))
    };
    rows.iter().map(row).collect()
}

#[tokio::test]
async fn each_change_of_state_is_a_transition_of_the_run() {
    let site = Site::start().await;
    site.put("hello", &json!({}));
    site.until_state("hello", "pending").await;
    site.set_status("hello", running(&at(3)));
    site.until_state("hello", "running").await;
    site.post("/api/eks-suspend-job?job_name=hello", &Value::Null).await.expect_status(200);
    site.set_status("hello", suspended(&at(10)));
    site.until_state("hello", "suspended").await;
    site.post("/api/eks-resume-job?job_name=hello", &Value::Null).await.expect_status(200);
    site.set_status("hello", running(&at(20)));
    site.until_run("hello", |run| run["start_time"] == told(&at(20))).await;
    site.set_status("hello", completed(&at(20), &at(50)));
    let run = site.until_state("hello", "completed").await;
    assert_eq!(run["completion_time"], told(&at(50)));
    assert_eq!((&run["queued_ms"], &run["ran_ms"]), (&json!(20_000), &json!(30_000)), "of the last start");
    site.lab.cluster.remove_job("default", "hello");
    let run = site.until_gone("hello").await;
    assert_eq!((&run["state"], &run["has_gaps"]), (&json!("completed"), &json!(false)));

    let mut transitions = site.transitions("hello").await;
    let (state, time, _) = transitions.pop().unwrap();
    assert_eq!((state.as_str(), json!(time)), ("gone", run["gone_time"].clone()));
    let mut reasons: Vec<_> = transitions.iter_mut().map(|(_, _, reason)| reason.take()).collect();
    assert_eq!(reasons.pop().unwrap().as_deref(), Some("CompletionsReached"));
    let (end, again) = (at(50), at(20));
    let states = [
        ("pending", CREATED, None),
        ("running", &at(3), None),
        ("suspended", &at(10), None),
        ("running", &again, None),
        ("completed", &end, None),
    ];
    assert_eq!(transitions, rows(&states));
}

#[tokio::test]
async fn a_run_that_another_tool_created_has_no_caller_and_no_request() {
    let site = with_key().await;
    site.put("theirs", &running(&at(5)));
    let run = site.until_state("theirs", "running").await;
    let unknown = ["caller", "request_id", "template", "batch_name"];
    assert_eq!(unknown.map(|name| run[name].clone()), [const { Value::Null }; 4], "{run}");
    assert_eq!((&run["queued_ms"], &run["creation_timestamp"]), (&json!(5000), &json!(told(CREATED))));
}

#[tokio::test]
async fn a_caller_without_a_name_leaves_the_request_alone() {
    let site = Site::start().await;
    let body = json!({ "job_manifest": manifest("hello") });
    let reply = site.send("POST", CREATE_JOB, &[("x-request-id", "req-2")], &body).await.expect_status(201);
    assert_eq!(reply.header("x-request-id"), Some("req-2"));
    let run = site.until_run("hello", |run| !run["request_id"].is_null()).await;
    assert_eq!((&run["caller"], &run["request_id"]), (&Value::Null, &json!("req-2")));
}

#[tokio::test]
async fn a_name_that_is_used_again_has_a_run_each() {
    let site = Site::start().await;
    let mut first = old_job("hello", &completed(&at(1), &at(2)));
    first["metadata"]["uid"] = json!("11111111-1111-4111-8111-111111111111");
    site.lab.cluster.put_job(first);
    site.until_state("hello", "completed").await;
    site.lab.cluster.remove_job("default", "hello");
    site.until_gone("hello").await;
    let mut second = old_job("hello", &json!({}));
    second["metadata"]["creationTimestamp"] = json!(at(100));
    site.lab.cluster.put_job(second);
    let runs = site.until_runs("job_name=hello", |runs| runs.len() == 2).await;
    assert_eq!([&runs[0]["state"], &runs[1]["state"]], [&json!("pending"), &json!("completed")], "the newest is first");
    assert!(runs[0]["gone_time"].is_null() && !runs[1]["gone_time"].is_null(), "{runs:?}");
    let path = "/api/eks-get-job-history?job_name=hello&namespace=default";
    assert_eq!(super::site::runs(&site.get(path).await).len(), 2);
    let only = site.get(&format!("{path}&uid=11111111-1111-4111-8111-111111111111")).await;
    let only = super::site::runs(&only);
    assert_eq!((only.len(), &only[0]["state"]), (1, &json!("completed")));
    let never = site.get("/api/eks-get-job-history?job_name=never&namespace=default").await;
    crate::calls::problem(&never, 404, "NotFound");
}

#[tokio::test]
async fn a_clock_that_was_set_back_loses_no_run_and_makes_no_negative_time() {
    let site = Site::start().await;
    let ahead = |seconds| after("2099-01-01T00:00:00Z", seconds);
    let mut job = old_job("hello", &completed(&ahead(-5), &ahead(-9)));
    job["metadata"]["creationTimestamp"] = json!(ahead(0));
    site.lab.cluster.put_job(job);
    let run = site.until_state("hello", "completed").await;
    for name in ["queued_ms", "ran_ms"] {
        assert!(run[name].as_i64().is_none_or(|time| time >= 0), "{run}");
    }
    site.lab.cluster.remove_job("default", "hello");
    let run = site.until_gone("hello").await;
    assert_eq!(run["gone_time"], run["creation_timestamp"], "it went after it was created");
}
