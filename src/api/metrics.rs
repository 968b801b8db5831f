//! /metrics: all metrics in Prometheus' text format. docs/OPERATION.md lists them, and a test compares the two.

use std::time::Duration;

use hyper::StatusCode;

use crate::api::state::AppState;
use crate::http::limits::rate_limit::RateLimits;
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;
use crate::jobs::state::State;
use crate::jobs::store::finished::FINAL_STATES;
use crate::kube::health::{Check, Outcome};
use crate::kube::metrics::WATCH_STATES;
use crate::telemetry::metrics::{Outcomes, since_epoch};
use crate::telemetry::process::Usage;
use crate::telemetry::prometheus_text::Kind::{Counter, Gauge, Histogram};
use crate::telemetry::prometheus_text::{Exposition, Seconds};
use crate::telemetry::stderr;

pub(super) fn metrics(state: &AppState) -> Result<Reply, Problem> {
    if !state.traffic.is_shown {
        return Err(Problem::new(
            StatusCode::NOT_FOUND,
            "path_not_found",
            "EKS_API_METRICS=false disables the metrics",
        ));
    }
    let mut text = Exposition::default();
    service(&mut text, state);
    callers(&mut text, state);
    limits(&mut text, state);
    upstream(&mut text, state);
    identity(&mut text, state);
    live_state(&mut text, state);
    finished_jobs(&mut text, state);
    process(&mut text, state);
    Ok(Reply::encoded(StatusCode::OK, text.into_bytes()))
}

fn service(text: &mut Exposition, state: &AppState) {
    let mut info = text.family(Gauge, "eks_api_build_info", "Always 1. The label is the version.");
    info.sample(&[("version", env!("CARGO_PKG_VERSION"))], 1);
    let ready = state.api_server().is_ready() && !*state.draining.borrow();
    text.family(Gauge, "eks_api_ready", "Whether /readyz answers 200.").sample(&[], u8::from(ready));
    let mut checks = text.family(Gauge, "eks_api_check_passed", "Whether a check of /health passes.");
    for check in Check::ALL {
        let passed = state.api_server().checks.outcome(check) == Outcome::Passed;
        checks.sample(&[("check", check.name())], u8::from(passed));
    }
}

fn callers(text: &mut Exposition, state: &AppState) {
    let mut total =
        text.family(Counter, "eks_api_requests_total", "Answered requests. A stream counts when it starts.");
    let requests = state.traffic.requests.all();
    for ((operation, code), histogram) in &requests {
        total.sample(&[("operation", operation), ("code", &code.to_string())], histogram.count());
    }
    let help = "Time to the answer, waits included. For a stream, time to its start.";
    let mut times = text.family(Histogram, "eks_api_request_duration_seconds", help);
    for ((operation, code), histogram) in &requests {
        times.histogram(&[("operation", operation), ("code", &code.to_string())], histogram);
    }
}

fn limits(text: &mut Exposition, state: &AppState) {
    let (traffic, [requests, waits, streams, writes]) = (&state.traffic, state.calls.stats());
    let open = [
        ("eks_api_open_connections", "Open connections of callers.", traffic.connections.value()),
        ("eks_api_requests_in_flight", "Requests in progress, without those answered from memory.", requests.open),
        ("eks_api_open_waits", "Calls with wait in progress.", waits.open),
        ("eks_api_open_streams", "Open event and log streams.", streams.open),
    ];
    for (name, help, value) in open {
        text.family(Gauge, name, help).sample(&[], value);
    }
    let help = "The largest number of each kind at a time. For peer and caller, calls a second.";
    let mut limits = text.family(Gauge, "eks_api_limit", help);
    let kinds = ["requests", "waits", "streams", "writes"].into_iter().zip([requests, waits, streams, writes]);
    limits.sample(&[("limit", "connections")], traffic.max_connections.value());
    for (name, kind) in kinds.clone() {
        limits.sample(&[("limit", name)], kind.max);
    }
    let RateLimits { peers, callers, .. } = &state.rates;
    for (name, rate) in [("peer", peers.per_second()), ("caller", callers.per_second())] {
        if rate > 0 {
            limits.sample(&[("limit", name)], rate);
        }
    }
    let mut refused = text.family(Counter, "eks_api_refused_total", "Refused connections and calls, by limit.");
    let counters = [
        ("peer", &*peers.refused),
        ("caller", &*callers.refused),
        ("connections", &traffic.refused_connections),
        ("memory", &state.calls.bodies.refused),
    ];
    let counts = counters.into_iter().map(|(name, counter)| (name, counter.value()));
    for (name, count) in counts.chain(kinds.map(|(name, kind)| (name, kind.refused))) {
        refused.sample(&[("limit", name)], count);
    }
    let help = "Audit records: written, of these fallen back from the journal to stderr, and lost.";
    let mut records = text.family(Counter, "eks_api_audit_records_total", help);
    let audit = &state.audit;
    for (outcome, count) in [("written", &audit.written), ("fell_back", &audit.fell_back), ("lost", &audit.lost)] {
        records.sample(&[("outcome", outcome)], count.value());
    }
    let help = "Log lines dropped because stderr is read too slowly.";
    text.family(Counter, "eks_api_log_lines_dropped_total", help).sample(&[], stderr::dropped());
}

