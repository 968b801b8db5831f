//! The metrics of the clusters. With a clusters file each has the label `cluster`.

use std::sync::Arc;
use std::time::Duration;

use crate::api::state::AppState;
use crate::clusters::cluster::Cluster;
use crate::jobs::state::State;
use crate::jobs::store::finished::FINAL_STATES;
use crate::kube::health::{Check, Outcome};
use crate::kube::metrics::{RequestLabels, WATCH_STATES};
use crate::telemetry::metrics::{Outcomes, since_epoch};
use crate::telemetry::prometheus_text::Kind::{Counter, Gauge, Histogram};
use crate::telemetry::prometheus_text::{Exposition, Family, Labels, Seconds};

/// The clusters to report.
struct Clusters {
    clusters: Vec<Arc<Cluster>>,
    has_label: bool,
}

impl Clusters {
    /// Writes the samples of every cluster. The first argument of the closure is the label `cluster` or nothing.
    fn each(&self, mut write: impl FnMut(Labels<'_>, &Cluster)) {
        for cluster in &self.clusters {
            let label = [("cluster", &**cluster.name())];
            write(if self.has_label { &label } else { &[] }, cluster);
        }
    }
}

pub(super) fn write(text: &mut Exposition, state: &AppState) {
    let clusters = state.clusters.current().all().cloned().collect();
    let clusters = Clusters { clusters, has_label: state.has_clusters_file };
    checks(text, &clusters);
    upstream(text, &clusters);
    identity(text, &clusters);
    watch(text, &clusters);
    finished_jobs(text, &clusters, state.metrics_namespaces);
}

fn checks(text: &mut Exposition, clusters: &Clusters) {
    let mut checks = text.family(Gauge, "eks_api_check_passed", "Whether a check of /health passes.");
    clusters.each(|label, cluster| {
        for check in Check::ALL {
            let passed = cluster.api_server.checks.outcome(check) == Outcome::Passed;
            checks.sample(&[label, &[("check", check.name())]].concat(), u8::from(passed));
        }
    });
}

fn upstream(text: &mut Exposition, clusters: &Clusters) {
    let with_labels = |what: &RequestLabels, write: &mut dyn FnMut(Labels<'_>)| {
        write(&[("verb", what.verb), ("resource", what.resource), ("code", &what.code.to_string())]);
    };
    let help = "Requests to the API server.";
    let mut total = text.family(Counter, "eks_api_upstream_requests_total", help);
    clusters.each(|label, cluster| {
        for (what, histogram) in cluster.api_server.metrics.requests.all() {
            with_labels(&what, &mut |labels| total.sample(&[label, labels].concat(), histogram.count()));
        }
    });
    let help = "Time to the API server's reply. For a stream, time to its start.";
    let mut times = text.family(Histogram, "eks_api_upstream_request_duration_seconds", help);
    clusters.each(|label, cluster| {
        for (what, histogram) in cluster.api_server.metrics.requests.all() {
            with_labels(&what, &mut |labels| times.histogram(&[label, labels].concat(), &histogram));
        }
    });
    let help = "Retried requests to the API server, by the code of the failure.";
    let mut retries = text.family(Counter, "eks_api_upstream_retries_total", help);
    clusters.each(|label, cluster| {
        for (what, counter) in cluster.api_server.metrics.retries.all() {
            with_labels(&what, &mut |labels| retries.sample(&[label, labels].concat(), counter.value()));
        }
    });
}

fn identity(text: &mut Exposition, clusters: &Clusters) {
    let help = "Attempts to sign a token, by outcome.";
    let mut renewals = text.family(Counter, "eks_api_token_renewals_total", help);
    clusters.each(|label, cluster| outcomes(&mut renewals, label, cluster.api_server.tokens.renewals()));
    let help = "When the token expires; 0 without a token.";
    let mut expiry = text.family(Gauge, "eks_api_token_expiry_timestamp_seconds", help);
    clusters.each(|label, cluster| {
        let until = cluster.api_server.tokens.good_until().map_or(Duration::ZERO, since_epoch);
        expiry.sample(label, Seconds(until));
    });
    let help = "Calls of DescribeCluster, by outcome.";
    let mut descriptions = text.family(Counter, "eks_api_describe_cluster_total", help);
    clusters.each(|label, cluster| outcomes(&mut descriptions, label, &cluster.api_server.metrics.descriptions));
    let help = "When DescribeCluster last succeeded; 0 if never.";
    let mut last = text.family(Gauge, "eks_api_describe_cluster_last_success_timestamp_seconds", help);
    clusters.each(|label, cluster| last.sample(label, Seconds(cluster.api_server.metrics.described.value())));
}

fn outcomes(family: &mut Family<'_>, label: Labels<'_>, outcomes: &Outcomes) {
    for (outcome, counter) in [("succeeded", &outcomes.succeeded), ("failed", &outcomes.failed)] {
        family.sample(&[label, &[("outcome", outcome)]].concat(), counter.value());
    }
}

fn watch(text: &mut Exposition, clusters: &Clusters) {
    let help = "1 for the watch's current state, 0 for the others.";
    let mut states = text.family(Gauge, "eks_api_watch_state", help);
    clusters.each(|label, cluster| {
        let now = cluster.api_server.metrics.watch.state();
        for state in WATCH_STATES {
            states.sample(&[label, &[("state", state)]].concat(), u8::from(state == now));
        }
    });
    let mut restarts = text.family(Counter, "eks_api_watch_restarts_total", "Reopened watches.");
    clusters.each(|label, cluster| restarts.sample(label, cluster.api_server.metrics.watch.restarts()));
    let help = "Failures of the list or the watch, by reason.";
    let mut failures = text.family(Counter, "eks_api_watch_failures_total", help);
    clusters.each(|label, cluster| {
        for (reason, count) in cluster.api_server.metrics.watch.losses() {
            failures.sample(&[label, &[("reason", reason)]].concat(), count);
        }
    });
    let help = "When the watch last sent an event or a bookmark; 0 if never.";
    let mut last = text.family(Gauge, "eks_api_watch_last_event_timestamp_seconds", help);
    clusters.each(|label, cluster| last.sample(label, Seconds(cluster.api_server.metrics.watch.last_event.value())));
    let mut jobs = text.family(Gauge, "eks_api_cached_jobs", "Jobs in memory, by state.");
    clusters.each(|label, cluster| {
        for (state, count) in State::ALL.into_iter().zip(cluster.store.counts()) {
            jobs.sample(&[label, &[("state", state.name())]].concat(), count);
        }
    });
    let mut batches = text.family(Gauge, "eks_api_batches", "Batches in memory.");
    clusters.each(|label, cluster| batches.sample(label, cluster.store.batch_count()));
}

/// These metrics have the label also without a clusters file.
fn finished_jobs(text: &mut Exposition, clusters: &Clusters, by_namespace: bool) {
    let clusters = Clusters { clusters: clusters.clusters.clone(), has_label: true };
    let states = FINAL_STATES.map(|state| [("state", state.name())]);
    let help = "Jobs that finished after the service first saw them, by final state.";
    let mut total = text.family(Counter, "eks_api_jobs_finished_total", help);
    clusters.each(|label, cluster| {
        let finished = cluster.store.finished();
        for (index, state) in states.iter().enumerate() {
            if by_namespace {
                for (namespace, counts) in &finished.counts {
                    total.sample(&[label, &[("namespace", namespace)], state].concat(), counts[index]);
                }
            } else {
                let count = finished.counts.values().map(|counts| counts[index]).sum::<u64>();
                total.sample(&[label, state].concat(), count);
            }
        }
    });
    let mut times = text.family(Histogram, "eks_api_job_duration_seconds", "Run time of these jobs.");
    clusters.each(|label, cluster| {
        for (state, run_times) in states.iter().zip(&*cluster.store.finished().run_times) {
            times.histogram(&[label, state].concat(), run_times);
        }
    });
}
