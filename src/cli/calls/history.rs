//! The options of `eks-api history list`, `show` and `stats`: [`parse`]. `client::history` executes them.

use crate::cli::calls::connection::connection;
use crate::cli::options::{Arguments, unexpected};
use crate::client::history::options::{Action, HistoryCommand};

/// The options that are parameters of a call.
const PARAMETERS: [(&str, &str); 11] = [
    ("namespace", "namespace"),
    ("job", "job_name"),
    ("uid", "uid"),
    ("state", "state"),
    ("since", "since"),
    ("until", "until"),
    ("batch", "batch_name"),
    ("template", "template"),
    ("selector", "label_selector"),
    ("caller", "caller"),
    ("group-by", "group_by"),
];
const GROUP_BY: &str = "day";

const LIMIT: usize = 100;
/// The most runs that the client holds.
const MAX_LIMIT: usize = 100_000;

/// Parses the options. `names` are the arguments after the action.
pub fn parse(action: Action, names: &[String], arguments: &Arguments) -> Result<HistoryCommand, String> {
    let given = PARAMETERS.iter().filter_map(|(option, name)| Some((*name, arguments.value(option)?.to_owned())));
    let (mut query, mut group_by) = (given.collect::<Vec<_>>(), Vec::new());
    match (action, names) {
        (Action::Show, [job]) => query.push(("job_name", job.clone())),
        (Action::Show, []) => return Err("the name of a job is missing".to_owned()),
        (Action::Show, [_, extra, ..]) | (_, [extra, ..]) => return Err(unexpected(extra)),
        _ => {}
    }
    if action == Action::Stats {
        let keys = arguments.value("group-by").unwrap_or(GROUP_BY);
        if !arguments.has("group-by") {
            query.push(("group_by", keys.to_owned()));
        }
        group_by = keys.split(',').map(|key| key.trim().to_owned()).collect();
    }
    let limit = arguments.value("limit").map_or(Some(LIMIT), |limit| limit.parse().ok());
    let limit = limit.filter(|limit| (1..=MAX_LIMIT).contains(limit));
    Ok(HistoryCommand {
        action,
        connection: connection(arguments)?,
        query,
        limit: limit.ok_or_else(|| format!("--limit must be a number from 1 to {MAX_LIMIT}"))?,
        group_by,
        json: arguments.value("output") == Some("json"),
    })
}
