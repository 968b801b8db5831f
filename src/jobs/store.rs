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

/// A job, and the list that it was last seen in.
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
        let aged = ByAge { created: entry.status.created, status: Arc::clone(&entry.status) };
        let before = self.by_name.replace(entry).map(|entry| entry.status);
        if let Some(before) = &before {
            // One with the same name and time of creation is replaced below.
            if before.created != aged.created {
                self.by_age.remove(&ByAge { created: before.created, status: Arc::clone(before) });
            }
        }
        self.by_age.replace(aged);
        before
    }

    pub fn remove(&mut self, key: &str) -> Option<Arc<Status>> {
        let Entry { status, .. } = self.by_name.take(key)?;
        self.by_age.remove(&ByAge { created: status.created, status: Arc::clone(&status) });
        Some(status)
    }

    /// The keys of all that this holds for.
    pub fn keys_where(&self, holds: impl Fn(&Entry) -> bool) -> Vec<String> {
        self.by_name.iter().filter(|entry| holds(entry)).map(|entry| entry.status.key().to_owned()).collect()
    }

    /// Newest first, from behind this place on.
    pub fn after(&self, place: Option<&Place>) -> impl Iterator<Item = &Arc<Status>> {
        let from = place.map_or(Unbounded, |place| Excluded(place as &dyn Aged));
        self.by_age.range::<dyn Aged, _>((from, Unbounded)).map(|aged| &aged.status)
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
struct ByAge {
    created: Seconds,
    status: Arc<Status>,
}

/// What has a place in the order of age.
trait Aged {
    fn age(&self) -> (Reverse<Seconds>, &str);
}

impl Aged for ByAge {
    fn age(&self) -> (Reverse<Seconds>, &str) {
        (Reverse(self.created), self.status.key())
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
