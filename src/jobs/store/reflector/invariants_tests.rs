//! The invariants of every step: no version goes backwards, no deleted job returns, waiting callers are woken, and the
//! changes alone reproduce the jobs.

use std::collections::HashMap;

use super::*;

/// The state after the previous step.
#[derive(Default)]
pub(super) struct Seen {
    /// The uid and version of each job, and the newest version that was known under its name.
    jobs: HashMap<String, (Box<str>, Version)>,
    newest: HashMap<String, Version>,
    /// The jobs that a reader derives from the changes.
    mirror: HashMap<String, Arc<Status>>,
    last: u64,
    /// The unfinished jobs that may still finish, by uid, and the number of jobs that did.
    unfinished: HashSet<Box<str>>,
    finished: u64,
    pub(super) waiting: HashMap<String, watch::Receiver<()>>,
    pub(super) deleted: HashSet<Box<str>>,
    was_live: bool,
}

impl Seen {
    /// Compares the jobs with those after the step before. Only the first list and a clear may drop changes.
    pub(super) fn check(&mut self, reflector: &JobReflector, was_usable: bool) {
        let is_cleared = !reflector.is_usable() && reflector.changes.since(self.last).is_none();
        if is_cleared {
            self.newest.clear();
            self.deleted.clear();
        }
        let entries = reflector.index.all();
        let jobs: HashMap<_, _> =
            entries.map(|status| (status.key().to_owned(), (status.uid.clone(), status.version))).collect();
        for (key, (uid, version)) in &jobs {
            let newest = self.newest.entry(key.clone()).or_default();
            assert!(*version >= *newest, "{key} went back from {newest} to {version}");
            assert!(*version > *newest || self.jobs.contains_key(key), "{key}@{version} was gone, and is back");
            assert!(!self.deleted.contains(uid), "{key} was deleted by us, and is back");
            *newest = *version;
        }
        self.check_finished(reflector);
        let in_state = |state| reflector.index.all().filter(|status| status.state == state).count();
        assert_eq!(reflector.index.counts(), State::ALL.map(in_state));
        let is_live = reflector.staleness == Staleness::Current;
        for (key, waiting) in &mut self.waiting {
            let is_woken = waiting.has_changed().unwrap();
            assert!(is_woken || jobs.get(key) == self.jobs.get(key), "{key} changed, and nobody was woken");
            assert!(is_woken || is_live || !self.was_live, "the watch failed, and nobody was woken");
            waiting.mark_unchanged();
        }
        (self.jobs, self.was_live) = (jobs, is_live);

        if let Some(changes) = reflector.changes.since(self.last) {
            for change in changes {
                let Change { before, status, .. } = &*change;
                let had = match change.after() {
                    Some(after) => self.mirror.insert(status.key().to_owned(), Arc::clone(after)),
                    None => self.mirror.remove(status.key()),
                };
                assert_eq!(had, *before, "{change:?}");
                assert!(had.is_none_or(|had| had.uid == status.uid), "a job changed its uid: {change:?}");
            }
        } else {
            assert!(is_cleared || !was_usable, "changes were lost");
            let all = reflector.index.all();
            self.mirror = all.map(|status| (status.key().to_owned(), Arc::clone(status))).collect();
        }
        self.last = reflector.changes.last();
        let mirrored = self.mirror.iter().map(|(key, status)| (key.clone(), (status.uid.clone(), status.version)));
        assert_eq!(mirrored.collect::<HashMap<_, _>>(), self.jobs, "the changes do not reproduce the jobs");
    }

    /// A job counts when it finishes, also if the store forgot it meanwhile, and never again.
    fn check_finished(&mut self, reflector: &JobReflector) {
        let (finals, others): (Vec<_>, Vec<_>) = reflector.index.all().partition(|status| status.state.is_final());
        self.finished += finals.iter().filter(|status| self.unfinished.remove(&status.uid)).count() as u64;
        if reflector.is_usable() {
            self.unfinished.clear();
        }
        self.unfinished.extend(others.iter().map(|status| status.uid.clone()));
        assert_eq!(reflector.finished.counts.values().flatten().sum::<u64>(), self.finished);
    }
}
