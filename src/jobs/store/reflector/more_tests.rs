//! Tombstones, a reset of the API server's store, and staleness.

use super::*;

#[test]
fn a_tombstone_lasts_until_the_watch_reports_the_deletion() {
    let mut harness = Harness::following(&[job("x", 1, 5, 1)]);
    assert!(harness.tombstone("x", 1));
    assert!(!harness.tombstone("x", 1), "only once");
    harness.apply_event(WatchEvent::Apply(job("x", 1, 12, 0)));
    assert!(harness.enter(&job("other", 9, 13, 0)));
    harness.enter(&job("x", 1, 13, 0));
    assert_eq!(harness.jobs(), ["other u9@13"]);
    harness.apply_event(WatchEvent::Apply(job("x", 2, 15, 0)));
    assert_eq!(harness.jobs(), ["other u9@13", "x u2@15"], "another job of its name is stored");
    harness.apply_event(WatchEvent::Delete(job("x", 1, 14, 0)));
    assert_eq!(harness.jobs(), ["other u9@13", "x u2@15"]);
    assert!(harness.reflector.tombstones.is_empty());
}

#[test]
fn a_delete_reply_after_the_deletion_event_leaves_no_tombstone() {
    let mut harness = Harness::following(&[job("x", 1, 5, 1)]);
    harness.apply_event(WatchEvent::Delete(job("x", 1, 12, 0)));
    assert!(!harness.tombstone("x", 1));
    harness.apply_event(WatchEvent::Apply(job("x", 2, 14, 0)));
    assert!(!harness.tombstone("x", 1), "another job has the name");
    assert_eq!(harness.jobs(), ["x u2@14"]);
    assert!(harness.reflector.tombstones.is_empty(), "nothing would ever remove it");
}

#[test]
fn late_events_of_an_earlier_job_do_not_pass_the_tombstone_of_a_later_one() {
    let mut harness = Harness::following(&[job("x", 1, 5, 1)]);
    assert!(harness.enter(&job("x", 2, 18, 0)), "it was deleted and created again while the watch is behind");
    assert!(harness.tombstone("x", 2));
    harness.apply_event(WatchEvent::Apply(job("x", 1, 12, 0)));
    assert_eq!(harness.jobs(), [""; 0]);
    for event in [WatchEvent::Delete(job("x", 1, 14, 0)), WatchEvent::Apply(job("x", 2, 18, 0))] {
        harness.apply_event(event);
        assert_eq!(harness.jobs(), [""; 0]);
    }
    harness.apply_event(WatchEvent::Delete(job("x", 2, 20, 0)));
    assert!(harness.reflector.tombstones.is_empty());
}

#[test]
fn losing_the_label_earlier_does_not_end_the_tombstone() {
    let mut harness = Harness::following(&[job("x", 1, 5, 1)]);
    // The job loses its label at 12 and gets it back at 13; a read shows it while the watch is behind.
    assert!(harness.enter(&job("x", 1, 13, 1)) && harness.tombstone("x", 1));
    harness.apply_event(WatchEvent::Delete(job("x", 1, 12, 1)));
    harness.apply_event(WatchEvent::Apply(job("x", 1, 13, 1)));
    assert_eq!(harness.jobs(), [""; 0]);
    harness.apply_event(WatchEvent::Delete(job("x", 1, 15, 1)));
    assert!(harness.reflector.tombstones.is_empty());
}

#[test]
fn a_list_does_not_bring_back_a_job_deleted_meanwhile() {
    let mut harness = Harness::following(&[job("x", 1, 5, 1)]);
    harness.lose();
    harness.apply_event(WatchEvent::Init(20));
    assert!(harness.tombstone("x", 1));
    harness.apply_event(WatchEvent::InitApply(vec![job("x", 1, 12, 1)]));
    harness.apply_event(WatchEvent::InitDone);
    harness.apply_event(WatchEvent::Watching);
    harness.apply_event(WatchEvent::Apply(job("x", 1, 22, 0)));
    assert_eq!(harness.jobs(), [""; 0]);
    harness.apply_event(WatchEvent::Delete(job("x", 1, 24, 0)));
    assert!(harness.reflector.tombstones.is_empty());
}

