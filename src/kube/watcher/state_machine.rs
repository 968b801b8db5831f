//! The watch as a state machine: state and input give the next state, events and a pause. It has no clock and no
//! connection.
//!
//! ```text
//!             page, more to come                  line
//!               ┌─────┐                          ┌─────┐
//!               │     v          opened          │     v
//!   start ───> Listing ──> Connecting ────────> Watching
//!               ^   last page  ^ │  ^                │ │
//!               │              │ │  └── end, broken ─┘ │
//!               │      failure └─┘                     │
//!               └── 410, ERROR, idle, unreadable ──────┘
//! ```
//!
//! A stream that resumes a lost one has a backlog. `Watching` is reported after the backlog is read.

use std::time::Duration;

use serde::Deserialize;

use crate::kube::types::{Job, List, Metadata, Status, json};
use crate::kube::watcher::event::{Version, WatchEvent};
use crate::kube::watcher::failure::Failure;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Requests the first page of the list, or the next.
    Listing { next: Option<NextPage> },
    /// Opens a watch from this version. `resumes` is whether an earlier stream was lost there.
    Connecting { version: Version, resumes: bool },
    /// Reads events. `heard` is whether this stream sent any.
    Watching { version: Version, heard: bool, backlog: Backlog },
}

/// Changes that happened while no stream was open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backlog {
    /// All are read.
    Read,
    /// The last of them is not known.
    Unknown,
    /// They end at this version.
    UpTo(Version),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextPage {
    pub token: String,
    /// The version of the first page. All pages show the same moment.
    version: Version,
}

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one at a time, and it is matched at once")]
pub enum Input {
    Page(List<Job>),
    Opened,
    Event(Event),
    /// The API server's current version.
    Current(Version),
    /// A backlog is expected, but the stream sends nothing.
    Quiet,
    /// The server ended the stream, as it does after the requested time.
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
    Bookmark(Bookmark),
    Error(Status),
}

/// All changes up to this version were sent.
#[derive(Debug, Deserialize)]
pub struct Bookmark {
    metadata: Metadata,
}

/// The pause before the next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    No,
    Backoff,
    /// At least the time that the server asks for.
    AtLeast(Duration),
    /// Long enough for a person to grant a right.
    LongBackoff,
}

#[derive(Debug)]
pub struct Step {
    pub state: State,
    pub events: Vec<WatchEvent>,
    pub pause: Pause,
}

impl Input {
    /// Reads a line of the watch.
    pub fn from_line(line: &[u8]) -> Self {
        let unreadable = |error: serde_json::Error| Self::Failed(Failure::Unreadable(format!("a line: {error}")));
        json::read(line).map_or_else(unreadable, Self::Event)
    }
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
                Step { state, events: Vec::new(), pause: Pause::No }
            }
            (Self::Watching { version, backlog, .. }, Input::Event(event)) => line(version, backlog, event),
            (Self::Watching { version, .. }, Input::Current(current)) if current < version => {
                failed(Self::default(), Failure::SetBack)
            }
            (Self::Watching { version, heard, .. }, Input::Current(current)) if current > version => {
                let state = Self::Watching { version, heard, backlog: Backlog::UpTo(current) };
                Step { state, events: Vec::new(), pause: Pause::No }
            }
            (Self::Watching { version, heard, .. }, Input::Current(_) | Input::Quiet) => {
                caught_up(version, heard, Vec::new())
            }
            (Self::Watching { version, heard, backlog }, Input::Ended) => {
                // A version from the future gives an empty stream, without a bookmark. The store was set back.
                let resumes = backlog != Backlog::Read;
                let state = if heard { Self::Connecting { version, resumes } } else { Self::default() };
                Step { state, events: Vec::new(), pause: Pause::Backoff }
            }
            (state, Input::Failed(failure)) => failed(state, failure),
            // Other inputs do not belong to their state.
            (state, _) => Step { state, events: Vec::new(), pause: Pause::Backoff },
        }
    }
}

fn page(begun: Option<Version>, list: List<Job>) -> Step {
    let Some(version) = begun.or_else(|| list.metadata.resource_version.parse().ok()) else {
        return failed(State::default(), no_number(&list.metadata.resource_version));
    };
    let mut events = Vec::new();
    if begun.is_none() {
        events.push(WatchEvent::Init(version));
    }
    events.push(WatchEvent::InitApply(list.items.unwrap_or_default()));
    let token = list.metadata.r#continue;
    let state = if token.is_empty() {
        events.push(WatchEvent::InitDone);
        State::Connecting { version, resumes: false }
    } else {
        State::Listing { next: Some(NextPage { token, version }) }
    };
    Step { state, events, pause: Pause::No }
}

fn caught_up(version: Version, heard: bool, mut events: Vec<WatchEvent>) -> Step {
    events.push(WatchEvent::Watching);
    Step { state: State::Watching { version, heard, backlog: Backlog::Read }, events, pause: Pause::No }
}

fn line(known: Version, backlog: Backlog, event: Event) -> Step {
    let version = match &event {
        Event::Added(job) | Event::Modified(job) | Event::Deleted(job) => &job.metadata.resource_version,
        Event::Bookmark(bookmark) => &bookmark.metadata.resource_version,
        Event::Error(status) => {
            let failure = match (status.code, status.details.as_ref().and_then(|d| d.retry_after_seconds)) {
                (410, _) => Failure::Gone,
                (_, Some(seconds)) => Failure::Throttled(Duration::from_secs(seconds)),
                _ => Failure::Broken(format!("the watch ended with an error: {}", status.message)),
            };
            return failed(State::default(), failure);
        }
    };
    let Ok(version) = version.parse::<Version>() else {
        return failed(State::default(), no_number(version));
    };
    let (event, is_bookmark) = match event {
        Event::Added(job) | Event::Modified(job) => (WatchEvent::Apply(job), false),
        Event::Deleted(job) => (WatchEvent::Delete(job), false),
        Event::Bookmark(_) | Event::Error(_) => (WatchEvent::Bookmark(version), true),
    };
    // A bookmark comes after all earlier changes. Events come in the order of their versions.
    let is_last = match backlog {
        Backlog::Read => false,
        Backlog::Unknown => is_bookmark,
        Backlog::UpTo(last) => is_bookmark || version >= last,
    };
    let version = version.max(known);
    if is_last {
        return caught_up(version, true, vec![event]);
    }
    Step { state: State::Watching { version, heard: true, backlog }, events: vec![event], pause: Pause::No }
}

fn failed(state: State, failure: Failure) -> Step {
    let pause = match failure {
        Failure::Forbidden(_) => Pause::LongBackoff,
        Failure::Throttled(time) => Pause::AtLeast(time),
        Failure::SetBack => Pause::No,
        _ => Pause::Backoff,
    };
    let state = match (state, &failure) {
        // Only the stream broke. The next one resumes at the same version.
        (
            State::Connecting { version, .. } | State::Watching { version, .. },
            Failure::Broken(_) | Failure::Throttled(_),
        ) => State::Connecting { version, resumes: true },
        (State::Listing { next }, Failure::Broken(_) | Failure::Throttled(_)) => State::Listing { next },
        _ => State::default(),
    };
    Step { state, events: vec![WatchEvent::Disconnected(failure)], pause }
}

fn no_number(version: &str) -> Failure {
    Failure::Unreadable(format!("resource version {version:?} is not a number"))
}

#[cfg(test)]
#[path = "state_machine_tests.rs"]
mod tests;
