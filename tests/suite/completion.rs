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

/// Stands for the program when a shell calls it: it lists templates, and says on stderr whatever a user is not to see.
const LISTS: &str = "#!/bin/sh
echo 'warning: not shown' >&2
test \"$*\" = 'templates --names --timeout 2s' && printf 'cronjob/etl\\ncronjob/report\\npreset/etl\\n'";
/// The same, of a service that is down.
const FAILS: &str = "#!/bin/sh
echo 'nothing was sent' >&2
exit 69";

/// Runs a script in a folder with the files `job.json` and `my jobs/`. `program` is what `eks-api` does there.
fn run(shell: &[&str], script: &str, program: &str) -> Output {
    let (folder, programs) = (Folder::new(), Folder::new());
    programs.write("eks-api", program);
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(programs.path().join("eks-api"), mode).unwrap();
    let path = std::env::var("PATH").unwrap();
    folder.write("job.json", "{}");
    std::fs::create_dir(folder.path().join("my jobs")).unwrap();
    let mut command = Command::new(shell[0]);
    command.args(&shell[1..]).arg(script).current_dir(folder.path()).stdin(Stdio::null());
    command.env("HOME", folder.path()).env("PATH", format!("{}:{path}", programs.path().display()));
    let output = command.output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}\n{script}");
    output
}

fn lines(output: Output) -> Vec<String> {
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// What bash offers for the last of these words.
fn bash(words: &[&str]) -> Vec<String> {
    bash_with(words, LISTS)
}

fn bash_with(words: &[&str], program: &str) -> Vec<String> {
    let script = printed(&["completion", "bash"]);
    let words: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let (given, last) = (words.join(" "), words.len() - 1);
    let ask = format!("COMP_WORDS=({given}) COMP_CWORD={last}; _eks_api; printf '%s\\n' \"${{COMPREPLY[@]}}\"");
    lines(run(&["bash", "--norc", "-uc"], &format!("{script}\n{ask}"), program))
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
        for option in command.options().filter(|option| !option.long.is_empty()) {
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
    assert_eq!(bash(&["eks-api", "history", "s"]), ["show", "stats"]);
    assert_eq!(bash(&["eks-api", "history", "list", "--template", "p"]), ["preset/etl"]);
    assert_eq!(bash(&["eks-api", "help", "che"]), ["check"]);
    assert_eq!(bash(&["eks-api", "run", "--namespace", ""]), [""]);
}

#[test]
fn bash_completes_the_names_of_templates_and_nothing_if_the_service_is_down() {
    if !can_run("bash") {
        return;
    }
    assert_eq!(bash(&["eks-api", "run", "--from", ""]), ["cronjob/etl", "cronjob/report", "preset/etl"]);
    assert_eq!(bash(&["eks-api", "run", "--from", "cronjob/r"]), ["cronjob/report"]);
    assert_eq!(bash(&["eks-api", "run", "--from", "=", "p"]), ["preset/etl"]);
    assert_eq!(bash_with(&["eks-api", "run", "--from", ""], FAILS), [""]);
}

#[test]
fn fish_completes_commands_options_files_and_fixed_values() {
    if !can_run("fish") {
        return;
    }
    let fish_with = |line: &str, program: &str| {
        let script = printed(&["completion", "fish"]);
        let ask = format!("{script}\ncomplete -C '{line}'");
        let offered = lines(run(&["fish", "--no-config", "-c"], &ask, program));
        offered.iter().map(|line| line.split('\t').next().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    let fish = |line: &str| fish_with(line, LISTS);
    assert_eq!(fish("eks-api ke"), ["keygen"]);
    assert_eq!(fish("eks-api run --fo"), ["--follow"]);
    assert_eq!(fish("eks-api run -f jo"), ["job.json"]);
    assert_eq!(fish("eks-api run --cert jo"), ["job.json"]);
    assert_eq!(fish("eks-api keygen ci --role w"), ["write"]);
    assert_eq!(fish("eks-api completion z"), ["zsh"]);
    assert_eq!(fish("eks-api history ex"), ["export"]);
    assert_eq!(fish("eks-api webhook se"), ["secret"]);
    assert_eq!(fish("eks-api help che"), ["check"]);
    assert!(fish("eks-api run --namespace jo").is_empty());
    assert_eq!(fish("eks-api run --from cronjob/"), ["cronjob/etl", "cronjob/report"]);
    assert!(fish_with("eks-api run --from cronjob/", FAILS).is_empty());
    assert!(fish("eks-api keygen run --fo").is_empty(), "only the first word is the command");
}

/// Shows the specifications that zsh's own functions get. They complete only in an interactive shell.
#[test]
fn zsh_offers_commands_options_files_and_fixed_values() {
    if !can_run("zsh") {
        return;
    }
    let shell = |ask: &str, program: &str| {
        let script = printed(&["completion", "zsh"]);
        let stubs = "_arguments() { print -rl -- \"$@\" }\n_describe() { print -rl -- \"${(P@)2}\" }\ncompdef() { : }\n\
            compadd() { print -rl -- \"${@[1,-2]}\" \"${(P@)@[-1]}\" }";
        lines(run(&["zsh", "-fc"], &format!("{stubs}\n{script}\n{ask}"), program))
    };
    let zsh = |words: &str, current: usize| shell(&format!("words=({words}) CURRENT={current}; _eks-api"), LISTS);
    let commands = zsh("eks-api ''", 2);
    for command in COMMANDS.into_iter().skip(1) {
        assert!(commands.contains(&format!("{}:{}", command.name, command.summary)), "{commands:?}");
        let specs = zsh(&format!("eks-api {} ''", command.name), 3);
        for option in command.options().filter(|option| !option.long.is_empty()) {
            let spec = format!("{}--{}", if option.is_repeatable { "*" } else { ")" }, option.long);
            assert!(specs.iter().any(|known| known.contains(&spec)), "{spec}: {specs:?}");
        }
    }
    let run = zsh("eks-api run ''", 3);
    assert!(run.iter().any(|spec| spec.starts_with("(-f --file)-f=[") && spec.ends_with("]:FILE:_files")), "{run:?}");
    let from = run.iter().find(|spec| spec.starts_with("(--from)--from=["));
    assert!(from.is_some_and(|spec| spec.ends_with("]:TEMPLATE:_eks_api_templates")), "{run:?}");
    let added = shell("_eks_api_templates -J group", LISTS);
    assert_eq!(added, ["-J", "group", "-a", "cronjob/etl", "cronjob/report", "preset/etl"]);
    assert_eq!(shell("_eks_api_templates", FAILS), ["-a"]);
    let keygen = zsh("eks-api keygen ''", 3);
    assert!(keygen.contains(&"*: : ".to_owned()), "{keygen:?}");
    assert!(keygen.iter().any(|spec| spec.ends_with("]:role:(read run write admin)")), "{keygen:?}");
    assert!(zsh("eks-api completion ''", 3).contains(&"1:argument:(bash zsh fish)".to_owned()));
    assert!(zsh("eks-api webhook ''", 3).contains(&"1:argument:(secret)".to_owned()));
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
