//! Runs the recipes of docs/ACCESS.md: the commands that make keys and certificates, a service with the settings shown, and the
//! first call.

use std::io::{self, Write};
use std::process::Stdio;

use tokio::process::Command;
use tokio::time::timeout;

use super::{ALICE, Right, own_job_in, with_users};
use crate::client::examples::{Block, blocks, is_there};
use crate::given::BINARY;
use crate::support::Lab;
use crate::support::service::{Folder, PATIENCE, Service};

const PAGE: &str = include_str!("../../../docs/ACCESS.md");
/// What stands in for programs that change the machine or a cluster.
const STAND_INS: &str = "sudo() { \"$@\"; }
kubectl() { if [[ $1,$2 == create,token ]]; then echo \"$TOKEN\"; fi; }
";

/// A folder to run recipes in, with the program, and with a folder in the place of `/etc/eks-api`.
fn place() -> Folder {
    let folder = Folder::new();
    for name in ["etc", "bin"] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
    }
    std::os::unix::fs::symlink(BINARY, folder.path().join("bin/eks-api")).unwrap();
    folder
}

fn in_place(text: &str, folder: &Folder) -> String {
    text.replace("/etc/eks-api", folder.path().join("etc").to_str().unwrap())
}

/// Runs a script of the page, and returns its stdout.
async fn run(script: &str, folder: &Folder) -> String {
    let path = format!("{}:{}", folder.path().join("bin").display(), std::env::var("PATH").unwrap());
    let mut bash = Command::new("bash");
    bash.arg("-c").arg(format!("set -euo pipefail\n{STAND_INS}{}", in_place(script, folder)));
    bash.env_clear().env("PATH", path).env("TOKEN", ALICE).current_dir(folder.path());
    let output = timeout(PATIENCE, bash.stdin(Stdio::null()).kill_on_drop(true).output()).await;
    let output = output.unwrap_or_else(|_| panic!("it does not end:\n{script}")).unwrap();
    assert!(output.status.success(), "{script}\nfails: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn to(service: &Service, call: &str) -> String {
    ["127.0.0.1:8000", "127.0.0.1:8443"]
        .iter()
        .fold(call.to_owned(), |call, shown| call.replace(shown, service.address()))
}

fn can_run(programs: &[&str]) -> bool {
    let missing = programs.iter().find(|program| !is_there(program));
    if let Some(missing) = missing {
        let _ = writeln!(io::stderr().lock(), "access::recipes: skipped; docs/ACCESS.md needs {missing}");
    }
    missing.is_none()
}

/// Each recipe builds on those before it: its files and settings are added to theirs.
#[tokio::test]
async fn each_recipe_of_the_page_leads_to_a_first_call() {
    if !can_run(&["bash", "curl", "openssl"]) {
        return;
    }
    let (folder, blocks) = (place(), blocks(PAGE));
    let (mut setup, mut settings, mut replies) = (String::new(), Vec::new(), Vec::new());
    for recipe in blocks.windows(3).filter(|recipe| recipe[1].language == "ini") {
        let [files, variables, call] = recipe else { unreachable!() };
        assert_eq!([files, call].map(|block: &Block<'_>| block.language), ["bash", "bash"], "{}", variables.text);
        setup += &files.text;
        let pairs = variables.text.lines().map(|line| line.split_once('=').unwrap());
        settings.extend(pairs.map(|(name, value)| (name.to_owned(), in_place(value, &folder))));
        settings.retain(|(name, _)| name != "EKS_API_LISTEN");
        // The recipes begin with an empty folder each time.
        let etc = folder.path().join("etc");
        std::fs::remove_dir_all(&etc).and_then(|()| std::fs::create_dir(&etc)).unwrap();
        run(&setup, &folder).await;
        let environment: Vec<_> = settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let lab = Lab::with(BINARY, &environment).await;
        replies.push(run(&to(&lab.service, &call.text), &folder).await);
    }
    let list = r#"{"jobs":[],"cluster":"lab","continue":null,"remaining":0}"#;
    assert_eq!(replies, [list, r#"{"status":"ok"}"#, list]);
}

#[tokio::test]
async fn a_service_account_is_let_in_by_its_token_and_a_role_that_there_is() {
    if !can_run(&["bash", "curl"]) {
        return;
    }
    let recipe = blocks(PAGE).into_iter().find(|block| block.text.contains("kubectl create token"));
    let recipe = recipe.expect("the page has no recipe for a token").text;
    let (_, role) = recipe.split_once("--clusterrole=").unwrap();
    let role = role.split_whitespace().next().unwrap();
    assert!(include_str!("../../../deploy/rbac.yaml").contains(&format!("  name: {role}\n")), "{role}");
    let lab = with_users(&[]).await;
    lab.cluster.put_job(own_job_in("demo", "hello"));
    lab.cluster.allow_user("alice", Right::to(&["get"], "jobs").within("demo"));
    let reply = run(&to(&lab.service, &recipe), &place()).await;
    assert!(reply.starts_with(r#"{"cluster":"lab","job_name":"hello","namespace":"demo","#), "{reply}");
}
