//! What the binary is built from: few crates, each direct one with its reason. Which licences, sources and versions there
//! may be is deny.toml's.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// The direct dependencies. One more needs its reason in docs/DEPENDENCIES.md.
const DIRECT: [&str; 28] = [
    "aws-config",
    "aws-credential-types",
    "aws-sdk-eks",
    "aws-sdk-sts",
    "aws-sigv4",
    "aws-smithy-http-client",
    "base64",
    "dlmalloc",
    "env_logger",
    "fastrand",
    "form_urlencoded",
    "http-body-util",
    "hyper",
    "hyper-rustls",
    "hyper-util",
    "listenfd",
    "log",
    "ring",
    "rlimit",
    "rusqlite",
    "rustls",
    "saphyr-parser",
    "serde",
    "serde_json",
    "subtle",
    "time",
    "tokio",
    "tokio-rustls",
];

const MOST_CRATES: usize = 126;
const TARGET: &str = "x86_64-unknown-linux-musl";
pub(super) const AARCH64: &str = "aarch64-unknown-linux-musl";

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "cargo {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Of all packages, those for other systems left out, as they need not have been downloaded.
fn metadata() -> Value {
    let arguments = ["metadata", "--offline", "--locked", "--format-version", "1", "--filter-platform", TARGET];
    serde_json::from_str(&cargo(&arguments)).unwrap()
}

/// Name and versions of every crate that is linked in.
pub(super) fn linked() -> BTreeMap<String, BTreeSet<String>> {
    linked_for(TARGET)
}

fn linked_for(target: &str) -> BTreeMap<String, BTreeSet<String>> {
    let edges = ["-e", "normal,no-proc-macro", "--target", target, "--prefix", "none"];
    let tree = cargo(&[&["tree", "--offline", "--locked"], &edges[..]].concat());
    let mut crates = BTreeMap::<String, BTreeSet<String>>::new();
    for line in tree.lines() {
        let mut words = line.split(' ');
        if let (Some(name), Some(version)) = (words.next(), words.next()) {
            crates.entry(name.to_owned()).or_default().insert(version.to_owned());
        }
    }
    crates.remove("eks-api");
    crates
}

fn direct() -> BTreeSet<String> {
    of_kind(&Value::Null)
}

/// The direct dependencies of a kind; null is what is linked in.
fn of_kind(kind: &Value) -> BTreeSet<String> {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap();
    let own = packages.iter().find(|package| package["name"] == "eks-api").unwrap();
    let found = own["dependencies"].as_array().unwrap().iter().filter(|dependency| dependency["kind"] == *kind);
    found.map(|dependency| dependency["name"].as_str().unwrap().to_owned()).collect()
}

/// The names in the first column of the table in a section of docs/DEPENDENCIES.md.
fn explained(heading: &str) -> BTreeSet<String> {
    let path = format!("{}/docs/DEPENDENCIES.md", env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let section = page.split("\n## ").find(|section| section.lines().next() == Some(heading));
    let section = section.unwrap_or_else(|| panic!("docs/DEPENDENCIES.md has no section {heading}"));
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    let explained = rows.filter(|(_, reason)| reason.chars().any(char::is_alphabetic));
    explained.map(|(name, _)| name.to_owned()).collect()
}

#[test]
fn the_direct_dependencies_are_those_allowed() {
    let allowed: BTreeSet<String> = DIRECT.into_iter().map(str::to_owned).collect();
    assert_eq!(direct(), allowed);
}

/// What the build script needs runs on the machine that builds, with all that it may do there.
#[test]
fn the_build_needs_one_crate_that_needs_no_other_and_is_not_linked() {
    const BUILD: &str = "utoipa-swagger-ui-vendored";
    assert_eq!(of_kind(&"build".into()), BTreeSet::from([BUILD.to_owned()]));
    let metadata = metadata();
    let found = metadata["packages"].as_array().unwrap().iter().find(|package| package["name"] == BUILD).unwrap();
    assert_eq!(found["dependencies"], serde_json::json!([]));
    assert!(found["targets"].as_array().unwrap().iter().all(|target| target["kind"] == serde_json::json!(["lib"])));
    assert!(!linked().contains_key(BUILD));
}

#[test]
fn every_direct_dependency_has_its_reason() {
    let kinds =
        [("Linked into the binary", Value::Null), ("Only to build", "build".into()), ("Only to test", "dev".into())];
    for (heading, kind) in kinds {
        let (direct, explained) = (of_kind(&kind), explained(heading));
        let missing: Vec<_> = direct.difference(&explained).collect();
        let stale: Vec<_> = explained.difference(&direct).collect();
        assert!(missing.is_empty(), "docs/DEPENDENCIES.md, {heading}: no row with a reason for {missing:?}");
        assert!(stale.is_empty(), "docs/DEPENDENCIES.md, {heading}: rows that are not dependencies: {stale:?}");
    }
}

/// One bill of materials holds for both.
#[test]
fn both_processors_link_the_same_crates() {
    assert_eq!(linked_for(AARCH64), linked());
}

#[test]
fn few_crates_are_linked() {
    let linked = linked();
    assert!(linked.len() > 50, "the tree was not understood: {linked:?}");
    assert!(linked.len() <= MOST_CRATES, "{} crates are linked, at most {MOST_CRATES} are allowed", linked.len());
}
