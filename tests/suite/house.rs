//! Holds the order and the size of the house: imports point downward and form no cycle, files and folders are short,
//! and nothing panics on purpose. `review` holds the inner core of docs/REVIEW.md.

mod imports;
mod review;
pub(crate) mod source;

use std::collections::BTreeMap;

use source::{Source, sources};

/// The rooms from the bottom up, each with its row and its budget in lines of code. Rooms of one row never import each
/// other. Blank lines, comments and tests do not count.
const ROOMS: [(&str, usize, usize); 18] = [
    ("util", 0, 1167),
    ("config", 1, 904),
    ("telemetry", 1, 568),
    ("aws", 2, 712),
    ("client", 2, 3607),
    ("kube", 3, 2414),
    ("jobs", 4, 4982),
    ("history", 5, 3566),
    ("webhooks", 6, 1230),
    ("clusters", 7, 460),
    ("auth", 8, 785),
    ("audit", 9, 313),
    ("http", 10, 2424),
    ("api", 11, 8145),
    ("app", 12, 648),
    ("cli", 13, 1984),
    ("lib", 14, 18),
    ("main", 14, 15),
];

fn row(room: &str) -> Option<usize> {
    ROOMS.iter().find(|(name, ..)| *name == room).map(|(_, row, _)| *row)
}

/// The imports of these files that do not point downward.
fn upward(sources: &[Source]) -> Vec<String> {
    let modules = imports::modules(sources);
    let mut wrong = Vec::new();
    for source in sources {
        let own = source.room();
        for path in imports::paths(source, &modules) {
            let room = path.first().map_or("lib", String::as_str);
            let is_below = row(room).zip(row(own)).is_some_and(|(below, own)| below < own);
            // The command calls the service as any other caller does.
            let is_allowed = own != "client" || ["util", "config"].contains(&room);
            if room != own && !(is_below && is_allowed) {
                wrong.push(format!("{} imports {}", source.name, path.join("::")));
            }
        }
    }
    wrong
}

#[test]
fn every_room_has_a_row() {
    for source in sources() {
        assert!(row(source.room()).is_some(), "{}", source.name);
    }
}

#[test]
fn imports_point_downward_only() {
    let wrong = upward(sources());
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn an_import_upward_is_found() {
    let wrong = |name: &str, text: &str| {
        let files = [(name, text), ("http/mod.rs", ""), ("util/mod.rs", "")];
        let files = files.map(|(name, text)| Source { name: name.to_owned(), text: text.to_owned() });
        upward(&files).len()
    };
    for text in [
        "use crate::http::response::Problem;",
        "use crate::{kube::names, http};",
        "let x = crate::app::serve();",
        "use super::super::http::Reply;",
        "#[cfg(test)]\nmod tests { use crate::api::Gate; }",
        "use crate::nowhere;",
    ] {
        assert_eq!(wrong("jobs/state.rs", text), 1, "{text}");
    }
    assert_eq!(wrong("jobs/state.rs", "use crate::{kube::names, util}; use super::state;"), 0);
    assert_eq!(wrong("client/run.rs", "use crate::telemetry::log;"), 1);
    assert_eq!(wrong("config/mod.rs", "use crate::telemetry::log;"), 1, "a room of the same row");
}

#[test]
fn no_files_import_each_other() {
    let cycles = imports::cycles(&imports::graph(sources()));
    assert!(cycles.is_empty(), "{cycles:#?}");
}

#[test]
fn each_room_keeps_to_its_budget() {
    let mut over = Vec::new();
    for (room, _, budget) in ROOMS {
        let lines: usize = sources().iter().filter(|s| s.room() == room).map(|s| s.code_lines().count()).sum();
        println!("{room:10} {lines:5} of {budget}");
        if lines > budget {
            over.push(format!("{room} has {lines} lines of code, and may have {budget}"));
        }
    }
    let total: usize = sources().iter().map(|source| source.code_lines().count()).sum();
    println!("{:10} {total:5}", "all");
    assert!(over.is_empty(), "{over:#?}");
}

#[test]
fn blanks_comments_and_tests_are_not_counted() {
    let text = "//! Says.\n\nuse a;\n    // note\nfn f() {}\n\n#[cfg(test)]\nmod tests {}\n";
    let count = |name: &str| Source { name: name.to_owned(), text: text.to_owned() }.code_lines().count();
    assert_eq!((count("jobs/state.rs"), count("jobs/state_tests.rs")), (2, 0));
}

#[test]
fn no_folder_has_more_than_12_files() {
    let mut files: BTreeMap<String, usize> = BTreeMap::new();
    for source in sources().iter().filter(|source| !source.name.ends_with("/mod.rs")) {
        *files.entry(source.folder().to_owned()).or_default() += 1;
    }
    files.retain(|_, count| *count > 12);
    assert!(files.is_empty(), "{files:?}");
}

#[test]
fn a_task_of_the_service_is_supervised() {
    for source in sources().iter().filter(|source| ["app", "clusters"].contains(&source.room())) {
        for task in source.code().split("tokio::spawn(").skip(1) {
            // These supervise themselves, or end the service with them.
            let is_known = ["supervise(", "reload.run(", "listener::run(", "start())"];
            assert!(is_known.iter().any(|start| task.starts_with(start)), "{}: {task:.40}", source.name);
        }
    }
}

#[test]
fn jobs_auth_and_audit_know_nothing_of_http() {
    for source in sources().iter().filter(|source| ["jobs", "auth", "audit"].contains(&source.room())) {
        assert!(!source.code().contains("hyper"), "{} mentions hyper", source.name);
    }
}

#[test]
fn every_file_says_what_it_holds() {
    for source in sources() {
        assert!(source.text.starts_with("//! "), "{} does not begin with //!", source.name);
    }
}

#[test]
fn no_file_is_longer_than_250_lines() {
    let long = sources().iter().map(|source| (source.text.lines().count(), &source.name));
    let long: Vec<(usize, &String)> = long.filter(|(lines, _)| *lines > 250).collect();
    assert!(long.is_empty(), "{long:?}");
}

#[test]
fn nothing_is_unsafe_and_nothing_panics_on_purpose() {
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
