//! `eks-api history stats`: [`stats`].

use serde::Deserialize;
use serde_json::Value;

use crate::client::command::print::{columns, print};
use crate::client::exit::Exit;
use crate::client::history::options::HistoryCommand;
use crate::client::history::text::{duration, text};
use crate::client::job::not_ours;
use crate::client::service::{Service, ServiceRequest};

/// The columns after those of the keys. The times are those that the runs took.
const HEADINGS: [&str; 7] = ["RUNS", "COMPLETED", "FAILED", "P50", "P95", "MAX", "SUM"];

#[derive(Deserialize)]
struct Stats {
    groups: Vec<Value>,
}

pub(super) async fn stats(service: &Service<'_>, command: &HistoryCommand) -> Result<(), Exit> {
    let request =
        ServiceRequest::get("get-job-stats", command.query.iter().map(|(name, value)| (*name, value.as_str())));
    let reply = service.call(&request).await.map_err(|error| error.into_exit("the statistics are not shown"))?;
    let stats: Stats = serde_json::from_slice(reply.body()).map_err(not_ours)?;
    if command.json {
        return print(service, [reply.body(), &b"\n"[..]].concat()).await;
    }
    let keys = &command.group_by;
    let headings = keys.iter().map(|key| key.to_uppercase()).chain(HEADINGS.map(str::to_owned)).collect();
    let rows = stats.groups.iter().map(|group| row(keys, group));
    print(service, columns(&[headings].into_iter().chain(rows).collect::<Vec<_>>()).into_bytes()).await
}

fn row(keys: &[String], group: &Value) -> Vec<String> {
    let numbers = ["runs", "completed", "failed"].map(|name| text(&group[name]));
    let times = ["p50", "p95", "max"].map(|name| duration(&group["ran_ms"][name]));
    let keys = keys.iter().map(|key| text(&group[key]));
    keys.chain(numbers).chain(times).chain([duration(&group["ran_ms_sum"])]).collect()
}
