//! The cells of the tables: [`text`] and [`duration`].

use serde_json::Value;

use crate::util::{self, text::printable};

/// Returns a string or a number as it is, and `-` for nothing.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) if !text.is_empty() => printable(text),
        Value::Number(number) => number.to_string(),
        _ => "-".to_owned(),
    }
}

/// Returns milliseconds in their two largest units, and `-` for nothing.
pub(super) fn duration(value: &Value) -> String {
    value.as_u64().map_or_else(|| text(value), util::text::duration)
}

/// Returns the state of a run. A job that was deleted before its end keeps the last one.
pub(super) fn state(run: &Value) -> String {
    let is_final = ["completed", "failed"].contains(&run["state"].as_str().unwrap_or_default());
    let gone = if is_final || run["gone_time"].is_null() { "" } else { "/gone" };
    text(&run["state"]) + gone
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_duration_has_units_and_nothing_is_a_hyphen() {
        assert_eq!([json!(65_000), json!(null)].map(|value| duration(&value)), ["1m05s", "-"]);
    }

    #[test]
    fn a_job_that_was_deleted_before_its_end_is_gone() {
        let shown = |state: &str, gone: Value| super::state(&json!({ "state": state, "gone_time": gone }));
        assert_eq!(shown("running", json!("2026-11-20T10:00:00Z")), "running/gone");
        assert_eq!(shown("failed", json!("2026-11-20T10:00:00Z")), "failed");
        assert_eq!(shown("running", json!(null)), "running");
    }

    #[test]
    fn a_text_has_no_control_characters_and_nothing_is_a_hyphen() {
        let values = [json!("a\u{1b}[2Jb"), json!(7), json!(""), json!(null), json!({})];
        assert_eq!(values.map(|value| text(&value)), ["a [2Jb", "7", "-", "-", "-"]);
    }
}
