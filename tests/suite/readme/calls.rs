//! Makes the calls that README shows, in its order, and holds each reply against the one shown: the status, the keys,
//! the types, and whatever is the same each time.

use std::time::Duration;

use eks_api::http::route::Route;
use serde_json::Value;
use tokio::time::{sleep, timeout};

use super::file;
use crate::support::aws::AwsMock;
use crate::support::service::{PATIENCE, Reply, Service};
use crate::support::stub::{AutoRun, StubCluster, StubConfig};
use crate::support::{Lab, builder};

const BINARY: &str = env!("CARGO_BIN_EXE_eks-api");
const ADDRESS: &str = "http://127.0.0.1:8000";
/// Strings that do not change from one time to the next; of all others only the type counts.
const FIXED: [&str; 10] =
    ["status", "state", "reason", "phase", "title", "detail", "type", "field", "namespace", "cluster"];

/// A call as README shows it.
#[derive(Debug, Default)]
struct Call {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: String,
    status: u16,
    reply: Value,
}

#[tokio::test]
async fn every_call_in_readme_answers_as_shown() {
    let calls = calls(&file("README.md"));
    for route in Route::ALL {
        let shown = |call: &Call| call.method == route.method().as_str() && path_of(&call.path) == route.path();
        assert!(calls.iter().any(shown), "README shows no call of {}", route.path());
    }
    let lab = lab().await;
    for call in &calls {
        let reply = made(&lab.service, call).await;
        assert_eq!(reply.status.as_u16(), call.status, "{call:?}: {}", reply.text());
        if let Err(difference) = agrees(&call.reply, &reply.json(), "") {
            panic!("{} {}: {difference}\nin {}", call.method, call.path, reply.text());
        }
    }
}

/// A lab in which jobs run by themselves, at once.
async fn lab() -> Lab {
    let pace = Duration::from_millis(10);
    let auto = Some(AutoRun { pending: pace, running: pace, terminating: pace });
    let cluster = StubCluster::start(StubConfig { auto, ..StubConfig::default() }).await;
    let aws = AwsMock::start().await;
    aws.describes(&cluster.endpoint(), &cluster.ca_pem());
    let service = builder(BINARY, &aws).start().await;
    service.ready().await;
    Lab { service, cluster, aws }
}

/// The reply to a call. One that shows a job's state is made again until the job has come to that state.
async fn made(service: &Service, call: &Call) -> Reply {
    let headers: Vec<(&str, &str)> = call.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
    let send = || service.send(&call.method, &call.path, &headers, call.body.clone());
    let until_there = async {
        loop {
            let reply = send().await;
            if call.reply["state"].is_null() || reply.json()["state"] == call.reply["state"] {
                return reply;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    let reply = timeout(PATIENCE, until_there).await;
    reply.unwrap_or_else(|_| panic!("{} does not come to {}", call.path, call.reply["state"]))
}

fn path_of(target: &str) -> &str {
    target.split('?').next().unwrap_or(target)
}

/// Whether the real reply is like the one shown; if not, where it differs.
fn agrees(shown: &Value, real: &Value, at: &str) -> Result<(), String> {
    let differ = || Err(format!("{at} is {real}, but README shows {shown}"));
    match (shown, real) {
        (Value::Object(shown), Value::Object(real)) => {
            if !shown.keys().eq(real.keys()) {
                return differ();
            }
            shown.iter().try_for_each(|(key, value)| agrees(value, &real[key], &format!("{at}/{key}")))
        }
        (Value::Array(shown), Value::Array(real)) if shown.len() == real.len() => {
            let mut pairs = shown.iter().zip(real).enumerate();
            pairs.try_for_each(|(index, (shown, real))| agrees(shown, real, &format!("{at}/{index}")))
        }
        (Value::String(shown), Value::String(real)) => {
            let key = at.rsplit('/').next().unwrap_or_default();
            if FIXED.contains(&key) && shown != real { differ() } else { Ok(()) }
        }
        _ if shown == real => Ok(()),
        _ => differ(),
    }
}

/// The calls of README's console blocks: a command, a status line, and the reply up to the next command.
fn calls(readme: &str) -> Vec<Call> {
    let blocks = readme.split("\n```console\n").skip(1).map(|rest| rest.split("\n```").next().unwrap());
    let commands = blocks.flat_map(|block| block.strip_prefix("$ ").unwrap().split("\n$ "));
    let calls: Vec<Call> = commands.map(call).collect();
    assert!(calls.len() >= Route::ALL.len());
    calls
}

fn call(text: &str) -> Call {
    let (command, reply) = text.split_once("\nHTTP/1.1 ").unwrap_or_else(|| panic!("no status line: {text}"));
    let (status, reply) = reply.split_once('\n').unwrap();
    let mut words = words(command).into_iter();
    assert_eq!(words.next().as_deref(), Some("curl"), "{command}");
    let mut call = Call {
        method: "GET".to_owned(),
        status: status[..3].parse().unwrap(),
        reply: serde_json::from_str(reply).unwrap_or_else(|error| panic!("{error}: {reply}")),
        ..Call::default()
    };
    while let Some(word) = words.next() {
        match word.as_str() {
            "-s" => {}
            "-X" => call.method = words.next().unwrap(),
            "-H" => {
                let header = words.next().unwrap();
                let (name, value) = header.split_once(": ").unwrap();
                call.headers.push((name.to_ascii_lowercase(), value.to_owned()));
            }
            "-d" => call.body = words.next().unwrap(),
            url => url.strip_prefix(ADDRESS).unwrap_or_else(|| panic!("{url:?}")).clone_into(&mut call.path),
        }
    }
    call
}

/// The words of a command, as a shell takes it apart: blanks, single quotes, a backslash before what is meant literally
/// or at the end of a line.
fn words(command: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), None::<String>, false);
    let mut characters = command.chars();
    while let Some(c) = characters.next() {
        match c {
            '\'' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            '\\' if !quoted => match characters.next() {
                Some('\n') | None => {}
                Some(literal) => word.get_or_insert_default().push(literal),
            },
            c if c.is_whitespace() && !quoted => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    assert!(!quoted, "a quote is open: {command}");
    words.extend(word);
    words
}
