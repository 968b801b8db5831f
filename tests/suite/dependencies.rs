//! What the binary is built from: few crates, each direct one with its reason, one provider of cryptography.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// The direct dependencies. One more needs its reason in README.md, section Dependencies.
const DIRECT: [&str; 22] = [
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
    "log",
    "ring",
    "rustls",
    "serde",
    "serde_json",
    "time",
    "tokio",
];

const LICENCES: [&str; 8] = ["Apache-2.0", "BSD-3-Clause", "BSL-1.0", "ISC", "MIT", "Unicode-3.0", "Unlicense", "Zlib"];
const MOST_CRATES: usize = 122;
const TARGET: &str = "x86_64-unknown-linux-musl";

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
fn linked() -> BTreeMap<String, BTreeSet<String>> {
    let edges = ["-e", "normal,no-proc-macro", "--target", TARGET, "--prefix", "none"];
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
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap();
    let own = packages.iter().find(|package| package["name"] == "eks-api").unwrap();
    let normal = own["dependencies"].as_array().unwrap().iter().filter(|dependency| dependency["kind"].is_null());
    normal.map(|dependency| dependency["name"].as_str().unwrap().to_owned()).collect()
}

/// The names in the first column of the table in README's section Dependencies.
fn explained() -> BTreeSet<String> {
    let path = format!("{}/README.md", env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("README.md: {error}"));
    let (_, section) = readme.split_once("\n## Dependencies\n").expect("README.md has no section ## Dependencies");
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    let explained = rows.filter(|(_, reason)| reason.chars().any(char::is_alphabetic));
    explained.map(|(name, _)| name.to_owned()).collect()
}

#[test]
fn the_direct_dependencies_are_those_allowed() {
    let allowed: BTreeSet<String> = DIRECT.into_iter().map(str::to_owned).collect();
    assert_eq!(direct(), allowed);
}

#[test]
fn readme_gives_a_reason_for_every_direct_dependency() {
    let (direct, explained) = (direct(), explained());
    let missing: Vec<_> = direct.difference(&explained).collect();
    let stale: Vec<_> = explained.difference(&direct).collect();
    assert!(missing.is_empty(), "README.md, section Dependencies, has no row with a reason for {missing:?}");
    assert!(stale.is_empty(), "README.md, section Dependencies, has rows for what is no dependency: {stale:?}");
}

#[test]
fn few_crates_are_linked_and_none_twice() {
    let linked = linked();
    assert!(linked.len() > 50, "the tree was not understood: {linked:?}");
    assert!(linked.len() <= MOST_CRATES, "{} crates are linked, at most {MOST_CRATES} are allowed", linked.len());
    let twice: Vec<_> = linked.iter().filter(|(_, versions)| versions.len() > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

#[test]
fn ring_is_the_only_provider_of_cryptography() {
    let linked = linked();
    assert!(linked.contains_key("ring"));
    let others = ["aws-lc-rs", "aws-lc-sys", "boring", "boring-sys", "native-tls", "openssl", "openssl-sys"];
    let found: Vec<_> = others.into_iter().filter(|name| linked.contains_key(*name)).collect();
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn every_licence_is_one_that_asks_for_no_more_than_a_notice() {
    let metadata = metadata();
    let mut wrong = Vec::new();
    for package in metadata["packages"].as_array().unwrap() {
        let licence = package["license"].as_str().unwrap_or("none");
        if !allowed(licence) {
            wrong.push(format!("{}: {licence}", package["name"]));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Whether an SPDX expression (with `/` for OR, as older crates write it) can be met by the licences above.
fn allowed(expression: &str) -> bool {
    let expression = expression.replace('/', " OR ").replace(['(', ')'], " ");
    // Among the crates at hand, parentheses enclose alternatives only: AND binds weaker there than OR.
    let meets = |name: &str| LICENCES.contains(&name.trim());
    expression.split(" AND ").all(|part| part.split(" OR ").any(meets))
}

#[test]
fn a_licence_that_is_not_allowed_would_be_found() {
    for good in ["MIT", "MIT/Apache-2.0", "GPL-3.0 OR MIT", "(MIT OR Apache-2.0) AND Unicode-3.0"] {
        assert!(allowed(good), "{good}");
    }
    for bad in ["GPL-3.0", "MIT AND GPL-3.0", "(MIT OR Apache-2.0) AND LGPL-2.1", "none"] {
        assert!(!allowed(bad), "{bad}");
    }
}
