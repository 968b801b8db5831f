//! With `EKS_API_AUTH=kubernetes` the caller's token goes to the cluster of the call, and its decision counts there only.

use serde_json::{Value, json};

use super::{BOTH, EVENTS, HELLO, LOG, Lab, since, to};
use crate::access::{ALICE, ask, bearer, create_as, job_in, told};
use crate::support::stub::Right;
use crate::wire::Answer;

const BOB: &str = "bobs-own.cluster-token";
const CAROL: &str = "carols-own.cluster-token";
const REVIEWS: &str = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
const LIST: &str = "/api/eks-list-jobs?namespace=team-a";

/// Alice is known in A only, Bob in B only. Carol is known in both, and B lets her do nothing.
async fn lab() -> Lab {
    let lab = Lab::with(&[("EKS_API_AUTH", "kubernetes")]).await;
    lab.a().accept_token(ALICE, "alice");
    lab.b().accept_token(BOB, "bob");
    lab.a().accept_token(CAROL, "carol");
    lab.b().accept_token(CAROL, "carol");
    lab.b().allow_user("carol", Right::to(&["none"], "none"));
    lab
}

async fn get(lab: &Lab, token: &str, path: &str) -> Answer {
    ask(&lab.service, "GET", path, &bearer(token), None).await
}

#[tokio::test]
async fn a_token_that_one_cluster_accepts_opens_nothing_in_the_other() {
    let lab = lab().await;
    for (token, own, other) in [(ALICE, "a", "b"), (BOB, "b", "a")] {
        for path in [HELLO, LIST, EVENTS, LOG, "/api/eks-list-namespaces", &format!("{HELLO}&details=true")] {
            for _ in 0..2 {
                let own_first = get(&lab, token, &to(path, own)).await;
                assert_eq!(own_first.status(), 200, "{path}: {own_first:?}");
                let refused = get(&lab, token, &to(path, other)).await;
                assert_eq!(told(&refused).0, 401, "{path}: {refused:?}");
            }
        }
        for (name, status) in [(own, 201), (other, 401), (own, 409)] {
            let mut body = job_in("team-a", &format!("by-{own}"));
            body["cluster"] = json!(name);
            assert_eq!(create_as(&lab.service, token, &body).await.status(), status, "{name}");
        }
        assert_eq!(lab.clusters.stub(other).job("team-a", &format!("by-{own}")), None);
        let listed = get(&lab, token, &to("/api/eks-list-clusters", other)).await;
        assert_eq!(told(&listed).0, 401, "{listed:?}");
        assert_eq!(get(&lab, token, &to("/api/eks-list-clusters", own)).await.status(), 200);
    }
}

#[tokio::test]
async fn a_decision_that_is_cached_for_one_cluster_is_not_used_for_the_other() {
    let lab = lab().await;
    let verdict = async |name| status(&get(&lab, CAROL, &to(HELLO, name)).await);
    for _ in 0..3 {
        assert_eq!(verdict("a").await, 200);
        assert_eq!(verdict("b").await, 403);
    }
    assert_eq!(BOTH.map(|name| lab.clusters.stub(name).count("POST", REVIEWS)), [1, 1], "each decides once");
    // The first question about the list goes to B. Its refusal is not that of A.
    for _ in 0..2 {
        assert_eq!(status(&get(&lab, CAROL, &to(LIST, "b")).await), 403);
        assert_eq!(status(&get(&lab, CAROL, LIST).await), 200);
    }
    assert_eq!(BOTH.map(|name| lab.clusters.stub(name).count("POST", REVIEWS)), [2, 2]);
}

fn status(answer: &Answer) -> u16 {
    answer.status()
}

#[tokio::test]
async fn a_cluster_sees_no_token_of_a_call_for_the_other() {
    let lab = lab().await;
    let before = BOTH.map(|name| lab.clusters.stub(name).requests().len());
    for path in [HELLO, LIST, &format!("{HELLO}&details=true")] {
        get(&lab, ALICE, &to(path, "a")).await;
        get(&lab, BOB, &to(path, "b")).await;
    }
    for ((name, before), token) in BOTH.into_iter().zip(before).zip([ALICE, BOB]) {
        let seen = since(lab.clusters.stub(name), before);
        assert!(!seen.is_empty() && seen.iter().all(|request| request.token.as_deref() == Some(token)), "{seen:?}");
    }
    let all: Value = serde_json::from_str(&get(&lab, ALICE, "/api/eks-list-clusters").await.body).unwrap();
    assert_eq!(all["clusters"].as_array().unwrap().len(), 2);
}
