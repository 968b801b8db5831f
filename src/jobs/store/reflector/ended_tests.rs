//! What is remembered of jobs that are gone, who is woken, and how a store that was set back shows.

use super::*;
use crate::jobs::store::reflector::Entered;

fn complete(mut job: Job) -> Job {
    let condition = serde_json::json!({ "type": "Complete", "status": "True" });
    job.status.conditions.push(serde_json::from_value(condition).unwrap());
    job
}

/// Uid, version and state that are remembered of the job with this name.
fn last(told: &Told, name: &str, uid: Option<&str>) -> Option<(String, Version, State)> {
    let last = told.live.gone.last(&format!("a/{name}"), uid, told.now)?;
    Some((last.uid.to_string(), last.version, last.state))
}

#[test]
fn last_known_is_the_end_that_the_watch_told_even_with_the_deletion_alone() {
    let mut told = Told::following(&[job("x", 1, 5, 1), job("y", 2, 6, 1)]);
    let before = told.live.changes.last();
    told.apply_event(WatchEvent::Apply(complete(job("x", 1, 12, 0))));
    told.apply_event(WatchEvent::Delete(complete(job("x", 1, 13, 0))));
    told.apply_event(WatchEvent::Delete(complete(job("y", 2, 14, 0))));
    assert_eq!(last(&told, "x", None), Some(("u1".to_owned(), 12, State::Completed)));
    assert_eq!(last(&told, "y", Some("u2")), Some(("u2".to_owned(), 14, State::Completed)));
    assert_eq!(last(&told, "y", Some("u1")), None);
    let states: Vec<_> = told.changes_since(before).into_iter().map(|(before, after, _)| (before, after)).collect();
    let (running, completed) = (Some(State::Running), Some(State::Completed));
    assert_eq!(states, [(running, completed), (completed, None), (running, completed), (completed, None)]);
}

#[test]
fn last_known_is_there_however_the_job_went() {
    let mut told = Told::following(&[job("a", 1, 5, 1), job("b", 2, 5, 1), job("c", 3, 5, 1), job("d", 4, 5, 1)]);
    assert!(told.tombstone("a", 1));
    told.apply_event(WatchEvent::Apply(job("b", 12, 12, 0)));
    told.apply_event(WatchEvent::Delete(job("stranger", 9, 14, 0)));
    told.lose();
    told.list(20, &[job("b", 12, 12, 0), job("d", 4, 5, 1)]);
    let running = |uid: &str| Some((uid.to_owned(), 5, State::Running));
    assert_eq!(last(&told, "a", None), running("u1"));
    assert_eq!(last(&told, "b", None), running("u2"), "another took its name");
    assert_eq!(last(&told, "c", None), running("u3"), "a list no longer held it");
    assert_eq!(last(&told, "d", None), None, "it is still there");
    assert_eq!(last(&told, "stranger", None), Some(("u9".to_owned(), 14, State::Pending)), "its life was not told");
}

#[test]
fn b18_a_lost_watch_wakes_every_wait() {
    let mut told = Told::following(&[job("x", 1, 5, 1)]);
    let mut waiting = told.live.waiting.entry("a/x".to_owned()).or_default().subscribe();
    told.lose();
    assert!(waiting.has_changed().unwrap());
    waiting.mark_unchanged();
    told.lose();
    assert!(!waiting.has_changed().unwrap(), "they know");
}

#[test]
fn c3_an_unknown_job_that_is_older_than_the_watch_shows_a_set_back_store() {
    let mut told = Told::following(&[job("x", 1, 5, 1)]);
    told.apply_event(WatchEvent::Bookmark(100));
    let enter = |told: &mut Told, job: &Job| told.live.enter(Status::of(job), told.now);
    assert_eq!(enter(&mut told, &job("new", 2, 60, 0)), Entered { is_new: true, is_set_back: true });
    assert_eq!((told.age(), told.jobs()), ("0 s".to_owned(), vec!["new u2@60".to_owned(), "x u1@5".to_owned()]));
    told.apply_event(WatchEvent::Disconnected(Failure::SetBack));
    told.list(61, &[job("new", 2, 60, 0), job("back", 3, 40, 0)]);
    told.apply_event(WatchEvent::Watching);
    assert_eq!((told.age(), told.jobs()), ("live".to_owned(), vec!["back u3@40".to_owned(), "new u2@60".to_owned()]));
    told.apply_event(WatchEvent::Apply(job("new", 2, 63, 1)));
    assert_eq!(told.jobs()[1], "new u2@63", "from then on all is as ever");
}

#[test]
fn c3_what_the_watch_has_told_of_shows_nothing() {
    let mut told = Told::following(&[job("x", 1, 5, 1), job("y", 2, 6, 1)]);
    let enter = |told: &mut Told, job: &Job| told.live.enter(Status::of(job), told.now).is_set_back;
    told.apply_event(WatchEvent::Apply(job("new", 3, 12, 0)));
    told.apply_event(WatchEvent::Delete(job("new", 3, 14, 0)));
    told.apply_event(WatchEvent::Bookmark(100));
    assert!(!enter(&mut told, &job("x", 1, 5, 1)), "it is known");
    assert!(!enter(&mut told, &job("new", 3, 12, 0)), "it came and went before the reply");
    assert!(told.tombstone("y", 2) && !enter(&mut told, &job("y", 2, 6, 1)));
    assert!(!enter(&mut told, &job("z", 4, 101, 0)), "the watch has not come so far");
    told.lose();
    assert!(!enter(&mut told, &job("z", 5, 50, 0)), "what is stale proves nothing");
    told.apply_event(WatchEvent::Watching);
    assert!(enter(&mut told, &job("z", 6, 51, 0)));
    told.list(60, &[]);
    told.apply_event(WatchEvent::Watching);
    told.apply_event(WatchEvent::Bookmark(70));
    assert!(!enter(&mut told, &job("z", 7, 62, 0)), "not again within seconds");
}
