//! Permits for changes and lists: how long a call waits, and what one caller can take.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::*;
use crate::auth::CallerId;
use crate::http::limits::cluster_limits::{LIST_QUEUE_TIMEOUT, Permit, WRITE_QUEUE_TIMEOUT};
use crate::http::response::problem::Problem;
use crate::kube::client::permit::WritePermit;

fn key(name: &str) -> CallerId {
    CallerId::Key(name.into())
}

/// A service with one cluster.
struct OneCluster(ConcurrencyLimits);

impl OneCluster {
    async fn acquire_write(&self, caller: CallerId) -> Result<WritePermit, Problem> {
        self.0.cluster("lab").acquire_write(caller, true).await
    }

    async fn acquire_list(&self, caller: CallerId) -> Result<Permit, Problem> {
        self.0.cluster("lab").acquire_list(caller).await
    }

    fn stats(&self) -> [LimiterStats; 4] {
        self.0.stats()
    }
}

fn limits(writes: u32) -> OneCluster {
    let bounds = Bounds { requests: 8, waits: 8, streams: 8, writes };
    OneCluster(ConcurrencyLimits::new(bounds, &["lab".to_owned()]))
}

#[tokio::test(start_paused = true)]
async fn a_change_waits_for_a_permit_up_to_the_time_limit() {
    let limits = limits(1);
    let first = limits.acquire_write(key("a")).await.unwrap();
    let free = async {
        sleep(WRITE_QUEUE_TIMEOUT.mul_f64(0.99)).await;
        drop(first);
    };
    let (second, ()) = tokio::join!(limits.acquire_write(key("a")), free);
    let held = second.unwrap();
    assert_eq!(limits.stats()[3].refused, 0);
    let before = Instant::now();
    let late = limits.acquire_write(key("b")).await.unwrap_err();
    assert_eq!(
        (late.status.as_u16(), late.reason.as_str(), before.elapsed()),
        (503, "overloaded", WRITE_QUEUE_TIMEOUT)
    );
    assert_eq!(limits.stats()[3].refused, 1);
    drop(held);
    assert!(limits.acquire_write(key("b")).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn waiting_changes_leave_half_of_the_requests_and_each_caller_a_quarter() {
    let limits = limits(1);
    let _held = limits.acquire_write(key("x")).await.unwrap();
    let refused_after = async |name: &str| {
        let start = Instant::now();
        assert!(limits.acquire_write(key(name)).await.is_err());
        start.elapsed()
    };
    let (late, immediately) = (WRITE_QUEUE_TIMEOUT, Duration::ZERO);
    let one = tokio::join!(refused_after("a"), refused_after("a"), refused_after("a"), refused_after("b"));
    assert_eq!(one, (late, late, immediately, late), "a caller has a quarter of eight requests");
    let two = async || tokio::join!(refused_after("a"), refused_after("b"));
    assert_eq!(tokio::join!(two(), two(), refused_after("c")), ((late, late), (late, late), immediately));
}

#[tokio::test(start_paused = true)]
async fn c1_one_caller_has_at_most_half_of_the_permits() {
    let limits = limits(8);
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(limits.acquire_write(key("a")).await.unwrap());
    }
    let before = Instant::now();
    assert!(limits.acquire_write(key("a")).await.is_err(), "although four are free");
    assert_eq!(before.elapsed(), WRITE_QUEUE_TIMEOUT);
    for _ in 0..4 {
        held.push(limits.acquire_write(key("b")).await.unwrap());
    }
    assert_eq!((before.elapsed(), limits.stats()[3].open), (WRITE_QUEUE_TIMEOUT, 8), "another has the rest at once");
}

#[tokio::test(start_paused = true)]
async fn c1_a_permit_that_is_released_is_free_for_others_and_taken_again() {
    let limits = limits(2);
    let first = limits.acquire_write(key("a")).await.unwrap();
    first.release();
    assert_eq!(limits.stats()[3].open, 0);
    let second = limits.acquire_write(key("a")).await.unwrap();
    let free = async {
        sleep(WRITE_QUEUE_TIMEOUT * 5).await;
        drop(second);
    };
    let before = Instant::now();
    tokio::join!(first.reacquire(true), free);
    assert_eq!((before.elapsed(), limits.stats()[3].open), (WRITE_QUEUE_TIMEOUT * 5, 1));
}

#[tokio::test(start_paused = true)]
async fn b7_a_caller_reads_one_list_at_a_time_and_others_do_not_wait_for_it() {
    let limits = limits(8);
    let first = limits.acquire_list(key("a")).await.unwrap();
    let _other = limits.acquire_list(key("b")).await.unwrap();
    let begun = Instant::now();
    let free = async {
        sleep(Duration::from_secs(3)).await;
        drop(first);
    };
    let (second, ()) = tokio::join!(limits.acquire_list(key("a")), free);
    assert_eq!((second.is_ok(), begun.elapsed().as_secs()), (true, 3));
    let refused = limits.acquire_list(key("a")).await.unwrap_err();
    assert_eq!((refused.status.as_u16(), refused.reason.as_str()), (503, "overloaded"));
    assert_eq!(begun.elapsed(), Duration::from_secs(3) + LIST_QUEUE_TIMEOUT);
}
