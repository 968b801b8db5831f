//! Pages of audit records against a naive model.

use rusqlite::params;
use serde_json::Value;

use super::*;
use crate::config::pattern::Patterns;
use crate::history::query::Bounds;
use crate::history::query::audit::{AuditFilter, list, list_bounded};

#[derive(Debug)]
struct Entry {
    id: i64,
    time: i64,
    cluster: &'static str,
    namespace: Option<&'static str>,
    operation: &'static str,
    outcome: &'static str,
    caller: Option<&'static str>,
}

const CLUSTERS: [&str; 3] = ["prod", "test", ""];
const OPERATIONS: [&str; 2] = ["create_job", "delete_job"];
const OUTCOMES: [&str; 3] = ["success", "refused", "failed"];

fn entries(rng: &mut fastrand::Rng, seconds: i64) -> Vec<Entry> {
    let entry = |id| Entry {
        id,
        time: rng.i64(0..seconds),
        cluster: one_of(rng, &CLUSTERS),
        namespace: maybe(rng, &NAMESPACES),
        operation: one_of(rng, &OPERATIONS),
        outcome: one_of(rng, &OUTCOMES),
        caller: maybe(rng, &CALLERS),
    };
    (1..=150).map(entry).collect()
}

fn is_match(filter: &AuditFilter, entry: &Entry) -> bool {
    let is = |wanted: &Option<String>, value: Option<&str>| wanted.is_none() || wanted.as_deref() == value;
    let is_allowed = |list: &Patterns| entry.namespace.is_some_and(|namespace| list.matches(namespace));
    filter.clusters.as_ref().is_none_or(|usable| usable.iter().any(|cluster| cluster == entry.cluster))
        && is(&filter.namespace, entry.namespace)
        && is(&filter.operation, Some(entry.operation))
        && is(&filter.outcome, Some(entry.outcome))
        && is(&filter.caller, entry.caller)
        && filter.allowed.iter().all(is_allowed)
        && filter.since.is_none_or(|since| since <= entry.time)
        && filter.until.is_none_or(|until| entry.time < until)
}

fn id(record: &Value) -> i64 {
    record["id"].as_i64().unwrap()
}

#[test]
fn all_pages_of_any_filter_have_the_records_of_the_model_in_its_order() {
    let mut rng = fastrand::Rng::with_seed(5);
    let connection = database();
    let mut entries = entries(&mut rng, 40);
    for entry in &entries {
        let Entry { id, time, cluster, namespace, operation, outcome, caller } = entry;
        let record = json!({ "id": id }).to_string();
        let one = params![id, time, cluster, namespace, operation, outcome, caller, record];
        connection.execute("INSERT INTO audit VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)", one).unwrap();
    }
    entries.sort_by_key(|entry| std::cmp::Reverse((entry.time, entry.id)));
    let mut matches = 0;
    for number in 0..400 {
        let probability = f64::from(number % 4) / 5.0;
        let value = |rng: &mut fastrand::Rng, values: &[&'static str]| {
            (rng.f64() < probability).then(|| maybe(rng, values).unwrap_or("absent").to_owned())
        };
        let lists = ["team-*", "lab,team-b", "*"];
        let filter = AuditFilter {
            clusters: (rng.u32(..4) > 0)
                .then(|| CLUSTERS.iter().filter(|_| rng.u32(..4) > 0).map(|&cluster| cluster.to_owned()).collect()),
            namespace: value(&mut rng, &NAMESPACES),
            allowed: (0..rng.usize(..6) / 3).map(|_| Patterns::parse(one_of(&mut rng, &lists)).unwrap()).collect(),
            operation: value(&mut rng, &OPERATIONS),
            outcome: value(&mut rng, &OUTCOMES),
            caller: value(&mut rng, &CALLERS),
            since: (rng.f64() < probability).then(|| rng.i64(0..40)),
            until: (rng.f64() < probability).then(|| rng.i64(0..40)),
        };
        let bounds = Bounds { limit: rng.usize(1..20), max_rows: [1, 7, 1000][rng.usize(..3)] };
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = list_bounded(&connection, &filter, after, bounds).unwrap();
            assert!(page.rows.len() <= bounds.limit);
            found.extend(page.rows.iter().map(|record| id(&serde_json::from_str(record.get()).unwrap())));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let expected: Vec<i64> =
            entries.iter().filter(|entry| is_match(&filter, entry)).map(|entry| entry.id).collect();
        assert_eq!(found, expected, "{filter:?} {bounds:?}");
        matches += found.len();
    }
    assert!(matches > 3000, "{matches}");
    let none = AuditFilter { clusters: Some(Vec::new()), ..AuditFilter::default() };
    assert!(list(&connection, &none, None, 10).unwrap().rows.is_empty(), "no cluster is allowed");
}
