//! A reader that comes back with the last id that it saw.

use serde_json::json;

use super::reader::Reader;
use super::{job, known, listed, put, running, set, told};
use crate::calls::{BINARY, lab};
use crate::support::{Lab, builder};

/// As many changes as are kept.
const KEPT: usize = 1024;

/// A lab with the jobs `a`, `b` and `c`, and the id that a reader had when it knew them.
async fn left() -> (Lab, String) {
    let lab = lab().await;
    for name in ["a", "b", "c"] {
        put(&lab.cluster, name);
        known(&lab, name).await;
    }
    let mut reader = Reader::open(&lab.service, "").await;
    reader.snapshot().await;
    let id = reader.id.clone();
    (lab, id)
}

/// Changes the job `a` so often.
async fn change(lab: &Lab, times: usize) {
    for number in 1..=times {
        set(&lab.cluster, "a", &json!({ "active": number }));
    }
    known(lab, "a").await;
}

/// Checks that everything begins anew with this id.
async fn starts_over(lab: &Lab, id: &str) {
    let mut reader = Reader::after(&lab.service, "", id).await;
    let reset = reader.event().await;
    assert_eq!((reset.kind.as_str(), reset.id, reset.data.as_str()), ("reset", None, r#"{"cluster":"lab"}"#), "{id}");
    let first = reader.snapshot().await;
    assert!(first.iter().all(|event| event.kind == "added"), "{id}: {first:?}");
    assert_eq!(reader.picture, listed(&lab.service, &[]).await, "{id}");
}

#[tokio::test]
async fn just_what_came_after_is_told_and_of_each_job_only_the_latest() {
    let (lab, id) = left().await;
    change(&lab, 3).await;
    put(&lab.cluster, "new");
    put(&lab.cluster, "short");
    lab.cluster.remove_job("default", "b");
    lab.cluster.remove_job("default", "short");
    put(&lab.cluster, "last");
    known(&lab, "last").await;
    let mut reader = Reader::after(&lab.service, "", &id).await;
    let events = [reader.event().await, reader.event().await, reader.event().await, reader.event().await];
    let expected = told(&[("modified", "a"), ("added", "new"), ("deleted", "b"), ("added", "last")]);
    assert_eq!(events.iter().map(super::reader::Event::told).collect::<Vec<_>>(), expected);
    assert_eq!(events[0].json()["active"], 3);
    // With the last of these ids there is nothing to tell until something happens.
    let mut reader = Reader::after(&lab.service, "", &reader.id).await;
    put(&lab.cluster, "later");
    assert_eq!(reader.told(1).await, told(&[("added", "later")]));
}

#[tokio::test]
async fn the_id_of_every_single_change_leads_on_from_there() {
    let (lab, id) = left().await;
    let mut reader = Reader::after(&lab.service, "", &id).await;
    let mut ids = vec![id];
    for name in ["d", "e", "f"] {
        put(&lab.cluster, name);
        reader.until(name).await;
        ids.push(reader.id.clone());
    }
    for (missed, id) in ids.iter().enumerate() {
        let mut reader = Reader::after(&lab.service, "", id).await;
        let expected: Vec<_> = ["d", "e", "f"][missed..].iter().map(|name| ("added", *name)).collect();
        assert_eq!(reader.told(expected.len()).await, told(&expected));
    }
}

#[tokio::test]
async fn a_filter_holds_for_who_comes_back_too() {
    let (lab, _) = left().await;
    let mut reader = Reader::open(&lab.service, "state=running").await;
    reader.snapshot().await;
    set(&lab.cluster, "a", &running());
    reader.until("a").await;
    let id = reader.id.clone();
    drop(reader);
    set(&lab.cluster, "b", &running());
    set(&lab.cluster, "b", &json!({}));
    set(&lab.cluster, "a", &json!({}));
    set(&lab.cluster, "c", &running());
    known(&lab, "c").await;
    let mut reader = Reader::after(&lab.service, "state=running", &id).await;
    assert_eq!(reader.told(2).await, told(&[("deleted", "a"), ("added", "c")]));
}

#[tokio::test]
async fn what_is_no_id_of_this_run_starts_over() {
    let (lab, id) = left().await;
    let (epoch, number) = id.split_once('-').unwrap();
    let [future, negative, partly, huge] =
        ["999999", "-1", "0", "99999999999999999999"].map(|number| format!("{epoch}-{number}"));
    let [other, upper] = [format!("0{epoch}-{number}"), format!("{epoch}-{number}x")];
    for id in [&future, &negative, &partly, &huge, &other, &upper, "x", "-", "0", number, "null", "%"] {
        starts_over(&lab, id).await;
    }
    // An empty one is what a browser has that has seen none.
    let mut reader = Reader::after(&lab.service, "", "").await;
    assert!(reader.snapshot().await.iter().all(|event| event.kind == "added"));
}

#[tokio::test]
async fn an_id_of_another_run_starts_over() {
    let (lab, id) = left().await;
    let service = builder(BINARY, &lab.aws).start().await;
    service.ready().await;
    let mut reader = Reader::after(&service, "", &id).await;
    assert_eq!(reader.event().await.kind, "reset");
    reader.snapshot().await;
    assert_eq!(reader.picture, listed(&lab.service, &[]).await);
}

#[tokio::test]
async fn an_id_from_within_the_first_jobs_starts_over() {
    let (lab, _) = left().await;
    let mut reader = Reader::open(&lab.service, "").await;
    for event in reader.snapshot().await {
        starts_over(&lab, &event.id.unwrap()).await;
    }
}

#[tokio::test]
async fn as_many_changes_as_are_kept_are_told_and_after_one_more_it_starts_over() {
    let (lab, id) = left().await;
    change(&lab, KEPT).await;
    let mut reader = Reader::after(&lab.service, "", &id).await;
    let event = reader.event().await;
    assert_eq!((event.kind.as_str(), &event.json()["active"]), ("modified", &json!(KEPT)));
    put(&lab.cluster, "last");
    assert_eq!(reader.told(1).await, told(&[("added", "last")]));
    starts_over(&lab, &id).await;
}

#[tokio::test]
async fn changes_that_one_is_not_shown_count_too() {
    let (lab, _) = left().await;
    let mut reader = Reader::open(&lab.service, "namespace=other").await;
    reader.snapshot().await;
    let id = reader.id.clone();
    lab.cluster.put_job(job("other", "mine", &json!({})));
    change(&lab, KEPT).await;
    let mut reader = Reader::after(&lab.service, "namespace=other", &id).await;
    assert_eq!(reader.told(3).await, told(&[("reset", ""), ("added", "mine"), ("snapshot-end", "")]));
}
