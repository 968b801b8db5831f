//! Logs that are read again after an interruption: every line is passed on once, whatever its time.

use super::*;
use crate::util::log_lines::split::Splitter;

/// Follows a log as the service does.
struct Follower {
    join: Join,
    splitter: Splitter,
    shown: String,
}

impl Follower {
    fn new(with_times: bool) -> Self {
        Self { join: Join::new(with_times), splitter: Splitter::default(), shown: String::new() }
    }

    fn read(&mut self, log: &str) -> &mut Self {
        let mut out = Vec::new();
        // Byte by byte.
        for byte in log.as_bytes().chunks(1) {
            self.splitter.split(byte, |part| self.join.read(part, &mut out));
        }
        self.shown += std::str::from_utf8(&out).unwrap();
        self
    }

    fn reopen(&mut self, extent: Extent) -> &mut Self {
        self.splitter = Splitter::default();
        self.join.reopen(extent);
        self
    }

    fn finish(&mut self) -> &mut Self {
        let mut out = Vec::new();
        self.splitter.finish(|part| self.join.read(part, &mut out));
        self.join.finish(&mut out);
        self.shown += std::str::from_utf8(&out).unwrap();
        self
    }
}

fn line(second: u8, text: &str) -> String {
    format!("2026-01-01T00:00:{second:02}Z {text}\n")
}

/// A log of these lines, each with its second.
fn log(lines: &[(u8, &str)]) -> String {
    lines.iter().map(|(second, text)| line(*second, text)).collect()
}

fn texts(lines: &[(u8, &str)]) -> String {
    lines.iter().flat_map(|(_, text)| [text, "\n"]).collect()
}

const GROWING: &[(u8, &str)] = &[(1, "a"), (2, "b"), (3, "c"), (4, "d")];
const EQUAL: &[(u8, &str)] = &[(1, "a"), (1, "b"), (1, ""), (1, "a"), (1, "c")];
const THE_SAME: &[(u8, &str)] = &[(1, "x"), (1, "x"), (1, "x"), (1, "x"), (1, "x")];
const DECREASING: &[(u8, &str)] = &[(1, "a"), (3, "b"), (2, "c"), (59, "d"), (4, "e"), (4, "f")];
const SET_BACK: &[(u8, &str)] = &[(50, "a"), (51, "b"), (1, "c"), (2, "a"), (51, "b"), (3, "b")];

#[test]
fn log_order_a_log_interrupted_anywhere_continues_without_loss_or_repetition() {
    for lines in [GROWING, EQUAL, THE_SAME, DECREASING, SET_BACK] {
        let (log, texts) = (log(lines), texts(lines));
        for first in 0..=log.len() {
            for second in [0, first / 2, first, log.len()] {
                for extent in [Extent::Tail, Extent::Whole] {
                    for (with_times, expected) in [(false, &texts), (true, &log)] {
                        let mut follower = Follower::new(with_times);
                        follower.read(&log[..first]).reopen(extent).read(&log[..second]);
                        follower.reopen(extent).read(&log).finish();
                        assert_eq!(follower.shown, *expected, "cut after {first} and {second} bytes");
                        assert!(follower.join.is_caught_up() && !follower.join.has_lost_lines());
                    }
                }
            }
        }
    }
}

#[test]
fn log_order_an_incomplete_line_is_passed_on() {
    let mut follower = Follower::new(false);
    follower.read("2026-01-01T00:00:00Z ha").reopen(Extent::Tail).read("2026-01-01T00:00:00Z half");
    assert_eq!(follower.shown, "half");
    follower.read(" a line\n");
    assert_eq!(follower.shown, "half a line\n");
}

/// All overlapping pairs of readings: each beginning of both, and each end of the first.
#[test]
fn log_rotated_readings_that_begin_elsewhere_are_joined() {
    for lines in [GROWING, DECREASING] {
        let all = log(lines);
        let starts: Vec<usize> = (0..lines.len()).map(|skipped| log(&lines[..skipped]).len()).collect();
        for (skipped, start) in starts.iter().enumerate() {
            for cut in *start + 23..=all.len() {
                for second in starts.iter().filter(|second| **second + 23 < cut) {
                    let mut follower = Follower::new(false);
                    follower.read(&all[*start..cut]).reopen(Extent::Whole).read(&all[*second..]).finish();
                    assert_eq!(follower.shown, texts(&lines[skipped..]), "from {start} to {cut}, then from {second}");
                    assert!(!follower.join.has_lost_lines());
                }
            }
        }
    }
}

