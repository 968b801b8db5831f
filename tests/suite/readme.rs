//! Holds what the documents say against what the program is: tables, messages, the example environment, the unit
//! file. The calls that they show are made in `calls`, and where their links lead is `links`'.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that fails, panics")]

mod batches;
mod calls;
mod likeness;
mod links;
mod promises;
mod receiver;
mod shown;
pub(crate) mod stream;
mod webhooks;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use eks_api::api::routes::Route;
use eks_api::config::{CLIENT_VARIABLES, Settings, VARIABLES, Variable, dotenv};
use eks_api::http::limits::bounds::DRAIN;

fn file(name: &str) -> String {
    let path = format!("{}/{name}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The cells of the table's rows whose header begins with this word, without their code marks.
fn table(page: &str, header: &str) -> Vec<Vec<String>> {
    let start = format!("| {header} |");
    let rows = page.lines().skip_while(|line| !line.starts_with(&start)).skip(2);
    let cells = |row: &str| row.trim_matches('|').split('|').map(|cell| cell.trim().replace('`', "")).collect();
    let rows: Vec<Vec<String>> = rows.take_while(|line| line.starts_with('|')).map(cells).collect();
    assert!(!rows.is_empty(), "the page has no table with the header {header}");
    rows
}

/// The settings of the service and of its clients as rows of a table.
fn settings() -> BTreeSet<Vec<String>> {
    let row = |variable: &Variable| [variable.name, variable.default, variable.meaning].map(str::to_owned).to_vec();
    VARIABLES.iter().chain(&CLIENT_VARIABLES).map(row).collect()
}

#[test]
fn configuration_has_every_setting_with_its_default_and_meaning_and_no_other() {
    let shown: BTreeSet<Vec<String>> = table(&file("docs/CONFIGURATION.md"), "variable").into_iter().collect();
    assert_eq!(shown, settings());
}

#[test]
fn readme_names_six_settings_that_configuration_has() {
    let page = file("README.md");
    let section = page.split("\n## ").find_map(|section| section.strip_prefix("Settings\n")).unwrap();
    let named: BTreeSet<&str> = section.split('`').skip(1).step_by(2).collect();
    assert_eq!(named.len(), 6, "{named:?}");
    assert!(named.iter().all(|name| VARIABLES.iter().any(|variable| variable.name == *name)), "{named:?}");
}

/// A setup need not name the cluster and the region.
#[test]
fn the_service_accepts_every_setup_in_configuration() {
    let page = file("docs/CONFIGURATION.md");
    let (_, section) = page.split_once("## Common setups\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let setups: Vec<&str> = section.split("\n\n").filter(|block| block.starts_with("    ")).collect();
    assert!(setups.len() > 3, "{setups:?}");
    for setup in setups {
        let pairs = dotenv::parse(setup).unwrap();
        let known = |name: &str| VARIABLES.iter().any(|variable| variable.name == name);
        assert!(pairs.iter().all(|(name, _)| known(name)), "{setup}");
        let base = [("EKS_CLUSTER_NAME", "prod"), ("EKS_REGION", "us-east-1")];
        let base = base.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert!(Settings::read(base.into_iter().chain(pairs)).is_ok(), "{setup}");
    }
}

#[test]
fn the_figures_in_readme_are_those_that_were_measured() {
    let measured = file("docs/PERFORMANCE.md");
    let figures = table(&file("README.md"), "figure");
    assert_eq!(figures.len(), 5);
    for row in figures {
        assert!(measured.contains(&format!("| {} |", row[1])), "{row:?} is in no table of docs/PERFORMANCE.md");
    }
}

#[test]
fn the_example_environment_explains_every_setting_and_sets_none() {
    let text = file(".env.example");
    assert!(dotenv::parse(&text).unwrap().is_empty(), "every line is a comment");
    let lines: Vec<&str> = text.lines().collect();
    let explained = |pair: &[&str]| {
        let name = pair[1].strip_prefix('#')?.split_once('=')?.0;
        let whole = name.chars().all(|c| c.is_ascii_uppercase() || c == '_');
        whole.then(|| {
            (
                if VARIABLES.iter().any(|known| known.name == name) { name } else { "AWS_*" }.to_owned(),
                pair[0].to_owned(),
            )
        })
    };
    let told: Vec<(String, String)> = lines.windows(2).filter_map(explained).collect();
    let known = VARIABLES.map(|v| (v.name.to_owned(), format!("# {} [{}]", v.meaning, v.default)));
    assert_eq!(told, known);
}

#[test]
fn the_values_of_the_example_environment_are_the_defaults() {
    let pair = |line: &str| dotenv::parse(line.strip_prefix('#')?).ok()?.pop();
    let pairs = file(".env.example").lines().filter_map(pair).collect::<Vec<_>>();
    assert_eq!(pairs.len(), VARIABLES.len());
    // Who may call is the default, too, but written out it also says that it is meant. How much history is kept matters only
    // with a directory.
    let needed = [
        ("EKS_CLUSTER_NAME", "lab"),
        ("AWS_REGION", "us-east-1"),
        ("EKS_API_AUTH", "none"),
        ("EKS_API_STATE_DIR", "/var/lib/eks-api"),
    ];
    let needed = || needed.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter();
    let as_written = Settings::read(pairs.into_iter().chain(needed())).unwrap();
    assert_eq!(format!("{as_written:?}"), format!("{:?}", Settings::read(needed()).unwrap()));
}

#[test]
fn every_parameter_is_told_of() {
    let page = file("docs/API.md");
    for parameter in Route::ALL.into_iter().flat_map(Route::parameters) {
        let told = [format!("`{parameter}"), format!("{parameter}=")].iter().any(|text| page.contains(text));
        assert!(told, "{parameter}");
    }
}

#[test]
fn every_reason_that_is_told_is_one_that_the_service_or_kubernetes_gives() {
    let mut known = String::new();
    sources(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut known);
    // Kubernetes' own words, that pass through.
    let passed_on = ["Forbidden", "NotFound", "AlreadyExists", "Conflict", "TooManyRequests"];
    for row in table(&file("docs/API.md"), "status") {
        let (status, reason) = (&row[0], row[1].as_str());
        assert!(status.parse::<u16>().is_ok_and(|code| (400..600).contains(&code)), "{row:?}");
        assert!(passed_on.contains(&reason) || known.contains(&format!("\"{reason}\"")), "{reason}");
    }
}

#[test]
fn every_reason_of_the_service_itself_is_told() {
    let mut code = String::new();
    for room in ["api", "http"] {
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(room), &mut code);
    }
    let code: String = code.split_whitespace().collect();
    // Where a problem is made, its reason is the first string, after a status if that is not clear.
    let mut made = BTreeSet::new();
    for maker in ["bad_gateway(", "not_found(", "unavailable(", "Problem::new(", "Self::new("] {
        let given = code.split(maker).skip(1).map(|given| match given.strip_prefix("StatusCode::") {
            Some(status) => status.trim_start_matches(|c: char| c != ',').trim_start_matches(','),
            None => given,
        });
        let reasons = given.filter_map(|given| given.strip_prefix('"')?.split('"').next());
        made.extend(reasons.map(str::to_owned));
    }
    assert!(made.contains("upstream_broken") && made.contains("not_watching"), "{made:?}");
    let page = file("docs/API.md");
    made.retain(|reason| !page.contains(&format!("`{reason}`")));
    assert!(made.is_empty(), "{made:?}");
}

#[test]
fn the_source_map_has_every_folder() {
    let page = file("docs/ARCHITECTURE.md");
    let (_, map) = page.split_once("## Source map\n").unwrap();
    let mut folders = vec![PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() && entry.join("mod.rs").exists() {
                let name =
                    entry.strip_prefix(concat!(env!("CARGO_MANIFEST_DIR"), "/src")).unwrap().display().to_string();
                assert!(map.contains(&format!("`{name}/`")), "src/{name}/");
                folders.push(entry);
            }
        }
    }
}

/// In a message `…` stands for what varies.
#[test]
fn every_message_in_the_troubleshooting_tables_is_one_that_the_service_prints() {
    let mut code = String::new();
    sources(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut code);
    // A literal may go on in the next line, and the variables' names are written once.
    let whole: Vec<&str> =
        code.split("\\\n").enumerate().map(|(n, s)| if n == 0 { s } else { s.trim_start() }).collect();
    let mut code = whole.concat();
    for name in ["CERT", "KEY", "CLIENT_CA", "KEYS_FILE"] {
        let long = if name == "KEYS_FILE" { "EKS_API_KEYS_FILE".into() } else { format!("EKS_API_TLS_{name}_FILE") };
        code = code.replace(&format!("{{{name}}}"), &long);
    }
    let page = file("docs/OPERATION.md");
    let section = page.split("\n## ").find_map(|section| section.strip_prefix("Troubleshooting\n")).unwrap();
    let groups: Vec<&str> = section.split("\n### ").skip(1).collect();
    assert_eq!(groups.len(), 4);
    let rows: Vec<Vec<String>> = groups.into_iter().flat_map(|group| table(group, "message")).collect();
    assert!(rows.len() > 25, "{rows:?}");
    for row in rows {
        let pieces = row[0].split('…').map(str::trim).filter(|piece| piece.chars().any(char::is_alphanumeric));
        for piece in pieces {
            assert!(code.contains(piece), "{piece:?} is nothing that the service says");
        }
        assert!(row.len() == 2 && row.iter().all(|cell| !cell.is_empty()), "{row:?}");
    }
}

#[test]
fn every_file_in_the_threat_model_exists() {
    let page = file("docs/SECURITY.md");
    let mut rows = 0;
    for row in page.split("\n## ").filter(|section| section.contains("| threat |")).flat_map(|s| table(s, "threat")) {
        for path in row[2].split(", ") {
            assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(path).exists(), "{path}");
        }
        rows += 1;
    }
    assert!(rows > 25, "{rows} rows");
}

