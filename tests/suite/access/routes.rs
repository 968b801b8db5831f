//! The table: every route in every mode, with no credential, a wrong one, one that is right and not enough, and one that
//! is. A route without its row fails.

use std::collections::BTreeMap;

use eks_api::api::routes::Route;
use eks_api::api::routes::access::Access;
use eks_api::auth::role::Role;
use serde_json::{Value, json};

use super::{
    ALICE, BOB, FORGED, Key, Right, ask, bearer, keygen, keygen_with, own_job_in, reason, since, tokens, with_keys,
    with_users,
};
use crate::given::BINARY;
use crate::support::Lab;
use crate::support::stub::StubCluster;
use crate::wire::Answer;

/// A call of a route. It succeeds for callers that have the right to it in `team-a`.
struct Row {
    route: Route,
    query: &'static str,
    body: Option<Value>,
    status: u16,
    /// The status for a key for other namespaces.
    outside: u16,
    /// The status for a user who has no right in the cluster.
    without_rights: u16,
}

fn rows() -> Vec<Row> {
    use Route::{
        CreateBatch, CreateJob, CreateNamespace, DeleteBatch, DeleteJob, DeleteNamespace, Docs, DocsIcon, DocsScript,
        DocsStart, DocsStyle, GetBatchStatus, GetJobHistory, GetJobLogs, GetJobStats, GetJobStatus, GetNamespaceStatus,
        Health, JobStatsSvg, ListAudit, ListBatches, ListClusters, ListDeliveries, ListHistory, ListJobs,
        ListNamespaces, ListTemplates, ListWebhooks, Livez, Metrics, OpenApi, Readyz, Redeliver, ResumeBatch,
        ResumeJob, SuspendBatch, SuspendJob, TestWebhook, WatchJobs,
    };
    let row = |route, query| Row { route, query, body: None, status: 200, outside: 403, without_rights: 403 };
    let open = |route| Row { route, query: "", body: None, status: 200, outside: 200, without_rights: 200 };
    let made = |row, body| Row { body: Some(body), status: 201, ..row };
    // The services here keep no history. They say so to those who may read it.
    let past = |route, query| Row { status: 501, ..row(route, query) };
    // Nor have they webhooks. These calls name no namespace.
    let sent = |route, query| Row { outside: 501, ..past(route, query) };
    let hello = "?job_name=hello&namespace=team-a";
    let mut rows = vec![
        made(row(CreateJob, ""), super::job_in("team-a", "made")),
        row(GetJobStatus, hello),
        row(DeleteJob, "?job_name=doomed&namespace=team-a&propagation_policy=Background"),
        row(ListJobs, "?namespace=team-a"),
        row(WatchJobs, "?namespace=team-a"),
        row(GetJobLogs, hello),
        row(SuspendJob, hello),
        row(ResumeJob, hello),
        made(row(CreateBatch, ""), super::batch_in("team-a")),
        row(GetBatchStatus, "?batch_name=nightly&namespace=team-a"),
        row(ListBatches, "?namespace=team-a"),
        row(DeleteBatch, "?batch_name=doomed-batch&namespace=team-a"),
        row(SuspendBatch, "?batch_name=nightly&namespace=team-a"),
        row(ResumeBatch, "?batch_name=nightly&namespace=team-a"),
        // Without the right to list CronJobs it shows the presets. A user needs a token that the cluster accepts.
        Row { without_rights: 200, ..row(ListTemplates, "?namespace=team-a") },
        past(ListHistory, "?namespace=team-a"),
        past(GetJobHistory, hello),
        past(GetJobStats, "?namespace=team-a&group_by=day"),
        past(JobStatsSvg, "?namespace=team-a"),
        past(ListAudit, "?namespace=team-a"),
        sent(ListWebhooks, ""),
        sent(ListDeliveries, "?webhook=ops&state=failed&since=1h"),
        Row { body: Some(json!({ "webhook": "ops", "since": "1h" })), ..sent(Redeliver, "") },
        sent(TestWebhook, "?webhook=ops"),
        made(row(CreateNamespace, ""), json!({ "namespace_name": "team-new" })),
        row(DeleteNamespace, "?namespace_name=team-gone"),
        // It shows to each key the namespaces of that key.
        Row { outside: 200, ..row(ListNamespaces, "") },
        row(GetNamespaceStatus, "?namespace_name=team-a"),
        // It shows to each key the clusters of that key. A user needs a token that the cluster accepts, and no right.
        Row { outside: 200, without_rights: 200, ..row(ListClusters, "") },
    ];
    let open_routes =
        [Health, Livez, Readyz, Metrics, OpenApi, Docs, DocsStart, DocsScript, DocsStyle, DocsIcon].map(open);
    rows.extend(open_routes);
    rows
}

