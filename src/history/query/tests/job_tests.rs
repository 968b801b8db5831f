//! The runs of a job with their transitions, and the last status of a run that is gone.

use serde_json::{Value, json};

use super::*;
use crate::history::query::Cursor;
use crate::history::query::filter::RunFilter;
use crate::history::query::job::{last_known, list};

fn run(id: i64, gone: Option<i64>) -> Sample {
    Sample {
        id,
        cluster: "prod",
        uid: format!("u{id}"),
        namespace: "lab",
        job_name: "etl",
        state: "failed",
        created: 100 * id,
        gone,
        reason: Some("DeadlineExceeded"),
        template: Some("cronjob/etl"),
        batch_name: Some("load"),
        caller: Some("ci"),
        team: Some("x"),
        queued_s: Some(1),
        ran_s: Some(9),
        ..Sample::default()
    }
}

fn filter(namespace: &str, uid: Option<&str>) -> RunFilter {
    RunFilter {
        cluster: "prod".to_owned(),
        namespace: Some(namespace.to_owned()),
        job_name: Some("etl".to_owned()),
        uid: uid.map(str::to_owned),
        ..RunFilter::default()
    }
}

#[test]
fn each_run_has_its_transitions_in_the_order_in_which_they_happened() {
    let connection = database();
    insert(&connection, &[run(1, Some(105)), run(2, None), run(3, None)]);
    connection
        .execute_batch(
            "INSERT INTO transitions VALUES (1, 108, 'failed', 'DeadlineExceeded'), (1, 105, 'gone', NULL),
                (1, 100, 'running', NULL), (1, 100, 'pending', NULL), (1, 100, 'suspended', 'JobSuspended'),
                (2, 200, 'running', NULL), (2, 200, 'completed', NULL)",
        )
        .unwrap();
    let page = list(&connection, &filter("lab", None), Some(Cursor { time: 300, id: 3 }), 3).unwrap();
    assert_eq!(page.next, None);
    let states = |run: &Value| -> Vec<String> {
        let transitions = run["transitions"].as_array().unwrap();
        transitions.iter().map(|transition| transition["state"].as_str().unwrap().to_owned()).collect()
    };
    let runs = serde_json::to_value(&page.rows).unwrap();
    assert_eq!((&runs[0]["uid"], &runs[1]["uid"]), (&json!("u2"), &json!("u1")));
    assert_eq!(states(&runs[0]), ["running", "completed"]);
    assert_eq!(states(&runs[1]), ["pending", "suspended", "running", "failed", "gone"]);
    let failed = json!({ "time": "1970-01-01T00:01:48+00:00", "state": "failed", "reason": "DeadlineExceeded" });
    assert_eq!(runs[1]["transitions"][3], failed);
}

#[test]
fn the_last_known_status_has_what_the_history_keeps_of_the_status_object() {
    let connection = database();
    insert(&connection, &[run(1, Some(150))]);
    connection
        .execute_batch(
            "UPDATE runs SET exit_code = 3, termination_message = 'bad', message = 'Too long', completions = 2,
                parallelism = 4, backoff_limit = 6, version = 77, active = 1",
        )
        .unwrap();
    let known = |with_exit| {
        let known = last_known(&connection, &filter("lab", None), with_exit).unwrap().unwrap();
        serde_json::from_str::<Value>(known.get()).unwrap()
    };
    let mut expected = json!({
        "cluster": "prod", "job_name": "etl", "namespace": "lab", "state": "failed", "active": 1, "succeeded": 1,
        "failed": 2, "start_time": "1970-01-01T00:01:41+00:00", "completion_time": null, "completions": 2,
        "parallelism": 4, "backoff_limit": 6, "template": "cronjob/etl", "reason": "DeadlineExceeded",
        "message": "Too long", "exit_code": 3, "termination_message": "bad",
        "creation_timestamp": "1970-01-01T00:01:40+00:00", "uid": "u1", "resource_version": "77",
        "labels": { "app": "eks-api", "team": "x" }, "gone": true,
    });
    assert_eq!(known(true), expected);
    expected["exit_code"] = Value::Null;
    expected["termination_message"] = Value::Null;
    assert_eq!(known(false), expected);
    connection.execute_batch("UPDATE runs SET state = 'completed'").unwrap();
    assert_eq!(known(true)["completion_time"], "1970-01-01T00:01:50+00:00");
}

#[test]
fn the_last_known_run_is_the_newest_whether_or_not_it_is_marked_gone_unless_a_uid_is_given() {
    let connection = database();
    insert(&connection, &[run(1, Some(150)), run(2, Some(250)), run(3, None)]);
    let uid = |namespace, uid| {
        let known = last_known(&connection, &filter(namespace, uid), true).unwrap()?;
        let known: Value = serde_json::from_str(known.get()).unwrap();
        assert_eq!(known["gone"], true);
        Some(known["uid"].as_str().unwrap().to_owned())
    };
    assert_eq!(uid("lab", None).as_deref(), Some("u3"));
    assert_eq!(uid("lab", Some("u1")).as_deref(), Some("u1"));
    assert_eq!(uid("lab", Some("u3")).as_deref(), Some("u3"));
    assert_eq!(uid("lab", Some("u4")), None);
    assert_eq!(uid("other", None), None);
    assert_eq!(uid("other", Some("u1")), None);
}
