//! `eks-api history list`, `show` and `stats`: the requests, the tables, and the exit codes.

use httpmock::MockServer;
use serde_json::{Value, json};

use super::run::{Ended, Run};
use crate::calls::lab;

async fn call(server: &MockServer, arguments: &[&str]) -> Ended {
    Run::command(&[&["history"], arguments].concat(), &server.address().to_string()).ended().await
}

/// Lets the service reply to this call with these parameters, and to no other.
async fn reply(server: &MockServer, call: &str, query: &[(&str, &str)], status: u16, reply: &Value) {
    let mock = server.mock_async(|when, then| {
        let when = when.path(format!("/api/eks-{call}"));
        let _ = query.iter().fold(when, |when, (name, value)| when.query_param(*name, *value));
        then.status(status).body(reply.to_string());
    });
    mock.await;
}

fn run(name: &str, state: &str) -> Value {
    json!({
        "creation_timestamp": "2026-11-20T10:00:00Z", "namespace": "demo", "job_name": name, "uid": "u-1",
        "state": state, "reason": null, "gone_time": null, "queued_ms": 1000, "ran_ms": 65_000, "retries": 0,
        "template": "cronjob/etl", "message": null, "termination_message": null, "exit_code": null, "has_gaps": false,
    })
}

fn with(mut run: Value, fields: &Value) -> Value {
    run.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    run
}

