//! A model of a cluster as a watch and our own calls see it: its jobs, its events, and the pending replies.

use std::collections::{BTreeMap, HashSet};

use fastrand::Rng;

use super::*;
use crate::kube::types::{List, ListMetadata};
use crate::kube::watcher::state_machine::{Event, Input};

#[path = "follower_tests.rs"]
mod follower;

const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];
/// The value of `active` that stands for a completed job.
const COMPLETED: i32 = 3;

pub(super) fn complete(mut job: Job) -> Job {
    let condition = serde_json::json!({ "type": "Complete", "status": "True" });
    job.status.conditions.push(serde_json::from_value(condition).unwrap());
    job
}

/// A job in the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kept {
    uid: u32,
    version: Version,
    active: i32,
    /// Whether it has the label by which the service finds its jobs.
    is_ours: bool,
}

impl Kept {
    fn job(self, name: &str) -> Job {
        let job = job(name, self.uid, self.version, self.active % COMPLETED);
        if self.active == COMPLETED { complete(job) } else { job }
    }
}

type Jobs = BTreeMap<&'static str, Kept>;

/// A watch event.
#[derive(Clone, Copy, Debug)]
enum Line {
    Changed(&'static str, Kept),
    Deleted(&'static str, Kept),
}

/// A pending reply to one of our own calls.
#[derive(Clone, Copy, Debug)]
enum Reply {
    Insert(&'static str, Kept),
    Tombstone(&'static str, u32),
}

struct Cluster {
    rng: Rng,
    version: Version,
    last_uid: u32,
    jobs: Jobs,
    lines: Vec<(Version, Line)>,
    /// The uids of the jobs that lost the label.
    left: HashSet<u32>,
    /// The oldest version at which a watch can begin.
    oldest: Version,
    /// The jobs of each list, by its version.
    lists: BTreeMap<Version, Jobs>,
    replies: Vec<Reply>,
    /// Jobs and version.
    backup: (Jobs, Version),
    /// Until the reset is noticed, versions stay below this one. Beyond it nothing shows the reset.
    ceiling: Option<Version>,
}

impl Cluster {
    fn new(seed: u64) -> Self {
        Self {
            rng: Rng::with_seed(seed),
            version: 10,
            last_uid: 0,
            jobs: Jobs::new(),
            lines: Vec::new(),
            left: HashSet::new(),
            oldest: 0,
            lists: BTreeMap::new(),
            replies: Vec::new(),
            backup: (Jobs::new(), 10),
            ceiling: None,
        }
    }

    /// True one time in `one_in`.
    fn chance(&mut self, one_in: u32) -> bool {
        self.rng.u32(0..one_in) == 0
    }

    fn next_version(&mut self) -> Version {
        // Other kinds of objects use versions too.
        self.version += self.rng.u64(1..=3);
        self.version
    }

    /// Changes a job, by our own call or by another tool.
    fn change(&mut self) {
        let name = NAMES[self.rng.usize(..NAMES.len())];
        let by_us = self.rng.bool();
        match self.jobs.get(name).copied() {
            None => {
                self.last_uid += 1;
                let (version, is_ours) = (self.next_version(), by_us || !self.chance(4));
                self.write(name, Kept { uid: self.last_uid, version, active: 0, is_ours }, by_us);
            }
            Some(kept) if self.chance(3) => self.delete(name, kept, by_us),
            Some(kept) if self.chance(4) => {
                let version = self.next_version();
                self.write(name, Kept { version, is_ours: !kept.is_ours, ..kept }, false);
            }
            Some(kept) if self.chance(4) => {
                if kept.is_ours {
                    self.replies.push(Reply::Insert(name, kept));
                }
            }
            Some(kept) => {
                let version = self.next_version();
                let active = if kept.active == COMPLETED { COMPLETED } else { self.rng.i32(0..=COMPLETED) };
                self.write(name, Kept { version, active, ..kept }, by_us && kept.is_ours);
            }
        }
    }

    fn write(&mut self, name: &'static str, kept: Kept, by_us: bool) {
        let before = self.jobs.insert(name, kept);
        if kept.is_ours {
            self.lines.push((kept.version, Line::Changed(name, kept)));
        } else if let Some(before) = before.filter(|before| before.is_ours) {
            self.left.insert(kept.uid);
            // Without the label the watch reports a deletion: the state before, with the version of the change.
            self.lines.push((kept.version, Line::Deleted(name, Kept { version: kept.version, ..before })));
        }
        if by_us {
            self.replies.push(Reply::Insert(name, kept));
        }
    }

    fn delete(&mut self, name: &'static str, kept: Kept, by_us: bool) {
        self.jobs.remove(name);
        let version = self.next_version();
        if kept.is_ours {
            self.lines.push((version, Line::Deleted(name, Kept { version, ..kept })));
        }
        if by_us {
            self.replies.push(Reply::Tombstone(name, kept.uid));
        }
    }

    /// Drops the history of events and the tokens of lists.
    fn compact(&mut self) {
        self.oldest = self.version;
        self.lists.clear();
    }

    /// Restores the backup. Pending replies are lost with the connections.
    fn restore_backup(&mut self, newest: Version) {
        self.ceiling = Some(newest);
        (self.jobs, self.version) = self.backup.clone();
        let version = self.version;
        self.lines.retain(|(at, _)| *at <= version);
        self.oldest = self.oldest.min(version);
        self.lists.clear();
        self.replies.clear();
    }

    /// A page of the list of this token, or of a new list. `None` if the token is expired.
    fn page(&mut self, token: Option<&str>) -> Option<Input> {
        let (version, from) = match token.and_then(|token| token.split_once(':')) {
            Some((version, from)) => (version.parse().unwrap(), from.parse().unwrap()),
            None => (self.version, 0),
        };
        if token.is_none() {
            self.lists.insert(version, self.jobs.clone());
        }
        let ours = self.lists.get(&version)?.iter().filter(|(_, kept)| kept.is_ours);
        let ours: Vec<Job> = ours.map(|(name, kept)| kept.job(name)).collect();
        let to = (from + self.rng.usize(1..=3)).min(ours.len());
        let r#continue = if to < ours.len() { format!("{version}:{to}") } else { String::new() };
        let metadata = ListMetadata { resource_version: version.to_string(), r#continue };
        Some(Input::Page(List { metadata, items: Some(ours[from.min(to)..to].to_vec()) }))
    }

    /// The first event after this version.
    fn line_after(&self, version: Version) -> Option<(Version, Event)> {
        let (at, line) = *self.lines.iter().find(|(at, _)| *at > version)?;
        let event = match line {
            Line::Changed(name, kept) => Event::Modified(kept.job(name)),
            Line::Deleted(name, kept) => Event::Deleted(kept.job(name)),
        };
        Some((at, event))
    }
}
