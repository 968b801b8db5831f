//! What happened while the service was down is sent after the restart, and what was delivered is not sent again.

use serde_json::{Value, json};

use super::site::{Hooks, id_of, only};
use crate::history::site::{at, completed, failed, running};
use crate::support::receiver::{Answer, Receiver};

#[tokio::test]
async fn what_ended_while_the_service_was_down_is_sent_after_the_restart() {
    for signal in ["TERM", "KILL"] {
        let receiver = Receiver::start();
        let mut hooks = Hooks::start(&[("ops", &receiver, "events=job.*")]).await;
        for name in ["ends", "breaks", "vanishes"] {
            hooks.site.put(name, &running(&at(1)));
        }
        receiver.got(6).await;
        hooks.until_webhook("ops", |webhook| webhook["pending"] == 0).await;
        hooks.site.stop(signal).await;
        let vanished = hooks.job("vanishes");
        hooks.site.set_status("ends", completed(&at(1), &at(50)));
        hooks.site.set_status("breaks", failed(&at(1), &at(60)));
        hooks.cluster().remove_job("default", "vanishes");
        hooks.site.put("fresh", &running(&at(70)));
        hooks.site.resume().await;
        let messages = receiver.got(11).await.split_off(6);
        let id = |name: &str, event_type: &str| id_of(&hooks.job(name), event_type);
        assert_eq!(only(&messages, "job.completed").id, id("ends", "job.completed"), "{signal}");
        assert_eq!(only(&messages, "job.failed").id, id("breaks", "job.failed"), "{signal}");
        assert_eq!(only(&messages, "job.created").id, id("fresh", "job.created"), "{signal}");
        assert_eq!(only(&messages, "job.started").id, id("fresh", "job.started"), "{signal}");
        let deleted = only(&messages, "job.deleted");
        assert_eq!(deleted.id, id_of(&vanished, "job.deleted"), "{signal}");
        // The last status that is known.
        let shown = (&deleted.data()["job_name"], &deleted.data()["state"], &deleted.data()["cluster"]);
        assert_eq!(shown, (&json!("vanishes"), &json!("running"), &json!("lab")), "{signal}");
        assert_eq!(deleted.data()["uid"], vanished["metadata"]["uid"], "{signal}");
        hooks.until_webhook("ops", |webhook| webhook["pending"] == 0).await;
        assert_eq!(receiver.messages().len(), 11, "{signal}: each came once");
    }
}

#[tokio::test]
async fn a_delivery_that_waits_for_its_next_try_waits_on_after_a_restart() {
    let receiver = Receiver::start();
    let mut hooks = Hooks::start(&[("ops", &receiver, "")]).await;
    receiver.answers(Answer::With(503, "retry-after", "3600".to_owned()));
    hooks.site.put("etl", &completed(&at(1), &at(2)));
    let is_tried = |deliveries: &[Value]| deliveries.first().is_some_and(|one| one["attempts"] == 1);
    let before = hooks.until_deliveries("webhook=ops", is_tried).await;
    receiver.answers(Answer::Status(204));
    hooks.site.stop("TERM").await;
    hooks.site.resume().await;
    assert_eq!(hooks.until_deliveries("webhook=ops", is_tried).await, before);
    hooks.site.put("next", &completed(&at(1), &at(2)));
    let messages = receiver.got(2).await;
    assert_eq!(messages[1].id, id_of(&hooks.job("next"), "job.completed"));
    assert_eq!(hooks.redeliver(&json!({ "delivery_id": messages[0].id, "webhook": "ops" })).await, 1);
    assert_eq!(receiver.got(3).await[2].id, messages[0].id);
}

/// A second service with another history tells the same transitions by the same ids.
#[tokio::test]
async fn a_second_instance_makes_the_same_ids() {
    let (first, second) = (Receiver::start(), Receiver::start());
    let hooks = Hooks::start(&[("ops", &first, "events=job.*")]).await;
    let files = super::site::Files::new(&[("ops", &second, "events=job.*")]);
    let state = crate::support::service::Folder::new();
    let builder = crate::support::builder(crate::calls::BINARY, &hooks.site.lab.aws);
    let other = files.builder(crate::history::site::with_state(builder, &state)).start().await;
    other.ready().await;
    let is_known =
        |reply: &crate::support::service::Reply| reply.status == 200 && crate::history::site::runs(reply).len() == 1;
    crate::live::until(async || other.get("/api/eks-list-history?job_name=zero").await, is_known).await;
    hooks.site.put("etl", &completed(&at(1), &at(2)));
    let ids = async |receiver: &Receiver| {
        let mut ids: Vec<_> = receiver.got(3).await.into_iter().map(|message| message.id).collect();
        ids.sort();
        ids
    };
    assert_eq!(ids(&first).await, ids(&second).await);
}

/// The receiver of a 410 is asked again after a restart.
#[tokio::test]
async fn a_receiver_that_was_gone_is_asked_again_after_a_restart() {
    let receiver = Receiver::start();
    let mut hooks = Hooks::start(&[("ops", &receiver, "")]).await;
    receiver.answers_next(Answer::Status(410));
    hooks.site.put("etl", &completed(&at(1), &at(2)));
    hooks.until_webhook("ops", |webhook| webhook["state"] == "disabled").await;
    hooks.site.stop("TERM").await;
    hooks.site.resume().await;
    let messages = receiver.got(2).await;
    assert_eq!(messages[0].id, messages[1].id);
    hooks.until_webhook("ops", |webhook| webhook["pending"] == 0 && webhook["state"] == "active").await;
}