fn cells(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

fn rows(ended: &Ended) -> Vec<Vec<&str>> {
    ended.stdout.lines().map(cells).collect()
}

#[tokio::test]
async fn list_reads_pages_that_are_short_or_empty_until_it_has_enough_runs() {
    let server = MockServer::start_async().await;
    let gone = json!({ "ran_ms": null, "template": null, "gone_time": "2026-11-20T11:00:00Z" });
    let page = json!({ "runs": [run("c", "completed"), with(run("b", "running"), &gone)], "continue": "second" });
    let filters = ["-n", "demo", "--job", "etl", "--since", "7d", "-l", "team=a", "--cluster", "lab"];
    let sent =
        [("namespace", "demo"), ("job_name", "etl"), ("since", "7d"), ("label_selector", "team=a"), ("cluster", "lab")];
    reply(
        &server,
        "list-history",
        &[&[("continue", "third"), ("limit", "1")], &sent[..]].concat(),
        200,
        &json!({ "runs": [with(run("a", "failed"), &json!({ "reason": "DeadlineExceeded" }))], "continue": "fourth" }),
    )
    .await;
    let empty = json!({ "runs": [], "continue": "third" });
    reply(&server, "list-history", &[&[("continue", "second"), ("limit", "1")], &sent[..]].concat(), 200, &empty).await;
    reply(&server, "list-history", &[&[("limit", "3")], &sent[..]].concat(), 200, &page).await;
    let arguments = [&["list", "--limit", "3"], &filters[..]].concat();
    let ended = call(&server, &arguments).await;
    ended.expect(0, "more runs may match than --limit 3");
    let expected = [
        "CREATED NAMESPACE JOB STATE RAN REASON TEMPLATE",
        "2026-11-20T10:00:00Z demo c completed 1m05s - cronjob/etl",
        "2026-11-20T10:00:00Z demo b running/gone - - -",
        "2026-11-20T10:00:00Z demo a failed 1m05s DeadlineExceeded cronjob/etl",
    ];
    assert_eq!(rows(&ended), expected.map(cells));
    let ended = call(&server, &[&arguments[..], &["-o", "json"]].concat()).await;
    ended.expect(0, "");
    let joined: Value = serde_json::from_str(&ended.stdout).unwrap();
    let names: Vec<&str> =
        joined["runs"].as_array().unwrap().iter().map(|run| run["job_name"].as_str().unwrap()).collect();
    assert_eq!((names, &joined["continue"]), (vec!["c", "b", "a"], &json!("fourth")));
    assert!(ended.stdout.starts_with(r#"{"runs":[{"#) && ended.stderr.is_empty(), "{ended:?}");
}

#[tokio::test]
async fn list_asks_for_at_most_500_runs_at_once() {
    let server = MockServer::start_async().await;
    let runs = |count: usize| vec![run("etl", "completed"); count];
    reply(
        &server,
        "list-history",
        &[("continue", "next"), ("limit", "200")],
        200,
        &json!({ "runs": runs(100), "continue": null }),
    )
    .await;
    reply(&server, "list-history", &[("limit", "500")], 200, &json!({ "runs": runs(500), "continue": "next" })).await;
    let ended = call(&server, &["list", "--limit", "700"]).await;
    ended.expect(0, "");
    assert_eq!((rows(&ended).len(), ended.stderr.as_str()), (601, ""));
}

#[tokio::test]
async fn show_prints_each_run_with_its_transitions() {
    let server = MockServer::start_async().await;
    let transition = |time: &str, state: &str, reason: Value| json!({ "time": time, "state": state, "reason": reason });
    let failed = with(
        run("etl", "failed"),
        &json!({
            "uid": "u-2", "reason": "BackoffLimitExceeded", "message": "it has failed\n", "termination_message": "no disk",
            "exit_code": 3, "retries": 2, "caller": "ci", "batch_name": "nightly", "has_gaps": true,
            "transitions": [
                transition("2026-11-20T10:00:00Z", "pending", json!(null)),
                transition("2026-11-20T10:01:06Z", "failed", json!("BackoffLimitExceeded")),
            ],
        }),
    );
    let query = [("job_name", "etl"), ("namespace", "demo"), ("limit", "100")];
    let pages = json!({ "runs": [failed, run("etl", "completed")], "continue": null });
    reply(&server, "get-job-history", &query, 200, &pages).await;
    let ended = call(&server, &["show", "etl", "-n", "demo"]).await;
    ended.expect(0, "");
    let expected = "\
demo/etl, uid u-2: failed, exit code 3, queued 1s, ran 1m05s, retries 2, batch nightly, template cronjob/etl, caller ci
it has failed
no disk
Some changes of this run were not recorded.
TIME                  STATE    REASON
2026-11-20T10:00:00Z  pending  -
2026-11-20T10:01:06Z  failed   BackoffLimitExceeded

demo/etl, uid u-1: completed, queued 1s, ran 1m05s, retries 0, template cronjob/etl
TIME  STATE  REASON
";
    assert_eq!(ended.stdout, expected);
}

#[tokio::test]
async fn stats_has_a_column_for_each_key() {
    let server = MockServer::start_async().await;
    let group = |day: &str, team: Value| {
        json!({
            "day": day, "label:team": team, "runs": 96, "completed": 94, "failed": 2,
            "ran_ms": { "p50": 1000, "p95": 61_000, "max": null }, "ran_ms_sum": 7_260_000,
        })
    };
    let groups = json!({ "groups": [group("2026-11-26", json!("a")), group("2026-11-27", json!(null))] });
    reply(&server, "get-job-stats", &[("group_by", "day,label:team"), ("since", "30d")], 200, &groups).await;
    let arguments = ["stats", "--group-by", "day,label:team", "--since", "30d"];
    let ended = call(&server, &arguments).await;
    ended.expect(0, "");
    let expected = [
        "DAY LABEL:TEAM RUNS COMPLETED FAILED P50 P95 MAX SUM",
        "2026-11-26 a 96 94 2 1s 1m01s - 2h01m",
        "2026-11-27 - 96 94 2 1s 1m01s - 2h01m",
    ];
    assert_eq!(rows(&ended), expected.map(cells));
    let ended = call(&server, &[&arguments[..], &["-o", "json"]].concat()).await;
    assert_eq!(ended.stdout, format!("{groups}\n"));
}

#[tokio::test]
async fn a_job_without_a_run_is_65_and_a_service_without_a_history_is_69() {
    let server = MockServer::start_async().await;
    let problem = json!({ "detail": "no run of etl is kept", "reason": "NotFound", "request_id": "r1" });
    reply(&server, "get-job-history", &[("job_name", "etl")], 404, &problem).await;
    let told = "the history is not shown: no run of etl is kept (404 NotFound, request r1)";
    call(&server, &["show", "etl"]).await.expect(65, told);
    reply(&server, "list-history", &[], 200, &json!({ "runs": 3 })).await;
    call(&server, &["list"]).await.expect(69, "the reply is not one of eks-api: ");
    let lab = lab().await;
    for arguments in [&["list"][..], &["show", "etl"], &["stats"]] {
        let ended = Run::command(&[&["history"], arguments].concat(), lab.service.address()).ended().await;
        ended.expect(69, "this service keeps no history: its operator can set EKS_API_STATE_DIR (501 no_history, ");
    }
}

#[tokio::test]
async fn a_history_that_cannot_be_read_now_is_69_at_once() {
    let server = MockServer::start_async().await;
    for (call_name, arguments, status, reason, detail) in [
        ("list-history", "list", 504, "history_timeout", "the history was read for too long: narrow the time"),
        ("get-job-stats", "stats", 503, "history_unavailable", "the history cannot be used: the disk is full"),
    ] {
        let problem = json!({ "detail": detail, "reason": reason, "request_id": "r1" });
        reply(&server, call_name, &[], status, &problem).await;
        let ended = call(&server, &[arguments]).await;
        ended.expect(69, &format!(": {detail} ({status} {reason}, request r1)"));
    }
}

#[tokio::test]
async fn an_action_and_its_options_are_checked_before_anything_is_sent() {
    let server = MockServer::start_async().await;
    for (arguments, told) in [
        (&[][..], "history needs one of list, show, stats, backup and export; see eks-api history --help"),
        (&["lits"], "unknown argument \"lits\" (did you mean list?); see eks-api history --help"),
        (&["list", "--group-by", "day"], "history list does not take --group-by"),
    ] {
        call(&server, arguments).await.expect(2, told);
    }
}
