//! The messages, as the published library of Standard Webhooks for Python judges them: `.ci/run webhook_library` has it.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

use super::site::{Files, Hooks, id_of};
use crate::history::site::{at, completed, failed};
use crate::support::receiver::{Receiver, new_secret};
use crate::support::service::PATIENCE;

#[tokio::test]
#[ignore = "needs a Python with the package standardwebhooks, which EKS_API_WEBHOOKS_PYTHON names"]
async fn the_published_library_takes_every_message() {
    let python = std::env::var("EKS_API_WEBHOOKS_PYTHON").expect("EKS_API_WEBHOOKS_PYTHON is set");
    let (first, second) = (new_secret(), new_secret());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/webhooks.py");
    let mut child =
        Command::new(python).args([script, &first]).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut line = async || timeout(PATIENCE, lines.next_line()).await.expect("it says nothing").unwrap().unwrap();
    let port = line().await;

    let other = Receiver::start();
    let files = Files::new(&[("other", &other, "")]);
    // While the secrets change, the receiver knows one of the two.
    let secrets = files.put("python.key", &format!("{second}\n{first}\n"));
    let url = format!("http://127.0.0.1:{port}/hook");
    files.put("webhooks", &format!("ops url={url} events=job.* secret_file={}\n", secrets.display()));
    let hooks = Hooks::of(files, |_| {}, |builder| builder).await;
    hooks.site.put("etl", &completed(&at(1), &at(2)));
    hooks.site.put("broken", &failed(&at(1), &at(2)));
    let mut ids = Vec::new();
    for _ in 0..6 {
        let message: Value = serde_json::from_str(&line().await).unwrap();
        assert_eq!(message["mistake"], Value::Null, "{message}");
        ids.push(message["id"].as_str().unwrap().to_owned());
    }
    for (name, end) in [("etl", "job.completed"), ("broken", "job.failed")] {
        for event_type in ["job.created", "job.started", end] {
            assert!(ids.contains(&id_of(&hooks.job(name), event_type)), "{name} {event_type}: {ids:?}");
        }
    }
    let told = hooks.test("ops").await;
    assert_eq!(told["delivered"], json!(true), "{told}");
    // The library refuses what is signed with another secret. So it does judge.
    hooks.files.put("python.key", &second);
    hooks.reload(1).await;
    let told = hooks.test("ops").await;
    assert_eq!((&told["delivered"], &told["status"]), (&json!(false), &json!(400)), "{told}");
}
