//! Holds docs/REVIEW.md: its list of the inner core is complete and short, and the invariants hold that make the rest
//! harmless.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::LazyLock;

use super::imports::{modules, paths};
use super::source::{Kind, Source, sources, split};

/// The most lines of code of the inner core.
const MAX_LINES: usize = 3_400;

/// Commands that print a secret because their user asks for it.
const PRINT_SECRETS: [&str; 3] = ["cli/keygen.rs", "cli/token.rs", "cli/webhook.rs"];

const EXPOSES: &str = ".expose()";
/// Code that makes a caller, or finds that it is allowed.
const GRANTS: [&str; 6] =
    ["Caller::Anonymous", "Caller::Certificate(", "Caller::Cluster(", "Caller::Granted(", "Holder::", "::Allowed"];
/// Code that decides which roles, permissions and namespaces a caller needs or has.
const DECIDES: [&str; 9] = [
    "!is_access_chosen",
    "Result<(), Denied>",
    "Result<(), Forbidden>",
    "Role::",
    "access::Auth::ApiKey",
    "authorize_cached(",
    "enum Auth {",
    "fn matches(pattern",
    "permission(",
];
/// A new namespace needs another role than the job in it. The command writes a line of the keys file.
const NAME_ROLES: [&str; 3] = ["api/jobs/create/submit.rs", "api/jobs/dry_run.rs", "cli/keygen.rs"];
const MAKES_A_CLIENT: &str = "Client::new(";
const BUILDS_A_URI: &str = "Uri::from_parts";
const URL_PATHS: [&str; 3] = ["/api/v1", "/apis/", "/version"];
/// The header with a secret, on its way from a caller and to the API server.
const HEADERS: [&str; 2] = ["AUTHORIZATION", ".authorization"];
const READS_THE_STORE: [&str; 9] = [
    "change_notifications()",
    "clone(&self.cluster.store)",
    "store().batch(",
    "store().batch_heads(",
    "store().find(",
    "store().last_known(",
    "store().page(",
    "store().subscribe(",
    "store().unfinished(",
];
const NAMES_A_JOB: &str = "JobRef {";

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
    has_code(source, &[EXPOSES])
        || ["util::secret", "http::request::credentials"].iter().any(|module| imports(source, module))
}

fn makes_a_url(source: &Source) -> bool {
    URL_PATHS.iter().any(|path| has_literal(source, path))
}

fn has_literal(source: &Source, start: &str) -> bool {
    let (_, pieces) = split(source.production());
    pieces.iter().any(|piece| piece.kind == Kind::Literal && piece.text.starts_with(start))
}

fn grants_access(source: &Source) -> bool {
    has_code(source, &GRANTS)
}

fn decides_access(source: &Source) -> bool {
    has_code(source, &DECIDES)
}

/// The files of the service for which this is so, and that these folders do not hold.
fn outside(is_so: impl Fn(&Source) -> bool, folders: &[&str]) -> Vec<&'static str> {
    let such = sources().iter().filter(|source| is_of_the_service(source) && is_so(source));
    such.map(|source| source.name.as_str())
        .filter(|name| !folders.iter().any(|folder| name.starts_with(folder)))
        .collect()
}

/// A name that was changed in `src` and not here would make a test pass always.
#[test]
fn each_sign_occurs_in_src() {
    let single = [EXPOSES, MAKES_A_CLIENT, BUILDS_A_URI, NAMES_A_JOB];
    for sign in [&single[..], &GRANTS, &DECIDES, &HEADERS, &READS_THE_STORE].concat() {
        assert!(!outside(|source| has_code(source, &[sign]), &[]).is_empty(), "no file contains {sign}");
    }
    for path in URL_PATHS {
        assert!(!outside(|source| has_literal(source, path), &[]).is_empty(), "no file contains \"{path}");
    }
}

#[test]
fn the_list_of_the_inner_core_is_complete() {
    let listed = listed();
    for name in &listed {
        let exists = sources().iter().any(|source| source.name == *name);
        assert!(exists, "docs/REVIEW.md lists src/{name}, which does not exist");
    }
    let is_core = |source: &Source| {
        sees_a_secret(source) || makes_a_url(source) || grants_access(source) || decides_access(source)
    };
    let mut missing = outside(is_core, &[&PRINT_SECRETS[..], &NAME_ROLES].concat());
    missing.retain(|name| !listed.contains(*name));
    assert!(missing.is_empty(), "docs/REVIEW.md does not list {missing:?}");
}

