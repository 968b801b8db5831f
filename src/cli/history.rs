//! `eks-api history`: its row of the table. `client::history` calls the service, [`database`] reads the file.

use std::path::PathBuf;

use crate::app::error::Error;
use crate::cli::calls::connection::{CA_FILE, CERT, CLUSTER, KEY, KEY_FILE, TIMEOUT, URL, execute};
use crate::cli::calls::history::parse;
use crate::cli::database::{self, Work};
use crate::cli::options::{Arguments, CommandOption, option, unexpected, without_value};
use crate::cli::spec::{CommandSpec, NO_OUTPUT};
use crate::client::history;
use crate::client::history::options::Action;
use crate::config::moment;
use crate::util::text::closest;

const CONNECTION: [CommandOption; 7] = [CLUSTER, TIMEOUT, URL, KEY_FILE, CA_FILE, CERT, KEY];

/// The actions, each with its call and its options. An action with a call has the options of the connection too.
const ACTIONS: [(&str, Option<Action>, &str); 5] = [
    ("list", Some(Action::List), "namespace job state since until batch template selector caller limit output"),
    ("show", Some(Action::Show), "namespace uid limit output"),
    ("stats", Some(Action::Stats), "namespace since until group-by template caller output"),
    ("backup", None, ""),
    ("export", None, "since until"),
];

pub static SPEC: CommandSpec = CommandSpec {
    name: "history",
    usage: "list|show|stats|backup|export [JOB | FILE] [OPTIONS]",
    summary: "print the runs that the service has recorded, or copy them",
    options: &[
        option("n", "namespace", "NAME", "the namespace [all; for show default]"),
        option("", "job", "NAME", "only the runs of this job"),
        option("", "state", "pending|running|suspended|completed|failed", "only the runs in this state"),
        option("", "since", "TIME", "created from then on: 90s, 24h, 7d, 2026-11-01T00:00:00Z [stats: 30d; else all]"),
        option("", "until", "TIME", "created before then [now]"),
        option("", "batch", "NAME", "only the runs of this batch"),
        option("", "template", "TEMPLATE", "only the runs from this template"),
        option("l", "selector", "SELECTOR", "the runs with these labels: team=a,stage!=test"),
        option("", "caller", "NAME", "only the runs of jobs that this caller created"),
        option("", "uid", "UID", "only the run of this job object"),
        option("", "group-by", "KEYS", "at most two of day, hour, namespace, template, image, caller, label:KEY [day]"),
        option("", "limit", "NUMBER", "the most runs [100]"),
        option("o", "output", "table|json", "a table, or the service's reply with all pages in one [table]"),
        CLUSTER,
        TIMEOUT,
        URL,
        KEY_FILE,
        CA_FILE,
        CERT,
        KEY,
    ],
    help: "\
list prints runs, the newest first: -n, --job, --state, --since, --until, --batch, --template, -l, --caller, --limit, -o.
show JOB prints the runs of that name with their transitions: -n, --uid, --limit, -o.
stats counts runs and the time they took: -n, --since, --until, --group-by, --template, --caller, -o.
backup FILE copies the database of EKS_API_STATE_DIR. The service may run meanwhile. FILE is for its owner only. It is \
complete or not there.
export prints the runs of all clusters as JSON lines, the oldest first: --since, --until. It reads that database too.
backup and export call no service. Use the user of the service, and its EKS_API_STATE_DIR. They read .env as it does.",
    exit_codes: &[
        (0, "all is printed; for backup: FILE is complete"),
        (2, "wrong arguments; nothing was sent or written"),
        (65, "there is no such job or cluster, or the service refused the request"),
        (66, "only for backup and export: there is no database, or it cannot be read"),
        (69, "the service cannot be reached, is not trusted, keeps no history, or sends an unexpected reply"),
        (73, "only for backup: FILE exists, or cannot be written"),
        NO_OUTPUT,
        (77, "the service denied access (401, 403)"),
        (78, "only for backup and export: EKS_API_STATE_DIR is not set, or this program was built without the history"),
        (124, "the time is up"),
    ],
    is_client: true,
    run,
};

