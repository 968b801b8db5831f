//! /metrics: all that is counted, as Prometheus reads it. Owns the names and what they mean; what is counted where is
//! each room's own. docs/OPERATION.md's table has them all (a test compares them).

use std::time::Duration;

use hyper::StatusCode;

use crate::api::context::{AppState, RequestContext};
use crate::http::metrics::Limit;
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;
use crate::jobs::state::State;
use crate::kube::health::{Check, Outcome};
use crate::kube::metrics::WATCH_STATES;
use crate::telemetry::metrics::{Outcomes, since_epoch};
use crate::telemetry::process::Usage;
use crate::telemetry::prometheus_text::Kind::{Counter, Gauge, Histogram};
use crate::telemetry::prometheus_text::{Exposition, Seconds};
use crate::telemetry::stderr;

pub(super) fn metrics(call: &RequestContext) -> Result<Reply, Problem> {
    let shared = &*call.shared;
    if !shared.traffic.is_shown {
        return Err(Problem::new(
            StatusCode::NOT_FOUND,
            "path_not_found",
            "metrics are switched off by EKS_API_METRICS=false",
        ));
    }
    let mut text = Exposition::default();
    service(&mut text, shared);
    callers(&mut text, shared);
    limits(&mut text, shared);
    upstream(&mut text, shared);
    identity(&mut text, shared);
    live_state(&mut text, shared);
    process(&mut text, shared);
    Ok(Reply::encoded(StatusCode::OK, text.into_bytes()))
}

fn service(text: &mut Exposition, shared: &AppState) {
    let mut info = text.family(Gauge, "eks_api_build_info", "Always 1; the label tells the version.");
    info.sample(&[("version", env!("CARGO_PKG_VERSION"))], 1);
    let ready = shared.cluster.is_ready() && !*shared.draining.borrow();
    text.family(Gauge, "eks_api_ready", "Whether /readyz answers 200.").sample(&[], u8::from(ready));
    let mut checks = text.family(Gauge, "eks_api_check_passed", "Whether a check of /health passes.");
    for check in Check::ALL {
        let passed = shared.cluster.checks.outcome(check) == Outcome::Passed;
        checks.sample(&[("check", check.name())], u8::from(passed));
    }
}

fn callers(text: &mut Exposition, shared: &AppState) {
    let mut total = text.family(Counter, "eks_api_requests_total", "Requests answered; of a stream, begun.");
    let requests = shared.traffic.requests.all();
    for ((operation, code), histogram) in &requests {
        total.sample(&[("operation", operation), ("code", &code.to_string())], histogram.count());
    }
    let help = "How long requests took, waits included; of a stream, until it began.";
    let mut times = text.family(Histogram, "eks_api_request_duration_seconds", help);
    for ((operation, code), histogram) in &requests {
        times.histogram(&[("operation", operation), ("code", &code.to_string())], histogram);
    }
}

fn limits(text: &mut Exposition, shared: &AppState) {
    let (traffic, [requests, waits, streams, writes]) = (&shared.traffic, shared.calls.standing());
    let open = [
        ("eks_api_open_connections", "Connections of callers.", traffic.connections.value()),
        (
            "eks_api_requests_in_flight",
            "Requests being worked on; what memory answers at once is not seen here.",
            requests.open,
        ),
        ("eks_api_open_waits", "Calls that wait for a job.", waits.open),
        ("eks_api_open_streams", "Event and log streams.", streams.open),
    ];
    for (name, help, value) in open {
        text.family(Gauge, name, help).sample(&[], value);
    }
    let help = "How many there may be of what is open or in flight; of peer and caller, calls a second.";
    let mut most = text.family(Gauge, "eks_api_limit", help);
    let kinds = ["requests", "waits", "streams", "writes"].into_iter().zip([requests, waits, streams, writes]);
    most.sample(&[("limit", "connections")], traffic.most_connections.value());
    for (name, kind) in kinds.clone() {
        most.sample(&[("limit", name)], kind.most);
    }
    for (limit, rate) in [(Limit::Peer, &traffic.rate_of_peer), (Limit::Caller, &traffic.rate_of_caller)] {
        if rate.value() > 0 {
            most.sample(&[("limit", limit.name())], rate.value());
        }
    }
    let mut refused =
        text.family(Counter, "eks_api_refused_total", "What was refused because of a limit, by the limit.");
    for (name, count) in traffic.refusals().chain(kinds.map(|(name, kind)| (name, kind.refused))) {
        refused.sample(&[("limit", name)], count);
    }
    let help = "Records of the audit: written, among them those fallen back from the journal to stderr, or lost.";
    let mut records = text.family(Counter, "eks_api_audit_records_total", help);
    let tally = shared.audit.tally();
    for (outcome, count) in [("written", tally.written), ("fell_back", tally.fell_back), ("lost", tally.lost)] {
        records.sample(&[("outcome", outcome)], count);
    }
    let help = "Lines of stderr that were dropped, as it is not read fast enough.";
    text.family(Counter, "eks_api_log_lines_dropped_total", help).sample(&[], stderr::dropped());
}

