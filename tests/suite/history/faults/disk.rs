//! Disks that are full or read-only. Each is a small file system of its own, in a mount namespace of the service. Root
//! may make one, as may others where the kernel lets them have a user namespace. Elsewhere these tests fail.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::{DIRECTORY, does_all_else, does_without, until_check};
use crate::calls::BINARY;
use crate::history::site::{at, completed, old_job, running, runs, with_state};
use crate::live::until;
use crate::support::service::{Builder, Folder, Reply};
use crate::support::{Lab, builder, surroundings};

/// Mounts a file system with these options at a folder, and becomes the service.
const MOUNTED: &str = r#"mount -t tmpfs -o "$0" tmpfs "$1" && exec "$2""#;

/// A service whose state directory is a file system of its own.
pub(crate) async fn on_disk(options: &str, state: &Folder, prepare: impl FnOnce(Builder) -> Builder) -> Lab {
    let is_root = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap()) == 0;
    let user: &[&str] = if is_root { &[] } else { &["--user", "--map-root-user"] };
    let path = state.path().to_str().unwrap();
    let arguments = [user, &["--mount", "--propagation", "private", "sh", "-c", MOUNTED, options, path, BINARY]];
    let (cluster, aws) = surroundings().await;
    let builder = arguments.concat().into_iter().fold(builder("unshare", &aws), Builder::arg);
    let service = prepare(with_state(builder, state)).start().await;
    service.ready().await;
    Lab { service, cluster, aws }
}

/// A file of the service's own file system.
pub(crate) fn inside(lab: &Lab, state: &Folder, name: &str) -> PathBuf {
    PathBuf::from(format!("/proc/{}/root{}", lab.service.pid(), state.path().join(name).display()))
}

#[tokio::test]
async fn a_read_only_directory_is_done_without() {
    let state = Folder::new();
    let mut lab = on_disk("ro", &state, |builder| builder).await;
    does_without(&mut lab, "read-only", &[DIRECTORY]).await;
}

#[tokio::test]
async fn a_full_disk_from_the_start_is_done_without() {
    let state = Folder::new();
    let mut lab = on_disk("size=8k", &state, |builder| builder).await;
    does_without(&mut lab, "small", &[DIRECTORY]).await;
}

/// A job with labels of 3 KiB.
pub(crate) fn large(name: &str, status: &Value) -> Value {
    let mut job = old_job(name, status);
    for number in 0..40 {
        job["metadata"]["labels"][format!("example.com/label-{number}")] = json!(format!("{number:063}"));
    }
    job
}

#[tokio::test]
async fn a_disk_that_becomes_full_loses_records_and_gets_them_again_when_there_is_room() {
    let state = Folder::new();
    let lab = on_disk("size=16m", &state, |builder| builder).await;
    let page = async |query: &str| lab.service.get(&format!("/api/eks-list-history?limit=500&{query}")).await;
    let run = async |name: &str, is_right: &dyn Fn(&Value) -> bool| {
        let fits = |reply: &Reply| reply.status == 200 && runs(reply).first().is_some_and(is_right);
        runs(&until(async || page(&format!("job_name={name}")).await, fits).await).swap_remove(0)
    };
    lab.cluster.put_job(old_job("early", &running(&at(1))));
    run("early", &|run| run["state"] == "running").await;
    until_check(&lab.service, "passed").await;

    let filler = inside(&lab, &state, "filler");
    fill(&filler);
    let mut number = 0;
    // What fits into the pages of the database that are there still fits.
    let check = async || {
        let name = format!("large-{number}");
        lab.cluster.put_job(large(&name, &running(&at(1))));
        number += 1;
        lab.service.get("/health").await
    };
    let is_full = |reply: &Reply| reply.json()["checks"]["history"]["status"] == "failed";
    let health = until(check, is_full).await.json();
    let detail = health["checks"]["history"]["detail"].as_str().unwrap();
    assert!(detail.contains("full"), "{detail}");
    lab.cluster.set_job_status("default", "early", completed(&at(1), &at(2)));
    lab.cluster.put_job(old_job("late", &json!({})));
    does_all_else(&lab, "full").await;

    std::fs::remove_file(filler).unwrap();
    until_check(&lab.service, "passed").await;
    let late = run("late", &|run| run["state"] == "pending").await;
    let early = run("early", &|run| run["state"] == "completed").await;
    let last = run(&format!("large-{}", number - 1), &|run| run["state"] == "running").await;
    assert!([late, early, last].iter().any(|run| run["has_gaps"] == true), "records were lost");
    let is_whole = |reply: &Reply| reply.status == 200 && runs(reply).len() == lab.cluster.jobs("default").len() + 1;
    // The job of `does_all_else` is gone. It is recorded if its records were not lost.
    let without = |reply: &Reply| reply.status == 200 && runs(reply).len() == lab.cluster.jobs("default").len();
    until(async || page("").await, |reply| is_whole(reply) || without(reply)).await;
    until_check(&lab.service, "passed").await;
}

/// Writes until the disk is full.
pub(crate) fn fill(path: &PathBuf) {
    use std::io::Write;
    let mut file = std::fs::File::create(path).unwrap();
    for size in [1 << 16, 1 << 12, 1] {
        while file.write_all(&vec![0; size]).is_ok() {}
    }
}
