//! What every answer has in common, and each error that the service itself finds in a request.

use hyper::body::Bytes;
use serde_json::json;

use crate::calls::{
    BINARY, CREATE_JOB, CREATE_NAMESPACE, JOBS, create, detail, lab, manifest, problem, sent, status, status_directly,
};
use crate::support::stub::{Fault, Gate, Kind};
use crate::support::{Lab, builder, surroundings};

const LARGEST: usize = 1 << 20;

const CALLS: [(&str, &str); 5] = [
    ("POST", CREATE_JOB),
    ("GET", "/api/eks-get-job-status"),
    ("DELETE", "/api/eks-delete-job"),
    ("POST", CREATE_NAMESPACE),
    ("DELETE", "/api/eks-delete-namespace"),
];
const PROBES: [&str; 3] = ["/health", "/livez", "/readyz"];

const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test]
async fn every_answer_bears_a_request_id_the_callers_if_it_is_sane() {
    let lab = lab().await;
    let paths = ["/health", "/nothing", "/api/eks-get-job-status?job_name=nope", CREATE_JOB];
    for path in paths {
        let reply = lab.service.send("GET", path, &[("x-request-id", "cron-2026.01:20/a@b")], "").await;
        assert_eq!(reply.header("x-request-id"), Some("cron-2026.01:20/a@b"), "{path}");
        for insane in ["", "a b", "<script>", "a\"b", "ü", &"i".repeat(65)] {
            let reply = lab.service.send("GET", path, &[("x-request-id", insane)], "").await;
            let id = reply.header("x-request-id").unwrap();
            assert!(id.len() == 32 && id.bytes().all(|c| c.is_ascii_hexdigit()), "{id} for {insane:?}");
        }
        let (one, two) = (lab.service.get(path).await, lab.service.get(path).await);
        assert_ne!(one.header("x-request-id").unwrap(), two.header("x-request-id").unwrap());
    }
    let options = lab.service.send("OPTIONS", CREATE_JOB, &[("x-request-id", "o-1")], "").await;
    assert_eq!((options.status.as_u16(), options.header("x-request-id")), (204, Some("o-1")));
}

#[tokio::test]
async fn the_request_id_of_an_answer_finds_its_line_in_the_log() {
    let lab = lab().await;
    let reply = status(&lab.service, "nope").await;
    let id = reply.header("x-request-id").unwrap();
    let line = lab.service.log_line(|line| line.contains(id)).await;
    for part in ["operation=get_job_status", "status=404", "reason=NotFound", "namespace=default", "job=nope"] {
        assert!(line.contains(part), "{part} in {line}");
    }
}

#[tokio::test]
async fn no_answer_may_be_kept_by_a_cache() {
    let lab = lab().await;
    for path in ["/health", "/nothing", "/api/eks-get-job-status?job_name=nope"] {
        assert_eq!(lab.service.get(path).await.header("cache-control"), Some("no-store"), "{path}");
    }
}

#[tokio::test]
async fn an_unknown_path_is_not_found_whatever_the_method() {
    let lab = lab().await;
    for path in
        ["/docs/x", "/api", "/api/eks-create-job/", "/API/eks-create-job", "/api/../health", "/api/v1/namespaces"]
    {
        for method in ["GET", "POST", "DELETE", "PROPFIND"] {
            let told = detail(&lab.service.send(method, path, &[], "").await, 404, "path_not_found");
            assert!(!cfg!(feature = "docs") || told.ends_with("; see /docs"), "{told}");
        }
    }
    assert_eq!(sent(&lab.cluster), [""; 0]);
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let lab = lab().await;
    let probes = PROBES.map(|path| ("GET", path));
    for (right, path) in CALLS.into_iter().chain(probes) {
        let allow = if right == "GET" { "GET, HEAD, OPTIONS".to_owned() } else { format!("{right}, OPTIONS") };
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"] {
            if method != right {
                let reply = lab.service.send(method, path, &[], "").await;
                problem(&reply, 405, "MethodNotAllowed");
                assert_eq!(reply.header("allow"), Some(allow.as_str()), "{method} {path}");
            }
        }
        let options = lab.service.send("OPTIONS", path, &[], "").await;
        assert_eq!((options.status.as_u16(), options.header("allow")), (204, Some(allow.as_str())));
    }
}

