//! Prepares texts of others for messages: [`truncate`] and [`printable`].

/// Returns the first `max_chars` characters.
pub fn truncate(text: &str, max_chars: usize) -> &str {
    text.char_indices().nth(max_chars).map_or(text, |(end, _)| &text[..end])
}

/// Replaces control characters by blanks. They could move a terminal's cursor or begin another line.
pub fn printable(text: &str) -> String {
    text.replace(|c: char| c.is_control(), " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!([truncate("aäb", 2), truncate("aäb", 3), truncate("", 3), truncate("a", 0)], ["aä", "aäb", "", ""]);
    }

    #[test]
    fn control_characters_become_blanks() {
        assert_eq!(printable("a\u{1b}[2Jb\r\nc"), "a [2Jb  c");
    }
}
