//! The statuses of many jobs, found by name, and in order of age: of all of them, and of each namespace. Owns the indexes
//! and that they agree; when what comes in is `live`'s.

use std::borrow::Borrow;
use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::compact::Seconds;
use super::filter::Filter;
use super::merge::Merged;
use super::order::{Age, Counts, Order, age};
use super::status::Status;

#[derive(Debug, Default)]
pub struct Store {
    named: HashSet<Entry>,
    all: Order,
    /// Those that have jobs.
    namespaces: HashMap<Box<str>, Order>,
}

/// A job, and the list that it was last seen in or is newer than; 0 for neither.
#[derive(Clone, Debug)]
pub struct Entry {
    pub status: Arc<Status>,
    pub list: u32,
}

impl Store {
    pub fn get(&self, key: &str) -> Option<&Entry> {
        self.named.get(key)
    }

    /// Puts a job in place of the one with its name, which it gives back.
    pub fn put(&mut self, entry: Entry) -> Option<Arc<Status>> {
        let status = Arc::clone(&entry.status);
        let before = self.named.replace(entry).map(|entry| entry.status);
        if !self.namespaces.contains_key(status.namespace()) {
            self.namespaces.insert(status.namespace().into(), Order::default());
        }
        for order in self.namespaces.get_mut(status.namespace()).into_iter().chain([&mut self.all]) {
            // One of the same age is replaced.
            if let Some(before) = before.as_ref().filter(|before| before.created != status.created) {
                order.remove(age(before));
            }
            order.put(Arc::clone(&status));
        }
        before
    }

    pub fn remove(&mut self, key: &str) -> Option<Arc<Status>> {
        let Entry { status, .. } = self.named.take(key)?;
        self.all.remove(age(&status));
        if let Some(order) = self.namespaces.get_mut(status.namespace()) {
            order.remove(age(&status));
            if order.is_empty() {
                self.namespaces.remove(status.namespace());
            }
        }
        Some(status)
    }

    /// How many jobs are in each state.
    pub const fn counts(&self) -> Counts {
        self.all.counts()
    }

    /// The keys of all that this holds for.
    pub fn keys_where(&self, holds: impl Fn(&Entry) -> bool) -> Vec<String> {
        self.named.iter().filter(|entry| holds(entry)).map(|entry| entry.status.key().to_owned()).collect()
    }

    /// Newest first.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Status>> {
        self.all.after(None, None)
    }

    /// Newest first, from behind this place on.
    pub fn matching<'a>(
        &'a self,
        filter: &'a Filter,
        after: Option<&Place>,
    ) -> impl Iterator<Item = &'a Arc<Status>> + use<'a> {
        let (one, several) = match &filter.namespace {
            Some(namespace) => (self.namespaces.get(namespace.as_str()), None),
            None if filter.allowed.is_empty() => (Some(&self.all), None),
            None => (None, Some(self.allowed(filter))),
        };
        let jobs = |order: &'a Order| order.after(after.map(Place::age), filter.state);
        let of_several = Merged::of(several.into_iter().flatten().map(jobs));
        one.map(jobs).into_iter().flatten().chain(of_several).filter(|status| filter.covers(status))
    }

    /// Those of the namespaces that may be shown.
    fn allowed<'a>(&'a self, filter: &'a Filter) -> impl Iterator<Item = &'a Order> {
        self.namespaces.iter().filter(|(namespace, _)| filter.allows(namespace)).map(|(_, order)| order)
    }

    /// How many these are. Unless jobs have to be looked at one by one, it takes as long for a thousand as for ten.
    pub fn count(&self, filter: &Filter, after: Option<&Place>) -> usize {
        if !filter.is_of_namespaces() {
            return self.matching(filter, after).count();
        }
        let count = |order: &Order| order.count_after(after.map(Place::age), filter.state);
        match &filter.namespace {
            Some(namespace) if filter.allows(namespace.as_str()) => {
                self.namespaces.get(namespace.as_str()).map_or(0, count)
            }
            Some(_) => 0,
            None if filter.allowed.is_empty() => count(&self.all),
            None => self.allowed(filter).map(count).sum(),
        }
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
        self.age() < age(status)
    }

    fn age(&self) -> Age<'_> {
        (Reverse(self.created), &self.key)
    }
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
