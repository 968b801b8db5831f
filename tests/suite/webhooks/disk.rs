//! Disks that are full or read-only: nothing is sent twice for want of room, and what was missed is sent when there is room.

use serde_json::json;

use super::site::{Files, Hooks, id_of};
use crate::calls::problem;
use crate::history::faults::disk::{fill, inside, large, on_disk};
use crate::history::faults::until_check;
use crate::history::site::{Site, at, completed, old_job, running};
use crate::live::until;
use crate::support::receiver::{Answer, Receiver};
use crate::support::service::{Folder, Reply};
use crate::support::stub::Gate;

#[tokio::test]
async fn with_a_directory_that_is_read_only_the_calls_say_why() {
    let (state, receiver) = (Folder::new(), Receiver::start());
    let files = Files::new(&[("ops", &receiver, "")]);
    let lab = on_disk("ro", &state, |builder| files.builder(builder)).await;
    until_check(&lab.service, "failed").await;
    for path in ["/api/eks-list-webhooks", "/api/eks-list-deliveries"] {
        problem(&lab.service.get(path).await, 503, "history_unavailable");
    }
    let body = json!({ "webhook": "ops", "since": "2026-01-01T00:00:00Z" });
    problem(&lab.service.post("/api/eks-redeliver", &body).await, 503, "history_unavailable");
    // This needs no history.
    let told = lab.service.send("POST", "/api/eks-test-webhook?webhook=ops", &[], "").await.expect_status(200);
    assert_eq!(told.json()["delivered"], true);
    lab.cluster.put_job(old_job("etl", &completed(&at(1), &at(2))));
    crate::live::until_status(&lab.service, "etl", |reply| reply.status == 200).await;
    lab.service.get("/readyz").await.expect_status(200);
    assert_eq!(receiver.messages().len(), 1, "only the test");
}

#[tokio::test]
async fn a_disk_that_becomes_full_loses_no_message_and_doubles_none() {
    let (state, receiver) = (Folder::new(), Receiver::start());
    let files = Files::new(&[("ops", &receiver, "")]);
    let lab = on_disk("size=16m", &state, |builder| files.builder(builder)).await;
    let hooks = Hooks { site: Site::over(lab, state), files };
    hooks.cluster().put_job(old_job("zero", &running(&at(1))));
    hooks.site.until_state("zero", "running").await;

    // The message is with the receiver when the disk becomes full, so its end is written later.
    let gate = Gate::new();
    receiver.answers_next(Answer::Held(gate.clone()));
    hooks.site.put("held", &completed(&at(1), &at(2)));
    gate.held(1).await;
    let filler = inside(&hooks.site.lab, &hooks.site.state, "filler");
    fill(&filler);
    let mut number = 0;
    let check = async || {
        hooks.cluster().put_job(large(&format!("large-{number}"), &running(&at(1))));
        number += 1;
        hooks.site.get("/health").await
    };
    let is_full = |reply: &Reply| reply.json()["checks"]["history"]["status"] == "failed";
    until(check, is_full).await;
    gate.open();
    hooks.site.put("missed", &completed(&at(1), &at(3)));

    std::fs::remove_file(filler).unwrap();
    until_check(&hooks.site.lab.service, "passed").await;
    hooks.until_sent("ops", "missed", "completed").await;
    let mut ids: Vec<_> = receiver.messages().into_iter().map(|message| message.id).collect();
    let mut expected = ["held", "missed"].map(|name| id_of(&hooks.job(name), "job.completed"));
    ids.sort();
    expected.sort();
    assert_eq!(ids, expected, "each came once");
}
