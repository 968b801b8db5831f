//! Finds which file imports which, and the cycles among them.

use std::collections::{BTreeMap, BTreeSet};

use super::source::{Kind, Source, split};

/// The files that each file imports, by name.
pub(super) type Graph = BTreeMap<String, BTreeSet<String>>;

/// The paths that a file names, each from the root of the crate: `["kube", "names", "JobName"]`.
///
/// Of the tests at the foot only paths from `crate` count, as their `super` is the file itself.
pub(super) fn paths(source: &Source, modules: &BTreeMap<String, &str>) -> BTreeSet<Vec<String>> {
    let module = module(&source.name);
    let (production, tests) = source.text.split_at(source.production().len());
    let mut found = written(production, &module, modules);
    found.extend(written(tests, &[], &BTreeMap::new()).into_iter().filter(|path| path[0] == "crate"));
    found.iter().map(|path| resolved(path, &module)).collect()
}

/// The imports among the files in production.
pub(super) fn graph(sources: &[Source]) -> Graph {
    let modules = modules(sources);
    let mut graph = Graph::new();
    for source in sources.iter().filter(|source| !source.is_test()) {
        let targets = graph.entry(source.name.clone()).or_default();
        let module = module(&source.name);
        for path in written(source.production(), &module, &modules) {
            let path = resolved(&path, &module);
            // The longest part of the path that names a module names the file.
            let file = (1..=path.len()).rev().find_map(|length| modules.get(&path[..length].join("::")));
            targets.extend(file.filter(|file| **file != source.name).map(|&file| file.to_owned()));
        }
    }
    graph
}

/// The files by the path of their module.
pub(super) fn modules(sources: &[Source]) -> BTreeMap<String, &str> {
    let files = sources.iter().filter(|source| !source.is_test() && source.name.contains('/'));
    files.map(|source| (module(&source.name).join("::"), source.name.as_str())).collect()
}

/// The groups of files that import each other, each with its imports. Empty if there is no cycle.
pub(super) fn cycles(graph: &Graph) -> Vec<Vec<String>> {
    let reach: BTreeMap<&str, BTreeSet<&str>> =
        graph.keys().map(|file| (file.as_str(), reachable(graph, file))).collect();
    let both =
        |a: &str, b: &str| reach.get(a).is_some_and(|r| r.contains(b)) && reach.get(b).is_some_and(|r| r.contains(a));
    let mut groups: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (from, targets) in graph {
        for to in targets.iter().filter(|to| both(from, to)) {
            let first = reach[from.as_str()].iter().copied().find(|other| both(from, other));
            groups.entry(first.unwrap_or(from)).or_default().push(format!("{from} -> {to}"));
        }
    }
    groups.into_values().collect()
}

/// Everything that a file imports, directly or through others.
fn reachable<'a>(graph: &'a Graph, file: &str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut open = vec![file];
    while let Some(targets) = open.pop().and_then(|file| graph.get(file)) {
        for target in targets {
            if reached.insert(target.as_str()) {
                open.push(target);
            }
        }
        // A file that the graph does not have imports nothing.
        open.retain(|file| graph.contains_key(*file));
    }
    reached
}

/// `kube/client/mod.rs` is the module `kube::client`.
fn module(name: &str) -> Vec<String> {
    let path = name.trim_end_matches(".rs").trim_end_matches("/mod");
    path.split('/').filter(|part| *part != "lib" && *part != "main").map(str::to_owned).collect()
}

/// The paths within the crate as this text writes them. They start with `crate`, `super`, `self` or a child.
fn written(text: &str, module: &[String], modules: &BTreeMap<String, &str>) -> BTreeSet<Vec<String>> {
    let (code, pieces) = split(text);
    // An attribute of serde names a function by a literal.
    let literals = pieces.into_iter().filter(|piece| piece.kind == Kind::Literal && is_path(&piece.text));
    let texts = [code].into_iter().chain(literals.map(|piece| piece.text));
    let mut found = BTreeSet::new();
    for text in texts {
        let tokens = tokens(&text);
        let mut at = 0;
        while at < tokens.len() {
            let token = tokens[at];
            let inside = at > 0 && tokens[at - 1] == "::" || at > 1 && tokens[at - 2..at] == ["(", "in"];
            let child = || modules.contains_key(&[module, &[token.to_owned()]].concat().join("::"));
            let starts = ["crate", "super", "self"].contains(&token) || child();
            if inside || !starts || tokens.get(at + 1) != Some(&"::") {
                at += 1;
                continue;
            }
            at = tree(&tokens, at, &[], &mut |path| {
                found.insert(path.iter().map(|&segment| segment.to_owned()).collect());
            });
        }
    }
    found
}

