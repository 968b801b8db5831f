//! Tests of the pauses.

use super::*;

const SECOND: u64 = 1000;

fn failed(status: Option<u16>, retry_after: Option<Duration>) -> Sent {
    Sent { status, error: Some("it failed".to_owned()), retry_after, duration: Duration::ZERO }
}

/// Returns the pause after a failed attempt in milliseconds, or `None` after the last one.
fn pause(attempts: u32, retry_after: Option<Duration>) -> Option<u64> {
    match next(&failed(Some(503), retry_after), attempts, 1_000_000) {
        Next::Retry(time) => Some(u64::try_from(time - 1_000_000).unwrap()),
        Next::Failed => None,
        other => panic!("{other:?}"),
    }
}

#[test]
fn there_are_ten_tries_and_each_pause_is_its_step_and_at_most_a_fifth_more() {
    let steps = [5, 300, 1800, 7200, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600].map(|step| step * SECOND);
    for (made, step) in (0..).zip(steps) {
        let pauses: Vec<_> = (0..200).map(|_| pause(made, None).unwrap()).collect();
        assert!(pauses.iter().all(|pause| (step..=step + step / 5).contains(pause)), "{step}: {pauses:?}");
        assert!(pauses.iter().any(|pause| pause != &pauses[0]), "no jitter");
    }
    for made in [9, 10, u32::MAX] {
        assert_eq!(pause(made, None), None);
        assert_eq!(pause(made, Some(Duration::from_secs(1))), None, "the tenth try is the last");
    }
}

#[test]
fn retry_after_makes_a_pause_longer_and_never_shorter() {
    assert_eq!(pause(0, Some(Duration::from_secs(90))), Some(90 * SECOND));
    assert!(pause(1, Some(Duration::from_secs(90))).unwrap() >= 300 * SECOND);
    assert!(pause(0, Some(Duration::ZERO)).unwrap() >= 5 * SECOND);
}

#[test]
fn a_2xx_is_the_end_and_410_keeps_the_delivery() {
    let delivered = Sent { status: Some(204), error: None, retry_after: None, duration: Duration::ZERO };
    for attempts in [0, 9, 20] {
        assert_eq!(next(&delivered, attempts, 7), Next::Delivered);
        assert_eq!(next(&failed(Some(410), None), attempts, 7), Next::Keep);
    }
}

#[test]
fn every_other_outcome_is_tried_again() {
    for status in [None, Some(301), Some(400), Some(404), Some(429), Some(500)] {
        assert!(matches!(next(&failed(status, None), 0, 7), Next::Retry(5007..)), "{status:?}");
    }
    let now = i64::MAX - 1;
    assert_eq!(next(&failed(None, None), 0, now), Next::Retry(i64::MAX), "a wrong clock");
}
