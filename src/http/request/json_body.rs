//! Parses a JSON body. The error names the wrong field.

use serde::de::DeserializeOwned;

use crate::http::response::problem::Problem;
use crate::util::strict_json;

pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let text = strict_json::text(bytes).map_err(|message| Problem::malformed("body", &message))?;
    // serde would accept an array of the fields' values.
    if !text.trim_ascii_start().starts_with('{') {
        return Err(Problem::malformed("body", "must be a JSON object"));
    }
    strict_json::check(text).map_err(|fault| malformed(&fault.path, &fault.message))?;
    serde_json::from_str(text).map_err(|error| malformed(&strict_json::path_of(text, &error), &error.to_string()))
}

fn malformed(path: &str, message: &str) -> Problem {
    Problem::malformed(if path.is_empty() { "body" } else { path }, message)
}
