//! `eks-api status`, `list`, `delete` and `wait`: the table, the replies, and the exit codes.

use serde_json::{Value, json};

use super::lively;
use super::run::{Ended, Run};
use super::trust::keyed;
use crate::calls::{JOBS, create, lab};
use crate::list_jobs::{job, lab_with_five, put};
use crate::live::{complete, failed, is_hit, own_job, until};
use crate::support::Lab;
use crate::support::stub::{Fault, Kind};

const HEADINGS: [&str; 9] =
    ["NAMESPACE", "NAME", "STATE", "ACTIVE", "SUCCEEDED", "FAILED", "EXIT", "CREATED", "REASON"];

async fn call(lab: &Lab, arguments: &[&str]) -> Ended {
    Run::command(arguments, lab.service.address()).ended().await
}

/// The cells of each line of a table, without the headings.
#[track_caller]
fn rows(ended: &Ended) -> Vec<Vec<&str>> {
    let mut rows = ended.stdout.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    assert_eq!(rows.next().unwrap_or_default(), HEADINGS, "{ended:?}");
    rows.collect()
}

/// A lab that knows one job with this status.
async fn lab_with(name: &str, status: Value) -> Lab {
    let lab = lab().await;
    lab.cluster.put_job(own_job(name));
    lab.cluster.set_job_status("default", name, status);
    let path = format!("/api/eks-get-job-status?job_name={name}");
    until(async || lab.service.get(&path).await, |reply| reply.status == 200 && is_hit(reply)).await;
    lab
}

#[tokio::test]
async fn status_is_a_table_or_the_reply_and_exits_0_whatever_the_state() {
    let lab = lab_with_five(&[]).await;
    for (namespace, name, state, reason) in [
        ("default", "oldest", "completed", "CompletionsReached"),
        ("team-a", "older", "failed", "BackoffLimitExceeded"),
    ] {
        let ended = call(&lab, &["status", name, "-n", namespace]).await;
        ended.expect(0, "");
        let rows = rows(&ended);
        let cells = [rows[0][0], rows[0][1], rows[0][2], rows[0][8]];
        assert_eq!((rows.len(), cells), (1, [namespace, name, state, reason]));
        let reply = call(&lab, &["status", name, "-n", namespace, "-o", "json"]).await;
        let path = format!("/api/eks-get-job-status?job_name={name}&namespace={namespace}");
        let expected = lab.service.get(&path).await;
        assert_eq!(reply.stdout, format!("{}\n", expected.text()));
    }
    let absent = call(&lab, &["status", "absent", "oldest"]).await;
    absent.expect(65, "the status is not known: ");
    assert!(absent.stderr.contains("404 NotFound") && rows(&absent)[0][1] == "oldest", "{absent:?}");
}

#[tokio::test]
async fn list_has_the_jobs_of_a_state_or_a_selector() {
    let lab = lab_with_five(&[]).await;
    for (arguments, names) in [
        (&["list"][..], &["newest", "newer", "middle", "older", "oldest"][..]),
        (&["list", "-n", "team-a"], &["middle", "older"]),
        (&["list", "--state", "failed"], &["older"]),
        (&["list", "--selector", "team in (a,c)"], &["newer", "older", "oldest"]),
        (&["list", "-l", "team=none"], &[]),
    ] {
        let ended = call(&lab, arguments).await;
        ended.expect(0, "");
        let found: Vec<&str> = rows(&ended).iter().map(|row| row[1]).collect();
        assert_eq!(found, names, "{arguments:?}");
    }
    call(&lab, &["list", "--state", "lost"]).await.expect(2, "--state must be pending, running, ");
    call(&lab, &["list", "-l", "a=b=c"]).await.expect(65, "the jobs are not listed: ");
}

#[tokio::test]
async fn list_has_all_pages() {
    let lab = lab().await;
    let numbered = |number: usize| job("default", &format!("job-{number}"), "2026-11-20T10:00:00Z", &json!({}));
    put(&lab, (0..501).map(numbered).collect()).await;
    assert_eq!(rows(&call(&lab, &["list"]).await).len(), 501);
    let replies = call(&lab, &["list", "-o", "json"]).await;
    let pages: Vec<Value> = replies.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let sizes: Vec<usize> = pages.iter().map(|page| page["jobs"].as_array().unwrap().len()).collect();
    assert_eq!(sizes, [500, 1]);
    assert!(pages[0]["continue"].is_string() && pages[1]["continue"].is_null());
}

#[tokio::test]
async fn delete_says_each_job_and_goes_on_after_a_failure() {
    let lab = lab_with_five(&[]).await;
    let ended = call(&lab, &["delete", "absent", "oldest"]).await;
    ended.expect(65, "job absent is not deleted: ");
    assert_eq!(ended.stdout, "Job oldest in namespace default is being deleted\n");
    let one = format!("{JOBS}/newest");
    lab.cluster.fault(Fault::new("DELETE", &one, Kind::status(403, "Forbidden", "not you")).always());
    let ended = call(&lab, &["delete", "absent", "newest", "also-absent"]).await;
    ended.expect(77, "job newest is not deleted: ");
    assert_eq!(ended.stderr.matches("404 NotFound").count(), 2, "{ended:?}");
    assert!(ended.stderr.trim_end().lines().last().unwrap().contains("job newest"), "the worst comes last: {ended:?}");
}

