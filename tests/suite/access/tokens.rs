//! Callers with tokens of the cluster's: two of them with different rights, through the cache, in lists and streams, and
//! in all that a call asks the cluster after its first question.

use serde_json::{Value, json};

use super::{
    ALICE, BOB, FORGED, Right, ask, bearer, create_as, get_as, job_in, listed, own_job_in, reason, record, sha256,
    since, tokens, told, until_known, with_users,
};
use crate::given::job;
use crate::readme::stream::Stream;
use crate::support::Lab;
use crate::support::stub::Recorded;

fn status_in(namespace: &str, job: &str) -> String {
    format!("/api/eks-get-job-status?job_name={job}&namespace={namespace}")
}

/// Alice has team-a, bob has team-b, and both have jobs there.
async fn two_teams() -> Lab {
    let lab = with_users(&[]).await;
    for (user, namespace) in [("alice", "team-a"), ("bob", "team-b")] {
        lab.cluster.allow_user(user, Right::to(&["*"], "*").within(namespace));
        for name in ["one", "two"] {
            lab.cluster.put_job(own_job_in(namespace, name));
        }
    }
    until_known(&lab, 4).await;
    lab
}

#[tokio::test]
async fn each_of_two_users_sees_its_own_jobs_in_what_is_remembered_of_all() {
    let lab = two_teams().await;
    for _ in 0..2 {
        for (token, own, other) in [(ALICE, "team-a", "team-b"), (BOB, "team-b", "team-a")] {
            for name in ["one", "two"] {
                let seen = get_as(&lab.service, token, &status_in(own, name)).await;
                assert_eq!((seen.status(), seen.header("x-cache")), (200, Some("hit")), "{seen:?}");
                let (status, reason, detail) = told(&get_as(&lab.service, token, &status_in(other, name)).await);
                assert_eq!((status, reason.as_str()), (403, "Forbidden"));
                let words =
                    format!("jobs.batch {name:?} is forbidden: the cluster does not let you get jobs in the namespace");
                assert_eq!(detail, format!("{words} {other:?}"));
            }
            let none = get_as(&lab.service, token, &status_in(other, "no-such-job")).await;
            assert_eq!(none.status(), 403, "nor does anyone learn that there is none");
            let list = |namespace: &str| format!("/api/eks-list-jobs?namespace={namespace}");
            let own_list = listed(&get_as(&lab.service, token, &list(own)).await);
            assert_eq!(own_list, [format!("{own}/one"), format!("{own}/two")]);
            assert_eq!(reason(&get_as(&lab.service, token, &list(other)).await).0, 403);
        }
    }
}

#[tokio::test]
async fn all_namespaces_together_need_the_right_to_all_of_them() {
    let lab = two_teams().await;
    for path in
        ["/api/eks-list-jobs", "/api/eks-watch-jobs", "/api/eks-watch-jobs?job_name=one", "/api/eks-list-jobs?limit=1"]
    {
        for no_cache in ["", "Cache-Control: no-cache\r\n"] {
            let answer = ask(&lab.service, "GET", path, &(bearer(ALICE) + no_cache), None).await;
            let (status, _, detail) = told(&answer);
            assert_eq!(status, 403, "{path}");
            assert!(no_cache.contains("no-cache") || detail.contains("in all namespaces"), "{detail}");
        }
    }
    lab.cluster.allow_user("bob", Right::to(&["list"], "jobs"));
    let all = listed(&get_as(&lab.service, BOB, "/api/eks-list-jobs").await);
    assert_eq!(all, ["team-a/one", "team-a/two", "team-b/one", "team-b/two"]);
    let (status, _, detail) = told(&get_as(&lab.service, BOB, "/api/eks-watch-jobs").await);
    assert!(status == 403 && detail.contains("watch jobs"), "to list is not to watch: {detail}");
}

