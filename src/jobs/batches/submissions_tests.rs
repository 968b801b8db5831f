//! The marks of batches that are being submitted.

use super::*;

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
