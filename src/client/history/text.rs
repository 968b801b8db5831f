//! The cells of the tables: [`text`] and [`duration`].

use serde_json::Value;

use crate::util::text::printable;

/// Returns a string or a number as it is, and `-` for nothing.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) if !text.is_empty() => printable(text),
        Value::Number(number) => number.to_string(),
        _ => "-".to_owned(),
    }
}

/// Returns milliseconds as `42s`, `12m05s` or `3h07m`.
pub(super) fn duration(value: &Value) -> String {
    let Some(milliseconds) = value.as_u64() else { return text(value) };
    let seconds = milliseconds / 1000;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, seconds) => format!("{minutes}m{seconds:02}s"),
        (hours, minutes, _) => format!("{hours}h{minutes:02}m"),
    }
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
    fn a_duration_has_its_two_largest_units() {
        for (value, shown) in [
            (json!(0), "0s"),
            (json!(59_000), "59s"),
            (json!(60_000), "1m00s"),
            (json!(3_599_000), "59m59s"),
            (json!(3_660_000), "1h01m"),
            (json!(360_000_000), "100h00m"),
            (json!(null), "-"),
        ] {
            assert_eq!(duration(&value), shown);
        }
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
