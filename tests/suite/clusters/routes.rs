//! Every route with two clusters: a call reaches the cluster that it names and no other. A route without its row fails.

use eks_api::api::routes::Route;
use serde_json::{Value, json};

use super::{BOTH, Lab, StubCluster, active, since, to};
use crate::access::{ask, batch_in, head_in, job_in, own_job_in, told};
use crate::readme::stream::Stream;
use crate::support::stub::Recorded;
use crate::wire::Answer;

/// The status of the calls about the history: the service here keeps none.
const NO_HISTORY: u16 = 501;

/// A call of a route that succeeds in both clusters.
struct Row {
    route: Route,
    query: &'static str,
    body: Option<Value>,
    status: u16,
    /// Whether the call reaches the API server. The others are answered from memory.
    asks: bool,
}

fn rows() -> Vec<Row> {
    use Route::{
        CreateBatch, CreateJob, CreateNamespace, DeleteBatch, DeleteJob, DeleteNamespace, GetBatchStatus,
        GetJobHistory, GetJobLogs, GetJobStats, GetJobStatus, GetNamespaceStatus, JobStatsSvg, ListAudit, ListBatches,
        ListClusters, ListHistory, ListJobs, ListNamespaces, ListTemplates, ResumeBatch, ResumeJob, SuspendBatch,
        SuspendJob, WatchJobs,
    };
    let row = |route, query| Row { route, query, body: None, status: 200, asks: true };
    let from_memory = |row| Row { asks: false, ..row };
    let past = |route, query| from_memory(Row { status: NO_HISTORY, ..row(route, query) });
    let made = |row, body| Row { body: Some(body), status: 201, ..row };
    let hello = "?job_name=hello&namespace=team-a";
    let of_reports = || Some(json!({ "batch_name": "reports", "namespace": "team-a" }));
    let of_hello = || Some(json!({ "job_name": "hello", "namespace": "team-a" }));
    vec![
        made(row(CreateJob, ""), job_in("team-a", "made")),
        from_memory(row(GetJobStatus, hello)),
        row(GetJobStatus, "?job_name=hello&namespace=team-a&details=true"),
        row(DeleteJob, "?job_name=doomed&namespace=team-a&propagation_policy=Background"),
        from_memory(row(ListJobs, "?namespace=team-a")),
        from_memory(row(WatchJobs, "?namespace=team-a&job_name=hello")),
        row(GetJobLogs, hello),
        row(SuspendJob, hello),
        Row { body: of_hello(), ..row(SuspendJob, "") },
        row(ResumeJob, hello),
        Row { body: of_hello(), ..row(ResumeJob, "") },
        made(row(CreateBatch, ""), batch_in("team-a")),
        from_memory(row(GetBatchStatus, "?batch_name=reports&namespace=team-a")),
        from_memory(row(ListBatches, "?namespace=team-a")),
        row(DeleteBatch, "?batch_name=doomed-batch&namespace=team-a"),
        // None of the jobs exists.
        from_memory(row(SuspendBatch, "?batch_name=reports&namespace=team-a")),
        from_memory(Row { body: of_reports(), ..row(ResumeBatch, "") }),
        row(ListTemplates, "?namespace=team-a"),
        past(ListHistory, "?namespace=team-a"),
        past(GetJobHistory, hello),
        past(GetJobStats, "?group_by=day"),
        past(JobStatsSvg, ""),
        past(ListAudit, ""),
        Row { status: 201, ..row(CreateNamespace, "?namespace_name=team-new") },
        made(row(CreateNamespace, ""), json!({ "namespace_name": "team-new" })),
        row(DeleteNamespace, "?namespace_name=team-gone"),
        row(ListNamespaces, ""),
        row(GetNamespaceStatus, "?namespace_name=team-a"),
        from_memory(row(ListClusters, "")),
    ]
}

