//! Who the service is to the cluster, and what it may do there.

use std::rc::Rc;
use std::time::SystemTime;

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{BINARY, World, manifest, rules_of_all_routes};
use crate::support::judge::Key;
use crate::support::real::Webhook;
use crate::support::service::{Builder, run};

const REVIEW: &str = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";

fn signing_with(builder: Builder, key: &Key) -> Builder {
    let builder = builder.env("AWS_ACCESS_KEY_ID", &key.id).env("AWS_SECRET_ACCESS_KEY", &key.secret);
    match &key.session_token {
        Some(token) => builder.env("AWS_SESSION_TOKEN", token),
        None => builder,
    }
}

/// Runs `eks-api` with these arguments as somebody with this key. Returns whether it succeeded, and what it printed.
async fn command(world: &World, key: &Key, argument: &str) -> (bool, String) {
    let url = world.aws.url();
    let environment = [
        ("EKS_CLUSTER_NAME", "lab"),
        ("EKS_REGION", "us-east-1"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_ENDPOINT_URL_EKS", &url),
        ("AWS_ENDPOINT_URL_STS", &url),
        ("AWS_ACCESS_KEY_ID", &key.id),
        ("AWS_SECRET_ACCESS_KEY", &key.secret),
        ("AWS_SESSION_TOKEN", key.session_token.as_deref().unwrap_or_default()),
    ];
    let output = run(BINARY, &[argument], &environment).await;
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

fn named(rule: &Value) -> String {
    let part = |name: &str| rule[name][0].as_str().unwrap();
    let group = part("apiGroups");
    let dot = if group.is_empty() { "" } else { "." };
    format!("{} {}{dot}{group}:", part("verbs"), part("resources"))
}

pub(super) async fn the_permissions_that_routes_name_are_enough_for_a_check_to_pass(world: Rc<World>) {
    let (passed, report) = command(&world, &Webhook::service_key(), "check").await;
    assert!(passed, "{report}");
    assert!(!report.contains("FAILED"), "{report}");
    for rule in rules_of_all_routes() {
        assert!(report.lines().any(|line| line.starts_with(&format!("ok      {}", named(&rule)))), "{rule}\n{report}");
    }
}

pub(super) async fn a_check_names_each_missing_permission(world: Rc<World>) {
    let (passed, report) = command(&world, &Webhook::stranger_key(), "check").await;
    assert!(!passed, "{report}");
    for step in ["credentials", "identity", "cluster", "tls", "token"] {
        assert!(report.lines().any(|line| line.starts_with(&format!("ok      {step}:"))), "{step}\n{report}");
    }
    for rule in rules_of_all_routes() {
        assert!(report.lines().any(|line| line.starts_with(&format!("FAILED  {}", named(&rule)))), "{rule}\n{report}");
    }
}

pub(super) async fn a_caller_without_rights_reads_kubernetes_own_message(world: Rc<World>) {
    let stranger = signing_with(world.another_service(), &Webhook::stranger_key()).start().await;
    // It may not follow the jobs either, and so is never quite as it should be.
    stranger.log_line(|line| line.contains("check passed") && line.contains("kubernetes")).await;
    stranger.log_line(|line| line.contains("check failed") && line.contains("check=watch")).await;
    let body = json!({ "job_manifest": manifest("job", 0), "namespace": "default" });
    let refused = stranger.post("/api/eks-create-job", &body).await.expect_status(403).json();
    assert_eq!(refused["reason"], "Forbidden");
    let message = "jobs.batch is forbidden: User \"iam:ASIALABSESSION000001\" cannot create resource \"jobs\" in API \
                   group \"batch\" in the namespace \"default\"";
    assert_eq!(refused["detail"], message);
    for (path, verb) in [
        ("/api/eks-get-job-status?job_name=job", "cannot get resource \"jobs\""),
        ("/api/eks-delete-job?job_name=job", "cannot delete resource \"jobs\""),
        ("/api/eks-delete-namespace?namespace_name=team", "cannot delete resource \"namespaces\""),
    ] {
        let method = if path.contains("get") { "GET" } else { "DELETE" };
        let refused = stranger.send(method, path, &[], "").await.expect_status(403).json();
        assert!(refused["detail"].as_str().unwrap().contains(verb), "{refused}");
    }
}

pub(super) async fn a_key_that_iam_does_not_know_is_an_upstream_failure(world: Rc<World>) {
    let unknown = Key::new("AKIALABUNKNOWN000001", "no-such-secret", None);
    let service = signing_with(world.another_service(), &unknown).start().await;
    // It never becomes ready; what it says then is not what is asked here.
    service.log_line(|line| line.contains("check failed") && line.contains("kubernetes")).await;
    let refused = service.get("/api/eks-get-job-status?job_name=job").await.expect_status(502).json();
    assert_eq!(refused["reason"], "upstream_unauthorized");
    let health = service.get("/health").await.expect_status(200).json();
    assert_eq!((&health["status"], &health["checks"]["kubernetes"]["status"]), (&json!("degraded"), &json!("failed")));
    service.get("/readyz").await.expect_status(503);
}

pub(super) async fn kubectl_can_use_the_printed_token(world: Rc<World>) {
    let (succeeded, printed) = command(&world, &Webhook::stranger_key(), "token").await;
    assert!(succeeded);
    let credential: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(credential["kind"], "ExecCredential");
    let until = credential["status"]["expirationTimestamp"].as_str().unwrap();
    assert!(OffsetDateTime::parse(until, &Rfc3339).unwrap() > OffsetDateTime::from(SystemTime::now()), "{until}");

    let ask = json!({ "spec": { "resourceAttributes": { "verb": "create", "group": "batch", "resource": "jobs" } } });
    let token = |credential: &Value| credential["status"]["token"].as_str().unwrap().to_owned();
    let stranger = world.cluster.api_as(&token(&credential)).post(REVIEW, &ask).await.expect_status(201).json();
    assert_eq!(stranger["status"]["allowed"], false);

    let (_, printed) = command(&world, &Webhook::service_key(), "token").await;
    let credential: Value = serde_json::from_str(&printed).unwrap();
    let service = world.cluster.api_as(&token(&credential)).post(REVIEW, &ask).await.expect_status(201).json();
    assert_eq!(service["status"]["allowed"], true);
    world.cluster.api_as("k8s-aws-v1.forged").post(REVIEW, &ask).await.expect_status(401);
}
