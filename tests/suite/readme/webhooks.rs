//! Runs docs/WEBHOOKS.md: what verifies a message in each language, and the relays of the recipes.

use std::io::{self, Write};
use std::process::Stdio;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::file;
use super::likeness::Likeness;
use super::receiver::{Receiver, SECRET};
use crate::client::examples::{blocks, is_there};
use crate::client::lively;
use crate::support::service::{Folder, PATIENCE};

/// The example of the specification, with its secret.
const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
const TIMESTAMP: u64 = 1_614_265_330;
const BODY: &str = r#"{"test": 2432232314}"#;
const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
const OLD_SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";

fn can_run(programs: &[&str]) -> bool {
    let missing = programs.iter().find(|program| !is_there(program));
    if let Some(missing) = missing {
        let _ = writeln!(io::stderr().lock(), "readme::webhooks: skipped; docs/WEBHOOKS.md needs {missing}");
    }
    missing.is_none()
}

/// A folder with the scripts of the page. Those in Python begin with their name.
fn place() -> Folder {
    let (page, folder) = (file("docs/WEBHOOKS.md"), Folder::new());
    for block in blocks(&page) {
        match (block.language, block.text.lines().next()) {
            ("python", Some(name)) => folder.write(name.strip_prefix("# ").unwrap(), &block.text),
            ("js", _) => folder.write("verify.mjs", &block.text),
            ("sh", Some(line)) if line.starts_with("# verify ") => folder.write("verify.sh", &block.text),
            _ => {}
        }
    }
    folder
}

/// Changes a script of the folder.
fn edit(folder: &Folder, name: &str, change: impl FnOnce(String) -> String) {
    let script = std::fs::read_to_string(folder.path().join(name)).unwrap();
    let changed = change(script.clone());
    assert_ne!(changed, script, "{name} has nothing to change");
    folder.write(name, &changed);
}

