//! Finds parameters in the text of a shell script: [`warnings`].

use std::collections::BTreeSet;

use serde_json::value::RawValue;

use crate::jobs::manifest::raw::{self, Members};
use crate::jobs::manifest::variables::name;
use crate::jobs::template::types::Parameter;
use crate::jobs::text::shortened;

const SHELLS: [&str; 6] = ["sh", "bash", "ash", "dash", "ksh", "zsh"];
/// Options of a shell that are followed by a value. So are `-o` and `-O`.
const WITH_VALUE: [&str; 2] = ["--rcfile", "--init-file"];
/// Further references are not named.
const MAX_WARNINGS: usize = 10;

/// Returns a warning for each variable in the text of the container's shell script that holds a parameter.
pub(super) fn warnings(container: &Members, parameters: &[Parameter]) -> Vec<String> {
    let list = |member| raw::get(container, member).and_then(raw::parse::<Vec<String>>).unwrap_or_default();
    let words = [list("command"), list("args")].concat();
    let Some(script) = script(&words) else { return Vec::new() };
    let mut holders = BTreeSet::new();
    holders.extend(parameters.iter().map(|parameter| parameter.name.clone()));
    let env: Vec<Box<RawValue>> = raw::get(container, "env").and_then(raw::parse).unwrap_or_default();
    // Kubernetes expands the variables in their order.
    for variable in &env {
        let Some(name) = name(variable) else { continue };
        let value = raw::parse::<Members>(variable).and_then(|variable| raw::parse(raw::get(&variable, "value")?));
        let value: String = value.unwrap_or_default();
        if references(&value).any(|referred| holders.contains(referred)) {
            holders.insert(name);
        } else if parameters.iter().all(|parameter| parameter.name != name) {
            holders.remove(&name);
        }
    }
    let mut found = BTreeSet::new();
    found.extend(references(script).filter(|referred| holders.contains(*referred)));
    let warnings = found.into_iter().take(MAX_WARNINGS).map(|name| {
        let name = shortened(name);
        format!(
            "the shell script of the template contains $({name}): Kubernetes puts the value into the text of the script, where the shell may run it; write \"${name}\" instead"
        )
    });
    warnings.collect()
}

/// Returns the text of the script: the first word after the options of a shell, if one of them contains `c`.
fn script(words: &[String]) -> Option<&str> {
    let mut words = words.iter().map(String::as_str).peekable();
    while let Some(word) = words.next() {
        if !SHELLS.contains(&word.rsplit('/').next().unwrap_or_default()) {
            continue;
        }
        let mut is_script = false;
        while let Some(option) = words.next_if(|word| word.starts_with(['-', '+'])) {
            let is_short = !option.starts_with("--");
            is_script |= is_short && option.starts_with('-') && option.contains('c');
            if (is_short && option.contains(['o', 'O'])) || WITH_VALUE.contains(&option) {
                words.next();
            }
        }
        if is_script {
            return words.next();
        }
    }
    None
}

/// Returns the names in Kubernetes' references, `$(NAME)`. `$$` is an escaped `$`.
fn references(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            let after = rest.get(rest.find('$')? + 1..)?;
            if let Some(reference) = after.strip_prefix('(') {
                let (name, after) = reference.split_once(')')?;
                rest = after;
                return Some(name);
            }
            rest = after.strip_prefix('$').unwrap_or(after);
        }
    })
}

#[cfg(test)]
#[path = "shell_tests.rs"]
mod tests;
