//! Tests of `reviews` that need no cluster; those with one are in the suite.

use super::*;
use crate::kube::access_review::Permission;
use crate::kube::names::Namespace;

const GET: Permission = Permission { verb: "get", group: "batch", resource: "jobs", needed_for: "a test" };

impl AccessReviewCache {
    /// Remembers this as if the cluster had just said it.
    pub(in crate::auth) fn suppose(&self, bearer: &Bearer, asked: &AccessRequest<'_>, verdict: Verdict) {
        let said = Said { verdict: Ok(verdict), since: Instant::now() };
        self.lock().insert(self.place(bearer, asked), Arc::new(OnceCell::new_with(Some(said))));
    }
}

fn reviews() -> AccessReviewCache {
    let provider = aws_credential_types::provider::SharedCredentialsProvider::new(
        aws_credential_types::Credentials::new("AKIDEXAMPLE", "secret", None, None, "test"),
    );
    let tokens = crate::aws::token::Tokens::new("lab", "us-east-1", provider, std::time::SystemTime::now);
    AccessReviewCache::new(Arc::new(ApiServer::new("lab", "us-east-1", tokens)), Duration::from_secs(30)).unwrap()
}

#[test]
fn every_part_of_the_question_and_the_token_count() {
    let (reviews, one, other) = (reviews(), Bearer::parse("one").unwrap(), Bearer::parse("other").unwrap());
    let [a, b] = ["a", "b"].map(|name| Namespace::parse(name).unwrap());
    let all = AccessRequest { permission: GET, namespace: None, name: None };
    let list = AccessRequest { permission: Permission { verb: "list", ..GET }, ..all };
    let places = [
        reviews.place(&one, &all),
        reviews.place(&other, &all),
        reviews.place(&one, &list),
        reviews.place(&one, &AccessRequest { permission: Permission { resource: "pods", ..GET }, ..all }),
        reviews.place(&one, &AccessRequest { permission: Permission { group: "", ..GET }, ..all }),
        reviews.place(&one, &AccessRequest { namespace: Some(&a), ..all }),
        reviews.place(&one, &AccessRequest { namespace: Some(&b), ..all }),
        reviews.place(&one, &AccessRequest { name: Some("a"), ..all }),
        reviews.place(&one, &AccessRequest { namespace: Some(&a), name: Some("a"), ..all }),
    ];
    let distinct: std::collections::BTreeSet<_> = places.iter().collect();
    assert_eq!(distinct.len(), places.len());
    assert_eq!(places[0], reviews.place(&one, &all));
    assert_ne!(places[0], super::tests::reviews().place(&one, &all), "another run hashes otherwise");
}

#[tokio::test]
async fn what_got_no_answer_allows_nothing_and_is_not_remembered() {
    let (reviews, token) = (reviews(), Bearer::parse("one").unwrap());
    let all = AccessRequest { permission: GET, namespace: None, name: None };
    for _ in 0..2 {
        assert!(matches!(reviews.judge(&token, &all).await, Err(NoVerdict::Unanswered(_))));
        assert_eq!(reviews.remembered(&token, &all), None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_verdict_is_remembered_for_ten_seconds() {
    let (reviews, token) = (reviews(), Bearer::parse("one").unwrap());
    let all = AccessRequest { permission: GET, namespace: None, name: None };
    let said = Said { verdict: Ok(Verdict::Denied), since: Instant::now() };
    reviews.cell(reviews.place(&token, &all)).set(said).unwrap();
    tokio::time::advance(Duration::from_millis(9_999)).await;
    assert_eq!(reviews.remembered(&token, &all), Some(Verdict::Denied));
    assert_eq!(reviews.judge(&token, &all).await.unwrap(), Verdict::Denied);
    tokio::time::advance(Duration::from_millis(1)).await;
    assert_eq!(reviews.remembered(&token, &all), None);
    assert!(reviews.judge(&token, &all).await.is_err(), "it is asked anew");
}

#[tokio::test]
async fn there_are_never_more_than_so_many() {
    let reviews = reviews();
    for number in 0..MOST + 10 {
        let mut place = [0; 32];
        place[..8].copy_from_slice(&number.to_le_bytes());
        reviews.cell(place);
    }
    assert!(reviews.lock().len() <= MOST);
}