fn upstream(text: &mut Exposition, state: &AppState) {
    let metrics = &state.api_server().metrics;
    let help = "Requests to the API server.";
    let mut total = text.family(Counter, "eks_api_upstream_requests_total", help);
    let requests = metrics.requests.all();
    for (what, histogram) in &requests {
        total.sample(
            &[("verb", what.verb), ("resource", what.resource), ("code", &what.code.to_string())],
            histogram.count(),
        );
    }
    let help = "Time to the API server's reply. For a stream, time to its start.";
    let mut times = text.family(Histogram, "eks_api_upstream_request_duration_seconds", help);
    for (what, histogram) in &requests {
        times.histogram(
            &[("verb", what.verb), ("resource", what.resource), ("code", &what.code.to_string())],
            histogram,
        );
    }
    let help = "Retried requests to the API server, by the code of the failure.";
    let mut retries = text.family(Counter, "eks_api_upstream_retries_total", help);
    for (what, counter) in metrics.retries.all() {
        retries.sample(
            &[("verb", what.verb), ("resource", what.resource), ("code", &what.code.to_string())],
            counter.value(),
        );
    }
}

fn identity(text: &mut Exposition, state: &AppState) {
    let (tokens, metrics) = (&state.api_server().tokens, &state.api_server().metrics);
    outcomes(text, "eks_api_token_renewals_total", "Attempts to sign a token, by outcome.", tokens.renewals());
    let until = tokens.good_until().map_or(Duration::ZERO, since_epoch);
    let help = "When the token expires; 0 without a token.";
    text.family(Gauge, "eks_api_token_expiry_timestamp_seconds", help).sample(&[], Seconds(until));
    outcomes(text, "eks_api_describe_cluster_total", "Calls of DescribeCluster, by outcome.", &metrics.descriptions);
    let help = "When DescribeCluster last succeeded; 0 if never.";
    let mut last = text.family(Gauge, "eks_api_describe_cluster_last_success_timestamp_seconds", help);
    last.sample(&[], Seconds(metrics.described.value()));
}

fn outcomes(text: &mut Exposition, name: &'static str, help: &str, outcomes: &Outcomes) {
    let mut family = text.family(Counter, name, help);
    for (outcome, counter) in [("succeeded", &outcomes.succeeded), ("failed", &outcomes.failed)] {
        family.sample(&[("outcome", outcome)], counter.value());
    }
}

fn live_state(text: &mut Exposition, state: &AppState) {
    let watch = &state.api_server().metrics.watch;
    let (now, help) = (watch.state(), "1 for the watch's current state, 0 for the others.");
    let mut states = text.family(Gauge, "eks_api_watch_state", help);
    for state in WATCH_STATES {
        states.sample(&[("state", state)], u8::from(state == now));
    }
    let help = "Reopened watches.";
    text.family(Counter, "eks_api_watch_restarts_total", help).sample(&[], watch.restarts());
    let help = "Failures of the list or the watch, by reason.";
    let mut losses = text.family(Counter, "eks_api_watch_failures_total", help);
    for (reason, count) in watch.losses() {
        losses.sample(&[("reason", reason)], count);
    }
    let help = "When the watch last sent an event or a bookmark; 0 if never.";
    let mut last = text.family(Gauge, "eks_api_watch_last_event_timestamp_seconds", help);
    last.sample(&[], Seconds(watch.last_event.value()));
    let mut jobs = text.family(Gauge, "eks_api_cached_jobs", "Jobs in memory, by state.");
    for (state, count) in State::ALL.into_iter().zip(state.store().counts()) {
        jobs.sample(&[("state", state.name())], count);
    }
}

fn finished_jobs(text: &mut Exposition, state: &AppState) {
    let (cluster, finished) = (("cluster", state.api_server().name.as_str()), state.store().finished());
    let states = FINAL_STATES.map(|state| ("state", state.name()));
    let help = "Jobs that finished after the service first saw them, by final state.";
    let mut total = text.family(Counter, "eks_api_jobs_finished_total", help);
    for (index, label) in states.into_iter().enumerate() {
        if state.metrics_namespaces {
            for (namespace, counts) in &finished.counts {
                total.sample(&[cluster, ("namespace", namespace), label], counts[index]);
            }
        } else {
            total.sample(&[cluster, label], finished.counts.values().map(|counts| counts[index]).sum::<u64>());
        }
    }
    let mut times = text.family(Histogram, "eks_api_job_duration_seconds", "Run time of these jobs.");
    for (label, run_times) in states.into_iter().zip(&*finished.run_times) {
        times.histogram(&[cluster, label], run_times);
    }
}

/// The metrics that Prometheus' own libraries have. Values that cannot be read are left out.
fn process(text: &mut Exposition, state: &AppState) {
    let usage = Usage::now();
    let mut cpu = text.family(Counter, "process_cpu_seconds_total", "CPU time, user and system.");
    if let Some(time) = usage.cpu {
        cpu.sample(&[], Seconds(time));
    }
    for (name, help, value) in [
        ("process_resident_memory_bytes", "Resident memory.", usage.resident_bytes),
        ("process_virtual_memory_bytes", "Virtual memory.", usage.virtual_bytes),
        ("process_open_fds", "Open file descriptors.", usage.open_files),
        ("process_max_fds", "The largest number of open file descriptors.", usage.max_files),
    ] {
        let mut family = text.family(Gauge, name, help);
        if let Some(value) = value {
            family.sample(&[], value);
        }
    }
    let started = Seconds(since_epoch(state.traffic.started));
    text.family(Gauge, "process_start_time_seconds", "When the service started.").sample(&[], started);
}