fn sign(secret: &str, id: &str, timestamp: u64, body: &str) -> String {
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap_or_default()).unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    format!("v1,{}", STANDARD.encode(hmac::sign(&key, format!("{id}.{timestamp}.{body}").as_bytes())))
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// Messages as a receiver gets them, at the time `now`, and whether it has to take them.
fn cases() -> Vec<(Value, bool)> {
    let with = |changes: Value| {
        let mut case = json!({ "secret": SECRET, "id": ID, "timestamp": TIMESTAMP.to_string(), "signatures": SIGNATURE,
            "body": BODY, "now": TIMESTAMP });
        case.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        case
    };
    let old = sign(OLD_SECRET, ID, TIMESTAMP, BODY);
    let unsigned = sign("whsec_", ID, TIMESTAMP, BODY);
    vec![
        (with(json!({})), true),
        (with(json!({ "body": r#"{"test": 2432232315}"# })), false),
        (with(json!({ "body": "" })), false),
        (with(json!({ "id": "msg_p5jXN8AQM9LWM0D4loKWxJel" })), false),
        (with(json!({ "id": "" })), false),
        (with(json!({ "timestamp": (TIMESTAMP + 1).to_string() })), false),
        (with(json!({ "timestamp": "" })), false),
        (with(json!({ "timestamp": format!("0{TIMESTAMP}") })), false),
        (with(json!({ "timestamp": "now" })), false),
        (with(json!({ "now": TIMESTAMP + 290 })), true),
        (with(json!({ "now": TIMESTAMP + 310 })), false),
        (with(json!({ "now": TIMESTAMP - 310 })), false),
        (with(json!({ "signatures": format!("{old} {SIGNATURE}") })), true),
        (with(json!({ "signatures": format!("{SIGNATURE} {old}") })), true),
        (with(json!({ "signatures": format!("v1,é {SIGNATURE}") })), true),
        (with(json!({ "signatures": old })), false),
        (with(json!({ "signatures": SIGNATURE.replace("v1", "v1a") })), false),
        (with(json!({ "signatures": &SIGNATURE[..SIGNATURE.len() - 1] })), false),
        (with(json!({ "signatures": "" })), false),
        (with(json!({ "signatures": "v1, " })), false),
        // A secret that is missing must not be the empty key.
        (with(json!({ "secret": "", "signatures": unsigned })), false),
    ]
}

/// Runs a program in the folder, and returns the verdicts that it prints, one a line.
async fn verdicts(program: &str, arguments: &[&str], folder: &Folder) -> Vec<bool> {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder.path()).stdin(Stdio::null()).kill_on_drop(true);
    let output = timeout(PATIENCE, command.output()).await.expect("it does not end").unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().map(|line| line.to_lowercase().parse().unwrap_or_else(|_| panic!("{lines}\n{stderr}"))).collect()
}

#[test]
fn the_cases_have_the_signature_of_the_specification() {
    assert_eq!(sign(SECRET, ID, TIMESTAMP, BODY), SIGNATURE);
}

const FOR_SH: [&str; 5] = ["sh", "openssl", "base64", "od", "tr"];

async fn in_sh(folder: &Folder, cases: &[Value]) -> Vec<bool> {
    let mut script = "set -eu\n. ./verify.sh\ndate() { echo \"$NOW\"; }\n".to_owned();
    for case in cases {
        let text = |key: &str| case[key].as_str().unwrap().to_owned();
        let [secret, body, id, time, signatures] = ["secret", "body", "id", "timestamp", "signatures"].map(text);
        let given = format!("SECRET='{secret}' NOW={}\nprintf %s '{body}' >body\n", case["now"]);
        script.push_str(&given);
        let call = format!("if verify '{id}' '{time}' '{signatures}' body; then echo true; else echo false; fi\n");
        script.push_str(&call);
    }
    verdicts("sh", &["-c", &script], folder).await
}

async fn in_python(folder: &Folder, cases: &[Value]) -> Vec<bool> {
    folder.write("cases", &Value::from(cases).to_string());
    let script = r#"
import json, time, webhook
for case in json.load(open("cases", encoding="utf-8")):
    time.time = lambda: case["now"]
    headers = {"webhook-id": case["id"], "webhook-timestamp": case["timestamp"],
               "webhook-signature": case["signatures"]}
    headers = {name: value for name, value in headers.items() if value}
    print(webhook.verify(headers, case["body"].encode(), case["secret"]))
"#;
    verdicts("python3", &["-c", script], folder).await
}

async fn in_node(folder: &Folder, cases: &[Value]) -> Vec<bool> {
    folder.write("cases", &Value::from(cases).to_string());
    let script = r#"
import { readFileSync } from "node:fs";
import { verify } from "./verify.mjs";
for (const { secret, id, timestamp, signatures, body, now } of JSON.parse(readFileSync("cases", "utf8"))) {
  Date.now = () => now * 1000;
  const given = { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signatures };
  const headers = Object.fromEntries(Object.entries(given).filter(([, value]) => value));
  console.log(verify(headers, Buffer.from(body), secret));
}
"#;
    folder.write("cases.mjs", script);
    verdicts("node", &["cases.mjs"], folder).await
}

#[tokio::test]
async fn sh_verifies_messages() {
    if can_run(&FOR_SH) {
        let (cases, expected): (Vec<_>, Vec<_>) = cases().into_iter().unzip();
        assert_eq!(in_sh(&place(), &cases).await, expected);
    }
}

#[tokio::test]
async fn python_verifies_messages() {
    if can_run(&["python3"]) {
        let (cases, expected): (Vec<_>, Vec<_>) = cases().into_iter().unzip();
        assert_eq!(in_python(&place(), &cases).await, expected);
    }
}

#[tokio::test]
async fn node_verifies_messages() {
    if can_run(&["node"]) {
        let (cases, expected): (Vec<_>, Vec<_>) = cases().into_iter().unzip();
        assert_eq!(in_node(&place(), &cases).await, expected);
    }
}

/// Compares a message of the service with the one that the page shows, and has each language verify it.
#[tokio::test]
async fn the_service_sends_what_is_shown_and_each_language_verifies_it() {
    if !can_run(&[&FOR_SH[..], &["python3", "node"]].concat()) {
        return;
    }
    let (page, folder, mut receiver) = (file("docs/WEBHOOKS.md"), place(), Receiver::start().await);
    let file = receiver.webhooks_file(&folder, "");
    let state = Folder::new();
    let environment = [("EKS_API_STATE_DIR", state.path().to_str().unwrap()), ("EKS_API_WEBHOOKS_FILE", &file)];
    let lab = lively(&environment).await;
    let manifest = serde_json::from_str::<Value>(&crate::client::manifest("hello", "exit 3")).unwrap();
    let create = json!({ "namespace": "demo", "job_manifest": manifest });
    lab.service.post("/api/eks-create-job", &create).await.expect_status(201);
    let message = receiver.next().await;

    let (_, shown) = page.split_once("    POST /eks HTTP/1.1\n").unwrap();
    let names = shown.lines().map_while(|line| line.strip_prefix("    ")?.split_once(": ")).map(|(name, _)| name);
    let (head, names) = (&message.head, names.collect::<Vec<_>>());
    assert!(head[0].starts_with("POST /eks ") && names.len() == 4, "{head:?}");
    for name in &names {
        assert!(!message.header(name).is_empty(), "{name}");
    }
    let blocks = blocks(&page);
    let shown = &blocks.iter().find(|block| block.language == "json").unwrap().text;
    let real = serde_json::from_str(&message.body).unwrap();
    Likeness::default().check(&serde_json::from_str(shown).unwrap(), &real, "").unwrap();

    let [id, timestamp, signatures] =
        ["id", "timestamp", "signature"].map(|name| message.header(&format!("webhook-{name}")));
    let case = json!({ "secret": SECRET, "id": id, "timestamp": timestamp, "signatures": signatures,
        "body": message.body, "now": now() });
    let cases = [case];
    assert_eq!(in_sh(&folder, &cases).await, [true]);
    assert_eq!(in_python(&folder, &cases).await, [true]);
    assert_eq!(in_node(&folder, &cases).await, [true]);
}

/// A receiver of the page, on a port of its own.
struct Relay {
    address: String,
    lines: tokio::io::Lines<BufReader<tokio::process::ChildStdout>>,
    _child: Child,
}

impl Relay {
    async fn start(folder: &Folder, script: &str, environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new("python3");
        command.arg(script).current_dir(folder.path()).env("PORT", "0").env("SECRET", SECRET);
        command.envs(environment.iter().copied()).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::null()).kill_on_drop(true).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut relay = Self { address: String::new(), lines, _child: child };
        let line = relay.line().await;
        relay.address = format!("127.0.0.1:{}", line.strip_prefix("port ").unwrap());
        relay
    }

    async fn line(&mut self) -> String {
        timeout(PATIENCE, self.lines.next_line()).await.expect("it prints nothing").unwrap().expect("it has ended")
    }

    /// Sends it a message with these signatures, and returns the status of its reply. None if it does not answer.
    async fn post(&self, body: &str, timestamp: u64, signatures: &str) -> Option<u16> {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        let head = format!(
            "POST / HTTP/1.1\r\nhost: relay\r\ncontent-length: {}\r\nwebhook-id: {ID}\r\n\
             webhook-timestamp: {timestamp}\r\nwebhook-signature: {signatures}\r\n\r\n",
            body.len()
        );
        stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        let mut reply = String::new();
        timeout(PATIENCE, stream.read_to_string(&mut reply)).await.expect("it does not answer").unwrap();
        reply.get(9..12).map(|status| status.parse().unwrap())
    }

    async fn post_signed(&self, event: &Value) -> Option<u16> {
        let (body, timestamp) = (event.to_string(), now());
        self.post(&body, timestamp, &sign(SECRET, ID, timestamp, &body)).await
    }
}

fn failed_job(name: &str) -> Value {
    let data = json!({ "cluster": "lab", "namespace": "demo", "job_name": name, "message": "a <!channel> & more" });
    json!({ "type": "job.failed", "timestamp": "2026-11-23T21:39:06+00:00", "data": data })
}

/// Makes a message new to a receiver again.
fn forget(folder: &Folder, script: &str) {
    std::fs::remove_file(folder.path().join(format!("{script}.ids/{ID}"))).unwrap();
}

#[tokio::test]
async fn the_receiver_takes_only_what_is_signed() {
    if !can_run(&["python3"]) {
        return;
    }
    let folder = place();
    let mut relay = Relay::start(&folder, "webhook.py", &[]).await;
    let (body, timestamp) = (failed_job("hello").to_string(), now());
    let signature = sign(SECRET, ID, timestamp, &body);
    assert_eq!(relay.post(&body.replace("hello", "other"), timestamp, &signature).await, Some(401));
    assert_eq!(relay.post(&body, timestamp - 301, &sign(SECRET, ID, timestamp - 301, &body)).await, Some(401));
    assert_eq!(relay.post(&body, timestamp, &signature).await, Some(204));
    assert_eq!(relay.line().await, format!("{ID} job.failed"), "the first message that it takes");
}

#[tokio::test]
async fn the_relay_posts_to_slack() {
    if !can_run(&["python3"]) {
        return;
    }
    let folder = place();
    let mut slack = Receiver::start().await;
    let url = format!("http://{}/services/T0/B0/x", slack.address);
    let relay = Relay::start(&folder, "slack.py", &[("SLACK_URL", &url)]).await;
    let event = failed_job("hello");
    assert_eq!(relay.post_signed(&event).await, Some(204));
    let post = slack.next().await;
    assert!(post.head[0].starts_with("POST /services/T0/B0/x "), "{:?}", post.head);
    assert_eq!(post.header("content-type"), "application/json");
    let text = "job.failed: lab demo hello a &lt;!channel&gt; &amp; more";
    assert_eq!(serde_json::from_str::<Value>(&post.body).unwrap(), json!({ "text": text }));
    slack.stop().await;
    assert_eq!(relay.post_signed(&event).await, Some(204), "it does nothing for a known id");
    forget(&folder, "slack.py");
    assert_eq!(relay.post_signed(&event).await, None, "the service must send it again");
    assert_eq!(relay.post_signed(&event).await, None, "an id is known only after the work");
}

#[tokio::test]
async fn the_relay_publishes_to_sns() {
    if !can_run(&["python3", "sh"]) {
        return;
    }
    let folder = place();
    folder.write("aws", "#!/bin/sh\nprintf '%s\\n' \"$@\" >args\ncat /dev/stdin >message\nexit $(cat code)\n");
    folder.write("code", "0");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(folder.path().join("aws"), mode).unwrap();
    // In the script, because a version manager may put its own folder before those of the environment.
    edit(&folder, "sns.py", |script| {
        format!("import os\nos.environ['PATH'] = os.getcwd() + ':' + os.environ['PATH']\n{script}")
    });
    let topic = "arn:aws:sns:us-east-1:111111111111:jobs";
    let relay = Relay::start(&folder, "sns.py", &[("TOPIC_ARN", topic)]).await;
    let event = failed_job("hello");
    assert_eq!(relay.post_signed(&event).await, Some(204));
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let expected = format!("sns\npublish\n--topic-arn\n{topic}\n--subject\njob.failed\n--message\nfile:///dev/stdin\n");
    assert_eq!(read("args"), expected);
    assert_eq!(serde_json::from_str::<Value>(&read("message")).unwrap(), event);
    folder.write("code", "1");
    forget(&folder, "sns.py");
    assert_eq!(relay.post_signed(&event).await, None, "the service must send it again");
}

#[tokio::test]
async fn the_relay_runs_a_failed_job_again_and_only_once() {
    if !can_run(&["python3"]) {
        return;
    }
    let folder = place();
    let lab = lively(&[]).await;
    edit(&folder, "again.py", |script| script.replace("127.0.0.1:8000", lab.service.address()));
    let relay = Relay::start(&folder, "again.py", &[]).await;
    let manifest = serde_json::from_str::<Value>(&crate::client::manifest("etl", "exit 3")).unwrap();
    let create = json!({ "namespace": "demo", "job_manifest": manifest, "wait": "20s" });
    let created = lab.service.post("/api/eks-create-job", &create).await.expect_status(201).json();
    assert_eq!(created["job"]["state"], "failed");
    let event = json!({ "type": "job.failed", "data": created["job"] });
    for _ in 0..2 {
        assert_eq!(relay.post_signed(&event).await, Some(204));
        forget(&folder, "again.py");
    }
    let again = "/api/eks-list-jobs?namespace=demo&label_selector=retried%3Dtrue";
    let jobs = lab.service.get(again).await.expect_status(200).json();
    assert_eq!(jobs["jobs"].as_array().unwrap().len(), 1, "{jobs}");
    assert_eq!(relay.post_signed(&json!({ "type": "webhook.test", "data": {} })).await, Some(204));
}
