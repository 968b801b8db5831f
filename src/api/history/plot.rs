//! job-stats.svg: runs and failures a day or an hour, and how long runs took.

use std::collections::HashMap;

use hyper::StatusCode;
use hyper::header::{CONTENT_SECURITY_POLICY, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use time::OffsetDateTime;

use crate::api::context::RequestContext;
use crate::api::history::query::{self, seconds};
use crate::api::history::stats;
use crate::api::history::svg::{Chart, Slot};
use crate::history::query::stats::{GroupBy, MAX_GROUPS, Stats};
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;

/// The picture has its style in it, and needs nothing else.
const POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");

/// The time of a bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Day,
    Hour,
}

pub(crate) async fn job_stats_svg(ctx: &mut RequestContext) -> Result<Reply, Problem> {
    // It counts like a list: it is work.
    ctx.count()?;
    let unit = ctx.parameters.optional("group_by").map(unit).transpose()?.unwrap_or(Unit::Day);
    let (filter, time) = stats::filter(ctx)?;
    let bars = starts(unit, time.map(seconds))?;
    query::authorize(ctx).await?;
    let group_by = if unit == Unit::Day { GroupBy::Day } else { GroupBy::Hour };
    let namespace = filter.namespace.as_ref().map(|name| format!(", namespace {name}")).unwrap_or_default();
    let title = format!("Runs per {}, cluster {}{namespace}", unit.name(), filter.cluster);
    let stats = stats::read(ctx, filter, vec![group_by]).await?;
    let svg = Chart { title, slots: slots(unit, &bars, &stats) }.svg();
    let reply = Reply::bytes(StatusCode::OK, svg.into());
    Ok(reply.with(CONTENT_SECURITY_POLICY, POLICY).with(X_CONTENT_TYPE_OPTIONS, NOSNIFF))
}

impl Unit {
    const fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Hour => "hour",
        }
    }

    const fn seconds(self) -> i64 {
        match self {
            Self::Day => 86_400,
            Self::Hour => 3600,
        }
    }

    /// The bytes of an RFC 3339 time that name the day or the hour.
    const fn prefix_len(self) -> usize {
        match self {
            Self::Day => "2026-01-20".len(),
            Self::Hour => "2026-01-20T10".len(),
        }
    }
}

fn unit(name: &str) -> Result<Unit, Problem> {
    let found = [Unit::Day, Unit::Hour].into_iter().find(|unit| unit.name() == name);
    found.ok_or_else(|| Problem::malformed("group_by", "must be day or hour"))
}

/// Returns the days or hours of the time. The time is in seconds since 1970.
fn starts(unit: Unit, [since, until]: [i64; 2]) -> Result<Vec<String>, Problem> {
    let [first, end] = [since, until.saturating_add(unit.seconds() - 1)].map(|time| time.div_euclid(unit.seconds()));
    if end.saturating_sub(first) > i64::try_from(MAX_GROUPS).unwrap_or(i64::MAX) {
        let message =
            format!("makes more than {MAX_GROUPS} bars: shorten the time with since and until, or group by day");
        return Err(Problem::invalid("group_by", &message));
    }
    Ok((first..end).filter_map(|number| start(unit, number.saturating_mul(unit.seconds()))).collect())
}

fn start(unit: Unit, time: i64) -> Option<String> {
    let time = OffsetDateTime::from_unix_timestamp(time).ok()?;
    let day = format!("{:04}-{:02}-{:02}", time.year(), u8::from(time.month()), time.day());
    Some(if unit == Unit::Day { day } else { format!("{day}T{:02}", time.hour()) })
}

/// Returns a bar for each day or hour, also for those without runs.
fn slots(unit: Unit, bars: &[String], stats: &Stats) -> Vec<Slot> {
    let keyed = stats.groups.iter().filter_map(|group| {
        let (_, key) = group.keys.first()?;
        Some((key.as_deref()?.get(..unit.prefix_len())?, group))
    });
    let groups: HashMap<&str, _> = keyed.collect();
    let slot = |start: &String| {
        let label = if unit == Unit::Day { start.clone() } else { start.replace('T', " ") + ":00" };
        match groups.get(start.as_str()) {
            Some(group) => Slot {
                label,
                runs: group.runs,
                completed: group.completed,
                failed: group.failed,
                p50: group.ran_ms.p50,
                p95: group.ran_ms.p95,
            },
            None => Slot { label, ..Slot::default() },
        }
    };
    bars.iter().map(slot).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plot_has_a_bar_for_each_day_or_hour_that_the_time_touches() {
        let day = |number: i64| number * 86_400;
        for (unit, time, expected) in [
            (Unit::Day, [day(0), day(2)], &["1970-01-01", "1970-01-02"][..]),
            (Unit::Day, [day(1) - 1, day(1) + 1], &["1970-01-01", "1970-01-02"]),
            (Unit::Day, [day(59) + 5, day(59) + 6], &["1970-03-01"]),
            (Unit::Hour, [day(1) - 3601, day(1)], &["1970-01-01T22", "1970-01-01T23"]),
            (Unit::Hour, [-1, 1], &["1969-12-31T23", "1970-01-01T00"]),
            (Unit::Day, [day(1), day(1)], &[]),
            (Unit::Day, [day(5), day(1)], &[]),
            (Unit::Day, [i64::MIN, i64::MIN + 1], &[]),
        ] {
            assert_eq!(starts(unit, time).unwrap(), expected, "{unit:?} {time:?}");
        }
        assert_eq!(starts(Unit::Day, [day(0), day(366)]).unwrap().len(), 366);
        assert_eq!(starts(Unit::Hour, [0, 3600 * 1000]).unwrap().len(), 1000);
        let problem = starts(Unit::Hour, [0, 3600 * 1000 + 1]).unwrap_err();
        assert!(problem.status == 422 && problem.detail.contains("or group by day"), "{}", problem.detail);
    }

    #[test]
    fn a_plot_is_by_day_or_by_hour() {
        assert_eq!([unit("day").unwrap(), unit("hour").unwrap()], [Unit::Day, Unit::Hour]);
        for bad in ["", "Day", "day,hour", "template"] {
            assert_eq!(unit(bad).unwrap_err().status, 400, "{bad}");
        }
    }
}
