//! The marks of batches that are being submitted.

use super::*;
use crate::kube::types::Job;

fn names(name: &str) -> (Namespace, BatchName) {
    (Namespace::parse("a").unwrap(), BatchName::parse(name).unwrap())
}

#[test]
fn a_batch_is_marked_until_its_last_call_ends() {
    let submissions = Arc::new(Submissions::default());
    let (namespace, name) = names("etl");
    let mut ends = submissions.ends();
    let (first, second) = (submissions.begin(&namespace, &name), submissions.begin(&namespace, &name));
    assert!(submissions.contains("a/etl") && !submissions.contains("a/other") && !submissions.contains("b/etl"));
    drop(first);
    assert!(submissions.contains("a/etl"), "the second call is still submitting");
    assert!(ends.has_changed().unwrap());
    ends.mark_unchanged();
    drop(second);
    assert!(!submissions.contains("a/etl") && submissions.calls().is_empty());
    assert!(ends.has_changed().unwrap());
}

#[test]
fn the_latest_heads_whose_submission_is_over_are_remembered() {
    let submissions = Submissions::default();
    (0..=MAX_ENDED).for_each(|number| submissions.ended(number.to_string().into()));
    assert!(!submissions.has_ended("0") && submissions.has_ended("1") && submissions.has_ended("1000"));
    assert!(!submissions.has_ended("other"));
}

#[test]
fn a_young_head_may_grow_until_its_submission_has_ended() {
    const MAX_AGE: Duration = Duration::from_mins(2);
    let submissions = Arc::new(Submissions::default());
    let (namespace, name) = names("etl");
    let head = |age: u64| {
        let mut job = Job::default();
        (job.metadata.namespace, job.metadata.name) = ("a".to_owned(), "etl".to_owned());
        let mut head = Status::new("lab", &job);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        (head.uid, head.created) = ("u".into(), i64::try_from(now - age).unwrap());
        head
    };
    let grows = |age: u64| submissions.may_grow_for(&head(age), MAX_AGE);
    assert!((Duration::from_secs(1)..=Duration::from_secs(20)).contains(&grows(100).unwrap()));
    assert_eq!(grows(120), None, "it is too old");
    let call = submissions.begin(&namespace, &name);
    assert_eq!(grows(1000), Some(MAX_AGE / 2), "a call is submitting it");
    submissions.ended("u".into());
    assert!(grows(1).is_some(), "another call is submitting it");
    drop(call);
    assert_eq!(grows(1), None);
}

#[tokio::test]
async fn a_waiting_call_that_is_notified_finds_the_batch_unmarked() {
    let submissions = Arc::new(Submissions::default());
    let (namespace, name) = names("etl");
    for _ in 0..100 {
        let (mark, mut ends) = (submissions.begin(&namespace, &name), submissions.ends());
        let end = tokio::task::spawn_blocking(move || drop(mark));
        ends.changed().await.unwrap();
        assert!(!submissions.contains("a/etl"));
        end.await.unwrap();
    }
}
