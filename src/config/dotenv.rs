//! Parses a `.env` file of `NAME=value` lines: [`parse`].

/// Returns the pairs. The error is the number of the first line that is not a pair.
///
/// A byte order mark, blank lines and `#` comments are skipped. A leading `export ` is allowed. Single or double quotes
/// around a value are removed. Nothing is expanded, because a secret may contain `$` or a backslash.
pub fn parse(text: &str) -> Result<Vec<(String, String)>, usize> {
    let mut pairs = Vec::new();
    for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").unwrap_or(line);
        let (name, value) = line.split_once('=').ok_or(index + 1)?;
        let (name, value) = (name.trim(), value.trim());
        if !is_name(name) || value.contains('\0') {
            return Err(index + 1);
        }
        pairs.push((name.to_owned(), unquoted(value).ok_or(index + 1)?.to_owned()));
    }
    Ok(pairs)
}

fn is_name(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Returns the value without its quotes; `None` if a quote is not closed. Outside of quotes ` #` begins a comment.
fn unquoted(value: &str) -> Option<&str> {
    for quote in ['"', '\''] {
        if let Some(rest) = value.strip_prefix(quote) {
            let (inner, after) = rest.split_once(quote)?;
            let after = after.trim_start();
            return (after.is_empty() || after.starts_with('#')).then_some(inner);
        }
    }
    Some(value.split_once(" #").map_or(value, |(before, _)| before.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::parse;

    fn one(line: &str) -> (String, String) {
        parse(line).unwrap().remove(0)
    }

    #[test]
    fn values_keep_every_character_that_a_secret_can_have() {
        assert_eq!(one("A=lab-secret-one/with+chars$X\\n==").1, "lab-secret-one/with+chars$X\\n==");
        assert_eq!(one("A=\"a # b\" # why").1, "a # b");
        assert_eq!(one("A='x\"y'").1, "x\"y");
        assert_eq!(one("export A = b # c"), ("A".into(), "b".into()));
        assert_eq!(one("A=").1, "");
        assert_eq!(one("A=a#b").1, "a#b");
    }

    #[test]
    fn comments_and_blank_lines_are_skipped() {
        assert_eq!(parse("\n# A=1\n  \nB=2\r\n").unwrap(), [("B".to_owned(), "2".to_owned())]);
    }

    #[test]
    fn c13_a_byte_order_mark_is_skipped() {
        assert_eq!(parse("\u{feff}A=1\n").unwrap(), [("A".to_owned(), "1".to_owned())]);
    }

    #[test]
    fn the_error_is_the_number_of_the_line() {
        for bad in ["A", "=1", "1A=1", "A B=1", "A='x", "A=\"x\"y", "A=a\0b"] {
            assert_eq!(parse(&format!("OK=1\n{bad}\n")), Err(2), "{bad:?}");
        }
    }
}
