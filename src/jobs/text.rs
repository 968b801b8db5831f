//! Text in messages.

use crate::util::strict_json::push_member;
use crate::util::text::truncate;

/// A message does not list further names.
pub(super) const MAX_LISTED: usize = 30;

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

/// The field of a member.
pub(super) fn member(parent: &str, name: &str) -> String {
    let mut field = parent.to_owned();
    push_member(&mut field, name);
    field
}
