//! Creating a job: what is answered, what is sent, and how name and namespace are chosen.

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::calls::{
    CREATE_JOB, JOBS, create, create_with, detail, lab, manifest, nameless, problem, recorded_reply, sent,
};
use crate::support::stub::Fault;

const VERSIONED_NAME: &str = concat!("eks-api/", env!("CARGO_PKG_VERSION"));

#[tokio::test]
async fn a_created_job_is_answered_with_every_field_of_the_contract() {
    let lab = lab().await;
    let reply = create(&lab.service, &manifest("hello")).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    assert_eq!(reply.header("content-type"), Some("application/json"));
    let created = reply.json();
    assert_eq!(created["job_name"], "hello");
    assert_eq!(created["namespace"], "default");
    assert_eq!(created["status"], "created");
    assert_eq!(created["warnings"], json!([]));
    let stored = lab.cluster.job("default", "hello").unwrap();
    assert_eq!(created["uid"], stored["metadata"]["uid"]);
    let time = created["creation_timestamp"].as_str().unwrap();
    assert!(time.ends_with("+00:00"), "{time}");
    let as_stored = stored["metadata"]["creationTimestamp"].as_str().unwrap();
    assert_eq!(OffsetDateTime::parse(time, &Rfc3339), OffsetDateTime::parse(as_stored, &Rfc3339));
}

#[tokio::test]
async fn one_post_is_sent_that_asks_for_strict_validation_and_says_whose_it_is() {
    let lab = lab().await;
    let body = json!({ "job_manifest": manifest("hello") });
    assert_eq!(create_with(&lab.service, &[("x-request-id", "cron-7")], &body).await.status, 201);
    assert_eq!(sent(&lab.cluster), [format!("POST {JOBS}")]);
    let requests = lab.cluster.requests();
    let post = requests.iter().find(|request| request.method == "POST").unwrap();
    assert_eq!(post.query, [("fieldValidation".to_owned(), "Strict".to_owned())]);
    assert_eq!(post.headers["user-agent"], VERSIONED_NAME);
    assert_eq!(post.headers["content-type"], "application/json");
    assert!(post.headers["accept"].contains("application/json") && !post.http2);

    let metadata = &post.body["metadata"];
    assert_eq!((&post.body["apiVersion"], &post.body["kind"]), (&json!("batch/v1"), &json!("Job")));
    assert_eq!((&metadata["name"], &metadata["namespace"]), (&json!("hello"), &json!("default")));
    assert_eq!(metadata["labels"], json!({ "app": "eks-api", "job-id": "hello" }));
    assert_eq!(metadata["annotations"]["eks-api/request-id"], "cron-7");
    assert!(metadata["annotations"]["eks-api/create-id"].is_string());
    assert_eq!(post.body["spec"], manifest("hello")["spec"], "the spec is the caller's alone");
}

#[tokio::test]
async fn the_manifests_own_metadata_is_kept_but_our_labels_win() {
    let lab = lab().await;
    let mut wanted = manifest("kept");
    wanted["apiVersion"] = json!("batch/v1");
    wanted["kind"] = json!("Job");
    wanted["metadata"]["labels"] = json!({ "team": "data", "app": "other", "job-id": "other" });
    wanted["metadata"]["annotations"] = json!({ "note": "ünïcode \u{1F680} \"quoted\"" });
    wanted["metadata"]["finalizers"] = json!(["example.com/hold"]);
    wanted["metadata"]["generateName"] = json!("unused-");
    assert_eq!(create(&lab.service, &wanted).await.status, 201);
    let requests = lab.cluster.requests();
    let metadata = &requests.iter().find(|request| request.method == "POST").unwrap().body["metadata"];
    assert_eq!(metadata["labels"], json!({ "team": "data", "app": "eks-api", "job-id": "kept" }));
    assert_eq!(metadata["annotations"]["note"], wanted["metadata"]["annotations"]["note"]);
    assert_eq!(metadata["finalizers"], json!(["example.com/hold"]));
    assert_eq!((&metadata["name"], &metadata["generateName"]), (&json!("kept"), &json!("unused-")));
}

/// Letters of Kubernetes' generated names, so many.
fn is_suffix(text: &str, length: usize) -> bool {
    text.len() == length && text.chars().all(|c| "bcdfghjklmnpqrstvwxz2456789".contains(c))
}