/// Puts everything back that a call changes.
fn prepare(stub: &StubCluster) {
    stub.remove_job("team-a", "made");
    stub.finish_namespace("team-new");
    let namespace = json!({ "metadata": { "name": "team-gone" }, "status": { "phase": "Active" } });
    stub.put_namespace(namespace);
    stub.put_job(own_job_in("team-a", "doomed"));
    stub.put_job(head_in("team-a", "doomed-batch"));
    stub.end_log("team-a", "hello-x", "c");
    let mut cron_job = crate::given::cron_job("etl");
    cron_job["metadata"]["namespace"] = json!("team-a");
    stub.put_cron_job(cron_job);
}

/// What a call came to, and what each of the clusters saw of it.
struct Outcome {
    answer: Answer,
    seen: [Vec<Recorded>; 2],
}

async fn call(lab: &Lab, row: &Row, query: &str, body: Option<&Value>) -> Outcome {
    for name in BOTH {
        prepare(lab.clusters.stub(name));
    }
    let before = BOTH.map(|name| lab.clusters.stub(name).requests().len());
    let path = format!("{}{query}", row.route.path());
    let answer = match row.route {
        Route::WatchJobs | Route::GetJobLogs => begin_of_stream(lab, row.route, &path).await,
        route => ask(&lab.service, route.method().as_str(), &path, "", body).await,
    };
    let seen = [0, 1].map(|index| since(lab.clusters.stub(BOTH[index]), before[index]));
    Outcome { answer, seen }
}

/// The first job of an event stream, or the first line of a log.
async fn begin_of_stream(lab: &Lab, route: Route, path: &str) -> Answer {
    let mut stream = Stream::open(lab.service.address(), path, &[]).await.unwrap();
    if route == Route::WatchJobs {
        stream.before("data: ").await.unwrap().unwrap();
    }
    let body = stream.before("\n").await.unwrap().unwrap();
    Answer { head: format!("HTTP/1.1 {}", stream.status), body }
}

/// Checks that the call reached this cluster alone, and that the reply is of this cluster.
#[track_caller]
fn check(row: &Row, how: &str, Outcome { answer, seen: [a, b] }: &Outcome, cluster: &str) {
    let context = format!("{:?}{} {how}: {answer:?}", row.route, row.query);
    assert_eq!(answer.status(), row.status, "{context}");
    let (own, other) = if cluster == "a" { (a, b) } else { (b, a) };
    assert_eq!((own.is_empty(), other.len()), (!row.asks, 0), "{context}: {own:?} {other:?}");
    if row.status == NO_HISTORY {
        return;
    }
    if row.route == Route::GetJobLogs {
        assert_eq!(answer.body, format!("log of {cluster}"), "{context}");
        return;
    }
    let reply: Value = serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{error}: {context}"));
    if row.route == Route::ListClusters {
        // Without a name the call is about all clusters.
        let all = reply["clusters"].as_array().unwrap();
        let names: Vec<&Value> = all.iter().map(|one| &one["cluster"]).collect();
        assert!(names.contains(&&json!(cluster)) && names.len() == if how == "alone" { 2 } else { 1 }, "{context}");
        return;
    }
    assert_eq!(reply["cluster"], cluster, "{context}");
    if row.route == Route::CreateBatch {
        return;
    }
    for list in ["jobs", "namespaces", "templates", "batches"] {
        for one in reply[list].as_array().into_iter().flatten() {
            assert_eq!(one["cluster"], cluster, "{context}");
        }
    }
    if row.route == Route::ListTemplates {
        assert_eq!(reply["templates"][0]["template"], "cronjob/etl", "{context}");
    }
    if matches!(row.route, Route::GetJobStatus | Route::WatchJobs | Route::SuspendJob | Route::ResumeJob) {
        assert_eq!(reply["active"], active(cluster), "{context}");
    }
}

/// Checks that the call is refused and reached no cluster.
#[track_caller]
fn check_refused(row: &Row, how: &str, Outcome { answer, seen: [a, b] }: &Outcome, status: u16, reason: &str) {
    let (found, why, _) = told(answer);
    assert_eq!((found, why.as_str()), (status, reason), "{:?} {how}: {answer:?}", row.route);
    assert!(a.is_empty() && b.is_empty(), "{:?} {how}: {a:?} {b:?}", row.route);
}

