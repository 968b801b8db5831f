//! Jobs from the newest to the oldest, and how many come behind any place, of all or of one state. Owns the blocks in
//! which they lie: each knows how many of each state it has, so that nobody has to go through all jobs to count them, or
//! to find the few that run among thousands that have ended.

use std::cmp::Reverse;
use std::sync::Arc;

use super::compact::Seconds;
use super::state::State;
use super::status::Status;

/// How many jobs are in each state, in the order of [`State::ALL`].
pub type Counts = [usize; State::ALL.len()];

/// What decides where a job comes: of those of one second, the names.
pub type Age<'a> = (Reverse<Seconds>, &'a str);

/// A block that is larger becomes two. What it takes to put a job into one grows with this, and the number of blocks
/// that have to be looked at shrinks.
const LARGEST: usize = 512;

#[derive(Debug, Default)]
pub struct Order {
    /// None is empty.
    blocks: Vec<Block>,
    counts: Counts,
}

#[derive(Debug, Default)]
struct Block {
    jobs: Vec<Arc<Status>>,
    counts: Counts,
}

pub fn age(status: &Status) -> Age<'_> {
    (Reverse(status.created), status.key())
}

impl Order {
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    pub const fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Puts a job in its place, where there may be one of the same name and age.
    pub fn put(&mut self, status: Arc<Status>) {
        if self.blocks.is_empty() {
            self.blocks.push(Block::default());
        }
        let number = self.block(age(&status)).min(self.blocks.len() - 1);
        let block = &mut self.blocks[number];
        block.counts[status.state as usize] += 1;
        self.counts[status.state as usize] += 1;
        match block.find(age(&status)) {
            Ok(place) => {
                let before = std::mem::replace(&mut block.jobs[place], status);
                block.counts[before.state as usize] -= 1;
                self.counts[before.state as usize] -= 1;
            }
            Err(place) => {
                block.jobs.insert(place, status);
                if block.jobs.len() > LARGEST {
                    let older = block.split();
                    self.blocks.insert(number + 1, older);
                }
            }
        }
    }

    /// Takes out the one of this name and age.
    pub fn remove(&mut self, age: Age<'_>) {
        let number = self.block(age);
        let Some(block) = self.blocks.get_mut(number) else { return };
        let Ok(place) = block.find(age) else { return };
        let before = block.jobs.remove(place);
        block.counts[before.state as usize] -= 1;
        self.counts[before.state as usize] -= 1;
        if block.jobs.is_empty() {
            self.blocks.remove(number);
        } else if block.jobs.len() < block.jobs.capacity() / 4 {
            block.jobs.shrink_to(block.jobs.len() * 2);
        }
    }

    /// Newest first, from behind this age on, those of one state or all.
    pub fn after<'a>(
        &'a self,
        age: Option<Age<'_>>,
        state: Option<State>,
    ) -> impl Iterator<Item = &'a Arc<Status>> + use<'a> {
        let (first, others) = self.behind(age);
        let others = others.iter().filter(move |block| block.count(state) > 0).flat_map(|block| &block.jobs);
        first.iter().chain(others).filter(move |status| state.is_none_or(|state| status.state == state))
    }

    /// How many these are.
    pub fn count_after(&self, age: Option<Age<'_>>, state: Option<State>) -> usize {
        let (first, others) = self.behind(age);
        let in_first = first.iter().filter(|status| state.is_none_or(|state| status.state == state)).count();
        in_first + others.iter().map(|block| block.count(state)).sum::<usize>()
    }

    /// What comes behind this age: the part of a block, and whole blocks.
    fn behind(&self, age: Option<Age<'_>>) -> (&[Arc<Status>], &[Block]) {
        let number = age.map_or(0, |age| self.block(age));
        let Some((block, others)) = self.blocks[number..].split_first() else { return (&[], &[]) };
        let place = age.map_or(0, |age| block.find(age).map_or_else(|place| place, |place| place + 1));
        (&block.jobs[place..], others)
    }

    /// The number of the first block that ends at this age or behind it; none ends there if all is newer.
    fn block(&self, age: Age<'_>) -> usize {
        self.blocks.partition_point(|block| block.jobs.last().is_some_and(|last| self::age(last) < age))
    }
}

impl Block {
    /// Where the one of this age is, or would be.
    fn find(&self, age: Age<'_>) -> Result<usize, usize> {
        self.jobs.binary_search_by(|status| self::age(status).cmp(&age))
    }

    fn count(&self, state: Option<State>) -> usize {
        state.map_or(self.jobs.len(), |state| self.counts[state as usize])
    }

    /// Keeps the newer half.
    fn split(&mut self) -> Self {
        let mut older = Self { jobs: self.jobs.split_off(self.jobs.len() / 2), counts: Counts::default() };
        for status in &older.jobs {
            older.counts[status.state as usize] += 1;
            self.counts[status.state as usize] -= 1;
        }
        older
    }
}

#[cfg(test)]
#[path = "order_tests.rs"]
mod tests;
