//! The changes that are kept, and the events that a reader sees of them.

use super::*;
use crate::jobs::label_selector::Selector;
use crate::jobs::state::State;
use crate::kube::names::Namespace;
use crate::kube::types::{Job, Labels};

const RUNNING: Option<State> = Some(State::Running);
const PENDING: Option<State> = Some(State::Pending);
const FAILED: Option<State> = Some(State::Failed);

fn job(namespace: &str, uid: &str) -> Arc<Status> {
    let mut job = Job::default();
    job.metadata.namespace = namespace.to_owned();
    job.metadata.name = "x".to_owned();
    job.metadata.uid = uid.to_owned();
    Arc::new(Status::new("lab", &job))
}

fn in_state(status: &Status, state: State) -> Arc<Status> {
    let mut status = status.clone();
    status.state = state;
    Arc::new(status)
}

impl ChangeLog {
    /// Adds a change of this job's state. `None` means that the job does not exist.
    fn push_states(&mut self, before: Option<State>, after: Option<State>, job: &Arc<Status>) {
        let job = |state| in_state(job, state);
        match (before.map(job), after.map(job)) {
            (before, Some(after)) => self.updated(before, after),
            (Some(before), None) => self.deleted(before),
            (None, None) => panic!("it is not a change"),
        }
    }
}

fn numbers(changes: Option<Vec<Arc<Change>>>) -> Option<Vec<u64>> {
    changes.map(|changes| changes.iter().map(|change| change.number).collect())
}

/// The events that a reader sees of these changes of one job: kind and number.
fn seen_of(states: &[(Option<State>, Option<State>)], filter: &Filter) -> Vec<(ChangeKind, u64)> {
    let mut changes = ChangeLog::default();
    for (before, after) in states {
        changes.push_states(*before, *after, &job("a", "u1"));
    }
    kinds(&changes, filter)
}

fn kinds(changes: &ChangeLog, filter: &Filter) -> Vec<(ChangeKind, u64)> {
    visible_changes(&changes.since(0).unwrap(), filter)
        .into_iter()
        .map(|(kind, change)| (kind, change.number))
        .collect()
}

#[test]
fn the_last_changes_are_kept_and_missing_ones_are_noticed() {
    let mut changes = ChangeLog::default();
    assert_eq!((changes.last(), numbers(changes.since(0)), numbers(changes.since(1))), (0, Some(vec![]), None));
    for number in 1..=MAX_CHANGES as u64 {
        changes.push_states(None, PENDING, &job("a", "u1"));
        assert_eq!((changes.last(), changes.since(0).map(|all| all.len() as u64)), (number, Some(number)));
    }
    for last in MAX_CHANGES as u64 + 1..3 * MAX_CHANGES as u64 {
        changes.push_states(PENDING, RUNNING, &job("a", "u1"));
        let oldest = last - MAX_CHANGES as u64;
        assert_eq!(changes.changes.len(), MAX_CHANGES);
        assert!(changes.since(oldest - 1).is_none(), "change {oldest} is missing");
        assert!(changes.since(last + 1).is_none(), "no such change yet");
        let all = changes.since(oldest).unwrap();
        assert_eq!((all[0].number, all.len(), all[MAX_CHANGES - 1].number), (oldest + 1, MAX_CHANGES, last));
        assert_eq!(numbers(changes.since(last - 2)), Some(vec![last - 1, last]));
        assert_eq!(numbers(changes.since(last)), Some(vec![]));
    }
}

#[test]
fn after_a_reset_every_reader_starts_again() {
    let mut changes = ChangeLog::default();
    for _ in 0..5 {
        changes.push_states(None, PENDING, &job("a", "u1"));
    }
    changes.reset();
    assert!((0..=5).all(|number| changes.since(number).is_none()));
    assert_eq!(numbers(changes.since(changes.last())), Some(vec![]));
    changes.push_states(PENDING, RUNNING, &job("a", "u1"));
    assert_eq!((numbers(changes.since(6)), numbers(changes.since(5))), (Some(vec![7]), None));
}

