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

use std::fmt;
use std::time::Duration;

use serde::Deserialize;

use crate::kube::error::Error;
use crate::kube::types::{Job, List, Metadata, Status};

/// A resource version. Those of one kind can be compared as numbers
/// (<https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions>).
pub type Version = u64;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Asking for the list: for its first page, or for the next.
    Listing { next: Option<NextPage> },
    /// Asking for all that happens after this version.
    Opening { version: Version },
    /// Reading what happens. `heard` is whether anything came on this stream.
    Following { version: Version, heard: bool },
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

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// What was asked to go on from is no longer known (410).
    Gone,
    /// No right to list or to watch.
    Forbidden(String),
    /// Asked to come back later.
    Throttled(Duration),
    /// Neither a byte nor an end.
    Silent,
    /// Lines that cannot be understood.
    Unreadable(String),
    Broken(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => f.write_str("the API server no longer knows where we were; listing again"),
            Self::Forbidden(why) => write!(f, "no right to list and watch jobs: {why}"),
            Self::Throttled(time) => write!(f, "the API server asks to come back in {} s", time.as_secs()),
            Self::Silent => f.write_str("nothing came for too long; listing again"),
            Self::Unreadable(why) | Self::Broken(why) => f.write_str(why),
        }
    }
}

/// What the follower is told. In this order it is a whole and true account.
#[derive(Debug)]
pub enum News {
    /// A list as of this version begins.
    Listing(Version),
    Jobs(Vec<Job>),
    /// The list is whole: what is not in it is gone, unless it is newer than the list.
    Listed,
    /// From now on every change is told.
    Following,
    Changed(Job),
    Deleted(Job),
    /// All up to this version has been told.
    UpTo(Version),
    /// From now on changes happen that are not told, until the next `Following`.
    Lost(Failure),
}

/// What to wait for before the next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    No,
    Backoff,
    /// At least as long as the server asked for.
    AtLeast(Duration),
    /// Until somebody may have granted the right.
    Lasting,
}

#[derive(Debug)]
pub struct Step {
    pub state: State,
    pub news: Vec<News>,
    pub pause: Pause,
}

impl Default for State {
    fn default() -> Self {
        Self::Listing { next: None }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match &error {
            Error::Refused(refusal) => match (refusal.code, refusal.retry_after) {
                (410, _) => Self::Gone,
                (403, _) => Self::Forbidden(refusal.status.message.clone()),
                (_, Some(time)) => Self::Throttled(time),
                _ => Self::Broken(error.to_string()),
            },
            _ => Self::Broken(error.to_string()),
        }
    }
}

impl State {
    pub fn step(self, input: Input) -> Step {
        match (self, input) {
            (Self::Listing { next }, Input::Page(list)) => page(next.map(|next| next.version), list),
            (Self::Opening { version }, Input::Opened) => {
                Step { state: Self::Following { version, heard: false }, news: vec![News::Following], pause: Pause::No }
            }
            (Self::Following { version, .. }, Input::Event(event)) => line(version, event),
            (Self::Following { version, heard }, Input::Ended) => {
                // A stream without so much as a bookmark is what a version from the future gives: that of a cluster
                // whose store was set back.
                let state = if heard { Self::Opening { version } } else { Self::default() };
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
        news.push(News::Listing(version));
    }
    news.push(News::Jobs(list.items.unwrap_or_default()));
    let token = list.metadata.r#continue;
    let state = if token.is_empty() {
        news.push(News::Listed);
        State::Opening { version }
    } else {
        State::Listing { next: Some(NextPage { token, version }) }
    };
    Step { state, news, pause: Pause::No }
}

fn line(known: Version, event: Event) -> Step {
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
    let news = match event {
        Event::Added(job) | Event::Modified(job) => News::Changed(job),
        Event::Deleted(job) => News::Deleted(job),
        Event::Bookmark(_) | Event::Error(_) => News::UpTo(version),
    };
    let state = State::Following { version: version.max(known), heard: true };
    Step { state, news: vec![news], pause: Pause::No }
}

fn failed(state: State, failure: Failure) -> Step {
    let pause = match failure {
        Failure::Forbidden(_) => Pause::Lasting,
        Failure::Throttled(time) => Pause::AtLeast(time),
        _ => Pause::Backoff,
    };
    let state = match (state, &failure) {
        // The stream broke, not what is known of the cluster: go on from there.
        (State::Opening { version } | State::Following { version, .. }, Failure::Broken(_) | Failure::Throttled(_)) => {
            State::Opening { version }
        }
        (State::Listing { next }, Failure::Broken(_) | Failure::Throttled(_)) => State::Listing { next },
        _ => State::default(),
    };
    Step { state, news: vec![News::Lost(failure)], pause }
}

fn no_number(version: &str) -> Failure {
    Failure::Unreadable(format!("resource version {version:?} is no number"))
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
