//! A database in memory with random runs, and the same runs as a model.

mod audit_tests;
mod job_tests;
mod runs_tests;
mod stats_tests;

use std::collections::BTreeMap;

use rusqlite::{Connection, params};
use serde_json::json;

pub(super) const NAMESPACES: [&str; 4] = ["team-a", "team-b", "lab", "default"];
pub(super) const STATES: [&str; 5] = ["pending", "suspended", "running", "completed", "failed"];
pub(super) const TEMPLATES: [&str; 3] = ["cronjob/etl", "cronjob/report", "job/etl"];
pub(super) const CALLERS: [&str; 2] = ["ci", "ops@example.com"];
pub(super) const JOBS: [&str; 3] = ["a", "b", "a-b"];
pub(super) const BATCHES: [&str; 2] = ["load", "night"];
pub(super) const TEAMS: [&str; 2] = ["x", "y"];
const REASONS: [&str; 2] = ["DeadlineExceeded", "BackoffLimitExceeded"];
const IMAGES: [&str; 3] = ["etl:1", "etl:2", "proxy:7"];

#[derive(Clone, Debug, Default)]
pub(super) struct Sample {
    pub(super) id: i64,
    pub(super) cluster: &'static str,
    pub(super) uid: String,
    pub(super) namespace: &'static str,
    pub(super) job_name: &'static str,
    pub(super) state: &'static str,
    pub(super) created: i64,
    pub(super) gone: Option<i64>,
    pub(super) reason: Option<&'static str>,
    pub(super) template: Option<&'static str>,
    pub(super) batch_name: Option<&'static str>,
    pub(super) caller: Option<&'static str>,
    pub(super) team: Option<&'static str>,
    pub(super) images: Option<BTreeMap<&'static str, &'static str>>,
    pub(super) queued_s: Option<i64>,
    pub(super) ran_s: Option<i64>,
}

pub(super) fn one_of(rng: &mut fastrand::Rng, values: &[&'static str]) -> &'static str {
    values[rng.usize(..values.len())]
}

/// One of the values, or none.
pub(super) fn maybe(rng: &mut fastrand::Rng, values: &[&'static str]) -> Option<&'static str> {
    values.get(rng.usize(..=values.len())).copied()
}

/// Runs of two clusters, whose ids and times are in different orders. Many have the same time.
pub(super) fn samples(rng: &mut fastrand::Rng, count: i64, seconds: i64) -> Vec<Sample> {
    let mut ids: Vec<i64> = (1..=count).collect();
    rng.shuffle(&mut ids);
    let sample = |id| {
        let state = one_of(rng, &STATES);
        let images = ["main", "helper", "init"].into_iter().take(rng.usize(..=3));
        let images: BTreeMap<_, _> = images.map(|name| (name, one_of(rng, &IMAGES))).collect();
        Sample {
            id,
            cluster: if rng.u32(..5) == 0 { "other" } else { "prod" },
            uid: format!("u{id}"),
            namespace: one_of(rng, &NAMESPACES),
            job_name: one_of(rng, &JOBS),
            state,
            created: rng.i64(0..seconds),
            gone: rng.bool().then_some(seconds),
            reason: if state == "failed" { maybe(rng, &REASONS) } else { None },
            template: maybe(rng, &TEMPLATES),
            batch_name: maybe(rng, &BATCHES),
            caller: maybe(rng, &CALLERS),
            team: maybe(rng, &TEAMS),
            images: rng.bool().then_some(images),
            queued_s: rng.bool().then(|| rng.i64(0..9)),
            ran_s: rng.bool().then(|| rng.i64(0..9999)),
        }
    };
    ids.into_iter().map(sample).collect()
}

pub(super) fn database() -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(include_str!("../../store/schema_1.sql")).unwrap();
    connection.execute_batch("INSERT INTO clusters (id, name) VALUES (1, 'prod'), (2, 'other')").unwrap();
    connection
}

pub(super) fn insert(connection: &Connection, samples: &[Sample]) {
    let mut insert = connection
        .prepare(
            "INSERT INTO runs (id, cluster, uid, version, namespace, job_name, state, created, gone, reason, template,
                batch_name, caller, labels, images, queued_s, ran_s, started, ended, retries, active, succeeded, failed)
             VALUES (?1, ?2, ?3, 7, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, 0, 0, 1, 2)",
        )
        .unwrap();
    for run in samples {
        let labels = run.team.map_or(json!({ "app": "eks-api" }), |team| json!({ "app": "eks-api", "team": team }));
        let images = run.images.as_ref().map(|images| json!(images).to_string());
        let cluster = if run.cluster == "prod" { 1 } else { 2 };
        let started = run.queued_s.map(|queued| run.created + queued);
        let ended = started.zip(run.ran_s).map(|(started, ran)| started + ran);
        let one = params![
            run.id,
            cluster,
            run.uid,
            run.namespace,
            run.job_name,
            run.state,
            run.created,
            run.gone,
            run.reason,
            run.template,
            run.batch_name,
            run.caller,
            labels.to_string(),
            images,
            run.queued_s,
            run.ran_s,
            started,
            ended,
        ];
        insert.execute(one).unwrap();
    }
}