#[tokio::test]
async fn a_right_to_one_job_by_name_shows_that_job() {
    let lab = with_users(&[]).await;
    lab.cluster.allow_user("alice", Right::to(&["get", "list", "watch"], "jobs").within("team-a").named("one"));
    for name in ["one", "two"] {
        lab.cluster.put_job(own_job_in("team-a", name));
    }
    until_known(&lab, 2).await;
    for (path, status) in [
        (status_in("team-a", "one"), 200),
        (status_in("team-a", "two"), 403),
        ("/api/eks-list-jobs?namespace=team-a".to_owned(), 403),
        ("/api/eks-watch-jobs?namespace=team-a".to_owned(), 403),
        ("/api/eks-watch-jobs?namespace=team-a&job_name=two".to_owned(), 403),
        ("/api/eks-watch-jobs?namespace=team-a&job_name=one".to_owned(), 200),
    ] {
        assert_eq!(get_as(&lab.service, ALICE, &path).await.status(), status, "{path}");
    }
}

#[tokio::test]
async fn what_one_user_has_just_made_is_remembered_and_not_shown_to_the_other() {
    let lab = two_teams().await;
    assert_eq!(create_as(&lab.service, ALICE, &job_in("team-a", "secret")).await.status(), 201);
    let own = get_as(&lab.service, ALICE, &status_in("team-a", "secret")).await;
    assert_eq!((own.status(), own.header("x-cache")), (200, Some("hit")));
    let etag = own.header("etag").unwrap();
    for lines in [String::new(), format!("If-None-Match: {etag}\r\n"), "If-None-Match: *\r\n".to_owned()] {
        let path = status_in("team-a", "secret");
        let answer = ask(&lab.service, "GET", &path, &(bearer(BOB) + &lines), None).await;
        assert_eq!((answer.status(), answer.header("etag")), (403, None), "{lines}");
        let answer = ask(&lab.service, "GET", &(path + "&wait=1s"), &(bearer(BOB) + &lines), None).await;
        assert_eq!((answer.status(), answer.header("etag")), (403, None), "{lines}");
        let known = ask(&lab.service, "GET", &status_in("team-a", "secret"), &(bearer(ALICE) + &lines), None).await;
        assert_eq!(known.status(), if lines.is_empty() { 200 } else { 304 });
    }
}

#[tokio::test]
async fn a_stream_shows_nothing_of_other_namespaces_wherever_it_begins() {
    let lab = two_teams().await;
    let path = "/api/eks-watch-jobs?namespace=team-a";
    let authorization = format!("Bearer {ALICE}");
    let mut all = String::new();
    let mut id = String::new();
    for round in 0..2 {
        let headers = [("authorization", authorization.as_str()), ("last-event-id", id.as_str())];
        let mut stream = Stream::open(lab.service.address(), path, &headers).await.unwrap();
        assert_eq!(stream.status, 200);
        // Whatever happens to the jobs of others comes before this.
        let last = format!("last-{round}");
        lab.cluster.put_job(own_job_in("team-b", &format!("theirs-{round}")));
        lab.cluster.remove_job("team-b", if round == 0 { "one" } else { "two" });
        lab.cluster.put_job(own_job_in("team-a", &last));
        loop {
            let event = stream.event().await.unwrap().unwrap();
            if let Some(line) = event.lines().find_map(|line| line.strip_prefix("id: ")) {
                line.clone_into(&mut id);
            }
            all += &event;
            if event.contains(&format!("{last:?}")) {
                break;
            }
        }
    }
    assert!(all.contains("team-a") && !all.contains("team-b") && !all.contains("theirs"), "{all}");
    let bobs = ask(&lab.service, "GET", path, &(bearer(BOB) + &format!("Last-Event-ID: {id}\r\n")), None).await;
    assert_eq!(bobs.status(), 403);
}

#[tokio::test]
async fn a_missing_namespace_is_made_as_the_caller_or_not_at_all() {
    let lab = with_users(&[]).await;
    lab.cluster.allow_user("bob", Right::to(&["*"], "jobs"));
    let before = lab.cluster.requests().len();
    let (status, reason, detail) = told(&create_as(&lab.service, BOB, &job_in("fresh", "hello")).await);
    assert_eq!((status, reason.as_str()), (403, "Forbidden"));
    assert!(detail.starts_with("the namespace does not exist and could not be created: "), "{detail}");
    assert!(lab.cluster.namespace("fresh").is_none());
    assert_eq!(create_as(&lab.service, ALICE, &job_in("fresh", "hello")).await.status(), 201);
    assert!(lab.cluster.job("fresh", "hello").is_some());
    let requests = since(&lab.cluster, before);
    assert_eq!(tokens(&requests), [BOB, BOB, ALICE, ALICE, ALICE]);
    assert_eq!(requests[1].path, "/api/v1/namespaces");
    // With the namespace there, jobs are all that is needed.
    assert_eq!(create_as(&lab.service, BOB, &job_in("fresh", "more")).await.status(), 201);
}

