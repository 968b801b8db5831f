//! `eks-api status`, `list`, `logs`, `delete` and `wait`: their rows of the table. `client::command` executes them.

use crate::app::error::Error;
use crate::cli::calls::connection::{CA_FILE, CERT, CLUSTER, KEY, KEY_FILE, TIMEOUT, URL, connection, execute, time};
use crate::cli::options::{Arguments, CommandOption, option, unexpected};
use crate::cli::spec::{CommandSpec, ExitCode, NO_OUTPUT};
use crate::client::command;
use crate::client::options::{Action, Command, LogQuery};

const NAMESPACE: CommandOption = option("n", "namespace", "NAME", "the namespace of the jobs [default]");
const ONE_NAMESPACE: CommandOption = option("n", "namespace", "NAME", "only the jobs of this namespace [all]");
const WAIT_NAMESPACE: CommandOption =
    option("n", "namespace", "NAME", "the namespace of the jobs [default; with --selector all]");
const DELETE_NAMESPACE: CommandOption =
    option("n", "namespace", "NAME", "the namespace of the jobs [default; --selector needs one]");
const ALL: CommandOption = option("A", "all-namespaces", "", "the jobs of all namespaces");
const STATE: CommandOption =
    option("", "state", "pending|running|suspended|completed|failed", "only the jobs in this state");
const SELECTOR: CommandOption = option("l", "selector", "SELECTOR", "the jobs with these labels: team=a,stage!=test");
const OUTPUT: CommandOption =
    option("o", "output", "table|json", "a table, or the service's replies as they come, one a line [table]");
const LINES: CommandOption =
    option("o", "output", "table|json", "a line for each job, or the service's replies as they come [table]");

/// The exit codes of all these commands.
const EXIT_CODES: &[ExitCode] = &[
    (0, "all was done; for wait: all jobs completed. The states of the jobs do not count for the other commands."),
    (
        1,
        "only for wait: a job failed, or was deleted before it completed. As for run, an exit code that decided the \
         failure is returned instead.",
    ),
    (2, "wrong arguments; nothing was sent"),
    (65, "there is no such job, pod, container, log or cluster, or the service refused the request"),
    (
        69,
        "the service cannot be reached, is not trusted, or sends an unexpected reply; or the log is not \
         whole; or the service refuses the cluster while the command waits",
    ),
    NO_OUTPUT,
    (77, "the service denied access (401, 403)"),
    (124, "the time is up"),
];

pub static STATUS: CommandSpec = CommandSpec {
    name: "status",
    usage: "JOB... [OPTIONS]",
    summary: "print the status of jobs",
    options: &[NAMESPACE, OUTPUT, CLUSTER, TIMEOUT, URL, KEY_FILE, CA_FILE, CERT, KEY],
    help: "",
    exit_codes: EXIT_CODES,
    is_client: true,
    run: |arguments| run(&STATUS, Action::Status, arguments),
};

pub static LIST: CommandSpec = CommandSpec {
    name: "list",
    usage: "[OPTIONS]",
    summary: "list jobs, the newest first",
    options: &[ONE_NAMESPACE, ALL, SELECTOR, STATE, OUTPUT, CLUSTER, TIMEOUT, URL, KEY_FILE, CA_FILE, CERT, KEY],
    help: "The list has all jobs that the service made. A reply has at most 500 of them.",
    exit_codes: EXIT_CODES,
    is_client: true,
    run: |arguments| run(&LIST, Action::List, arguments),
};

