//! Parses `Warning` headers (RFC 7234, section 5.5): `code agent "text" ["date"]`, separated by commas. A text may contain
//! any bytes. A backslash escapes the next character.

/// Returns the texts of one header line. A warning with wrong syntax is skipped.
pub(super) fn texts(line: &[u8]) -> Vec<String> {
    let (mut rest, mut texts) = (line, Vec::new());
    while !rest.is_empty() {
        let (text, after) = warning(rest);
        texts.extend(text);
        rest = after;
    }
    texts
}

/// Returns the text of the first warning, and the rest after its comma.
fn warning(line: &[u8]) -> (Option<String>, &[u8]) {
    let line = line.trim_ascii_start();
    let (before, quoted) =
        line.split_at(line.iter().position(|byte| matches!(byte, b'"' | b',')).unwrap_or(line.len()));
    let (Some(text), after) = quoted_string(quoted) else {
        return (None, after_comma(quoted));
    };
    let mut words = before.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let is_code = |word: &[u8]| word.len() == 3 && word.iter().all(u8::is_ascii_digit);
    let is_warning = words.next().is_some_and(is_code) && words.next().is_some() && words.next().is_none();
    let text = is_warning.then(|| String::from_utf8_lossy(&text).into_owned());
    (text, after_comma(after))
}

/// Returns the quoted string at the begin, unescaped, and the rest.
fn quoted_string(bytes: &[u8]) -> (Option<Vec<u8>>, &[u8]) {
    let Some(inside) = bytes.strip_prefix(b"\"") else { return (None, bytes) };
    let (mut text, mut rest) = (Vec::new(), inside.iter());
    while let Some(byte) = rest.next() {
        match byte {
            b'"' => return (Some(text), rest.as_slice()),
            b'\\' => text.extend(rest.next()),
            byte => text.push(*byte),
        }
    }
    (None, &[])
}

/// Returns the rest after the next comma outside of quotes. A date has a comma in quotes.
fn after_comma(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    loop {
        match rest {
            [] => return rest,
            [b',', after @ ..] => return after,
            [b'"', ..] => rest = quoted_string(rest).1,
            [_, after @ ..] => rest = after,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warn_utf8_headers_follow_the_grammar() {
        let date = r#""Wed, 21 Oct 2015 07:28:00 GMT""#;
        let dated = [r#"299 agent/1.0 "text" "#, date, r#", 299 - "next""#].concat();
        let cases: [(&str, &[&str]); 14] = [
            (r#"299 - "Bitte Größe angeben""#, &["Bitte Größe angeben"]),
            (r#"299 - "first", 299 - "second""#, &["first", "second"]),
            (r#"299 - "first",299 - "second"  ,  , 299 - "third","#, &["first", "second", "third"]),
            (r#"299 - "has \t tab""#, &["has t tab"]),
            (r#"299 - "a \"quoted\" word, and a back\\slash""#, &[r#"a "quoted" word, and a back\slash"#]),
            (&dated, &["text", "next"]),
            (r#"299 10.0.0.7:443 "address""#, &["address"]),
            (r#"299 - """#, &[""]),
            (r#"  299  -  "blanks"  "#, &["blanks"]),
            (r#"nonsense, 299 - "after nonsense""#, &["after nonsense"]),
            (r#""299 - , inside", 299 - "after quotes""#, &["after quotes"]),
            (r#"299 "no agent", 299 - "with agent""#, &["with agent"]),
            (r#"299 - "never ends, 299 - "#, &[]),
            (r#"299 - "ends with \"#, &[]),
        ];
        for (line, expected) in cases {
            assert_eq!(texts(line.as_bytes()), expected, "{line}");
        }
    }

    #[test]
    fn warn_utf8_bytes_that_are_not_utf8_are_replaced() {
        assert_eq!(texts(b"299 - \"Gr\xF6\xDFe\""), ["Gr\u{FFFD}\u{FFFD}e"]);
    }
}
