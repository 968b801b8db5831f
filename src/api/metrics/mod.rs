//! /metrics: all metrics in Prometheus' text format. docs/OPERATION.md lists them, and a test compares the two.

mod cluster;
#[cfg(feature = "history")]
mod history;
#[cfg(feature = "history")]
mod webhooks;

use hyper::StatusCode;

use crate::api::state::AppState;
use crate::http::limits::rate_limit::RateLimits;
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;
use crate::telemetry::metrics::since_epoch;
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
    cluster::write(&mut text, state);
    #[cfg(feature = "history")]
    if let Some(history) = &state.history {
        history::write(&mut text, history);
    }
    #[cfg(feature = "history")]
    if let Some(webhooks) = &state.webhooks {
        webhooks::write(&mut text, webhooks);
    }
    process(&mut text, state);
    Ok(Reply::encoded(StatusCode::OK, text.into_bytes()))
}

fn service(text: &mut Exposition, state: &AppState) {
    let mut info = text.family(Gauge, "eks_api_build_info", "Always 1. The label is the version.");
    info.sample(&[("version", env!("CARGO_PKG_VERSION"))], 1);
    let ready = state.clusters.current().is_any_ready() && !*state.draining.borrow();
    text.family(Gauge, "eks_api_ready", "Whether /readyz answers 200.").sample(&[], u8::from(ready));
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
        ("memory", &*state.calls.bodies.refused),
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
