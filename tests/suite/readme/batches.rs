//! Runs the recipes of docs/BATCHES.md in their order.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::file;
use crate::client::examples::{Block, blocks, is_there, place, run};
use crate::client::lively;
use crate::given::cron_job;
use crate::support::Lab;

/// A lab with the `CronJob` of the recipes.
async fn lab() -> Lab {
    let lab = lively(&[]).await;
    let mut etl = cron_job("etl");
    etl["metadata"]["namespace"] = json!("demo");
    lab.cluster.put_cron_job(etl);
    lab
}

fn can_run() -> bool {
    let missing = ["bash", "curl", "jq"].into_iter().find(|program| !is_there(program));
    if let Some(missing) = missing {
        let _ = writeln!(io::stderr().lock(), "readme::batches: skipped; docs/BATCHES.md needs {missing}");
    }
    missing.is_none()
}

fn first(blocks: &[Block<'_>], language: &str) -> String {
    blocks.iter().find(|block| block.language == language).unwrap().text.clone()
}

async fn state(lab: &Lab, batch: &str) -> Value {
    let path = format!("/api/eks-get-batch-status?namespace=demo&batch_name={batch}&wait=20s");
    let status = lab.service.get(&path).await.expect_status(200).json();
    json!([status["state"], status["size"]])
}

#[tokio::test]
async fn every_recipe_for_batches_runs() {
    if !can_run() {
        return;
    }
    let (page, lab) = (file("docs/BATCHES.md"), lab().await);
    let blocks = blocks(&page);
    let folder = place("");
    folder.write("batch.json", &first(&blocks, "json"));
    folder.write("a.csv", "");
    folder.write("b.csv", "");
    let recipes = blocks.iter().filter(|block| block.language == "bash").map(|block| block.text.as_str());
    let script = recipes.collect::<String>().replace("127.0.0.1:8000", lab.service.address());
    let (lines, stderr) = run(&script, &folder, &lab.service, None).await;
    let printed = lines.join("\n");
    assert!(!printed.contains("[exit code"), "{printed}\n{stderr}");
    for shown in
        [r#""created":2"#, "==> hello-0000 <==", "==> hello-0001 <==", "Batch hello in namespace demo is deleted"]
    {
        assert!(printed.contains(shown), "{shown}\n{printed}\n{stderr}");
    }
    for (batch, size) in [("hello", 2), ("import", 2), ("etl-november", 30)] {
        assert_eq!(state(&lab, batch).await, json!(["completed", size]), "{batch}");
    }
    let (_, label) = page.split_once(r#"{"labels": {""#).unwrap();
    assert!(label.starts_with("kueue.x-k8s.io/queue-name"));
}

/// The first night a job fails. It alone runs again, and fails again.
#[tokio::test]
async fn the_script_for_every_night_runs_failed_jobs_again() {
    if !can_run() {
        return;
    }
    let (page, lab) = (file("docs/BATCHES.md"), lab().await);
    let blocks = blocks(&page);
    let folder = place("");
    let mut nightly: Value = serde_json::from_str(&first(&blocks, "json")).unwrap();
    nightly["jobs"][1]["overrides"]["command"] = json!(["sh", "-c", "exit 3"]);
    folder.write("nightly.json", &nightly.to_string());
    let place = folder.path().to_str().unwrap();
    let script = first(&blocks, "sh").replace("/etc/jobs", place).replace("$(date +%F)", "2026-11-28");
    let (lines, stderr) = run(&script, &folder, &lab.service, None).await;
    // cron mails these lines.
    let [_, row, end] = &lines[..] else { panic!("{lines:#?}\n{stderr}") };
    assert!(row.contains("nightly-2026-11-28-again-0000") && end == "[exit code 1]", "{lines:#?}\n{stderr}");
    assert_eq!(state(&lab, "nightly-2026-11-28").await, json!(["failed", 2]), "{stderr}");
    assert_eq!(state(&lab, "nightly-2026-11-28-again").await, json!(["failed", 1]), "{stderr}");
    let with = |part: &str| &*blocks.iter().find(|block| block.text.contains(part)).unwrap().text;
    let script = [with("xargs"), with("hello-again")].concat().replace("hello-again", "with-curl");
    let script = script.replace("hello", "nightly-2026-11-28").replace("batch.json", "nightly.json");
    let script = format!("api=http://{}/api\n{script}", lab.service.address());
    let (lines, stderr) = run(&script, &folder, &lab.service, None).await;
    assert!(lines[1].contains("nightly-2026-11-28-0001"), "{lines:#?}\n{stderr}");
    assert_eq!(state(&lab, "with-curl").await, json!(["failed", 1]), "{stderr}");
}
