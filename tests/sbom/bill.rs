//! Makes the bill of materials out of what cargo says is linked, and the checksums in Cargo.lock
//! (<https://cyclonedx.org/docs/1.5/json/>).
//!
//! `cargo tree` is asked and not `cargo metadata`, from which other tools take it: that one mixes in what features the
//! tests need, and what only runs while building. What is linked besides crates, Rust's own library and musl, comes with
//! the toolchain.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

pub(crate) const TARGET: &str = "x86_64-unknown-linux-musl";

struct Component {
    name: String,
    version: String,
    licence: String,
    repository: String,
    /// By package URL.
    depends_on: BTreeSet<String>,
}

pub(crate) fn of_materials(cargo: &str, folder: &str) -> Result<Value, String> {
    let format = "|{p}|{l}|{r}";
    let edges = ["--edges", "normal,no-proc-macro", "--target", TARGET, "--prefix", "depth", "--format", format];
    let output = Command::new(cargo).args(["tree", "--locked"]).args(edges).current_dir(folder).output();
    let output = output.map_err(|error| format!("{cargo}: {error}"))?;
    if !output.status.success() {
        return Err(format!("cargo tree: {}", String::from_utf8_lossy(&output.stderr)));
    }
    let (root, components) = understood(&String::from_utf8_lossy(&output.stdout))?;
    let lock = Path::new(folder).join("Cargo.lock");
    let lock = std::fs::read_to_string(&lock).map_err(|error| format!("{}: {error}", lock.display()))?;
    bill(&root, &components, &checksums(&lock))
}

/// The package URL is also what components are referred to by
/// (<https://github.com/package-url/purl-spec/blob/main/types-doc/cargo-definition.md>).
fn url(name: &str, version: &str) -> String {
    format!("pkg:cargo/{name}@{}", version.replace('+', "%2B"))
}

/// The components by their URLs, and the URL of the first, which is the program. Each line begins with how deep it is;
/// what a crate depends on follows where it is named first.
fn understood(tree: &str) -> Result<(String, BTreeMap<String, Component>), String> {
    let (mut components, mut above) = (BTreeMap::<String, Component>::new(), Vec::<String>::new());
    for line in tree.lines() {
        let fields: Vec<&str> = line.trim_end_matches(" (*)").split('|').collect();
        let &[depth, package, licence, repository] = &*fields else { return Err(format!("cargo tree says {line:?}")) };
        let mut words = package.split(' ');
        let (name, version) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let version = version.strip_prefix('v').ok_or_else(|| format!("cargo tree says {line:?}"))?;
        let depth: usize = depth.parse().map_err(|_| format!("cargo tree says {line:?}"))?;
        let url = url(name, version);
        above.truncate(depth);
        if let Some(parent) = above.last().and_then(|parent| components.get_mut(parent)) {
            parent.depends_on.insert(url.clone());
        }
        components.entry(url.clone()).or_insert_with(|| Component {
            name: name.to_owned(),
            version: version.to_owned(),
            // Older crates write OR so.
            licence: licence.replace('/', " OR "),
            repository: repository.to_owned(),
            depends_on: BTreeSet::new(),
        });
        above.push(url);
    }
    let root = above.into_iter().next().ok_or("cargo tree says nothing")?;
    Ok((root, components))
}

/// The checksums of Cargo.lock by name and version.
fn checksums(lock: &str) -> BTreeMap<(String, String), String> {
    let packages = lock.split("\n[[package]]\n").skip(1);
    let field = |package: &str, name: &str| {
        let found = package.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = \"")?.strip_suffix('"'));
        found.map(str::to_owned)
    };
    let checksum = |package| Some(((field(package, "name")?, field(package, "version")?), field(package, "checksum")?));
    packages.filter_map(checksum).collect()
}

fn bill(
    root: &str,
    components: &BTreeMap<String, Component>,
    checksums: &BTreeMap<(String, String), String>,
) -> Result<Value, String> {
    let mut described = Vec::new();
    for (url, component) in components.iter().filter(|(url, _)| *url != root) {
        let Component { name, version, licence, repository, .. } = component;
        let checksum = checksums.get(&(name.clone(), version.clone()));
        let checksum = checksum.ok_or_else(|| format!("Cargo.lock has no checksum of {name} {version}"))?;
        let mut library = json!({
            "type": "library", "bom-ref": url, "name": name, "version": version, "scope": "required", "purl": url,
            "hashes": [{ "alg": "SHA-256", "content": checksum }], "licenses": [{ "expression": licence }],
        });
        if !repository.is_empty() {
            library["externalReferences"] = json!([{ "type": "vcs", "url": repository }]);
        }
        described.push(library);
    }
    let edges = components.iter().map(|(url, component)| json!({ "ref": url, "dependsOn": component.depends_on }));
    let own = &components[root];
    Ok(json!({
        "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
        "metadata": { "component": {
            "type": "application", "bom-ref": root, "name": own.name, "version": own.version, "purl": root,
            "licenses": [{ "expression": own.licence }],
        } },
        "components": described,
        "dependencies": edges.collect::<Vec<Value>>(),
    }))
}
