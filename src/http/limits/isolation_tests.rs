//! Several clusters: what is reserved for each, what they share, and how both change.

use std::time::Duration;

use tokio::task::yield_now;
use tokio::time::{Instant, sleep};

use super::*;
use crate::auth::CallerId;
use crate::http::limits::cluster_limits::Permit;

fn key(name: &str) -> CallerId {
    CallerId::Key(name.into())
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn limits(max: u32, clusters: &[&str]) -> ConcurrencyLimits {
    ConcurrencyLimits::new(Bounds { requests: max, waits: max, streams: max, writes: max }, &names(clusters))
}

/// Takes permits until the cluster refuses.
fn exhaust(cluster: &ClusterLimits, may_share: bool) -> [Vec<Permit>; 3] {
    let all = |begin: &dyn Fn() -> Option<Permit>| std::iter::from_fn(begin).collect();
    [
        all(&|| cluster.begin(may_share).ok()),
        all(&|| cluster.begin_wait(may_share).ok()),
        all(&|| cluster.begin_stream(may_share).ok()),
    ]
}

fn counts(permits: &[Vec<Permit>; 3]) -> [usize; 3] {
    [0, 1, 2].map(|kind| permits[kind].len())
}

#[test]
fn a_cluster_that_may_not_share_has_its_reserve_and_no_more() {
    let limits = limits(16, &["a", "b"]);
    let broken = exhaust(&limits.cluster("a"), false);
    assert_eq!(counts(&broken), [4; 3]);
    assert_eq!(limits.cluster("a").begin(false).unwrap_err().reason, "overloaded");
    let healthy = exhaust(&limits.cluster("b"), true);
    assert_eq!(counts(&healthy), [12; 3], "its reserve and the shared half");
    assert_eq!(limits.stats().map(|kind| kind.open), [16, 16, 16, 0]);
    assert_eq!(limits.stats().map(|kind| kind.refused), [3, 2, 2, 0]);
    let back = exhaust(&limits.cluster("a"), true);
    assert_eq!(counts(&back), [0; 3], "nothing is left to share");
    drop(healthy);
    assert_eq!(counts(&exhaust(&limits.cluster("a"), true)), [8; 3]);
}

#[tokio::test(start_paused = true)]
async fn many_exhausted_clusters_do_not_stop_a_healthy_one() {
    let all = ["a", "b", "c", "d"];
    let limits = limits(32, &all);
    let (mut calls, mut changes) = (Vec::new(), Vec::new());
    for name in &all[..3] {
        let broken = limits.cluster(name);
        // They were healthy until now, so they have all that is shared too.
        calls.push(exhaust(&broken, true));
        for caller in 0..20 {
            changes.extend(broken.acquire_write(key(&caller.to_string()), true).await);
        }
    }
    assert_eq!(limits.stats().map(|kind| kind.open), [28; 4]);
    let (healthy, begun) = (limits.cluster("d"), Instant::now());
    assert_eq!(counts(&exhaust(&healthy, true)), [4; 3]);
    // The same caller holds changes in the other clusters.
    assert!(healthy.acquire_write(key("0"), true).await.is_ok());
    assert!(healthy.acquire_list(key("0")).await.is_ok());
    assert!(begun.elapsed().is_zero(), "it waits for nothing");
}

#[tokio::test(start_paused = true)]
async fn waiting_changes_and_lists_of_one_cluster_do_not_stop_the_same_caller_in_another() {
    let limits = limits(16, &["broken", "healthy"]);
    let (broken, healthy) = (limits.cluster("broken"), limits.cluster("healthy"));
    let _lists = broken.acquire_list(key("a")).await.unwrap();
    let _held = [broken.acquire_write(key("a"), false).await, broken.acquire_write(key("a"), false).await];
    let waiting = async || broken.acquire_write(key("a"), false).await.is_err();
    let other = async {
        yield_now().await;
        let begun = Instant::now();
        assert!(healthy.acquire_list(key("a")).await.is_ok());
        assert!(healthy.acquire_write(key("a"), true).await.is_ok());
        begun.elapsed()
    };
    assert_eq!(tokio::join!(waiting(), waiting(), other), (true, true, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_change_takes_the_permit_that_is_free_first() {
    for reserved_is_first in [true, false] {
        let limits = limits(4, &["a", "b"]);
        let (a, b) = (limits.cluster("a"), limits.cluster("b"));
        let reserved = a.acquire_write(key("x"), false).await.unwrap();
        let _b = b.acquire_write(key("x"), false).await.unwrap();
        let shared = b.acquire_write(key("x"), true).await.unwrap();
        let _other = b.acquire_write(key("y"), true).await.unwrap();
        let (first, second) = if reserved_is_first { (reserved, shared) } else { (shared, reserved) };
        let free = async {
            sleep(Duration::from_secs(1)).await;
            drop(first);
        };
        let begun = Instant::now();
        let (permit, ()) = tokio::join!(a.acquire_write(key("z"), true), free);
        assert_eq!(begun.elapsed(), Duration::from_secs(1));
        // Between two tries the permit is free for others.
        let permit = permit.unwrap();
        permit.release();
        assert_eq!(limits.stats()[3].open, 3);
        drop(second);
        permit.reacquire(true).await;
        assert_eq!(limits.stats()[3].open, 3);
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_of_a_cluster_that_broke_waits_for_the_reserve_only() {
    let limits = limits(4, &["a", "b"]);
    let a = limits.cluster("a");
    let held = a.acquire_write(key("x"), true).await.unwrap();
    let retried = a.acquire_write(key("y"), true).await.unwrap();
    retried.release();
    let free = async {
        sleep(Duration::from_secs(5)).await;
        drop(held);
    };
    let begun = Instant::now();
    tokio::join!(retried.reacquire(false), free);
    assert_eq!(begun.elapsed(), Duration::from_secs(5), "although the shared ones are free");
}

#[tokio::test]
async fn a_reload_divides_the_permits_anew_while_calls_hold_them() {
    let limits = limits(16, &["a"]);
    let a = limits.cluster("a");
    let held = exhaust(&a, true);
    assert_eq!(counts(&held), [16; 3]);
    limits.set_clusters(&names(&["a", "b"]));
    yield_now().await;
    assert!(Arc::ptr_eq(&a, &limits.cluster("a")), "a cluster that stays keeps its limits");
    assert_eq!(counts(&exhaust(&limits.cluster("b"), false)), [4; 3]);
    assert_eq!(counts(&exhaust(&a, false)), [0; 3], "its calls are more than its reserve");
    assert_eq!(counts(&exhaust(&a, true)), [8; 3]);
    drop(held);
    yield_now().await;
    assert_eq!(counts(&exhaust(&a, false)), [4; 3]);
    assert_eq!(counts(&exhaust(&a, true)), [12; 3]);
    limits.set_clusters(&names(&["a"]));
    yield_now().await;
    assert_eq!(counts(&exhaust(&a, true)), [16; 3]);
}

#[tokio::test(start_paused = true)]
async fn a_reload_changes_the_part_of_a_caller_that_holds_permits() {
    let limits = limits(16, &["a", "b"]);
    let a = limits.cluster("a");
    let held = [a.acquire_write(key("x"), false).await.unwrap(), a.acquire_write(key("x"), false).await.unwrap()];
    assert!(a.acquire_write(key("x"), false).await.is_err(), "half of four");
    limits.set_clusters(&names(&["a"]));
    let mut more = Vec::new();
    for _ in 0..6 {
        more.push(a.acquire_write(key("x"), false).await.unwrap());
    }
    assert!(a.acquire_write(key("x"), false).await.is_err(), "half of sixteen");
    limits.set_clusters(&names(&["a", "b"]));
    drop(more);
    yield_now().await;
    assert!(a.acquire_write(key("x"), false).await.is_err(), "half of four again");
    drop(held);
    assert!(a.acquire_write(key("x"), false).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_reload_changes_how_many_changes_may_wait() {
    let bounds = Bounds { requests: 16, waits: 1, streams: 1, writes: 1 };
    let limits = ConcurrencyLimits::new(bounds, &names(&["a", "b"]));
    let a = limits.cluster("a");
    let _held = a.acquire_write(key("x"), false).await.unwrap();
    let is_refused_at_once = async |caller: &str| {
        let begun = Instant::now();
        a.acquire_write(key(caller), false).await.is_err() && begun.elapsed().is_zero()
    };
    let all = async || {
        let one = async || tokio::join!(is_refused_at_once("x"), is_refused_at_once("x"));
        tokio::join!(one(), one(), is_refused_at_once("x"), is_refused_at_once("y"))
    };
    assert_eq!(all().await, ((false, true), (true, true), true, false), "a quarter of its four requests");
    limits.set_clusters(&names(&["a"]));
    assert_eq!(all().await, ((false, false), (false, false), true, false), "a quarter of sixteen");
    limits.set_clusters(&names(&["a", "b"]));
    yield_now().await;
    assert_eq!(all().await, ((false, true), (true, true), true, false));
}

#[tokio::test]
async fn a_removed_cluster_finishes_its_calls_and_has_no_reserve_for_new_ones() {
    let limits = limits(16, &["a", "b"]);
    let old = limits.cluster("b");
    let (call, wait) = (old.begin(false).unwrap(), old.begin_wait(false).unwrap());
    limits.set_clusters(&names(&["a"]));
    yield_now().await;
    assert!(old.begin_stream(false).is_ok(), "a call in progress goes on");
    assert_eq!(counts(&exhaust(&limits.cluster("b"), true)), [0; 3]);
    assert_eq!(limits.stats().map(|kind| kind.open), [1, 1, 0, 0]);
    limits.set_clusters(&names(&["a", "b"]));
    assert!(!Arc::ptr_eq(&old, &limits.cluster("b")), "added again, it has new limits");
    assert_eq!(counts(&exhaust(&limits.cluster("b"), false)), [4; 3]);

    // The service is idle when the calls of the removed cluster have ended too.
    let idle = tokio::spawn(async move { limits.idle().await });
    for permit in [call, wait] {
        yield_now().await;
        assert!(!idle.is_finished());
        drop(permit);
    }
    idle.await.unwrap();
}
