//! Completion scripts for shells, made from the table of commands: [`script`].

use std::fmt::Write as _;

use crate::cli::options::CommandOption;
use crate::cli::spec::CommandSpec;

/// Returns the script for bash, zsh or fish.
pub fn script(shell: &str, commands: &[&CommandSpec]) -> Option<String> {
    match shell {
        "bash" => Some(bash(commands)),
        "zsh" => Some(zsh(commands)),
        "fish" => Some(fish(commands)),
        _ => None,
    }
}

/// Prints the names of the templates. A service that cannot be asked offers nothing, and not for long.
const TEMPLATES: &str = "eks-api templates --names --timeout 2s 2>/dev/null";

/// The words that a shell offers for a value.
enum Values {
    Files,
    /// The lines that [`TEMPLATES`] prints.
    Templates,
    /// The words, separated by blanks.
    Choice(String),
    Nothing,
}

fn values(option: &CommandOption) -> Values {
    match option.value {
        "FILE" => Values::Files,
        "TEMPLATE" => Values::Templates,
        value if value.contains('|') => Values::Choice(value.replace('|', " ")),
        _ => Values::Nothing,
    }
}

/// Returns what the shell offers for the argument of a command, separated by blanks.
fn arguments(command: &CommandSpec, commands: &[&CommandSpec]) -> String {
    match command.usage.split(' ').next() {
        Some("[COMMAND]") => named(commands).map(|command| command.name).collect::<Vec<_>>().join(" "),
        // Other arguments are upper case or in brackets.
        Some(choice) if choice.starts_with(|c: char| c.is_ascii_lowercase()) => choice.replace('|', " "),
        _ => String::new(),
    }
}

fn named<'a>(commands: &[&'a CommandSpec]) -> impl Iterator<Item = &'a CommandSpec> {
    commands.iter().copied().filter(|command| !command.name.is_empty())
}

/// Returns the options of a command without `--`, which the shells know.
fn options(command: &CommandSpec) -> impl Iterator<Item = &'static CommandOption> {
    command.options().filter(|option| !option.long.is_empty())
}

/// Returns the names of an option, such as `-f` and `--file`.
fn names(option: &CommandOption) -> Vec<String> {
    let short = (!option.short.is_empty()).then(|| format!("-{}", option.short));
    short.into_iter().chain([format!("--{}", option.long)]).collect()
}

fn words(command: &CommandSpec, first: &str) -> String {
    let options = options(command).flat_map(names);
    [first.to_owned()].into_iter().filter(|first| !first.is_empty()).chain(options).collect::<Vec<_>>().join(" ")
}

fn bash(commands: &[&CommandSpec]) -> String {
    let mut cases = String::new();
    for command in commands {
        let name = command.name;
        if name.is_empty() {
            let first = named(commands).map(|command| command.name).collect::<Vec<_>>().join(" ");
            let _ = writeln!(cases, "        1,*) words=\"{}\" ;;", words(command, &first));
            continue;
        }
        for option in options(command).filter(|option| !option.value.is_empty()) {
            let pattern = names(option).iter().map(|option| format!("*,{name},{option}")).collect::<Vec<_>>().join("|");
            let action = match values(option) {
                Values::Files => "files=yes".to_owned(),
                Values::Templates => format!("words=$({TEMPLATES})"),
                Values::Choice(words) => format!("words=\"{words}\""),
                Values::Nothing => ":".to_owned(),
            };
            let _ = writeln!(cases, "        {pattern}) {action} ;;");
        }
        let _ = writeln!(cases, "        *,{name},*) words=\"{}\" ;;", words(command, &arguments(command, commands)));
    }
    format!(
        r#"# bash completion for eks-api
_eks_api() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD - 1]}} words= files=
    # Bash splits --option=value into three words.
    if [[ $current == "=" ]]; then
        current=
    elif [[ $previous == "=" ]]; then
        previous=${{COMP_WORDS[COMP_CWORD - 2]}}
    fi
    case $COMP_CWORD,${{COMP_WORDS[1]}},$previous in
{cases}    esac
    if [[ $files ]]; then
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
    else
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
    fi
}}
complete -F _eks_api eks-api"#
    )
}

