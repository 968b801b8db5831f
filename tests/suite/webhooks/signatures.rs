//! Secrets and signatures: two while they change, another after SIGHUP, and the command that makes one.

use serde_json::json;

use super::site::Hooks;
use crate::calls::BINARY;
use crate::history::site::{at, completed};
use crate::support::receiver::{Answer, Receiver, new_secret};
use crate::support::service::run;

#[tokio::test]
async fn two_secrets_make_two_signatures_in_the_order_of_the_file() {
    let receiver = Receiver::start();
    let hooks = Hooks::start(&[("ops", &receiver, "")]).await;
    let (new, old) = (new_secret(), receiver.secret());
    hooks.files.put("ops.key", &format!("{new}\n{old}\n"));
    hooks.reload(1).await;
    hooks.site.put("etl", &completed(&at(1), &at(2)));
    let messages = receiver.got(1).await;
    assert_eq!(messages[0].signatures, [messages[0].signature(&new), messages[0].signature(&old)]);
}

#[tokio::test]
async fn a_secret_that_was_changed_counts_after_sighup() {
    let receiver = Receiver::start();
    let hooks = Hooks::start(&[("ops", &receiver, "")]).await;
    hooks.site.put("first", &completed(&at(1), &at(2)));
    let messages = receiver.got(1).await;
    assert_eq!(messages[0].signatures, [messages[0].signature(&receiver.secret())]);
    let new = new_secret();
    receiver.expect_secrets(&[&new]);
    hooks.files.put("ops.key", &new);
    hooks.reload(1).await;
    hooks.site.put("second", &completed(&at(1), &at(2)));
    let messages = receiver.got(2).await;
    assert_eq!(messages[1].signatures, [messages[1].signature(&new)]);
}

/// Each attempt has a time and a signature of its own.
#[tokio::test]
async fn each_attempt_is_signed_anew() {
    let receiver = Receiver::start();
    let hooks = Hooks::start(&[("ops", &receiver, "")]).await;
    receiver.answers_next(Answer::Status(500));
    hooks.site.put("etl", &completed(&at(1), &at(2)));
    let first = receiver.got(1).await.swap_remove(0);
    let new = new_secret();
    receiver.expect_secrets(&[&new]);
    hooks.files.put("ops.key", &new);
    hooks.reload(1).await;
    hooks.until_deliveries("webhook=ops", |deliveries| deliveries[0]["attempts"] == 1).await;
    hooks.redeliver(&json!({ "delivery_id": first.id })).await;
    let second = receiver.got(2).await.swap_remove(1);
    assert_eq!((&second.id, &second.body), (&first.id, &first.body));
    assert!(second.timestamp >= first.timestamp);
    assert_ne!(second.signatures, first.signatures);
}

#[tokio::test]
async fn a_broken_file_leaves_the_old_endpoints_in_force() {
    let receiver = Receiver::start();
    let hooks = Hooks::start(&[("ops", &receiver, "")]).await;
    hooks.files.put("ops.key", "whsec_tooshort");
    hooks.site.lab.service.signal("HUP").await;
    let line = hooks.site.lab.service.log_line(|line| line.contains("not reloaded")).await;
    assert!(line.contains("webhooks") && line.contains("line 2"), "{line}");
    assert!(!line.contains("tooshort"), "{line}");
    hooks.site.put("etl", &completed(&at(1), &at(2)));
    receiver.got(1).await;
}

#[tokio::test]
async fn the_command_makes_a_secret_that_the_service_and_the_rules_take() {
    let output = run(BINARY, &["webhook", "secret"], &[]).await;
    assert!(output.status.success(), "{output:?}");
    let made = String::from_utf8(output.stdout).unwrap();
    let secret = made.trim_end();
    assert_eq!(made, format!("{secret}\n"));
    let again = run(BINARY, &["webhook", "secret"], &[]).await.stdout;
    assert_ne!(again, made.as_bytes());
    let receiver = Receiver::start();
    receiver.expect_secrets(&[secret]);
    let hooks = Hooks::start(&[("ops", &receiver, "")]).await;
    hooks.site.put("etl", &completed(&at(1), &at(2)));
    receiver.got(1).await;
}
