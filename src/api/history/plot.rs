//! job-stats.svg: runs and failures a day or an hour, and how long runs took.

use std::collections::HashMap;

use hyper::StatusCode;
use hyper::header::{CONTENT_SECURITY_POLICY, HeaderValue, X_CONTENT_TYPE_OPTIONS};

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

pub(crate) async fn job_stats_svg(ctx: &mut RequestContext) -> Result<Reply, Problem> {
    // It counts like a list: it is work.
    ctx.count()?;
    let unit = ctx.parameters.optional("group_by").map(unit).transpose()?.unwrap_or(GroupBy::Day);
    let now = query::now();
    let filter = stats::filter(ctx, now)?;
    // Without `until` a run of this second belongs to the plot.
    let until = filter.until.unwrap_or_else(|| seconds(now.saturating_add(1)));
    let bars = starts(&unit, [filter.since.unwrap_or(until), until])?;
    query::authorize(ctx).await?;
    let namespace = filter.namespace.as_ref().map(|name| format!(", namespace {name}")).unwrap_or_default();
    let title = format!("Runs per {}, cluster {}{namespace}", unit.name(), filter.cluster);
    let stats = stats::read(ctx, filter, vec![unit]).await?;
    let svg = Chart { title, slots: slots(&bars, &stats) }.svg();
    let reply = Reply::bytes(StatusCode::OK, svg.into());
    Ok(reply.with(CONTENT_SECURITY_POLICY, POLICY).with(X_CONTENT_TYPE_OPTIONS, NOSNIFF))
}

fn unit(name: &str) -> Result<GroupBy, Problem> {
    let found = [GroupBy::Day, GroupBy::Hour].into_iter().find(|unit| unit.name() == name);
    found.ok_or_else(|| Problem::malformed("group_by", "must be day or hour"))
}

/// Returns the days or hours of the time. The time is in seconds since 1970.
fn starts(unit: &GroupBy, [since, until]: [i64; 2]) -> Result<Vec<String>, Problem> {
    let [first, end] = [since, until.saturating_add(unit.seconds() - 1)].map(|time| time.div_euclid(unit.seconds()));
    if end.saturating_sub(first) > i64::try_from(MAX_GROUPS).unwrap_or(i64::MAX) {
        let message =
            format!("makes more than {MAX_GROUPS} bars: shorten the time with since and until, or group by day");
        return Err(Problem::invalid("group_by", &message));
    }
    Ok((first..end).filter_map(|number| unit.start(number)).collect())
}

/// Returns a bar for each day or hour, also for those without runs.
fn slots(bars: &[String], stats: &Stats) -> Vec<Slot> {
    let keyed = stats.groups.iter().filter_map(|group| Some((group.keys.first()?.1.as_deref()?, group)));
    let groups: HashMap<&str, _> = keyed.collect();
    let slot = |start: &String| {
        let label = start.replace('T', " ").chars().take("2026-01-20 10:00".len()).collect();
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
            (GroupBy::Day, [day(0), day(2)], &["1970-01-01", "1970-01-02"][..]),
            (GroupBy::Day, [day(1) - 1, day(1) + 1], &["1970-01-01", "1970-01-02"]),
            (GroupBy::Day, [day(59) + 5, day(59) + 6], &["1970-03-01"]),
            (GroupBy::Hour, [day(1) - 3601, day(1)], &["1970-01-01T22:00:00+00:00", "1970-01-01T23:00:00+00:00"]),
            (GroupBy::Hour, [-1, 1], &["1969-12-31T23:00:00+00:00", "1970-01-01T00:00:00+00:00"]),
            (GroupBy::Day, [day(1), day(1)], &[]),
            (GroupBy::Day, [day(5), day(1)], &[]),
            (GroupBy::Day, [i64::MIN, i64::MIN + 1], &[]),
        ] {
            assert_eq!(starts(&unit, time).unwrap(), expected, "{unit:?} {time:?}");
        }
        assert_eq!(starts(&GroupBy::Day, [day(0), day(366)]).unwrap().len(), 366);
        assert_eq!(starts(&GroupBy::Hour, [0, 3600 * 1000]).unwrap().len(), 1000);
        let problem = starts(&GroupBy::Hour, [0, 3600 * 1000 + 1]).unwrap_err();
        assert!(problem.status == 422 && problem.detail.contains("or group by day"), "{}", problem.detail);
    }

    #[test]
    fn a_plot_is_by_day_or_by_hour() {
        assert_eq!([unit("day").unwrap(), unit("hour").unwrap()], [GroupBy::Day, GroupBy::Hour]);
        for bad in ["", "Day", "day,hour", "template"] {
            assert_eq!(unit(bad).unwrap_err().status, 400, "{bad}");
        }
    }
}