/// Puts all back as each row expects it.
fn prepare(cluster: &StubCluster) {
    cluster.remove_job("team-a", "made");
    cluster.finish_namespace("team-new");
    for namespace in ["team-a", "team-gone"] {
        cluster.put_namespace(json!({ "metadata": { "name": namespace }, "status": { "phase": "Active" } }));
    }
    for name in ["hello", "doomed"] {
        let mut job = own_job_in("team-a", name);
        job["spec"]["selector"] = json!({ "matchLabels": { "of": name } });
        cluster.put_job(job);
    }
    for name in ["nightly", "doomed-batch"] {
        cluster.put_job(super::head_in("team-a", name));
    }
    let status = json!({ "name": "c", "restartCount": 0, "state": { "terminated": { "exitCode": 0 } } });
    cluster.put_pod(json!({
        "metadata": { "name": "hello-x", "namespace": "team-a", "labels": { "of": "hello" } },
        "spec": { "containers": [{ "name": "c" }] },
        "status": { "phase": "Succeeded", "containerStatuses": [status] },
    }));
    cluster.put_log("team-a", "hello-x", "c", "done\n");
}

/// What a call with these header lines comes to, and the tokens that the cluster saw of it.
async fn called(lab: &Lab, row: &Row, lines: &str) -> (Answer, Vec<String>) {
    prepare(&lab.cluster);
    let before = lab.cluster.requests().len();
    let path = format!("{}{}", row.route.path(), row.query);
    let answer = ask(&lab.service, row.route.method().as_str(), &path, lines, row.body.as_ref()).await;
    let seen = since(&lab.cluster, before);
    (answer, tokens(&seen).into_iter().map(str::to_owned).collect())
}

const NOBODY: &[&str] = &[];

/// Checks the status, that a 401 (and nothing else) says how to come back, the reason, and that the cluster saw nobody
/// but these.
#[track_caller]
fn check(row: &Row, who: &str, (answer, seen): &(Answer, Vec<String>), status: u16, why: &str, by: &[&str]) {
    let context = format!("{:?}, {who}: {answer:?}", row.route);
    assert_eq!(answer.status(), status, "{context}");
    let challenge = (status == 401).then_some("Bearer realm=\"eks-api\"");
    assert_eq!(answer.header("www-authenticate"), challenge, "{context}");
    if !why.is_empty() {
        assert_eq!(reason(answer), (status, why.to_owned()), "{context}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{context}");
    }
    let is_by = |token: &String| by.iter().any(|prefix| token.starts_with(prefix));
    assert!(seen.iter().all(is_by), "the cluster saw {seen:?}: {context}");
}

#[test]
fn every_route_has_its_row() {
    let count = |routes: &mut dyn Iterator<Item = Route>| {
        let mut counts = BTreeMap::new();
        routes.for_each(|route| *counts.entry(format!("{route:?}")).or_insert(0) += 1);
        counts
    };
    let (rows, all) = (count(&mut rows().iter().map(|row| row.route)), count(&mut Route::ALL.into_iter()));
    assert_eq!(rows, all, "a row of this table says who may call a route, and how that is tried");
}

#[tokio::test]
async fn without_authentication_everybody_may_call_and_credentials_are_no_ones() {
    let lab = Lab::start(BINARY).await;
    for row in rows() {
        for (who, lines) in [
            ("no credential", String::new()),
            ("a wrong one", bearer(FORGED)),
            ("right elsewhere", "X-API-Key: eks-api-of-somebody\r\n".to_owned()),
            ("right elsewhere too", "Authorization: Basic YTpi\r\n".to_owned()),
        ] {
            check(&row, who, &called(&lab, &row, &lines).await, row.status, "", &["k8s-aws-v1."]);
        }
    }
}

