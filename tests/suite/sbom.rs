//! The bill of materials lists what is linked, and nothing else.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::bill::{TARGET, of_materials};
use crate::dependencies::{AARCH64, linked};

fn bill() -> Value {
    of_materials(env!("CARGO"), env!("CARGO_MANIFEST_DIR")).unwrap()
}

fn listed(bill: &Value) -> BTreeSet<String> {
    let components = bill["components"].as_array().unwrap().iter();
    components.map(|one| format!("{} {}", one["name"].as_str().unwrap(), one["version"].as_str().unwrap())).collect()
}

#[test]
fn the_bill_of_materials_lists_exactly_the_linked_crates() {
    let linked = linked().into_iter().flat_map(|(name, versions)| {
        versions.into_iter().map(move |version| format!("{name} {}", version.trim_start_matches('v')))
    });
    assert_eq!(listed(&bill()), linked.collect());
}

#[test]
fn each_component_has_its_checksum_its_licence_and_its_place() {
    let bill = bill();
    assert_eq!((&bill["bomFormat"], &bill["specVersion"]), (&"CycloneDX".into(), &"1.5".into()));
    let components = bill["components"].as_array().unwrap();
    for component in components {
        let checksum = component["hashes"][0]["content"].as_str().unwrap();
        assert!(checksum.len() == 64 && checksum.chars().all(|c| c.is_ascii_hexdigit()), "{component}");
        assert!(component["licenses"][0]["expression"].as_str().is_some_and(|text| !text.is_empty()), "{component}");
    }
    let root = bill["metadata"]["component"]["bom-ref"].as_str().unwrap();
    let known: BTreeSet<&str> = components.iter().map(|one| one["bom-ref"].as_str().unwrap()).chain([root]).collect();
    let edges = bill["dependencies"].as_array().unwrap();
    let depends_on = |edge: &Value| -> Vec<String> { serde_json::from_value(edge["dependsOn"].clone()).unwrap() };
    assert_eq!(edges.iter().map(|edge| edge["ref"].as_str().unwrap()).collect::<BTreeSet<_>>(), known);
    let needed: BTreeSet<String> = edges.iter().flat_map(depends_on).collect();
    assert!(needed.iter().all(|one| known.contains(&**one)), "{needed:?}");
    assert_eq!(needed.len(), components.len(), "something is linked that nothing depends on");
}

/// What cargo said while it built the release is no table of anybody's making: CI has it written down.
#[test]
#[ignore = "needs EKS_API_ARTIFACTS: what cargo build --message-format=json said"]
fn the_bill_of_materials_lists_exactly_the_crates_that_were_compiled_for_the_release() {
    let said = std::fs::read_to_string(std::env::var("EKS_API_ARTIFACTS").unwrap()).unwrap();
    for target in [TARGET, AARCH64] {
        let messages = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let mut compiled = BTreeSet::new();
        for message in messages.filter(|message| message["reason"] == "compiler-artifact") {
            let files: Vec<String> = serde_json::from_value(message["filenames"].clone()).unwrap();
            let is_library = files.iter().any(|file| file.contains(&format!("/{target}/")) && file.contains(".rlib"));
            let (_, package) = message["package_id"].as_str().unwrap().rsplit_once('#').unwrap();
            let own = message["package_id"].as_str().unwrap().starts_with("path+");
            if is_library && !own {
                compiled.insert(package.replace('@', " "));
            }
        }
        assert!(compiled.len() > 50, "{compiled:?}");
        assert_eq!(listed(&bill()), compiled, "{target}");
    }
}
