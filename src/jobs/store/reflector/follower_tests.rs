//! One who follows the cluster in small, by the real watch's own steps, through losses of every kind. What must hold of
//! what is then known is `seen`'s.

use super::*;
use crate::kube::watcher::state_machine::{Backlog, State as Watching, Step};

#[path = "invariants_tests.rs"]
mod seen;

use seen::Seen;

/// So many clusters are lived through.
const ROUNDS: usize = 3000;
const STEPS: usize = 150;

#[derive(Default)]
struct Follower {
    watching: Watching,
    /// The answer to the last request, on its way.
    answer: Option<Input>,
    /// Up to where the open stream has told.
    told: Version,
    live: JobReflector,
    seen: Seen,
}

impl Follower {
    fn new() -> Self {
        let mut follower = Self::default();
        for key in NAMES.map(|name| format!("a/{name}")) {
            let waiting = follower.live.waiting.entry(key.clone()).or_default().subscribe();
            follower.seen.waiting.insert(key, waiting);
        }
        follower
    }

    /// Asks for the next thing, or hears what comes of it.
    fn go_on(&mut self, cluster: &mut Cluster, is_quiet: bool) {
        let fails = !is_quiet && cluster.chance(8);
        match (self.answer.take(), &self.watching) {
            (Some(answer), _) => self.apply_event(if fails { failure(cluster) } else { answer }),
            (None, Watching::Listing { next }) => {
                let page = cluster.page(next.as_ref().map(|next| next.token.as_str()));
                self.answer = Some(page.unwrap_or(Input::Failed(Failure::Gone)));
            }
            (None, Watching::Connecting { version, .. }) => {
                self.told = *version;
                let is_gone = self.told < cluster.oldest;
                self.answer = Some(if is_gone { Input::Failed(Failure::Gone) } else { Input::Opened });
            }
            (None, Watching::Watching { .. }) if fails => {
                let input = if cluster.rng.bool() { Input::Ended } else { failure(cluster) };
                self.apply_event(input);
            }
            (None, Watching::Watching { .. }) => self.read_on(cluster),
        }
    }

