//! Tests of the delivery, with an outbox and receivers in memory. The clock stands still while there is work.

use std::time::Duration;

use super::driver_tests::start;
use super::fake_tests::Reply;
use crate::history::outbox::requests::Next;

const MINUTE: Duration = Duration::from_mins(1);
const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn what_is_due_is_sent_and_its_attempt_is_written() {
    let mut delivery = start(&["ops"]);
    delivery.fake.add("ops", [1, 2]);
    assert_eq!(delivery.next_of(2).await, ["ops 1", "ops 2"]);
    assert!(delivery.during(100 * MINUTE).await.is_empty(), "once");
    assert!(delivery.fake.pending().is_empty());
    let numbers = delivery.webhooks.metrics.get("ops");
    assert_eq!((numbers.delivered, numbers.retried, numbers.failed, numbers.pending), (2, 0, 0, 0));
    delivery.fake.state(|state| {
        let attempt = &state.attempts[0];
        assert_eq!((attempt.status, &attempt.error, attempt.next), (Some(200), &None, Next::Delivered));
    });
}

#[tokio::test(start_paused = true)]
async fn a_delivery_is_tried_ten_times_with_growing_pauses_and_then_fails() {
    let mut delivery = start(&["ops"]);
    delivery.fake.reply("ops", [Reply::Status(503)]);
    delivery.fake.add("ops", [1]);
    let mut before = 0;
    for (number, step) in (1..).zip([0, 5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]) {
        let (time, message) = delivery.next_at().await;
        assert_eq!(message, "ops 1");
        // The jitter, the attempt itself, and the shortest time between reads.
        let (least, most) = (step * 1000, step * 1200 + 250);
        let pause = time - before;
        assert!((least..=most).contains(&pause), "try {number}: {pause} ms, not {least} to {most}");
        before = time;
    }
    assert!(delivery.during(2 * 1440 * MINUTE).await.is_empty(), "the tenth try is the last");
    let numbers = delivery.webhooks.metrics.get("ops");
    assert_eq!((numbers.delivered, numbers.retried, numbers.failed, numbers.pending), (0, 9, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_asks_for_a_pause_gets_it() {
    let mut delivery = start(&["ops"]);
    delivery.fake.reply("ops", [Reply::RetryAfter(90), Reply::Status(200)]);
    delivery.fake.add("ops", [1]);
    let first = delivery.next_at().await.0;
    let second = delivery.next_at().await.0;
    assert!((90_000..91_000).contains(&(second - first)), "{}", second - first);
}

#[tokio::test(start_paused = true)]
async fn four_deliveries_of_an_endpoint_are_sent_at_a_time() {
    let mut delivery = start(&["ops"]);
    delivery.fake.reply("ops", [Reply::Slow(1)]);
    delivery.fake.add("ops", 0..100);
    assert_eq!(delivery.during(SECOND / 2).await.len(), 4);
    assert_eq!(delivery.during(SECOND).await.len(), 4);
    assert_eq!(delivery.next_of(92).await.len(), 92);
    assert_eq!(delivery.fake.state(|state| state.most_open), 4);
    let mut ids: Vec<_> = delivery.fake.state(|state| state.attempts.iter().map(|attempt| attempt.delivery).collect());
    delivery.during(5 * SECOND).await;
    ids.extend(delivery.fake.state(|state| state.attempts.split_off(ids.len())).iter().map(|attempt| attempt.delivery));
    ids.sort_unstable();
    assert_eq!(ids, (0..100).collect::<Vec<_>>(), "each once");
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_hangs_holds_up_no_other() {
    let mut delivery = start(&["bad", "good"]);
    delivery.fake.reply("bad", [Reply::Hang]);
    delivery.fake.add("bad", 0..1000);
    delivery.during(MINUTE).await;
    delivery.fake.add("good", 1000..1100);
    let sent = delivery.during(SECOND).await;
    assert_eq!(sent.iter().filter(|sent| sent.starts_with("good")).count(), 100);
}

#[tokio::test(start_paused = true)]
async fn a_failed_delivery_holds_up_no_later_one() {
    let mut delivery = start(&["ops"]);
    delivery.fake.reply("ops", [Reply::Status(500), Reply::Status(200)]);
    delivery.fake.add("ops", [1]);
    assert_eq!(delivery.next().await, "ops 1");
    delivery.fake.add("ops", [2]);
    assert_eq!(delivery.next_of(2).await, ["ops 2", "ops 1"]);
}

#[tokio::test(start_paused = true)]
async fn gone_disables_the_endpoint_until_a_reload_and_its_deliveries_stay() {
    let mut delivery = start(&["ops", "other"]);
    delivery.fake.reply("ops", [Reply::Status(410)]);
    delivery.fake.add("ops", 0..50);
    let sent = delivery.during(100 * MINUTE).await;
    assert!((1..=4).contains(&sent.len()), "{sent:?}");
    delivery.fake.add("other", [100]);
    delivery.fake.add("ops", [50]);
    assert_eq!(delivery.during(100 * MINUTE).await, ["other 100"]);
    assert_eq!(delivery.fake.pending(), (0..=50).collect::<Vec<_>>());
    let numbers = delivery.webhooks.metrics.get("ops");
    assert!(numbers.is_disabled && !delivery.webhooks.metrics.get("other").is_disabled);
    assert_eq!((numbers.failed, numbers.retried, numbers.pending), (0, 0, 51), "what is pending is counted still");

    delivery.fake.reply("ops", [Reply::Status(200)]);
    delivery.reload(&["ops", "other"]);
    assert_eq!(delivery.during(MINUTE).await.len(), 51);
    assert!(!delivery.webhooks.metrics.get("ops").is_disabled && delivery.fake.pending().is_empty());
}

#[tokio::test(start_paused = true)]
async fn gone_for_what_was_sent_before_a_reload_disables_nothing() {
    let mut delivery = start(&["ops"]);
    delivery.fake.reply("ops", [Reply::Status(410), Reply::Status(200)]);
    delivery.fake.add("ops", [1]);
    assert_eq!(delivery.next().await, "ops 1");
    delivery.reload(&["ops"]);
    assert_eq!(delivery.next().await, "ops 1", "again");
    assert!(!delivery.webhooks.metrics.get("ops").is_disabled);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_is_removed_ends_its_sends_and_one_that_is_added_begins() {
    let mut delivery = start(&["old"]);
    delivery.fake.reply("old", [Reply::Slow(5)]);
    delivery.fake.add("old", 0..10);
    delivery.fake.add("new", [20]);
    assert_eq!(delivery.next_of(4).await, ["old 0", "old 1", "old 2", "old 3"]);
    delivery.reload(&["new"]);
    assert_eq!(delivery.during(MINUTE).await, ["new 20"]);
    assert_eq!(delivery.fake.pending(), [4, 5, 6, 7, 8, 9], "the attempts in progress are written");
    assert_eq!(delivery.webhooks.metrics.get("old").delivered, 0, "its numbers are forgotten");
    delivery.reload(&["old", "new"]);
    assert_eq!(delivery.during(MINUTE).await.len(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_reload_cuts_no_send_short_and_sends_nothing_twice() {
    let mut delivery = start(&["ops"]);
    delivery.fake.reply("ops", [Reply::Slow(5)]);
    delivery.fake.add("ops", 0..6);
    assert_eq!(delivery.next_of(4).await.len(), 4);
    for names in [&["ops"][..], &[], &["ops"]] {
        delivery.reload(names);
        assert!(delivery.during(SECOND).await.is_empty());
    }
    assert_eq!(delivery.during(MINUTE).await, ["ops 4", "ops 5"]);
    assert_eq!(delivery.fake.state(|state| (state.most_open, state.attempts.len())), (4, 6));
}

#[tokio::test(start_paused = true)]
async fn a_burst_of_changes_is_few_reads() {
    let mut delivery = start(&["ops"]);
    delivery.during(SECOND).await;
    let before = delivery.fake.state(|state| state.reads);
    for id in 0..500 {
        delivery.fake.add("ops", [id]);
        delivery.during(SECOND / 500).await;
    }
    delivery.during(SECOND).await;
    assert!(delivery.fake.pending().is_empty());
    let reads = delivery.fake.state(|state| state.reads) - before;
    assert!(reads < 16, "{reads}");

    delivery.fake.add("ops", 1000..2000);
    delivery.during(5 * SECOND).await;
    assert!(delivery.fake.pending().is_empty());
    let more = delivery.fake.state(|state| state.reads) - before - reads;
    assert!(more < 24, "pages are worked off: {more}");
}

#[tokio::test(start_paused = true)]
async fn an_idle_outbox_is_read_once_a_minute() {
    let mut delivery = start(&["ops"]);
    delivery.during(100 * MINUTE).await;
    let reads = delivery.fake.state(|state| state.reads);
    assert!((99..=102).contains(&reads), "{reads}");
}

#[tokio::test(start_paused = true)]
async fn what_is_pending_is_counted_when_it_changes() {
    let mut delivery = start(&["ops"]);
    delivery.fake.reply("ops", [Reply::Status(500)]);
    delivery.fake.add("ops", 0..3);
    delivery.during(10 * SECOND).await;
    let numbers = delivery.webhooks.metrics.get("ops");
    assert_eq!((numbers.pending, numbers.oldest_pending, numbers.dropped), (3, Some(1_000_000_000_000), 7));
    delivery.fake.reply("ops", [Reply::Status(200)]);
    delivery.during(10 * MINUTE).await;
    let numbers = delivery.webhooks.metrics.get("ops");
    assert_eq!((numbers.pending, numbers.oldest_pending, numbers.delivered), (0, None, 3));
}
