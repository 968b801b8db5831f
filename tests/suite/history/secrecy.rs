//! What jobs are made with never reaches the files of the history: env, command, arguments, annotations, parameters,
//! names of secrets, keys and tokens.

use std::fs;

use serde_json::{Value, json};

use super::site::{Site, after, failed, running};
use crate::access::{file, keygen};
use crate::calls::{CREATE_JOB, nameless};
use crate::given::cron_job;
use crate::support::service::Reply;

/// A value that nothing else contains.
fn secret() -> String {
    let letters = std::iter::repeat_with(|| fastrand::char('a'..='z'));
    format!("s-{}", letters.take(24).collect::<String>())
}

/// The values that must not be found, by what they are.
#[derive(Default)]
struct Secrets(Vec<(&'static str, String)>);

impl Secrets {
    /// Makes a value of this kind.
    fn value(&mut self, what: &'static str) -> String {
        self.add(what, secret())
    }

    fn add(&mut self, what: &'static str, value: String) -> String {
        self.0.push((what, value.clone()));
        value
    }

    /// Fails if a file of the history has one of the values.
    fn are_not_in(&self, site: &Site, when: &str) {
        let files: Vec<_> = fs::read_dir(site.state.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(files.contains(&site.database()), "{files:?}");
        for path in files {
            let bytes = fs::read(&path).unwrap();
            for (what, value) in &self.0 {
                assert!(!has(&bytes, value), "{when}: {what} is in {}", path.display());
            }
        }
    }
}

fn has(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// A manifest with a secret in each place that may have one. Its label is none.
fn full(secrets: &mut Secrets, label: &str) -> Value {
    let mut manifest = nameless();
    manifest["metadata"] =
        json!({ "labels": { "team": label }, "annotations": { "note": secrets.value("an annotation") } });
    let template = &mut manifest["spec"]["template"];
    template["metadata"] = json!({ "annotations": { "note": secrets.value("an annotation of the pod") },
        "labels": { "pod": secrets.value("a label of the pod") } });
    let from = json!({ "secretKeyRef": { "name": secrets.value("the name of a secret"),
        "key": secrets.value("the key of a secret") } });
    let env = json!([{ "name": "PASSWORD", "value": secrets.value("env") }, { "name": "TOKEN", "valueFrom": from }]);
    let secret_ref = json!({ "name": secrets.value("envFrom") });
    template["spec"]["containers"][0] = json!({ "name": "c", "image": "busybox", "env": env,
        "envFrom": [{ "secretRef": secret_ref }], "command": ["sh", secrets.value("command")],
        "args": [secrets.value("an argument")], "workingDir": format!("/{}", secrets.value("the directory")) });
    template["spec"]["volumes"] =
        json!([{ "name": "v", "secret": { "secretName": secrets.value("the secret of a volume") } }]);
    template["spec"]["imagePullSecrets"] = json!([{ "name": secrets.value("imagePullSecrets") }]);
    manifest
}

/// Creates a job of each form: of a manifest, of a template, as a batch. The replies have the names.
async fn create(site: &Site, secrets: &mut Secrets, label: &str) -> Vec<String> {
    let key = secrets.value("an idempotency key");
    let mut body = json!({ "job_manifest": full(secrets, label) });
    body["job_manifest"]["metadata"]["name"] = json!("whole");
    let headers = [("idempotency-key", key.as_str())];
    site.send("POST", CREATE_JOB, &headers, &body).await.expect_status(201);
    site.lab.cluster.put_cron_job(cron_job("etl"));
    let from_template = json!({ "template": { "cron_job": "etl" },
        "parameters": { "DATE": secrets.value("a parameter"), "MODE": secrets.value("another parameter") },
        "overrides": { "env": { "TOKEN": secrets.value("an override") }, "args": [secrets.value("overridden arguments")] } });
    let made = site.post(CREATE_JOB, &from_template).await.expect_status(201).json();
    let overrides = json!({ "env": { "N": secrets.value("env of a member") } });
    let batch = json!({ "batch_name": "nightly", "job_manifest": full(secrets, label),
        "jobs": [{ "overrides": overrides }] });
    site.post("/api/eks-create-batch", &batch).await.expect_status(201);
    vec!["whole".to_owned(), made["job_name"].as_str().unwrap().to_owned(), "nightly-0000".to_owned()]
}

/// Makes calls that are refused, so that the audit records them.
async fn be_refused(site: &Site, secrets: &mut Secrets) {
    let mut invalid = json!({ "job_manifest": full(secrets, "data") });
    invalid["job_manifest"]["spec"]["template"]["spec"]["restartPolicy"] = json!(secrets.value("a wrong value"));
    let refused = |reply: Reply| assert!(reply.status.is_client_error(), "{}", reply.text());
    refused(site.post(CREATE_JOB, &invalid).await);
    let unknown = json!({ "job_manifest": { "spec": { secrets.value("an unknown field"): 1 } } });
    refused(site.post(CREATE_JOB, &unknown).await);
    let wrong = format!("Bearer {}", secrets.value("a wrong key"));
    let path = "/api/eks-delete-job?job_name=whole";
    refused(site.lab.service.send("DELETE", path, &[("authorization", &wrong)], "").await);
    let cookie = secrets.value("a cookie");
    let headers = [("cookie", cookie.as_str()), ("x-request-id", "refused")];
    refused(site.send("DELETE", "/api/eks-delete-job?job_name=never", &headers, &Value::Null).await);
}

/// Lets each job fail, with what its container said.
async fn fail(site: &Site, names: &[String], termination: &str) {
    for name in names {
        let job = site.lab.cluster.job("default", name).unwrap();
        let owners = json!([{ "kind": "Job", "name": name, "uid": job["metadata"]["uid"], "controller": true }]);
        let container = job["spec"]["template"]["spec"]["containers"][0]["name"].clone();
        let end = json!({ "exitCode": 3, "message": termination });
        site.lab.cluster.put_pod(json!({
            "metadata": { "name": format!("{name}-a"), "namespace": "default", "ownerReferences": owners,
                "labels": job["spec"]["selector"]["matchLabels"] },
            "spec": { "containers": job["spec"]["template"]["spec"]["containers"] },
            "status": { "phase": "Failed",
                "containerStatuses": [{ "name": container, "state": { "terminated": end } }] },
        }));
        // Pods are asked only about a recent failure.
        let created = job["metadata"]["creationTimestamp"].as_str().unwrap();
        site.set_status(name, running(created));
        site.set_status(name, failed(created, &after(created, 1)));
        site.until_run(name, |run| run["termination_message"] == termination).await;
    }
}

/// The files have what the contract records, so that a search of them means something.
fn records_are_in(site: &Site, texts: &[&str]) {
    let files = fs::read_dir(site.state.path()).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap());
    let files: Vec<_> = files.collect();
    for text in texts {
        assert!(files.iter().any(|bytes| has(bytes, text)), "{text} is in no file");
    }
}

#[tokio::test]
async fn what_jobs_are_made_with_and_keys_are_in_no_file() {
    let mut secrets = Secrets::default();
    let (label, termination) = (secret(), secret());
    let key = keygen("ci", "admin", "*").await;
    let settings = [("EKS_API_AUTH", "api-key"), ("EKS_API_KEYS_FILE", "keys")];
    let mut site = Site::with(|builder| builder.envs(&settings).file("keys", &file(&[&key]))).await;
    site.token = Some(secrets.add("the key", key.secret.clone()));
    secrets.add("the secret key of AWS", "lab-secret-one".to_owned());
    secrets.add("a token of the cluster", "k8s-aws-v1.".to_owned());
    let names = create(&site, &mut secrets, &label).await;
    let manifests: String = site.lab.cluster.jobs("default").iter().map(Value::to_string).collect();
    let env = secrets.0.iter().filter(|(what, _)| *what == "env");
    assert_eq!(env.filter(|(_, value)| manifests.contains(value)).count(), 2, "they do reach the cluster");
    be_refused(&site, &mut secrets).await;
    fail(&site, &names, &termination).await;
    secrets.are_not_in(&site, "while it runs");
    site.stop("TERM").await;
    secrets.are_not_in(&site, "after the end");
    records_are_in(&site, &[&label, &termination]);
    records_are_in(&site, &["BackoffLimitExceeded", "cronjob/etl", "nightly-0000", "create_job", "busybox"]);
}

#[tokio::test]
async fn the_tokens_of_callers_are_in_no_file() {
    let mut secrets = Secrets::default();
    let mut site = Site::with(|builder| builder.env("EKS_API_AUTH", "kubernetes")).await;
    let alice = secrets.add("the token of alice", format!("{}.token", secret()));
    let bob = secrets.add("the token of bob", format!("{}.token", secret()));
    for (token, user) in [(&alice, "alice"), (&bob, "bob")] {
        site.lab.cluster.accept_token(token, user);
    }
    site.lab.cluster.deny_user("bob", "create", "jobs");
    let mut wanted = full(&mut secrets, "data");
    wanted["metadata"]["name"] = json!("hello");
    let body = json!({ "job_manifest": wanted });
    site.token = Some(bob);
    site.post(CREATE_JOB, &body).await.expect_status(403);
    site.token = Some(alice);
    site.post(CREATE_JOB, &body).await.expect_status(201);
    site.until_state("hello", "pending").await;
    site.stop("TERM").await;
    secrets.are_not_in(&site, "after the end");
    records_are_in(&site, &["hello", "create_job", "Forbidden"]);
}