#[tokio::test]
async fn a_job_without_a_name_is_named_after_the_time_in_utc() {
    let lab = lab().await;
    let now = || {
        let now = OffsetDateTime::now_utc();
        let (date, clock) = (now.date().to_string().replace('-', ""), now.time());
        format!("{date}-{:02}{:02}{:02}", clock.hour(), clock.minute(), clock.second())
    };
    let before = now();
    let created = create(&lab.service, &nameless()).await.json();
    let name = created["job_name"].as_str().unwrap();
    let (time, suffix) = name.strip_prefix("job-").unwrap().rsplit_once('-').unwrap();
    assert!(before.as_str() <= time && time <= now().as_str(), "{name}");
    assert!(is_suffix(suffix, 5), "{name}");
    let stored = lab.cluster.job("default", name).unwrap();
    assert_eq!(stored["metadata"]["labels"]["job-id"], name);
    assert_ne!(create(&lab.service, &nameless()).await.json()["job_name"], name);
}

#[tokio::test]
async fn a_generate_name_is_completed_here_and_cut_so_that_it_fits() {
    let lab = lab().await;
    for (prefix, kept) in [("nightly-", "nightly-".to_owned()), (&"n".repeat(60), "n".repeat(58))] {
        let mut wanted = nameless();
        wanted["metadata"]["generateName"] = json!(prefix);
        let created = create(&lab.service, &wanted).await.json();
        let name = created["job_name"].as_str().unwrap();
        assert!(is_suffix(name.strip_prefix(&kept).unwrap(), 5), "{name}");
        assert_eq!(lab.cluster.job("default", name).unwrap()["metadata"]["labels"]["job-id"], name);
    }
}

#[tokio::test]
async fn the_namespace_is_the_bodys_or_the_manifests_or_default() {
    let lab = lab().await;
    for name in ["a", "b"] {
        lab.cluster.put_namespace(json!({ "metadata": { "name": name } }));
    }
    let cases = [
        (Value::Null, Value::Null, "default"),
        (json!("a"), Value::Null, "a"),
        (Value::Null, json!("b"), "b"),
        (json!("a"), json!("a"), "a"),
        (Value::Null, json!(""), "default"),
    ];
    for (at, (body, own, expected)) in cases.into_iter().enumerate() {
        let mut wanted = manifest(&format!("job-{at}"));
        wanted["metadata"]["namespace"] = own;
        let reply = lab.service.post(CREATE_JOB, &json!({ "job_manifest": wanted, "namespace": body })).await;
        assert_eq!(reply.status, 201, "{}", reply.text());
        assert_eq!(reply.json()["namespace"], expected);
        assert!(lab.cluster.job(expected, &format!("job-{at}")).is_some());
    }
}

#[tokio::test]
async fn a_bare_manifest_in_json_is_told_where_it_belongs() {
    let lab = lab().await;
    let told = problem(&lab.service.post(CREATE_JOB, &manifest("hello")).await, 400, "BadRequest");
    assert_eq!(told["detail"], "body: is a manifest: put it into job_manifest, or send it as application/yaml");
    assert_eq!(sent(&lab.cluster), Vec::<String>::new());
}

#[tokio::test]
async fn what_contradicts_itself_is_refused_before_anything_is_sent() {
    let lab = lab().await;
    let cases = [
        ("/metadata/namespace", json!("b"), 400, "job_manifest.metadata.namespace"),
        ("/apiVersion", json!("apps/v1"), 400, "job_manifest.apiVersion"),
        ("/kind", json!("Pod"), 400, "job_manifest.kind"),
        ("/metadata", json!([]), 400, "job_manifest.metadata"),
        ("/metadata/labels", json!("x"), 400, "job_manifest.metadata.labels"),
        ("/metadata/annotations", json!(1), 400, "job_manifest.metadata.annotations"),
        ("/metadata/name", json!(7), 400, "job_manifest.metadata.name"),
        ("/metadata/name", json!("Upper"), 422, "job_manifest.metadata.name"),
        ("/metadata/name", json!("n".repeat(64)), 422, "job_manifest.metadata.name"),
    ];
    for (pointer, value, status, field) in cases {
        let mut wanted = manifest("hello");
        for key in ["apiVersion", "kind"] {
            wanted[key] = Value::Null;
        }
        for key in ["namespace", "labels", "annotations"] {
            wanted["metadata"][key] = Value::Null;
        }
        *wanted.pointer_mut(pointer).unwrap() = value;
        let reply = lab.service.post(CREATE_JOB, &json!({ "job_manifest": wanted, "namespace": "a" })).await;
        let told = problem(&reply, status, if status == 400 { "BadRequest" } else { "Invalid" });
        assert_eq!(told["causes"][0]["field"], field, "{told}");
    }
    assert_eq!(sent(&lab.cluster), [""; 0]);
}

