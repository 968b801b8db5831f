//! How much each account holds of what there is room for, in bytes. Owns the sums and the order in which accounts have to
//! give way. What those that had to still hold counts as well, until it is given back.

use std::collections::BTreeMap;

#[derive(Debug)]
pub struct Ledger<T> {
    most: usize,
    total: usize,
    last: u64,
    /// Those that hold something, by the order in which they began to.
    accounts: BTreeMap<u64, (usize, T)>,
    /// Those that had to give way and still hold something, and how much they do together.
    leaving: BTreeMap<u64, usize>,
    left: usize,
}

impl<T> Ledger<T> {
    pub fn new(most: usize) -> Self {
        Self { most, total: 0, last: 0, accounts: BTreeMap::new(), leaving: BTreeMap::new(), left: 0 }
    }

    /// Counts that a part of what an account holds is now so large. Its number is 0 while it holds nothing; returns the
    /// one that it has from now on. An account that begins to hold something is kept as `owner` says.
    pub fn change(&mut self, number: u64, before: usize, now: usize, owner: impl FnOnce() -> T) -> u64 {
        if let Some(bytes) = self.leaving.get_mut(&number) {
            let held = *bytes;
            *bytes = (held + now).saturating_sub(before);
            self.left = self.left + *bytes - held;
            return number;
        }
        let number = if number == 0 {
            self.last += 1;
            self.last
        } else {
            number
        };
        let (bytes, _) = self.accounts.entry(number).or_insert_with(|| (0, owner()));
        let held = *bytes;
        *bytes = (held + now).saturating_sub(before);
        self.total = self.total + *bytes - held;
        if *bytes > 0 {
            return number;
        }
        self.accounts.remove(&number);
        0
    }

    /// Whoever has held something for longest, if it is too much together, and is not small beside the others: a few that
    /// hold much may do so within the milliseconds that a handshake takes. From now on that one is leaving.
    pub fn next_to_leave(&mut self) -> Option<T> {
        if self.total <= self.most {
            return None;
        }
        let small = self.total / self.accounts.len().max(1) / 2;
        let number = *self.accounts.iter().find(|(_, (bytes, _))| *bytes >= small)?.0;
        let (bytes, owner) = self.accounts.remove(&number)?;
        self.total -= bytes;
        self.leaving.insert(number, bytes);
        self.left += bytes;
        Some(owner)
    }

    /// The account is gone, with all that it held.
    pub fn close(&mut self, number: u64) {
        self.total -= self.accounts.remove(&number).map_or(0, |(bytes, _)| bytes);
        self.left -= self.leaving.remove(&number).unwrap_or(0);
    }

    /// What is held by those that need not give way, and how many they are.
    pub fn held(&self) -> (usize, usize) {
        (self.total, self.accounts.len())
    }

    /// What those that had to give way still hold.
    pub fn left(&self) -> usize {
        self.left
    }

    /// Too much is still held by those that had to give way.
    pub fn is_clearing(&self) -> bool {
        self.left > self.most / 4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_has_a_number_while_it_holds_something() {
        let mut ledger = Ledger::new(100);
        let first = ledger.change(0, 0, 10, || "first");
        let second = ledger.change(0, 0, 20, || "second");
        assert_eq!((first, second, ledger.held()), (1, 2, (30, 2)));
        assert_eq!(ledger.change(first, 10, 15, || "first"), first);
        assert_eq!(ledger.change(second, 20, 0, || "second"), 0);
        assert_eq!(ledger.held(), (15, 1));
        assert_eq!(ledger.change(0, 0, 1, || "second"), 3, "it is another one when it begins again");
    }

    #[test]
    fn the_oldest_leave_until_the_others_have_room() {
        let mut ledger = Ledger::new(100);
        let numbers = ["first", "second", "third"].map(|name| ledger.change(0, 0, 50, || name));
        assert_eq!((ledger.next_to_leave(), ledger.next_to_leave()), (Some("first"), None));
        assert_eq!((ledger.held(), ledger.left()), ((100, 2), 50));
        assert_eq!(ledger.change(numbers[2], 50, 101, || "third"), numbers[2]);
        assert_eq!((ledger.next_to_leave(), ledger.next_to_leave()), (Some("second"), Some("third")));
        assert_eq!((ledger.held(), ledger.left(), ledger.is_clearing()), ((0, 0), 201, true));
        assert_eq!(ledger.change(numbers[0], 50, 0, || "first"), numbers[0], "what is given back counts off");
        assert_eq!(ledger.change(numbers[0], 0, 5, || "first"), numbers[0], "and what is taken after that counts");
        assert_eq!(ledger.left(), 156);
        for number in numbers {
            ledger.close(number);
        }
        assert_eq!((ledger.held(), ledger.left(), ledger.is_clearing()), ((0, 0), 0, false));
    }

    #[test]
    fn one_that_holds_less_than_half_of_its_even_part_stays() {
        let mut ledger = Ledger::new(100);
        for (bytes, name) in [(12, "small"), (13, "not so small"), (80, "large")] {
            ledger.change(0, 0, bytes, || name);
        }
        assert_eq!((ledger.next_to_leave(), ledger.held()), (Some("large"), (25, 2)), "half of an even part is 17");
        ledger.change(0, 0, 76, || "other");
        assert_eq!((ledger.next_to_leave(), ledger.held()), (Some("other"), (25, 2)));
        for _ in 0..7 {
            ledger.change(0, 0, 12, || "small as well");
        }
        assert_eq!((ledger.next_to_leave(), ledger.next_to_leave()), (Some("small"), None), "so are all");
    }
}
