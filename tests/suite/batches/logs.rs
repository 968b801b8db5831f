//! get-job-logs, list-jobs and watch-jobs with `batch_name`.

use serde_json::{Value, json};

use super::status::{member, member_name, put, until_status, young_head};
use crate::calls::{JOBS, detail, lab, problem};
use crate::job_events::reader::Reader as Events;
use crate::job_logs::reader::Reader;
use crate::job_logs::{ended, pod, running};
use crate::live::complete;
use crate::support::Lab;
use crate::support::stub::{Fault, Kind};

const LOGS: &str = "/api/eks-get-job-logs?batch_name=etl";

/// Puts a pod of a member, whose container `c` has this status and has written this.
fn put_pod(lab: &Lab, index: usize, status: Value, log: &str) {
    lab.cluster.put_log("default", &format!("{}-a", member_name("etl", index)), "c", log);
    put_status(lab, index, status);
}

fn put_status(lab: &Lab, index: usize, status: Value) {
    let member = member_name("etl", index);
    let name = format!("{member}-a");
    lab.cluster.change_job("default", &member, |job| {
        job["spec"]["selector"] = json!({ "matchLabels": { "of": member } });
    });
    let mut pod = pod(&name, 0, &[status]);
    pod["metadata"]["labels"]["of"] = json!(member_name("etl", index));
    lab.cluster.put_pod(pod);
}

/// A batch of three. The second has no pod yet.
async fn lab_with_three() -> Lab {
    let lab = lab().await;
    put(&lab, "etl", 3);
    put_pod(&lab, 0, ended("c", 0), "one\n");
    put_pod(&lab, 2, running("c"), "three");
    until_status(&lab, "etl", |status| status["counts"]["pending"] == 3).await;
    lab
}

#[tokio::test]
async fn the_logs_of_all_members_come_in_order_under_their_names() {
    let lab = lab_with_three().await;
    lab.cluster.change_job("default", "etl-0001", |job| {
        job["spec"]["selector"] = json!({ "matchLabels": { "of": "etl-0001" } });
    });
    let text = lab.service.get(LOGS).await.expect_status(200).text();
    let (first, rest) = text.split_once("\n==> etl-0001 <==\n(job etl-0001 has no pod yet;").unwrap();
    assert_eq!(first, "==> etl-0000 <==\none\n");
    assert!(rest.ends_with(")\n\n==> etl-0002 <==\nthree"), "{rest}");
    lab.cluster.remove_job("default", "etl-0001");
    let text = lab.service.get(&format!("{LOGS}&tail_lines=0")).await.expect_status(200).text();
    assert!(text.contains("==> etl-0001 <==\n(the job is missing)\n"), "{text}");
}

#[tokio::test]
async fn followed_members_come_one_after_another() {
    let lab = lab().await;
    put(&lab, "etl", 2);
    put_pod(&lab, 0, running("c"), "one\n");
    put_pod(&lab, 1, ended("c", 0), "two\n");
    lab.cluster.end_log("default", "etl-0001-a", "c");
    for index in 0..2 {
        lab.cluster.set_job_status("default", &member_name("etl", index), complete());
    }
    until_status(&lab, "etl", |status| status["counts"]["completed"] == 2).await;
    let mut reader = Reader::open(&lab.service, &format!("{LOGS}&follow=true")).await;
    reader.expect("==> etl-0000 <==\none\n").await;
    lab.cluster.append_log("default", "etl-0000-a", "c", "more\n");
    reader.expect("more\n").await;
    put_status(&lab, 0, ended("c", 0));
    lab.cluster.end_log("default", "etl-0000-a", "c");
    reader.expect("\n==> etl-0001 <==\ntwo\n").await;
    reader.end().await;
}

#[tokio::test]
async fn a_followed_member_that_is_not_submitted_yet_is_awaited() {
    let lab = lab().await;
    lab.cluster.put_jobs([young_head("etl", 2), member("default", "etl", 0)]);
    put_pod(&lab, 0, ended("c", 0), "one\n");
    lab.cluster.end_log("default", "etl-0000-a", "c");
    lab.cluster.set_job_status("default", "etl-0000", complete());
    until_status(&lab, "etl", |status| status["counts"]["completed"] == 1).await;
    let mut reader = Reader::open(&lab.service, &format!("{LOGS}&follow=true")).await;
    reader.expect("==> etl-0000 <==\none\n").await;
    lab.cluster.wait_for("GET", &format!("{JOBS}/etl-0001"), 1).await;
    let mut second = member("default", "etl", 1);
    second["status"] = complete();
    lab.cluster.put_job(second);
    put_pod(&lab, 1, ended("c", 0), "two\n");
    lab.cluster.end_log("default", "etl-0001-a", "c");
    reader.expect("\n==> etl-0001 <==\ntwo\n").await;
    reader.end().await;
}

