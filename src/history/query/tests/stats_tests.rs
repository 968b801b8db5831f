//! Statistics against a naive model.

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::runs_tests::{any_filter, is_match};
use super::*;
use crate::history::query::filter::RunFilter;
use crate::history::query::stats::{GroupBy, MAX_GROUPS, stats};

fn groups(connection: &Connection, filter: &RunFilter, group_by: &[GroupBy]) -> Value {
    serde_json::to_value(stats(connection, filter, group_by).unwrap().unwrap().groups).unwrap()
}

/// The values of a run. None stands for no value.
fn values(by: &GroupBy, run: &Sample) -> Vec<Option<String>> {
    let text = |value: Option<&str>| vec![value.map(str::to_owned)];
    let time = OffsetDateTime::from_unix_timestamp(run.created).unwrap();
    match by {
        GroupBy::Day => vec![Some(time.date().to_string())],
        GroupBy::Hour => vec![Some(format!("{}T{:02}:00:00+00:00", time.date(), time.hour()))],
        GroupBy::Template => text(run.template),
        GroupBy::Namespace => text(Some(run.namespace)),
        GroupBy::Caller => text(run.caller),
        GroupBy::Label(label) => text(run.team.filter(|_| label == "team")),
        GroupBy::Image => {
            let mut images: Vec<_> = run.images.iter().flatten().map(|(_, image)| (*image).to_owned()).collect();
            images.sort();
            images.dedup();
            if images.is_empty() { vec![None] } else { images.into_iter().map(Some).collect() }
        }
    }
}

fn percentiles(seconds: impl Iterator<Item = Option<i64>>) -> Value {
    let mut seconds: Vec<i64> = seconds.flatten().collect();
    seconds.sort_unstable();
    // The first value that at least this share of the values does not exceed.
    let at = |percent: usize| {
        let has_share =
            |value: &&i64| seconds.iter().filter(|other| other <= value).count() * 100 >= percent * seconds.len();
        seconds.iter().find(has_share).map(|seconds| seconds * 1000)
    };
    json!({ "p50": at(50), "p95": at(95), "max": seconds.last().map(|seconds| seconds * 1000) })
}

fn expected(runs: &[Sample], filter: &RunFilter, group_by: &[GroupBy]) -> Value {
    let mut groups: BTreeMap<Vec<Option<String>>, Vec<&Sample>> = BTreeMap::new();
    if group_by.is_empty() {
        groups.insert(Vec::new(), Vec::new());
    }
    for run in runs.iter().filter(|run| is_match(filter, run)) {
        let mut keys: Vec<Vec<Option<String>>> = vec![Vec::new()];
        for by in group_by {
            let longer =
                |key: Vec<_>| values(by, run).into_iter().map(move |value| [key.clone(), vec![value]].concat());
            keys = keys.into_iter().flat_map(longer).collect();
        }
        for key in keys {
            groups.entry(key).or_default().push(run);
        }
    }
    let group = |(key, runs): (Vec<Option<String>>, Vec<&Sample>)| {
        let count = |state| runs.iter().filter(|run| run.state == state).count();
        let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
        for reason in runs.iter().filter_map(|run| run.reason) {
            *reasons.entry(reason).or_default() += 1;
        }
        let mut group = json!({
            "runs": runs.len(), "completed": count("completed"), "failed": count("failed"),
            "ran_ms": percentiles(runs.iter().map(|run| run.ran_s)),
            "queued_ms": percentiles(runs.iter().map(|run| run.queued_s)),
            "ran_ms_sum": runs.iter().filter_map(|run| run.ran_s).sum::<i64>() * 1000,
            "failed_reasons": reasons,
        });
        for (by, value) in group_by.iter().zip(key) {
            group[by.name()] = json!(value);
        }
        group
    };
    groups.into_iter().map(group).collect()
}

