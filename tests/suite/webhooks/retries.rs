//! What fails is tried again, or sent again by a call. The pauses between the tries are tested where they are computed.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::site::{Hooks, id_of, only};
use crate::calls::problem;
use crate::history::site::{at, completed, failed, running};
use crate::support::receiver::{Answer, Receiver};

/// The time until then, which is negative if it has passed.
fn seconds_until(time: &Value) -> i64 {
    let time = OffsetDateTime::parse(time.as_str().unwrap(), &Rfc3339).unwrap();
    (time - OffsetDateTime::from(SystemTime::now())).whole_seconds()
}

/// Puts a job that has ended, and waits until the delivery about it fits.
async fn until_tried(hooks: &Hooks, fits: impl Fn(&Value) -> bool) -> Value {
    hooks.site.put("etl", &completed(&at(1), &at(2)));
    let fits = |deliveries: &[Value]| matches!(deliveries, [delivery] if fits(delivery));
    hooks.until_deliveries("webhook=ops", fits).await.swap_remove(0)
}

#[tokio::test]
async fn a_delivery_that_fails_waits_for_its_next_try_and_is_sent_again_by_a_call_with_the_same_id() {
    for (answer, status) in [
        (Answer::Status(500), json!(500)),
        (Answer::Status(404), json!(404)),
        (Answer::Close, Value::Null),
        (Answer::CloseUnread, Value::Null),
    ] {
        let receiver = Receiver::start();
        let hooks = Hooks::start(&[("ops", &receiver, "")]).await;
        receiver.answers(answer.clone());
        let delivery = until_tried(&hooks, |delivery| delivery["attempts"] == 1).await;
        assert_eq!((&delivery["state"], &delivery["last_status"]), (&json!("pending"), &status), "{answer:?}");
        assert!(delivery["last_error"].is_string(), "{delivery}");
        let pause = seconds_until(&delivery["next_attempt"]);
        assert!((-1..=10).contains(&pause), "{answer:?}: {pause} s");
        let id = id_of(&hooks.job("etl"), "job.completed");
        assert_eq!(delivery["delivery_id"], json!(id));
        let webhook = hooks.until_webhook("ops", |webhook| webhook["state"] == "retrying").await;
        assert_eq!((&webhook["pending"], &webhook["last_status"]), (&json!(1), &status), "{webhook}");
        assert!(webhook["oldest_pending"].is_string() && webhook["last_success"].is_null(), "{webhook}");

        receiver.answers(Answer::Status(200));
        assert_eq!(hooks.redeliver(&json!({ "delivery_id": id })).await, 1, "{answer:?}");
        let webhook = hooks.until_webhook("ops", |webhook| webhook["pending"] == 0).await;
        assert_eq!((&webhook["state"], &webhook["last_status"]), (&json!("active"), &json!(200)), "{webhook}");
        assert!(webhook["last_success"].is_string(), "{webhook}");
        let messages = receiver.messages();
        assert!(messages.iter().all(|message| message.id == id), "{messages:?}");
    }
}

#[tokio::test]
async fn a_pause_that_the_receiver_asks_for_is_kept() {
    let later = OffsetDateTime::now_utc() + Duration::from_hours(2);
    let date = later.format(&time::format_description::well_known::Rfc2822).unwrap().replace("+0000", "GMT");
    for (status, value, range) in [
        (429, "3600".to_owned(), 3500..=5500),
        (503, date, 7000..=11_000),
        (429, "9999999999".to_owned(), 80_000..=110_000),
        // No time: the usual pause counts.
        (429, "soon".to_owned(), -1..=10),
        (503, "-5".to_owned(), -1..=10),
    ] {
        let receiver = Receiver::start();
        let hooks = Hooks::start(&[("ops", &receiver, "")]).await;
        receiver.answers(Answer::With(status, "retry-after", value.clone()));
        let delivery = until_tried(&hooks, |delivery| delivery["attempts"] == 1).await;
        let pause = seconds_until(&delivery["next_attempt"]);
        assert!(range.contains(&pause), "{status} {value}: {pause} s");
        assert_eq!(delivery["last_status"], json!(status));
    }
}

#[tokio::test]
async fn every_2xx_is_a_success_and_a_large_reply_is_not_read() {
    let receiver = Receiver::start();
    let hooks = Hooks::start(&[("ops", &receiver, "")]).await;
    for (number, answer) in
        [Answer::Status(200), Answer::Status(202), Answer::Status(204), Answer::Huge].into_iter().enumerate()
    {
        receiver.answers(answer.clone());
        let name = format!("job-{number}");
        hooks.site.put(&name, &completed(&at(1), &at(2)));
        let messages = receiver.got(number + 1).await;
        hooks.until_sent("ops", &name, "completed").await;
        let path = "webhook=ops&state=delivered";
        let delivered = hooks.until_deliveries(path, |deliveries| deliveries.len() == number + 1).await;
        assert_eq!(delivered[0]["delivery_id"], json!(messages[number].id), "{answer:?}");
        assert_eq!((&delivered[0]["attempts"], delivered[0]["last_error"].is_null()), (&json!(1), true), "{answer:?}");
    }
}

