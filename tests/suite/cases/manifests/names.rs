//! Names that the service makes: taken ones, long ones, and those of Indexed jobs.

use serde_json::json;

use super::{nameless, posted};
use crate::calls::{JOBS, create, create_with, lab, manifest, problem};
use crate::support::stub::{Fault, Kind};

fn taken() -> Fault {
    Fault::new("POST", JOBS, Kind::status(409, "AlreadyExists", "jobs.batch \"nightly-abcde\" already exists"))
}

#[tokio::test]
async fn genname_collision_a_random_name_that_is_taken_is_made_anew() {
    for prefix in [Some("nightly-"), None] {
        let lab = lab().await;
        lab.cluster.fault(taken());
        let mut wanted = nameless();
        wanted["metadata"]["generateName"] = json!(prefix);
        let reply = create(&lab.service, &wanted).await;
        assert_eq!(reply.status, 201, "{}", reply.text());
        let names: Vec<String> =
            posted(&lab.cluster).iter().map(|job| job["metadata"]["name"].as_str().unwrap().to_owned()).collect();
        assert_eq!(names.len(), 2);
        assert!(
            names[0] != names[1] && names.iter().all(|name| name.starts_with(prefix.unwrap_or("job-"))),
            "{names:?}"
        );
        assert_eq!(reply.json()["job_name"], names[1].as_str());
        assert_eq!(lab.cluster.job("default", &names[1]).unwrap()["metadata"]["labels"]["job-id"], names[1].as_str());
    }
}

#[tokio::test]
async fn genname_collision_tries_are_bounded_and_a_given_name_has_one() {
    let lab = lab().await;
    lab.cluster.fault(taken().always());
    problem(&create(&lab.service, &nameless()).await, 409, "AlreadyExists");
    assert_eq!(posted(&lab.cluster).len(), 5);
    problem(&create(&lab.service, &manifest("hello")).await, 409, "AlreadyExists");
    assert_eq!(posted(&lab.cluster).len(), 6);
}

#[tokio::test]
async fn genname_collision_with_a_key_keeps_the_name_that_the_key_decides() {
    let lab = lab().await;
    let key = [("idempotency-key", "k1")];
    let body = json!({ "job_manifest": nameless() });
    let first = create_with(&lab.service, &key, &body).await;
    assert_eq!(first.status, 201, "{}", first.text());
    let name = first.json()["job_name"].as_str().unwrap().to_owned();
    // Another one's job has that name now: a second name would be a second job for the same key.
    lab.cluster.change_job("default", &name, |job| job["metadata"]["annotations"] = json!({}));
    problem(&create_with(&lab.service, &key, &body).await, 409, "AlreadyExists");
    assert!(posted(&lab.cluster).iter().all(|job| job["metadata"]["name"] == name.as_str()));
}

#[tokio::test]
async fn genname_indexed_63_name_and_largest_index_fit_with_and_without_a_key() {
    let lab = lab().await;
    let mut wanted = nameless();
    wanted["metadata"]["generateName"] = json!("an-indexed-job-with-quite-a-long-name-for-its-team-x-");
    wanted["spec"]["completionMode"] = json!("Indexed");
    wanted["spec"]["completions"] = json!(1000);
    let body = json!({ "job_manifest": wanted });
    for headers in [&[("idempotency-key", "k1")][..], &[]] {
        let reply = create_with(&lab.service, headers, &body).await;
        assert_eq!(reply.status, 201, "{}", reply.text());
        let name = reply.json()["job_name"].as_str().unwrap().to_owned();
        assert!(
            name.len() + "-999".len() <= 63 && name.starts_with("an-indexed-job-with-quite-a-long-name-for-its"),
            "{name}"
        );
    }
    // The same key finds the job again under the name that was cut.
    assert_eq!(create_with(&lab.service, &[("idempotency-key", "k1")], &body).await.status, 200);
}
