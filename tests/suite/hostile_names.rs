//! Hostile values in every parameter of every call: they are refused, never fail the service, and never reach a path
//! of the API server or a second line of the log.

use serde_json::{Value, json};

use crate::audit::is_record;
use crate::calls::{CREATE_JOB, CREATE_NAMESPACE, JOBS, NAMESPACES, lab, manifest, nameless, sent};
use crate::support::Lab;
use crate::support::service::Reply;

const STATUS: &str = "/api/eks-get-job-status";
const DELETE_JOB: &str = "/api/eks-delete-job";
const DELETE_NAMESPACE: &str = "/api/eks-delete-namespace";

/// Nothing of this is a name. None is empty: that is a case of its own.
fn hostile() -> Vec<String> {
    let short = [
        ".",
        "..",
        "../../namespaces/x",
        "..%2f..%2fnamespaces%2fx",
        "%2e%2e",
        "%252e%252e%252f",
        "x/../../secrets",
        "a/b",
        "/",
        "//evil.example",
        "https://evil.example/",
        "a@evil.example:443",
        "a?fieldValidation=Ignore",
        "a#b",
        "a&namespace=kube-system",
        "a;b",
        "a\\b",
        "a:b",
        "a%00",
        "a\0",
        "\0",
        "a\r\nX-Injected: y",
        "\r\n\r\nGET /evil HTTP/1.1\r\n\r\n",
        "a\nlevel=ERROR forged",
        "a\tb",
        " a",
        "a ",
        "\u{1b}[31m",
        "Upper",
        "ä",
        "\u{ff0e}\u{ff0e}\u{ff0f}",
        "\u{202e}x",
        "\u{feff}a",
        "\u{1F680}",
        "$(id)",
        "`id`",
        "' or 1=1 --",
        "<script>",
        "{\"a\":1}",
        "a,b",
        "a=b",
        "a!",
    ];
    let long = ["x".repeat(10_000), "../".repeat(3000), "é".repeat(1500), "a.".repeat(5000), "-".repeat(63)];
    short.into_iter().map(str::to_owned).chain(long).collect()
}

fn query(path: &str, pairs: &[(&str, &str)]) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    format!("{path}?{query}")
}

#[track_caller]
fn refused(reply: &Reply, what: &str, value: &str) {
    let status = reply.status.as_u16();
    assert!([400, 422].contains(&status), "{status} for {value:.80?} as {what}");
    assert_eq!(reply.header("content-type"), Some("application/problem+json"));
    assert!(reply.header("x-injected").is_none() && reply.body.len() < 5000, "{value:.80?} as {what}");
}