#[test]
fn the_inner_core_has_at_most_3400_lines_of_code() {
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
    let builds = |source: &Source| has_code(source, &[BUILDS_A_URI, "Uri::builder", "Uri::try_from"]);
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
    let makes_a_client = |source: &Source| source.room() == "api" && has_code(source, &[MAKES_A_CLIENT]);
    // A followed log outlives its call, and makes a client for each reading.
    let wrong = outside(makes_a_client, &["api/context/mod.rs", "api/jobs/logs/source.rs"]);
    assert!(wrong.is_empty(), "{wrong:?}");
    let context = sources().iter().find(|source| source.name == "api/context/mod.rs").unwrap();
    let clients: Vec<&str> = context.code_lines().filter(|line| line.ends_with(": Client,")).collect();
    assert_eq!(clients, ["    client: Client,"], "handlers can take the client");
}

#[test]
fn few_files_read_the_store_and_each_checks_the_caller() {
    let readers = outside(|source| source.room() == "api" && has_code(source, &READS_THE_STORE), &[]);
    let expected = [
        // Counts only what is left of the batch that the caller deleted.
        "api/batches/delete.rs",
        "api/batches/list.rs",
        "api/batches/lookup.rs",
        "api/batches/wait.rs",
        // Says only whether the job that the caller deleted is gone.
        "api/jobs/delete.rs",
        "api/jobs/list/mod.rs",
        "api/jobs/list/wait.rs",
        "api/jobs/lookup.rs",
        "api/jobs/wait.rs",
        "api/jobs/watch/mod.rs",
    ];
    assert_eq!(readers, expected);
    let checks = |name: &&str| {
        let source = sources().iter().find(|source| source.name == **name).unwrap();
        has_code(source, &["authorize(", "wait_for("])
    };
    assert!(readers.iter().all(checks), "{readers:?}");
}

#[test]
fn only_checked_namespaces_are_in_a_job_ref() {
    let names = outside(|source| has_code(source, &[NAMES_A_JOB]), &[]);
    assert_eq!(names, ["api/context/object.rs", "api/jobs/create/mod.rs", "api/jobs/job_ref.rs"]);
    for source in sources().iter().filter(|source| names[..2].contains(&source.name.as_str())) {
        let (check, made) = (source.code().find("check_namespace("), source.code().find("    JobRef {"));
        assert!(check.is_some() && made.is_none_or(|made| check < Some(made)), "{}", source.name);
    }
}

#[test]
fn only_aws_auth_and_webhooks_see_a_secret() {
    let sign = ["aws/", "auth/", "webhooks/signature.rs"];
    let wrong = outside(|source| has_code(source, &[EXPOSES]), &[&sign, &PRINT_SECRETS[..]].concat());
    assert!(wrong.is_empty(), "{wrong:?}");
    // The request's header is read in one place, and passed on closed.
    let closed = ["aws/", "auth/", "http/request/credentials.rs", "kube/bearer.rs", "webhooks/"];
    let wrong = outside(|source| imports(source, "util::secret"), &closed);
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn only_the_client_sends_the_header_with_the_token() {
    let handles = |source: &Source| has_code(source, &HEADERS);
    let files = outside(handles, &["aws/token.rs", "kube/bearer.rs"]);
    assert_eq!(files, ["http/request/credentials.rs", "kube/client/mod.rs", "kube/client/transport.rs"]);
    let context = sources().iter().find(|source| source.name == "api/context/mod.rs").unwrap();
    assert!(has_code(context, &["credentials::remove(&mut headers)"]), "handlers can read the credentials");
}

#[test]
fn a_file_of_the_inner_core_is_recognized() {
    let file = |text: &str| Source { name: "jobs/state.rs".to_owned(), text: text.to_owned() };
    assert!(sees_a_secret(&file("use crate::util::secret::Secret;")));
    assert!(sees_a_secret(&file("use crate::http::request::{credentials, media};")));
    assert!(makes_a_url(&file("let path = format!(\"/apis/batch/v1/jobs/{name}\");")));
    assert!(grants_access(&file("let caller = Caller::Granted(grant, holder);")));
    assert!(decides_access(&file("row(Route::CreateJob, Cluster(Role::Read, needs::CREATE_JOB))")));
    let other = file("use crate::kube::url::Path; // Caller::Granted(\nlet path = \"/api/eks-create-job\";");
    assert!(!sees_a_secret(&other) && !makes_a_url(&other) && !grants_access(&other) && !decides_access(&other));
}