#[test]
fn every_call_has_a_row() {
    for route in Route::ALL {
        let takes_cluster = route.parameters().contains(&"cluster");
        let has_row = rows().iter().any(|row| row.route == route);
        assert_eq!(has_row, takes_cluster, "{route:?}: a row of this table shows how the call chooses its cluster");
    }
}

#[tokio::test]
async fn the_calls_about_webhooks_are_about_all_clusters_and_take_none() {
    let lab = Lab::start().await;
    let calls = [Route::ListWebhooks, Route::ListDeliveries, Route::Redeliver, Route::TestWebhook];
    for (route, query) in calls.into_iter().zip(["", "", "", "?webhook=ops"]) {
        let row = Row { route, query, body: None, status: 501, asks: false };
        check_refused(&row, "alone", &refused(&lab, &row, query, None).await, 501, "no_webhooks");
        for name in ["a", "b", "nowhere"] {
            let outcome = refused(&lab, &row, &to(query, name), None).await;
            check_refused(&row, name, &outcome, 400, "BadRequest");
            assert!(told(&outcome.answer).2.starts_with("cluster: is not a parameter of this call"), "{route:?}");
        }
    }
}

#[tokio::test]
async fn every_call_reaches_the_cluster_of_its_query_and_without_one_the_default() {
    let lab = Lab::start().await;
    for row in rows() {
        check(&row, "alone", &call(&lab, &row, row.query, row.body.as_ref()).await, "a");
        for name in BOTH {
            let query = to(row.query, name);
            check(&row, "in the query", &call(&lab, &row, &query, row.body.as_ref()).await, name);
        }
        for name in ["nowhere", "", "B", "b%20", "eks-b"] {
            let path = to(row.query, name);
            let outcome = refused(&lab, &row, &path, row.body.as_ref()).await;
            check_refused(&row, name, &outcome, 404, "cluster_not_found");
        }
        let path = to(&to(row.query, "b"), "b");
        check_refused(&row, "twice", &refused(&lab, &row, &path, row.body.as_ref()).await, 400, "BadRequest");
    }
}

/// Makes a call that has to be refused.
async fn refused(lab: &Lab, row: &Row, query: &str, body: Option<&Value>) -> Outcome {
    let before = BOTH.map(|name| lab.clusters.stub(name).requests().len());
    let path = format!("{}{query}", row.route.path());
    let answer = ask(&lab.service, row.route.method().as_str(), &path, "", body).await;
    let seen = [0, 1].map(|index| since(lab.clusters.stub(BOTH[index]), before[index]));
    Outcome { answer, seen }
}

#[tokio::test]
async fn every_change_by_post_reaches_the_cluster_of_its_body() {
    let lab = Lab::start().await;
    for row in rows().iter().filter(|row| row.route.method() == "POST") {
        let body = |cluster: Value| {
            let mut body = row.body.clone().unwrap_or_else(|| json!({}));
            body["cluster"] = cluster;
            body
        };
        for name in BOTH {
            check(row, "in the body", &call(&lab, row, row.query, Some(&body(json!(name)))).await, name);
        }
        let both = to(row.query, "b");
        check(row, "in both", &call(&lab, row, &both, Some(&body(json!("b")))).await, "b");
        check(row, "null in the body", &call(&lab, row, row.query, Some(&body(Value::Null))).await, "a");
        check_refused(row, "both", &refused(&lab, row, &both, Some(&body(json!("a")))).await, 400, "BadRequest");
        for name in ["nowhere", "", "eks-b"] {
            let outcome = refused(&lab, row, row.query, Some(&body(json!(name)))).await;
            check_refused(row, name, &outcome, 404, "cluster_not_found");
        }
        check_refused(
            row,
            "no name",
            &refused(&lab, row, row.query, Some(&body(json!(["b"])))).await,
            400,
            "BadRequest",
        );
        let text = body(json!("b")).to_string();
        let text = format!("{},\"cluster\":\"a\"}}", text.strip_suffix('}').unwrap());
        let path = format!("{}{}", row.route.path(), row.query);
        let headers = [("content-type", "application/json")];
        let reply = lab.service.send("POST", &path, &headers, text).await;
        assert_eq!(super::problem(&reply), (400, "BadRequest".to_owned()), "twice: {:?}", row.route);
    }
}
