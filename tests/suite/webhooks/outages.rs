//! Receivers that hang, refuse or fail hold up no other, neither the calls nor the end of the service.

use serde_json::json;
use tokio::time::{Duration, timeout};

use super::site::{Hooks, id_of};
use crate::history::site::{at, completed};
use crate::support::receiver::{Answer, Receiver};
use crate::support::stub::Gate;

/// Much longer than a delivery takes, and shorter than the time of an attempt.
const PROMPT: Duration = Duration::from_secs(10);
const JOBS: usize = 60;

#[tokio::test]
async fn an_endpoint_that_hangs_or_refuses_or_fails_holds_up_no_other() {
    let [good, hangs, refuses, fails] = std::array::from_fn(|_| Receiver::start());
    let lines = [("good", &good, ""), ("hangs", &hangs, ""), ("refuses", &refuses, ""), ("fails", &fails, "")];
    let hooks = Hooks::start(&lines).await;
    hangs.answers(Answer::Hang);
    refuses.stop().await;
    fails.answers(Answer::Status(503));
    for number in 0..JOBS {
        hooks.site.put(&format!("job-{number}"), &completed(&at(1), &at(2)));
    }
    let messages = timeout(PROMPT, good.got(JOBS)).await.expect("the good endpoint waits");
    let mut ids: Vec<_> = messages.iter().map(|message| message.id.clone()).collect();
    let name = |number: usize| format!("job-{number}");
    let mut expected: Vec<_> = (0..JOBS).map(|number| id_of(&hooks.job(&name(number)), "job.completed")).collect();
    ids.sort();
    expected.sort();
    assert_eq!(ids, expected);
    hooks.until_webhook("good", |webhook| webhook["pending"] == 0 && webhook["state"] == "active").await;
    for name in ["refuses", "fails"] {
        let webhook = hooks.until_webhook(name, |webhook| webhook["state"] == "retrying").await;
        assert_eq!(webhook["pending"], json!(JOBS), "{webhook}");
    }
    assert_eq!(hooks.until_webhook("hangs", |_| true).await["pending"], json!(JOBS));
    assert!(hangs.messages().len() <= 4, "at most 4 at a time");
}

#[tokio::test]
async fn at_most_4_messages_are_sent_to_an_endpoint_at_a_time() {
    let receiver = Receiver::start();
    let hooks = Hooks::start(&[("ops", &receiver, "")]).await;
    let gate = Gate::new();
    receiver.answers(Answer::Held(gate.clone()));
    for number in 0..12 {
        hooks.site.put(&format!("job-{number}"), &completed(&at(1), &at(2)));
    }
    hooks.site.until_runs("state=completed", |runs| runs.len() == 12).await;
    gate.held(4).await;
    assert_eq!(receiver.messages().len(), 4);
    gate.open();
    hooks.until_webhook("ops", |webhook| webhook["pending"] == 0).await;
    assert_eq!(receiver.messages().len(), 12, "each came once");
}

/// What is sent again once the receiver is back: here by a call, as the pause is long.
#[tokio::test]
async fn a_receiver_that_comes_back_gets_what_it_missed() {
    let receiver = Receiver::start();
    let hooks = Hooks::start(&[("ops", &receiver, "")]).await;
    receiver.stop().await;
    hooks.site.put("etl", &completed(&at(1), &at(2)));
    let failed = hooks.until_deliveries("webhook=ops", |all| all.first().is_some_and(|one| one["attempts"] == 1)).await;
    assert!(failed[0]["last_status"].is_null(), "{failed:?}");
    receiver.restart();
    hooks.redeliver(&json!({ "webhook": "ops", "since": "2026-01-01T00:00:00Z" })).await;
    let messages = receiver.got(1).await;
    assert_eq!(messages[0].id, id_of(&hooks.job("etl"), "job.completed"));
    hooks.until_webhook("ops", |webhook| webhook["pending"] == 0).await;
}

/// Messages that are on their way do not hold up the end. They are sent again after the next start.
#[tokio::test]
async fn the_service_ends_although_a_receiver_hangs() {
    let (hangs, good) = (Receiver::start(), Receiver::start());
    let mut hooks = Hooks::start(&[("hangs", &hangs, ""), ("good", &good, "")]).await;
    hangs.answers(Answer::Hang);
    hooks.site.put("etl", &completed(&at(1), &at(2)));
    let id = id_of(&hooks.job("etl"), "job.completed");
    hangs.got(1).await;
    hooks.until_sent("good", "etl", "completed").await;
    let service = &mut hooks.site.lab.service;
    service.signal("TERM").await;
    let status = timeout(PROMPT, service.exit_status()).await.expect("the service does not end");
    assert_eq!(status.code(), Some(0));
    hangs.answers(Answer::Status(204));
    hooks.site.resume().await;
    let messages = hangs.got(2).await;
    assert!(messages.iter().all(|message| message.id == id), "{messages:?}");
    hooks.until_webhook("hangs", |webhook| webhook["pending"] == 0).await;
    assert_eq!(good.messages().len(), 1, "what was delivered is not sent again");
}
