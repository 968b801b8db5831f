//! The turns of changes: how long one waits, what a large one counts as, and what one caller may take.

use super::*;

fn key(name: &str) -> CallerId {
    CallerId::Key(name.into())
}

fn calls(requests: u32, writes: u32) -> ConcurrencyLimits {
    ConcurrencyLimits::new(Bounds { requests, waits: 8, streams: 8, writes })
}

#[tokio::test(start_paused = true)]
async fn a_change_waits_for_its_turn_and_no_longer_than_is_worth_it() {
    let calls = calls(8, 1);
    let first = calls.acquire_write(key("a"), 0).await.unwrap();
    let second = async {
        tokio::time::sleep(WRITE_QUEUE_TIMEOUT.mul_f64(0.99)).await;
        drop(first);
    };
    let (turn, ()) = tokio::join!(calls.acquire_write(key("a"), 0), second);
    let held = turn.unwrap();
    assert_eq!(calls.standing()[3].refused, 0);
    let before = tokio::time::Instant::now();
    let late = calls.acquire_write(key("b"), 0).await.unwrap_err();
    assert_eq!(
        (late.status.as_u16(), late.reason.as_str(), before.elapsed()),
        (503, "overloaded", WRITE_QUEUE_TIMEOUT)
    );
    assert_eq!(calls.standing()[3].refused, 1);
    drop(held);
    assert!(calls.acquire_write(key("b"), 0).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_change_with_a_large_body_counts_as_several_and_never_as_more_than_one_caller_may_have() {
    let calls = calls(8, 8);
    let open = || calls.standing()[3].open;
    let small = calls.acquire_write(key("a"), LARGE_BODY - 1).await.unwrap();
    assert_eq!(open(), 1);
    let large = calls.acquire_write(key("a"), 2 * LARGE_BODY).await.unwrap();
    assert_eq!(open(), 4);
    assert!(calls.acquire_write(key("a"), 0).await.is_err(), "there is no room for a small one either");
    drop((small, large));
    let huge = calls.acquire_write(key("a"), 100 * LARGE_BODY).await.unwrap();
    assert_eq!(open(), 4);
    drop(huge);
    assert_eq!(open(), 0);
}

#[tokio::test(start_paused = true)]
async fn half_of_the_requests_may_wait_for_their_turn_and_half_of_these_of_one_caller() {
    let calls = calls(8, 1);
    let first = calls.acquire_write(key("a"), 0).await.unwrap();
    let before = tokio::time::Instant::now();
    let waits = |caller| {
        let calls = &calls;
        async move { calls.acquire_write(caller, 0).await.map(drop) }
    };
    let at_once = async |caller| (waits(caller).await.is_err(), before.elapsed());
    let free = async {
        tokio::time::sleep(WRITE_QUEUE_TIMEOUT / 2).await;
        drop(first);
    };
    let (one, two, third, other, another, fifth, ()) = tokio::join!(
        waits(key("a")),
        waits(key("a")),
        at_once(key("a")),
        waits(key("b")),
        waits(key("c")),
        at_once(key("d")),
        free
    );
    assert!(one.is_ok() && two.is_ok() && other.is_ok() && another.is_ok());
    assert_eq!(third, (true, Duration::ZERO), "its caller has half of the queue");
    assert_eq!(fifth, (true, Duration::ZERO), "the queue is full");
}

#[tokio::test(start_paused = true)]
async fn c1_one_caller_has_at_most_half_of_the_permits() {
    let calls = calls(1000, 8);
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(calls.acquire_write(key("a"), 0).await.unwrap());
    }
    let before = tokio::time::Instant::now();
    assert!(calls.acquire_write(key("a"), 0).await.is_err(), "with four free, and nobody else there");
    assert_eq!(before.elapsed(), WRITE_QUEUE_TIMEOUT);
    for _ in 0..4 {
        held.push(calls.acquire_write(key("b"), 0).await.unwrap());
    }
    assert_eq!((before.elapsed(), calls.standing()[3].open), (WRITE_QUEUE_TIMEOUT, 8), "another has the rest at once");
}

#[tokio::test(start_paused = true)]
async fn c1_a_permit_that_is_released_is_free_for_others_and_taken_again() {
    let calls = calls(8, 2);
    let first = calls.acquire_write(key("a"), 0).await.unwrap();
    first.release();
    assert_eq!(calls.standing()[3].open, 0);
    let second = calls.acquire_write(key("a"), 0).await.unwrap();
    let free = async {
        tokio::time::sleep(WRITE_QUEUE_TIMEOUT * 5).await;
        drop(second);
    };
    let before = tokio::time::Instant::now();
    tokio::join!(first.reacquire(), free);
    assert_eq!((before.elapsed(), calls.standing()[3].open), (WRITE_QUEUE_TIMEOUT * 5, 1));
}

#[tokio::test]
async fn c1_shares_that_nobody_uses_are_bounded() {
    let calls = calls(8, 8);
    let kept = calls.acquire_write(key("kept"), 0).await.unwrap();
    for caller in 0..3 * MAX_IDLE_SHARES {
        drop(calls.acquire_write(key(&caller.to_string()), 0).await.unwrap());
    }
    let shares = calls.shares.lock().unwrap();
    assert!(shares.len() <= MAX_IDLE_SHARES && shares.contains_key(&key("kept")));
    drop((shares, kept));
}
