//! The watch as a state machine: what is known, what happened, what to do next. Pure: no clock, no connection.
//!
//! ```text
//!             page, more to come                  line
//!               ┌─────┐                          ┌─────┐
//!               │     v          opened          │     v
//!   start ───> Listing ──> Opening ──────────> Following
//!               ^   last page  ^ │  ^                │ │
//!               │              │ │  └── end, broken ─┘ │
//!               │      failure └─┘                     │
//!               └── 410, ERROR, silence, unreadable ───┘
//! ```
//!
//! A stream that resumes a lost one has a backlog. Until it is read, nobody is told that the jobs are followed.

use std::time::Duration;

use serde::Deserialize;

use crate::kube::types::{Job, List, Metadata, Status};
use crate::kube::watcher::failure::Failure;

/// A resource version. Those of one kind can be compared as numbers
/// (<https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions>).
pub type Version = u64;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Asking for the list: for its first page, or for the next.
    Listing { next: Option<NextPage> },
    /// Asking for all that happens after this version. `resumes` is whether an earlier stream was lost there.
    Connecting { version: Version, resumes: bool },
    /// Reading what happens. `heard` is whether anything came on this stream.
    Watching { version: Version, heard: bool, backlog: Backlog },
}

/// What happened while no stream was open, and is still to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backlog {
    /// All of it has been read.
    Read,
    /// Nobody knows yet how much it is.
    Unknown,
    /// Everything up to this version.
    UpTo(Version),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextPage {
    pub token: String,
    /// That of the first page: all pages show the same moment.
    version: Version,
}

/// What happened.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one at a time, and it is taken apart at once")]
pub enum Input {
    Page(List<Job>),
    Opened,
    Event(Event),
    /// The API server is at this version now.
    Current(Version),
    /// A backlog is expected, and nothing has come for long.
    Quiet,
    /// The server ended the stream, as it does after the time it was asked for.
    Ended,
    Failed(Failure),
}

/// A line of the watch.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", content = "object", rename_all = "UPPERCASE")]
pub enum Event {
    Added(Job),
    Modified(Job),
    Deleted(Job),
    Bookmark(Mark),
    Error(Status),
}

/// Nothing happened up to this version.
#[derive(Debug, Deserialize)]
pub struct Mark {
    metadata: Metadata,
}

/// What the follower is told. In this order it is a whole and true account.
#[derive(Debug)]
pub enum WatchEvent {
    /// A list as of this version begins.
    Init(Version),
    InitApply(Vec<Job>),
    /// The list is whole: what is not in it is gone, unless it is newer than the list.
    InitDone,
    /// All changes up to now have been told, and from now on every change is.
    Watching,
    Apply(Job),
    Delete(Job),
    /// All up to this version has been told.
    Bookmark(Version),
    /// From now on changes happen that are not told, until the next `Following`.
    Disconnected(Failure),
}

/// What to wait for before the next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    No,
    Backoff,
    /// At least as long as the server asked for.
    AtLeast(Duration),
    /// Until somebody may have granted the right.
    LongBackoff,
}

#[derive(Debug)]
pub struct Step {
    pub state: State,
    pub news: Vec<WatchEvent>,
    pub pause: Pause,
}

impl Default for State {
    fn default() -> Self {
        Self::Listing { next: None }
    }
}

impl State {
    pub fn step(self, input: Input) -> Step {
        match (self, input) {
            (Self::Listing { next }, Input::Page(list)) => page(next.map(|next| next.version), list),
            (Self::Connecting { version, resumes: false }, Input::Opened) => caught_up(version, false, Vec::new()),
            (Self::Connecting { version, resumes: true }, Input::Opened) => {
                let state = Self::Watching { version, heard: false, backlog: Backlog::Unknown };
                Step { state, news: Vec::new(), pause: Pause::No }
            }
            (Self::Watching { version, backlog, .. }, Input::Event(event)) => line(version, backlog, event),
            (Self::Watching { version, .. }, Input::Current(current)) if current < version => {
                failed(Self::default(), Failure::SetBack)
            }
            (Self::Watching { version, heard, .. }, Input::Current(current)) if current > version => {
                let state = Self::Watching { version, heard, backlog: Backlog::UpTo(current) };
                Step { state, news: Vec::new(), pause: Pause::No }
            }
            (Self::Watching { version, heard, .. }, Input::Current(_) | Input::Quiet) => {
                caught_up(version, heard, Vec::new())
            }
            (Self::Watching { version, heard, backlog }, Input::Ended) => {
                // A stream without so much as a bookmark is what a version from the future gives: that of a cluster
                // whose store was set back.
                let resumes = backlog != Backlog::Read;
                let state = if heard { Self::Connecting { version, resumes } } else { Self::default() };
                Step { state, news: Vec::new(), pause: Pause::Backoff }
            }
            (state, Input::Failed(failure)) => failed(state, failure),
            // Nothing asks for what does not belong to its state.
            (state, _) => Step { state, news: Vec::new(), pause: Pause::Backoff },
        }
    }
}

