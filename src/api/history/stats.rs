//! get-job-stats: numbers of runs, in groups.

use hyper::StatusCode;

use crate::api::context::RequestContext;
use crate::api::history::query::{self, Reader, Times};
use crate::history::query::filter::RunFilter;
use crate::history::query::stats::{self, GroupBy, MAX_GROUPS, Stats};
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;
use crate::jobs::label_selector::label_key;

/// In milliseconds.
const DAY: i64 = 86_400_000;
const DEFAULT_DAYS: i64 = 30;
const MAX_DAYS: i64 = 366;
/// The most groupings of a call.
const MAX_GROUPINGS: usize = 2;

pub(crate) async fn get_job_stats(ctx: &mut RequestContext) -> Result<Reply, Problem> {
    // It counts like a list: it is work.
    ctx.count()?;
    let group_by = ctx.parameters.optional("group_by").map(group_by).transpose()?.unwrap_or_default();
    let filter = filter(ctx, query::now())?;
    query::authorize(ctx).await?;
    Reply::json(StatusCode::OK, &read(ctx, filter, group_by).await?)
}

/// Returns the runs that the query selects. `since` is set; without `until` the end is open. `now` is in milliseconds.
pub(super) fn filter(ctx: &mut RequestContext, now: i64) -> Result<RunFilter, Problem> {
    let Times { since, until } = query::times(&ctx.parameters, now)?;
    query::runs(ctx, Times { since: Some(start(since, until.unwrap_or(now))?), until })
}

fn start(since: Option<i64>, until: i64) -> Result<i64, Problem> {
    let since = since.unwrap_or_else(|| until.saturating_sub(DEFAULT_DAYS * DAY));
    if until.saturating_sub(since) > MAX_DAYS * DAY {
        let message = format!("is more than {MAX_DAYS} days before until; give a later time, or an earlier until");
        return Err(Problem::malformed("since", &message));
    }
    Ok(since)
}

/// Reads the groups for a caller who may see them.
pub(super) async fn read(
    ctx: &mut RequestContext,
    filter: RunFilter,
    group_by: Vec<GroupBy>,
) -> Result<Stats, Problem> {
    let reader = Reader::new(ctx).await?;
    let stats = reader.history.read(reader.time, move |connection| stats::stats(connection, &filter, &group_by));
    stats.await.map_err(|error| reader.problem(error))?.map_err(|_| too_many_groups())
}

pub(super) fn too_many_groups() -> Problem {
    let message = format!(
        "makes more than {MAX_GROUPS} groups: shorten the time with since and until, \
         name a namespace, a template or a caller, or group by less"
    );
    Problem::invalid("group_by", &message)
}

fn group_by(text: &str) -> Result<Vec<GroupBy>, Problem> {
    let parts: Option<Vec<GroupBy>> = text.split(',').map(|part| grouping(part.trim())).collect();
    let is_valid = |parts: &Vec<GroupBy>| parts.len() <= MAX_GROUPINGS && parts.first() != parts.get(1);
    parts.filter(is_valid).ok_or_else(|| {
        let message = "must be one or two of day, hour, template, namespace, image, caller and label:KEY";
        Problem::malformed("group_by", message)
    })
}

fn grouping(name: &str) -> Option<GroupBy> {
    Some(match name {
        "day" => GroupBy::Day,
        "hour" => GroupBy::Hour,
        "template" => GroupBy::Template,
        "namespace" => GroupBy::Namespace,
        "image" => GroupBy::Image,
        "caller" => GroupBy::Caller,
        _ => GroupBy::Label(label_key(name.strip_prefix("label:")?).ok()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::jobs::wait::tests::{KeysFile, request};

    #[test]
    fn runs_are_grouped_by_at_most_two_things() {
        assert_eq!(group_by("day, template").unwrap(), [GroupBy::Day, GroupBy::Template]);
        let labels = ["team", "app.kubernetes.io/name"].map(|key| GroupBy::Label(key.to_owned()));
        assert_eq!(group_by("label:team,label:app.kubernetes.io/name").unwrap(), labels);
        for bad in
            ["", ",", "day,", "days", "Day", "day,day", "day,hour,image", "label:", "label:a b", "label", "label:a/b/c"]
        {
            let problem = group_by(bad).unwrap_err();
            assert_eq!((problem.status.as_u16(), &*problem.causes[0].field), (400, "group_by"), "{bad}");
        }
    }

    #[test]
    fn stats_are_of_30_days_and_at_most_of_366() {
        let until = 1000 * DAY;
        assert_eq!(start(None, until).unwrap(), 970 * DAY);
        assert_eq!(start(Some(until - 366 * DAY), until).unwrap(), 634 * DAY);
        assert_eq!(start(Some(until + DAY), until).unwrap(), until + DAY, "nothing");
        for [since, until] in [[until - 366 * DAY - 1, until], [i64::MIN, i64::MAX], [i64::MIN, until]] {
            let problem = start(Some(since), until).unwrap_err();
            assert!(problem.status == 400 && problem.detail.contains("366 days"), "{}", problem.detail);
        }
    }

    #[tokio::test]
    async fn without_until_no_run_is_too_new() {
        let file = KeysFile::new("stats");
        let filter = filter(&mut request(&file), 1000 * DAY).unwrap();
        assert_eq!((filter.since, filter.until), (Some(970 * 86_400), None));
    }

    #[test]
    fn too_many_groups_say_what_to_change() {
        let problem = too_many_groups();
        assert!(
            problem.status == 422 && problem.detail.contains("1000 groups: shorten the time"),
            "{}",
            problem.detail
        );
    }
}
