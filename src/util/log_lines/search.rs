//! The search for the place where a reading goes on after the known lines.

use std::collections::VecDeque;

use crate::util::log_lines::join::Extent;

/// How many of the last lines are remembered. A reading of this many last lines normally overlaps with them.
pub const WINDOW: usize = 1024;

/// The lines that were passed on.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) count: usize,
    /// The hash of the first line.
    first: u64,
    /// The hashes of the last lines.
    window: VecDeque<u64>,
}

#[derive(Debug)]
pub(super) struct Search {
    pub(super) extent: Extent,
    /// How many lines of this reading were seen.
    lines: usize,
    /// For each possible place of this reading: the number of the known line that comes next.
    pub(super) next: Vec<usize>,
    /// What followed a place where all known lines had come, while a longer overlap is still possible: the text, and
    /// the hashes of its lines.
    pub(super) held: Option<(Vec<u8>, Vec<u64>)>,
}

impl Known {
    pub(super) fn push(&mut self, hash: u64) {
        if self.count == 0 {
            self.first = hash;
        }
        if self.window.len() == WINDOW {
            self.window.pop_front();
        }
        self.window.push_back(hash);
        self.count += 1;
    }

    /// The number of the first line in the window.
    fn start(&self) -> usize {
        self.count - self.window.len()
    }

    /// Whether the line of this number may be the one with this hash.
    fn is_line(&self, number: usize, hash: u64) -> bool {
        match number.checked_sub(self.start()) {
            Some(index) => self.window.get(index) == Some(&hash),
            // Of the lines before the window only the first is known.
            None => number > 0 || self.first == hash,
        }
    }
}

impl Search {
    pub(super) const fn new(extent: Extent) -> Self {
        Self { extent, lines: 0, next: Vec::new(), held: None }
    }

    /// A line of this hash was read.
    pub(super) fn advance(&mut self, hash: u64, known: &Known) {
        let start = known.start();
        self.next.retain_mut(|next| {
            let is_next = known.is_line(*next, hash);
            *next += 1;
            is_next
        });
        if self.lines == 0 {
            let numbers = (start..known.count).chain((start > 0).then_some(0));
            self.next.extend(numbers.filter(|number| known.is_line(*number, hash)).map(|number| number + 1));
        } else if known.is_line(start, hash) && !self.next.contains(&(start + 1)) {
            // The reading began before the window.
            self.next.push(start + 1);
        }
        self.lines += 1;
        if let Some((_, lines)) = &mut self.held {
            lines.push(hash);
        }
    }

    /// If all known lines have come at one of the places, only a longer overlap can be a better one.
    pub(super) fn try_end(&mut self, known: &Known) -> bool {
        let is_end = known.count == 0 || self.next.contains(&known.count);
        if is_end {
            let is_longest = self.lines == known.count;
            self.next.retain(|next| *next < known.count && !is_longest);
            self.held = Some(Default::default());
        }
        is_end
    }

    /// Whether there may be a place for this reading, although its end was not reached.
    pub(super) fn is_cut_short(&self) -> bool {
        self.lines == 0 || !self.next.is_empty()
    }

    /// Whether this reading may have begun with the first line of all.
    pub(super) fn is_from_start(&self) -> bool {
        self.next.contains(&self.lines)
    }
}