#[tokio::test]
async fn a_body_of_another_form_is_refused() {
    let lab = lab().await;
    let good = manifest("hello");
    for (body, field) in [
        (json!({ "job_manifest": good, "namspace": "a" }), "namspace"),
        (json!({ "namespace": "a" }), "body"),
        (json!({ "job_manifest": "a string" }), "job_manifest"),
        (json!({ "job_manifest": good, "namespace": 7 }), "namespace"),
        (json!([good]), "body"),
        (json!(null), "body"),
    ] {
        let reply = lab.service.post(CREATE_JOB, &body).await;
        assert_eq!(problem(&reply, 400, "BadRequest")["causes"][0]["field"], field, "{body}");
    }
    let misspelt = lab.service.post(CREATE_JOB, &json!({ "job_manifest": good, "namspace": "a" })).await;
    assert!(misspelt.text().contains("namspace"), "{}", misspelt.text());
    assert_eq!(sent(&lab.cluster), [""; 0]);
}

#[tokio::test]
async fn warnings_of_the_cluster_come_back_as_text() {
    let lab = lab().await;
    lab.cluster.fault(Fault::new("POST", JOBS, recorded_reply("job-create-unknown-field-warn")));
    let reply = create(&lab.service, &manifest("bad")).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    assert_eq!(reply.json()["warnings"], json!([r#"unknown field "spec.backofLimit""#]));
}

#[tokio::test]
async fn the_caller_chooses_what_becomes_of_unknown_fields() {
    let lab = lab().await;
    let body = |name: &str, level: Value| {
        let mut wanted = manifest(name);
        wanted["spec"]["backofLimit"] = json!(3);
        json!({ "job_manifest": wanted, "field_validation": level })
    };
    let warning = json!(["unknown field \"spec.backofLimit\""]);
    for (at, (query, level, upstream, warnings)) in [
        ("", json!("warn"), "Warn", warning.clone()),
        ("?field_validation=warn", json!("warn"), "Warn", warning),
        ("?field_validation=ignore", Value::Null, "Ignore", json!([])),
    ]
    .into_iter()
    .enumerate()
    {
        let reply = lab.service.post(&format!("{CREATE_JOB}{query}"), &body(&format!("job-{at}"), level)).await;
        assert_eq!(reply.expect_status(201).json()["warnings"], warnings, "{query}");
        let mut posts = lab.cluster.requests().into_iter().filter(|request| request.method == "POST");
        assert_eq!(posts.next_back().unwrap().parameter("fieldValidation"), Some(upstream));
    }
    for level in [json!("strict"), Value::Null] {
        problem(&lab.service.post(CREATE_JOB, &body("strict", level)).await, 400, "BadRequest");
    }
    let before = lab.cluster.count("POST", JOBS);
    for (query, level) in [
        ("", json!("Strict")),
        ("", json!(true)),
        ("?field_validation=", Value::Null),
        ("?field_validation=warn", json!("ignore")),
        ("?field_validation=warn&field_validation=warn", Value::Null),
    ] {
        let reply = lab.service.post(&format!("{CREATE_JOB}{query}"), &body("bad", level.clone())).await;
        let told = problem(&reply, 400, "BadRequest");
        assert_eq!(told["causes"][0]["field"], "field_validation", "{query} {level}");
    }
    assert_eq!(lab.cluster.count("POST", JOBS), before);
}

#[tokio::test]
async fn a_misspelt_field_is_refused_in_kubernetes_own_words() {
    let lab = lab().await;
    let mut wanted = manifest("bad");
    wanted["spec"]["backofLimit"] = json!(3);
    let told = detail(&create(&lab.service, &wanted).await, 400, "BadRequest");
    assert!(told.contains(r#"strict decoding error: unknown field "spec.backofLimit""#), "{told}");
    assert_eq!(lab.cluster.job("default", "bad"), None);
}

#[tokio::test]
async fn every_fault_that_kubernetes_finds_is_a_cause_with_its_field() {
    let lab = lab().await;
    let mut wanted = manifest("bad");
    wanted["spec"] = json!({ "backoffLimit": -1, "template": { "spec": {
        "restartPolicy": "Always", "containers": [{ "name": "A_b", "image": "" }] } } });
    let told = problem(&create(&lab.service, &wanted).await, 422, "Invalid");
    let fields: Vec<&str> = told["causes"].as_array().unwrap().iter().filter_map(|c| c["field"].as_str()).collect();
    let container = "spec.template.spec.containers[0]";
    let expected = [
        "spec.backoffLimit",
        &format!("{container}.name"),
        &format!("{container}.image"),
        "spec.template.spec.restartPolicy",
    ];
    assert_eq!(fields, expected);
    assert_eq!(told["causes"][0]["reason"], "FieldValueInvalid");
    assert!(told["detail"].as_str().unwrap().starts_with(r#"Job.batch "bad" is invalid: ["#), "{told}");
}
