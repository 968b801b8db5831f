//! Runs docs/EXAMPLES.md: each recipe by bash, as it stands, and holds what it prints and its exit code against what is
//! shown.

use std::io::{self, Write};
use std::process::Stdio;

use tokio::process::Command;
use tokio::time::timeout;

use super::trust::keyed;
use super::{BINARY, lively};
use crate::support::service::{Folder, PATIENCE, Service};

/// The recipes under this heading are for a service that asks for a key.
const KEYED: &str = "## With an API key";

/// A block of the document, by the language after its fence.
pub(crate) struct Block<'a> {
    heading: &'a str,
    pub(crate) language: &'a str,
    pub(crate) text: String,
}

pub(crate) fn blocks(document: &str) -> Vec<Block<'_>> {
    let (mut blocks, mut heading, mut lines) = (Vec::new(), "", document.lines());
    while let Some(line) = lines.next() {
        if line.starts_with("## ") {
            heading = line;
        }
        if let Some(language) = line.strip_prefix("```") {
            let text = lines.by_ref().take_while(|line| *line != "```").flat_map(|line| [line, "\n"]).collect();
            blocks.push(Block { heading, language, text });
        }
    }
    blocks
}

/// Whether the line is as shown, where `…` stands for anything.
fn is_like(shown: &str, line: &str) -> bool {
    match shown.split_once('…') {
        None => shown == line,
        Some((start, rest)) => line.strip_prefix(start).is_some_and(|line| {
            line.char_indices().map(|(at, _)| at).chain([line.len()]).any(|at| is_like(rest, &line[at..]))
        }),
    }
}

/// Whether the lines are as shown, where a line `…` stands for any number of them.
fn are_like(shown: &[&str], lines: &[&str]) -> bool {
    match shown.split_first() {
        None => lines.is_empty(),
        Some((&"…", rest)) => (0..=lines.len()).any(|skipped| are_like(rest, &lines[skipped..])),
        Some((first, rest)) => {
            lines.split_first().is_some_and(|(line, lines)| is_like(first, line) && are_like(rest, lines))
        }
    }
}

pub(crate) fn is_there(program: &str) -> bool {
    std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).any(|folder| folder.join(program).is_file())
}

/// Where recipes are run, with the program and the manifest in place.
pub(crate) fn place(manifest: &str) -> Folder {
    let folder = Folder::new();
    folder.write("job.json", manifest);
    std::os::unix::fs::symlink(BINARY, folder.path().join("eks-api")).unwrap();
    folder
}

pub(crate) async fn run(script: &str, folder: &Folder, service: &Service, key: Option<&str>) -> (Vec<String>, String) {
    let mut path = folder.path().as_os_str().to_owned();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let mut bash = Command::new("bash");
    bash.arg("-c").arg(format!("set -euo pipefail\n{script}")).current_dir(folder.path());
    bash.env_clear().env("PATH", path).env("EKS_API_URL", format!("http://{}", service.address()));
    bash.envs(key.map(|key| ("EKS_API_KEY", key)));
    bash.stdin(Stdio::null()).kill_on_drop(true);
    let output =
        timeout(PATIENCE, bash.output()).await.unwrap_or_else(|_| panic!("it does not end:\n{script}")).unwrap();
    let mut lines: Vec<String> = String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    if !output.status.success() {
        let code = output.status.code().unwrap();
        lines.push(format!("[exit code {code}]"));
    }
    (lines, String::from_utf8_lossy(&output.stderr).into_owned())
}

#[tokio::test]
async fn every_recipe_does_what_is_shown() {
    if let Some(missing) = ["bash", "curl", "jq"].into_iter().find(|program| !is_there(program)) {
        let _ = writeln!(io::stderr().lock(), "client::examples: skipped; docs/EXAMPLES.md needs {missing}");
        return;
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/EXAMPLES.md");
    let document = std::fs::read_to_string(path).unwrap();
    let blocks = blocks(&document);
    let of = |language: &str| blocks.iter().find(|block| block.language == language).unwrap().text.as_str();
    let (prelude, folder) = (of("bash"), place(of("json")));
    let open = lively(&[]).await;
    let (keyed, key) = keyed("admin").await;
    let mut run_so_far = 0;
    for pair in blocks.windows(2).skip_while(|pair| pair[0].heading.is_empty()) {
        let [recipe, shown] = pair else { unreachable!() };
        if recipe.language != "bash" {
            continue;
        }
        assert_eq!(shown.language, "text", "what is printed is not shown:\n{}", recipe.text);
        let (service, key) =
            if recipe.heading == KEYED { (&keyed.service, Some(key.as_str())) } else { (&open.service, None) };
        let (lines, stderr) = run(&format!("{prelude}{}", recipe.text), &folder, service, key).await;
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let expected: Vec<&str> = shown.text.lines().collect();
        assert!(are_like(&expected, &lines), "{}\n{}\nprints\n{lines:#?}\n{stderr}", recipe.heading, recipe.text);
        run_so_far += 1;
    }
    assert!(run_so_far > 10, "the recipes are not found");
}

#[tokio::test]
async fn the_run_that_is_shown_is_a_true_one() {
    let (_, shown) = include_str!("../../../README.md").split_once("\n    $ eks-api run ").unwrap();
    let (arguments, shown) = shown.split_once('\n').unwrap();
    let shown: Vec<&str> = shown.lines().map_while(|line| line.strip_prefix("    ")).collect();
    let lab = lively(&[]).await;
    let folder = place(&super::manifest("NAME", "true").replace("\"name\":\"NAME\"", "\"generateName\":\"hello-\""));
    let (lines, _) = run(&format!("eks-api run {arguments} 2>&1"), &folder, &lab.service, None).await;
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    assert!(!shown.is_empty() && are_like(&shown, &lines), "{lines:#?}");
}

#[test]
fn what_differs_from_what_is_shown_would_be_found() {
    assert!(is_like("report-… 201", "report-abc 201") && !is_like("report-… 201", "report-abc 200"));
    assert!(are_like(&["…", "b"], &["a", "a", "b"]) && are_like(&["…", "b"], &["b"]));
    assert!(!are_like(&["a"], &["a", "b"]) && !are_like(&["a", "b"], &["a"]));
}
