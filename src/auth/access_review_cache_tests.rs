//! Tests that need no cluster. The suite has those with one.

use super::*;
use crate::kube::access_review::Permission;
use crate::kube::names::Namespace;

const GET: Permission = Permission { verb: "get", group: "batch", resource: "jobs", needed_for: "a test" };

impl AccessReviewCache {
    /// Caches a decision as if the cluster had just made it.
    pub(in crate::auth) fn insert(
        &self,
        cluster: &ApiServer,
        bearer: &Bearer,
        request: &AccessRequest<'_>,
        result: ReviewResult,
    ) {
        let cached = CachedReview { result, since: Instant::now() };
        self.lock()
            .entry(cluster.id)
            .or_default()
            .insert(self.key(bearer, request), Arc::new(OnceCell::new_with(Some(cached))));
    }
}

fn reviews() -> AccessReviewCache {
    AccessReviewCache::new(Duration::from_secs(30)).unwrap()
}

/// A cluster that is not described, so no review succeeds.
fn cluster() -> Arc<ApiServer> {
    let provider = aws_credential_types::provider::SharedCredentialsProvider::new(
        aws_credential_types::Credentials::new("AKIDEXAMPLE", "secret", None, None, "test"),
    );
    let tokens = crate::aws::token::Tokens::new("lab", "us-east-1", provider, std::time::SystemTime::now);
    Arc::new(ApiServer::new("lab", "us-east-1", tokens))
}

#[test]
fn the_key_depends_on_the_token_and_on_every_part_of_the_request() {
    let (reviews, one, other) = (reviews(), Bearer::parse("one").unwrap(), Bearer::parse("other").unwrap());
    let [a, b] = ["a", "b"].map(|name| Namespace::parse(name).unwrap());
    let all = AccessRequest { permission: GET, namespace: None, name: None };
    let list = AccessRequest { permission: Permission { verb: "list", ..GET }, ..all };
    let keys = [
        reviews.key(&one, &all),
        reviews.key(&other, &all),
        reviews.key(&one, &list),
        reviews.key(&one, &AccessRequest { permission: Permission { resource: "pods", ..GET }, ..all }),
        reviews.key(&one, &AccessRequest { permission: Permission { group: "", ..GET }, ..all }),
        reviews.key(&one, &AccessRequest { namespace: Some(&a), ..all }),
        reviews.key(&one, &AccessRequest { namespace: Some(&b), ..all }),
        reviews.key(&one, &AccessRequest { name: Some("a"), ..all }),
        reviews.key(&one, &AccessRequest { namespace: Some(&a), name: Some("a"), ..all }),
    ];
    let distinct: std::collections::BTreeSet<_> = keys.iter().collect();
    assert_eq!(distinct.len(), keys.len());
    assert_eq!(keys[0], reviews.key(&one, &all));
    assert_ne!(keys[0], super::tests::reviews().key(&one, &all), "the hash key is random");
}

#[tokio::test]
async fn a_failed_review_allows_nothing_and_is_not_cached() {
    let (reviews, cluster, token) = (reviews(), cluster(), Bearer::parse("one").unwrap());
    let all = AccessRequest { permission: GET, namespace: None, name: None };
    for _ in 0..2 {
        assert!(reviews.review(&cluster, &token, &all).await.is_err());
        assert!(reviews.cached(&cluster, &token, &all).is_none());
    }
}

#[test]
fn only_a_decision_and_a_refused_token_are_reused() {
    let (reviews, cluster, token) = (reviews(), cluster(), Bearer::parse("one").unwrap());
    let all = AccessRequest { permission: GET, namespace: None, name: None };
    for (result, is_reused) in [
        (Ok(Decision::Allowed), true),
        (Ok(Decision::Denied), true),
        (Ok(Decision::Unsure), false),
        (Err(Error::CallerUnauthorized), true),
        (Err(Error::Timeout), false),
    ] {
        reviews.insert(&cluster, &token, &all, result.map_err(Arc::new));
        assert_eq!(reviews.cached(&cluster, &token, &all).is_some(), is_reused);
    }
}

#[tokio::test(start_paused = true)]
async fn a_decision_is_cached_for_ten_seconds() {
    let (reviews, cluster, token) = (reviews(), cluster(), Bearer::parse("one").unwrap());
    let all = AccessRequest { permission: GET, namespace: None, name: None };
    let cached = CachedReview { result: Ok(Decision::Denied), since: Instant::now() };
    reviews.entry(cluster.id, reviews.key(&token, &all)).set(cached).unwrap();
    tokio::time::advance(Duration::from_millis(9_999)).await;
    assert!(matches!(reviews.cached(&cluster, &token, &all), Some(Ok(Decision::Denied))));
    assert_eq!(reviews.review(&cluster, &token, &all).await.unwrap(), Decision::Denied);
    tokio::time::advance(Duration::from_millis(1)).await;
    assert!(reviews.cached(&cluster, &token, &all).is_none());
    assert!(reviews.review(&cluster, &token, &all).await.is_err(), "the cluster is asked again");
}

#[test]
fn the_number_of_entries_is_bounded_and_a_flood_in_one_cluster_drops_none_of_another() {
    let (reviews, token) = (reviews(), Bearer::parse("one").unwrap());
    let (quiet, flooded) = (cluster(), cluster());
    let all = AccessRequest { permission: GET, namespace: None, name: None };
    reviews.insert(&quiet, &token, &all, Ok(Decision::Allowed));
    assert!(reviews.cached(&flooded, &token, &all).is_none(), "each cluster decides for itself");
    for number in 0..MAX_ENTRIES + 10 {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&number.to_le_bytes());
        reviews.entry(flooded.id, key);
    }
    assert!(count(&reviews.lock()) <= MAX_ENTRIES);
    assert!(reviews.cached(&quiet, &token, &all).is_some());
}
