//! A semaphore for each caller: [`CallerSemaphores`]. An entry lasts as long as somebody holds or awaits a permit of it.
//! [`HistoryTurns`] bound the queries of the history with them, and [`WebhookTests`] the tests of webhooks.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::auth::CallerId;
use crate::http::limits::limiter::overloaded;
use crate::http::response::problem::Problem;
use crate::util::share::{self, Permits};

/// The most queries of the history that run or wait.
const MAX_QUERIES: u32 = 64;
/// The most of each caller.
const MAX_QUERIES_OF_CALLER: u32 = 16;
/// How long a query waits for the caller's earlier ones. Beyond it the query is refused with 503.
const TURN_TIMEOUT: Duration = Duration::from_secs(10);

/// The most tests of webhooks at a time.
const MAX_TESTS: usize = 2;

type Semaphores = HashMap<CallerId, Weak<Semaphore>>;

#[derive(Debug)]
pub struct CallerSemaphores {
    /// Changes under the lock only.
    permits: AtomicU32,
    semaphores: Mutex<Semaphores>,
}

impl CallerSemaphores {
    /// `permits` is the number of permits of each caller.
    pub fn new(permits: u32) -> Self {
        Self { permits: permits.into(), semaphores: Mutex::default() }
    }

    pub fn get(&self, caller: CallerId) -> Arc<Semaphore> {
        let mut semaphores = self.lock();
        if let Some(semaphore) = semaphores.get(&caller).and_then(Weak::upgrade) {
            return semaphore;
        }
        // The live entries are at most as many as the requests in flight.
        semaphores.retain(|_, semaphore| semaphore.strong_count() > 0);
        let semaphore = Arc::new(Semaphore::new(self.permits.load(Relaxed) as usize));
        semaphores.insert(caller, Arc::downgrade(&semaphore));
        semaphore
    }

    /// Changes the number of permits, also of callers that hold some.
    pub fn resize(&self, permits: u32) {
        let semaphores = self.lock();
        let before = self.permits.swap(permits, Relaxed);
        for semaphore in semaphores.values().filter_map(Weak::upgrade) {
            share::resize(&semaphore, before, permits);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Semaphores> {
        self.semaphores.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One query of the history at a time for each caller, whatever the cluster. A query takes no permit of a cluster.
#[derive(Debug)]
pub struct HistoryTurns {
    queries: Arc<Semaphore>,
    queries_by_caller: CallerSemaphores,
    turns: CallerSemaphores,
}

impl Default for HistoryTurns {
    fn default() -> Self {
        Self {
            queries: Arc::new(Semaphore::new(MAX_QUERIES as usize)),
            queries_by_caller: CallerSemaphores::new(MAX_QUERIES_OF_CALLER),
            turns: CallerSemaphores::new(1),
        }
    }
}

impl HistoryTurns {
    /// The right to run a query. 503 if the caller's earlier ones take too long, or if there are too many.
    pub async fn acquire(&self, caller: CallerId) -> Result<Permits, Problem> {
        let too_many = |_| overloaded("too many calls read the history at a time; try again");
        let still_runs = || overloaded("your earlier query of the history still runs; try again when it has ended");
        let own = self.queries_by_caller.get(caller.clone()).try_acquire_owned().map_err(|_| still_runs())?;
        let query = Arc::clone(&self.queries).try_acquire_owned().map_err(too_many)?;
        let turn = timeout(TURN_TIMEOUT, self.turns.get(caller).acquire_owned()).await;
        turn.ok().and_then(Result::ok).map(|turn| vec![own, query, turn]).ok_or_else(still_runs)
    }
}

/// One test of a webhook at a time for each caller. A test takes no permit of a cluster.
#[derive(Debug)]
pub struct WebhookTests {
    tests: Arc<Semaphore>,
    by_caller: CallerSemaphores,
}

impl Default for WebhookTests {
    fn default() -> Self {
        Self { tests: Arc::new(Semaphore::new(MAX_TESTS)), by_caller: CallerSemaphores::new(1) }
    }
}

impl WebhookTests {
    /// The right to run one test. 503 if one of the caller runs, or too many of others.
    pub fn acquire(&self, caller: CallerId) -> Result<Permits, Problem> {
        let still_runs = |_| overloaded("your earlier test of a webhook still runs; try again when it has ended");
        let too_many = |_| overloaded("too many tests of webhooks run at a time; try again");
        let own = self.by_caller.get(caller).try_acquire_owned().map_err(still_runs)?;
        Ok(vec![own, Arc::clone(&self.tests).try_acquire_owned().map_err(too_many)?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> CallerId {
        CallerId::Key(name.into())
    }

    #[test]
    fn an_entry_lasts_as_long_as_its_permits() {
        let semaphores = CallerSemaphores::new(2);
        let first = semaphores.get(key("a")).try_acquire_owned().unwrap();
        let second = semaphores.get(key("a")).try_acquire_owned().unwrap();
        assert!(semaphores.get(key("a")).try_acquire_owned().is_err(), "the permits are of one semaphore");
        assert!(semaphores.get(key("b")).try_acquire_owned().is_ok());
        drop((first, second));
        for caller in 0..1000 {
            semaphores.get(key(&caller.to_string()));
        }
        assert_eq!(semaphores.semaphores.lock().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn a_caller_has_one_query_of_the_history_at_a_time_and_16_may_wait_or_run() {
        let turns = HistoryTurns::default();
        let first = turns.acquire(key("a")).await.unwrap();
        let mut waiting: Vec<_> = (1..16).map(|_| Box::pin(turns.acquire(key("a")))).collect();
        for query in &mut waiting {
            assert!(timeout(Duration::ZERO, query).await.is_err());
        }
        let refused = turns.acquire(key("a")).await.unwrap_err();
        assert_eq!((refused.status.as_u16(), &*refused.reason), (503, "overloaded"));
        assert!(refused.detail.starts_with("your earlier query of the history still runs"), "{}", refused.detail);
        turns.acquire(key("b")).await.unwrap();
        drop(first);
        for query in &mut waiting {
            query.await.unwrap();
        }
    }

    #[tokio::test]
    async fn the_queries_of_all_callers_are_bounded() {
        let turns = HistoryTurns::default();
        let mut held = Vec::new();
        for caller in 0..MAX_QUERIES {
            held.push(turns.acquire(key(&caller.to_string())).await.unwrap());
        }
        let refused = turns.acquire(key("another")).await.unwrap_err();
        assert!(refused.detail.starts_with("too many calls read the history"), "{}", refused.detail);
        held.pop();
        turns.acquire(key("another")).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_query_waits_ten_seconds_for_the_one_before() {
        let turns = HistoryTurns::default();
        let _first = turns.acquire(key("a")).await.unwrap();
        let refused = turns.acquire(key("a")).await.unwrap_err();
        assert!(refused.detail.starts_with("your earlier query"), "{}", refused.detail);
    }

    #[test]
    fn a_caller_tests_one_webhook_at_a_time_and_two_callers_may() {
        let tests = WebhookTests::default();
        let refused = |name| {
            let problem = tests.acquire(key(name)).unwrap_err();
            assert_eq!((problem.status.as_u16(), &*problem.reason), (503, "overloaded"));
            problem.detail
        };
        let first = tests.acquire(key("a")).unwrap();
        assert!(refused("a").starts_with("your earlier test"));
        let _second = tests.acquire(key("b")).unwrap();
        assert!(refused("c").starts_with("too many tests"));
        drop(first);
        tests.acquire(key("a")).unwrap();
    }
}
