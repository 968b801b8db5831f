//! Tests of what goes wrong: an outbox that cannot be read or written, kills, stops and panics.

use std::time::Duration;

use super::driver_tests::start;
use super::fake_tests::{Fault, Reply};

const MINUTE: Duration = Duration::from_mins(1);
const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn an_attempt_that_cannot_be_written_is_written_later_and_not_sent_again() {
    let mut delivery = start(&["ops"]);
    delivery.fake.state(|state| state.fault = Some(Fault::LosesAttempts));
    delivery.fake.add("ops", [1, 2]);
    assert_eq!(delivery.next_of(2).await, ["ops 1", "ops 2"]);
    delivery.fake.changed();
    assert!(delivery.during(100 * MINUTE).await.is_empty());
    delivery.fake.add("ops", [3]);
    assert_eq!(delivery.next().await, "ops 3", "others are sent");
    delivery.fake.state(|state| state.fault = None);
    assert!(delivery.during(MINUTE).await.is_empty());
    assert!(delivery.fake.pending().is_empty());
}

#[tokio::test(start_paused = true)]
async fn with_too_many_unwritten_attempts_nothing_more_is_sent() {
    let mut delivery = start(&["ops"]);
    delivery.fake.state(|state| state.fault = Some(Fault::LosesAttempts));
    delivery.fake.add("ops", 0..1000);
    let sent = delivery.during(2 * MINUTE).await.len();
    assert!((256..260).contains(&sent), "{sent}");
    delivery.fake.state(|state| state.fault = None);
    assert_eq!(sent + delivery.during(MINUTE).await.len(), 1000);
}

#[tokio::test(start_paused = true)]
async fn while_the_history_cannot_be_written_nothing_is_read() {
    let mut delivery = start(&["ops"]);
    delivery.fake.state(|state| state.fault = Some(Fault::Unwritable));
    delivery.fake.add("ops", [1]);
    assert!(delivery.during(100 * MINUTE).await.is_empty());
    delivery.fake.state(|state| state.fault = None);
    assert_eq!(delivery.during(10 * SECOND).await, ["ops 1"]);
}

#[tokio::test(start_paused = true)]
async fn an_outbox_that_cannot_be_read_is_read_later() {
    let mut delivery = start(&["ops"]);
    delivery.fake.state(|state| state.fault = Some(Fault::Unreadable));
    delivery.fake.add("ops", [1]);
    for _ in 0..1000 {
        delivery.fake.changed();
        assert!(delivery.during(SECOND / 100).await.is_empty());
    }
    assert!(delivery.fake.state(|state| state.reads) < 10, "changes do not make it busy");
    delivery.fake.state(|state| state.fault = None);
    assert_eq!(delivery.during(10 * SECOND).await, ["ops 1"]);
}

#[tokio::test(start_paused = true)]
async fn what_was_in_progress_at_a_kill_is_sent_again() {
    let mut delivery = start(&["ops"]);
    delivery.fake.reply("ops", [Reply::Hang]);
    delivery.fake.add("ops", 0..3);
    assert_eq!(delivery.next_of(3).await.len(), 3);
    delivery.fake.reply("ops", [Reply::Status(200)]);
    delivery.restart();
    assert_eq!(delivery.next_of(3).await, ["ops 0", "ops 1", "ops 2"]);
    assert!(delivery.during(MINUTE).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_the_sends_and_begins_no_more() {
    let mut delivery = start(&["ops"]);
    delivery.fake.reply("ops", [Reply::Slow(1)]);
    delivery.fake.add("ops", 0..10);
    assert_eq!(delivery.next_of(4).await.len(), 4);
    delivery.webhooks.stop().await;
    assert_eq!(delivery.fake.pending(), [4, 5, 6, 7, 8, 9], "the attempts are written");
    assert!(delivery.during(MINUTE).await.is_empty());
    delivery.restart();
    delivery.webhooks.stop().await;
    assert!(delivery.during(MINUTE).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_send_that_panics_is_a_failed_attempt() {
    let mut delivery = start(&["ops"]);
    delivery.fake.reply("ops", [Reply::Panic, Reply::Status(200)]);
    delivery.fake.add("ops", [1]);
    assert_eq!(delivery.next_of(2).await, ["ops 1", "ops 1"]);
    delivery.fake.state(|state| {
        let error = state.attempts[0].error.as_deref();
        assert_eq!(error, Some("a defect: the delivery panicked"));
    });
}

#[tokio::test(start_paused = true)]
async fn the_task_of_an_endpoint_that_panics_starts_again() {
    let mut delivery = start(&["ops"]);
    delivery.during(SECOND).await;
    delivery.fake.state(|state| state.fault = Some(Fault::PanicsWhenRead));
    delivery.fake.add("ops", [1]);
    assert_eq!(delivery.during(5 * SECOND).await, ["ops 1"]);
}

#[tokio::test(start_paused = true)]
async fn without_a_sender_the_deliveries_wait_until_one_can_be_made() {
    let mut delivery = start(&["ops"]);
    delivery.fake.state(|state| state.unusable = vec!["ops".to_owned()]);
    delivery.reload(&["ops"]);
    delivery.fake.add("ops", [1]);
    assert!(delivery.during(100 * MINUTE).await.is_empty());
    delivery.fake.state(|state| {
        assert!(state.attempts.is_empty(), "no try is used up");
        state.unusable.clear();
    });
    assert_eq!(delivery.during(MINUTE).await, ["ops 1"]);
}
