//! What the history learns after a time without the service, and what the status of a job that is gone says then.

use serde_json::{Value, json};

use crate::calls::problem;
use crate::history::site::{Site, at, completed, failed, names, old_job, running, suspended, told};
use crate::live::until;
use crate::support::surroundings;

#[tokio::test]
async fn jobs_that_are_older_than_the_service_are_recorded_as_they_are() {
    let (cluster, aws) = surroundings().await;
    let jobs = [
        ("waiting", json!({})),
        ("works", running(&at(1))),
        ("held", suspended(&at(2))),
        ("done", completed(&at(3), &at(63))),
        ("broken", failed(&at(4), &at(5))),
    ];
    cluster.put_jobs(jobs.iter().map(|(name, status)| old_job(name, status)));
    let mut foreign = old_job("foreign", &json!({}));
    foreign["metadata"]["labels"] = json!({ "app": "another" });
    cluster.put_job(foreign);
    let site = Site::of(cluster, aws, |builder| builder).await;
    let runs = site.until_runs("namespace=default", |runs| runs.len() == 5).await;
    assert_eq!(names(&runs), ["broken", "done", "held", "waiting", "works"]);
    let known = |run: &Value| (run["gone_time"].is_null(), run["caller"].is_null(), run["has_gaps"] == false);
    assert!(runs.iter().all(|run| known(run) == (true, true, true)), "{runs:?}");
    let states = async |name: &str| {
        let transitions = site.transitions(name).await;
        transitions.into_iter().map(|(state, time, _)| (state, time)).collect::<Vec<_>>()
    };
    let row = |state: &str, seconds: i64| (state.to_owned(), told(&at(seconds)));
    assert_eq!(states("waiting").await, [row("pending", 0)]);
    assert_eq!(states("works").await, [row("pending", 0), row("running", 1)]);
    assert_eq!(states("held").await, [row("pending", 0), row("suspended", 2)]);
    assert_eq!(states("done").await, [row("pending", 0), row("running", 3), row("completed", 63)]);
    assert_eq!(states("broken").await, [row("pending", 0), row("running", 4), row("failed", 5)]);
}

#[tokio::test]
async fn what_happened_while_the_service_was_down_is_recorded_afterwards() {
    for signal in ["TERM", "KILL"] {
        let mut site = Site::start().await;
        for name in ["ends", "vanishes", "stays"] {
            site.put(name, &running(&at(1)));
        }
        site.put("expires", &completed(&at(1), &at(2)));
        let are_recorded = |runs: &[Value]| {
            let count = |state: &str| runs.iter().filter(|run| run["state"] == state).count();
            (count("running"), count("completed")) == (3, 1)
        };
        let before = site.until_runs("namespace=default", are_recorded).await;
        site.stop(signal).await;
        site.set_status("ends", completed(&at(1), &at(91)));
        site.put("fresh", &running(&at(70)));
        for name in ["vanishes", "expires"] {
            site.lab.cluster.remove_job("default", name);
        }
        site.resume().await;
        let is_compared = |runs: &[Value]| {
            let gone = runs.iter().filter(|run| !run["gone_time"].is_null()).count();
            runs.len() == 5 && gone == 2
        };
        let runs = site.until_runs("namespace=default", is_compared).await;
        assert_eq!(names(&runs), ["ends", "expires", "fresh", "stays", "vanishes"], "{signal}");
        let expected = [
            ("ends", "completed", true, false),
            ("expires", "completed", false, false),
            ("fresh", "running", true, false),
            ("stays", "running", true, false),
            // The end of this run is not known.
            ("vanishes", "running", false, true),
        ];
        for (name, state, exists, has_gaps) in expected {
            let run = runs.iter().find(|run| run["job_name"] == name).unwrap();
            let found = (&run["state"], run["gone_time"].is_null(), &run["has_gaps"]);
            assert_eq!(found, (&json!(state), exists, &json!(has_gaps)), "{signal}: {run}");
        }
        for run in &before {
            let is_same = |now: &&Value| now["uid"] == run["uid"] && now["job_name"] == run["job_name"];
            assert_eq!(runs.iter().filter(is_same).count(), 1, "{signal}: {run}");
        }
        let ends = site.transitions("ends").await;
        let last = ends.last().map(|(state, time, _)| (state.clone(), time.clone()));
        assert_eq!(last, Some(("completed".to_owned(), told(&at(91)))), "{signal}");
    }
}

