//! Lists that the cluster answers: one at a time of each caller, as each reads up to thousands of jobs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::auth::CallerId;
use crate::http::response::problem::Problem;

/// A list that has to wait longer than this for the caller's other lists is refused.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Held while a list is read.
#[derive(Debug)]
pub struct Turn {
    _permit: OwnedSemaphorePermit,
    /// Keeps the caller's entry.
    _semaphore: Arc<Semaphore>,
}

#[derive(Debug, Default)]
pub struct Lists(Mutex<HashMap<CallerId, Weak<Semaphore>>>);

impl Lists {
    /// Waits until the caller reads no other list; 503 if that takes too long.
    pub async fn begin(&self, caller: CallerId) -> Result<Turn, Problem> {
        let semaphore = self.semaphore(caller);
        if let Ok(Ok(permit)) = timeout(LONGEST_WAIT, Arc::clone(&semaphore).acquire_owned()).await {
            return Ok(Turn { _permit: permit, _semaphore: semaphore });
        }
        let detail = "this caller's other lists are still being read from the cluster; try again";
        Err(Problem::unavailable("overloaded", detail, Duration::from_secs(1)))
    }

    fn semaphore(&self, caller: CallerId) -> Arc<Semaphore> {
        let mut lists = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(semaphore) = lists.get(&caller).and_then(Weak::upgrade) {
            return semaphore;
        }
        // There are as many live entries as calls under way at most.
        lists.retain(|_, semaphore| semaphore.strong_count() > 0);
        let semaphore = Arc::new(Semaphore::new(1));
        lists.insert(caller, Arc::downgrade(&semaphore));
        semaphore
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn b7_a_caller_reads_one_list_at_a_time_and_others_do_not_wait_for_it() {
        let lists = Lists::default();
        let first = lists.begin(CallerId::Key("a".into())).await.unwrap();
        let other = lists.begin(CallerId::Key("b".into())).await.unwrap();
        let begun = tokio::time::Instant::now();
        let second = async {
            tokio::time::sleep(Duration::from_secs(3)).await;
            drop(first);
        };
        let (second, ()) = tokio::join!(lists.begin(CallerId::Key("a".into())), second);
        assert_eq!((second.is_ok(), begun.elapsed().as_secs()), (true, 3));
        let refused = lists.begin(CallerId::Key("a".into())).await.unwrap_err();
        assert_eq!((refused.status.as_u16(), refused.reason.as_str()), (503, "overloaded"));
        drop((second, other));
        let last = lists.begin(CallerId::Key("c".into())).await.unwrap();
        assert_eq!(lists.0.lock().unwrap().len(), 1, "who reads no list takes no room");
        drop(last);
    }
}
