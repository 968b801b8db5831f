//! Compares with kubectl: beside each file of fixtures/yaml is the JSON that kubectl 1.32 makes of it.

use std::fmt::Write as _;
use std::fs;

use serde_json::{Value, json};

use super::*;

const MAX: usize = 1 << 20;

fn read(text: &str) -> Result<Value, String> {
    let json = to_json(text.as_bytes(), MAX).map_err(|error| error.to_string())?;
    Ok(serde_json::from_str(&json).unwrap())
}

#[test]
fn each_manifest_means_what_it_means_to_kubectl() {
    let mut files = 0;
    for entry in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/yaml")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let known: Value = serde_json::from_slice(&fs::read(path.with_extension("json")).unwrap()).unwrap();
            let ours = to_json(&fs::read(&path).unwrap(), MAX).unwrap_or_else(|error| panic!("{path:?}: {error}"));
            let ours: Value = serde_json::from_str(&ours).unwrap();
            assert_eq!(ours, known, "{path:?}");
            files += 1;
        }
    }
    assert!(files >= 40, "{files}");
}

#[test]
fn what_kubectl_refuses_is_refused_with_its_place() {
    let cases = [
        ("spec:\n\ta: 1\n", "line 2 column 2: "),
        ("a: [1, 2}\n", "line 1 column 9: "),
        ("a: b: c\n", "line 1 column 5: "),
        ("a: *nope\n", "line 1 column 4: "),
        ("a: %a\n", "line 1 column 4: "),
        ("a: @a\n", "line 1 column 4: "),
        ("a:\n  b: 1\n c: 2\n", "line 3 column 2: "),
        ("a: \"b\n", "line 1 column 4: "),
        ("a: .inf\n", "line 1 column 4: JSON has no infinity and no NaN"),
        ("a: {null: 1}\n", "line 1 column 5: a key must not be null"),
        ("a: {[b]: 1}\n", "line 1 column 5: a key must be a string, a number or a boolean"),
        ("a: {{ .Values.b }}\n", "line 1 column 5: a key must be a string, a number or a boolean"),
        ("a: &a [*a]\n", "line 1 column 8: the anchor of this alias contains the alias"),
        ("a: {<<: 3}\n", "line 1 column 9: a merge key takes a mapping or a list of mappings"),
    ];
    for (text, message) in cases {
        let error = read(text).unwrap_err();
        assert!(error.starts_with(message), "{text:?}: {error}");
    }
}

#[test]
fn what_kubectl_takes_without_a_word_is_refused_where_it_hides_a_mistake() {
    for (text, message) in [
        ("a: 1\nb: 2\na: 3\n", "line 3 column 1: this key is given twice in one mapping"),
        ("a: {yes: 1, on: 2}\n", "line 1 column 13: this key is given twice in one mapping"),
        ("a: !foo 1\n", "line 1 column 4: this tag is not supported"),
        ("a: !!int x\n", "line 1 column 4: the value does not fit its tag"),
        ("a: 1\n---\nb: 2\n", "line 3 column 1: a second document begins here; send one document at a time"),
        ("# nothing\n---\n", "the YAML has no document"),
    ] {
        assert_eq!(read(text).unwrap_err(), message, "{text:?}");
    }
    assert_eq!(to_json(b"a: \xff", MAX).unwrap_err().to_string(), "the YAML is not UTF-8");
}

#[test]
fn a_merged_member_may_be_overridden() {
    assert_eq!(read("a: &a {p: 1, q: 2}\nb: {<<: *a, p: 3}\n").unwrap()["b"], json!({ "p": 3, "q": 2 }));
}

#[test]
fn numbers_of_64_bits_keep_their_digits() {
    assert_eq!(to_json(b"a: [9007199254740993, 1e3]", MAX).unwrap(), r#"{"a":[9007199254740993,1000]}"#);
}

#[test]
fn aliases_cannot_make_a_small_text_large() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    let mut merges = "a0: &a0 {k0: 1}\n".to_owned();
    for n in 1..30 {
        let aliases = vec![format!("*a{}", n - 1); 10].join(", ");
        writeln!(bomb, "a{n}: &a{n} [{aliases}]").unwrap();
    }
    for n in 1..5000 {
        writeln!(merges, "a{n}: &a{n} {{<<: *a{}, k{n}: 1}}", n - 1).unwrap();
    }
    assert!(read(&bomb).unwrap_err().contains("larger than 1048576 bytes as JSON"));
    assert!(read(&merges).unwrap_err().ends_with("the names of all members are too long"));
}

#[test]
fn aliases_and_merges_cannot_copy_long_names() {
    let long = "x".repeat(MAX / 2);
    let (aliases, merges) = ("{*k : 1},".repeat(50_000), "{<<: *m},".repeat(50_000));
    let empty = format!("{{s: &s [{}], x: {{{}}}}}", "{},".repeat(100_000), "<<: *s,".repeat(50_000));
    for text in
        [format!("{{a: &k \"{long}\", b: [{aliases}]}}"), format!("{{a: &m {{\"{long}\": 1}}, b: [{merges}]}}"), empty]
    {
        let error = read(&text).unwrap_err();
        assert!(error.ends_with("the names of all members are too long"), "{error}");
    }
}

#[test]
fn no_depth_exhausts_the_stack() {
    let mut aliases = "a0: &a0 [1]\n".to_owned();
    for n in 1..50_000 {
        writeln!(aliases, "a{n}: &a{n} [*a{}]", n - 1).unwrap();
    }
    for text in [aliases, "[".repeat(1 << 18), "- ".repeat(1 << 18), "{a: ".repeat(1 << 18), "? ".repeat(1 << 18)] {
        assert!(read(&text).is_err());
    }
    let deep = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
    assert!(read(&deep(64)).is_ok() && read(&deep(65)).unwrap_err().contains("more than 64 levels deep"));
}