#[tokio::test]
async fn who_cannot_read_json_is_told_so_before_anything_happens() {
    let lab = lab().await;
    for (method, path) in CALLS {
        for accept in ["text/html", "application/xml", "application/json;q=0"] {
            let headers = [JSON, ("accept", accept)];
            problem(&lab.service.send(method, path, &headers, "{}").await, 406, "NotAcceptable");
        }
    }
    assert_eq!(sent(&lab.cluster), [""; 0]);
    for accept in ["*/*", "application/json", "text/html, application/*;q=0.5"] {
        let reply = lab.service.send("GET", "/livez", &[("accept", accept)], "").await;
        assert_eq!(reply.status, 200, "{accept}");
    }
}

#[tokio::test]
async fn a_body_that_is_not_labelled_json_is_not_read() {
    let lab = lab().await;
    let body = json!({ "job_manifest": manifest("hello"), "namespace_name": "a" }).to_string();
    for path in [CREATE_JOB, CREATE_NAMESPACE] {
        for label in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/xml", ""] {
            let reply = lab.service.send("POST", path, &[("content-type", label)], body.clone()).await;
            problem(&reply, 415, "UnsupportedMediaType");
        }
        problem(&lab.service.send("POST", path, &[], body.clone()).await, 415, "UnsupportedMediaType");
    }
    assert_eq!(sent(&lab.cluster), [""; 0]);
}

#[tokio::test]
async fn a_body_that_is_no_json_is_malformed() {
    let lab = lab().await;
    let deep = format!("{{\"job_manifest\":{}", "{\"a\":".repeat(500));
    for path in [CREATE_JOB, CREATE_NAMESPACE] {
        for body in ["", "{", "{}}", "nonsense", "[]", " [{}, null]", "null", "\u{0}", &deep] {
            let reply = lab.service.send("POST", path, &[JSON], body.to_owned()).await;
            // Without a body the query could name the namespace.
            let field = if path == CREATE_NAMESPACE && body.is_empty() { "namespace_name" } else { "body" };
            assert_eq!(problem(&reply, 400, "BadRequest")["causes"][0]["field"], field, "{path} {body:.40}");
        }
        let reply = lab.service.send("POST", path, &[JSON], Bytes::from_static(b"{\"namespace_name\":\"\xff\"}")).await;
        let causes = &problem(&reply, 400, "BadRequest")["causes"];
        assert_eq!(causes[0], json!({ "field": "body", "message": "is not UTF-8 at byte 20" }), "{path}");
    }
}

#[tokio::test]
async fn parameters_are_known_and_given_once() {
    let lab = lab().await;
    for (method, path) in CALLS.into_iter().chain(PROBES.map(|path| ("GET", path))) {
        let reply = lab.service.send(method, &format!("{path}?jobname=a"), &[JSON], "{}").await;
        assert_eq!(problem(&reply, 400, "BadRequest")["causes"][0]["field"], "jobname", "{method} {path}");
    }
    for (query, field) in [("", "job_name"), ("namespace=a", "job_name"), ("job_name=a&job_name=a", "job_name")] {
        let reply = lab.service.get(&format!("/api/eks-get-job-status?{query}")).await;
        assert_eq!(problem(&reply, 400, "BadRequest")["causes"][0]["field"], field, "{query}");
    }
    let reply = lab.service.delete("/api/eks-delete-namespace").await;
    assert_eq!(problem(&reply, 400, "BadRequest")["causes"][0]["field"], "namespace_name");
    assert_eq!(sent(&lab.cluster), [""; 0]);
}

