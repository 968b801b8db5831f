//! The line being read: the hash of its time and of its text so far.

use std::hash::{DefaultHasher, Hasher};

use crate::util::log_lines::split::Stamp;

#[derive(Debug, Default)]
pub(super) struct Line {
    pub(super) has_begun: bool,
    pub(super) len: usize,
    hasher: DefaultHasher,
}

impl Line {
    pub(super) fn new(stamp: Option<Stamp<'_>>) -> Self {
        let mut hasher = DefaultHasher::new();
        hasher.write_i128(stamp.map_or(0, |stamp| stamp.at.unix_timestamp_nanos()));
        Self { has_begun: true, len: 0, hasher }
    }

    pub(super) fn add(&mut self, text: &[u8]) {
        self.hasher.write(text);
        self.len += text.len();
    }

    /// Depends on the time and the text only, not on the pieces in which the text arrives.
    pub(super) fn hash(&self) -> u64 {
        self.hasher.finish()
    }
}
