//! Prints to stdout: [`print_jobs`] a table or the replies, and [`print()`] a text. [`table`] and [`columns`] make a table.

use std::fmt::Write as _;

use crate::client::exit::Exit;
use crate::client::job::status::Status;
use crate::client::options::Command;
use crate::client::output;
use crate::client::service::Service;
use crate::util::text::printable;

const HEADINGS: [&str; 9] =
    ["NAMESPACE", "NAME", "STATE", "ACTIVE", "SUCCEEDED", "FAILED", "EXIT", "CREATED", "REASON"];

/// Prints a table, or the replies.
pub(super) async fn print_jobs(service: &Service<'_>, command: &Command, jobs: &[Status]) -> Result<(), Exit> {
    let replies = || jobs.iter().flat_map(|status| [&*status.reply, b"\n"]).collect::<Vec<_>>().concat();
    print(service, if command.json { replies() } else { table(HEADINGS, jobs.iter().map(row)).into_bytes() }).await
}

pub async fn print(service: &Service<'_>, text: Vec<u8>) -> Result<(), Exit> {
    service.progress.clear();
    output::write(&output::stdout(), text).await.map(drop)
}

/// Returns a line for each row, after a line of headings.
pub fn table<const N: usize>(headings: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let headings = headings.map(str::to_owned).to_vec();
    columns(&[headings].into_iter().chain(rows.map(Vec::from)).collect::<Vec<_>>())
}

/// Returns a line for each row. All rows have the same number of cells.
pub fn columns(rows: &[Vec<String>]) -> String {
    let width = |column: usize| rows.iter().filter_map(|row| Some(row.get(column)?.chars().count())).max();
    let widths: Vec<usize> = (0..).map_while(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(line, "{cell:width$}  ");
        }
        text.extend([line.trim_end(), "\n"]);
    }
    text
}

fn row(job: &Status) -> [String; 9] {
    let text = |text: Option<&str>| printable(text.filter(|text| !text.is_empty()).unwrap_or("-"));
    let number = |number: Option<i64>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
    [
        text(Some(&job.namespace)),
        text(Some(&job.job_name)),
        text(Some(&job.state)),
        number(job.active),
        number(job.succeeded),
        number(job.failed),
        number(job.exit_code().map(i64::from)),
        text(job.creation_timestamp.as_deref()),
        text(job.reason.as_deref()),
    ]
}
