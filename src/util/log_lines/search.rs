//! Searches for the place in a new reading that follows the lines passed on.

use std::collections::VecDeque;

/// The number of last lines that are remembered. A reading of this many last lines normally overlaps with them.
pub const WINDOW: usize = 1024;

/// Which lines a new reading has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// The last lines. If none of them overlaps, nothing is passed on: see `Join::has_no_overlap`.
    Tail,
    /// All lines that there are.
    Whole,
}

/// The lines that were passed on.
#[derive(Debug, Default)]
pub(super) struct PassedLines {
    pub(super) count: usize,
    /// The hash of the first line.
    first: u64,
    /// The hashes of the last lines.
    window: VecDeque<u64>,
}

#[derive(Debug)]
pub(super) struct Search {
    pub(super) extent: Extent,
    /// The number of lines read.
    lines: usize,
    /// For each possible place of this reading: the number of the passed line that comes next.
    pub(super) next: Vec<usize>,
    /// The text after an overlap with all passed lines, and the hashes of its lines. It is held while a longer overlap is
    /// possible.
    pub(super) held: Option<(Vec<u8>, Vec<u64>)>,
}

impl PassedLines {
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
            // Only the first line before the window is known.
            None => number > 0 || self.first == hash,
        }
    }
}

impl Search {
    pub(super) const fn new(extent: Extent) -> Self {
        Self { extent, lines: 0, next: Vec::new(), held: None }
    }

    /// Continues with a line that has this hash.
    pub(super) fn advance(&mut self, hash: u64, passed: &PassedLines) {
        let start = passed.start();
        self.next.retain_mut(|next| {
            let is_next = passed.is_line(*next, hash);
            *next += 1;
            is_next
        });
        if self.lines == 0 {
            let numbers = (start..passed.count).chain((start > 0).then_some(0));
            self.next.extend(numbers.filter(|number| passed.is_line(*number, hash)).map(|number| number + 1));
        } else if passed.is_line(start, hash) && !self.next.contains(&(start + 1)) {
            // The reading began before the window.
            self.next.push(start + 1);
        }
        self.lines += 1;
        if let Some((_, lines)) = &mut self.held {
            lines.push(hash);
        }
    }

    /// Returns whether all passed lines were read at one of the places. Then only a longer overlap can be better.
    pub(super) fn try_end(&mut self, passed: &PassedLines) -> bool {
        let is_end = passed.count == 0 || self.next.contains(&passed.count);
        if is_end {
            let is_longest = self.lines == passed.count;
            self.next.retain(|next| *next < passed.count && !is_longest);
            self.held = Some(Default::default());
        }
        is_end
    }

    /// Whether a place is still possible, although its end is not reached.
    pub(super) fn is_cut_short(&self) -> bool {
        self.lines == 0 || !self.next.is_empty()
    }

    /// Whether this reading may begin with the first line of the log.
    pub(super) fn is_from_start(&self) -> bool {
        self.next.contains(&self.lines)
    }
}