fn zsh(commands: &[&CommandSpec]) -> String {
    // In _arguments these characters have a meaning.
    let escaped = |text: &str| text.replace('[', "\\[").replace(']', "\\]").replace(':', "\\:").replace('\'', "'\\''");
    let (mut first, mut cases) = (String::new(), String::new());
    for command in commands {
        if command.name.is_empty() {
            for (option, name) in
                options(command).flat_map(|option| names(option).into_iter().map(move |n| (option, n)))
            {
                let _ = writeln!(first, "        '{name}:{}'", option.help.replace('\'', "'\\''"));
            }
            continue;
        }
        let _ = writeln!(first, "        '{}:{}'", command.name, command.summary.replace('\'', "'\\''"));
        let _ = write!(cases, "        {}) _arguments", command.name);
        for option in options(command) {
            let equals = if option.value.is_empty() { "" } else { "=" };
            let (names, help) = (names(option), escaped(option.help));
            let value = match values(option) {
                _ if option.value.is_empty() => String::new(),
                Values::Files => format!(":{}:_files", option.value),
                Values::Templates => format!(":{}:_eks_api_templates", option.value),
                Values::Choice(words) => format!(":{}:({words})", option.long),
                Values::Nothing => format!(":{}: ", option.value),
            };
            // Other options exclude themselves.
            let before = if option.is_repeatable { "*".to_owned() } else { format!("({})", names.join(" ")) };
            for name in &names {
                let _ = write!(cases, " \\\n            '{before}{name}{equals}[{help}]{value}'");
            }
        }
        // Without a pattern for arguments, zsh offers nothing after one.
        let words = arguments(command, commands);
        let pattern = if words.is_empty() { "*: : ".to_owned() } else { format!("1:argument:({words})") };
        let _ = writeln!(cases, " \\\n            '{pattern}' ;;");
    }
    format!(
        r#"#compdef eks-api
_eks_api_templates() {{
    local -a names=(${{(f)"$({TEMPLATES})"}})
    compadd "$@" -a names
}}
_eks-api() {{
    local -a commands=(
{first}    )
    if ((CURRENT == 2)); then
        _describe command commands
        return
    fi
    shift words
    ((CURRENT--))
    case $words[1] in
{cases}    esac
}}
if [[ $funcstack[1] == _eks-api ]]; then
    _eks-api "$@"
else
    compdef _eks-api eks-api
fi"#
    )
}

fn fish(commands: &[&CommandSpec]) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"));
    let mut text = r#"# fish completion for eks-api
function __eks_api_command
    set -l words (commandline -opc)
    test "$words[2]" = $argv[1]
end
complete -c eks-api -f"#
        .to_owned();
    for command in commands {
        let condition = if command.name.is_empty() {
            "__fish_use_subcommand".to_owned()
        } else {
            let summary = quoted(command.summary);
            let _ = write!(text, "\ncomplete -c eks-api -n __fish_use_subcommand -a {} -d {summary}", command.name);
            quoted(&format!("__eks_api_command {}", command.name))
        };
        for option in options(command) {
            let short = if option.short.is_empty() { String::new() } else { format!(" -s {}", option.short) };
            let value = match values(option) {
                _ if option.value.is_empty() => String::new(),
                Values::Files => " -rF".to_owned(),
                Values::Templates => format!(" -x -a {}", quoted(&format!("({TEMPLATES})"))),
                Values::Choice(words) => format!(" -x -a {}", quoted(&words)),
                Values::Nothing => " -x".to_owned(),
            };
            let (long, help) = (option.long, quoted(option.help));
            let _ = write!(text, "\ncomplete -c eks-api -n {condition}{short} -l {long}{value} -d {help}");
        }
        let words = arguments(command, commands);
        if !words.is_empty() {
            let _ = write!(text, "\ncomplete -c eks-api -n {condition} -a {}", quoted(&words));
        }
    }
    text
}
