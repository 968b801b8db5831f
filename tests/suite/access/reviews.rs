//! The cluster's word on what is answered from memory: asked once by all, remembered for a moment, and never made up.

use serde_json::json;

use super::{
    ALICE, BOB, FORGED, REVIEWS, Right, get_as, own_job_in, reason, since, tokens, told, until_known, with_users,
};
use crate::live::until;
use crate::support::Lab;
use crate::support::stub::{Fault, Gate, Kind};

const HELLO: &str = "/api/eks-get-job-status?job_name=hello&namespace=team-a";

/// A lab that knows of the job `hello`.
async fn lab() -> Lab {
    let lab = with_users(&[]).await;
    lab.cluster.put_job(own_job_in("team-a", "hello"));
    until_known(&lab, 1).await;
    lab
}

fn reviews(lab: &Lab) -> usize {
    lab.cluster.count("POST", REVIEWS)
}

#[tokio::test]
async fn a_question_is_asked_once_for_all_who_ask_it_at_the_same_time() {
    let lab = lab().await;
    let gate = Gate::new();
    lab.cluster.fault(Fault::new("POST", REVIEWS, Kind::HoldBefore(gate.clone())).always());
    let before = lab.cluster.requests().len();
    let eight = async || {
        let ask = || get_as(&lab.service, ALICE, HELLO);
        tokio::join!(ask(), ask(), ask(), ask(), ask(), ask(), ask(), ask())
    };
    let all_wait = async {
        let metrics = async || lab.service.get("/metrics").await;
        until(metrics, |reply| reply.text().contains("\neks_api_requests_in_flight 8\n")).await;
        gate.held(1).await;
        gate.open();
    };
    let (all, ()) = tokio::join!(eight(), all_wait);
    let all = [all.0, all.1, all.2, all.3, all.4, all.5, all.6, all.7];
    assert!(all.iter().all(|answer| answer.status() == 200 && answer.header("x-cache") == Some("hit")), "{all:?}");
    assert_eq!(tokens(&since(&lab.cluster, before)), [ALICE], "one question, and nothing else");
}

#[tokio::test]
async fn whoever_asked_may_leave_and_another_who_waits_asks() {
    let lab = lab().await;
    let gate = Gate::new();
    lab.cluster.fault(Fault::new("POST", REVIEWS, Kind::HoldBefore(gate.clone())));
    let asked_first = async {
        tokio::select! {
            answer = get_as(&lab.service, ALICE, HELLO) => panic!("{answer:?}"),
            // When the second waits too, the first hangs up.
            _ = until(async || lab.service.get("/metrics").await, |reply| {
                reply.text().contains("\neks_api_requests_in_flight 2\n")
            }) => {}
        }
    };
    let second = async {
        gate.held(1).await;
        get_as(&lab.service, ALICE, HELLO).await
    };
    let ((), answer) = tokio::join!(asked_first, second);
    assert_eq!((answer.status(), reviews(&lab)), (200, 2));
}

#[tokio::test]
async fn a_yes_and_a_no_are_remembered_for_their_own_caller_and_question() {
    let lab = lab().await;
    lab.cluster.allow_user("bob", Right::to(&["list"], "jobs").within("team-b"));
    for _ in 0..3 {
        assert_eq!(get_as(&lab.service, ALICE, HELLO).await.status(), 200);
        assert_eq!(reason(&get_as(&lab.service, BOB, HELLO).await), (403, "Forbidden".to_owned()));
        assert_eq!(reason(&get_as(&lab.service, FORGED, HELLO).await), (401, "Unauthorized".to_owned()));
    }
    assert_eq!(reviews(&lab), 3, "one for each caller");
    // What is known of one question is nothing to another.
    let list = "/api/eks-list-jobs?namespace=team-";
    for (token, namespace, status) in [(BOB, "a", 403), (BOB, "b", 200), (ALICE, "a", 200)] {
        assert_eq!(get_as(&lab.service, token, &format!("{list}{namespace}")).await.status(), status);
    }
    assert_eq!(reviews(&lab), 6);
    // A right that is lost counts for some seconds more, one that is new not yet: nobody is asked.
    lab.cluster.deny_user("alice", "*", "*");
    lab.cluster.allow_user("bob", Right::to(&["*"], "*"));
    assert_eq!(get_as(&lab.service, ALICE, HELLO).await.status(), 200);
    assert_eq!(get_as(&lab.service, BOB, HELLO).await.status(), 403);
    assert_eq!(reviews(&lab), 6);
    // What goes to the cluster itself is judged there, each time.
    let direct = format!("{HELLO}&details=true");
    assert_eq!(get_as(&lab.service, ALICE, &direct).await.status(), 403);
    assert_eq!(get_as(&lab.service, BOB, &direct).await.status(), 200);
}

#[tokio::test]
async fn a_reviewer_that_fails_allows_nothing_and_is_asked_again() {
    let lab = lab().await;
    let verdict = |status| Kind::Reply { status: 201, headers: Vec::new(), body: json!({ "status": status }) };
    let unsure = json!({ "allowed": false, "evaluationError": "the webhook did not answer" });
    for (at, (kind, status, why)) in [
        (Kind::status(500, "InternalError", "secret-inside"), 502, "review_failed"),
        (Kind::status(403, "Forbidden", "secret-inside"), 502, "review_failed"),
        (Kind::Garbage, 502, "review_failed"),
        (Kind::CutBefore, 502, "review_failed"),
        (Kind::CutAfter, 502, "review_failed"),
        (Kind::Truncate, 502, "review_failed"),
        (verdict(unsure), 403, "Forbidden"),
    ]
    .into_iter()
    .enumerate()
    {
        // Each time of another question, of which nothing is known.
        let path = format!("/api/eks-list-jobs?namespace=team-{at}");
        lab.cluster.fault(Fault::new("POST", REVIEWS, kind.clone()));
        let (found, reason, detail) = told(&get_as(&lab.service, ALICE, &path).await);
        assert_eq!((found, reason.as_str()), (status, why), "{kind:?}");
        assert!(!detail.contains("secret-inside"), "{detail}");
        let asked = reviews(&lab);
        assert_eq!(get_as(&lab.service, ALICE, &path).await.status(), 200, "{kind:?}");
        assert_eq!(reviews(&lab), asked + 1, "{kind:?}: it was remembered");
    }
}

#[tokio::test]
async fn an_answer_that_says_nothing_is_a_no() {
    let lab = lab().await;
    for body in [json!({ "status": {} }), json!({ "status": { "denied": true } })] {
        lab.cluster.fault(Fault::new("POST", REVIEWS, Kind::Reply { status: 201, headers: Vec::new(), body }));
    }
    for namespace in ["a", "b"] {
        let path = format!("/api/eks-list-jobs?namespace=team-{namespace}");
        assert_eq!(get_as(&lab.service, ALICE, &path).await.status(), 403);
    }
}

#[tokio::test]
async fn a_cluster_that_is_down_lets_nobody_in() {
    let lab = with_users(&[("EKS_API_REQUEST_TIMEOUT", "1s")]).await;
    lab.cluster.put_job(own_job_in("team-a", "hello"));
    until_known(&lab, 1).await;
    lab.cluster.stop().await;
    let (status, reason, detail) = told(&get_as(&lab.service, ALICE, HELLO).await);
    assert_eq!((status, reason.as_str()), (502, "review_failed"));
    assert!(!detail.contains("127.0.0.1"), "{detail}");
}