#[tokio::test]
async fn whatever_a_call_asks_later_it_asks_as_its_caller() {
    let lab = with_users(&[]).await;
    let mut job = own_job_in("team-a", "hello");
    // Another tool's: it is never remembered, and asked about again while a call waits.
    job["metadata"]["labels"] = json!({});
    job["spec"]["selector"] = json!({ "matchLabels": { "of": "hello" } });
    lab.cluster.put_job(job);
    let running = json!({ "name": "c", "restartCount": 0, "state": { "running": {} } });
    let pod = |status: &Value| {
        json!({ "metadata": { "name": "hello-x", "namespace": "team-a", "labels": { "of": "hello" } },
            "spec": { "containers": [{ "name": "c" }] }, "status": { "phase": "Running", "containerStatuses": [status] } })
    };
    lab.cluster.put_pod(pod(&running));
    lab.cluster.put_log("team-a", "hello-x", "c", "first\n");
    let before = lab.cluster.requests().len();
    let jobs = "/apis/batch/v1/namespaces/team-a/jobs/hello";

    let looked = lab.cluster.count("GET", jobs);
    let wait = async {
        let path = status_in("team-a", "hello") + "&wait=1m";
        get_as(&lab.service, ALICE, &path).await
    };
    let end = async {
        lab.cluster.wait_for("GET", jobs, looked + 2).await;
        lab.cluster.set_job_status("team-a", "hello", crate::live::complete());
    };
    let (waited, ()) = tokio::join!(wait, end);
    assert_eq!(waited.status(), 200);

    let authorization = format!("Bearer {ALICE}");
    let path = "/api/eks-get-job-logs?job_name=hello&namespace=team-a&follow=true";
    let headers = [("authorization", authorization.as_str())];
    let mut log = Stream::open(lab.service.address(), path, &headers).await.unwrap();
    assert_eq!(log.before("first\n").await.unwrap().as_deref(), Some(""));
    let ended = json!({ "name": "c", "restartCount": 0, "state": { "terminated": { "exitCode": 0 } } });
    lab.cluster.put_pod(pod(&ended));
    lab.cluster.end_log("team-a", "hello-x", "c");
    assert_eq!(log.before("no more").await.unwrap(), None);

    assert_eq!(get_as(&lab.service, ALICE, &(status_in("team-a", "hello") + "&details=true")).await.status(), 200);
    let path = "/api/eks-delete-namespace?namespace_name=team-a&wait=1ms";
    assert_eq!(ask(&lab.service, "DELETE", path, &bearer(ALICE), None).await.status(), 200);

    let requests = since(&lab.cluster, before);
    assert!(requests.len() > 8, "{requests:?}");
    let foreign: Vec<&Recorded> = requests.iter().filter(|request| request.token.as_deref() != Some(ALICE)).collect();
    assert!(foreign.is_empty(), "{foreign:?}");
}

#[tokio::test]
async fn a_token_is_in_no_log_and_no_answer_and_is_told_of_by_its_hash() {
    let lab = with_users(&[("LOG_LEVEL", "DEBUG")]).await;
    lab.cluster.deny_user("bob", "*", "*");
    let mut answers = Vec::new();
    for (id, token) in [("alice", ALICE), ("bob", BOB), ("forged", FORGED)] {
        let lines = bearer(token) + &format!("X-Request-Id: {id}\r\n");
        let answer = ask(&lab.service, "POST", "/api/eks-create-job", &lines, Some(&job("hello"))).await;
        answers.push(format!("{} {}", answer.head, answer.body));
        let record = record(&lab.service, id).await;
        assert_eq!(record["caller"], format!("token:{}", &sha256(token)[..12]), "{record}");
        assert_eq!(record["caller_method"], "kubernetes");
    }
    for text in answers.iter().chain(&lab.service.logs()) {
        assert!(!text.contains("cluster-token"), "{text}");
    }
}
