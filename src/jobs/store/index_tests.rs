//! The two indexes agree, and the order of age.

use std::collections::BTreeMap;

use super::*;
use crate::config::pattern::Patterns;
use crate::jobs::label_selector::Selector;
use crate::jobs::state::State;
use crate::kube::names::Namespace;
use crate::kube::types::{Job, Time};

impl JobIndex {
    /// Newest first.
    pub(in crate::jobs) fn all(&self) -> impl Iterator<Item = &Arc<Status>> {
        self.newest_first.values()
    }
}

/// A job created at this second, or at an unknown time if it is 0. Its version decides its state.
fn entry(name: &str, created: u32, version: u64) -> Arc<Status> {
    entry_in("a", name, created, version)
}

fn entry_in(namespace: &str, name: &str, created: u32, version: u64) -> Arc<Status> {
    let mut job = Job::default();
    job.status.active = i32::from(version.is_multiple_of(2));
    job.metadata.namespace = namespace.to_owned();
    job.metadata.name = name.to_owned();
    job.metadata.resource_version = version.to_string();
    job.metadata.creation_timestamp = (created > 0).then(|| Time(format!("2026-01-20T10:30:{created:02}Z")));
    Arc::new(Status::new("lab", &job))
}

fn names<'a>(jobs: impl Iterator<Item = &'a Arc<Status>>) -> Vec<&'a str> {
    jobs.map(|status| status.name()).collect()
}

#[test]
fn both_indexes_agree_after_any_operations() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let (mut index, mut model) = (JobIndex::default(), BTreeMap::new());
    for version in 0..20_000 {
        // Few names and times, so that they collide.
        let (name, created) = (["a", "b", "c", "d", "e", "f"][rng.usize(..6)], rng.u32(0..4));
        let before = if rng.u32(0..3) == 0 {
            (index.remove(&format!("a/{name}")), model.remove(name))
        } else {
            (index.insert(entry(name, created, version)), model.insert(name, (created, version)))
        };
        assert_eq!(before.0.map(|status| status.version), before.1.map(|(_, version)| version));
        let mut expected: Vec<_> = model.iter().map(|(name, (created, version))| (*created, *name, *version)).collect();
        expected.sort_by_key(|(created, name, _)| (Reverse(*created), *name));
        let found = index.all().map(|status| (status.name(), status.version)).collect::<Vec<_>>();
        assert_eq!(found, expected.iter().map(|(_, name, version)| (*name, *version)).collect::<Vec<_>>());
        assert_eq!(index.by_key.len(), model.len());
        let running = model.values().filter(|(_, version)| version.is_multiple_of(2)).count();
        assert_eq!(index.counts(), [model.len() - running, running, 0, 0, 0]);
        for (name, (_, version)) in &model {
            assert_eq!(index.get(&format!("a/{name}")).unwrap().version, *version);
        }
    }
}

#[test]
fn the_newest_are_first_and_those_of_one_second_are_ordered_by_name() {
    let mut index = JobIndex::default();
    for (name, created) in [("old", 1), ("b", 5), ("a", 5), ("new", 9), ("undated", 0)] {
        index.insert(entry(name, created, 1));
    }
    assert_eq!(names(index.all()), ["new", "a", "b", "old", "undated"]);
    assert_eq!(index.keys_where(|status| status.name().len() == 1).len(), 2);
}

#[test]
fn a_cursor_stays_valid_when_jobs_come_and_go() {
    let (mut index, all) = (JobIndex::default(), Filter::default());
    for (name, created) in [("d", 1), ("c", 2), ("b", 3), ("a", 4)] {
        index.insert(entry(name, created, 1));
    }
    let place = PageCursor::from(&**index.get("a/b").unwrap());
    assert_eq!(names(index.matching(&all, Some(&place))), ["c", "d"]);
    index.insert(entry("newer", 9, 1));
    index.insert(entry("bb", 3, 1));
    index.remove("a/c");
    assert_eq!(names(index.matching(&all, Some(&place))), ["bb", "d"]);
    index.remove("a/b");
    assert_eq!(names(index.matching(&all, Some(&place))), ["bb", "d"], "the cursor of a deleted job");
    index.insert(entry("b", 8, 2));
    assert_eq!(names(index.matching(&all, Some(&place))), ["bb", "d"], "created again, it is newer");
    index.remove("a/bb");
    index.remove("a/d");
    assert_eq!(index.matching(&all, Some(&place)).count(), 0);
}

#[test]
fn matching_finds_the_same_jobs_as_a_full_scan() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut index = JobIndex::default();
    for version in 0..3_000 {
        let (namespace, name) = (["a", "team-a", "team-b", "z"][rng.usize(..4)], format!("job-{}", rng.u32(..900)));
        if rng.u32(..4) == 0 {
            index.remove(&format!("{namespace}/{name}"));
        } else {
            index.insert(entry_in(namespace, &name, rng.u32(..60), version));
        }
    }
    let places: Vec<_> = index.all().step_by(97).map(|status| PageCursor::from(&**status)).collect();
    assert!(places.len() > 10, "{}", places.len());
    let namespaces = [None, Some("team-a"), Some("z"), Some("none")];
    let allowed = [vec![], vec!["team-*"], vec!["team-*,z", "*"], vec!["other"]];
    let states = [None, Some(State::Running), Some(State::Pending), Some(State::Failed)];
    for (namespace, allowed, state, selector) in namespaces.into_iter().flat_map(|namespace| {
        let allowed = allowed.iter().map(move |allowed| (namespace, allowed));
        let with_state = allowed.flat_map(|(namespace, allowed)| states.map(|state| (namespace, allowed, state)));
        with_state.flat_map(|(one, two, three)| ["", "!team"].map(|selector| (one, two, three, selector)))
    }) {
        let filter = Filter {
            allowed: allowed.iter().map(|list| Patterns::parse(list).unwrap()).collect(),
            namespace: namespace.map(|name| Namespace::parse(name).unwrap()),
            selector: Selector::parse(selector).unwrap(),
            state,
            job: None,
            template: None,
            batch: None,
        };
        for place in std::iter::once(None).chain(places.iter().map(Some)) {
            let behind = |status: &&Arc<Status>| place.is_none_or(|place| *place < PageCursor::from(&***status));
            let expected: Vec<_> = index.all().filter(behind).filter(|status| filter.matches(status)).collect();
            let found: Vec<_> = index.matching(&filter, place).collect();
            assert_eq!(found, expected, "{filter:?} {place:?}");
        }
    }
}
