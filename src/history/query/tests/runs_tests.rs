//! Pages of runs against a naive model.

use serde_json::{Value, json};

use super::*;
use crate::config::pattern::Patterns;
use crate::history::query::filter::RunFilter;
use crate::history::query::run::{COLUMNS, Run};
use crate::history::query::runs::{list, list_as};
use crate::history::query::scan::{INDEX_COLUMNS, Indexes, Scan};
use crate::history::query::{Bounds, Cursor, Page};
use crate::jobs::label_selector::Selector;

/// A filter that names each column with this probability. So filters of one column and of several occur.
pub(super) fn any_filter(rng: &mut fastrand::Rng, probability: f64, seconds: i64) -> RunFilter {
    let value = |rng: &mut fastrand::Rng, values: &[&'static str]| {
        (rng.f64() < probability).then(|| maybe(rng, values).unwrap_or("absent").to_owned())
    };
    let (selectors, lists) = (["", "", "team", "!team", "team=x", "team!=x,app"], ["team-*", "lab,team-b", ""]);
    RunFilter {
        cluster: "prod".to_owned(),
        namespace: value(rng, &NAMESPACES),
        allowed: (0..rng.usize(..6) / 3).map(|_| Patterns::parse(one_of(rng, &lists)).unwrap()).collect(),
        job_name: value(rng, &JOBS),
        uid: (rng.f64() < probability / 3.0).then(|| format!("u{}", rng.u32(..200))),
        state: value(rng, &STATES),
        since: (rng.f64() < probability).then(|| rng.i64(0..seconds)),
        until: (rng.f64() < probability).then(|| rng.i64(0..seconds)),
        batch_name: value(rng, &BATCHES),
        template: value(rng, &TEMPLATES),
        caller: value(rng, &CALLERS),
        selector: Selector::parse(one_of(rng, &selectors)).unwrap(),
    }
}

pub(super) fn is_match(filter: &RunFilter, run: &Sample) -> bool {
    let is = |wanted: &Option<String>, value: Option<&str>| wanted.is_none() || wanted.as_deref() == value;
    let labels = [("app", "eks-api")].into_iter().chain(run.team.map(|team| ("team", team)));
    run.cluster == filter.cluster
        && is(&filter.namespace, Some(run.namespace))
        && is(&filter.job_name, Some(run.job_name))
        && is(&filter.uid, Some(&run.uid))
        && is(&filter.state, Some(run.state))
        && is(&filter.batch_name, run.batch_name)
        && is(&filter.template, run.template)
        && is(&filter.caller, run.caller)
        && filter.since.is_none_or(|since| since <= run.created)
        && filter.until.is_none_or(|until| run.created < until)
        && filter.allowed.iter().all(|list| list.matches(run.namespace))
        && filter.selector.matches(labels)
}

/// The ids of all pages. The number of pages that are short, although they are not the last.
fn all_pages(connection: &Connection, filter: &RunFilter, bounds: Bounds) -> (Vec<i64>, usize) {
    let (mut ids, mut after, mut short) = (Vec::new(), None, 0);
    loop {
        let page = list_as(connection, filter, after, bounds, COLUMNS, |id, _| Ok(Some(id))).unwrap();
        assert!(page.rows.len() <= bounds.limit);
        short += usize::from(page.next.is_some() && page.rows.len() < bounds.limit);
        ids.extend(page.rows);
        assert!(page.next.is_none() || page.next != after, "every page reads a row at least");
        after = page.next;
        if after.is_none() {
            return (ids, short);
        }
    }
}