#[test]
fn log_rotated_last_lines_without_overlap_require_the_whole_log() {
    let mut follower = Follower::new(false);
    follower.read(&log(&GROWING[..2])).reopen(Extent::Tail).read(&log(&GROWING[3..]));
    assert!(follower.join.has_no_overlap() && !follower.join.is_caught_up());
    assert_eq!(follower.shown, "a\nb\n");
    follower.reopen(Extent::Whole).read(&log(GROWING)).finish();
    assert_eq!(follower.shown, texts(GROWING));
    assert!(!follower.join.has_lost_lines());
}

#[test]
fn log_rotated_lost_lines_are_noticed() {
    for (cut, shown) in [("", "a\nb\nd\n"), ("2026-01-01T00:00:01Z ha", "a\nb\nha\nd\n")] {
        for rest in ["", &log(&GROWING[3..])] {
            let mut follower = Follower::new(false);
            follower.read(&(log(&GROWING[..2]) + cut)).reopen(Extent::Whole).read(rest).finish();
            assert!(!follower.join.is_caught_up(), "the reading does not overlap");
            follower.join.reopen_after_loss();
            follower.read(&log(&GROWING[3..])).finish();
            assert_eq!(follower.shown, shown);
            assert!(follower.join.is_caught_up() && follower.join.has_lost_lines());
        }
    }
}

#[test]
fn log_rotated_repeated_lines_are_held_until_the_place_is_unique() {
    let [a, b, c, x] = ["a", "b", "c", "x"].map(|text| (1, text));
    let known = log(&[a, x, x, b, x, x]);
    for (rest, new) in [(&[x, x, c][..], "c\n"), (&[x, x, b, c], "b\nc\n"), (&[x, x, b, x, x, c], "c\n")] {
        for (with_times, end) in [(false, ""), (true, "2026-01-01T00:00:01Z c\n")] {
            let mut follower = Follower::new(with_times);
            follower.read(&known).reopen(Extent::Whole);
            follower.shown.clear();
            follower.read(&log(rest)).finish();
            assert!(follower.shown.ends_with(end));
            assert_eq!(follower.shown.replace("2026-01-01T00:00:01Z ", ""), new);
            // The held lines count as passed on.
            follower.reopen(Extent::Tail).read(&log(rest)).finish();
            assert_eq!(follower.shown.replace("2026-01-01T00:00:01Z ", ""), new);
        }
    }
}

#[test]
fn log_rotated_the_held_text_is_bounded() {
    let known = log(&[(1, "a"), (1, "x"), (1, "x"), (1, "y"), (1, "x")]);
    let mut follower = Follower::new(false);
    follower.read(&known).reopen(Extent::Whole).read(&log(&[(1, "x")]));
    follower.shown.clear();
    follower.read("2026-01-01T00:00:01Z ");
    follower.splitter.split(&vec![b'l'; MAX_HELD + 1], |part| follower.join.read(part, &mut Vec::new()));
    follower.read("last");
    assert!(follower.shown == "last", "{} bytes", follower.shown.len());
}

/// Different lines.
fn many(count: usize) -> String {
    (0..count).map(|number| line(u8::try_from(number % 60).unwrap(), &number.to_string())).collect()
}

#[test]
fn log_order_a_log_longer_than_the_window_is_joined() {
    let all = many(3 * WINDOW);
    let cut = many(2 * WINDOW + 7).len() + 23;
    let last_lines = &all[many(2 * WINDOW).len()..];
    for (extent, second) in [(Extent::Whole, &all[..]), (Extent::Whole, last_lines), (Extent::Tail, last_lines)] {
        let mut follower = Follower::new(true);
        follower.read(&all[..cut]).reopen(extent).read(second).finish();
        assert_eq!(follower.shown, all);
        assert!(follower.join.is_caught_up() && !follower.join.has_lost_lines());
        assert_eq!(follower.join.passed.count, 3 * WINDOW);
    }
    // The beginning is lost, and more lines are left than are remembered.
    let mut follower = Follower::new(true);
    follower.read(&all[..cut]).reopen(Extent::Whole).read(&all[many(WINDOW / 2).len()..]).finish();
    assert_eq!(follower.shown, all);
}

#[test]
fn log_order_equal_lines_beyond_the_window_are_counted() {
    let all = log(&vec![(1, "x"); 3 * WINDOW]);
    let mut follower = Follower::new(true);
    follower.read(&all[..all.len() / 2]).reopen(Extent::Whole).read(&all).finish();
    assert_eq!(follower.shown, all);
}

#[test]
fn lines_without_times_are_joined_by_their_text() {
    let mut follower = Follower::new(true);
    follower.read("a\nb\nc c\nd").reopen(Extent::Tail).read("a\nb\nc c\nd d\ne\n").finish();
    assert_eq!(follower.shown, "a\nb\nc c\nd d\ne\n");
}
