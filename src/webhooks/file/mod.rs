//! Reads `EKS_API_WEBHOOKS_FILE`: [`load`].

mod line;
mod url;

use std::path::Path;
use std::sync::Arc;

use crate::config::line::{self as lines, file_error};
use crate::util::files;
use crate::webhooks::endpoint::Endpoint;
use crate::webhooks::file::line::{VARIABLE, warn_if_world_readable};

/// A line has at most some 8 KiB, if all values are as long as they may be.
const MAX_FILE_BYTES: u64 = 256 << 10;

/// Returns the endpoints of the file. The error has all mistakes, one a line, each with the number of its line.
pub(super) fn load(path: &Path) -> Result<Vec<Arc<Endpoint>>, String> {
    let text = files::read_text(path, MAX_FILE_BYTES).map_err(|error| vec![error.to_string()]);
    if text.is_ok() {
        warn_if_world_readable(path);
    }
    text.and_then(|text| parse(&text)).map_err(|mistakes| file_error(VARIABLE, path, &mistakes))
}

fn parse(text: &str) -> Result<Vec<Arc<Endpoint>>, Vec<String>> {
    let mut found = lines::parse(text, "endpoints", line::parse);
    let mut mistakes = found.mistakes();
    if found.entries.is_empty() {
        let example = "ops url=https://relay.example.com/eks secret_file=/etc/eks-api/ops.key";
        mistakes.push(format!("there is no endpoint in it: add a line such as {example}, or remove {VARIABLE}"));
    }
    // A line without mistakes has an endpoint.
    let endpoints = found.entries.into_iter().filter_map(|(_, endpoint)| endpoint.map(Arc::new));
    if mistakes.is_empty() { Ok(endpoints.collect()) } else { Err(mistakes) }
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
