//! Tests of which ends are recorded, of a real store.

#[path = "batch_jobs_tests.rs"]
mod jobs;

use serde_json::{Value, json};

use super::*;
use crate::history::record::now;
use crate::jobs::batches::state::BatchState;
use crate::kube::names::{BatchName, Namespace};
use crate::kube::watcher::WatchEvent;
use jobs::{Followed, MAY_GROW, complete, created_head, failed, head, member, short};

#[tokio::test(start_paused = true)]
async fn each_end_is_recorded_once() {
    let running = || vec![head("etl", 2), member("etl", 0, 4, complete(7)), member("etl", 1, 5, None)];
    let mut followed = Followed::with([running(), vec![head("ml", 1), member("ml", 0, 6, failed(9))]].concat());
    assert_eq!(followed.listed().await, "ml failed 9");
    assert!(followed.is_quiet().await);
    followed.apply([WatchEvent::Apply(member("etl", 1, 11, complete(20)))]);
    assert_eq!(followed.written().await, "etl completed 20");
    followed.apply([WatchEvent::Apply(member("etl", 1, 12, complete(20)))]);
    assert!(followed.is_quiet().await, "another change");
}

#[tokio::test(start_paused = true)]
async fn a_record_has_what_the_events_need() {
    let mut followed = Followed::with(vec![head("etl", 1), member("etl", 0, 4, complete(7))]);
    let (batches, _done) = followed.next().await;
    let [BatchEnd { uid, namespace, labels, notify, json, .. }] = &*batches else { panic!("{batches:?}") };
    assert_eq!((&**uid, &**namespace, notify.as_deref()), ("u-etl", "a", Some("ops,dev")));
    let labels: Vec<_> = labels.iter().map(|(key, value)| (&**key, &**value)).collect();
    assert_eq!(labels, [("app", "eks-api"), ("eks-api/batch-head", "true"), ("team", "x")]);
    let json: Value = serde_json::from_str(json).unwrap();
    assert_eq!((&json["cluster"], &json["batch_name"], &json["size"]), (&json!("lab"), &json!("etl"), &json!(1)));
    assert_eq!(json.get("members"), None);
}