#[tokio::test]
async fn delete_by_selector_deletes_what_matches_and_nothing_else() {
    let lab = lab_with_five(&[]).await;
    let ended = call(&lab, &["delete", "--selector", "team=a", "-A", "-o", "json"]).await;
    ended.expect(0, "");
    let replies: Vec<Value> = ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(replies.len() == 2 && replies.iter().all(|reply| reply["status"] == "success"), "{ended:?}");
    let deleted: Vec<String> = lab.cluster.deletions().into_iter().map(|deletion| deletion.name).collect();
    assert_eq!(deleted, ["older", "oldest"]);
    call(&lab, &["delete", "-l", "team=none", "-n", "default"]).await.expect(0, "no job matches");
    let refused = "--selector needs -n NAMESPACE, or --all-namespaces for every namespace";
    call(&lab, &["delete", "-l", "team=a"]).await.expect(2, refused);
}

#[tokio::test]
async fn wait_ends_with_the_job_and_has_its_exit_code() {
    let lab = lively(&[]).await;
    for (name, script, code) in [("good", "true", 0), ("bad", "exit 42", 42)] {
        let manifest = serde_json::from_str(&super::manifest(name, script)).unwrap();
        create(&lab.service, &manifest).await.expect_status(201);
        let ended = call(&lab, &["wait", name]).await;
        ended.expect(code, &format!("job default/{name} "));
        assert_eq!(rows(&ended)[0][1], name);
    }
    let both = call(&lab, &["wait", "good", "bad", "absent"]).await;
    both.expect(65, "job absent: ");
    assert!(both.stderr.contains("job default/bad failed (exit code 42)"), "{both:?}");
    assert!(both.stderr.ends_with("eks-api: 2 of 3 jobs did not complete\n"), "{both:?}");
    assert_eq!(rows(&both).len(), 2);
    call(&lab, &["wait", "good", "bad", "-o", "json"]).await.expect(42, "job default/good completed");
}

#[tokio::test]
async fn wait_by_selector_ends_when_all_jobs_have_ended() {
    let lab = lab_with("first", complete()).await;
    call(&lab, &["wait", "--selector", "team=a"]).await.expect(65, "no job matches");
    let labels = json!({ "team": "a" });
    for name in ["one", "two"] {
        lab.cluster.put_job(job("default", name, "2026-11-20T10:00:00Z", &labels));
    }
    let path = "/api/eks-list-jobs?label_selector=team%3Da";
    until(async || lab.service.get(path).await, |reply| reply.json()["jobs"].as_array().unwrap().len() == 2).await;
    let run = Run::command(&["wait", "-l", "team=a"], lab.service.address()).start().await;
    lab.cluster.set_job_status("default", "two", failed());
    run.told("job default/two failed: BackoffLimitExceeded").await;
    lab.cluster.set_job_status("default", "one", complete());
    let ended = run.ended().await;
    ended.expect(1, "job default/one completed");
    let states: Vec<&str> = rows(&ended).iter().map(|row| row[2]).collect();
    assert_eq!(states, ["failed", "completed"]);
}

#[tokio::test]
async fn wait_ends_with_124_when_the_time_is_up_and_knows_a_job_that_is_gone() {
    let lab = lab_with("long", json!({ "active": 1 })).await;
    let late = call(&lab, &["wait", "long", "--timeout", "3s"]).await;
    late.expect(124, "the time is up; these jobs have not ended: default/long (running)\n");
    assert!(late.stderr.contains("job default/long is running\n"), "{late:?}");
    let run = Run::command(&["wait", "long"], lab.service.address()).start().await;
    run.told("is running").await;
    lab.cluster.remove_job("default", "long");
    run.ended().await.expect(1, "job default/long was deleted");
    let lab = lab_with("done", complete()).await;
    lab.cluster.remove_job("default", "done");
    let path = "/api/eks-get-job-status?job_name=done";
    until(async || lab.service.get(path).await, |reply| reply.status == 404).await;
    call(&lab, &["wait", "done"]).await.expect(0, "job default/done completed before it was deleted");
    call(&lab, &["status", "done"]).await.expect(65, "job default/done is deleted; its last state was completed");
}

#[tokio::test]
async fn all_commands_send_the_key_and_need_their_arguments() {
    let (lab, key) = keyed("admin").await;
    for arguments in [&["list"][..], &["status", "a"], &["wait", "a"], &["delete", "a"], &["logs", "a"]] {
        call(&lab, arguments).await.expect(77, "401 Unauthorized");
        let code = if arguments == ["list"] { 0 } else { 65 };
        let run = Run::command(arguments, lab.service.address()).file("key", &key).args(&["--key-file", "key"]);
        run.ended().await.expect(code, "");
    }
    for (arguments, told) in [
        (&["status"][..], "the name of a job is missing"),
        (&["wait"], "the name of a job or --selector is missing"),
        (&["delete", "a", "--selector", "b=c"], "not both"),
        (&["logs", "a", "b"], "unexpected argument"),
        (&["list", "a"], "unexpected argument"),
        (&["list", "-o", "yaml"], "--output must be table or json"),
        (&["logs", "a", "--since", "1.5h"], "--since must be a time"),
    ] {
        call(&lab, arguments).await.expect(2, told);
    }
}
