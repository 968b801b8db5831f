//! Scripts that contain a parameter, and those that only look so.

use serde_json::json;

use super::*;

fn script_of<'a>(words: &[&'a str]) -> Option<&'a str> {
    let owned: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    let found = script(&owned)?.to_owned();
    words.iter().find(|word| **word == found).copied()
}

#[test]
fn the_script_of_a_shell_is_found() {
    for words in [
        &["sh", "-c", "SCRIPT"][..],
        &["/bin/bash", "-ec", "SCRIPT"],
        &["/usr/local/bin/zsh", "-lc", "SCRIPT", "name", "arg"],
        &["dash", "-e", "-c", "SCRIPT"],
        &["ash", "-c", "-e", "SCRIPT"],
        &["ksh", "+e", "-c", "--", "SCRIPT"],
        &["bash", "-euo", "pipefail", "-c", "SCRIPT"],
        &["bash", "-euo", "pipefail", "-xc", "SCRIPT"],
        &["bash", "-o", "pipefail", "--norc", "--rcfile", "/rc", "-c", "SCRIPT"],
        &["bash", "-co", "pipefail", "SCRIPT"],
        &["tini", "--", "/usr/bin/env", "bash", "-c", "SCRIPT"],
        &["sh", "sh", "-c", "SCRIPT"],
        &["busybox", "sh", "-c", "SCRIPT"],
    ] {
        assert_eq!(script_of(words), Some("SCRIPT"), "{words:?}");
    }
    for words in [
        &[][..],
        &["sh"],
        &["sh", "-c"],
        &["sh", "script.sh", "-c", "x"],
        &["sh", "-e", "script.sh"],
        &["bash", "--rcfile", "-c", "x"],
        &["bash", "--noprofile-c", "x"],
        &["fish", "-c", "x"],
        &["python", "-c", "x"],
        &["crash", "-c", "x"],
        &["sh/", "-c", "x"],
    ] {
        assert_eq!(script_of(words), None, "{words:?}");
    }
}

#[test]
fn references_are_those_that_kubernetes_expands() {
    for (text, found) in [
        ("", &[][..]),
        ("$", &[]),
        ("$(", &[]),
        ("$(A", &[]),
        ("$A ${A} (A)", &[]),
        ("$(A)", &["A"]),
        ("x$(A)y$(B)", &["A", "B"]),
        ("$$(A)", &[]),
        ("$$$(A)", &["A"]),
        ("$$$$(A)", &[]),
        ("$x$(A)", &["A"]),
        ("é$é$(A)", &["A"]),
        ("$(A$(B)", &["A$(B"]),
        ("$(A)$", &["A"]),
        ("$()", &[""]),
    ] {
        assert_eq!(references(text).collect::<Vec<_>>(), found, "{text}");
    }
}

fn parameter(name: &str) -> Parameter {
    Parameter { name: name.to_owned(), is_required: false, default: None }
}

/// The names in the warnings for a script and variables after the parameters A and B.
fn warned(script: &str, env: &[(&str, &str)]) -> Vec<String> {
    let parameters = ["A", "B"].map(|name| (name.to_owned(), "$$(Z)".to_owned()));
    let all = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).chain(env.iter().copied());
    let env: Vec<_> = all.map(|(name, value)| json!({ "name": name, "value": value })).collect();
    let container = json!({ "command": ["sh", "-c", script, "sh", "$(A)"], "env": env });
    let warnings = warnings(&serde_json::from_value(container).unwrap(), &["A", "B"].map(parameter));
    let name = |warning: &String| warning.split("$(").nth(1).unwrap().split(')').next().unwrap().to_owned();
    warnings.iter().map(name).collect()
}

#[test]
fn a_warning_names_each_variable_with_a_parameter_in_the_script() {
    assert_eq!(warned("$(B) $(A) $(A) $(C)", &[]), ["A", "B"]);
    assert_eq!(warned("\"$A\" \"$1\" $$(A)", &[]), [""; 0], "words after the script are not part of its text");
    assert_eq!(warned("$(C) $(D)", &[("C", "x$(A)"), ("D", "$$(A)")]), ["C"]);
    assert_eq!(warned("$(D)", &[("C", "$(A)"), ("D", "-$(C)-")]), ["D"]);
    assert_eq!(warned("$(D)", &[("D", "$(C)"), ("C", "$(A)")]), [""; 0], "C has no value yet");
    assert_eq!(warned("$(C)", &[("C", "$(A)"), ("C", "x")]), [""; 0], "the last one wins");
    assert_eq!(warned("$(C)", &[("C", "x"), ("C", "$(A)")]), ["C"]);
    let many: Vec<String> = (0..50).map(|at| format!("V{at}")).collect();
    let env: Vec<(&str, &str)> = many.iter().map(|name| (&**name, "$(A)")).collect();
    let script = format!("$({})", many.join(")$("));
    assert_eq!(warned(&script, &env).len(), MAX_WARNINGS);
}

#[test]
fn the_most_expensive_commands_take_linear_time() {
    let size = 1 << 20;
    for words in [vec!["$(".repeat(size / 2)], vec!["sh -o".to_owned(); size / 8], vec!["$(A)".repeat(size / 4)]] {
        let words = words.iter().flat_map(|word| word.split(' '));
        let command: Vec<&str> = ["sh", "-c"].into_iter().chain(words).collect();
        let started = std::time::Instant::now();
        let container =
            json!({ "command": ["sh"], "args": command, "env": [{ "name": "A", "value": command.last() }] });
        warnings(&serde_json::from_value(container).unwrap(), &[parameter("B")]);
        // Not optimized and on a busy machine. Quadratic time would be minutes.
        assert!(started.elapsed().as_secs() < 10, "{:?}", started.elapsed());
    }
}

#[test]
fn a_parameter_without_a_value_is_warned_of_too() {
    let container = json!({ "command": ["sh", "-c", "etl $(MODE)"], "env": [{ "name": "MODE", "value": "full" }] });
    let container = serde_json::from_value(container).unwrap();
    assert_eq!(warnings(&container, &[parameter("MODE")]).len(), 1);
    assert_eq!(warnings(&container, &[parameter("OTHER")]), [""; 0]);
}
