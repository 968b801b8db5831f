//! `eks-api history show`: [`show`].

use serde_json::Value;

use crate::client::command::print::table;
use crate::client::exit::Exit;
use crate::client::history::options::HistoryCommand;
use crate::client::history::runs::Runs;
use crate::client::history::text::{duration, state, text};
use crate::client::service::Service;

const HEADINGS: [&str; 3] = ["TIME", "STATE", "REASON"];

pub(super) async fn show(service: &Service<'_>, command: &HistoryCommand) -> Result<(), Exit> {
    let runs = Runs::read(service, command, "get-job-history", "the history is not shown").await?;
    runs.print(service, command, |runs| runs.iter().map(described).collect::<Vec<_>>().join("\n")).await
}

/// Returns a line about the run, its message if there is one, and a table of its transitions.
fn described(run: &Value) -> String {
    let facts = [
        ("exit code", text(&run["exit_code"])),
        ("queued", duration(&run["queued_ms"])),
        ("ran", duration(&run["ran_ms"])),
        ("retries", text(&run["retries"])),
        ("batch", text(&run["batch_name"])),
        ("template", text(&run["template"])),
        ("caller", text(&run["caller"])),
        ("request", text(&run["request_id"])),
    ];
    let facts = facts.iter().filter(|(_, fact)| fact != "-").map(|(name, fact)| format!(", {name} {fact}"));
    let name = format!("{}/{}, uid {}", text(&run["namespace"]), text(&run["job_name"]), text(&run["uid"]));
    let mut lines = format!("{name}: {}{}\n", state(run), facts.collect::<String>());
    for message in [&run["message"], &run["termination_message"]].into_iter().filter(|message| message.is_string()) {
        lines.extend([text(message).trim_end(), "\n"]);
    }
    if run["has_gaps"] == true {
        lines += "Some changes of this run were not recorded.\n";
    }
    let transitions = run["transitions"].as_array().map(Vec::as_slice).unwrap_or_default();
    lines + &table(HEADINGS, transitions.iter().map(|t| [text(&t["time"]), text(&t["state"]), text(&t["reason"])]))
}
