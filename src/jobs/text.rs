//! Text in messages.

use crate::util::text::truncate;

/// The first 100 characters.
pub(super) fn shortened(text: &str) -> &str {
    truncate(text, 100)
}

/// The first names, and the number of the others.
pub(super) fn listed(names: &[String], max: usize) -> String {
    let (shown, more) = names.split_at(names.len().min(max));
    match (shown, more.len()) {
        ([], _) => "none".to_owned(),
        (_, 0) => shown.join(", "),
        (_, more) => format!("{} and {more} more", shown.join(", ")),
    }
}