    fn read_on(&mut self, cluster: &mut Cluster) {
        if self.told > cluster.version {
            // A version from the future: no lines, until the end.
            if cluster.chance(20) {
                self.apply_event(Input::Ended);
            }
        } else if matches!(self.watching, Watching::Watching { backlog: Backlog::Unknown, .. }) && cluster.chance(3) {
            self.apply_event(Input::Current(cluster.version));
        } else if let Some((at, event)) = cluster.line_after(self.told) {
            self.told = at;
            self.apply_event(Input::Event(event));
        } else {
            self.told = cluster.version;
            let mark = format!(r#"{{"metadata":{{"resourceVersion":"{}"}}}}"#, self.told);
            self.apply_event(Input::Event(Event::Bookmark(serde_json::from_str(&mark).unwrap())));
        }
    }

    fn apply_event(&mut self, input: Input) {
        let deleted = match &input {
            Input::Event(Event::Deleted(job)) => Some(Status::of(job)),
            _ => None,
        };
        let Step { state, events, .. } = std::mem::take(&mut self.watching).step(input);
        self.watching = state;
        for news in events {
            let forgets = matches!(news, WatchEvent::Disconnected(Failure::Forbidden(_)));
            let (was_usable, was_set_back) = (self.live.is_usable(), self.live.list.is_set_back);
            self.live.apply_event(news, Instant::now());
            if forgets || was_set_back {
                self.seen.begin_anew();
            }
            self.seen.check(&self.live, forgets || !was_usable);
        }
        if let Some(status) = deleted {
            let last = self.live.gone.last(status.key(), Some(&status.uid), Instant::now());
            assert!(last.is_some_and(|last| last.uid == status.uid), "the end of {} is not remembered", status.key());
        }
    }

    /// One of the replies that are on their way arrives.
    fn receive(&mut self, cluster: &mut Cluster) {
        if cluster.replies.is_empty() {
            return;
        }
        let at = cluster.rng.usize(..cluster.replies.len());
        match cluster.replies.swap_remove(at) {
            Reply::Enter(name, kept) => {
                let entered = self.live.enter(Status::of(&kept.job(name)), Instant::now());
                if entered.is_set_back {
                    // A job that went, or lost its label, while nobody watched looks the same. One list more does no harm.
                    let is_there = cluster.jobs.values().any(|job| job.uid == kept.uid);
                    let is_excused = !is_there || cluster.left.contains(&kept.uid);
                    assert!(cluster.ceiling.is_some() || is_excused, "{name}@{} shows no restore", kept.version);
                    self.seen.check(&self.live, false);
                    self.answer = None;
                    self.apply_event(Input::Failed(Failure::SetBack));
                }
                let key = format!("a/{name}");
                let known = self.live.store.get(&key).map(|entry| entry.status.version);
                let is_hidden = known.is_some_and(|known| known < kept.version);
                let is_excused =
                    !self.live.is_usable() || self.live.buried.contains_key(&key) || cluster.ceiling.is_some();
                assert!(!is_hidden || is_excused, "{name}@{} is hidden by {known:?}", kept.version);
            }
            Reply::Bury(name, number) => {
                let uid = Box::from(format!("u{number}"));
                let key = format!("a/{name}");
                self.live.tombstone(&key, &uid, Instant::now());
                let is_buried = self.live.buried.get(&key).is_some_and(|buried| buried.uid == uid);
                // To leave the selection ends a burial too.
                if is_buried && !cluster.left.contains(&number) {
                    self.seen.buried.insert(uid);
                }
            }
        }
        self.seen.check(&self.live, false);
    }

    /// Whether all is told, and nothing is on its way.
    fn is_up_to_date(&self, cluster: &Cluster) -> bool {
        let is_following = matches!(self.watching, Watching::Watching { heard: true, backlog: Backlog::Read, .. });
        is_following && self.live.version == cluster.version && cluster.replies.is_empty()
    }
}

fn failure(cluster: &mut Cluster) -> Input {
    Input::Failed(match cluster.rng.u32(0..12) {
        0 | 1 => Failure::Gone,
        2 => Failure::IdleTimeout,
        3 => Failure::Unreadable("rubbish".to_owned()),
        4 => Failure::Throttled(Duration::from_secs(1)),
        5 => Failure::Forbidden("no".to_owned()),
        _ => Failure::Broken("reset".to_owned()),
    })
}

/// Lives through some time of a cluster, then lets it rest, and compares.
fn live_through(seed: u64) {
    let (mut cluster, mut follower) = (Cluster::new(seed), Follower::new());
    for _ in 0..STEPS {
        match cluster.rng.u32(0..20) {
            0..=5 if cluster.ceiling.is_none_or(|ceiling| cluster.version + 3 < ceiling) => cluster.live_on(),
            6..=9 => follower.receive(&mut cluster),
            10 if cluster.chance(4) => cluster.compact(),
            11 if cluster.chance(4) => cluster.backup = (cluster.jobs.clone(), cluster.version),
            12 if cluster.ceiling.is_none() && cluster.chance(4) => {
                let told = follower.live.version.max(follower.live.list.version);
                if told > cluster.backup.1 {
                    cluster.store_was_reset(told);
                    // What the backup holds is there again, whoever deleted it.
                    let again: Vec<_> = cluster.jobs.values().map(|kept| Box::from(format!("u{}", kept.uid))).collect();
                    follower.seen.buried.retain(|uid| !again.contains(uid));
                    follower.answer = None;
                    // The stream may stay open, and tell nothing.
                    if matches!(follower.watching, Watching::Watching { .. }) && cluster.rng.bool() {
                        follower.apply_event(Input::Failed(Failure::Broken("restored".to_owned())));
                    }
                }
            }
            _ => follower.go_on(&mut cluster, false),
        }
        if follower.live.list.is_set_back {
            cluster.ceiling = None;
        }
    }
    let mut left = 1000;
    while !follower.is_up_to_date(&cluster) {
        follower.receive(&mut cluster);
        follower.go_on(&mut cluster, true);
        left -= 1;
        assert!(left > 0, "it never comes up to date: {:?}", follower.watching);
    }
    let known = follower.live.store.all().map(|status| (**status).clone());
    let mut known: Vec<Status> = known.collect();
    known.sort_unstable_by(|one, other| one.key().cmp(other.key()));
    let ours = cluster.jobs.iter().filter(|(_, kept)| kept.is_ours);
    let expected: Vec<Status> = ours.map(|(name, kept)| Status::of(&kept.job(name))).collect();
    assert_eq!(known, expected);
    assert_eq!(follower.live.freshness, Staleness::JobReflector);

    for _ in 0..2 {
        follower.apply_event(Input::Failed(Failure::Gone));
        while !follower.is_up_to_date(&cluster) {
            follower.go_on(&mut cluster, true);
        }
    }
    assert!(follower.live.buried.is_empty(), "{:?}", follower.live.buried);
}

#[test]
fn whatever_comes_in_whatever_order_the_cluster_is_known_as_it_is() {
    // A job that we deleted comes back with a backup, and is changed through us before anybody notices.
    live_through(7_891_839_921_523_544_915);
    // The reply to a create comes after the job lost its label, and got it again.
    live_through(13_969_126_429_640_507_371);
    let seed = fastrand::u64(..);
    for round in 0..ROUNDS {
        let seed = seed.wrapping_add(round as u64);
        // Shown when the test fails: the last one is the one.
        println!("live_through({seed});");
        live_through(seed);
    }
}