fn sources(folder: &Path, into: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else {
            *into += &fs::read_to_string(path).unwrap();
        }
    }
}

#[test]
fn each_directive_of_the_units_has_its_reason() {
    for (unit, at_least) in [("service", 40), ("socket", 4)] {
        let text = file(&format!("systemd/eks-api.{unit}"));
        let mut commented = false;
        let mut directives = 0;
        for line in text.lines() {
            if line.is_empty() || line.starts_with('[') {
                commented = false;
            } else if line.starts_with('#') {
                commented = true;
            } else {
                assert!(commented || line.starts_with("Description="), "{line}");
                directives += 1;
            }
        }
        assert!(directives > at_least, "{unit}");
    }
}

#[test]
fn the_socket_unit_listens_where_the_service_would_by_itself() {
    let default = VARIABLES.iter().find(|v| v.name == "EKS_API_LISTEN").unwrap().default;
    assert!(file("systemd/eks-api.socket").contains(&format!("\nListenStream={default}\n")));
}

#[test]
fn the_units_numbers_fit_those_of_the_program() {
    let unit = file("systemd/eks-api.service");
    let number = |name: &str| -> u64 {
        let value = unit.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        let value = value.unwrap_or_else(|| panic!("{name} is missing"));
        value.trim_end_matches('s').parse().unwrap()
    };
    let default = |name: &str| VARIABLES.iter().find(|v| v.name == name).unwrap().default.parse::<u64>().unwrap();
    assert!(number("TimeoutStopSec") > DRAIN.as_secs());
    // A log stream has a connection to the cluster of its own.
    let most = ["CONNECTIONS", "REQUESTS", "STREAMS"].map(|kind| default(&format!("EKS_API_MAX_{kind}")));
    assert!(number("LimitNOFILE") > most.iter().sum());
    assert_eq!(number("RestartPreventExitStatus"), 78);
}
