//! Where the links of README and docs/ lead: to files and headings that there are.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::file;

/// README and all pages of docs/ and its folders, by their paths.
fn pages() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut pages, mut folders) = (vec!["README.md".to_owned()], vec![root.join("docs")]);
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    pages
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
fn readme_leads_to_every_page() {
    let readme = prose(&file("README.md"));
    for name in pages().into_iter().filter(|name| name != "README.md") {
        let folder = Path::new(&name).parent().unwrap().to_str().unwrap();
        let leads = [name.as_str(), folder].iter().any(|target| readme.contains(&format!("]({target})")));
        assert!(leads, "{name}");
    }
}

#[test]
fn readme_is_a_page_that_a_newcomer_finishes() {
    let readme = file("README.md");
    let (lines, words) = (readme.lines().count(), readme.split_whitespace().count());
    assert!(lines <= 150 && words <= 1_150, "{lines} lines, {words} words");
}
