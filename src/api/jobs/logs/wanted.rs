//! [`Wanted`]: the parameters of get-job-logs.

use time::{OffsetDateTime, UtcOffset};

use crate::config::moment;
use crate::http::request::parameters::Parameters;
use crate::http::response::problem::Problem;
use crate::kube::names::{BadName, ContainerName, PodName};
use crate::kube::url::LogOptions;

/// The largest number that Kubernetes accepts.
const MAX_NUMBER: u32 = i32::MAX.unsigned_abs();

#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) pod: Option<PodName>,
    pub(super) container: Option<ContainerName>,
    pub(super) all: bool,
    pub(super) options: LogOptions,
}

impl Wanted {
    pub(super) fn parse(parameters: &Parameters) -> Result<Self, Problem> {
        let options = LogOptions {
            follow: parameters.flag("follow")?,
            timestamps: parameters.flag("timestamps")?,
            previous: parameters.flag("previous")?,
            tail_lines: parameters.number("tail_lines", 0..=MAX_NUMBER)?,
            since_seconds: parameters.number("since_seconds", 1..=MAX_NUMBER)?,
            since_time: time(parameters, "since_time")?,
        };
        let wanted = Self {
            pod: name(parameters, "pod", PodName::parse)?,
            container: name(parameters, "container", ContainerName::parse)?,
            all: parameters.flag("all")?,
            options,
        };
        if options.since_time.is_some() && options.since_seconds.is_some() {
            return Err(Problem::malformed("since_time", "contradicts since_seconds"));
        }
        if options.follow && options.previous {
            return Err(Problem::malformed("previous", "cannot be followed: that run has ended"));
        }
        if wanted.pod.is_some() && parameters.has("batch_name") {
            return Err(Problem::malformed("pod", "contradicts batch_name: name the job of this pod"));
        }
        if wanted.all && wanted.pod.is_some() {
            return Err(Problem::malformed("pod", "contradicts all=true"));
        }
        Ok(wanted)
    }
}

/// Returns a time in UTC.
fn time(parameters: &Parameters, parameter: &str) -> Result<Option<OffsetDateTime>, Problem> {
    let Some(text) = parameters.optional(parameter) else { return Ok(None) };
    let time = moment::rfc_3339(text).and_then(|time| time.checked_to_offset(UtcOffset::UTC));
    time.map(Some)
        .ok_or_else(|| Problem::malformed(parameter, "must be an RFC 3339 time, for example 2026-01-20T10:30:00Z"))
}

fn name<T>(
    parameters: &Parameters,
    parameter: &str,
    parse: impl Fn(&str) -> Result<T, BadName>,
) -> Result<Option<T>, Problem> {
    let parsed = parameters.optional(parameter).map(parse).transpose();
    parsed.map_err(|error| Problem::invalid(parameter, &error.to_string()))
}
