//! Refusals, their paths, and the cost of the most expensive documents.

use std::time::{Duration, Instant};

use serde::Deserialize;

use super::*;

fn fault(text: &str) -> (String, String) {
    let fault = check(text).unwrap_err();
    (fault.path, fault.message)
}

#[test]
fn dup_keys_are_named_by_their_path_also_with_escapes() {
    for (text, path) in [
        (r#"{"a":1,"a":1}"#, "a"),
        (r#"{"na\u006de":1,"name":2}"#, "name"),
        (r#"{"name":1,"\u006eame":2}"#, "name"),
        (r#"{"m":{"spec":{"x":1},"meta":{},"spec":{}}}"#, "m.spec"),
        (
            r#"{"spec":{"containers":[{"name":"a"},{"name":"b","env":[{"k":1},{"v":1,"v":2}]}]}}"#,
            "spec.containers[1].env[1].v",
        ),
        (r#"{"annotations":{"example.com/a":"","b":"","example.com/a":""}}"#, "annotations[example.com/a]"),
        (r#"{"x":{"":1,"":2}}"#, "x[]"),
        (r#"[[{"a\n":1, "a\n":2}]]"#, r"[0][0][a\n]"),
        (r#"{"a":{"b":1},"c":[{"d":{}}],"a":2}"#, "a"),
    ] {
        assert_eq!(fault(text), (path.to_owned(), "is given more than once; give it once".to_owned()), "{text}");
    }
    for text in [
        r#"{"a":{"a":{"a":1}},"b":[{"a":1},{"a":1}]}"#,
        r#"{"a":"a","b":"a","A":"\"a\":1,\"a\":2"}"#,
        r#"{"a":["a","a"],"a\\":1,"a\"":2}"#,
        "{}",
        "[]",
        "7",
        "",
    ] {
        assert_eq!(check(text), Ok(()), "{text}");
    }
}

#[test]
fn c12_a_lone_surrogate_is_refused_in_values_and_names() {
    for (text, path) in [
        (r#"{"a":{"b":"\ud800"}}"#, "a.b"),
        (r#"{"a":"\uDC00\uD800"}"#, "a"),
        (r#"{"a":["x","\ud83d\\ude00"]}"#, "a[1]"),
        (r#"{"a":"\ud83d\u0041"}"#, "a"),
        (r#"{"\udfff":1}"#, ""),
    ] {
        let (at, message) = fault(text);
        assert!(at == path && message.contains("surrogate"), "{text}: {at} {message}");
    }
    assert_eq!(check(r#"{"a":"\ud83d\ude00 \\ud800 \u0041","\ud83d\ude00":1}"#), Ok(()));
}

#[test]
fn c12_nesting_has_a_limit_at_any_depth() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(check(&nested(MAX_DEPTH)), Ok(()));
    for depth in [MAX_DEPTH + 1, 1 << 20] {
        assert!(fault(&nested(depth)).1.contains("64 levels"), "{depth}");
    }
    assert!(fault(&r#"{"a":"#.repeat(200_000)).1.contains("64 levels"));
}

#[test]
fn invalid_json_never_panics() {
    for text in [
        "}",
        "]",
        "\"",
        "{\"",
        "{\"a",
        "\"\\",
        "{\"\\u12",
        "{,,}",
        "}{\"a\":}",
        "\"\\é\"",
        "{\"é\\",
        "[{]}",
        "{\"a\"\"a\"",
    ] {
        let _ = check(text);
    }
}

#[test]
fn bom_is_skipped_once_and_utf_16_is_named() {
    assert_eq!(text("\u{feff}{}".as_bytes()), Ok("{}"));
    assert_eq!(text("\u{feff}\u{feff}{}".as_bytes()), Ok("\u{feff}{}"));
    assert!(text(b"\xff\xfe{\0}\0").unwrap_err().contains("UTF-16"));
    assert_eq!(text(b"{}\xff"), Err("is not UTF-8 at byte 3".to_owned()));
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sample {
    #[expect(dead_code, reason = "read for its errors alone")]
    inner: Option<Vec<Inner>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Inner {
    #[expect(dead_code, reason = "read for its errors alone")]
    name: String,
}

#[test]
fn a_value_of_the_wrong_type_is_named_by_its_path() {
    for (text, path) in [
        (r#"{"inner":7}"#, "inner"),
        (r#"{"inner":"x"}"#, "inner"),
        (r#"{"inner":{"name":"x"}}"#, "inner"),
        ("{\n  \"inner\": [\n    {\"name\": \"a\"},\n    {\"name\": [1]}\n  ]\n}", "inner[1].name"),
        (r#"{"inner":[{"name":null}]}"#, "inner[0].name"),
        (r#"{"innner":[]}"#, "innner"),
        (r#"{"inner":[{"name":"a"}]"#, ""),
    ] {
        let error = serde_json::from_str::<Sample>(text).unwrap_err();
        assert_eq!(path_of(text, &error), path, "{error}");
    }
}

#[test]
fn the_cost_of_any_document_is_linear_in_its_length() {
    let size = 1 << 20;
    let members = |count: usize, prefix: &str| {
        let members: Vec<String> = (0..count).map(|at| format!("\"{prefix}{at:06x}\":1")).collect();
        format!("{{{}}}", members.join(","))
    };
    let deep = format!("{}{}{}", "[".repeat(MAX_DEPTH), "[],".repeat(size / 4), "]".repeat(MAX_DEPTH));
    for (what, text) in [
        ("members", members(size / 11, "")),
        ("escaped names", members(size / 23, "\\u0030\\u0030")),
        ("objects", format!("[{}{{}}]", "{\"a\":{}},".repeat(size / 9))),
        ("escapes", format!("{{\"a\":\"{}\"}}", "\\ud83d\\ude00".repeat(size / 12))),
        ("backslashes", format!("{{\"a\":\"{}\"}}", "\\\\".repeat(size / 2))),
        ("long names", members(64, &"x".repeat(size / 64))),
        ("deep", deep),
    ] {
        let started = Instant::now();
        let _ = check(&text);
        // Without optimisation and on a busy machine; what takes quadratic time takes minutes.
        assert!(started.elapsed() < Duration::from_secs(5), "{what}: {:?}", started.elapsed());
    }
}
