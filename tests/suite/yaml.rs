//! Manifests in YAML, as kubectl takes them: sent bare or in the envelope of create-job.

use serde_json::json;

use crate::calls::{CREATE_JOB, CREATE_NAMESPACE, lab, problem, sent};

const YAML: (&str, &str) = ("content-type", "application/yaml");
const HELLO: &str = "# nightly\napiVersion: batch/v1\nkind: Job\nmetadata:\n  name: hello\nspec:\n  suspend: no\n  template:\n    spec:\n      restartPolicy: Never\n      containers:\n      - &c\n        name: main\n        image: busybox\n        command: [sh, -c, 'exit 0']\n      - <<: *c\n        name: second\n";

#[tokio::test]
async fn a_bare_manifest_takes_its_parameters_from_the_query() {
    let lab = lab().await;
    for label in ["application/yaml", "application/x-yaml; charset=utf-8", "text/yaml", "text/x-yaml"] {
        let target = format!("{CREATE_JOB}?namespace=demo");
        let body = HELLO.replace("hello", &label.replace(|c: char| !c.is_ascii_alphanumeric(), "-"));
        let reply = lab.service.send("POST", &target, &[("content-type", label)], body).await;
        assert_eq!(reply.status, 201, "{label} {}", reply.text());
        assert_eq!(reply.json()["namespace"], "demo");
    }
    let requests = lab.cluster.requests();
    let post = requests.iter().find(|request| request.method == "POST").unwrap();
    assert_eq!(post.headers["content-type"], "application/json");
    assert_eq!(post.body["spec"]["suspend"], json!(false));
    let second = json!({ "name": "second", "image": "busybox", "command": ["sh", "-c", "exit 0"] });
    assert_eq!(post.body["spec"]["template"]["spec"]["containers"][1], second);
}

#[tokio::test]
async fn the_envelope_is_recognized_by_its_member() {
    let lab = lab().await;
    let body = "namespace: team-a\njob_manifest:\n  metadata: {name: hello}\n  spec:\n    template:\n      spec: {restartPolicy: Never, containers: [{name: c, image: busybox}]}\n";
    let reply = lab.service.send("POST", CREATE_JOB, &[YAML], body).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["namespace"]), (201, &json!("team-a")), "{}", reply.text());
}

#[tokio::test]
async fn the_same_key_and_manifest_are_the_same_job_in_both_formats() {
    let lab = lab().await;
    let key = ("idempotency-key", "nightly");
    let yaml =
        lab.service.send("POST", CREATE_JOB, &[YAML, key], "metadata: {generateName: n-}\nspec: {backoffLimit: 0x10, template: {spec: {restartPolicy: Never, containers: [{name: c, image: b}]}}}\n").await;
    let json = r#"{"job_manifest":{"spec":{"template":{"spec":{"containers":[{"image":"b","name":"c"}],"restartPolicy":"Never"}},"backoffLimit":16},"metadata":{"generateName":"n-"}}}"#;
    let again = lab.service.send("POST", CREATE_JOB, &[("content-type", "application/json"), key], json).await;
    assert_eq!((yaml.status.as_u16(), again.status.as_u16()), (201, 200), "{}{}", yaml.text(), again.text());
    assert_eq!(yaml.json()["job_name"], again.json()["job_name"]);
}

#[tokio::test]
async fn what_is_wrong_is_named_with_its_line_and_never_quoted() {
    let lab = lab().await;
    for (body, expected) in [
        ("kind: Job\nmetadata:\n  name: secret-1\n  name: secret-2\n", "line 4 column 3: this key is given twice"),
        ("kind: Job\nmetadata:\n\tname: secret\n", "line 3 column 2: "),
        ("kind: Job\n---\nkind: Job\nmetadata: {name: secret}\n", "line 3 column 1: a second document begins here"),
        ("kind: !secret Job\n", "line 1 column 7: this tag is not supported"),
        ("a: \"secret\n", "line 1 column 4: "),
        ("# nothing\n", "the YAML has no document"),
    ] {
        let reply = lab.service.send("POST", CREATE_JOB, &[YAML], body).await;
        let detail = problem(&reply, 400, "BadRequest")["detail"].as_str().unwrap().to_owned();
        assert!(detail.starts_with(&format!("body: {expected}")) && !detail.contains("secret"), "{detail}");
    }
    let deep = format!("metadata: {}", "[".repeat(1000));
    let bomb: String = (1..30).fold("a0: &a0 [x]\n".to_owned(), |bomb, n| {
        bomb + &format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 10].join(","))
    });
    for body in [deep, bomb] {
        problem(&lab.service.send("POST", CREATE_JOB, &[YAML], body).await, 400, "BadRequest");
    }
    let list = lab.service.send("POST", CREATE_JOB, &[YAML], "kind: List\napiVersion: v1\nitems: []\n").await;
    assert!(list.text().contains("got v1 List"), "{}", list.text());
    assert_eq!(sent(&lab.cluster), [""; 0]);
}

#[tokio::test]
async fn other_calls_take_json_alone() {
    let lab = lab().await;
    let reply = lab.service.send("POST", CREATE_NAMESPACE, &[YAML], "namespace_name: a\n").await;
    problem(&reply, 415, "UnsupportedMediaType");
}
