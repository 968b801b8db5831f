//! Several lists of jobs as one, from the newest to the oldest as each of them is.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::sync::Arc;

use super::order::age;
use super::status::Status;

/// What is left of one list. The largest is the one whose next comes first.
struct List<'a, I> {
    next: &'a Arc<Status>,
    others: I,
}

/// Takes of each list only what is asked for, and one more.
pub(super) struct Merged<'a, I>(BinaryHeap<List<'a, I>>);

impl<'a, I: Iterator<Item = &'a Arc<Status>>> Merged<'a, I> {
    pub(super) fn of(lists: impl Iterator<Item = I>) -> Self {
        Self(lists.filter_map(|mut others| Some(List { next: others.next()?, others })).collect())
    }
}

impl<'a, I: Iterator<Item = &'a Arc<Status>>> Iterator for Merged<'a, I> {
    type Item = &'a Arc<Status>;

    fn next(&mut self) -> Option<&'a Arc<Status>> {
        let mut list = self.0.peek_mut()?;
        let next = list.next;
        match list.others.next() {
            Some(status) => list.next = status,
            None => drop(PeekMut::pop(list)),
        }
        Some(next)
    }
}

impl<I> Ord for List<'_, I> {
    fn cmp(&self, other: &Self) -> Ordering {
        age(other.next).cmp(&age(self.next))
    }
}

impl<I> PartialOrd for List<'_, I> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<I> PartialEq for List<'_, I> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<I> Eq for List<'_, I> {}
