//! The buckets: bursts, rates, charges, and the bounds of their number.

use super::*;

#[test]
fn a_burst_passes_and_then_the_rate_holds() {
    let (limit, start) = (RateLimit::new("peer", 10), Instant::now());
    for left in (0..20).rev() {
        assert_eq!(limit.take("a", start).unwrap().unwrap().remaining, left);
    }
    let refused = limit.take("a", start).unwrap_err();
    assert_eq!((refused.status.as_u16(), refused.retry_after), (429, Some(Duration::from_secs(1))));
    assert!(limit.take("b", start).is_ok(), "each key has its own bucket");
    assert_eq!(limit.refused.value(), 1);
    assert!(limit.take("a", start + Duration::from_millis(100)).is_ok());
    assert!(limit.take("a", start + Duration::from_millis(100)).is_err());
    let later = start + Duration::from_mins(1);
    assert_eq!(limit.take("a", later).unwrap().unwrap().remaining, 19, "a bucket holds no more than a burst");
}

#[test]
fn a_charge_may_take_the_buckets_below_zero_and_the_next_call_waits_for_a_whole_token() {
    let (limits, start) = (RateLimits::new(10, 10, &["a".to_owned()]), Instant::now());
    let address = IpAddr::from([10, 0, 0, 1]);
    let count = |now| limits.count("a", address, &caller(1), now);
    assert_eq!(count(start).unwrap().unwrap().remaining, 19);
    assert_eq!(limits.charge("a", &caller(1), address, 10, start).unwrap().remaining, 9);
    let below = limits.charge("a", &caller(1), address, 20, start).unwrap();
    assert_eq!((below.name, below.remaining), ("caller", 0));
    assert_eq!(limits.charge("a", &Caller::Anonymous, address, 0, start).unwrap().name, "peer");
    let refused = count(start).unwrap_err();
    assert_eq!((refused.status.as_u16(), refused.retry_after), (429, Some(Duration::from_millis(1200))));
    assert!(count(start + Duration::from_millis(1150)).is_err());
    assert!(count(start + Duration::from_millis(1250)).is_ok());
}

#[test]
fn a_call_that_started_before_the_last_one_gains_nothing_twice() {
    let (limit, start) = (RateLimit::new("peer", 1), Instant::now());
    let later = start + Duration::from_secs(10);
    assert!(limit.take("a", later).is_ok() && limit.take("a", later).is_ok());
    assert!(limit.take("a", start).is_err() && limit.take("a", later).is_err());
}

#[test]
fn zero_means_no_limit() {
    let limit = RateLimit::new("peer", 0);
    assert!((0..1000).all(|_| limit.take("a", Instant::now()).unwrap().is_none()));
}

#[test]
fn beyond_the_bound_new_keys_share_a_bucket_and_known_keys_keep_theirs() {
    let (limit, start) = (RateLimit::new("peer", 1), Instant::now());
    for who in 0..MAX_ENTRIES {
        limit.take(who, start).unwrap();
    }
    let newcomers = (MAX_ENTRIES..MAX_ENTRIES + 10).filter(|who| limit.take(*who, start).is_ok()).count();
    assert_eq!(newcomers, 2);
    assert!(limit.take(0, start).is_ok());
    assert!(limit.buckets.lock().unwrap().len() <= MAX_ENTRIES + 1);
    limit.take(0, start + Duration::from_mins(1)).unwrap();
    limit.take(MAX_ENTRIES + 50, start + Duration::from_mins(1)).unwrap();
    assert!(limit.buckets.lock().unwrap().len() < 4, "full buckets are dropped");
}

fn caller(number: usize) -> Caller {
    Caller::Certificate(number.to_string().into())
}

#[test]
fn a_caller_has_a_bucket_for_each_cluster_and_an_address_has_one_for_all() {
    let (limits, now) = (RateLimits::new(3, 1, &["a", "b"].map(str::to_owned)), Instant::now());
    let (address, ci) = (IpAddr::from([10, 0, 0, 1]), caller(1));
    let of = |cluster: &str| limits.count_caller(cluster, &ci, address, now).map(|left| left.unwrap().remaining);
    assert_eq!((of("a").unwrap(), of("a").unwrap(), of("b").unwrap()), (1, 0, 1));
    assert!(of("a").is_err() && of("b").is_ok() && of("b").is_err());
    assert_eq!(limits.callers.refused.value(), 2, "all clusters have one counter");
    assert!(limits.count_caller("a", &Caller::Anonymous, address, now).unwrap().is_none());
    let peer = || limits.count("b", address, &Caller::Anonymous, now).map(|left| left.unwrap());
    assert_eq!(peer().unwrap(), Allowance { name: "peer", per_second: 3, remaining: 5 });
    assert!((0..5).all(|_| limits.count_peer(address, now).is_ok()) && peer().is_err());
}

#[test]
fn a_flood_of_callers_in_one_cluster_takes_no_bucket_of_another() {
    let (limits, now) = (RateLimits::new(0, 1, &["a", "b"].map(str::to_owned)), Instant::now());
    let address = IpAddr::from([10, 0, 0, 1]);
    let passes = |cluster: &str, number| limits.count_caller(cluster, &caller(number), address, now).is_ok();
    let count = (0..MAX_ENTRIES).filter(|number| passes("a", *number)).count();
    assert_eq!(count, MAX_ENTRIES / 2 + 2, "the newcomers share one bucket");
    assert!((0..100).all(|number| passes("b", number)));
}

#[test]
fn a_cluster_that_stays_keeps_its_buckets() {
    let (limits, now) = (RateLimits::new(0, 1, &["a", "b"].map(str::to_owned)), Instant::now());
    let passes = |cluster: &str| limits.count_caller(cluster, &caller(1), IpAddr::from([10, 0, 0, 1]), now).is_ok();
    for cluster in ["a", "a", "b", "b"] {
        assert!(passes(cluster));
    }
    limits.set_clusters(&["b", "c"].map(str::to_owned));
    assert!(!passes("b") && passes("c"));
    assert!(passes("a") && passes("x") && !passes("y"), "the clusters that are not there share their buckets");
}