/// The service still works, and no value broke out of its line of the log.
async fn unharmed(lab: &Lab) {
    let probe = lab.service.send("GET", "/readyz", &[("x-request-id", "the-last-one")], "").await;
    assert_eq!(probe.status, 200);
    lab.service.log_line(|line| line.contains("the-last-one")).await;
    for line in lab.service.logs() {
        if is_record(&line) {
            serde_json::from_str::<Value>(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
            continue;
        }
        let (time, rest) = line.split_once(' ').unwrap_or_default();
        let level = rest.split(' ').next().unwrap_or_default();
        assert!(time.ends_with('Z') && ["DEBUG", "INFO", "WARN", "ERROR"].contains(&level), "{line}");
        assert!(level != "ERROR" && !line.contains("panicked"), "{line}");
    }
}

#[tokio::test]
async fn a_hostile_name_in_a_query_is_refused_and_nothing_is_sent() {
    let lab = lab().await;
    for value in hostile().iter().map(String::as_str).chain([""]) {
        for (method, path, pairs) in [
            ("GET", STATUS, vec![("job_name", value)]),
            ("GET", STATUS, vec![("job_name", "a"), ("namespace", value)]),
            ("GET", STATUS, vec![("job_name", "a"), ("details", value)]),
            ("DELETE", DELETE_JOB, vec![("job_name", value)]),
            ("DELETE", DELETE_JOB, vec![("job_name", "a"), ("namespace", value)]),
            ("DELETE", DELETE_JOB, vec![("job_name", "a"), ("propagation_policy", value)]),
            ("DELETE", DELETE_JOB, vec![("job_name", "a"), ("grace_period_seconds", value)]),
            ("DELETE", DELETE_NAMESPACE, vec![("namespace_name", value)]),
            ("DELETE", DELETE_NAMESPACE, vec![("namespace_name", "a"), (value, "a")]),
        ] {
            let reply = lab.service.send(method, &query(path, &pairs), &[], "").await;
            refused(&reply, &format!("{pairs:.80?}"), value);
        }
    }
    assert_eq!(sent(&lab.cluster), [""; 0]);
    unharmed(&lab).await;
}

#[tokio::test]
async fn a_hostile_name_in_a_body_is_refused_and_nothing_is_sent() {
    let lab = lab().await;
    for value in hostile() {
        for field in ["/job_manifest/metadata/name", "/job_manifest/metadata/namespace", "/namespace"] {
            let mut named = manifest("a");
            named["metadata"]["namespace"] = Value::Null;
            let mut body = json!({ "job_manifest": named, "namespace": null });
            *body.pointer_mut(field).unwrap() = json!(value);
            refused(&lab.service.post(CREATE_JOB, &body).await, field, &value);
        }
        for field in ["apiVersion", "kind"] {
            let mut wanted = manifest("a");
            wanted[field] = json!(value);
            refused(&lab.service.post(CREATE_JOB, &json!({ "job_manifest": wanted })).await, field, &value);
        }
        for body in [json!({ "namespace_name": value }), json!({ "namespace_name": "a", value.clone(): "a" })] {
            refused(&lab.service.post(CREATE_NAMESPACE, &body).await, "namespace_name", &value);
        }
    }
    assert_eq!(sent(&lab.cluster), [""; 0]);
    unharmed(&lab).await;
}

#[tokio::test]
async fn hostile_values_that_kubernetes_judges_stay_in_the_body() {
    let lab = lab().await;
    let mut made = Vec::new();
    for value in hostile() {
        let mut generated = nameless();
        generated["metadata"]["generateName"] = json!(value);
        let mut labelled = nameless();
        labelled["metadata"] = json!({ "labels": { value.clone(): value }, "annotations": { value.clone(): value } });
        for wanted in [generated, labelled] {
            let reply = lab.service.post(CREATE_JOB, &json!({ "job_manifest": wanted })).await;
            assert!(reply.status.as_u16() < 500, "{value:.80?}: {}", reply.text());
        }
        let name = format!("team-{}", made.len());
        let body = json!({ "namespace_name": name, "labels": { value.clone(): value }, "annotations": { value.clone(): value } });
        let reply = lab.service.post(CREATE_NAMESPACE, &body).await;
        assert!([201, 422].contains(&reply.status.as_u16()), "{value:.80?}: {}", reply.text());
        let requests = lab.cluster.requests();
        let sent = requests.iter().rfind(|request| request.method == "POST" && request.path == NAMESPACES).unwrap();
        assert_eq!(sent.body["metadata"]["name"], json!(name));
        assert_eq!(sent.body["metadata"]["annotations"][&value], json!(value));
        made.push(name);
        let path = query(DELETE_JOB, &[("job_name", "a"), ("uid", &value)]);
        assert_eq!(lab.service.delete(&path).await.status, 404, "{value:.80?}");
    }
    let [get, delete] = ["GET", "DELETE"].map(|method| format!("{method} {JOBS}/a"));
    let expected = [format!("POST {JOBS}"), format!("POST {NAMESPACES}"), get, delete];
    let requests = lab.cluster.requests();
    assert!(requests.iter().all(|r| r.method != "POST" || !r.body.is_null()), "every body is still JSON");
    // The service's own list and watch of all jobs have parameters too, and none of a caller's.
    let of_callers = requests.iter().filter(|r| r.path != "/apis/batch/v1/jobs").flat_map(|r| &r.query);
    assert!(of_callers.into_iter().all(|pair| *pair == ("fieldValidation".into(), "Strict".into())));
    for request in sent(&lab.cluster) {
        assert!(expected.contains(&request), "{request}");
    }
    unharmed(&lab).await;
}

#[tokio::test]
async fn a_hostile_idempotency_key_or_header_does_no_harm() {
    let lab = lab().await;
    let body = json!({ "job_manifest": nameless() }).to_string();
    for value in hostile().into_iter().filter(|value| !value.contains(['\0', '\r', '\n', '\u{1b}'])) {
        for header in ["idempotency-key", "x-request-id", "accept", "origin", "content-type", "x-forwarded-for"] {
            let json = ("content-type", "application/json");
            let headers = if header == json.0 { vec![(header, &*value)] } else { vec![json, (header, &*value)] };
            let reply = lab.service.send("POST", CREATE_JOB, &headers, body.clone()).await;
            assert!(reply.status.as_u16() < 500, "{header}: {value:.80?}: {}", reply.text());
        }
    }
    for request in sent(&lab.cluster) {
        let known = request == format!("POST {JOBS}") || request.starts_with(&format!("GET {JOBS}/job-"));
        assert!(known, "{request}");
    }
    unharmed(&lab).await;
}

#[tokio::test]
async fn what_no_client_would_send_is_refused_as_it_stands() {
    let lab = lab().await;
    let job_name = |value: &[u8]| [b"GET /api/eks-get-job-status?job_name=", value, b" HTTP/1.1"].concat();
    let mut lines: Vec<Vec<u8>> = [
        "%",
        "%zz",
        "%0",
        "%c0%ae%c0%ae%2f",
        "%ff%fe",
        "+",
        "a%",
        "a%2",
        "../x",
        "?",
        "a?b",
        "%u002e",
        "&",
        "=",
        "a=b",
    ]
    .map(|value| job_name(value.as_bytes()))
    .to_vec();
    lines
        .extend([&b"\xff\xfe"[..], b"\xc3\xa4", b"a\0b", b"a\tb", b"a b", b"<>", b"a\"b", b"a#/../../x"].map(job_name));
    for path in
        ["/api/eks-get-job-status%3Fjob_name=a", "/api/%65ks-get-job-status?job_name=a", "/api//eks-get-job-status"]
    {
        lines.push(format!("GET {path} HTTP/1.1").into_bytes());
    }
    for target in
        ["/apis/batch/v1/namespaces/default/jobs", "http://evil.example/api/v1/namespaces", "/..", "*", "", "evil:443"]
    {
        lines.push(format!("GET {target} HTTP/1.1").into_bytes());
    }
    lines.push(b"CONNECT evil.example:443 HTTP/1.1".to_vec());
    lines.push(b"GET /health HTTP/9.9".to_vec());
    for line in lines {
        let request = [&line[..], b"\r\nhost: localhost\r\nconnection: close\r\n\r\n"].concat();
        let answer = String::from_utf8_lossy(&lab.service.raw(&request).await).into_owned();
        let shown = String::from_utf8_lossy(&line).into_owned();
        assert!(answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.0 4"), "{shown:?}: {answer}");
    }
    // A fragment is no part of a request; what stands before it is a job's name like any other.
    let allowed = [format!("GET {JOBS}/a")];
    assert!(sent(&lab.cluster).iter().all(|request| allowed.contains(request)), "{:?}", sent(&lab.cluster));
    unharmed(&lab).await;
}
