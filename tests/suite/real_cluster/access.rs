//! Who the service is to the cluster, and what it may do there.

use std::rc::Rc;
use std::time::SystemTime;

use eks_api::api::routes::Route;
use eks_api::api::routes::access::Access;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{BINARY, World, manifest};
use crate::support::judge::Key;
use crate::support::real::{MODEST, Webhook, eventually};
use crate::support::service::{Builder, Service, run};

const REVIEW: &str = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";

pub(super) fn signing_with(builder: Builder, key: &Key) -> Builder {
    let builder = builder.env("AWS_ACCESS_KEY_ID", &key.id).env("AWS_SECRET_ACCESS_KEY", &key.secret);
    match &key.session_token {
        Some(token) => builder.env("AWS_SESSION_TOKEN", token),
        None => builder,
    }
}

/// Runs `eks-api` with these arguments as somebody with this key. Returns whether it succeeded, and what it printed.
pub(super) async fn command(world: &World, key: &Key, argument: &str) -> (bool, String) {
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

/// One RBAC rule for each permission that a route names.
fn rules_of_all_routes() -> Vec<Value> {
    let permissions = Route::ALL.into_iter().flat_map(|route| match route.access() {
        Access::Cluster(_, permissions) => permissions,
        Access::Open | Access::Operator(_) => &[],
    });
    let rule = |verb, group, resource| json!({ "verbs": [verb], "apiGroups": [group], "resources": [resource] });
    permissions.map(|permission| rule(permission.verb, permission.group, permission.resource)).collect()
}

fn named(rule: &Value) -> String {
    let part = |name: &str| rule[name][0].as_str().unwrap();
    let group = part("apiGroups");
    let dot = if group.is_empty() { "" } else { "." };
    format!("{} {}{dot}{group}:", part("verbs"), part("resources"))
}

pub(super) async fn what_rbac_yaml_grants_is_enough_for_a_check_to_pass(world: Rc<World>) {
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
        // Only jobs from CronJobs need these.
        let outcome = if rule["resources"][0] == "cronjobs" { "warning " } else { "FAILED  " };
        let begin = format!("{outcome}{}", named(&rule));
        assert!(report.lines().any(|line| line.starts_with(&begin)), "{rule}\n{report}");
    }
}

pub(super) async fn a_caller_without_rights_reads_kubernetes_own_message(world: Rc<World>) {
    let stranger = signing_with(world.another_service(), &Webhook::stranger_key()).start().await;
    serves(&stranger).await;
    let body = json!({ "job_manifest": manifest("job", 0), "namespace": "default" });
    let refused = stranger.post("/api/eks-create-job", &body).await.expect_status(403).json();
    assert_eq!(refused["reason"], "Forbidden");
    let message = "jobs.batch is forbidden: User \"iam:ASIALABSESSION000001\" cannot create resource \"jobs\" in API \
                   group \"batch\" in the namespace \"default\"";
    assert_eq!(refused["detail"], message);
    for (path, verb) in [
        ("/api/eks-get-job-status?job_name=job", "cannot get resource \"jobs\""),
        ("/api/eks-delete-job?job_name=job", "cannot delete resource \"jobs\""),
        ("/api/eks-list-jobs", "cannot list resource \"jobs\""),
        ("/api/eks-get-job-logs?job_name=job", "cannot get resource \"jobs\""),
        ("/api/eks-list-namespaces", "cannot list resource \"namespaces\""),
        ("/api/eks-get-namespace-status?namespace_name=team", "cannot get resource \"namespaces\""),
        ("/api/eks-suspend-job?job_name=job", "cannot patch resource \"jobs\""),
        ("/api/eks-resume-job?job_name=job", "cannot patch resource \"jobs\""),
        ("/api/eks-delete-namespace?namespace_name=team", "cannot delete resource \"namespaces\""),
    ] {
        let method = match path {
            _ if path.contains("delete") => "DELETE",
            _ if path.contains("-job?") && !path.contains("get") => "POST",
            _ => "GET",
        };
        let refused = stranger.send(method, path, &[], "").await.expect_status(403).json();
        assert!(refused["detail"].as_str().unwrap().contains(verb), "{refused}");
    }
}

/// Waits until calls are served, although they may be refused in the cluster.
pub(super) async fn serves(service: &Service) {
    eventually("a service that serves", async || (service.get("/readyz").await.status == 200).then_some(())).await;
}

/// Jobs are read one by one, and nobody is told that they are followed.
pub(super) async fn without_the_right_to_list_and_watch_the_cluster_is_asked_each_time(world: Rc<World>) {
    let follows =
        |rule: &Value| rule["resources"][0] == "jobs" && ["list", "watch"].iter().any(|v| rule["verbs"][0] == *v);
    world.cluster.allow(MODEST, rules_of_all_routes().into_iter().filter(|rule| !follows(rule)).collect()).await;
    let modest = signing_with(world.another_service(), &Webhook::modest_key()).start().await;
    serves(&modest).await;
    let health = eventually("a check that failed", async || {
        let health = modest.get("/health").await.expect_status(200).json();
        (health["checks"]["watch"]["status"] == "failed").then_some(health)
    })
    .await;
    assert_eq!((&health["status"], &health["checks"]["kubernetes"]["status"]), (&json!("degraded"), &json!("passed")));
    let why = health["checks"]["watch"]["detail"].as_str().unwrap();
    assert!(why.contains("cannot list resource \"jobs\""), "{why}");

    let body = json!({ "job_manifest": manifest("job", 0), "namespace": "modest", "wait": "200ms" });
    let created = modest.post("/api/eks-create-job", &body).await.expect_status(201).json();
    assert_eq!((&created["job"]["state"], &created["job"]["uid"]), (&json!("pending"), &created["uid"]));
    let status = "/api/eks-get-job-status?namespace=modest&job_name=job";
    for path in [status, &format!("{status}&wait=200ms"), &format!("{status}&details=true")] {
        let reply = modest.get(path).await.expect_status(200);
        assert_eq!((reply.header("x-cache"), reply.header("age")), (Some("miss"), None), "{path}");
    }
    let refused = modest.get("/api/eks-list-jobs?namespace=modest").await.expect_status(403).json();
    assert!(refused["detail"].as_str().unwrap().contains("cannot list resource \"jobs\""), "{refused}");
    let refused = modest.get("/api/eks-watch-jobs?namespace=modest").await.expect_status(503).json();
    assert_eq!(refused["reason"], "not_watching");
    assert!(refused["detail"].as_str().unwrap().contains("cannot list resource \"jobs\""), "{refused}");
    modest
        .delete("/api/eks-delete-job?namespace=modest&job_name=job&propagation_policy=Background")
        .await
        .expect_status(200);
    modest.get(status).await.expect_status(404);
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