#[test]
fn the_late_deletion_of_an_earlier_job_leaves_the_tombstone_of_a_later_one() {
    let mut harness = Harness::following(&[]);
    harness.lose();
    harness.apply_event(WatchEvent::Init(20));
    harness.apply_event(WatchEvent::InitApply(vec![job("x", 1, 12, 0)]));
    assert!(harness.enter(&job("x", 2, 40, 0)) && harness.tombstone("x", 2));
    assert!(harness.tombstone("x", 1), "its reply is late");
    harness.apply_event(WatchEvent::InitDone);
    harness.apply_event(WatchEvent::Watching);
    harness.apply_event(WatchEvent::Apply(job("x", 2, 40, 0)));
    assert_eq!(harness.jobs(), [""; 0]);
}

#[test]
fn a_list_requested_before_a_deletion_does_not_end_the_tombstone() {
    let mut harness = Harness::following(&[job("x", 1, 5, 1)]);
    harness.lose();
    // The list is of version 20; the deletion gets version 23.
    assert!(harness.tombstone("x", 1));
    harness.list(20, &[job("x", 1, 12, 1)]);
    harness.apply_event(WatchEvent::Watching);
    harness.apply_event(WatchEvent::Apply(job("x", 1, 22, 0)));
    assert_eq!(harness.jobs(), [""; 0]);
    harness.list(30, &[]);
    assert!(harness.reflector.tombstones.is_empty(), "that list is newer than the deletion, so no event follows");
}

#[test]
fn a_list_older_than_the_watch_replaces_all_jobs() {
    let mut harness = Harness::following(&[job("x", 1, 5, 1), job("y", 2, 6, 0), job("z", 3, 8, 0)]);
    harness.apply_event(WatchEvent::Apply(job("x", 1, 50, 0)));
    harness.apply_event(WatchEvent::Apply(job("y", 2, 60, 0)));
    assert!(harness.tombstone("z", 3));
    harness.lose();
    harness.apply_event(WatchEvent::Init(40));
    harness.apply_event(WatchEvent::InitApply(vec![job("x", 1, 30, 1)]));
    assert!(harness.enter(&job("x", 1, 41, 0)), "a job newer than the list is stored too");
    assert!(harness.enter(&job("new", 4, 42, 0)));
    harness.apply_event(WatchEvent::InitApply(vec![job("z", 3, 8, 0)]));
    harness.apply_event(WatchEvent::InitDone);
    assert_eq!(harness.jobs(), ["new u4@42", "x u1@41", "z u3@8"], "the restored cluster has z");
    harness.apply_event(WatchEvent::Watching);
    harness.apply_event(WatchEvent::Apply(job("x", 1, 43, 1)));
    harness.apply_event(WatchEvent::Apply(job("x", 1, 42, 0)));
    assert_eq!(harness.jobs()[1], "x u1@43", "versions count again");
}

#[test]
fn a_reset_counts_although_its_first_list_fails() {
    let mut harness = Harness::following(&[job("x", 1, 5, 1), job("y", 2, 6, 0)]);
    harness.apply_event(WatchEvent::Apply(job("x", 1, 90, 0)));
    harness.apply_event(WatchEvent::Apply(job("y", 2, 91, 0)));
    harness.lose();
    harness.apply_event(WatchEvent::Init(40));
    harness.lose();
    harness.list(45, &[job("x", 1, 30, 1)]);
    assert_eq!(harness.jobs(), ["x u1@30"]);
}

#[test]
fn a_reset_shows_against_a_failed_list_too() {
    let mut harness = Harness::following(&[job("x", 1, 5, 1)]);
    harness.lose();
    harness.apply_event(WatchEvent::Init(90));
    harness.apply_event(WatchEvent::InitApply(vec![job("x", 1, 80, 0), job("y", 2, 85, 0)]));
    harness.lose();
    harness.list(40, &[job("x", 1, 30, 1)]);
    assert_eq!(harness.jobs(), ["x u1@30"]);
}

