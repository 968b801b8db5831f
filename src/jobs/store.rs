//! The statuses of many jobs, found by name and in order of age. Owns the two indexes and that they agree; when what
//! comes in is `cache`'s.

use std::borrow::Borrow;
use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeSet, HashSet};
use std::hash::{Hash, Hasher};
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::Arc;

use super::compact::Seconds;
use super::status::Status;

#[derive(Debug, Default)]
pub struct Store {
    by_name: HashSet<Entry>,
    by_age: BTreeSet<ByAge>,
}

/// A job, and the list that it was last seen in or is newer than; 0 for neither.
#[derive(Clone, Debug)]
pub struct Entry {
    pub status: Arc<Status>,
    pub list: u32,
}

impl Store {
    pub fn get(&self, key: &str) -> Option<&Entry> {
        self.by_name.get(key)
    }

    /// Puts a job in place of the one with its name, which it gives back.
    pub fn put(&mut self, entry: Entry) -> Option<Arc<Status>> {
        let aged = ByAge(Arc::clone(&entry.status));
        let before = self.by_name.replace(entry).map(|entry| entry.status);
        if let Some(before) = &before {
            // One with the same name and time of creation is replaced below.
            if before.created != aged.0.created {
                self.by_age.remove(&ByAge(Arc::clone(before)));
            }
        }
        self.by_age.replace(aged);
        before
    }

    pub fn remove(&mut self, key: &str) -> Option<Arc<Status>> {
        let Entry { status, .. } = self.by_name.take(key)?;
        self.by_age.remove(&ByAge(Arc::clone(&status)));
        Some(status)
    }

    /// The keys of all that this holds for.
    pub fn keys_where(&self, holds: impl Fn(&Entry) -> bool) -> Vec<String> {
        self.by_name.iter().filter(|entry| holds(entry)).map(|entry| entry.status.key().to_owned()).collect()
    }

    /// Newest first, from behind this place on.
    pub fn after(&self, place: Option<&Place>) -> impl Iterator<Item = &Arc<Status>> {
        let from = place.map_or(Unbounded, |place| Excluded(place as &dyn Aged));
        self.by_age.range::<dyn Aged, _>((from, Unbounded)).map(|aged| &aged.0)
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.status.key() == other.status.key()
    }
}

impl Eq for Entry {}

impl Hash for Entry {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.status.key().hash(state);
    }
}

impl Borrow<str> for Entry {
    fn borrow(&self) -> &str {
        self.status.key()
    }
}

/// A place in the order of age that stays what it is when jobs come and go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub created: Seconds,
    pub key: String,
}

impl Place {
    pub fn of(status: &Status) -> Self {
        Self { created: status.created, key: status.key().to_owned() }
    }

    /// Whether this job's own place comes later.
    pub fn is_before(&self, status: &Status) -> bool {
        self.age() < (Reverse(status.created), status.key())
    }
}

#[derive(Debug)]
struct ByAge(Arc<Status>);

/// What has a place in the order of age.
trait Aged {
    fn age(&self) -> (Reverse<Seconds>, &str);
}

impl Aged for ByAge {
    fn age(&self) -> (Reverse<Seconds>, &str) {
        (Reverse(self.0.created), self.0.key())
    }
}

impl Aged for Place {
    fn age(&self) -> (Reverse<Seconds>, &str) {
        (Reverse(self.created), &self.key)
    }
}

impl<'a> Borrow<dyn Aged + 'a> for ByAge {
    fn borrow(&self) -> &(dyn Aged + 'a) {
        self
    }
}

impl Ord for dyn Aged + '_ {
    fn cmp(&self, other: &Self) -> Ordering {
        self.age().cmp(&other.age())
    }
}

impl PartialOrd for dyn Aged + '_ {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for dyn Aged + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.age() == other.age()
    }
}

impl Eq for dyn Aged + '_ {}