/// Reads the path or the tree of paths that starts here, and returns where it ends.
fn tree(tokens: &[&str], mut at: usize, prefix: &[&str], add: &mut impl FnMut(&[&str])) -> usize {
    let mut path = prefix.to_vec();
    loop {
        match tokens.get(at) {
            Some(&"{") => {
                at += 1;
                while tokens.get(at).is_some_and(|token| *token != "}") {
                    at = tree(tokens, at, &path, add);
                    // What stands between a path and its comma renames it.
                    while tokens.get(at).is_some_and(|token| ![",", "}"].contains(token)) {
                        at += 1;
                    }
                    at += usize::from(tokens.get(at) == Some(&","));
                }
                return at + 1;
            }
            Some(token) if is_word(token) || *token == "*" => path.push(token),
            _ => {
                add(&path);
                return at;
            }
        }
        if tokens.get(at + 1) != Some(&"::") {
            add(&path);
            return at + 1;
        }
        at += 2;
    }
}

/// The path from the root of the crate.
fn resolved(path: &[String], module: &[String]) -> Vec<String> {
    let mut whole = if path[0] == "crate" { Vec::new() } else { module.to_vec() };
    for segment in path {
        match segment.as_str() {
            "crate" | "self" | "*" => {}
            "super" => drop(whole.pop()),
            name => whole.push(name.to_owned()),
        }
    }
    whole
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

fn is_path(literal: &str) -> bool {
    literal.contains("::") && literal.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':')
}

/// The words, the `::` and the signs of a text.
fn tokens(code: &str) -> Vec<&str> {
    let (mut found, mut rest) = (Vec::new(), code.trim_start());
    while let Some(first) = rest.chars().next() {
        let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let length = if rest.starts_with("::") { 2 } else { word.max(first.len_utf8()) };
        found.push(&rest[..length]);
        rest = rest[length..].trim_start();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn house(files: &[(&str, &str)]) -> Vec<Source> {
        files.iter().map(|(name, text)| Source { name: (*name).to_owned(), text: (*text).to_owned() }).collect()
    }

    #[test]
    fn a_cycle_is_found_by_every_form_of_a_path() {
        for (down, up) in [
            ("use crate::kube::url;", "use crate::jobs::store;"),
            ("use crate::{kube::{names::X, url::{self, Y}}, util};", "fn f() { crate::jobs::store::g() }"),
            ("use crate::kube::url as address;", "use super::super::jobs::store::{Job as J};"),
            ("#[serde(with = \"crate::kube::url\")] struct S;", "use crate::jobs::{index, store};"),
        ] {
            let files =
                [("jobs/store.rs", down), ("kube/url.rs", up), ("jobs/mod.rs", "mod store;"), ("kube/mod.rs", "")];
            let expected = [["jobs/store.rs -> kube/url.rs", "kube/url.rs -> jobs/store.rs"]];
            assert_eq!(cycles(&graph(&house(&files))), expected, "{down} {up}");
        }
    }

    #[test]
    fn a_child_that_imports_its_parent_is_a_cycle_if_the_parent_imports_it() {
        let parent = |text: &'static str| house(&[("kube/mod.rs", text), ("kube/url.rs", "use super::Client;")]);
        let expected = [["kube/mod.rs -> kube/url.rs", "kube/url.rs -> kube/mod.rs"]];
        for imports in
            ["mod url; pub use url::Url;", "mod url; use self::url::Url;", "mod url; fn f() { url::parse() }"]
        {
            assert_eq!(cycles(&graph(&parent(imports))), expected, "{imports}");
        }
        assert!(cycles(&graph(&parent("pub mod url; struct Client;"))).is_empty());
    }

    #[test]
    fn a_cycle_of_three_is_one_group() {
        let files = [
            ("a/x.rs", "use crate::b::y;"),
            ("b/y.rs", "use crate::c::z;"),
            ("c/z.rs", "use crate::a::x;\nuse crate::d::w;"),
            ("d/w.rs", ""),
        ];
        let groups = cycles(&graph(&house(&files)));
        assert_eq!(groups, [["a/x.rs -> b/y.rs", "b/y.rs -> c/z.rs", "c/z.rs -> a/x.rs"]]);
    }

    #[test]
    fn tests_comments_literals_and_visibility_import_nothing() {
        for text in [
            "#[cfg(test)]\nmod tests { use crate::kube::url; }",
            "// use crate::kube::url;",
            "const A: &str = \"see crate::kube::url\";",
            "pub(in crate::kube::url) fn f() {}",
            "use other::crate_::kube::url;",
        ] {
            let files = [("jobs/store.rs", text), ("kube/url.rs", "use crate::jobs::store;")];
            assert!(cycles(&graph(&house(&files))).is_empty(), "{text}");
        }
    }

    #[test]
    fn the_paths_of_a_file_start_at_the_root() {
        let text =
            "use super::super::http::Reply;\n#[cfg(test)]\nmod tests { use super::*; use crate::{api, kube::url}; }";
        let files = house(&[("jobs/store.rs", text)]);
        let found: Vec<String> = paths(&files[0], &modules(&files)).iter().map(|path| path.join("::")).collect();
        assert_eq!(found, ["api", "http::Reply", "kube::url"]);
    }
}