fn page(begun: Option<Version>, list: List<Job>) -> Step {
    let Some(version) = begun.or_else(|| list.metadata.resource_version.parse().ok()) else {
        return failed(State::default(), no_number(&list.metadata.resource_version));
    };
    let mut news = Vec::new();
    if begun.is_none() {
        news.push(WatchEvent::Init(version));
    }
    news.push(WatchEvent::InitApply(list.items.unwrap_or_default()));
    let token = list.metadata.r#continue;
    let state = if token.is_empty() {
        news.push(WatchEvent::InitDone);
        State::Connecting { version, resumes: false }
    } else {
        State::Listing { next: Some(NextPage { token, version }) }
    };
    Step { state, news, pause: Pause::No }
}

fn caught_up(version: Version, heard: bool, mut news: Vec<WatchEvent>) -> Step {
    news.push(WatchEvent::Watching);
    Step { state: State::Watching { version, heard, backlog: Backlog::Read }, news, pause: Pause::No }
}

fn line(known: Version, backlog: Backlog, event: Event) -> Step {
    let told = match &event {
        Event::Added(job) | Event::Modified(job) | Event::Deleted(job) => &job.metadata.resource_version,
        Event::Bookmark(mark) => &mark.metadata.resource_version,
        Event::Error(status) => {
            let failure = match (status.code, status.details.as_ref().and_then(|d| d.retry_after_seconds)) {
                (410, _) => Failure::Gone,
                (_, Some(seconds)) => Failure::Throttled(Duration::from_secs(seconds)),
                _ => Failure::Broken(format!("the watch ended with an error: {}", status.message)),
            };
            return failed(State::default(), failure);
        }
    };
    let Ok(version) = told.parse::<Version>() else {
        return failed(State::default(), no_number(told));
    };
    let (news, is_bookmark) = match event {
        Event::Added(job) | Event::Modified(job) => (WatchEvent::Apply(job), false),
        Event::Deleted(job) => (WatchEvent::Delete(job), false),
        Event::Bookmark(_) | Event::Error(_) => (WatchEvent::Bookmark(version), true),
    };
    // A bookmark follows all that happened before it. Events come in the order of their versions.
    let is_last = match backlog {
        Backlog::Read => false,
        Backlog::Unknown => is_bookmark,
        Backlog::UpTo(last) => is_bookmark || version >= last,
    };
    let version = version.max(known);
    if is_last {
        return caught_up(version, true, vec![news]);
    }
    Step { state: State::Watching { version, heard: true, backlog }, news: vec![news], pause: Pause::No }
}

fn failed(state: State, failure: Failure) -> Step {
    let pause = match failure {
        Failure::Forbidden(_) => Pause::LongBackoff,
        Failure::Throttled(time) => Pause::AtLeast(time),
        Failure::SetBack => Pause::No,
        _ => Pause::Backoff,
    };
    let state = match (state, &failure) {
        // The stream broke, not what is known of the cluster: go on from there.
        (
            State::Connecting { version, .. } | State::Watching { version, .. },
            Failure::Broken(_) | Failure::Throttled(_),
        ) => State::Connecting { version, resumes: true },
        (State::Listing { next }, Failure::Broken(_) | Failure::Throttled(_)) => State::Listing { next },
        _ => State::default(),
    };
    Step { state, news: vec![WatchEvent::Disconnected(failure)], pause }
}

fn no_number(version: &str) -> Failure {
    Failure::Unreadable(format!("resource version {version:?} is no number"))
}

#[cfg(test)]
#[path = "state_machine_tests.rs"]
mod tests;
