//! `eks-api history list`: [`list`]. [`Runs::read`] reads the pages of runs.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::client::command::print::{print, table};
use crate::client::exit::Exit;
use crate::client::history::options::HistoryCommand;
use crate::client::history::text::{duration, state, text};
use crate::client::job::not_ours;
use crate::client::service::{Service, ServiceRequest};

/// The largest page that the command asks for.
const PAGE: usize = 500;

const HEADINGS: [&str; 7] = ["CREATED", "NAMESPACE", "JOB", "STATE", "RAN", "REASON", "TEMPLATE"];

/// Runs as the service describes them, and where the next page begins.
#[derive(Deserialize, Serialize)]
pub(super) struct Runs {
    runs: Vec<Box<RawValue>>,
    r#continue: Option<String>,
}

impl Runs {
    /// Reads pages until there are enough runs, or no more. A page may have few runs or none, and not be the last.
    pub(super) async fn read(
        service: &Service<'_>,
        command: &HistoryCommand,
        call: &str,
        failure: &str,
    ) -> Result<Self, Exit> {
        let mut all = Self { runs: Vec::new(), r#continue: None };
        loop {
            let limit = PAGE.min(command.limit - all.runs.len()).to_string();
            let place = all.r#continue.as_deref().map(|place| ("continue", place));
            let query = command.query.iter().map(|(name, value)| (*name, value.as_str()));
            let request = ServiceRequest::get(call, query.chain([("limit", limit.as_str())]).chain(place));
            let reply = service.call(&request).await.map_err(|error| error.into_exit(failure))?;
            let page: Self = serde_json::from_slice(reply.body()).map_err(not_ours)?;
            all.runs.extend(page.runs);
            all.r#continue = page.r#continue;
            if all.r#continue.is_none() || all.runs.len() >= command.limit {
                return Ok(all);
            }
        }
    }

    /// Prints all pages as one reply, or this text of the runs.
    pub(super) async fn print(
        &self,
        service: &Service<'_>,
        command: &HistoryCommand,
        text: fn(&[Value]) -> String,
    ) -> Result<(), Exit> {
        if command.json {
            return print(service, [serde_json::to_vec(self).map_err(not_ours)?, b"\n".to_vec()].concat()).await;
        }
        let runs = self.runs.iter().map(|run| serde_json::from_str(run.get()));
        let runs = runs.collect::<Result<Vec<Value>, _>>().map_err(not_ours)?;
        print(service, text(&runs).into_bytes()).await?;
        if self.r#continue.is_some() {
            service.progress.note(&format!("more runs may match than --limit {}", command.limit));
        }
        Ok(())
    }
}

pub(super) async fn list(service: &Service<'_>, command: &HistoryCommand) -> Result<(), Exit> {
    let runs = Runs::read(service, command, "list-history", "the runs are not listed").await?;
    runs.print(service, command, |runs| table(HEADINGS, runs.iter().map(row))).await
}

fn row(run: &Value) -> [String; 7] {
    [
        text(&run["creation_timestamp"]),
        text(&run["namespace"]),
        text(&run["job_name"]),
        state(run),
        duration(&run["ran_ms"]),
        text(&run["reason"]),
        text(&run["template"]),
    ]
}
