//! Secrets and URLs are in no log, no reply, no metric and no file of the history.

use std::fs;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::site::Hooks;
use crate::calls::{BINARY, CREATE_JOB, manifest};
use crate::history::site::{at, completed, failed};
use crate::support::receiver::{Answer, Receiver, new_secret};
use crate::support::service::Folder;

/// What must not be found: the secrets in each form, and the parts of the URLs.
fn hidden(secrets: &[String], receivers: &[&Receiver]) -> Vec<Vec<u8>> {
    let mut hidden = Vec::new();
    for secret in secrets {
        let text = secret.strip_prefix("whsec_").unwrap();
        hidden.extend([text.as_bytes().to_vec(), STANDARD.decode(text).unwrap()]);
    }
    for receiver in receivers {
        let (path, query) = receiver.path().trim_start_matches('/').split_once("?token=").unwrap();
        hidden.extend([path.as_bytes().to_vec(), query.as_bytes().to_vec()]);
    }
    hidden
}

#[track_caller]
fn has_none(hidden: &[Vec<u8>], bytes: &[u8], place: &str) {
    for (number, value) in hidden.iter().enumerate() {
        let is_there = bytes.windows(value.len()).any(|window| window == value);
        assert!(!is_there, "value {number} is in {place}: {}", String::from_utf8_lossy(bytes));
    }
}

/// Fails if a file of the history has one of the values.
#[track_caller]
fn files_have_none(hooks: &Hooks, hidden: &[Vec<u8>], when: &str) {
    let files: Vec<_> = fs::read_dir(hooks.site.state.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.contains(&hooks.site.database()), "{files:?}");
    for path in files {
        has_none(hidden, &fs::read(&path).unwrap(), &format!("{}, {when}", path.display()));
    }
}

/// Each way of failing, so that each error is told somewhere.
const ANSWERS: [Answer; 7] = [
    Answer::Status(500),
    Answer::Status(410),
    Answer::Close,
    Answer::CloseUnread,
    Answer::CloseAtOnce,
    Answer::Garbage,
    Answer::Huge,
];

#[tokio::test]
async fn secrets_and_urls_are_in_no_log_reply_metric_or_file() {
    let (ops, dead) = (Receiver::start(), Receiver::start());
    let mut hooks = Hooks::start(&[("ops", &ops, "events=job.*"), ("dead", &dead, "")]).await;
    dead.stop().await;
    let mut secrets = vec![ops.secret(), dead.secret()];
    let mut replies = String::new();
    hooks
        .site
        .post(CREATE_JOB, &json!({ "job_manifest": manifest("made"), "notify": ["ops"] }))
        .await
        .expect_status(201);
    for (number, answer) in ANSWERS.into_iter().enumerate() {
        ops.answers(answer);
        replies += &hooks.test("ops").await.to_string();
        hooks.site.put(&format!("job-{number}"), &failed(&at(1), &at(2)));
    }
    replies += &hooks.test("dead").await.to_string();
    hooks.site.put("last", &completed(&at(1), &at(2)));
    let is_tried = |all: &[Value]| all.len() > 7 && all.iter().all(|one| one["last_error"].is_string());
    hooks.until_deliveries("webhook=dead&limit=100", is_tried).await;

    // Files with mistakes, which the log tells of.
    let broken = new_secret();
    hooks.files.put("ops.key", &format!("{broken}\n{broken}\n{broken}\n"));
    hooks.site.lab.service.signal("HUP").await;
    hooks.site.lab.service.log_line(|line| line.contains("not reloaded")).await;
    secrets.push(broken);
    let line = format!("ops url=ftp://{}{} secret_file=/none\n", ops.address(), ops.path());
    hooks.files.put("webhooks", &line);
    hooks.site.lab.service.signal("HUP").await;
    hooks.site.lab.service.log_lines(2, |line| line.contains("not reloaded")).await;

    for path in [
        "/api/eks-list-webhooks",
        "/api/eks-list-deliveries?limit=100",
        "/api/eks-list-audit?limit=100",
        "/api/eks-list-history?limit=100",
        "/api/eks-get-job-status?job_name=made",
        "/metrics",
        "/health",
    ] {
        replies += &hooks.site.get(path).await.expect_status(200).text();
    }
    for path in ["/api/eks-test-webhook?webhook=none", "/api/eks-redeliver"] {
        replies += &hooks.site.send("POST", path, &[], &Value::Null).await.text();
    }
    assert!(replies.contains("\"ops\"") && replies.contains("127.0.0.1"), "the host may be shown: {replies}");
    let hidden = hidden(&secrets, &[&ops, &dead]);
    has_none(&hidden, replies.as_bytes(), "a reply");
    files_have_none(&hooks, &hidden, "while it runs");
    hooks.site.stop("TERM").await;
    files_have_none(&hooks, &hidden, "after the end");
    has_none(&hidden, hooks.site.lab.service.logs().join("\n").as_bytes(), "the log");
}

/// The commands that read the file show none of it either.
#[tokio::test]
async fn the_check_of_the_settings_shows_no_secret_and_no_url() {
    let receiver = Receiver::start();
    let hooks = Hooks::start(&[("ops", &receiver, "")]).await;
    let state = Folder::new();
    let builder = crate::support::builder(BINARY, &hooks.site.lab.aws).arg("check");
    let output = hooks.files.builder(crate::history::site::with_state(builder, &state)).output().await;
    let text = [output.stdout, output.stderr].concat();
    assert!(String::from_utf8_lossy(&text).contains("ops"), "{}", String::from_utf8_lossy(&text));
    has_none(&hidden(&[receiver.secret()], &[&receiver]), &text, "the output of check");
}
