//! Burials, a store that was set back, and how old it all is.

use super::*;

#[test]
fn what_was_deleted_through_us_stays_away_until_the_watch_tells_its_end() {
    let mut told = Told::following(&[job("x", 1, 5, 1)]);
    assert!(told.tombstone("x", 1));
    assert!(!told.tombstone("x", 1), "only once");
    told.apply_event(WatchEvent::Apply(job("x", 1, 12, 0)));
    assert!(told.enter(&job("other", 9, 13, 0)));
    told.enter(&job("x", 1, 13, 0));
    assert_eq!(told.jobs(), ["other u9@13"]);
    told.apply_event(WatchEvent::Apply(job("x", 2, 15, 0)));
    assert_eq!(told.jobs(), ["other u9@13", "x u2@15"], "another of its name is welcome at any time");
    told.apply_event(WatchEvent::Delete(job("x", 1, 14, 0)));
    assert_eq!(told.jobs(), ["other u9@13", "x u2@15"]);
    assert!(told.live.buried.is_empty());
}

#[test]
fn a_delete_that_the_watch_told_of_before_its_reply_buries_nobody() {
    let mut told = Told::following(&[job("x", 1, 5, 1)]);
    told.apply_event(WatchEvent::Delete(job("x", 1, 12, 0)));
    assert!(!told.tombstone("x", 1));
    told.apply_event(WatchEvent::Apply(job("x", 2, 14, 0)));
    assert!(!told.tombstone("x", 1), "it is another by now");
    assert_eq!(told.jobs(), ["x u2@14"]);
    assert!(told.live.buried.is_empty(), "nothing would ever take it out");
}

#[test]
fn what_was_told_late_of_an_earlier_job_does_not_follow_the_burial_of_a_later_one() {
    let mut told = Told::following(&[job("x", 1, 5, 1)]);
    assert!(told.enter(&job("x", 2, 18, 0)), "deleted and made again, while the watch is behind");
    assert!(told.tombstone("x", 2));
    told.apply_event(WatchEvent::Apply(job("x", 1, 12, 0)));
    assert_eq!(told.jobs(), [""; 0]);
    for news in [WatchEvent::Delete(job("x", 1, 14, 0)), WatchEvent::Apply(job("x", 2, 18, 0))] {
        told.apply_event(news);
        assert_eq!(told.jobs(), [""; 0]);
    }
    told.apply_event(WatchEvent::Delete(job("x", 2, 20, 0)));
    assert!(told.live.buried.is_empty());
}

#[test]
fn to_leave_the_selection_is_not_the_end_of_a_job_that_is_known_to_have_come_back() {
    let mut told = Told::following(&[job("x", 1, 5, 1)]);
    // It lost its label at 12 and got it again at 13, as one look showed, while the watch is behind.
    assert!(told.enter(&job("x", 1, 13, 1)) && told.tombstone("x", 1));
    told.apply_event(WatchEvent::Delete(job("x", 1, 12, 1)));
    told.apply_event(WatchEvent::Apply(job("x", 1, 13, 1)));
    assert_eq!(told.jobs(), [""; 0]);
    told.apply_event(WatchEvent::Delete(job("x", 1, 15, 1)));
    assert!(told.live.buried.is_empty());
}

#[test]
fn a_list_does_not_bring_back_what_was_deleted_while_it_was_under_way() {
    let mut told = Told::following(&[job("x", 1, 5, 1)]);
    told.lose();
    told.apply_event(WatchEvent::Init(20));
    assert!(told.tombstone("x", 1));
    told.apply_event(WatchEvent::InitApply(vec![job("x", 1, 12, 1)]));
    told.apply_event(WatchEvent::InitDone);
    told.apply_event(WatchEvent::Watching);
    told.apply_event(WatchEvent::Apply(job("x", 1, 22, 0)));
    assert_eq!(told.jobs(), [""; 0]);
    told.apply_event(WatchEvent::Delete(job("x", 1, 24, 0)));
    assert!(told.live.buried.is_empty());
}

#[test]
fn a_list_that_was_asked_for_before_a_deletion_does_not_end_the_burial() {
    let mut told = Told::following(&[job("x", 1, 5, 1)]);
    told.lose();
    // The list is on its way here, as of version 20; the deletion will be 23.
    assert!(told.tombstone("x", 1));
    told.list(20, &[job("x", 1, 12, 1)]);
    told.apply_event(WatchEvent::Watching);
    told.apply_event(WatchEvent::Apply(job("x", 1, 22, 0)));
    assert_eq!(told.jobs(), [""; 0]);
    told.list(30, &[]);
    assert!(told.live.buried.is_empty(), "the deletion was before that one, so nobody will tell of it");
}

#[test]
fn a_cluster_that_was_set_back_is_believed() {
    let mut told = Told::following(&[job("x", 1, 5, 1), job("y", 2, 6, 0), job("z", 3, 8, 0)]);
    told.apply_event(WatchEvent::Apply(job("x", 1, 50, 0)));
    told.apply_event(WatchEvent::Apply(job("y", 2, 60, 0)));
    assert!(told.tombstone("z", 3));
    told.lose();
    told.apply_event(WatchEvent::Init(40));
    told.apply_event(WatchEvent::InitApply(vec![job("x", 1, 30, 1)]));
    assert!(told.enter(&job("x", 1, 41, 0)), "what is newer than the list counts too");
    assert!(told.enter(&job("new", 4, 42, 0)));
    told.apply_event(WatchEvent::InitApply(vec![job("z", 3, 8, 0)]));
    told.apply_event(WatchEvent::InitDone);
    assert_eq!(told.jobs(), ["new u4@42", "x u1@41", "z u3@8"], "z was never deleted in this cluster");
    told.apply_event(WatchEvent::Watching);
    told.apply_event(WatchEvent::Apply(job("x", 1, 43, 1)));
    told.apply_event(WatchEvent::Apply(job("x", 1, 42, 0)));
    assert_eq!(told.jobs()[1], "x u1@43", "from then on all is as ever");
}