fn upstream(text: &mut Exposition, shared: &AppState) {
    let traffic = &shared.cluster.traffic;
    let help = "Requests to the API server; the code is its status, or why there is none.";
    let mut total = text.family(Counter, "eks_api_upstream_requests_total", help);
    let requests = traffic.requests.all();
    for (what, histogram) in &requests {
        total.sample(
            &[("verb", what.verb), ("resource", what.resource), ("code", &what.code.to_string())],
            histogram.count(),
        );
    }
    let help = "How long the API server took to reply; of a stream, until it began.";
    let mut times = text.family(Histogram, "eks_api_upstream_request_duration_seconds", help);
    for (what, histogram) in &requests {
        times.histogram(
            &[("verb", what.verb), ("resource", what.resource), ("code", &what.code.to_string())],
            histogram,
        );
    }
    let help = "Requests to the API server that were sent again, by the code that was the reason.";
    let mut retries = text.family(Counter, "eks_api_upstream_retries_total", help);
    for (what, counter) in traffic.retries.all() {
        retries.sample(
            &[("verb", what.verb), ("resource", what.resource), ("code", &what.code.to_string())],
            counter.value(),
        );
    }
}

fn identity(text: &mut Exposition, shared: &AppState) {
    let (tokens, traffic) = (&shared.cluster.tokens, &shared.cluster.traffic);
    outcomes(text, "eks_api_token_renewals_total", "Tokens that were to be signed, by outcome.", tokens.renewals());
    let until = tokens.good_until().map_or(Duration::ZERO, since_epoch);
    let help = "Until when the token is used; 0 if there is none.";
    text.family(Gauge, "eks_api_token_expiry_timestamp_seconds", help).sample(&[], Seconds(until));
    outcomes(text, "eks_api_describe_cluster_total", "Calls of DescribeCluster, by outcome.", &traffic.descriptions);
    let help = "When DescribeCluster succeeded last; 0 if never.";
    let mut last = text.family(Gauge, "eks_api_describe_cluster_last_success_timestamp_seconds", help);
    last.sample(&[], Seconds(traffic.described.value()));
}

fn outcomes(text: &mut Exposition, name: &'static str, help: &str, outcomes: &Outcomes) {
    let mut family = text.family(Counter, name, help);
    for (outcome, counter) in [("succeeded", &outcomes.succeeded), ("failed", &outcomes.failed)] {
        family.sample(&[("outcome", outcome)], counter.value());
    }
}

fn live_state(text: &mut Exposition, shared: &AppState) {
    let watch = &shared.cluster.traffic.watch;
    let (now, help) = (watch.state(), "1 for the state that the watch is in, 0 for the others.");
    let mut states = text.family(Gauge, "eks_api_watch_state", help);
    for state in WATCH_STATES {
        states.sample(&[("state", state)], u8::from(state == now));
    }
    let help = "How often the stream of the watch was opened again.";
    text.family(Counter, "eks_api_watch_restarts_total", help).sample(&[], watch.restarts());
    let help = "How often the list or the watch failed, by reason.";
    let mut losses = text.family(Counter, "eks_api_watch_failures_total", help);
    for (reason, count) in watch.losses() {
        losses.sample(&[("reason", reason)], count);
    }
    let help = "When the watch last told of anything, a bookmark a minute included; 0 if never.";
    let mut last = text.family(Gauge, "eks_api_watch_last_event_timestamp_seconds", help);
    last.sample(&[], Seconds(watch.last_event.value()));
    let mut jobs = text.family(Gauge, "eks_api_cached_jobs", "Jobs in memory, by state.");
    for (state, count) in State::ALL.into_iter().zip(shared.cache.counts()) {
        jobs.sample(&[("state", state.name())], count);
    }
}

/// Under the names that Prometheus' own libraries use. What cannot be read is left out.
fn process(text: &mut Exposition, shared: &AppState) {
    let usage = Usage::now();
    let mut cpu = text.family(Counter, "process_cpu_seconds_total", "CPU time, user and system.");
    if let Some(time) = usage.cpu {
        cpu.sample(&[], Seconds(time));
    }
    for (name, help, value) in [
        ("process_resident_memory_bytes", "Resident memory.", usage.resident_bytes),
        ("process_virtual_memory_bytes", "Virtual memory.", usage.virtual_bytes),
        ("process_open_fds", "Open file descriptors.", usage.open_files),
        ("process_max_fds", "How many file descriptors may be open.", usage.max_files),
    ] {
        let mut family = text.family(Gauge, name, help);
        if let Some(value) = value {
            family.sample(&[], value);
        }
    }
    let started = Seconds(since_epoch(shared.traffic.started));
    text.family(Gauge, "process_start_time_seconds", "When the service started.").sample(&[], started);
}