#[tokio::test]
async fn a_member_that_cannot_be_read_does_not_hide_the_others_and_the_stream_is_broken_off_at_its_end() {
    let lab = lab_with_three().await;
    let passing = Kind::status(503, "ServiceUnavailable", "later");
    lab.cluster.fault(Fault::new("GET", &format!("{JOBS}/etl-0001"), passing).always());
    let mut reader = Reader::open(&lab.service, LOGS).await;
    let mut text = String::new();
    while let Ok(piece) = reader.piece().await {
        text += std::str::from_utf8(&piece.expect("the stream ends as if it were whole")).unwrap();
    }
    assert!(text.starts_with("==> etl-0000 <==\none\n\n==> etl-0001 <==\n("), "{text}");
    assert!(text.contains("==> etl-0002 <=="), "{text}");
}

#[tokio::test]
async fn the_logs_of_a_batch_are_not_those_of_a_job_or_a_pod() {
    let lab = lab_with_three().await;
    for (path, field) in [
        ("/api/eks-get-job-logs", "job_name"),
        ("/api/eks-get-job-logs?batch_name=etl&job_name=etl-0000", "batch_name"),
        ("/api/eks-get-job-logs?batch_name=etl&pod=etl-0000-a", "pod"),
    ] {
        assert_eq!(problem(&lab.service.get(path).await, 400, "BadRequest")["causes"][0]["field"], field);
    }
    problem(&lab.service.get("/api/eks-get-job-logs?batch_name=none").await, 404, "NotFound");
    let told = detail(&lab.service.get("/api/eks-get-job-logs").await, 400, "BadRequest");
    assert_eq!(told, "job_name: job_name or batch_name is missing");
}

#[tokio::test]
async fn lists_and_events_have_the_members_and_never_the_head() {
    let lab = lab_with_three().await;
    put(&lab, "other", 1);
    until_status(&lab, "other", |status| status["counts"]["pending"] == 1).await;
    let names = |list: Value| -> Vec<String> {
        let jobs = list["jobs"].as_array().unwrap().iter();
        let mut names: Vec<_> = jobs.map(|job| job["job_name"].as_str().unwrap().to_owned()).collect();
        names.sort();
        names
    };
    let path = "/api/eks-list-jobs?batch_name=etl";
    let members = ["etl-0000", "etl-0001", "etl-0002"];
    assert_eq!(names(lab.service.get(path).await.json()), members);
    assert_eq!(names(lab.service.get_directly(path).await.json()), members);
    let selector = lab.cluster.requests().into_iter().rfind(|request| request.path.ends_with("/v1/jobs")).unwrap();
    assert!(format!("{selector:?}").contains("eks-api/batch=etl") || format!("{selector:?}").contains("batch%3Detl"));

    let mut events = Events::open(&lab.service, "batch_name=etl").await;
    let mut all = Events::open(&lab.service, "").await;
    assert_eq!(events.snapshot().await.len(), 3);
    assert_eq!(all.snapshot().await.len(), 4);
    lab.cluster.change_job("default", "etl", |head| head["metadata"]["labels"]["team"] = json!("x"));
    lab.cluster.change_job("default", "other-0000", |job| job["metadata"]["labels"]["team"] = json!("x"));
    lab.cluster.set_job_status("default", "etl-0001", complete());
    lab.cluster.remove_job("default", "etl-0001");
    let told = |kind: &str, name: &str| (kind.to_owned(), name.to_owned());
    assert_eq!(all.event().await.told(), told("modified", "other-0000"));
    let mut kinds = Vec::new();
    while kinds.last() != Some(&told("deleted", "etl-0001")) {
        kinds.push(events.event().await.told());
    }
    assert_eq!(kinds, [told("modified", "etl-0001"), told("deleted", "etl-0001")]);

    for index in [0, 2] {
        lab.cluster.set_job_status("default", &member_name("etl", index), complete());
    }
    let list = lab.service.get(&format!("{path}&wait=1m")).await.json();
    assert_eq!((&list["all_ended"], names(list.clone()).len()), (&json!(true), 2));
}
