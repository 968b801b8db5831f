//! Which jobs count, in which namespace, and how long they ran.

use super::*;
use crate::kube::types::Job;

fn status(namespace: &str, uid: u32, condition: &str) -> Status {
    let condition =
        serde_json::json!({ "type": condition, "status": "True", "lastTransitionTime": "2026-01-20T10:31:30Z" });
    let mut job: Job = serde_json::from_value(serde_json::json!({
        "status": { "startTime": "2026-01-20T10:30:00Z", "conditions": [condition] },
    }))
    .unwrap();
    (job.metadata.namespace, job.metadata.uid) = (namespace.to_owned(), format!("u{uid}"));
    Status::new("lab", &job)
}

fn finish(finished: &mut FinishedJobs, namespace: &str, condition: &str) {
    finished.note(&status(namespace, 1, condition), Some(&status(namespace, 1, "")));
}

#[test]
fn a_finish_counts_by_state_with_its_run_time() {
    let mut finished = FinishedJobs::default();
    finish(&mut finished, "a", "Failed");
    finish(&mut finished, "a", "Failed");
    finish(&mut finished, "a", "Complete");
    finish(&mut finished, "a", "Suspended");
    finished.note(&status("a", 1, "Failed"), Some(&status("a", 1, "Failed")));
    assert_eq!(finished.counts["a"], [1, 2], "completed and failed");
    let times = |index: usize| (finished.run_times[index].count(), finished.run_times[index].sum().as_secs());
    assert_eq!([times(0), times(1)], [(1, 90), (2, 180)]);
    let buckets: Vec<_> = finished.run_times[0].cumulative().filter(|(_, count)| *count == 0).collect();
    assert_eq!(buckets.last(), Some(&(60.0, 0)), "90 s are in the bucket up to 120 s");
}

#[test]
fn a_job_that_had_finished_before_it_was_seen_does_not_count() {
    let mut finished = FinishedJobs::default();
    finished.note(&status("a", 1, "Failed"), None);
    assert_eq!(finished.counts["a"], [0, 0], "its namespace has zeros");
}

#[test]
fn a_job_that_the_store_forgot_counts_once() {
    let (mut finished, mut index) = (FinishedJobs::default(), JobIndex::default());
    for (uid, condition) in [(1, ""), (2, "Failed")] {
        let mut status = status("a", uid, condition);
        status.key = format!("a/{uid}").into();
        index.insert(Arc::new(status));
    }
    finished.forget(&index);
    for _ in 0..2 {
        finished.note(&status("a", 1, "Complete"), None);
        finished.note(&status("a", 2, "Failed"), None);
        assert_eq!(finished.counts["a"], [1, 0]);
    }
    finished.forget(&index);
    finished.list_completed();
    finished.note(&status("a", 1, "Complete"), None);
    assert_eq!(finished.counts["a"], [1, 0], "the list did not have it");
}

#[test]
fn two_hundred_namespaces_have_their_own_count_and_the_others_share_one() {
    let mut finished = FinishedJobs::default();
    for number in 0..MAX_NAMESPACES + 50 {
        finish(&mut finished, &format!("team-{number}"), "Failed");
    }
    finish(&mut finished, "team-0", "Complete");
    assert_eq!(finished.counts.len(), MAX_NAMESPACES + 1);
    assert_eq!((finished.counts[OTHER], finished.counts["team-0"]), ([0, 50], [1, 1]));
    assert_eq!(finished.numbers().counts, finished.counts);
}
