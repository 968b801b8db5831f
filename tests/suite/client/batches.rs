//! The command batch at a real service: it completes what a quota stopped, follows to the end, and runs failed jobs
//! again.

use serde_json::{Value, json};

use super::lively;
use super::run::{Ended, Run};
use crate::support::Lab;

/// A batch `nightly` whose jobs run these scripts.
pub(super) fn batch(scripts: &[&str]) -> String {
    let pod = json!({ "restartPolicy": "Never", "containers": [{ "name": "main", "image": "busybox:1.36" }] });
    let command = |script: &str| json!({ "command": ["sh", "-c", script] });
    let job = |(index, script): (usize, &&str)| json!({ "id": format!("job-{index}"), "overrides": command(script) });
    let jobs: Vec<Value> = scripts.iter().enumerate().map(job).collect();
    let manifest = json!({ "spec": { "backoffLimit": 0, "template": { "spec": pod } } });
    json!({ "batch_name": "nightly", "job_manifest": manifest, "jobs": jobs }).to_string()
}

fn command(lab: &Lab, scripts: &[&str], arguments: &[&str]) -> Run {
    let run = Run::command(&["batch", "-f", "batch.json"], lab.service.address());
    run.args(arguments).file("batch.json", &batch(scripts))
}

async fn ended(lab: &Lab, scripts: &[&str], arguments: &[&str]) -> Ended {
    command(lab, scripts, arguments).ended().await
}

#[tokio::test]
async fn a_batch_is_followed_and_its_failed_jobs_run_again() {
    let lab = lively(&[]).await;
    let first = ended(&lab, &["true", "exit 3", "true"], &["--follow"]).await;
    let hint = "; to see a log: eks-api logs -n default nightly-0001\n";
    first.expect(1, &format!("batch default/nightly failed: 3 of 3 jobs have ended (1 failed){hint}"));
    let [_, row] = first.stdout.lines().collect::<Vec<_>>()[..] else { panic!("{first:?}") };
    let cells: Vec<&str> = row.split_whitespace().take(5).collect();
    assert_eq!(cells, ["1", "job-1", "nightly-0001", "failed", "3"]);
    let again = ended(&lab, &["true", "true", "true"], &["--retry-failed", "nightly", "--follow"]).await;
    again.expect(0, "completed (1 job)");
    assert_eq!(again.stdout, "");
    let same = ended(&lab, &["true", "true", "true"], &["--retry-failed", "nightly"]).await;
    same.expect(0, "already exists (1 job)");
    let retry = same.stdout.trim();
    assert!(retry.starts_with("nightly-retry-"), "{same:?}");
    assert!(lab.cluster.job("default", &format!("{retry}-0000")).is_some());
    ended(&lab, &["true", "true", "true"], &["--retry-failed", retry]).await.expect(0, "has no failed jobs");
}

#[tokio::test]
async fn a_batch_that_a_quota_stops_is_completed_when_there_is_room() {
    let lab = lively(&[]).await;
    lab.cluster.set_quota("default", Some(2));
    let run = command(&lab, &["true"; 3], &["--follow"]).start().await;
    run.told("1 of 3 jobs exist: ").await;
    run.told("exceeded quota").await;
    lab.cluster.set_quota("default", None);
    run.ended().await.expect(0, "batch default/nightly completed (3 jobs)");
}

#[tokio::test]
async fn the_same_command_completes_a_batch_whose_time_was_up() {
    let lab = lively(&[]).await;
    lab.cluster.set_quota("default", Some(2));
    let run = command(&lab, &["true"; 3], &["--on-error", "continue", "--timeout", "2s"]).ended().await;
    run.expect(124, "the time is up; it is not known which jobs are created; the same command completes the batch");
    lab.cluster.set_quota("default", None);
    let created = ended(&lab, &["true"; 3], &[]).await;
    created.expect(0, "batch default/nightly is completed: 2 of 3 jobs created, 1 existed");
    assert_eq!(created.stdout, "nightly\n");
}