#[test]
fn a_change_is_serialized_once_for_all_readers() {
    let mut changes = ChangeLog::default();
    changes.push_states(None, PENDING, &job("a", "u1"));
    let [one, other] = [0, 0].map(|number| changes.since(number).unwrap()[0].status.json());
    assert!(std::ptr::eq(one.as_ptr(), other.as_ptr()) && one.starts_with(br#"{"cluster":"lab","job_name":"x","#));
}

#[test]
fn a_job_that_begins_to_match_is_added_and_one_that_ceases_is_deleted() {
    let running = Filter { state: RUNNING, ..Filter::default() };
    for (before, after, kind) in [
        (None, PENDING, None),
        (None, RUNNING, Some(ChangeKind::Added)),
        (PENDING, FAILED, None),
        (PENDING, RUNNING, Some(ChangeKind::Added)),
        (RUNNING, RUNNING, Some(ChangeKind::Modified)),
        (RUNNING, FAILED, Some(ChangeKind::Deleted)),
        (RUNNING, None, Some(ChangeKind::Deleted)),
        (PENDING, None, None),
    ] {
        let expected = |number| kind.map(|kind| (kind, number)).into_iter().collect::<Vec<_>>();
        assert_eq!(seen_of(&[(before, after)], &running), expected(1), "{before:?} {after:?}");
        for between in [PENDING, RUNNING, FAILED] {
            let states = [(before, between), (between, between), (between, after)];
            assert_eq!(seen_of(&states, &running), expected(3), "{before:?} {between:?} {after:?}");
        }
    }
}

#[test]
fn a_job_whose_labels_begin_to_match_is_added_and_one_whose_labels_cease_to_is_deleted() {
    let labelled = |team: &str, state: State| {
        let mut job = Job::default();
        job.metadata.uid = "u1".to_owned();
        job.metadata.labels = Labels(vec![("team".into(), team.into())]);
        in_state(&Status::new("lab", &job), state)
    };
    let selector = Selector::parse("team=a").unwrap();
    let running = Filter { selector, state: RUNNING, ..Filter::default() };
    let teams = ["", "a", "b"];
    for (before, between, after) in teams.into_iter().flat_map(|before| {
        teams.into_iter().flat_map(move |between| teams.into_iter().map(move |after| (before, between, after)))
    }) {
        let job = |team: &str| (!team.is_empty()).then(|| labelled(team, State::Running));
        let mut changes = ChangeLog::default();
        for (before, after) in [(before, between), (between, after)] {
            match (job(before), job(after)) {
                (before, Some(after)) => changes.updated(before, after),
                (Some(before), None) => changes.deleted(before),
                (None, None) => {}
            }
        }
        let expected = match (before == "a", after == "a") {
            (false, true) => Some(ChangeKind::Added),
            (true, true) => Some(ChangeKind::Modified),
            (true, false) => Some(ChangeKind::Deleted),
            (false, false) => None,
        };
        let seen: Vec<ChangeKind> = kinds(&changes, &running).into_iter().map(|(kind, _)| kind).collect();
        assert_eq!(seen, expected.into_iter().collect::<Vec<_>>(), "{before:?} {between:?} {after:?}");
    }
    let mut changes = ChangeLog::default();
    changes.updated(Some(labelled("a", State::Pending)), labelled("b", State::Running));
    assert_eq!(kinds(&changes, &running), [], "labels and state must match at the same time");
}

#[test]
fn a_job_created_and_deleted_between_two_reads_is_not_seen() {
    let all = Filter::default();
    assert_eq!(seen_of(&[(None, PENDING), (PENDING, RUNNING)], &all), [(ChangeKind::Added, 2)]);
    assert_eq!(seen_of(&[(PENDING, RUNNING), (RUNNING, FAILED)], &all), [(ChangeKind::Modified, 2)]);
    assert_eq!(seen_of(&[(PENDING, RUNNING), (RUNNING, None)], &all), [(ChangeKind::Deleted, 2)]);
    assert_eq!(seen_of(&[(None, PENDING), (PENDING, None)], &all), []);
}

#[test]
fn a_job_created_again_between_two_reads_is_deleted_and_added() {
    let mut changes = ChangeLog::default();
    changes.push_states(PENDING, RUNNING, &job("a", "u1"));
    changes.push_states(RUNNING, None, &job("a", "u1"));
    changes.push_states(None, PENDING, &job("a", "u2"));
    changes.push_states(PENDING, RUNNING, &job("a", "u2"));
    assert_eq!(kinds(&changes, &Filter::default()), [(ChangeKind::Deleted, 2), (ChangeKind::Added, 4)]);
    changes.push_states(RUNNING, None, &job("a", "u2"));
    assert_eq!(kinds(&changes, &Filter::default()), [(ChangeKind::Deleted, 2)]);
}

#[test]
fn events_are_in_the_order_of_the_last_changes() {
    let mut changes = ChangeLog::default();
    for (namespace, uid) in [("a", "u1"), ("a", "u2"), ("b", "u3"), ("a", "u1")] {
        changes.push_states(PENDING, RUNNING, &job(namespace, uid));
    }
    let filter = Filter { namespace: Some(Namespace::parse("a").unwrap()), ..Filter::default() };
    assert_eq!(kinds(&changes, &filter), [(ChangeKind::Modified, 2), (ChangeKind::Modified, 4)]);
    let none = Filter { selector: Selector::parse("team=x").unwrap(), ..Filter::default() };
    assert_eq!(kinds(&changes, &none), []);
}

#[test]
fn the_end_of_a_job_is_an_event_before_its_deletion() {
    const COMPLETED: Option<State> = Some(State::Completed);
    let all = Filter::default();
    let ended = [(RUNNING, RUNNING), (RUNNING, COMPLETED), (COMPLETED, COMPLETED), (COMPLETED, None)];
    assert_eq!(seen_of(&ended, &all), [(ChangeKind::Modified, 2), (ChangeKind::Deleted, 4)]);
    let whole_life = [(None, PENDING), (PENDING, COMPLETED), (COMPLETED, None)];
    assert_eq!(seen_of(&whole_life, &all), [(ChangeKind::Added, 2), (ChangeKind::Deleted, 3)]);
    let of = |state| Filter { state: Some(state), ..Filter::default() };
    assert_eq!(seen_of(&ended, &of(State::Completed)), [(ChangeKind::Added, 2), (ChangeKind::Deleted, 4)]);
    assert_eq!(seen_of(&ended, &of(State::Running)), [(ChangeKind::Deleted, 4)]);
    assert_eq!(seen_of(&ended, &of(State::Failed)), []);
    assert_eq!(
        seen_of(&[(COMPLETED, COMPLETED), (COMPLETED, None)], &all),
        [(ChangeKind::Deleted, 2)],
        "it had ended before"
    );
    assert_eq!(
        seen_of(&[(RUNNING, COMPLETED), (COMPLETED, COMPLETED)], &all),
        [(ChangeKind::Modified, 2)],
        "it is still there"
    );
    assert_eq!(seen_of(&[(None, PENDING), (PENDING, RUNNING), (RUNNING, None)], &all), [], "it never ended");
}
