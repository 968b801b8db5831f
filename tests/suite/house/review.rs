//! Holds docs/REVIEW.md: its list of the inner core is complete and short, and the invariants hold that make the rest
//! harmless.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::LazyLock;

use super::imports::{modules, paths};
use super::source::{Kind, Source, sources, split};

/// The most lines of code of the inner core.
const MAX_LINES: usize = 2_500;

/// Commands that print a secret because their user asks for it.
const PRINT_SECRETS: [&str; 2] = ["cli/keygen.rs", "cli/token.rs"];

/// The files that the list names, by their paths below `src`.
fn listed() -> BTreeSet<String> {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/REVIEW.md")).unwrap();
    let (_, list) = page.split_once("## Files in reading order\n").unwrap();
    let files =
        list.split("\n## ").next().unwrap().split('`').skip(1).step_by(2).filter_map(|code| code.strip_prefix("src/"));
    files.map(str::to_owned).collect()
}

/// Whether the file imports this module or something of it.
fn imports(source: &Source, module: &str) -> bool {
    static MODULES: LazyLock<BTreeMap<String, &str>> = LazyLock::new(|| modules(sources()));
    let paths = paths(source, &MODULES);
    paths.iter().any(|path| format!("{}::", path.join("::")).starts_with(&format!("{module}::")))
}

/// The command is a caller of the service: it has its own URLs and credentials, and no right in the cluster.
fn is_of_the_service(source: &Source) -> bool {
    source.room() != "client" && !source.is_test()
}

fn has_code(source: &Source, signs: &[&str]) -> bool {
    let (code, _) = split(source.production());
    signs.iter().any(|sign| code.contains(sign))
}

fn sees_a_secret(source: &Source) -> bool {
    has_code(source, &[".expose()"])
        || ["util::secret", "http::request::credentials"].iter().any(|module| imports(source, module))
}

fn makes_a_url(source: &Source) -> bool {
    let is_path = |text: &str| ["/api/v1", "/apis/", "/version"].iter().any(|path| text.starts_with(path));
    let (_, pieces) = split(source.production());
    pieces.iter().any(|piece| piece.kind == Kind::Literal && is_path(&piece.text))
}

fn grants_access(source: &Source) -> bool {
    has_code(source, &["Caller::new(", "Right::", "::Allowed"])
}

/// The files of the service for which this is so, and that these folders do not hold.
fn outside(is_so: impl Fn(&Source) -> bool, folders: &[&str]) -> Vec<&'static str> {
    let such = sources().iter().filter(|source| is_of_the_service(source) && is_so(source));
    such.map(|source| source.name.as_str())
        .filter(|name| !folders.iter().any(|folder| name.starts_with(folder)))
        .collect()
}

#[test]
fn the_list_of_the_inner_core_is_complete() {
    let listed = listed();
    for name in &listed {
        let exists = sources().iter().any(|source| source.name == *name);
        assert!(exists, "docs/REVIEW.md lists src/{name}, which does not exist");
    }
    let is_core = |source: &Source| sees_a_secret(source) || makes_a_url(source) || grants_access(source);
    let mut missing = outside(is_core, &PRINT_SECRETS);
    missing.retain(|name| !listed.contains(*name));
    assert!(missing.is_empty(), "docs/REVIEW.md does not list {missing:?}");
}

#[test]
fn the_inner_core_has_at_most_2500_lines_of_code() {
    let listed = listed();
    let core = sources().iter().filter(|source| listed.contains(&source.name));
    let lines: usize = core.map(|source| source.code_lines().count()).sum();
    println!("the inner core has {lines} lines of code");
    assert!(lines <= MAX_LINES, "the inner core has {lines} lines of code");
}

#[test]
fn only_kube_url_makes_urls() {
    assert_eq!(outside(makes_a_url, &[]), ["kube/url.rs"]);
    // The transport puts the endpoint before the path.
    let builds = |source: &Source| has_code(source, &["Uri::from_parts", "Uri::builder", "Uri::try_from"]);
    assert_eq!(outside(builds, &[]), ["kube/client/transport.rs"]);
}

#[test]
fn only_auth_grants_access() {
    // The review is the cluster's decision, which auth reads.
    let wrong = outside(grants_access, &["auth/", "kube/access_review.rs"]);
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn only_the_context_reaches_the_api_server() {
    let makes_a_client = |source: &Source| source.room() == "api" && has_code(source, &["Client::new("]);
    // A followed log outlives its call, and makes a client for each reading.
    let wrong = outside(makes_a_client, &["api/context.rs", "api/jobs/logs/source.rs"]);
    assert!(wrong.is_empty(), "{wrong:?}");
    let context = sources().iter().find(|source| source.name == "api/context.rs").unwrap();
    assert!(!has_code(context, &["pub session:", "pub client:", "pub(crate) client:"]), "handlers can take the client");
    assert!(has_code(context, &["fn cluster("]));
}

#[test]
fn only_aws_and_auth_see_a_secret() {
    let wrong = outside(|source| has_code(source, &[".expose()"]), &[&["aws/", "auth/"], &PRINT_SECRETS[..]].concat());
    assert!(wrong.is_empty(), "{wrong:?}");
    // The request's header is read in one place, and passed on closed.
    let wrong = outside(|source| imports(source, "util::secret"), &["aws/", "auth/", "http/request/credentials.rs"]);
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn a_file_of_the_inner_core_is_recognized() {
    let file = |text: &str| Source { name: "jobs/state.rs".to_owned(), text: text.to_owned() };
    assert!(sees_a_secret(&file("use crate::util::secret::Secret;")));
    assert!(sees_a_secret(&file("use crate::http::request::{credentials, media};")));
    assert!(makes_a_url(&file("let path = format!(\"/apis/batch/v1/jobs/{name}\");")));
    assert!(grants_access(&file("Caller::new(Method::None, None, Right::Everything)")));
    let other = file("use crate::kube::url::Path; // Caller::new(\nlet path = \"/api/eks-create-job\";");
    assert!(!sees_a_secret(&other) && !makes_a_url(&other) && !grants_access(&other));
}