#[test]
fn the_groups_are_those_of_the_model() {
    let mut rng = fastrand::Rng::with_seed(9);
    let label = |name: &str| GroupBy::Label(name.to_owned());
    let all = [GroupBy::Day, GroupBy::Hour, GroupBy::Template, GroupBy::Namespace, GroupBy::Image, GroupBy::Caller];
    let all = [&all[..], &[label("team"), label("none")]].concat();
    let mut several = 0;
    for _ in 0..4 {
        let seconds = [4000, 400_000][rng.usize(..2)];
        let runs = samples(&mut rng, 120, seconds);
        let connection = database();
        insert(&connection, &runs);
        for number in 0..80 {
            let filter = any_filter(&mut rng, f64::from(number % 3) / 6.0, seconds);
            let mut group_by = all.clone();
            rng.shuffle(&mut group_by);
            group_by.truncate(rng.usize(..3));
            let groups = groups(&connection, &filter, &group_by);
            assert_eq!(groups, expected(&runs, &filter, &group_by), "{filter:?} {group_by:?}");
            several += usize::from(groups.as_array().unwrap().len() > 3);
        }
    }
    assert!(several > 50, "{several}");
}

#[test]
fn percentiles_are_those_of_the_nearest_rank() {
    for (count, [p50, p95, max]) in
        [(1, [1, 1, 1]), (2, [1, 2, 2]), (3, [2, 3, 3]), (20, [10, 19, 20]), (21, [11, 20, 21])]
    {
        let connection = database();
        let run = |id| Sample {
            id,
            cluster: "prod",
            uid: format!("u{id}"),
            ran_s: Some(count + 1 - id),
            ..Sample::default()
        };
        insert(&connection, &(1..=count).map(run).collect::<Vec<_>>());
        let filter = RunFilter { cluster: "prod".to_owned(), ..RunFilter::default() };
        let groups = groups(&connection, &filter, &[]);
        assert_eq!(groups[0]["ran_ms"], json!({ "p50": p50 * 1000, "p95": p95 * 1000, "max": max * 1000 }), "{count}");
        assert_eq!(groups[0]["queued_ms"], json!({ "p50": null, "p95": null, "max": null }));
    }
}

#[test]
fn extreme_times_are_in_a_group_and_no_sum_overflows() {
    let connection = database();
    let times = [i64::MIN, -1, 0, 86_399, 253_402_300_799, 253_402_300_800, i64::MAX];
    let run = |(id, created)| Sample { id, cluster: "prod", uid: format!("u{id}"), created, ..Sample::default() };
    insert(&connection, &(1..).zip(times).map(run).collect::<Vec<_>>());
    connection.execute_batch(&format!("UPDATE runs SET ran_s = {}, queued_s = -5", i64::MAX)).unwrap();
    let filter = RunFilter { cluster: "prod".to_owned(), ..RunFilter::default() };
    let groups = groups(&connection, &filter, &[GroupBy::Day, GroupBy::Hour]);
    let days: Vec<_> = groups.as_array().unwrap().iter().map(|group| (&group["day"], &group["runs"])).collect();
    let json = |day: &str| json!(day);
    let (one, none) = (json!(1), Value::Null);
    let named = [json("1969-12-31"), json("1970-01-01"), json("1970-01-01"), json("9999-12-31")];
    let expected = [&none, &none, &none].into_iter().chain(&named).map(|day| (day, &one));
    assert_eq!(days, expected.collect::<Vec<_>>());
    assert_eq!(groups[0]["queued_ms"]["max"], 0);
    assert_eq!(groups[0]["ran_ms_sum"], u64::from(u32::MAX) * 1000);
}

#[test]
fn more_than_a_thousand_groups_are_refused() {
    let connection = database();
    let run = |id: i64| Sample { id, cluster: "prod", uid: format!("u{id}"), created: id * 3600, ..Sample::default() };
    let max = i64::try_from(MAX_GROUPS).unwrap();
    insert(&connection, &(1..=max).map(run).collect::<Vec<_>>());
    let filter = RunFilter { cluster: "prod".to_owned(), ..RunFilter::default() };
    assert_eq!(groups(&connection, &filter, &[GroupBy::Hour]).as_array().unwrap().len(), MAX_GROUPS);
    insert(&connection, &[run(max + 1)]);
    assert!(stats(&connection, &filter, &[GroupBy::Hour]).unwrap().is_err());
    assert_eq!(groups(&connection, &filter, &[GroupBy::Day])[0]["runs"], 23);
}
