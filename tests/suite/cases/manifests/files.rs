//! The file that `eks-api run` reads.

use std::time::Duration;

use serde_json::json;
use tokio::process::Command;

use super::{nameless, posted};
use crate::calls::{BINARY, manifest, sent};
use crate::support::aws::AwsMock;
use crate::support::service::Folder;
use crate::support::stub::{AutoRun, StubCluster, StubConfig};
use crate::support::{Lab, builder};

/// A lab in which jobs run by themselves, at once.
async fn lively() -> Lab {
    let pace = Duration::from_millis(10);
    let auto = Some(AutoRun { pending: pace, running: pace, terminating: pace });
    let cluster = StubCluster::start(StubConfig { auto, ..StubConfig::default() }).await;
    let aws = AwsMock::start().await;
    aws.describes(&cluster.endpoint(), &cluster.ca_pem());
    let service = builder(BINARY, &aws).start().await;
    service.ready().await;
    Lab { service, cluster, aws }
}

/// Runs a manifest; returns the exit code and what is on stderr.
async fn run(lab: &Lab, manifest: &str, file: &str) -> (Option<i32>, String) {
    let folder = Folder::new();
    folder.write("job.json", manifest);
    let url = format!("http://{}", lab.service.address());
    let mut command = Command::new(BINARY);
    command.args(["run", "-f", file, "--url", &url]).env_clear().current_dir(folder.path()).kill_on_drop(true);
    let output = command.output().await.unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[tokio::test]
async fn bom_of_a_file_and_a_dump_and_a_long_name_are_no_obstacle_to_a_run() {
    let lab = lively().await;
    let mut dump = manifest("t2");
    dump["metadata"]["resourceVersion"] = json!("711");
    let (code, stderr) = run(&lab, &format!("\u{feff}{dump}"), "job.json").await;
    assert!(code == Some(0) && stderr.contains("metadata.resourceVersion"), "{stderr}");

    let mut indexed = nameless();
    indexed["metadata"]["generateName"] = json!("n".repeat(80));
    indexed["spec"]["completionMode"] = json!("Indexed");
    indexed["spec"]["completions"] = json!(1);
    let (code, stderr) = run(&lab, &indexed.to_string(), "job.json").await;
    assert_eq!(code, Some(0), "{stderr}");
    assert_eq!(posted(&lab.cluster)[1]["metadata"]["name"].as_str().unwrap().len(), 61);
}

#[tokio::test]
async fn dup_keys_end_a_run_with_65_and_other_files_say_what_is_wrong() {
    let lab = lively().await;
    let doubled = r#"{"metadata":{"name":"d11"},"spec":{"template":{}},"spec":{"template":{}}}"#;
    let large = format!("{{\"metadata\":{{\"annotations\":{{\"a\":\"{}\"}}}}}}", "x".repeat(4 << 20));
    for (text, file, code, told) in [
        (doubled, "job.json", 65, "job.json cannot be used: spec is given more than once"),
        (r#"{"metadata":{"n\u0061me":"a","name":"b"}}"#, "job.json", 65, "metadata.name is given more than once"),
        // B17: it is not cut, and then bad JSON.
        (&*large, "job.json", 65, "job.json is larger than 4 MiB; the service takes at most 1 MiB"),
        ("", "job.json", 2, "job.json is empty"),
        ("", "none.json", 2, "none.json cannot be read: there is no such file"),
        ("", ".", 2, ". cannot be read: it is a directory"),
    ] {
        let (found, stderr) = run(&lab, text, file).await;
        assert!(found == Some(code) && stderr.contains(told), "{found:?} {stderr}");
    }
    assert_eq!(sent(&lab.cluster), [""; 0]);
}
