//! What must hold at every step of what is known: nothing goes back, nothing that is gone returns, whoever waits is woken,
//! and the changes alone tell all of it.

use std::collections::HashMap;

use super::*;

/// What was known after the step before, so that steps can be held against each other.
#[derive(Default)]
pub(super) struct Seen {
    /// The uid and the version of each job, and the newest version that was ever known under its name.
    jobs: HashMap<String, (Box<str>, Version)>,
    newest: HashMap<String, Version>,
    /// What a reader makes of the changes alone, up to this one.
    mirror: HashMap<String, (Box<str>, Version, State)>,
    last: u64,
    pub(super) waiting: HashMap<String, watch::Receiver<()>>,
    pub(super) buried: HashSet<Box<str>>,
    was_live: bool,
}

impl Seen {
    /// What was known before is of another cluster, or forgotten.
    pub(super) fn begin_anew(&mut self) {
        self.newest.clear();
        self.buried.clear();
    }

    /// Holds what is known by now against what was. Only a cut may lose changes.
    pub(super) fn check(&mut self, live: &JobReflector, is_cut: bool) {
        if live.list.is_set_back {
            self.begin_anew();
        }
        let entries = live.store.all();
        let jobs: HashMap<_, _> =
            entries.map(|status| (status.key().to_owned(), (status.uid.clone(), status.version))).collect();
        for (key, (uid, version)) in &jobs {
            let newest = self.newest.entry(key.clone()).or_default();
            assert!(*version >= *newest, "{key} went back from {newest} to {version}");
            assert!(*version > *newest || self.jobs.contains_key(key), "{key}@{version} was gone, and is back");
            assert!(!self.buried.contains(uid), "{key} was deleted through us, and is back");
            *newest = *version;
        }
        let in_state = |state| live.store.all().filter(|status| status.state == state).count();
        assert_eq!(live.store.counts(), State::ALL.map(in_state));
        let is_live = live.freshness == Staleness::JobReflector;
        for (key, waiting) in &mut self.waiting {
            let is_woken = waiting.has_changed().unwrap();
            assert!(is_woken || jobs.get(key) == self.jobs.get(key), "{key} changed, and nobody was woken");
            assert!(is_woken || is_live || !self.was_live, "the watch was lost, and nobody was woken");
            waiting.mark_unchanged();
        }
        (self.jobs, self.was_live) = (jobs, is_live);

        if let Some(changes) = live.changes.since(self.last) {
            for change in changes {
                let Change { before, after, status, .. } = &*change;
                let had = match after {
                    Some(state) => {
                        let value = (status.uid.clone(), status.version, *state);
                        self.mirror.insert(status.key().to_owned(), value)
                    }
                    None => self.mirror.remove(status.key()),
                };
                assert_eq!(had.as_ref().map(|(.., state)| *state), *before, "{change:?}");
                assert!(had.is_none_or(|(uid, ..)| uid == status.uid), "one job became another: {change:?}");
            }
        } else {
            assert!(is_cut, "changes were lost");
            let all = live.store.all();
            let all = all.map(|status| (status.key().to_owned(), (status.uid.clone(), status.version, status.state)));
            self.mirror = all.collect();
        }
        self.last = live.changes.last();
        let mirrored = self.mirror.iter().map(|(key, (uid, version, _))| (key.clone(), (uid.clone(), *version)));
        assert_eq!(mirrored.collect::<HashMap<_, _>>(), self.jobs, "the changes do not tell what is known");
    }
}
