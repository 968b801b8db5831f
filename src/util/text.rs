//! Prepares texts of others for messages: [`truncate`], [`printable`], [`shown_name`] and [`closest`]. Shows times:
//! [`duration`].

/// Returns the first `max_chars` characters.
pub fn truncate(text: &str, max_chars: usize) -> &str {
    text.char_indices().nth(max_chars).map_or(text, |(end, _)| &text[..end])
}

/// Replaces control characters by blanks. They could move a terminal's cursor or begin another line.
pub fn printable(text: &str) -> String {
    text.replace(|c: char| c.is_control(), " ")
}

/// Returns the first 64 characters of a name that a caller gave, without control characters.
pub fn shown_name(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(64).collect()
}

/// Returns the word that was probably meant: it differs by at most 2 letters, and not in all of them. A word of up to 5
/// letters differs by one, or has the same letters in another order. Or the given word begins with the word meant.
pub fn closest<'a>(given: &str, words: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = words.map(|word| (edit_distance(given, word), word));
    let near = near.filter(|(distance, _)| *distance <= 2 && *distance < given.chars().count());
    let near = near.filter(|(distance, word)| {
        *distance <= 1 || word.len() > 5 || letters(word) == letters(given) || given.starts_with(word)
    });
    near.min_by_key(|(distance, _)| *distance).map(|(_, word)| word)
}

fn letters(word: &str) -> Vec<char> {
    let mut letters: Vec<char> = word.chars().collect();
    letters.sort_unstable();
    letters
}

/// The number of letters to insert, delete or replace (Levenshtein).
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, a) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

/// Returns the two largest units of a time in milliseconds: `42s`, `12m05s`, `3h` or `4d04h`.
pub fn duration(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    let (large, small) = match seconds {
        ..60 => return format!("{seconds}s"),
        60..3600 => ((60, "m"), (1, "s")),
        3600..86_400 => ((3600, "h"), (60, "m")),
        _ => ((86_400, "d"), (3600, "h")),
    };
    match (seconds / large.0, seconds % large.0 / small.0) {
        (first, 0) => format!("{first}{}", large.1),
        (first, second) => format!("{first}{}{second:02}{}", large.1, small.1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_word_differs_by_at_most_two_letters() {
        let words = || ["run", "check", "keygen", "list"].into_iter();
        for (given, meant) in
            [("rnu", "run"), ("chek", "check"), ("keygenn", "keygen"), ("keyyagen", "keygen"), ("lister", "list")]
        {
            assert_eq!(closest(given, words()), Some(meant), "{given}");
        }
        for given in ["", "rm", "ls", "sits", "rule", "serve", "keyyyagen", "ч"] {
            assert_eq!(closest(given, words()), None, "{given}");
        }
        assert_eq!(closest("runs", ["rune", "run"].into_iter()), Some("rune"), "the first of the closest");
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!([truncate("aäb", 2), truncate("aäb", 3), truncate("", 3), truncate("a", 0)], ["aä", "aäb", "", ""]);
    }

    #[test]
    fn a_name_is_shown_without_control_characters_and_at_most_64_long() {
        assert_eq!(shown_name("a\u{1b}[1m\nb\u{7f}"), "a[1mb");
        assert_eq!(shown_name(&"é".repeat(100)), "é".repeat(64));
    }

    #[test]
    fn control_characters_become_blanks() {
        assert_eq!(printable("a\u{1b}[2Jb\r\nc"), "a [2Jb  c");
    }

    #[test]
    fn a_time_has_its_two_largest_units() {
        for (seconds, shown) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (65, "1m05s"),
            (3599, "59m59s"),
            (3600, "1h"),
            (3601, "1h"),
            (3660, "1h01m"),
            (86_400, "1d"),
            (90_061, "1d01h"),
            (360_000, "4d04h"),
        ] {
            assert_eq!(duration(seconds * 1000 + 999), shown);
        }
        assert_eq!(duration(u64::MAX), "213503982334d14h");
    }
}
