//! Lines of a watch in chunks, and inputs of the watch's state machine.

use std::time::Duration;

use eks_api::kube::types::{Job, List};
use eks_api::kube::watcher::lines::Lines;
use eks_api::kube::watcher::state_machine::{Backlog, Event, Input, State, Step};
use eks_api::kube::watcher::{Failure, Version, WatchEvent};

use super::{first_line, text};

/// The first byte says how the rest is cut: into pieces of one size, or of ever other ones.
fn cut(data: &[u8]) -> (&[u8], Vec<&[u8]>) {
    let Some((how, whole)) = data.split_first() else { return (data, Vec::new()) };
    let (mut size, mut pieces, mut left) = (usize::from(how & 63) + 1, Vec::new(), whole);
    while !left.is_empty() {
        let (piece, rest) = left.split_at(size.min(left.len()));
        pieces.push(piece);
        left = rest;
        if how & 64 != 0 {
            size = (size * 31 + 7) % 97 + 1;
        }
    }
    (whole, pieces)
}

fn lines(pieces: &[&[u8]]) -> Vec<Vec<u8>> {
    let (mut lines, mut told) = (Lines::default(), Vec::new());
    for piece in pieces {
        assert!(lines.feed(piece, |line| told.push(line.to_vec())).is_ok());
    }
    told
}

pub(super) fn watch_lines(data: &[u8]) {
    let (whole, pieces) = cut(data);
    let told = lines(&pieces);
    let mut expected: Vec<&[u8]> = whole.split(|byte| *byte == b'\n').collect();
    // What comes after the last line's end is no line yet.
    expected.pop();
    expected.retain(|line| !line.trim_ascii().is_empty());
    assert_eq!(told, expected);
}

/// What may be told after what was told so far.
#[derive(Default)]
struct Account {
    listing: bool,
    listed: bool,
    following: bool,
}

impl Account {
    fn tell(&mut self, news: &WatchEvent) {
        match news {
            WatchEvent::Init(_) => *self = Self { listing: true, ..Self::default() },
            WatchEvent::InitApply(_) => assert!(self.listing, "{news:?}"),
            WatchEvent::InitDone => {
                assert!(self.listing, "{news:?}");
                *self = Self { listed: true, ..Self::default() };
            }
            WatchEvent::Watching => {
                assert!(self.listed, "{news:?}");
                self.following = true;
            }
            // Before it is followed a stream tells its backlog.
            WatchEvent::Apply(_) | WatchEvent::Delete(_) | WatchEvent::Bookmark(_) => assert!(self.listed, "{news:?}"),
            WatchEvent::Disconnected(_) => self.following = false,
        }
    }
}

fn version(state: &State) -> Option<Version> {
    match state {
        State::Listing { .. } => None,
        State::Connecting { version, .. } | State::Watching { version, .. } => Some(*version),
    }
}

/// A line is what happens: a page (`P` and JSON), a stream opened (`O`) or ended (`E`), a failure (`F` and which), the
/// version that the server is at (`C`), quiet (`Q`), or an event as it comes on the watch.
fn input(line: &str) -> Input {
    let failure = |word: &str| match word {
        "gone" => Failure::Gone,
        "forbidden" => Failure::Forbidden("no".to_owned()),
        "silent" => Failure::IdleTimeout,
        "unreadable" => Failure::Unreadable("what?".to_owned()),
        word => word.parse().map_or_else(
            |_| Failure::Broken("broken".to_owned()),
            |seconds| Failure::Throttled(Duration::from_secs(seconds)),
        ),
    };
    let unreadable = |error: serde_json::Error| Input::Failed(Failure::Unreadable(error.to_string()));
    match line.split_at_checked(1) {
        Some(("O", "")) => Input::Opened,
        Some(("E", "")) => Input::Ended,
        Some(("Q", "")) => Input::Quiet,
        Some(("C", version)) if version.parse::<Version>().is_ok() => Input::Current(version.parse().unwrap()),
        Some(("F", which)) => Input::Failed(failure(which)),
        Some(("P", page)) => serde_json::from_str::<List<Job>>(page).map_or_else(unreadable, Input::Page),
        _ => serde_json::from_str::<Event>(line).map_or_else(unreadable, Input::Event),
    }
}

pub(super) fn watch_machine(data: &[u8]) {
    let (mut state, mut account, mut rest) = (State::default(), Account::default(), text(data));
    while !rest.is_empty() {
        let (line, others) = first_line(rest);
        rest = others;
        let known = version(&state);
        let was_following = matches!(state, State::Watching { .. });
        let Step { state: next, events, pause: _ } = state.step(input(line));
        for news in &events {
            account.tell(news);
            if let WatchEvent::Disconnected(failure) = news {
                let _ = failure.to_string();
            }
        }
        if let (true, Some(known), Some(version)) = (was_following, known, version(&next)) {
            assert!(version >= known, "{known} became {version}");
        }
        assert!(account.following || !matches!(next, State::Watching { backlog: Backlog::Read, .. }), "{next:?}");
        state = next;
    }
}