#[tokio::test]
async fn the_caller_of_a_run_is_kept_over_a_restart() {
    let mut site = super::with_key().await;
    let body = json!({ "job_manifest": crate::calls::manifest("hello") });
    site.send("POST", crate::calls::CREATE_JOB, &[("x-request-id", "req-3")], &body).await.expect_status(201);
    site.until_run("hello", |run| run["caller"] == "ci").await;
    site.stop("TERM").await;
    site.resume().await;
    site.set_status("hello", running(&at(1)));
    let run = site.until_state("hello", "running").await;
    assert_eq!((&run["caller"], &run["request_id"]), (&json!("ci"), &json!("req-3")));
}

#[tokio::test]
async fn the_last_status_of_a_job_that_is_gone_is_known_after_a_restart() {
    let mut site = Site::start().await;
    site.put("hello", &json!({}));
    site.until_state("hello", "pending").await;
    site.set_status("hello", completed(&at(1), &at(61)));
    let run = site.until_state("hello", "completed").await;
    site.lab.cluster.remove_job("default", "hello");
    site.until_gone("hello").await;
    site.stop("TERM").await;
    site.resume().await;
    site.until_gone("hello").await;

    let path = "/api/eks-get-job-status?job_name=hello";
    let uid = run["uid"].as_str().unwrap();
    for query in [String::new(), format!("&uid={uid}"), "&details=true".to_owned(), "&wait=1s".to_owned()] {
        let reply = until(async || site.get(&format!("{path}{query}")).await, |reply| reply.status == 404).await;
        let last = problem(&reply, 404, "NotFound")["last_known"].take();
        let expected = json!({ "gone": true, "cluster": "lab", "job_name": "hello", "namespace": "default",
            "state": "completed", "uid": uid, "reason": "CompletionsReached", "succeeded": 1, "active": 0, "failed": 0,
            "creation_timestamp": told(&at(0)), "start_time": told(&at(1)), "completion_time": told(&at(61)),
            "labels": run["labels"] });
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(&last[name], value, "{query}: {name} of {last}");
        }
    }
    let other = site.get(&format!("{path}&uid=11111111-1111-4111-8111-111111111111")).await;
    assert_eq!(problem(&other, 404, "NotFound").get("last_known"), None, "another job of this name");
    let never = site.get("/api/eks-get-job-status?job_name=never").await;
    assert_eq!(problem(&never, 404, "NotFound").get("last_known"), None);
}

#[tokio::test]
async fn the_last_records_are_written_before_the_service_ends() {
    let mut site = Site::start().await;
    site.put("first", &json!({}));
    site.until_state("first", "pending").await;
    let reply = site.post("/api/eks-create-job", &json!({ "job_manifest": crate::calls::manifest("last") })).await;
    reply.expect_status(201);
    site.stop("TERM").await;
    assert!(!site.database().with_file_name("history.db-wal").exists(), "the database is closed");
    let database = rusqlite::Connection::open(site.database()).unwrap();
    let count = "SELECT count(*) FROM runs WHERE job_name = 'last' AND request_id IS NOT NULL";
    assert_eq!(database.query_row(count, [], |row| row.get::<_, i64>(0)), Ok(1));
}

/// No event says that the first job was deleted: the name has another job in the next list.
#[tokio::test]
async fn a_job_that_was_replaced_while_the_watch_was_lost_is_gone() {
    let site = Site::start().await;
    site.put("hello", &running(&at(1)));
    let first = site.until_state("hello", "running").await;
    let cluster = &site.lab.cluster;
    cluster.hush_watches();
    cluster.remove_job("default", "hello");
    site.put("hello", &completed(&at(2), &at(3)));
    cluster.compact();
    cluster.break_watches();
    cluster.unhush_watches();
    let are_known = |runs: &[Value]| runs.len() == 2 && runs.iter().any(|run| !run["gone_time"].is_null());
    let runs = site.until_runs("job_name=hello", are_known).await;
    let of = |uid: &Value| runs.iter().find(|run| run["uid"] == *uid).unwrap();
    let second = cluster.job("default", "hello").unwrap()["metadata"]["uid"].clone();
    assert_ne!(first["uid"], second);
    assert!(!of(&first["uid"])["gone_time"].is_null() && of(&second)["gone_time"].is_null(), "{runs:?}");
    assert_eq!(of(&second)["state"], "completed");
}