#[test]
fn all_pages_of_any_filter_have_the_runs_of_the_model_in_its_order() {
    let mut rng = fastrand::Rng::with_seed(21);
    let (mut matches, mut bounded) = (0, 0);
    for _ in 0..4 {
        let seconds = [3, 40, 4000][rng.usize(..3)];
        let mut runs = samples(&mut rng, 120, seconds);
        let connection = database();
        insert(&connection, &runs);
        runs.sort_by_key(|run| std::cmp::Reverse((run.created, run.id)));
        for number in 0..120 {
            let filter = any_filter(&mut rng, f64::from(number % 4) / 5.0, seconds);
            let bounds = Bounds { limit: rng.usize(1..20), max_rows: [1, 7, 1000][rng.usize(..3)] };
            let expected: Vec<i64> = runs.iter().filter(|run| is_match(&filter, run)).map(|run| run.id).collect();
            let (found, short) = all_pages(&connection, &filter, bounds);
            assert_eq!(found, expected, "{filter:?} {bounds:?}");
            assert!(short == 0 || bounds.max_rows < 1000, "{filter:?}");
            (matches, bounded) = (matches + found.len(), bounded + short);
        }
    }
    assert!(matches > 2000 && bounded > 500, "{matches} {bounded}");
}

#[test]
fn a_page_that_is_full_or_reads_too_many_rows_ends_at_the_last_of_them() {
    let connection = database();
    let run = |id| Sample { id, cluster: "prod", uid: format!("u{id}"), created: 100 + id, ..Sample::default() };
    insert(&connection, &(1..=5).map(run).collect::<Vec<_>>());
    let filter = RunFilter { cluster: "prod".to_owned(), uid: None, caller: None, ..RunFilter::default() };
    let none = RunFilter { allowed: vec![Patterns::NONE], ..filter.clone() };
    let page = |filter, limit, max_rows, after| -> Page<i64> {
        let mut read = 0;
        let page = list_as(&connection, filter, after, Bounds { limit, max_rows }, COLUMNS, |id, _| {
            read += 1;
            Ok(Some(id))
        });
        let page = page.unwrap();
        assert_eq!(page.rows.len(), read, "a full page ends");
        page
    };
    let at = |id| Some(Cursor { time: 100 + id, id });
    for (filter, limit, max_rows, after, ids, next) in [
        (&none, 9, 2, None, &[][..], at(4)),
        (&none, 9, 2, at(3), &[], at(1)),
        (&none, 9, 3, at(3), &[], None),
        (&none, 9, 5, None, &[], at(1)),
        (&none, 9, 6, None, &[], None),
        (&filter, 9, 2, None, &[5, 4], at(4)),
        (&filter, 2, 9, None, &[5, 4], at(4)),
        (&filter, 5, 9, None, &[5, 4, 3, 2, 1], at(1)),
        (&filter, 6, 9, None, &[5, 4, 3, 2, 1], None),
        (&filter, 2, 9, at(3), &[2, 1], at(1)),
        (&filter, 2, 9, at(1), &[], None),
    ] {
        let page = page(filter, limit, max_rows, after);
        assert_eq!((&*page.rows, page.next), (ids, next), "{limit} {max_rows} {after:?}");
    }
}

#[test]
fn a_list_reads_its_filters_from_one_index_and_sorts_nothing() {
    let connection = database();
    let value = || Some("x".to_owned());
    let filter = RunFilter { cluster: "prod".to_owned(), ..RunFilter::default() };
    for (index, filter) in [
        ("created", filter.clone()),
        ("state", RunFilter { state: value(), ..filter.clone() }),
        ("namespace", RunFilter { namespace: value(), state: Some("failed".to_owned()), ..filter.clone() }),
        ("state", RunFilter { state: Some("running".to_owned()), caller: value(), ..filter.clone() }),
        ("caller", RunFilter { caller: value(), namespace: value(), ..filter.clone() }),
        ("template", RunFilter { template: value(), caller: value(), ..filter.clone() }),
        ("job_name", RunFilter { job_name: value(), template: value(), ..filter.clone() }),
        ("batch", RunFilter { batch_name: value(), job_name: value(), ..filter.clone() }),
    ] {
        let mut scan = Scan::new(&connection, &filter, Indexes::All, INDEX_COLUMNS).unwrap().unwrap();
        let sql = scan.rows(None).unwrap().as_ref().unwrap().expanded_sql().unwrap();
        let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let plan: Vec<String> = explain.query_map([], |row| row.get(3)).unwrap().map(Result::unwrap).collect();
        let begin = format!("SEARCH runs USING COVERING INDEX runs_by_{index} (cluster=? AND ");
        assert!(plan.len() == 1 && plan[0].starts_with(&begin), "{plan:?}");
    }
}

