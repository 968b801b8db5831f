//! Where a parameter may stand: in the query, in the body of a POST, in both if they agree; and where else it is refused.

use serde_json::{Value, json};

use crate::given::{BINARY, JOBS, job};
use crate::live::own_job;
use crate::support::Lab;
use crate::support::service::Reply;

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

async fn post(lab: &Lab, path: &str, body: &Value) -> Reply {
    lab.service.send("POST", path, &JSON, body.to_string()).await
}

/// A create-job body with these members besides the manifest.
fn with(members: &Value) -> Value {
    let mut body = job("hello");
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    body
}

#[track_caller]
fn names(reply: &Reply, field: &str) {
    assert_eq!(reply.status, 400, "{}", reply.text());
    assert_eq!(reply.json()["causes"][0]["field"], field, "{}", reply.text());
}

#[tokio::test]
async fn a_parameter_stands_in_the_query_or_in_the_body_or_in_both_if_they_agree() {
    for (query, body, namespace) in [
        ("?namespace=team-a", json!({}), "team-a"),
        ("", json!({ "namespace": "team-a" }), "team-a"),
        ("?namespace=team-a&wait=0s", json!({ "namespace": "team-a", "wait": "0ms" }), "team-a"),
        ("?wait=0s", json!({ "namespace": null }), "default"),
    ] {
        let lab = Lab::start(BINARY).await;
        let reply = post(&lab, &format!("/api/eks-create-job{query}"), &with(&body)).await.expect_status(201);
        assert_eq!(reply.json()["namespace"], namespace, "{query} {body}");
    }
    let lab = Lab::start(BINARY).await;
    names(&post(&lab, "/api/eks-create-job?namespace=a", &with(&json!({ "namespace": "b" }))).await, "namespace");
    names(&post(&lab, "/api/eks-create-job?wait=1s", &with(&json!({ "wait": "2s" }))).await, "wait");
    names(&post(&lab, "/api/eks-create-job?namespace=a&namespace=a", &with(&json!({}))).await, "namespace");
    assert_eq!(lab.cluster.count("POST", JOBS), 0);

    let create = "/api/eks-create-namespace";
    for (query, body) in [
        ("?namespace_name=one", None),
        ("?namespace_name=two", Some(json!({ "labels": { "a": "b" } }))),
        ("?namespace_name=three", Some(json!({ "namespace_name": "three" }))),
        ("", Some(json!({ "namespace_name": "four" }))),
    ] {
        let path = format!("{create}{query}");
        let reply = match body {
            Some(body) => post(&lab, &path, &body).await,
            None => lab.service.send("POST", &path, &[], "").await,
        };
        reply.expect_status(201);
    }
    names(
        &post(&lab, &format!("{create}?namespace_name=a"), &json!({ "namespace_name": "b" })).await,
        "namespace_name",
    );
    names(&post(&lab, create, &json!({})).await, "namespace_name");
}

#[tokio::test]
async fn a_job_to_suspend_is_named_in_the_query_or_in_the_body_or_in_both_if_they_agree() {
    let lab = Lab::start(BINARY).await;
    lab.cluster.put_job(own_job("hello"));
    for (query, body) in [
        ("?job_name=hello", json!({ "job_name": "hello" })),
        ("?job_name=hello", json!({ "namespace": "default" })),
        ("?namespace=default", json!({ "job_name": "hello" })),
        (
            "?job_name=hello&namespace=default&wait=0s",
            json!({ "job_name": "hello", "namespace": "default", "wait": "0s" }),
        ),
    ] {
        for call in ["suspend", "resume"] {
            post(&lab, &format!("/api/eks-{call}-job{query}"), &body).await.expect_status(200);
        }
    }
    let before = lab.cluster.count("PATCH", JOBS);
    for (query, body, field) in [
        ("?job_name=hello", json!({ "job_name": "other" }), "job_name"),
        ("?job_name=hello&namespace=default", json!({ "namespace": "other" }), "namespace"),
        ("?job_name=hello&wait=1s", json!({ "wait": "2s" }), "wait"),
        ("?namespace=default", json!({ "namespace": "default" }), "job_name"),
    ] {
        names(&post(&lab, &format!("/api/eks-suspend-job{query}"), &body).await, field);
    }
    assert_eq!(lab.cluster.count("PATCH", JOBS), before);
}

#[tokio::test]
async fn a_delete_takes_no_body() {
    let lab = Lab::start(BINARY).await;
    lab.cluster.put_job(own_job("hello"));
    for path in ["/api/eks-delete-job?job_name=hello", "/api/eks-delete-namespace?namespace_name=team-a"] {
        for body in [r#"{"job_name":"hello"}"#, " ", "{}"] {
            names(&lab.service.send("DELETE", path, &JSON, body).await, "body");
        }
    }
    let head = "DELETE /api/eks-delete-job?job_name=hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
                Transfer-Encoding: chunked\r\n\r\n";
    let answer = lab.service.raw(format!("{head}2\r\n{{}}\r\n0\r\n\r\n").as_bytes()).await;
    assert!(answer.starts_with(b"HTTP/1.1 400"), "{}", String::from_utf8_lossy(&answer));
    assert_eq!(lab.cluster.count("DELETE", "/"), 0);
    let answer = lab.service.raw(format!("{head}0\r\n\r\n").as_bytes()).await;
    assert!(answer.starts_with(b"HTTP/1.1 200"), "an empty body is none: {}", String::from_utf8_lossy(&answer));
}

#[tokio::test]
async fn an_unknown_parameter_is_told_where_it_belongs() {
    let lab = Lab::start(BINARY).await;
    for (method, path, field, hint) in [
        ("POST", "/api/eks-create-job?job_manifest=%7B%7D", "job_manifest", "belongs in the JSON body"),
        ("GET", "/api/eks-get-job-status?jobname=a", "jobname", "did you mean job_name?"),
        ("DELETE", "/api/eks-delete-job?job_name=a&follow=true", "follow", "it belongs to /api/eks-get-job-logs"),
        ("GET", "/livez?surprise=1", "surprise", "the query takes no parameters"),
    ] {
        let reply = lab.service.send(method, path, &[], "").await;
        names(&reply, field);
        let detail = reply.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(hint), "{detail}");
    }
}

#[tokio::test]
async fn c11_two_credentials_that_differ_are_refused_on_every_call_that_reads_them() {
    let lab = Lab::start(BINARY).await;
    for path in ["/api/eks-list-jobs", "/api/eks-get-job-status?job_name=a", "/health", "/readyz"] {
        for headers in [
            [("authorization", "Bearer a"), ("authorization", "Bearer b")],
            [("authorization", "Bearer a"), ("x-api-key", "b")],
            [("x-api-key", "a"), ("x-api-key", "b")],
        ] {
            let reply = lab.service.send("GET", path, &headers, "").await;
            assert_eq!(reply.status, 400, "{path} {headers:?}: {}", reply.text());
            assert!(reply.text().contains("send"), "{}", reply.text());
        }
        let same = [("authorization", "Bearer a"), ("x-api-key", "a")];
        assert_ne!(lab.service.send("GET", path, &same, "").await.status, 400, "{path}");
    }
}

#[tokio::test]
async fn c13_the_request_timeout_is_taken_in_minutes() {
    for time in ["5m", "1m", "300s", "1000ms"] {
        Lab::with(BINARY, &[("EKS_API_REQUEST_TIMEOUT", time)]).await;
    }
}
