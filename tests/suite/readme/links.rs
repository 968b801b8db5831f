//! Where the links of README and docs/ lead: to files and headings that there are.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::file;

fn pages() -> Vec<String> {
    let docs = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/docs")).unwrap().map(|entry| entry.unwrap().path());
    let pages = docs.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    let names = pages.map(|path| format!("docs/{}", path.file_name().unwrap().to_str().unwrap()));
    names.chain(["README.md".to_owned()]).collect()
}

/// The page's text without its code blocks.
fn prose(page: &str) -> String {
    page.split("\n```").step_by(2).collect::<Vec<_>>().join("\n")
}

/// The headings as anchors: lower case, blanks as hyphens, without other marks.
fn anchors(page: &str) -> BTreeSet<String> {
    let text = prose(page);
    let headings = text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let kept = |c: char| c.is_alphanumeric() || c == '-' || c == '_' || c == ' ';
    headings
        .map(|heading| heading.to_lowercase().chars().filter(|c| kept(*c)).collect::<String>().replace(' ', "-"))
        .collect()
}

#[test]
fn every_link_leads_to_a_file_and_a_heading_that_there_are() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut links = 0;
    for name in pages() {
        let text = prose(&file(&name));
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
        for target in targets.filter(|target| !target.contains("://")) {
            let (path, anchor) = target.split_once('#').map_or((target, None), |(path, anchor)| (path, Some(anchor)));
            let folder = Path::new(&name).parent().unwrap();
            let to = if path.is_empty() { PathBuf::from(&name) } else { folder.join(path) };
            assert!(root.join(&to).exists(), "{name}: {target}");
            let known = anchor.is_none_or(|anchor| anchors(&file(to.to_str().unwrap())).contains(anchor));
            assert!(known, "{name}: {target}");
            links += 1;
        }
    }
    assert!(links > 20, "{links} links: they are not understood");
}

#[test]
fn readme_is_a_page_that_a_newcomer_finishes() {
    assert!(file("README.md").lines().count() <= 220);
}