#[tokio::test]
async fn a_reply_that_is_no_http_is_a_failure_that_does_not_show_it() {
    let receiver = Receiver::start();
    let hooks = Hooks::start(&[("ops", &receiver, "")]).await;
    for answer in [Answer::Garbage, Answer::CloseAtOnce] {
        receiver.answers(answer);
        let told = hooks.test("ops").await;
        assert_eq!((&told["delivered"], &told["status"]), (&json!(false), &Value::Null), "{told}");
        let error = told["error"].as_str().unwrap();
        assert!(!error.is_empty() && !error.contains("this is no HTTP"), "{error}");
    }
}

#[tokio::test]
async fn a_receiver_that_is_gone_gets_nothing_until_the_file_is_read_again() {
    let receiver = Receiver::start();
    let line = ("ops", &receiver, "");
    let hooks = Hooks::start(&[line]).await;
    receiver.answers(Answer::Status(410));
    hooks.site.put("first", &completed(&at(1), &at(2)));
    // The endpoint is disabled before the attempt is written.
    let is_written = |webhook: &Value| webhook["state"] == "disabled" && webhook["last_status"] == 410;
    assert_eq!(hooks.until_webhook("ops", is_written).await["pending"], 1);
    receiver.answers(Answer::Status(204));
    hooks.site.put("second", &failed(&at(1), &at(2)));
    let webhook = hooks.until_webhook("ops", |webhook| webhook["pending"] == 2).await;
    assert_eq!(webhook["state"], "disabled");
    assert_eq!(receiver.messages().len(), 1, "only the one that was answered 410");
    hooks.reload(1).await;
    let messages = receiver.got(3).await;
    assert_eq!(only(&messages, "job.failed").id, id_of(&hooks.job("second"), "job.failed"));
    let first = id_of(&hooks.job("first"), "job.completed");
    assert_eq!(messages.iter().filter(|message| message.id == first).count(), 2);
    hooks.until_webhook("ops", |webhook| webhook["pending"] == 0 && webhook["state"] == "active").await;
}

#[tokio::test]
async fn what_was_sent_since_a_time_is_sent_again_with_the_same_ids() {
    let receiver = Receiver::start();
    let hooks = Hooks::start(&[("ops", &receiver, "events=job.*")]).await;
    hooks.site.put("etl", &running(&at(1)));
    let first = receiver.got(2).await;
    hooks.until_sent("ops", "etl", "running").await;
    assert_eq!(hooks.redeliver(&json!({ "webhook": "ops", "since": "2026-01-01T00:00:00Z" })).await, 2);
    let all = receiver.got(4).await;
    for message in first {
        let same: Vec<_> = all.iter().filter(|one| one.id == message.id).collect();
        assert_eq!((same.len(), &same[0].body), (2, &same[1].body));
    }
    hooks.until_webhook("ops", |webhook| webhook["pending"] == 0).await;
    let deliveries = hooks.deliveries("webhook=ops").await;
    assert_eq!(deliveries.len(), 2, "no new deliveries: {deliveries:?}");
    assert_eq!(hooks.redeliver(&json!({ "webhook": "ops", "since": "2999-01-01T00:00:00Z" })).await, 0);
}

#[tokio::test]
async fn what_nobody_knows_is_not_sent_again() {
    let receiver = Receiver::start();
    let hooks = Hooks::start(&[("ops", &receiver, "")]).await;
    let redeliver = async |body: &Value| hooks.site.post("/api/eks-redeliver", body).await;
    let unknown = redeliver(&json!({ "delivery_id": "msg_00000000000000000000000000000000" })).await;
    assert_eq!(unknown.status, 404, "{}", unknown.text());
    let other = redeliver(&json!({ "webhook": "other", "since": "2026-01-01T00:00:00Z" })).await;
    problem(&other, 404, "webhook_not_found");
    for body in [json!({}), json!({ "webhook": "ops" }), json!({ "webhook": "ops", "since": "yesterday-ish" })] {
        let refused = redeliver(&body).await;
        assert!([400, 422].contains(&refused.status.as_u16()), "{body}: {}", refused.text());
    }
    assert!(receiver.messages().is_empty());
}