impl Ord for ByAge {
    fn cmp(&self, other: &Self) -> Ordering {
        self.age().cmp(&other.age())
    }
}

impl PartialOrd for ByAge {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for ByAge {
    fn eq(&self, other: &Self) -> bool {
        self.age() == other.age()
    }
}

impl Eq for ByAge {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::kube::types::{Job, Time};

    /// A job that was created so many seconds after some time, or nobody knows when.
    fn entry(name: &str, created: u32, version: u64) -> Entry {
        let mut job = Job::default();
        job.metadata.namespace = "a".to_owned();
        job.metadata.name = name.to_owned();
        job.metadata.resource_version = version.to_string();
        job.metadata.creation_timestamp = (created > 0).then(|| Time(format!("2026-01-20T10:30:{created:02}Z")));
        Entry { status: Arc::new(Status::of(&job)), list: 0 }
    }

    fn names<'a>(jobs: impl Iterator<Item = &'a Arc<Status>>) -> Vec<&'a str> {
        jobs.map(|status| status.name()).collect()
    }

    #[test]
    fn both_indexes_agree_after_any_operations() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut rng = fastrand::Rng::with_seed(seed);
        let (mut store, mut model) = (Store::default(), BTreeMap::new());
        for version in 0..20_000 {
            // Few names and few times, so that all of them meet.
            let (name, created) = (["a", "b", "c", "d", "e", "f"][rng.usize(..6)], rng.u32(0..4));
            let before = if rng.u32(0..3) == 0 {
                (store.remove(&format!("a/{name}")), model.remove(name))
            } else {
                (store.put(entry(name, created, version)), model.insert(name, (created, version)))
            };
            assert_eq!(before.0.map(|status| status.version), before.1.map(|(_, version)| version));
            let mut expected: Vec<_> =
                model.iter().map(|(name, (created, version))| (*created, *name, *version)).collect();
            expected.sort_by_key(|(created, name, _)| (Reverse(*created), *name));
            let found = store.after(None).map(|status| (status.name(), status.version)).collect::<Vec<_>>();
            assert_eq!(found, expected.iter().map(|(_, name, version)| (*name, *version)).collect::<Vec<_>>());
            assert_eq!(store.by_name.len(), model.len());
            for (name, (_, version)) in &model {
                assert_eq!(store.get(&format!("a/{name}")).unwrap().status.version, *version);
            }
        }
    }

    #[test]
    fn the_newest_come_first_and_those_of_one_second_by_name() {
        let mut store = Store::default();
        for (name, created) in [("old", 1), ("b", 5), ("a", 5), ("new", 9), ("undated", 0)] {
            store.put(entry(name, created, 1));
        }
        assert_eq!(names(store.after(None)), ["new", "a", "b", "old", "undated"]);
        assert_eq!(store.keys_where(|entry| entry.status.name().len() == 1).len(), 2);
    }

    #[test]
    fn a_place_stays_what_it_is_when_jobs_come_and_go() {
        let mut store = Store::default();
        for (name, created) in [("d", 1), ("c", 2), ("b", 3), ("a", 4)] {
            store.put(entry(name, created, 1));
        }
        let place = Place::of(&store.get("a/b").unwrap().status);
        assert_eq!(names(store.after(Some(&place))), ["c", "d"]);
        store.put(entry("newer", 9, 1));
        store.put(entry("bb", 3, 1));
        store.remove("a/c");
        assert_eq!(names(store.after(Some(&place))), ["bb", "d"]);
        store.remove("a/b");
        assert_eq!(names(store.after(Some(&place))), ["bb", "d"], "the place of one that is gone");
        store.put(entry("b", 8, 2));
        assert_eq!(names(store.after(Some(&place))), ["bb", "d"], "made again, it is among the newer ones");
        store.remove("a/bb");
        store.remove("a/d");
        assert_eq!(store.after(Some(&place)).count(), 0);
    }
}
