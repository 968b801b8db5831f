//! The command batch: the request that its files and options become, and the files that it refuses.

use serde_json::{Value, json};

use super::batches::{batch_at, created};
use super::fake::Fake;
use crate::client::run::Ended;

const JOB: &str = "spec: {template: {spec: {containers: [{name: main}]}}}\n";

/// Runs the command with these files, at a service that creates each batch.
async fn sent(arguments: &[&str], batch: &str, lines: &str) -> (Fake, Ended) {
    let fake = Fake::start(|_| created("nightly", 2)).await;
    let run = batch_at(&fake, arguments).file("batch.json", batch).file("lines", lines).stdin(lines);
    let ended = run.ended().await;
    (fake, ended)
}

async fn body(arguments: &[&str], batch: &str, lines: &str) -> Value {
    let (fake, ended) = sent(arguments, batch, lines).await;
    ended.expect(0, "batch demo/nightly is created");
    assert_eq!(ended.stdout, "nightly\n");
    serde_json::from_str(&fake.asked("create-batch")[0].body).unwrap()
}

#[tokio::test]
async fn a_batch_file_in_json_or_yaml_is_sent_with_the_options_added() {
    let json = r#"{"template":{"cron_job":"etl"},"namespace":"demo","jobs":[{"id":"a"},{"id":"b","parameters":{}}]}"#;
    let yaml = "template: {cron_job: etl}\nnamespace: demo\njobs:\n- id: a\n- {id: b, parameters: {}}\n";
    let options = ["-n", "demo", "--name", "nightly", "--on-error", "continue"];
    for text in [json, yaml] {
        let mut expected: Value = serde_json::from_str(json).unwrap();
        assert_eq!(body(&["-f", "batch.json"], text, "").await, expected);
        expected["batch_name"] = json!("nightly");
        expected["on_error"] = json!("continue");
        assert_eq!(body(&[&["-f", "batch.json"], &options[..]].concat(), text, "").await, expected);
    }
}

#[tokio::test]
async fn json_lines_are_the_jobs_of_a_template_a_manifest_or_a_batch() {
    let lines = "{\"id\":\"a\"}\n\n  \n{\"id\":\"b\",\"overrides\":{\"env\":{\"N\":\"1\"}}}\r\n";
    let jobs = json!([{ "id": "a" }, { "id": "b", "overrides": { "env": { "N": "1" } } }]);
    let template = ["--from", "cronjob/etl", "-p", "A=1", "--image", "etl:2", "--jobs", "-", "--", "sh", "-c", "x"];
    let overrides = json!({ "image": "etl:2", "command": ["sh", "-c", "x"], "args": [] });
    let expected =
        json!({ "template": { "cron_job": "etl" }, "parameters": { "A": "1" }, "overrides": overrides, "jobs": jobs });
    assert_eq!(body(&template, "", lines).await, expected);
    let manifest = json!({ "spec": { "template": { "spec": { "containers": [{ "name": "main" }] } } } });
    let expected = json!({ "job_manifest": manifest, "jobs": jobs });
    assert_eq!(body(&["-f", "batch.json", "--jobs", "-"], JOB, lines).await, expected);
    let batch = json!({ "job_manifest": manifest }).to_string();
    assert_eq!(body(&["-f", "batch.json", "--jobs", "lines"], &batch, lines).await, expected);
}

#[tokio::test]
async fn a_batch_without_name_and_key_gets_a_new_key() {
    let batch = r#"{"jobs":[{}]}"#;
    for (arguments, key) in [
        (&[][..], Some("eks-api-run-")),
        (&["--name", "nightly"], None),
        (&["--name", "nightly", "--idempotency-key", "k1"], Some("k1")),
    ] {
        let (fake, ended) = sent(&[&["-f", "batch.json"], arguments].concat(), batch, "").await;
        ended.expect(0, "");
        let found = fake.asked("create-batch")[0].key.clone();
        assert!(key.map_or(found.is_empty(), |key| found.starts_with(key)), "{arguments:?} {found}");
    }
}

#[tokio::test]
async fn a_file_that_does_not_fit_is_refused_before_anything_is_sent() {
    let many = "{}\n".repeat(1001);
    for (arguments, batch, lines, code, why) in [
        (&["-f", "none"][..], "", "", 2, "none cannot be read: there is no such file"),
        (&["-f", "batch.json"], "[]", "", 2, "batch.json must be a batch, in JSON or YAML"),
        (&["-f", "batch.json"], JOB, "", 2, "batch.json has no jobs; add jobs to it, or use --jobs FILE"),
        (&["-f", "batch.json"], r#"{"jobs":{}}"#, "", 2, "jobs of batch.json must be a list"),
        (&["-f", "batch.json"], r#"{"jobs":[]}"#, "", 2, "batch.json has no jobs\n"),
        (&["-f", "batch.json"], r#"{"jobs":[],"jobs":[]}"#, "", 65, "jobs is given more than once"),
        (&["-f", "batch.json", "--jobs", "-"], r#"{"jobs":[]}"#, "{}", 2, "batch.json has jobs; use it without --jobs"),
        (&["-f", "batch.json", "--jobs", "-"], "{}", "\n \n", 2, "stdin has no jobs\n"),
        (&["-f", "batch.json", "--jobs", "-"], "{}", &many, 65, "stdin has 1001 jobs; a batch has at most 1000"),
        (&["-f", "batch.json", "--jobs", "-"], "{}", "{}\n\n\"a\"\n", 2, "stdin line 3 must be a job as a JSON object"),
        (&["-f", "batch.json", "--jobs", "-"], "{}", "{}\n{\"a\"\n", 2, "stdin line 2 is not JSON: EOF"),
        (
            &["-f", "batch.json", "--jobs", "-"],
            "{}",
            "{\"a\":1,\"a\":1}",
            65,
            "stdin line 1 cannot be used: a is given",
        ),
        (
            &["-f", "batch.json", "-n", "b"],
            r#"{"namespace":"a","jobs":[{}]}"#,
            "",
            2,
            "another namespace than --namespace",
        ),
        (
            &["-f", "batch.json", "--name", "b"],
            r#"{"batch_name":"a","jobs":[{}]}"#,
            "",
            2,
            "another batch_name than --",
        ),
    ] {
        let (fake, ended) = sent(arguments, batch, lines).await;
        ended.expect(code, why);
        assert!(fake.asked("create-batch").is_empty() && ended.stdout.is_empty(), "{ended:?}");
    }
}
