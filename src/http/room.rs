//! What callers make us hold, all of them together: heads and bodies that have begun and do not end, replies that nobody
//! reads. Owns who gives way when it is too much, and how they learn of it: whoever has held something for longest, and
//! not little. Who means well is done within milliseconds, so that is whoever does not.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::ledger::Ledger;
use super::limit::ROOM;
use crate::ops::metrics::Counter;

#[derive(Debug)]
pub struct Room {
    ledger: Mutex<Ledger<Arc<Leave>>>,
    /// Accounts that had to give way.
    pub gave_way: Counter,
    /// What those that had to give way hold has become more or less.
    moved: Notify,
}

/// How an account learns that it has to give way.
#[derive(Debug, Default)]
struct Leave {
    told: AtomicBool,
    bell: Notify,
}

/// Of one connection, or of one body.
#[derive(Debug)]
pub struct Account {
    room: Arc<Room>,
    /// Its number in the ledger; 0 while it holds nothing.
    number: AtomicU64,
    leave: Arc<Leave>,
}

/// A part of what an account holds, until it is dropped.
#[derive(Debug)]
pub struct Share {
    account: Arc<Account>,
    bytes: usize,
}

impl Room {
    pub fn new(most: usize) -> Self {
        Self { ledger: Mutex::new(Ledger::new(most)), gave_way: Counter::default(), moved: Notify::new() }
    }

    pub fn account(self: &Arc<Self>) -> Arc<Account> {
        Arc::new(Account { room: Arc::clone(self), number: AtomicU64::new(0), leave: Arc::default() })
    }

    /// Makes a change to the ledger, and tells whoever it concerns.
    fn update(&self, change: impl FnOnce(&mut Ledger<Arc<Leave>>)) {
        let mut ledger = self.lock();
        let left = ledger.left();
        change(&mut ledger);
        while let Some(oldest) = ledger.next_to_leave() {
            oldest.told.store(true, Relaxed);
            oldest.bell.notify_one();
            self.gave_way.count();
        }
        if ledger.left() != left {
            drop(ledger);
            self.moved.notify_waiters();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Ledger<Arc<Leave>>> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Room {
    fn default() -> Self {
        Self::new(ROOM)
    }
}

impl Account {
    pub fn hold(self: &Arc<Self>, bytes: usize) -> Share {
        self.change(0, bytes);
        Share { account: Arc::clone(self), bytes }
    }

    /// Counts that a part of what is held is now so large.
    pub fn change(&self, before: usize, now: usize) {
        if before == now {
            return;
        }
        self.room.update(|ledger| {
            let number = self.number.load(Relaxed);
            let number = ledger.change(number, before, now, || Arc::clone(&self.leave));
            self.number.store(number, Relaxed);
        });
    }

    /// Returns once those that had to give way have given back most of what they held, or this one has to as well:
    /// who begins something new before that adds to what there is no room for.
    pub async fn cleared(&self) {
        loop {
            let moved = self.room.moved.notified();
            if self.is_leaving() || !self.room.lock().is_clearing() {
                return;
            }
            moved.await;
        }
    }

    /// Returns when this one has to give way.
    pub async fn has_to_leave(&self) {
        self.leave.bell.notified().await;
    }

    /// Whether it was told to, so that nothing more need be done for it.
    pub fn is_leaving(&self) -> bool {
        self.leave.told.load(Relaxed)
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        let number = self.number.load(Relaxed);
        if number > 0 {
            self.room.update(|ledger| ledger.close(number));
        }
    }
}

impl Share {
    pub fn set(&mut self, bytes: usize) {
        self.account.change(self.bytes, bytes);
        self.bytes = bytes;
    }

    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns when the account has to give way.
    pub async fn has_to_leave(&self) {
        self.account.has_to_leave().await;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.account.change(self.bytes, 0);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn leaves(account: &Account) -> bool {
        pin!(account.has_to_leave()).poll(&mut Context::from_waker(Waker::noop())) == Poll::Ready(())
    }

    fn state(room: &Room) -> (usize, usize) {
        room.lock().held()
    }

    #[test]
    fn who_has_held_something_for_longest_gives_way() {
        let room = Arc::new(Room::new(100));
        let accounts = [(); 3].map(|()| room.account());
        let (mut first, _second) = (accounts[0].hold(30), accounts[1].hold(60));
        let third = accounts[2].hold(10);
        assert!(!accounts.iter().any(|account| leaves(account)), "there is room for all");
        first.set(31);
        assert!(leaves(&accounts[0]) && !leaves(&accounts[1]) && !leaves(&accounts[2]));
        assert_eq!((state(&room), room.gave_way.value()), ((70, 2), 1));
        drop((first, third));
        assert_eq!(state(&room), (60, 1), "what gave way is not counted off twice");
    }

    #[test]
    fn one_that_is_done_and_begins_again_is_the_youngest() {
        let room = Arc::new(Room::new(100));
        let (one, other) = (room.account(), room.account());
        drop(one.hold(50));
        let _shares = (other.hold(50), one.hold(51));
        assert!(leaves(&other) && !leaves(&one));
    }

    #[test]
    fn one_that_wants_more_than_there_is_gives_way_itself() {
        let room = Arc::new(Room::new(100));
        let account = room.account();
        let share = account.hold(101);
        assert!(leaves(&account));
        drop(share);
        drop(account);
        assert_eq!(state(&room), (0, 0));
    }

    #[tokio::test]
    async fn what_had_to_give_way_counts_until_it_is_given_back_and_nothing_begins_before_that() {
        let room = Arc::new(Room::new(100));
        let (first, second) = (room.account(), room.account());
        let mut share = first.hold(60);
        let _other = second.hold(50);
        first.cleared().await;
        let mut waits = pin!(second.cleared());
        let mut is_ready = |context: &mut Context<'_>| waits.as_mut().poll(context).is_ready();
        let mut context = Context::from_waker(Waker::noop());
        assert!(!is_ready(&mut context), "60 are still held");
        share.set(26);
        assert!(!is_ready(&mut context));
        share.set(25);
        assert!(is_ready(&mut context), "little enough");
        assert_eq!(room.lock().left(), 25);
        drop((share, first));
        assert_eq!(room.lock().left(), 0);
        assert!(!room.lock().is_clearing());
    }

    #[tokio::test]
    async fn one_that_waits_and_has_to_give_way_itself_waits_no_more() {
        let room = Arc::new(Room::new(100));
        let (first, second) = (room.account(), room.account());
        let (_first, _second) = (first.hold(60), second.hold(50));
        let mut waits = pin!(second.cleared());
        let mut context = Context::from_waker(Waker::noop());
        assert!(waits.as_mut().poll(&mut context).is_pending());
        let _third = room.account().hold(60);
        assert!(waits.as_mut().poll(&mut context).is_ready());
    }

    #[test]
    fn what_has_gone_holds_nothing() {
        let room = Arc::new(Room::new(100));
        let account = room.account();
        account.change(0, 40);
        let share = account.hold(10);
        assert_eq!(state(&room), (50, 1));
        drop(account);
        drop(share);
        assert_eq!(state(&room), (0, 0));
    }
}