pub static LOGS: CommandSpec = CommandSpec {
    name: "logs",
    usage: "JOB [OPTIONS]",
    summary: "print the log of a job",
    options: &[
        NAMESPACE,
        option("f", "follow", "", "print the log while it is written, until its end"),
        option("", "prefix", "", "all pods at the same time, each line after its pod/container"),
        option("", "all", "", "all pods and containers, one after another"),
        option("", "pod", "NAME", "the pod [the newest; with --prefix all]"),
        option("c", "container", "NAME", "the container [the default container; with --all or --prefix all]"),
        option("", "tail", "LINES", "only the last lines"),
        option("", "since", "TIME", "only what is newer: 90s, 10m, 1h"),
        option("", "timestamps", "", "begin each line with its time"),
        option("", "previous", "", "the run of the container before this one"),
        CLUSTER,
        TIMEOUT,
        URL,
        KEY_FILE,
        CA_FILE,
        CERT,
        KEY,
    ],
    help: "\
stdout has only the log. All other messages go to stderr, with --all the names of pods and containers too.
If a connection breaks, the log goes on without loss or repetition.
With --prefix at most 16 logs are open at a time. A line of more than 64 KiB is cut into several.",
    exit_codes: EXIT_CODES,
    is_client: true,
    run: |arguments| run(&LOGS, Action::Logs, arguments),
};

pub static DELETE: CommandSpec = CommandSpec {
    name: "delete",
    usage: "JOB... | --selector SELECTOR [OPTIONS]",
    summary: "delete jobs and their pods",
    options: &[DELETE_NAMESPACE, ALL, SELECTOR, LINES, CLUSTER, TIMEOUT, URL, KEY_FILE, CA_FILE, CERT, KEY],
    help: "It goes on after a failure. The exit code is then the highest of all failures.",
    exit_codes: EXIT_CODES,
    is_client: true,
    run: |arguments| run(&DELETE, Action::Delete, arguments),
};

pub static WAIT: CommandSpec = CommandSpec {
    name: "wait",
    usage: "JOB... | --selector SELECTOR [OPTIONS]",
    summary: "wait until jobs have ended, and exit as they do",
    options: &[WAIT_NAMESPACE, ALL, SELECTOR, OUTPUT, CLUSTER, TIMEOUT, URL, KEY_FILE, CA_FILE, CERT, KEY],
    help: "Jobs that are created later are not waited for. If several jobs fail, the exit code is the highest.",
    exit_codes: EXIT_CODES,
    is_client: true,
    run: |arguments| run(&WAIT, Action::Wait, arguments),
};

fn run(spec: &CommandSpec, action: Action, arguments: &Arguments) -> Result<(), Error> {
    let command = parse(action, arguments).map_err(|text| spec.usage_error(text))?;
    execute(command::execute(&command))
}