#[test]
fn a_run_has_all_fields_of_the_contract() {
    let connection = database();
    let run = Sample {
        id: 4,
        cluster: "prod",
        uid: "u4".to_owned(),
        namespace: "demo",
        job_name: "etl-x7",
        state: "failed",
        created: 1_796_032_800,
        reason: Some("DeadlineExceeded"),
        template: Some("cronjob/etl"),
        team: Some("x"),
        images: Some([("main", "etl:1")].into()),
        queued_s: Some(1),
        ran_s: Some(60),
        ..Sample::default()
    };
    insert(&connection, &[run]);
    connection.execute_batch("UPDATE runs SET exit_code = 3, has_gaps = 3, request_id = 'r', retries = 1").unwrap();
    let filter = RunFilter { cluster: "prod".to_owned(), ..RunFilter::default() };
    let page: Page<Run> = list(&connection, &filter, None, 10).unwrap();
    let expected: Value = json!([{
        "cluster": "prod", "job_name": "etl-x7", "namespace": "demo", "uid": "u4", "state": "failed",
        "reason": "DeadlineExceeded", "message": null, "exit_code": 3, "termination_message": null,
        "images": { "main": "etl:1" }, "template": "cronjob/etl", "batch_name": null,
        "labels": { "app": "eks-api", "team": "x" }, "creation_timestamp": "2026-11-30T10:00:00+00:00",
        "start_time": "2026-11-30T10:00:01+00:00", "completion_time": "2026-11-30T10:01:01+00:00", "gone_time": null,
        "queued_ms": 1000, "ran_ms": 60000, "retries": 1, "caller": null, "request_id": "r", "has_gaps": true,
    }]);
    assert_eq!(serde_json::to_value(page.rows).unwrap(), expected);
}

#[test]
fn times_that_rfc_3339_cannot_say_are_null() {
    let connection = database();
    let times = [0, 253_402_300_799, 253_402_300_800, i64::MAX, i64::MIN];
    let run = |(id, created)| Sample { id, cluster: "prod", uid: format!("u{id}"), created, ..Sample::default() };
    insert(&connection, &(1..).zip(times).map(run).collect::<Vec<_>>());
    let filter = RunFilter { cluster: "prod".to_owned(), ..RunFilter::default() };
    let runs = serde_json::to_value(list(&connection, &filter, None, 10).unwrap().rows).unwrap();
    let times: Vec<&Value> = runs.as_array().unwrap().iter().map(|run| &run["creation_timestamp"]).collect();
    let none = Value::Null;
    assert_eq!(times, [&none, &none, &json!("9999-12-31T23:59:59+00:00"), &json!("1970-01-01T00:00:00+00:00"), &none]);
}

#[test]
fn an_unknown_cluster_has_no_runs_and_values_are_never_sql() {
    let connection = database();
    insert(&connection, &samples(&mut fastrand::Rng::with_seed(1), 20, 9));
    let list = |filter: &RunFilter| list(&connection, filter, None, 100).unwrap().rows.len();
    let prod = RunFilter { cluster: "prod".to_owned(), ..RunFilter::default() };
    let value = || Some("x' OR '1' = '1".to_owned());
    assert!(list(&prod) > 10);
    assert_eq!(list(&RunFilter::default()), 0);
    assert_eq!(list(&RunFilter { cluster: "' OR 1 --".to_owned(), ..prod.clone() }), 0);
    assert_eq!(list(&RunFilter { namespace: value(), ..prod.clone() }), 0);
    assert_eq!(list(&RunFilter { job_name: value(), state: value(), ..prod }), 0);
}