#[tokio::test]
async fn with_keys_each_route_is_for_its_role_and_its_namespaces() {
    let (team, all) = ("team-*", [Role::Read, Role::Run, Role::Write, Role::Admin]);
    let mut keys: Vec<Key> = Vec::new();
    for role in all {
        let templates: &[&str] = if role == Role::Run { &["--templates", "*"] } else { &[] };
        keys.push(keygen_with(role.name(), role.name(), team, templates).await);
    }
    let outsider = keygen("outsider", "admin", "other,steam-*").await;
    let lab = with_keys(&keys.iter().chain([&outsider]).collect::<Vec<_>>(), &[]).await;
    let service = &["k8s-aws-v1."];
    for row in rows() {
        let Some(needed) = row.route.access().role() else {
            for lines in [String::new(), bearer(FORGED), bearer(&keys[0].secret)] {
                check(&row, "whoever", &called(&lab, &row, &lines).await, row.status, "", NOBODY);
            }
            continue;
        };
        check(&row, "no credential", &called(&lab, &row, "").await, 401, "Unauthorized", NOBODY);
        for wrong in
            [bearer(FORGED), bearer("eks-api-"), "X-API-Key: x\r\n".into(), "Authorization: Basic YTpi\r\n".into()]
        {
            check(&row, &wrong, &called(&lab, &row, &wrong).await, 401, "Unauthorized", NOBODY);
        }
        for (role, key) in all.into_iter().zip(&keys) {
            let answer = called(&lab, &row, &bearer(&key.secret)).await;
            // The job is made from a manifest, which the role run does not include.
            let is_refused = role < needed || (role == Role::Run && !row.route.is_read());
            if is_refused {
                check(&row, role.name(), &answer, 403, "role_not_sufficient", NOBODY);
            } else {
                check(&row, role.name(), &answer, row.status, "", service);
            }
            let answer = called(&lab, &row, &format!("X-API-Key: {}\r\n", key.secret)).await;
            assert_eq!(answer.0.status(), if is_refused { 403 } else { row.status }, "{:?}", row.route);
        }
        let answer = called(&lab, &row, &bearer(&outsider.secret)).await;
        if row.outside == 403 {
            check(&row, "outsider", &answer, 403, "namespace_not_allowed", NOBODY);
        } else {
            check(&row, "outsider", &answer, row.outside, "", service);
            assert!(!answer.0.body.contains("team-"), "{answer:?}");
        }
    }
}

#[tokio::test]
async fn with_tokens_of_the_cluster_it_is_asked_as_the_caller_and_never_as_the_service() {
    let lab = with_users(&[]).await;
    lab.cluster.allow_user("bob", Right::to(&["none"], "none"));
    for row in rows() {
        if row.route.access() == Access::Open {
            for lines in [String::new(), bearer(FORGED), bearer(ALICE)] {
                check(&row, "whoever", &called(&lab, &row, &lines).await, row.status, "", NOBODY);
            }
            continue;
        }
        check(&row, "no credential", &called(&lab, &row, "").await, 401, "Unauthorized", NOBODY);
        for no_token in ["Authorization: Bearer a b\r\n", "Authorization: Basic YTpi\r\n", "X-API-Key: x\r\n"] {
            check(&row, no_token, &called(&lab, &row, no_token).await, 401, "Unauthorized", NOBODY);
        }
        check(&row, "a wrong one", &called(&lab, &row, &bearer(FORGED)).await, 401, "Unauthorized", &[FORGED]);
        let why = if row.without_rights == 403 { "Forbidden" } else { "" };
        check(&row, "bob", &called(&lab, &row, &bearer(BOB)).await, row.without_rights, why, &[BOB]);
        check(&row, "alice", &called(&lab, &row, &bearer(ALICE)).await, row.status, "", &[ALICE]);
    }
}

#[tokio::test]
async fn head_is_no_way_around_what_get_needs() {
    let key = keygen("elsewhere", "admin", "other").await;
    let (keys, users) = (with_keys(&[&key], &[]).await, with_users(&[]).await);
    users.cluster.allow_user("bob", Right::to(&["none"], "none"));
    prepare(&users.cluster);
    for row in rows().into_iter().filter(|row| row.route.is_read() && row.route.access() != Access::Open) {
        let path = format!("{}{}", row.route.path(), row.query);
        for (lab, token, status) in [
            (&keys, None, 401),
            (&keys, Some(key.secret.as_str()), row.outside),
            (&users, None, 401),
            (&users, Some(FORGED), 401),
            (&users, Some(BOB), row.without_rights),
        ] {
            let authorization = token.map(|token| format!("Bearer {token}"));
            let headers: Vec<_> = authorization.iter().map(|value| ("authorization", value.as_str())).collect();
            let reply = lab.service.send("HEAD", &path, &headers, "").await;
            assert_eq!(reply.status, status, "{:?} {token:?}", row.route);
            assert_eq!(reply.body.len(), 0);
        }
    }
}
