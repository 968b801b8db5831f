//! suspend-job and resume-job: which job is meant, what comes back, and what is refused.

use serde_json::Value;

use crate::calls::{JOBS, create, detail, lab, manifest, problem, status};
use crate::support::stub::{Fault, Kind};

const SUSPEND: &str = "/api/eks-suspend-job";
const RESUME: &str = "/api/eks-resume-job";

#[tokio::test]
async fn a_job_is_named_by_the_query_or_by_a_json_body_and_its_status_comes_back() {
    let lab = lab().await;
    create(&lab.service, &manifest("hello")).await.expect_status(201);
    // What it was made with is not told any more, so that only our own writes can be.
    lab.cluster.hush_watches();
    let suspended = |job: Option<Value>| job.unwrap()["spec"]["suspend"].clone();
    for (path, body, expected) in [
        ("?job_name=hello", "", true),
        ("", r#"{"job_name":"hello"}"#, false),
        ("?job_name=hello&namespace=default", "{}", true),
        ("", r#"{"job_name":"hello","namespace":"default"}"#, false),
    ] {
        let call = format!("{}{path}", if expected { SUSPEND } else { RESUME });
        let headers: &[(&str, &str)] = if body.is_empty() { &[] } else { &[("content-type", "application/json")] };
        let told = lab.service.send("POST", &call, headers, body).await.expect_status(200).json();
        let job = lab.cluster.job("default", "hello");
        assert_eq!(told["resource_version"], job.as_ref().unwrap()["metadata"]["resourceVersion"]);
        assert_eq!(suspended(job), expected, "{call} {body}");
        let known = status(&lab.service, "hello").await;
        assert_eq!((known.header("x-cache"), known.json()), (Some("hit"), told), "an own write is known at once");
    }
}

#[tokio::test]
async fn what_names_no_job_is_refused_before_anything_is_sent() {
    let lab = lab().await;
    let json = [("content-type", "application/json")];
    let of = |path: &str| format!("{SUSPEND}{path}");
    let told = detail(&lab.service.send("POST", SUSPEND, &[], "").await, 400, "BadRequest");
    assert!(told.contains("job_name"), "{told}");
    problem(&lab.service.send("POST", SUSPEND, &json, r#"{"job":"a"}"#).await, 400, "BadRequest");
    for (body, field) in [(r#"{"job_name":"b"}"#, "job_name"), ("[null,null]", "body"), ("nonsense", "body")] {
        let told = problem(&lab.service.send("POST", &of("?job_name=a"), &json, body).await, 400, "BadRequest");
        assert_eq!(told["causes"][0]["field"], field, "{told}");
    }
    problem(&lab.service.send("POST", &of("?job_name=../x"), &[], "").await, 422, "Invalid");
    problem(&lab.service.send("POST", &of("?job_name=nope"), &[], "").await, 404, "NotFound");
    assert_eq!(lab.cluster.count("PATCH", "/"), 1, "only the last was a question for the cluster");
}

#[tokio::test]
async fn a_form_of_another_origin_changes_nothing() {
    let lab = lab().await;
    create(&lab.service, &manifest("hello")).await.expect_status(201);
    let path = format!("{SUSPEND}?job_name=hello");
    for site in ["cross-site", "same-site", "nonsense"] {
        let reply = lab.service.send("POST", &path, &[("sec-fetch-site", site)], "").await;
        problem(&reply, 403, "cross_site_request");
    }
    // Over plain HTTP a browser names the page's origin alone.
    problem(
        &lab.service.send("POST", &path, &[("origin", "http://evil.example")], "").await,
        403,
        "cross_site_request",
    );
    let headers = [("sec-fetch-site", "cross-site"), ("content-type", "application/json")];
    let reply = lab.service.send("POST", SUSPEND, &headers, r#"{"job_name":"hello"}"#).await;
    problem(&reply, 403, "cross_site_request");
    assert_eq!(lab.cluster.count("PATCH", "/"), 0);
    lab.service.send("POST", &path, &[("sec-fetch-site", "same-origin")], "").await.expect_status(200);
}

#[tokio::test]
async fn an_api_server_that_does_not_know_suspending_is_found_out() {
    let lab = lab().await;
    create(&lab.service, &manifest("hello")).await.expect_status(201);
    let mut unchanged = lab.cluster.job("default", "hello").unwrap();
    unchanged["spec"].as_object_mut().unwrap().remove("suspend");
    lab.cluster.fault(Fault::new("PATCH", JOBS, Kind::Reply { status: 200, headers: Vec::new(), body: unchanged }));
    let reply = lab.service.send("POST", &format!("{SUSPEND}?job_name=hello"), &[], "").await;
    assert!(detail(&reply, 502, "suspend_not_supported").contains("1.21"));
}
