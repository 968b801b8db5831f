//! The last known statuses, the waking of callers, and the signs of a reset.

use super::model::complete;
use super::*;
use crate::jobs::store::reflector::Inserted;

/// The last known uid, version and state of the job with this name.
fn last(harness: &Harness, name: &str, uid: Option<&str>) -> Option<(String, Version, State)> {
    let last = harness.reflector.ended.last(&format!("a/{name}"), uid, harness.now)?;
    Some((last.uid.to_string(), last.version, last.state))
}

#[test]
fn last_known_is_the_final_status_even_of_a_deletion_event_alone() {
    let mut harness = Harness::following(&[job("x", 1, 5, 1), job("y", 2, 6, 1)]);
    let before = harness.reflector.changes.last();
    harness.apply_event(WatchEvent::Apply(complete(job("x", 1, 12, 0))));
    harness.apply_event(WatchEvent::Delete(complete(job("x", 1, 13, 0))));
    harness.apply_event(WatchEvent::Delete(complete(job("y", 2, 14, 0))));
    assert_eq!(last(&harness, "x", None), Some(("u1".to_owned(), 12, State::Completed)));
    assert_eq!(last(&harness, "y", Some("u2")), Some(("u2".to_owned(), 14, State::Completed)));
    assert_eq!(last(&harness, "y", Some("u1")), None);
    let states: Vec<_> = harness.changes_since(before).into_iter().map(|(before, after, _)| (before, after)).collect();
    let (running, completed) = (Some(State::Running), Some(State::Completed));
    assert_eq!(states, [(running, completed), (completed, None), (running, completed), (completed, None)]);
}

#[test]
fn last_known_is_kept_for_every_way_of_deletion() {
    let mut harness = Harness::following(&[job("a", 1, 5, 1), job("b", 2, 5, 1), job("c", 3, 5, 1), job("d", 4, 5, 1)]);
    assert!(harness.tombstone("a", 1));
    harness.apply_event(WatchEvent::Apply(job("b", 12, 12, 0)));
    harness.apply_event(WatchEvent::Delete(job("stranger", 9, 14, 0)));
    harness.lose();
    harness.list(20, &[job("b", 12, 12, 0), job("d", 4, 5, 1)]);
    let running = |uid: &str| Some((uid.to_owned(), 5, State::Running));
    assert_eq!(last(&harness, "a", None), running("u1"));
    assert_eq!(last(&harness, "b", None), running("u2"), "another job has its name");
    assert_eq!(last(&harness, "c", None), running("u3"), "a list does not hold it");
    assert_eq!(last(&harness, "d", None), None, "it is still there");
    assert_eq!(
        last(&harness, "stranger", None),
        Some(("u9".to_owned(), 14, State::Pending)),
        "only its deletion is reported"
    );
}

#[test]
fn b18_a_lost_watch_wakes_every_wait() {
    let mut harness = Harness::following(&[job("x", 1, 5, 1)]);
    let mut waiting = harness.reflector.waiting.entry("a/x".to_owned()).or_default().subscribe();
    harness.lose();
    assert!(waiting.has_changed().unwrap());
    waiting.mark_unchanged();
    harness.lose();
    assert!(!waiting.has_changed().unwrap(), "they are woken once");
}

#[test]
fn c3_an_unknown_job_older_than_the_watch_shows_a_reset() {
    let mut harness = Harness::following(&[job("x", 1, 5, 1)]);
    harness.apply_event(WatchEvent::Bookmark(100));
    let enter =
        |harness: &mut Harness, job: &Job| harness.reflector.insert_if_newer(Status::new("lab", job), harness.now);
    assert_eq!(enter(&mut harness, &job("new", 2, 60, 0)), Inserted { is_new: false, store_was_reset: true });
    assert_eq!((harness.age(), harness.jobs()), ("unknown".to_owned(), Vec::new()), "every read asks the cluster");
    harness.apply_event(WatchEvent::Disconnected(Failure::SetBack));
    harness.list(61, &[job("new", 2, 60, 0), job("back", 3, 40, 0)]);
    harness.apply_event(WatchEvent::Watching);
    assert_eq!(
        (harness.age(), harness.jobs()),
        ("current".to_owned(), vec!["back u3@40".to_owned(), "new u2@60".to_owned()])
    );
    harness.apply_event(WatchEvent::Apply(job("new", 2, 63, 1)));
    assert_eq!(harness.jobs()[1], "new u2@63", "versions count again");
}

#[test]
fn c3_a_job_that_the_watch_reported_shows_no_reset() {
    let mut harness = Harness::following(&[job("x", 1, 5, 1), job("y", 2, 6, 1)]);
    let enter = |harness: &mut Harness, job: &Job| {
        harness.reflector.insert_if_newer(Status::new("lab", job), harness.now).store_was_reset
    };
    harness.apply_event(WatchEvent::Apply(job("new", 3, 12, 0)));
    harness.apply_event(WatchEvent::Delete(job("new", 3, 14, 0)));
    harness.apply_event(WatchEvent::Bookmark(100));
    assert!(!enter(&mut harness, &job("x", 1, 5, 1)), "it is known");
    assert!(!enter(&mut harness, &job("new", 3, 12, 0)), "it was created and deleted before the reply");
    assert!(harness.tombstone("y", 2) && !enter(&mut harness, &job("y", 2, 6, 1)));
    assert!(!enter(&mut harness, &job("z", 4, 101, 0)), "the watch is behind");
    harness.lose();
    assert!(!enter(&mut harness, &job("z", 5, 50, 0)), "the jobs are stale");
    harness.apply_event(WatchEvent::Watching);
    assert!(enter(&mut harness, &job("z", 6, 51, 0)));
    harness.list(60, &[]);
    harness.apply_event(WatchEvent::Watching);
    harness.apply_event(WatchEvent::Bookmark(70));
    assert!(!enter(&mut harness, &job("z", 7, 62, 0)), "not again within seconds");
}