#[tokio::test]
async fn a_body_of_one_mebibyte_is_taken_and_a_byte_more_is_not() {
    let lab = lab().await;
    let mut wanted = manifest("hello");
    wanted["metadata"]["annotations"] = json!({ "fill": "" });
    let empty = json!({ "job_manifest": wanted }).to_string();
    for (size, code) in [(LARGEST, 201), (LARGEST + 1, 413)] {
        let body = empty.replace(r#""fill":"""#, &format!(r#""fill":"{}""#, "x".repeat(size - empty.len())));
        assert_eq!(body.len(), size);
        let reply = lab.service.try_send("POST", CREATE_JOB, &[JSON], body).await.unwrap();
        assert_eq!(reply.status, code);
        if code == 413 {
            assert!(detail(&reply, 413, "RequestEntityTooLarge").contains("1 MiB"));
        }
    }
    assert_eq!(lab.cluster.count("POST", JOBS), 1);
}

#[tokio::test]
async fn a_large_body_is_refused_by_what_is_declared_or_by_what_has_come() {
    let lab = lab().await;
    let head = format!(
        "POST {CREATE_JOB} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nx-request-id: big-1\r\n"
    );
    let declared = format!("{head}content-length: {}\r\nexpect: 100-continue\r\n\r\n", LARGEST + 1).into_bytes();
    let mut chunked = format!("{head}transfer-encoding: chunked\r\nconnection: close\r\n\r\n").into_bytes();
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
    (0..17).for_each(|_| chunked.extend(chunk.as_bytes()));
    for request in [declared, chunked] {
        let answer = String::from_utf8_lossy(&lab.service.raw(&request).await).to_lowercase();
        assert!(answer.starts_with("http/1.1 413 "), "{answer}");
        for part in ["application/problem+json", "x-request-id: big-1", "\"reason\":\"requestentitytoolarge\""] {
            assert!(answer.contains(part), "{part} in {answer}");
        }
    }
    assert_eq!(sent(&lab.cluster), [""; 0]);
}

#[tokio::test]
async fn more_requests_than_are_allowed_at_a_time_are_told_to_come_back() {
    let lab = Lab::with(BINARY, &[("EKS_API_MAX_REQUESTS", "1")]).await;
    let gate = Gate::new();
    lab.cluster.fault(Fault::new("POST", JOBS, Kind::HoldBefore(gate.clone())));
    let wanted = manifest("hello");
    let others = async {
        gate.held(1).await;
        let reply = status_directly(&lab.service, "hello").await;
        problem(&reply, 503, "overloaded");
        assert_eq!(reply.header("retry-after"), Some("1"));
        for path in PROBES {
            assert_eq!(lab.service.get(path).await.status, 200, "{path} is never turned away");
        }
        gate.open();
    };
    let (first, ()) = tokio::join!(create(&lab.service, &wanted), others);
    assert_eq!(first.status, 201);
    assert_eq!(status_directly(&lab.service, "hello").await.status, 200);
}

#[tokio::test]
async fn before_there_is_a_cluster_every_call_is_told_which_check_fails() {
    let (cluster, aws) = surroundings().await;
    aws.answers_recording("describe-cluster-not-found");
    let service = builder(BINARY, &aws).start().await;
    service.log_line(|line| line.contains("check failed") && line.contains("check=cluster")).await;
    let query = "job_name=a&namespace=b";
    for reply in [
        create(&service, &manifest("hello")).await,
        service.get(&format!("/api/eks-get-job-status?{query}")).await,
        service.delete(&format!("/api/eks-delete-job?{query}")).await,
        service.post(CREATE_NAMESPACE, &json!({ "namespace_name": "a" })).await,
        service.delete("/api/eks-delete-namespace?namespace_name=a").await,
    ] {
        assert_eq!(detail(&reply, 503, "not_ready"), "not ready yet: cluster");
        assert_eq!(reply.header("retry-after"), Some("5"));
    }
    let told = detail(&service.get("/readyz").await, 503, "not_ready");
    assert!(told.starts_with("not ready yet: cluster: "), "{told}");
    assert_eq!(service.get("/livez").await.status, 200);
    assert_eq!(cluster.requests().len(), 0);
}
