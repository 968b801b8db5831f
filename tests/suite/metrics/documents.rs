//! The metrics in docs/OPERATION.md, in the alert rules and on the dashboard are those that the service has. promtool finds no
//! error in them.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::scrape::Scrape;
use super::worked;

fn file(name: &str) -> String {
    let path = format!("{}/{name}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Name with labels, type and help of each metric; without those of the process, which every exporter has.
fn shown(scrape: &Scrape) -> BTreeSet<[String; 3]> {
    let row = |(name, family): (&String, &super::scrape::Family)| {
        let labels: BTreeSet<&str> =
            family.samples.iter().flat_map(|(_, labels, _)| labels.keys()).map(String::as_str).collect();
        let labels: Vec<&str> = labels.into_iter().filter(|label| *label != "le").collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        [format!("{name}{labels}"), family.kind.clone(), family.help.clone()]
    };
    scrape.0.iter().filter(|(name, _)| !name.starts_with("process_")).map(row).collect()
}

#[tokio::test]
async fn the_table_has_every_metric_with_its_labels_and_meaning() {
    let (lab, _state) = worked().await;
    let scrape = Scrape::of(&lab.service).await;
    let page = file("docs/OPERATION.md");
    let rows = page.lines().skip_while(|line| !line.starts_with("| metric |")).skip(2);
    let told = rows.take_while(|line| line.starts_with('|')).map(|row| {
        let cells: Vec<String> = row.trim_matches('|').split('|').map(|cell| cell.trim().replace('`', "")).collect();
        let [name, kind, meaning] = cells.try_into().unwrap();
        [name, kind, meaning]
    });
    assert_eq!(told.collect::<BTreeSet<_>>(), shown(&scrape));
}

/// The metrics that a query names.
fn named(query: &str, known: &Scrape) -> BTreeSet<String> {
    let words = query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let ours = words.filter(|word| word.starts_with("eks_api_") || word.starts_with("process_"));
    let name = |word: &str| {
        let stems = ["_bucket", "_sum", "_count"].into_iter().filter_map(|suffix| word.strip_suffix(suffix));
        let histogram = stems.into_iter().find(|stem| known.0.get(*stem).is_some_and(|f| f.kind == "histogram"));
        histogram.unwrap_or(word).to_owned()
    };
    ours.map(name).collect()
}

fn queries(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            into.extend(map.get("expr").and_then(Value::as_str).map(str::to_owned));
            map.values().for_each(|value| queries(value, into));
        }
        Value::Array(items) => items.iter().for_each(|item| queries(item, into)),
        _ => {}
    }
}

#[tokio::test]
async fn the_dashboard_shows_all_metrics_and_no_others() {
    let (lab, _state) = worked().await;
    let scrape = Scrape::of(&lab.service).await;
    let dashboard: Value = serde_json::from_str(&file("deploy/grafana-dashboard.json")).unwrap();
    let mut all = Vec::new();
    queries(&dashboard, &mut all);
    let used: BTreeSet<String> = all.iter().flat_map(|query| named(query, &scrape)).collect();
    assert_eq!(used, scrape.0.keys().cloned().collect());
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<u64> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len(), "an id is there twice");
    assert!(panels.iter().all(|panel| panel["type"] == "row" || panel["description"].is_string()));
}

#[tokio::test]
async fn the_rules_use_known_metrics_and_each_alert_has_a_test_and_a_section_on_what_to_do() {
    let (lab, _state) = worked().await;
    let scrape = Scrape::of(&lab.service).await;
    for name in ["deploy/prometheus-rules.yaml", "deploy/prometheus-rules-test.yaml"] {
        let used = named(&file(name), &scrape);
        assert!(used.len() > 5, "{used:?}");
        let unknown: Vec<_> = used.iter().filter(|name| !scrape.0.contains_key(*name)).collect();
        assert!(unknown.is_empty(), "{name} names {unknown:?}");
    }
    let rules = file("deploy/prometheus-rules.yaml");
    let alerts: Vec<&str> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    let (tests, page) = (file("deploy/prometheus-rules-test.yaml"), file("docs/OPERATION.md"));
    assert!(alerts.len() >= 5, "{alerts:?}");
    for alert in alerts {
        assert!(tests.contains(&format!("alertname: {alert}\n")), "{alert} is not tested");
        assert!(page.contains(&format!("\n### {alert}\n")), "{alert} has no section");
        let runbook = format!("      runbook: docs/OPERATION.md#{}\n", alert.to_lowercase());
        assert!(rules.contains(&runbook), "{alert} does not name its section");
    }
}

/// Needs promtool, so it runs on demand (.ci/run does): `cargo test --test suite promtool -- --ignored`
#[tokio::test]
#[ignore = "needs promtool, of Debian's package prometheus"]
async fn promtool_finds_nothing_wrong() {
    let (lab, _state) = worked().await;
    let scraped = lab.service.get("/metrics").await.expect_status(200).body;
    let promtool = |arguments: &[&str], input: &[u8]| {
        let mut command = Command::new("promtool");
        command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("promtool is not there");
        child.stdin.take().unwrap().write_all(input).unwrap();
        let output = child.wait_with_output().unwrap();
        let told = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(told).unwrap())
    };
    assert_eq!(promtool(&["check", "metrics"], &scraped), (true, String::new()));
    for arguments in
        [["check", "rules", "deploy/prometheus-rules.yaml"], ["test", "rules", "deploy/prometheus-rules-test.yaml"]]
    {
        let (is_well, told) = promtool(&arguments, b"");
        assert!(is_well && told.contains("SUCCESS"), "{told}");
    }
    assert!(!promtool(&["check", "metrics"], b"a 1\na 2\n").0, "it finds nothing at all");
}
