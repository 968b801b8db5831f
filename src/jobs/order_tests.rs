//! That the blocks agree with a plain sorted list, however they have come about.

use std::collections::BTreeMap;

use super::*;
use crate::kube::types::{Job, Time};

fn job(name: &str, created: u32, is_running: bool) -> Arc<Status> {
    let mut job = Job::default();
    job.status.active = i32::from(is_running);
    job.metadata.name = name.to_owned();
    job.metadata.creation_timestamp =
        Some(Time(format!("2026-01-20T{:02}:{:02}:{:02}Z", created / 3600, created / 60 % 60, created % 60)));
    Arc::new(Status::of(&job))
}

type Model = BTreeMap<(Reverse<Seconds>, String), Arc<Status>>;

fn key(status: &Status) -> (Reverse<Seconds>, String) {
    (Reverse(status.created), status.key().to_owned())
}

fn agree(order: &Order, model: &Model, rng: &mut fastrand::Rng) {
    for block in &order.blocks {
        assert!((1..=LARGEST).contains(&block.jobs.len()));
        assert_eq!(block.counts.iter().sum::<usize>(), block.jobs.len());
    }
    assert_eq!(order.counts().iter().sum::<usize>(), model.len());
    let there = model.values().nth(rng.usize(..=model.len())).map(Arc::clone);
    let elsewhere = job(&format!("x{}", rng.u32(..99)), rng.u32(..6_000), false);
    for place in [None, there, Some(elsewhere)] {
        let behind = |status: &&Arc<Status>| place.as_ref().is_none_or(|place| age(place) < age(status));
        for state in [None, Some(State::Running), Some(State::Pending), Some(State::Failed)] {
            let of_state = |status: &&Arc<Status>| state.is_none_or(|state| status.state == state);
            let place = place.as_ref().map(|place| age(place));
            let expected: Vec<_> = model.values().filter(behind).filter(of_state).collect();
            assert!(order.after(place, state).eq(expected.iter().copied()), "{place:?} {state:?}");
            assert_eq!(order.count_after(place, state), expected.len(), "{place:?} {state:?}");
        }
    }
}

#[test]
fn blocks_that_grow_split_and_shrink_hold_what_a_sorted_list_does() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let (mut order, mut model) = (Order::default(), Model::new());
    // Grows to several blocks, is mixed, and shrinks to nothing.
    for (rounds, removals) in [(6_000, 1), (3_000, 5), (20_000, 9)] {
        for round in 0..rounds {
            if rng.u32(..10) >= removals {
                let status = job(&format!("job-{}", rng.u32(..50)), rng.u32(..6_000), rng.bool());
                model.insert(key(&status), Arc::clone(&status));
                order.put(status);
            } else if let Some(status) = model.values().nth(rng.usize(..=model.len())).map(Arc::clone) {
                model.remove(&key(&status));
                order.remove(age(&status));
            }
            if round % 500 == 0 {
                agree(&order, &model, &mut rng);
            }
        }
        agree(&order, &model, &mut rng);
    }
    while let Some((_, status)) = model.pop_first() {
        order.remove(age(&status));
    }
    agree(&order, &model, &mut rng);
    assert!(order.is_empty());
}

#[test]
fn what_is_not_there_is_not_removed() {
    let mut order = Order::default();
    order.remove(age(&job("a", 1, false)));
    order.put(job("b", 1, true));
    for other in [job("a", 1, false), job("c", 1, false), job("b", 2, false)] {
        order.remove(age(&other));
    }
    assert_eq!(order.counts(), [0, 1, 0, 0, 0]);
}

#[test]
fn newest_last_or_first_the_blocks_are_at_least_half_full() {
    for newest_first in [false, true] {
        let mut order = Order::default();
        for number in 0..5_000 {
            order.put(job("a", if newest_first { 5_000 - number } else { number }, false));
        }
        assert!(order.blocks.len() <= 5_000 / (LARGEST / 2), "{}", order.blocks.len());
    }
}
