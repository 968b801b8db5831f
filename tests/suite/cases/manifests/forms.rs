//! The form of a body: doubled members, encodings, nesting.

use serde_json::json;

use super::{JSON, create_raw};
use crate::calls::{CREATE_JOB, CREATE_NAMESPACE, JOBS, lab, manifest, problem, sent};

#[tokio::test]
async fn dup_keys_are_400_and_named_wherever_they_are() {
    let lab = lab().await;
    let good = manifest("d1").to_string();
    let pod = r#"{"template":{"spec":{"restartPolicy":"Never","containers":[{"name":"c","image":"b","env":[{"name":"A","name":"B"}]}]}}}"#;
    for (body, field) in [
        (r#"{"job_manifest":{"spec":{},"spec":{}}}"#.to_owned(), "job_manifest.spec"),
        (r#"{"job_manifest":{"metadata":{"name":"a"},"metadata":{"name":"b"}}}"#.to_owned(), "job_manifest.metadata"),
        (
            r#"{"job_manifest":{"metadata":{"labels":{"team":"a","team":"b"}}}}"#.to_owned(),
            "job_manifest.metadata.labels.team",
        ),
        (r#"{"job_manifest":{"metadata":{"na\u006de":"a","name":"b"}}}"#.to_owned(), "job_manifest.metadata.name"),
        (
            format!(r#"{{"job_manifest":{{"spec":{pod}}}}}"#),
            "job_manifest.spec.template.spec.containers[0].env[0].name",
        ),
        (format!(r#"{{"job_manifest":{good},"namespace":"a","namespace":"a"}}"#), "namespace"),
        (format!(r#"{{"job_manifest":{good},"job_manifest":{good}}}"#), "job_manifest"),
        (format!(r#"{{"job_manifest":{good},"\u0077ait":"1s","wait":"1s"}}"#), "wait"),
    ] {
        let told = problem(&create_raw(&lab, body.clone()).await, 400, "BadRequest");
        assert_eq!(told["causes"][0]["field"], field, "{body}");
        assert_eq!(told["detail"], format!("{field}: is given more than once; give it once"));
    }
    for (path, body, field) in [
        (CREATE_NAMESPACE, r#"{"namespace_name":"a","labels":{"x":"1","x":"2"}}"#, "labels.x"),
        ("/api/eks-suspend-job", r#"{"job_name":"a","job_name":"b"}"#, "job_name"),
    ] {
        let reply = lab.service.send("POST", path, &[JSON], body).await;
        assert_eq!(problem(&reply, 400, "BadRequest")["causes"][0]["field"], field, "{path}");
    }
    assert_eq!(sent(&lab.cluster), [""; 0]);
}

#[tokio::test]
async fn b11_two_specs_create_nothing() {
    let lab = lab().await;
    let of = |word: &str| {
        json!({ "template": { "spec": { "restartPolicy": "Never", "containers": [
        { "name": "main", "image": "busybox:1.36", "command": ["echo", word] }] } } })
    };
    let body = format!(r#"{{"job_manifest":{{"metadata":{{"name":"d1"}},"spec":{},"spec":{}}}}}"#, of("A"), of("B"));
    assert_eq!(problem(&create_raw(&lab, body).await, 400, "BadRequest")["causes"][0]["field"], "job_manifest.spec");
    assert_eq!(sent(&lab.cluster), [""; 0]);
}

#[tokio::test]
async fn bom_of_a_body_is_passed_over() {
    let lab = lab().await;
    let body = format!("\u{feff}{}", json!({ "job_manifest": manifest("bom") }));
    let reply = create_raw(&lab, body).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    let utf16: Vec<u8> = "\u{feff}{}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let told = problem(&create_raw(&lab, utf16).await, 400, "BadRequest");
    assert!(told["detail"].as_str().unwrap().contains("UTF-16"), "{told}");
}

#[tokio::test]
async fn gzip_body_is_415_with_the_encoding_that_is_taken() {
    let lab = lab().await;
    let body = json!({ "job_manifest": manifest("zip"), "namespace_name": "zip" }).to_string();
    for path in [CREATE_JOB, CREATE_NAMESPACE] {
        for coding in ["gzip", "br", "deflate, identity"] {
            let headers = [JSON, ("content-encoding", coding)];
            let reply = lab.service.send("POST", path, &headers, body.clone()).await;
            problem(&reply, 415, "unsupported_content_encoding");
            assert_eq!(reply.header("accept-encoding"), Some("identity"), "{coding}");
        }
    }
    let charset = [("content-type", "application/json; charset=iso-8859-1")];
    let reply = lab.service.send("POST", CREATE_JOB, &charset, body.clone()).await;
    assert!(problem(&reply, 415, "UnsupportedMediaType")["detail"].as_str().unwrap().contains("UTF-8"));
    // RFC 9110, section 12.5.3: only a refusal that is about the encoding says which one is taken.
    assert_eq!(reply.header("accept-encoding"), None);
    let body = json!({ "job_manifest": manifest("plain") }).to_string();
    let headers = [("content-type", "application/json; charset=UTF-8"), ("content-encoding", "identity")];
    assert_eq!(lab.service.send("POST", CREATE_JOB, &headers, body).await.status, 201);
    assert_eq!(sent(&lab.cluster), [format!("POST {JOBS}")]);
}

#[tokio::test]
async fn c12_half_of_a_surrogate_pair_and_deep_nesting_are_400() {
    let lab = lab().await;
    let told = problem(
        &create_raw(&lab, r#"{"job_manifest":{"metadata":{"annotations":{"a":"\ud800"}}}}"#).await,
        400,
        "BadRequest",
    );
    assert_eq!(told["causes"][0]["field"], "job_manifest.metadata.annotations.a");
    for depth in [63, 100, 100_000] {
        let deep = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let told = problem(&create_raw(&lab, format!(r#"{{"job_manifest":{{"x":{deep}}}}}"#)).await, 400, "BadRequest");
        assert_eq!(told["detail"], "body: is nested deeper than 64 levels", "{depth}");
    }
    // As deep as it may be: what is wrong with it is for the API server to say.
    let deep = format!("{}{}", "[".repeat(62), "]".repeat(62));
    let told = problem(&create_raw(&lab, format!(r#"{{"job_manifest":{{"x":{deep}}}}}"#)).await, 400, "BadRequest");
    assert!(told["detail"].as_str().unwrap().contains("unknown field \"x\""), "{told}");
}

#[tokio::test]
async fn a_wrong_type_in_the_envelope_is_named_by_its_path() {
    let lab = lab().await;
    for (body, field) in [
        (r#"{"job_manifest":{},"namespace":7}"#, "namespace"),
        (r#"{"job_manifest":"text"}"#, "job_manifest"),
        (r#"{"job_manifest":{},"namspace":"a"}"#, "namspace"),
        (r#"{"namespace":"a"}"#, "body"),
    ] {
        let told = problem(&create_raw(&lab, body).await, 400, "BadRequest");
        assert_eq!(told["causes"][0]["field"], field, "{body}");
    }
}