fn parse(action: Action, arguments: &Arguments) -> Result<Command, String> {
    let text = |name: &str| arguments.value(name).map(str::to_owned);
    let (jobs, selector) = (arguments.positional.clone(), text("selector"));
    match (&jobs[..], action) {
        ([], Action::Status | Action::Logs) => return Err("the name of a job is missing".to_owned()),
        ([], Action::Delete | Action::Wait) if selector.is_none() => {
            return Err("the name of a job or --selector is missing".to_owned());
        }
        ([extra, ..], Action::List) | ([_, extra, ..], Action::Logs) => return Err(unexpected(extra)),
        ([_, ..], _) if selector.is_some() => return Err("name jobs or use --selector, not both".to_owned()),
        _ => {}
    }
    match (arguments.has("namespace"), arguments.has("all-namespaces")) {
        (true, true) => return Err("use --namespace or --all-namespaces, not both".to_owned()),
        (false, true) if !jobs.is_empty() => return Err("--all-namespaces needs --selector".to_owned()),
        (false, false) if action == Action::Delete && selector.is_some() => {
            return Err("--selector needs -n NAMESPACE, or --all-namespaces for every namespace".to_owned());
        }
        _ => {}
    }
    if arguments.has("previous") && arguments.has("follow") {
        return Err("use --previous or --follow, not both: that run has ended".to_owned());
    }
    if arguments.has("all") && arguments.has("pod") {
        return Err("use --all or --pod, not both".to_owned());
    }
    // The largest number of the API.
    if arguments
        .value("tail")
        .is_some_and(|lines| !lines.parse::<u32>().is_ok_and(|lines| lines <= i32::MAX.unsigned_abs()))
    {
        return Err("--tail must be a number of lines".to_owned());
    }
    let log = LogQuery {
        pod: text("pod"),
        container: text("container"),
        tail_lines: text("tail"),
        // The service takes whole seconds.
        since_seconds: time(arguments, "since")?.map(|time| time.as_secs().max(1).to_string()),
        all: arguments.has("all"),
        follow: arguments.has("follow"),
        previous: arguments.has("previous"),
        timestamps: arguments.has("timestamps"),
    };
    Ok(Command {
        action,
        connection: connection(arguments)?,
        namespace: text("namespace"),
        jobs,
        selector,
        state: text("state"),
        json: arguments.value("output") == Some("json"),
        names: false,
        log,
        prefix: arguments.has("prefix"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(spec: &CommandSpec, action: Action, arguments: &[&str]) -> Result<Command, String> {
        let arguments = arguments.iter().map(|argument| (*argument).to_owned());
        Arguments::parse(spec.options, arguments).and_then(|arguments| parse(action, &arguments))
    }

    #[test]
    fn jobs_are_named_or_selected() {
        let wait = |arguments: &[&str]| parsed(&WAIT, Action::Wait, arguments);
        assert_eq!(wait(&["a", "b"]).unwrap().jobs, ["a", "b"]);
        assert_eq!(wait(&["-l", "a=b"]).unwrap().selector.as_deref(), Some("a=b"));
        assert!(wait(&["a", "-l", "a=b"]).is_err() && wait(&[]).is_err());
    }

    #[test]
    fn delete_with_a_selector_needs_a_namespace_or_all_namespaces() {
        let delete = |arguments: &[&str]| parsed(&DELETE, Action::Delete, arguments);
        let refused = delete(&["-l", "a=b"]).unwrap_err();
        assert_eq!(refused, "--selector needs -n NAMESPACE, or --all-namespaces for every namespace");
        assert_eq!(delete(&["-l", "a=b", "-n", "c"]).unwrap().namespace.as_deref(), Some("c"));
        assert_eq!(delete(&["-l", "a=b", "-A"]).unwrap().namespace, None);
        assert_eq!(
            delete(&["-l", "a=b", "-A", "-n", "c"]).unwrap_err(),
            "use --namespace or --all-namespaces, not both"
        );
        assert_eq!(delete(&["d", "-A"]).unwrap_err(), "--all-namespaces needs --selector");
        assert_eq!(parsed(&LIST, Action::List, &["-A"]), parsed(&LIST, Action::List, &[]));
    }

    #[test]
    fn wrong_values_are_refused_with_the_name_of_the_option() {
        for (spec, action, arguments, why) in [
            (&LOGS, Action::Logs, &["a", "--tail", "x"][..], "--tail must be a number of lines"),
            (&LOGS, Action::Logs, &["a", "--tail=2147483648"], "--tail must be a number of lines"),
            (
                &LOGS,
                Action::Logs,
                &["a", "--previous", "-f"],
                "use --previous or --follow, not both: that run has ended",
            ),
            (&LOGS, Action::Logs, &["a", "--all", "--pod", "b"], "use --all or --pod, not both"),
            (&LIST, Action::List, &["-o", "yaml"], "--output must be table or json"),
            (
                &LIST,
                Action::List,
                &["--state", "complete"],
                "--state must be pending, running, suspended, completed or failed",
            ),
        ] {
            assert_eq!(parsed(spec, action, arguments).unwrap_err(), why);
        }
    }

    #[test]
    fn the_options_of_logs_become_parameters() {
        let logs = |arguments: &[&str]| parsed(&LOGS, Action::Logs, arguments);
        let log = logs(&["a", "--tail", "5", "--since=10m", "--all", "-c", "b"]).unwrap().log;
        assert_eq!(log.container.as_deref(), Some("b"));
        assert_eq!((log.tail_lines.as_deref(), log.since_seconds.as_deref()), (Some("5"), Some("600")));
        assert!(log.all && !log.follow);
        assert_eq!(logs(&["a", "--since", "1ms"]).unwrap().log.since_seconds.as_deref(), Some("1"));
    }
}
