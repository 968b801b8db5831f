//! Who may read the history and the audit. A service without a history says so to those who may.

use serde_json::json;

use crate::access::{ALICE, BOB, Key, ask, bearer, keygen, told, with_keys, with_users};
use crate::given::{BINARY, JOBS};
use crate::support::Lab;
use crate::support::clusters::Clusters;
use crate::support::stub::{Fault, Gate, Kind, Right};
use crate::wire::{Answer, Wire};

const REVIEWS: &str = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
const AUDIT: &str = "/api/eks-list-audit";
const CALLS: [&str; 5] = [
    "/api/eks-list-history",
    "/api/eks-get-job-history?job_name=hello",
    "/api/eks-get-job-stats",
    "/api/eks-job-stats.svg",
    AUDIT,
];
/// A directory that is not there.
const NOWHERE: &str = "/nonexistent/eks-api";

async fn get(lab: &Lab, lines: &str, path: &str) -> Answer {
    ask(&lab.service, "GET", path, lines, None).await
}

fn reason(answer: &Answer) -> (u16, String) {
    let (status, reason, _) = told(answer);
    (status, reason)
}

fn no_history() -> (u16, String) {
    (501, "no_history".to_owned())
}

#[tokio::test]
async fn without_a_directory_each_call_says_which_setting_is_missing() {
    let lab = Lab::start(BINARY).await;
    for path in CALLS {
        let answer = get(&lab, "", path).await;
        assert_eq!(reason(&answer), no_history(), "{path}");
        assert!(answer.body.contains("EKS_API_STATE_DIR"), "{answer:?}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{path}");
    }
}

#[tokio::test]
#[cfg_attr(not(feature = "history"), ignore = "built without the feature history")]
async fn the_runs_are_for_those_who_may_list_the_jobs_of_the_namespace() {
    let lab = with_users(&[]).await;
    lab.cluster.allow_user("bob", Right::to(&["list"], "jobs").within("team-b"));
    for path in &CALLS[..4] {
        let in_namespace = |name: &str| {
            let separator = if path.contains('?') { '&' } else { '?' };
            format!("{path}{separator}namespace={name}")
        };
        assert_eq!(reason(&get(&lab, &bearer(BOB), &in_namespace("team-b")).await), no_history(), "{path}");
        assert_eq!(reason(&get(&lab, &bearer(ALICE), path).await), no_history(), "{path}");
        for other in [&in_namespace("team-a"), *path] {
            assert_eq!(reason(&get(&lab, &bearer(BOB), other).await), (403, "Forbidden".to_owned()), "{other}");
        }
    }
}

#[tokio::test]
#[cfg_attr(not(feature = "history"), ignore = "built without the feature history")]
async fn the_audit_is_for_those_who_may_get_its_path() {
    let lab = with_users(&[]).await;
    lab.cluster.allow_user("bob", Right::to(&["list", "get"], "jobs"));
    let (status, why, detail) = told(&get(&lab, &bearer(BOB), AUDIT).await);
    assert_eq!((status, why.as_str()), (403, "Forbidden"), "{detail}");
    assert!(detail.contains("/eks-api/list_audit") && detail.contains("nonResourceURLs"), "{detail}");
    let asked = lab.cluster.requests().into_iter().rfind(|request| request.path == REVIEWS).unwrap();
    let path = json!({ "path": "/eks-api/list_audit", "verb": "get" });
    assert_eq!(asked.body["spec"], json!({ "nonResourceAttributes": path }));
    lab.cluster.accept_token("carols-own.cluster-token", "carol");
    lab.cluster.allow_user("carol", Right::to(&["get"], "/eks-api/list_audit"));
    assert_eq!(reason(&get(&lab, &bearer("carols-own.cluster-token"), AUDIT).await), no_history());
}