#[test]
fn a_tombstone_does_not_outlive_a_reset() {
    let mut harness = Harness::following(&[job("x", 1, 5, 1)]);
    harness.apply_event(WatchEvent::Apply(job("x", 1, 90, 0)));
    harness.lose();
    assert!(harness.tombstone("x", 1));
    harness.apply_event(WatchEvent::Init(40));
    harness.apply_event(WatchEvent::InitDone);
    harness.apply_event(WatchEvent::Watching);
    harness.apply_event(WatchEvent::Delete(job("x", 1, 41, 0)));
    harness.apply_event(WatchEvent::Apply(job("x", 2, 42, 0)));
    assert_eq!(harness.jobs(), ["x u2@42"]);
}

#[test]
fn without_the_right_to_list_nothing_is_known() {
    let mut harness = Harness::following(&[job("x", 1, 5, 1)]);
    let last = harness.reflector.changes.last();
    let waiting = harness.reflector.waiting.entry("a/x".to_owned()).or_default().subscribe();
    harness.apply_event(WatchEvent::Disconnected(Failure::Forbidden("no".to_owned())));
    assert_eq!((&*harness.age(), harness.reflector.is_usable(), harness.jobs()), ("unknown", false, Vec::new()));
    assert!(harness.reflector.changes.since(last).is_none(), "readers must start again");
    assert!(waiting.has_changed().unwrap(), "waiting callers must ask the cluster");
    assert!(!harness.enter(&job("y", 2, 20, 0)));
    harness.list(15, &[job("x", 1, 5, 1)]);
    assert_eq!((&*harness.age(), harness.jobs()), ("0 s", vec!["x u1@5".to_owned()]));
}

#[test]
fn only_lists_after_the_first_are_changes() {
    let mut harness = Harness::new();
    let start = harness.reflector.changes.last();
    harness.list(10, &[job("x", 1, 5, 1)]);
    assert!(harness.reflector.changes.since(start).is_none());
    let last = harness.reflector.changes.last();
    assert_eq!(harness.changes_since(last), []);
    harness.list(20, &[job("x", 1, 15, 1)]);
    assert_eq!(harness.changes_since(last).len(), 1);
}

#[test]
fn the_age_counts_from_the_last_event() {
    let mut harness = Harness::new();
    assert_eq!(harness.age(), "unknown");
    harness.lose();
    harness.apply_event(WatchEvent::Init(10));
    harness.apply_event(WatchEvent::InitApply(Vec::new()));
    assert_eq!(harness.age(), "unknown", "the list is not complete");
    harness.apply_event(WatchEvent::InitDone);
    assert_eq!(harness.age(), "0 s", "the watch is not open yet");
    harness.apply_event(WatchEvent::Watching);
    harness.now += Duration::from_mins(5);
    assert_eq!(harness.age(), "current", "current without any event");
    harness.apply_event(WatchEvent::Bookmark(12));
    harness.lose();
    assert_eq!(harness.age(), "1 s");
    harness.now += Duration::from_secs(10);
    harness.lose();
    assert_eq!(harness.age(), "12 s", "it grows until a list or a watch");
    harness.apply_event(WatchEvent::Watching);
    assert_eq!(harness.age(), "current");
    harness.lose();
    assert_eq!(harness.age(), "14 s", "a watch without an event does not count");
}

#[test]
fn a_list_resets_the_age_without_a_watch() {
    let mut harness = Harness::following(&[]);
    harness.lose();
    harness.now += Duration::from_mins(5);
    harness.apply_event(WatchEvent::Init(20));
    assert_eq!(harness.age(), "303 s");
    harness.apply_event(WatchEvent::InitDone);
    assert_eq!(harness.age(), "0 s");
    harness.lose();
    assert_eq!(harness.age(), "1 s", "the age counts from the list");
}