#[test]
fn a_set_back_is_not_forgotten_when_its_first_list_breaks_off() {
    let mut told = Told::following(&[job("x", 1, 5, 1), job("y", 2, 6, 0)]);
    told.apply_event(WatchEvent::Apply(job("x", 1, 90, 0)));
    told.apply_event(WatchEvent::Apply(job("y", 2, 91, 0)));
    told.lose();
    told.apply_event(WatchEvent::Init(40));
    told.lose();
    told.list(45, &[job("x", 1, 30, 1)]);
    assert_eq!(told.jobs(), ["x u1@30"]);
}

#[test]
fn a_set_back_shows_against_a_list_that_broke_off_too() {
    let mut told = Told::following(&[job("x", 1, 5, 1)]);
    told.lose();
    told.apply_event(WatchEvent::Init(90));
    told.apply_event(WatchEvent::InitApply(vec![job("x", 1, 80, 0), job("y", 2, 85, 0)]));
    told.lose();
    told.list(40, &[job("x", 1, 30, 1)]);
    assert_eq!(told.jobs(), ["x u1@30"]);
}

#[test]
fn what_is_buried_of_before_a_set_back_hides_nothing_of_after_it() {
    let mut told = Told::following(&[job("x", 1, 5, 1)]);
    told.apply_event(WatchEvent::Apply(job("x", 1, 90, 0)));
    told.lose();
    told.apply_event(WatchEvent::Init(40));
    assert!(told.tombstone("x", 1));
    told.apply_event(WatchEvent::InitDone);
    told.apply_event(WatchEvent::Watching);
    told.apply_event(WatchEvent::Delete(job("x", 1, 41, 0)));
    told.apply_event(WatchEvent::Apply(job("x", 2, 42, 0)));
    assert_eq!(told.jobs(), ["x u2@42"]);
}

#[test]
fn without_the_right_to_look_nothing_is_known() {
    let mut told = Told::following(&[job("x", 1, 5, 1)]);
    let last = told.live.changes.last();
    let waiting = told.live.waiting.entry("a/x".to_owned()).or_default().subscribe();
    told.apply_event(WatchEvent::Disconnected(Failure::Forbidden("no".to_owned())));
    assert_eq!((&*told.age(), told.live.is_usable(), told.jobs()), ("nothing is known", false, Vec::new()));
    assert!(told.live.changes.since(last).is_none(), "whoever follows has to start over");
    assert!(waiting.has_changed().unwrap(), "whoever waits has to look elsewhere");
    assert!(!told.enter(&job("y", 2, 20, 0)));
    told.list(15, &[job("x", 1, 5, 1)]);
    assert_eq!((&*told.age(), told.jobs()), ("0 s", vec!["x u1@5".to_owned()]));
}

#[test]
fn the_first_list_is_no_news_and_later_ones_are() {
    let mut told = Told::new();
    let start = told.live.changes.last();
    told.list(10, &[job("x", 1, 5, 1)]);
    assert!(told.live.changes.since(start).is_none());
    let last = told.live.changes.last();
    assert_eq!(told.changes_since(last), []);
    told.list(20, &[job("x", 1, 15, 1)]);
    assert_eq!(told.changes_since(last).len(), 1);
}

#[test]
fn the_age_counts_from_the_last_thing_that_was_heard() {
    let mut told = Told::new();
    assert_eq!(told.age(), "nothing is known");
    told.lose();
    told.apply_event(WatchEvent::Init(10));
    told.apply_event(WatchEvent::InitApply(Vec::new()));
    assert_eq!(told.age(), "nothing is known", "half a list is none");
    told.apply_event(WatchEvent::InitDone);
    assert_eq!(told.age(), "0 s", "nobody tells of changes yet");
    told.apply_event(WatchEvent::Watching);
    told.now += Duration::from_mins(5);
    assert_eq!(told.age(), "live", "live, however quiet");
    told.apply_event(WatchEvent::Bookmark(12));
    told.lose();
    assert_eq!(told.age(), "1 s");
    told.now += Duration::from_secs(10);
    told.lose();
    assert_eq!(told.age(), "12 s", "it grows until there is a list, or the stream again");
    told.apply_event(WatchEvent::Watching);
    assert_eq!(told.age(), "live");
    told.lose();
    assert_eq!(told.age(), "14 s", "a stream that broke before its first line has told nothing");
}

#[test]
fn a_list_makes_young_what_no_stream_keeps_live() {
    let mut told = Told::following(&[]);
    told.lose();
    told.now += Duration::from_mins(5);
    told.apply_event(WatchEvent::Init(20));
    assert_eq!(told.age(), "303 s");
    told.apply_event(WatchEvent::InitDone);
    assert_eq!(told.age(), "0 s");
    told.lose();
    assert_eq!(told.age(), "1 s", "the watch is refused, and the list is as old as it is");
}