fn run(arguments: &Arguments) -> Result<(), Error> {
    let usage = |text: String| SPEC.usage_error(text);
    let (name, call, names) = action(arguments).map_err(usage)?;
    match call {
        Some(call) => execute(history::execute(&parse(call, names, arguments).map_err(usage)?)),
        None => database::execute(work(name, names, arguments).map_err(usage)?),
    }
}

/// Returns the action, its call, and the arguments after it. Refuses the options of other actions.
fn action(arguments: &Arguments) -> Result<(&'static str, Option<Action>, &[String]), String> {
    let Some((given, names)) = arguments.positional.split_first() else {
        return Err("history needs one of list, show, stats, backup and export".to_owned());
    };
    let Some((name, call, options)) = ACTIONS.iter().find(|(name, ..)| name == given) else {
        let given = without_value(given);
        let meant = closest(given, ACTIONS.iter().map(|(name, ..)| *name));
        let hint = meant.map(|meant| format!(" (did you mean {meant}?)")).unwrap_or_default();
        return Err(format!("unknown argument \"{given}\"{hint}"));
    };
    let of_connection = CONNECTION.iter().filter(|_| call.is_some()).map(|option| option.long);
    let allowed: Vec<&str> = options.split(' ').chain(of_connection).collect();
    let given = SPEC.options.iter().map(|option| option.long).filter(|long| arguments.has(long));
    match given.into_iter().find(|long| !allowed.contains(long)) {
        Some(long) => Err(format!("history {name} does not take --{long}")),
        None => Ok((name, *call, names)),
    }
}

/// Returns the work of an action without a call.
fn work(name: &str, names: &[String], arguments: &Arguments) -> Result<Work, String> {
    match (name, names) {
        ("backup", [file]) => Ok(Work::Backup(PathBuf::from(file))),
        ("backup", []) => Err("the name of a file is missing".to_owned()),
        ("backup", [_, extra, ..]) | (_, [extra, ..]) => Err(unexpected(extra)),
        _ => {
            let [since, until] = times(arguments)?.map(|time| time.map(moment::seconds));
            Ok(Work::Export { since, until })
        }
    }
}

