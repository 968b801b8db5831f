//! The order of the house: imports point downward only, files are short and say what they own, nothing can panic.

use std::fs;
use std::path::{Path, PathBuf};

/// The rooms from the bottom up; those of one row never see each other.
const ROWS: [&[&str]; 12] = [
    &["util"],
    &["config", "telemetry"],
    &["aws", "client"],
    &["kube"],
    &["jobs"],
    &["clusters"],
    &["auth"],
    &["audit"],
    &["api", "http"],
    &["app"],
    &["cli"],
    &["main", "lib"],
];

struct Source {
    /// Its path below `src`.
    name: String,
    text: String,
}

impl Source {
    fn room(&self) -> &str {
        self.name.split(['/', '.']).next().unwrap()
    }

    fn is_test(&self) -> bool {
        self.name.ends_with("_tests.rs")
    }

    /// What runs in production: without comments, and without the tests at the foot.
    fn code(&self) -> String {
        let end = if self.is_test() { 0 } else { self.text.find("#[cfg(test)]").unwrap_or(self.text.len()) };
        let lines = self.text[..end].lines().filter(|line| !line.trim_start().starts_with("//"));
        lines.flat_map(|line| [line, "\n"]).collect()
    }

    /// The rooms whose names follow `crate::`, braces included.
    fn imports(&self) -> Vec<&str> {
        let mut rooms = Vec::new();
        for (at, found) in self.text.match_indices("crate::") {
            let rest = &self.text[at + found.len()..];
            let group = rest.strip_prefix('{').map_or(rest, |inside| &inside[..inside.find("};").unwrap_or(0)]);
            let names: Vec<&str> =
                if rest.starts_with('{') { group.split(',').map(str::trim).collect() } else { vec![group] };
            for name in names {
                let end = name.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(name.len());
                rooms.push(&name[..end]);
            }
        }
        rooms
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        let entries: Vec<PathBuf> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        for path in entries {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
                sources.push(Source { name, text: fs::read_to_string(&path).unwrap() });
            }
        }
    }
    assert!(sources.len() > 30, "the sources are not where they are looked for");
    sources
}

fn row(room: &str) -> Option<usize> {
    ROWS.iter().position(|rooms| rooms.contains(&room))
}

#[test]
fn imports_point_downward_only() {
    let mut wrong = Vec::new();
    for source in sources() {
        let own = row(source.room()).unwrap_or_else(|| panic!("{} is in a room that has no row", source.name));
        for room in source.imports() {
            // The listener still knows the service that it serves.
            let both = ["api", "http"];
            let allowed = room == source.room()
                || row(room).is_some_and(|row| row < own)
                || both.contains(&room) && both.contains(&source.room());
            if !allowed {
                wrong.push(format!("{} imports {room}", source.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_room_is_not_reached_around_its_door() {
    // As many super:: as a module is deep lead to the crate's root, from where another room would be named.
    let reaches = |source: &Source| {
        let depth = source.name.matches('/').count() + usize::from(!source.name.ends_with("/mod.rs"));
        row(source.room()) < row("main") && source.code().contains(&"super::".repeat(depth))
    };
    let wrong: Vec<String> = sources().into_iter().filter(reaches).map(|source| source.name).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn jobs_auth_and_audit_know_nothing_of_http() {
    for source in sources().into_iter().filter(|source| ["jobs", "auth", "audit"].contains(&source.room())) {
        assert!(!source.code().contains("hyper"), "{} mentions hyper", source.name);
    }
}

#[test]
fn every_file_says_what_it_owns() {
    for source in sources() {
        assert!(source.text.starts_with("//! "), "{} does not begin with //!", source.name);
    }
}

#[test]
fn no_file_is_longer_than_250_lines() {
    for source in sources() {
        let lines = source.text.lines().count();
        assert!(lines <= 250, "{} has {lines} lines", source.name);
    }
}

#[test]
fn nothing_is_unsafe_and_nothing_can_panic_on_purpose() {
    for source in sources() {
        let tests = source.text.split_once("#[cfg(test)]").map(|(_, rest)| rest.trim_start());
        let at_foot = tests.is_none_or(|tests| tests.starts_with("mod tests") || tests.starts_with("#[path"));
        assert!(at_foot, "{}: its tests are not at the foot", source.name);
        assert!(!source.text.contains("unsafe {") && !source.text.contains("unsafe fn"), "{} is unsafe", source.name);
        for word in [".unwrap()", ".expect(", "panic!", "todo!", "unimplemented!", "dbg!"] {
            assert!(!source.code().contains(word), "{} has {word} outside of its tests", source.name);
        }
    }
}

#[test]
fn an_import_upward_would_be_found() {
    let source = |text: &str| Source { name: "jobs/spec.rs".to_owned(), text: text.to_owned() };
    assert_eq!(source("use crate::http::error::Problem;").imports(), ["http"]);
    assert_eq!(source("use crate::{kube::name, http};").imports(), ["kube", "http"]);
    assert_eq!(source("let x = crate::app::serve();").imports(), ["app"]);
    assert!(row("http") > row("auth") && row("api") > row("jobs") && row("nowhere").is_none());
}
