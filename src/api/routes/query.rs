//! Parses a route's query. The error for an unknown parameter says where it belongs, or which name is similar.

use hyper::Uri;

use crate::api::routes::Route;
use crate::http::request::parameters::Parameters;
use crate::http::response::problem::Problem;
use crate::util::text::shown_name;

/// The most edits between a misspelt name and the suggestion.
const MAX_TYPOS: usize = 2;
/// The most other calls that the message names.
const MAX_CALLS: usize = 3;

/// The query's parameters. 400 for a parameter that the route does not take.
pub fn parse(route: Route, uri: &Uri) -> Result<Parameters, Problem> {
    Parameters::parse(uri, route.parameters(), |name| unknown(route, name))
}

fn unknown(route: Route, name: &str) -> Problem {
    let known = route.parameters();
    // Those for the same kind of object come first.
    let calls_for = |same: bool| {
        let takes = Route::ALL.into_iter().filter(|other| other.parameters().contains(&name));
        takes.map(Route::path).filter(move |path| (is_for_batches(path) == is_for_batches(route.path())) == same)
    };
    let calls: Vec<&str> = calls_for(true).chain(calls_for(false)).collect();
    let hint = if body_members(route).contains(&name) {
        "belongs in the JSON body of this call, not in the query".to_owned()
    } else if let Some(meant) = known.iter().find(|known| is_like(known, name)) {
        format!("is not a parameter of this call; did you mean {meant}?")
    } else if !calls.is_empty() {
        format!("is not a parameter of this call; it belongs to {}", calls[..calls.len().min(MAX_CALLS)].join(", "))
    } else {
        "is not a parameter of this call".to_owned()
    };
    let takes = if known.is_empty() { "no parameters".to_owned() } else { known.join(", ") };
    Problem::malformed(&shown_name(name), &format!("{hint}; the query takes {takes}"))
}

fn is_for_batches(path: &str) -> bool {
    path.contains("batch")
}

/// The members of the JSON body that cannot be in the query.
const fn body_members(route: Route) -> &'static [&'static str] {
    match route {
        Route::CreateJob => &["job_manifest", "template", "job_name", "parameters", "overrides", "notify"],
        Route::CreateBatch => &[
            "job_manifest",
            "template",
            "parameters",
            "overrides",
            "jobs",
            "on_error",
            "ttl_seconds_after_finished",
            "notify",
        ],
        Route::Redeliver => &["webhook", "since", "delivery_id"],
        Route::CreateNamespace => &["labels", "annotations"],
        _ => &[],
    }
}

/// Whether a name is similar to a known one: another style, a typo, or one word of it.
fn is_like(known: &str, name: &str) -> bool {
    let plain = |text: &str| text.replace(['_', '-', '.'], "").to_ascii_lowercase();
    let (one, other) = (plain(known), plain(name));
    if other.is_empty() || other.len() > 64 {
        return false;
    }
    one == other || known.split('_').any(|word| word == other) || (one.len() > 4 && distance(&one, &other) <= MAX_TYPOS)
}

/// The number of edits between two texts (Levenshtein distance).
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, letter) in one.bytes().enumerate() {
        let mut before = std::mem::replace(&mut row[0], at + 1);
        for (column, byte) in other.bytes().enumerate() {
            let replaced = before + usize::from(letter != byte);
            before = row[column + 1];
            row[column + 1] = replaced.min(row[column] + 1).min(before + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_says_where_a_parameter_belongs_or_what_is_similar() {
        for (route, name, hint) in [
            (Route::CreateJob, "job_manifest", "belongs in the JSON body"),
            (Route::CreateJob, "template", "belongs in the JSON body"),
            (Route::CreateJob, "job_name", "belongs in the JSON body"),
            (Route::CreateNamespace, "labels", "belongs in the JSON body"),
            (Route::GetJobStatus, "jobname", "did you mean job_name?"),
            (Route::GetJobStatus, "job-name", "did you mean job_name?"),
            (Route::GetJobStatus, "jobName", "did you mean job_name?"),
            (Route::GetJobStatus, "name", "did you mean job_name?"),
            (Route::GetJobStatus, "namepsace", "did you mean namespace?"),
            (Route::GetJobStatus, "Wait", "did you mean wait?"),
            (Route::GetJobLogs, "tail", "did you mean tail_lines?"),
            (Route::ListJobs, "selector", "did you mean label_selector?"),
            (Route::DeleteJob, "details", "it belongs to /api/eks-get-job-status, /api/eks-get-batch-status;"),
            (Route::ResumeBatch, "wait", "it belongs to /api/eks-get-batch-status, /api/eks-delete-batch, "),
            (Route::ListNamespaces, "follow", "it belongs to /api/eks-get-job-logs; the query takes cluster"),
            (Route::ListHistory, "group_by", "it belongs to /api/eks-get-job-stats, /api/eks-job-stats.svg;"),
            (Route::ListHistory, "batch", "did you mean batch_name?"),
            (Route::ListAudit, "users", "is not a parameter of this call; the query takes cluster, namespace, since"),
            (
                Route::Redeliver,
                "delivery_id",
                "belongs in the JSON body of this call, not in the query; the query takes no",
            ),
            (Route::TestWebhook, "hook", "is not a parameter of this call; the query takes webhook"),
            (Route::ListDeliveries, "status", "did you mean state?"),
            (Route::GetJobStatus, "surprise", "is not a parameter of this call; the query takes cluster, job_name"),
            (Route::GetJobStatus, "", "is not a parameter of this call; the query takes"),
        ] {
            let problem = unknown(route, name);
            assert!(problem.status == 400 && problem.detail.contains(hint), "{name}: {}", problem.detail);
        }
    }

    #[test]
    fn a_distance_is_the_number_of_edits() {
        for (one, other, expected) in [("wait", "wait", 0), ("wait", "wat", 1), ("", "ab", 2), ("kitten", "sitting", 3)]
        {
            assert_eq!((distance(one, other), distance(other, one)), (expected, expected), "{one} {other}");
        }
    }
}