/// Returns `--since` and `--until` in milliseconds since 1970.
fn times(arguments: &Arguments) -> Result<[Option<i64>; 2], String> {
    let now = moment::now();
    let time = |option| {
        let time = arguments.value(option).map(|text| moment::parse(text, now).ok_or(option)).transpose();
        time.map_err(|option| format!("--{option} must be an age such as 90s or 7d, or 2026-11-01T00:00:00Z"))
    };
    let (since, until) = (time("since")?, time("until")?);
    if since.zip(until).is_some_and(|(since, until)| since > until) {
        return Err("--since is after --until: give an earlier time, or a larger age".to_owned());
    }
    Ok([since, until])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::history::options::HistoryCommand;

    fn given(arguments: &[&str]) -> Result<Arguments, String> {
        Arguments::parse(SPEC.options, arguments.iter().map(|argument| (*argument).to_owned()))
    }

    fn called(arguments: &[&str]) -> Result<HistoryCommand, String> {
        let arguments = given(arguments)?;
        let (name, call, names) = action(&arguments)?;
        parse(call.ok_or(name)?, names, &arguments)
    }

    fn worked(arguments: &[&str]) -> Result<Work, String> {
        let arguments = given(arguments)?;
        let (name, _, names) = action(&arguments)?;
        work(name, names, &arguments)
    }

    #[test]
    fn the_options_of_a_call_become_its_parameters() {
        let line =
            "list -n demo --job etl --state failed --since 7d --until 1d --batch b --template job/a -l a=b --caller ci";
        let command = called(&line.split(' ').collect::<Vec<_>>()).unwrap();
        let query: Vec<String> = command.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let sent = "namespace=demo job_name=etl state=failed since=7d until=1d batch_name=b template=job/a \
            label_selector=a=b caller=ci";
        assert_eq!(query.join(" "), sent);
        assert_eq!((command.action, command.limit, command.json), (Action::List, 100, false));
        let command = called(&["show", "etl", "--uid", "u", "--limit=1", "-o", "json", "--cluster", "a"]).unwrap();
        assert_eq!(command.query, [("uid", "u".to_owned()), ("job_name", "etl".to_owned())]);
        assert_eq!((command.action, command.limit, command.json), (Action::Show, 1, true));
    }

    #[test]
    fn statistics_are_by_day_or_by_the_given_keys() {
        assert_eq!(called(&["stats"]).unwrap().query, [("group_by", "day".to_owned())]);
        let command = called(&["stats", "--group-by", "template, label:team"]).unwrap();
        assert_eq!(command.query, [("group_by", "template, label:team".to_owned())]);
        assert_eq!(command.group_by, ["template", "label:team"]);
    }

    #[test]
    fn a_backup_has_a_file_and_an_export_has_times() {
        assert_eq!(worked(&["backup", "a.db"]), Ok(Work::Backup("a.db".into())));
        assert_eq!(worked(&["export"]), Ok(Work::Export { since: None, until: None }));
        let arguments = ["export", "--since", "1970-01-01T01:00:00 01:00", "--until=1970-01-01T00:01:00.1Z"];
        assert_eq!(worked(&arguments), Ok(Work::Export { since: Some(0), until: Some(61) }));
        let same = Work::Export { since: Some(60), until: Some(60) };
        let minute = "1970-01-01T00:01:00Z";
        assert_eq!(worked(&["export", "--since", minute, "--until", minute]), Ok(same));
        let Ok(Work::Export { since: Some(since), .. }) = worked(&["export", "--since=1d"]) else { panic!() };
        let age = moment::seconds(moment::now()) - since;
        assert!((86_400..86_460).contains(&age), "{age}");
    }

    #[test]
    fn errors_name_the_argument() {
        for (arguments, named) in [
            (&[][..], "history needs one of list, show, stats, backup and export"),
            (&["lst"], "unknown argument \"lst\" (did you mean list?)"),
            (&["bakcup=secret"], "unknown argument \"bakcup\" (did you mean backup?)"),
            (&["--verify"], "unknown option \"--verify\""),
            (&["list", "etl"], "unexpected argument \"etl\""),
            (&["list", "--uid", "u"], "history list does not take --uid"),
            (&["list", "--state", "gone"], "--state must be pending, running, suspended, completed or failed"),
            (&["list", "--limit", "0"], "--limit must be a number from 1 to 100000"),
            (&["list", "--limit", "100001"], "--limit must be a number from 1 to 100000"),
            (&["show"], "the name of a job is missing"),
            (&["show", "a", "b"], "unexpected argument \"b\""),
            (&["stats", "-o", "yaml"], "--output must be table or json"),
            (&["export", "a"], "unexpected argument \"a\""),
            (&["export", "--since", "yesterday"], "--since must be an age such as 90s or 7d, or 2026-11-01T00:00:00Z"),
            (
                &["export", "--since", "1d", "--until", "7d"],
                "--since is after --until: give an earlier time, or a larger age",
            ),
            (&["export", "--url", "http://a"], "history export does not take --url"),
            (&["backup"], "the name of a file is missing"),
            (&["backup", "a", "b"], "unexpected argument \"b\""),
            (&["backup", "a", "--since", "1d"], "history backup does not take --since"),
        ] {
            let is_call = arguments.first().is_none_or(|name| !["backup", "export"].contains(name));
            let why = if is_call { called(arguments).unwrap_err() } else { worked(arguments).unwrap_err() };
            assert_eq!(why, named, "{arguments:?}");
        }
    }
}