#[tokio::test]
#[cfg_attr(not(feature = "history"), ignore = "built without the feature history")]
async fn the_default_cluster_decides_who_reads_the_audit_of_another() {
    let clusters = Clusters::start(&["a", "b"]).await;
    let (a, b) = (clusters.stub("a"), clusters.stub("b"));
    a.accept_token(ALICE, "alice");
    b.accept_token(BOB, "bob");
    let service = clusters.builder(BINARY).env("EKS_API_AUTH", "kubernetes").start().await;
    service.ready().await;
    let before = b.count("POST", REVIEWS);
    for path in [AUDIT.to_owned(), format!("{AUDIT}?cluster=a"), format!("{AUDIT}?cluster=b")] {
        let get = async |token| reason(&ask(&service, "GET", &path, &bearer(token), None).await);
        assert_eq!(get(ALICE).await, no_history(), "{path}");
        assert_eq!(get(BOB).await, (401, "Unauthorized".to_owned()), "{path}");
    }
    assert_eq!(b.count("POST", REVIEWS), before);
    let unknown = ask(&service, "GET", &format!("{AUDIT}?cluster=c"), &bearer(ALICE), None).await;
    assert_eq!(reason(&unknown), (404, "cluster_not_found".to_owned()));
}

#[tokio::test]
#[cfg_attr(not(feature = "history"), ignore = "built without the feature history")]
async fn the_namespaces_of_the_service_limit_the_runs_and_not_the_audit() {
    let keys = [keygen("all", "admin", "*").await, keygen("team", "admin", "team-*").await];
    let lab = with_keys(&keys.each_ref(), &[("EKS_API_ALLOWED_NAMESPACES", "team-a")]).await;
    let get = async |key: &Key, path: &str| reason(&get(&lab, &bearer(&key.secret), path).await);
    let not_allowed = || (403, "namespace_not_allowed".to_owned());
    let [all, team] = &keys;
    for (path, of_all, of_team) in [
        ("/api/eks-list-history?namespace=team-a", no_history(), no_history()),
        ("/api/eks-list-history?namespace=team-b", not_allowed(), not_allowed()),
        ("/api/eks-get-job-history?job_name=a&namespace=default", not_allowed(), not_allowed()),
        ("/api/eks-get-job-stats?namespace=team-b", not_allowed(), not_allowed()),
        ("/api/eks-list-audit?namespace=team-b", no_history(), no_history()),
        ("/api/eks-list-audit?namespace=default", no_history(), not_allowed()),
        (AUDIT, no_history(), no_history()),
    ] {
        assert_eq!([get(all, path).await, get(team, path).await], [of_all, of_team], "{path}");
    }
}

#[tokio::test]
#[cfg_attr(not(feature = "history"), ignore = "built without the feature history")]
async fn only_known_callers_see_why_the_history_cannot_be_used() {
    let environment = &[("EKS_API_STATE_DIR", NOWHERE)];
    let key = keygen("ci", "admin", "*").await;
    let keys = with_keys(&[&key], environment).await;
    let users = with_users(environment).await;
    let anybody = Lab::with(BINARY, environment).await;
    for (lab, lines, sees) in
        [(&anybody, String::new(), true), (&keys, bearer(&key.secret), true), (&users, bearer(ALICE), false)]
    {
        for path in CALLS {
            let answer = get(lab, &lines, path).await;
            let (status, why, detail) = told(&answer);
            assert_eq!((status, why.as_str()), (503, "history_unavailable"), "{path}: {detail}");
            assert_eq!(answer.header("retry-after"), Some("60"), "{path}");
            assert_eq!(detail.starts_with("the history cannot be used: "), sees, "{path}: {detail}");
            assert!(sees || !detail.contains(NOWHERE), "{path}: {detail}");
        }
    }
}

#[tokio::test]
#[cfg_attr(not(feature = "history"), ignore = "built without the feature history")]
async fn no_call_takes_one_of_the_requests_at_a_time() {
    let lab = Lab::with(BINARY, &[("EKS_API_STATE_DIR", NOWHERE), ("EKS_API_MAX_REQUESTS", "1")]).await;
    let gate = Gate::new();
    lab.cluster.fault(Fault::new("POST", JOBS, Kind::HoldBefore(gate.clone())));
    let mut held = Wire::connect(&lab.service).await;
    held.create("hello").await;
    gate.held(1).await;
    for path in CALLS {
        assert_eq!(reason(&get(&lab, "", path).await), (503, "history_unavailable".to_owned()), "{path}");
    }
    gate.open();
    assert_eq!(held.answer().await.status(), 201);
}

#[tokio::test]
#[cfg_attr(not(feature = "history"), ignore = "built without the feature history")]
async fn each_call_counts_in_the_rate_limit() {
    let lab = Lab::start(BINARY).await;
    for path in CALLS {
        let answer = get(&lab, "", path).await;
        assert!(answer.header("ratelimit").is_some(), "{path}: {answer:?}");
    }
}
