//! The completion scripts and the man page, read by the programs they are for. Where one is missing, its test is skipped.

use std::io::{self, Write};
use std::process::{Command, Output, Stdio};

use eks_api::cli::commands::COMMANDS;

use crate::client::examples::is_there;
use crate::given::BINARY;
use crate::support::service::Folder;

/// What the program prints, with no settings and no cluster.
fn printed(arguments: &[&str]) -> String {
    let output = Command::new(BINARY).args(arguments).env_clear().output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn can_run(program: &str) -> bool {
    let found = is_there(program);
    if !found {
        let _ = writeln!(io::stderr().lock(), "completion: skipped; it needs {program}");
    }
    found
}

/// Runs a script in a folder with the files `job.json` and `my jobs/`.
fn run(shell: &[&str], script: &str) -> Output {
    let folder = Folder::new();
    folder.write("job.json", "{}");
    std::fs::create_dir(folder.path().join("my jobs")).unwrap();
    let mut command = Command::new(shell[0]);
    command.args(&shell[1..]).arg(script).current_dir(folder.path()).stdin(Stdio::null());
    let output = command.env("HOME", folder.path()).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}\n{script}");
    output
}

fn lines(output: Output) -> Vec<String> {
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// What bash offers for the last of these words.
fn bash(words: &[&str]) -> Vec<String> {
    let script = printed(&["completion", "bash"]);
    let words: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let (given, last) = (words.join(" "), words.len() - 1);
    let ask = format!("COMP_WORDS=({given}) COMP_CWORD={last}; _eks_api; printf '%s\\n' \"${{COMPREPLY[@]}}\"");
    lines(run(&["bash", "--norc", "-uc"], &format!("{script}\n{ask}")))
}

#[test]
fn bash_completes_commands_options_files_and_fixed_values() {
    if !can_run("bash") {
        return;
    }
    assert_eq!(bash(&["eks-api", "ke"]), ["keygen"]);
    assert_eq!(bash(&["eks-api", "--v"]), ["--version"]);
    for command in COMMANDS.into_iter().skip(1) {
        assert!(bash(&["eks-api", ""]).contains(&command.name.to_owned()));
        let offered = bash(&["eks-api", command.name, "-"]);
        for option in command.options() {
            assert!(offered.contains(&format!("--{}", option.long)), "{} --{}", command.name, option.long);
        }
    }
    for file in [&["-f", "jo"][..], &["--file", "jo"], &["--file", "=", "jo"], &["--cert", "jo"]] {
        assert_eq!(bash(&[&["eks-api", "run"][..], file].concat()), ["job.json"], "{file:?}");
    }
    assert_eq!(bash(&["eks-api", "run", "--key-file", "="]).len(), 2, "a name with a blank is one");
    assert_eq!(bash(&["eks-api", "keygen", "ci", "--role", ""]), ["read", "run", "write", "admin"]);
    assert_eq!(bash(&["eks-api", "keygen", "ci", "--role", "=", "w"]), ["write"]);
    assert_eq!(bash(&["eks-api", "list", "--state", "c"]), ["completed"]);
    assert_eq!(bash(&["eks-api", "completion", "f"]), ["fish"]);
    assert_eq!(bash(&["eks-api", "help", "che"]), ["check"]);
    assert_eq!(bash(&["eks-api", "run", "--namespace", ""]), [""]);
}

#[test]
fn fish_completes_commands_options_files_and_fixed_values() {
    if !can_run("fish") {
        return;
    }
    let fish = |line: &str| {
        let script = printed(&["completion", "fish"]);
        let offered = lines(run(&["fish", "--no-config", "-c"], &format!("{script}\ncomplete -C '{line}'")));
        offered.iter().map(|line| line.split('\t').next().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(fish("eks-api ke"), ["keygen"]);
    assert_eq!(fish("eks-api run --fo"), ["--follow"]);
    assert_eq!(fish("eks-api run -f jo"), ["job.json"]);
    assert_eq!(fish("eks-api run --cert jo"), ["job.json"]);
    assert_eq!(fish("eks-api keygen ci --role w"), ["write"]);
    assert_eq!(fish("eks-api completion z"), ["zsh"]);
    assert_eq!(fish("eks-api help che"), ["check"]);
    assert!(fish("eks-api run --namespace jo").is_empty());
    assert!(fish("eks-api keygen run --fo").is_empty(), "only the first word is the command");
}

/// Shows the specifications that zsh's own functions get. They complete only in an interactive shell.
#[test]
fn zsh_offers_commands_options_files_and_fixed_values() {
    if !can_run("zsh") {
        return;
    }
    let zsh = |words: &str, current: usize| {
        let script = printed(&["completion", "zsh"]);
        let stubs = "_arguments() { print -rl -- \"$@\" }\n_describe() { print -rl -- \"${(P@)2}\" }\ncompdef() { : }";
        lines(run(&["zsh", "-fc"], &format!("{stubs}\n{script}\nwords=({words}) CURRENT={current}; _eks-api")))
    };
    let commands = zsh("eks-api ''", 2);
    for command in COMMANDS.into_iter().skip(1) {
        assert!(commands.contains(&format!("{}:{}", command.name, command.summary)), "{commands:?}");
        let specs = zsh(&format!("eks-api {} ''", command.name), 3);
        for option in command.options() {
            assert!(specs.iter().any(|spec| spec.contains(&format!(")--{}", option.long))), "{specs:?}");
        }
    }
    let run = zsh("eks-api run ''", 3);
    assert!(run.iter().any(|spec| spec.starts_with("(-f --file)-f=[") && spec.ends_with("]:FILE:_files")), "{run:?}");
    let keygen = zsh("eks-api keygen ''", 3);
    assert!(keygen.contains(&"*: : ".to_owned()), "{keygen:?}");
    assert!(keygen.iter().any(|spec| spec.ends_with("]:role:(read run write admin)")), "{keygen:?}");
    assert!(zsh("eks-api completion ''", 3).contains(&"1:argument:(bash zsh fish)".to_owned()));
}

#[test]
fn another_shell_is_a_usage_error() {
    for arguments in [&["completion"][..], &["completion", "tcsh"], &["completion", "bash", "zsh"]] {
        let output = Command::new(BINARY).args(arguments).env_clear().output().unwrap();
        assert_eq!(output.status.code(), Some(64));
        assert!(String::from_utf8_lossy(&output.stderr).starts_with("completion needs one of bash, zsh and fish;"));
    }
}

#[test]
fn the_man_page_is_rendered_without_a_warning() {
    let page = printed(&["man"]);
    assert!(page.starts_with(".TH EKS\\-API 1 "), "{page}");
    let folder = Folder::new();
    folder.write("eks-api.1", &page);
    let file = folder.path().join("eks-api.1");
    if can_run("groff") {
        let output =
            Command::new("groff").args(["-man", "-Tascii", "-ww", "-rLL=200n", "-P-cbou"]).arg(&file).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        for word in ["--idempotency-key", "EKS_API_KEYS_FILE", "EKS_API_CLIENT_CERT"] {
            assert!(text.contains(word), "{word} is not in\n{text}");
        }
    }
    if can_run("mandoc") {
        let output = Command::new("mandoc").args(["-Tlint", "-Werror"]).arg(&file).output().unwrap();
        assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
    }
}