#[tokio::test(start_paused = true)]
async fn the_first_record_is_sent_also_if_no_batch_has_ended() {
    let mut followed = Followed::start();
    assert!(followed.is_quiet().await, "the store is not current");
    followed.list(10, vec![head("etl", 1), member("etl", 0, 4, None)]);
    assert_eq!(followed.listed().await, "");
    followed.apply([WatchEvent::Apply(member("etl", 0, 11, None))]);
    assert!(followed.is_quiet().await);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_can_grow_no_more_is_incomplete_and_a_repeated_call_completes_it() {
    let mut followed = Followed::with(vec![created_head("etl", 2, now() - 60), member("etl", 0, 4, complete(7))]);
    assert_eq!(followed.listed().await, "", "another process may submit the rest");
    assert!(followed.is_quiet().await);

    let names = (Namespace::parse("a").unwrap(), BatchName::parse("etl").unwrap());
    let call = followed.store.submissions.begin(&names.0, &names.1);
    let mut old = head("etl", 2);
    old.metadata.resource_version = "11".to_owned();
    followed.apply([WatchEvent::Apply(old)]);
    assert!(followed.is_quiet().await, "a call is submitting it");
    drop(call);
    assert_eq!(followed.written().await, "etl incomplete 7");

    let call = followed.store.submissions.begin(&names.0, &names.1);
    followed.apply([WatchEvent::Apply(member("etl", 1, 21, failed(30)))]);
    assert!(followed.is_quiet().await, "the repeated call is not over");
    drop(call);
    assert_eq!(followed.written().await, "etl failed 30");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_ends_for_good_leaves_an_incomplete_batch_at_once() {
    let mut followed = Followed::with(vec![created_head("etl", 2, now() - 60)]);
    assert_eq!(followed.listed().await, "");
    followed.store.submissions.ended("u-etl".into());
    drop(followed.store.submissions.begin(&Namespace::parse("a").unwrap(), &BatchName::parse("etl").unwrap()));
    let (batches, _done) = followed.next().await;
    assert_eq!((batches[0].state, now() - batches[0].time >= 60), (BatchState::Incomplete, true), "no member is known");
}

#[tokio::test(start_paused = true)]
async fn a_head_that_becomes_too_old_is_noticed_without_a_change() {
    let (age, left) = (Duration::from_mins(1), Duration::from_millis(100));
    let created = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let created = created.checked_sub(age).unwrap();
    let may_grow = age + left + Duration::from_nanos(created.subsec_nanos().into());
    let mut followed = Followed::of(Arc::new(JobStore::new("lab")), may_grow);
    let created = i64::try_from(created.as_secs()).unwrap();
    followed.list(10, vec![created_head("etl", 2, created), member("etl", 0, 4, complete(7))]);
    assert_eq!([followed.listed().await, followed.written().await], ["", "etl incomplete 7"]);
}

#[tokio::test(start_paused = true)]
async fn members_that_vanish_after_the_end_are_another_state_which_the_outbox_leaves_out() {
    let ended = [member("etl", 0, 4, complete(7)), member("etl", 1, 5, complete(9))];
    let mut followed = Followed::with([vec![head("etl", 2)], ended.to_vec()].concat());
    assert_eq!(followed.listed().await, "etl completed 9");
    followed.apply([WatchEvent::Delete(member("etl", 1, 11, complete(9)))]);
    assert_eq!(followed.written().await, "etl incomplete 7");
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_being_deleted_has_no_end() {
    let mut deleting = head("etl", 1);
    deleting.metadata.deletion_timestamp = deleting.metadata.creation_timestamp.clone();
    let mut followed = Followed::with(vec![deleting, member("etl", 0, 4, complete(7))]);
    assert_eq!(followed.listed().await, "");
    assert!(followed.is_quiet().await);
}

#[tokio::test(start_paused = true)]
async fn after_a_restart_all_ends_are_recorded_again() {
    let mut followed = Followed::with(vec![head("etl", 1), member("etl", 0, 4, complete(7))]);
    assert_eq!(followed.listed().await, "etl completed 7");
    followed.follower.abort();
    let mut again = Followed::of(Arc::clone(&followed.store), MAY_GROW);
    assert_eq!(again.listed().await, "etl completed 7");
    assert!(again.is_quiet().await);
}

#[tokio::test(start_paused = true)]
async fn after_drops_all_ends_are_recorded_again() {
    let mut followed = Followed::with(vec![head("etl", 1), member("etl", 0, 4, complete(7)), head("ml", 1)]);
    assert_eq!(followed.listed().await, "etl completed 7, ml incomplete 0");
    followed.drops.send_modify(|count| *count += 1);
    assert_eq!(followed.listed().await, "etl completed 7, ml incomplete 0");
    assert!(followed.is_quiet().await);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_is_lost_is_recorded_again() {
    let mut followed = Followed::start();
    *followed.dropped.lock().unwrap() = 1;
    followed.list(10, vec![head("etl", 1), member("etl", 0, 4, complete(7))]);
    let (batches, done) = followed.next().await;
    assert_eq!(short(&batches), "etl completed 7", "the queue had no room");
    followed.apply([WatchEvent::Apply(member("ml", 0, 11, None)), WatchEvent::Apply(head("ml", 1))]);
    assert!(followed.is_quiet().await, "one record waits for the writer at most");
    drop(done);
    followed.drops.send_modify(|count| *count += 1);
    assert_eq!(followed.listed().await, "etl completed 7");
    followed.apply([WatchEvent::Apply(member("ml", 0, 12, complete(8)))]);
    assert_eq!(followed.written().await, "ml completed 8");
}

#[tokio::test(start_paused = true)]
async fn changes_within_a_second_are_one_record() {
    let mut followed = Followed::with(vec![]);
    assert_eq!(followed.listed().await, "");
    let began = tokio::time::Instant::now();
    for name in ["a", "b"] {
        followed.apply([WatchEvent::Apply(head(name, 1)), WatchEvent::Apply(member(name, 0, 11, complete(7)))]);
        tokio::task::yield_now().await;
    }
    assert_eq!(followed.written().await, "a completed 7, b completed 7");
    assert!(began.elapsed() >= Duration::from_millis(900));
}

#[tokio::test(start_paused = true)]
async fn a_list_goes_in_pieces_and_all_count_as_recorded_after_the_last_one() {
    let ended = |number: usize| {
        let name = format!("b{number:03}");
        [head(&name, 1), member(&name, 0, 4, complete(7))]
    };
    let mut followed = Followed::with((0..201).flat_map(ended).collect());
    let mut sizes = Vec::new();
    while sizes.last() != Some(&0) {
        let (batches, done) = followed.next().await;
        assert_eq!(followed.recorded("b000"), None);
        sizes.push(batches.len());
        done.send(()).unwrap();
    }
    assert!(followed.is_quiet().await);
    let end = Some((BatchState::Completed, jobs::OLD + 7));
    assert_eq!((sizes, followed.recorded("b000"), followed.recorded("b200")), (vec![100, 100, 1, 0], end, end));
    followed.drops.send_modify(|count| *count += 1);
    let (_, done) = followed.next().await;
    assert_eq!(followed.recorded("b000"), None, "the database may be new");
    drop(done);
    assert_eq!(followed.next().await.0.len(), 100, "a piece that is lost begins the list again");
}

#[tokio::test(start_paused = true)]
async fn an_end_counts_as_recorded_when_it_is_written() {
    let mut followed = Followed::with(vec![head("etl", 1), member("etl", 0, 4, None)]);
    assert_eq!(followed.listed().await, "");
    followed.apply([WatchEvent::Apply(member("etl", 0, 11, failed(7)))]);
    let (_, done) = followed.next().await;
    let mut recorded = followed.store.recorded_ends.subscribe();
    assert_eq!(followed.recorded("etl"), None);
    done.send(()).unwrap();
    recorded.changed().await.unwrap();
    assert_eq!(followed.recorded("etl"), Some((BatchState::Failed, jobs::OLD + 7)));
}

/// Run it with `--release --ignored --nocapture`.
#[tokio::test]
#[ignore = "a measurement"]
async fn the_time_of_a_round_of_fifty_thousand_members() {
    let of_batch = |number: usize| {
        let name = format!("batch-{number:03}");
        let members = (0..100).map(|index| member(&name, index, 4, (index % 2 == 0).then(|| complete(7))));
        std::iter::once(head(&name, 100)).chain(members).collect::<Vec<_>>()
    };
    let store = Arc::new(JobStore::new("lab"));
    let source = Followed::of(Arc::clone(&store), MAY_GROW);
    source.follower.abort();
    source.list(10, (0..500).flat_map(of_batch).collect());
    let record = |_| true;
    let (cluster, drops) = ("lab".into(), source.drops.subscribe());
    let follower = Follower { cluster, store, may_grow: MAY_GROW, drops, record, is_listed: true };
    let started = std::time::Instant::now();
    for _ in 0..20 {
        assert_eq!(follower.look().await.unwrap().ends.len(), 0);
    }
    println!("{:?} a round", started.elapsed() / 20);
}
