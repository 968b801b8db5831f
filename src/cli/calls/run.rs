//! `eks-api run`: its row of the table. `client` runs the job.

use crate::cli::calls::connection::{CA_FILE, CERT, CLUSTER, KEY, KEY_FILE, TIMEOUT, URL, connection, execute};
use crate::cli::options::{Arguments, CommandOption, option, repeatable, words};
use crate::cli::spec::{CommandSpec, NO_OUTPUT};
use crate::client;
use crate::client::options::{JobSource, Options};
use crate::client::template::TemplateJob;
use crate::jobs::idempotency::IdempotencyKey;
use crate::util::template_name::TemplateName;

/// The options that only a job from a template has.
const OF_TEMPLATE: [&str; 5] = ["name", "parameter", "env", "image", "container"];

pub const FROM: CommandOption =
    option("", "from", "TEMPLATE", "the template: cronjob/NAME, job/NAME (run it again) or preset/NAME");
pub const PARAMETER: CommandOption =
    repeatable("p", "parameter", "NAME=VALUE", "with --from: a parameter of the template; repeatable");
pub const ENV: CommandOption =
    repeatable("", "env", "NAME=VALUE", "with --from: an environment variable of the container; repeatable");
pub const IMAGE: CommandOption = option("", "image", "IMAGE", "with --from: the container's image [the template's]");
pub const COMMAND: CommandOption =
    words("COMMAND...", "with --from: the container's command; the template's command and args are not used");

pub const NOTIFY: CommandOption =
    option("", "notify", "NAME[,NAME]", "the webhooks that get the end; the operator names them");

pub static SPEC: CommandSpec = CommandSpec {
    name: "run",
    usage: "-f FILE | --from TEMPLATE [OPTIONS] [-- COMMAND...]",
    summary: "run a job on a running service, and exit as the job does",
    options: &[
        option("f", "file", "FILE", "the manifest of the Job, in JSON or YAML; - is stdin"),
        FROM,
        option("n", "namespace", "NAME", "the job's namespace [the manifest's or preset's, else default]"),
        option("", "name", "NAME", "with --from: the job's name [the template's name and a suffix]"),
        PARAMETER,
        ENV,
        IMAGE,
        option("c", "container", "NAME", "with --from: the container of these options and of the log"),
        COMMAND,
        option("", "follow", "", "write the job's log to stdout while it is written"),
        option("", "prefix", "", "with --follow: all pods at the same time, each line after its pod/container"),
        option("", "quiet", "", "write nothing unless the job fails; then the reason and the log's last 50 lines"),
        NOTIFY,
        CLUSTER,
        TIMEOUT,
        URL,
        KEY_FILE,
        CA_FILE,
        CERT,
        KEY,
        option("", "idempotency-key", "KEY", "runs with the same key and manifest or template share one job [a new key]"),
        option("", "delete-on-interrupt", "", "delete the job on Ctrl-C or SIGTERM [the job goes on]"),
    ],
    help: "\
stdout has only the log: each pod of the job, one after another without --prefix. The container is the one that the annotation \
kubectl.kubernetes.io/default-container names, else the first. With --from it is that of --container, else the pod's only \
container; of several containers all are shown, one after another. All other messages go to stderr.
With --quiet and --follow the log is written all the same.
After 10 seconds without progress they say why: a quota, an image, no node, suspended.
If the service is down or busy, requests are repeated until the timeout; without --timeout for 2 minutes.
No connection is idle for more than 20 seconds. A proxy with an idle timeout of 30 seconds does not cut it.
--from makes the job from a template; eks-api templates lists them. Parameters become environment variables. \
The words after -- become the container's command as they are, without a shell. The template's args are not appended to it.",
    exit_codes: &[
        (0, "the job completed"),
        (
            1,
            "the job failed, or was deleted before it completed. If an exit code decided the failure, that code is \
             returned instead of 1: the code of the containers that failed, without sidecars and injected containers.",
        ),
        (2, "wrong arguments, or a file that cannot be read; nothing was sent"),
        (65, "the service refused the job (400, 409, 413, 422 and the like) or the cluster, or would refuse the manifest"),
        (
            69,
            "the service cannot be reached, is not trusted, or sends an unexpected reply; also if the time is up and no \
             request was sent. Also if the service refuses the cluster after the job is created: the job may go on.",
        ),
        NO_OUTPUT,
        (75, "a quota refused the job (403, exceeded quota); try again later"),
        (77, "the service denied access (401, 403)"),
        (124, "the time is up; the job goes on"),
        (130, "Ctrl-C (143: SIGTERM); the job goes on without --delete-on-interrupt"),
    ],
    is_client: true,
    run: |arguments| execute(client::run(&parse(arguments).map_err(|text| SPEC.usage_error(text))?)),
};

fn parse(arguments: &Arguments) -> Result<Options, String> {
    arguments.without_positional()?;
    let text = |name: &str| arguments.value(name).map(str::to_owned);
    if arguments.has("prefix") && !arguments.has("follow") {
        return Err("--prefix needs --follow".to_owned());
    }
    let mut source = source(arguments, &OF_TEMPLATE)?;
    if let JobSource::Template(job) = &mut source {
        job.job_name = text("name");
    }
    Ok(Options {
        source,
        namespace: text("namespace"),
        notify: notify(arguments)?,
        follow: arguments.has("follow"),
        prefix: arguments.has("prefix"),
        connection: connection(arguments)?,
        idempotency_key: idempotency_key(arguments)?,
        delete_on_interrupt: arguments.has("delete-on-interrupt"),
        quiet: arguments.has("quiet"),
    })
}

/// Returns the names of the webhooks.
pub fn notify(arguments: &Arguments) -> Result<Vec<String>, String> {
    let Some(names) = arguments.value("notify") else { return Ok(Vec::new()) };
    let names: Vec<_> = names.split(',').map(str::to_owned).collect();
    if names.iter().any(String::is_empty) {
        return Err("--notify must be NAME or NAME,NAME: names of webhooks, separated by commas".to_owned());
    }
    Ok(names)
}

pub fn idempotency_key(arguments: &Arguments) -> Result<Option<String>, String> {
    let key = arguments.value("idempotency-key");
    if key.is_some_and(|key| IdempotencyKey::parse(key).is_none()) {
        return Err("--idempotency-key must be 1 to 255 printable ASCII characters".to_owned());
    }
    Ok(key.map(str::to_owned))
}

/// Returns the file or the template. Exactly one of them is given. `of_template` are the options that need a template.
pub fn source(arguments: &Arguments, of_template: &[&str]) -> Result<JobSource, String> {
    let text = |name: &str| arguments.value(name).map(str::to_owned);
    let template = match (text("file"), arguments.value("from")) {
        (Some(_), Some(_)) => return Err("use -f or --from, not both".to_owned()),
        (None, None) => {
            return Err("-f is missing: a file, or - for stdin; or use --from TEMPLATE".to_owned());
        }
        (Some(file), None) => {
            if let Some(name) = of_template.iter().find(|name| arguments.has(name)) {
                return Err(format!("--{name} needs --from"));
            }
            if !arguments.words.is_empty() {
                return Err("a command after -- needs --from".to_owned());
            }
            return Ok(JobSource::File(file));
        }
        (None, Some(template)) => template,
    };
    Ok(JobSource::Template(TemplateJob {
        template: TemplateName::parse(template).ok_or(
            "--from must be cronjob/NAME, job/NAME or preset/NAME; eks-api templates lists what there is to run",
        )?,
        job_name: None,
        parameters: arguments.pairs("parameter")?,
        container: text("container"),
        image: text("image"),
        env: arguments.pairs("env")?,
        command: arguments.words.clone(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Options, String> {
        let arguments = arguments.iter().map(|argument| (*argument).to_owned());
        Arguments::parse(SPEC.options, arguments).and_then(|arguments| parse(&arguments))
    }

    #[test]
    fn options_have_short_names_and_values_after_an_equals_sign() {
        let long = parsed(&["--file=job.json", "--namespace=demo", "--timeout=1h", "--follow"]);
        let Ok(options) = &long else { panic!("{long:?}") };
        assert_eq!(options.source, JobSource::File("job.json".to_owned()));
        assert_eq!(options.namespace.as_deref(), Some("demo"));
        assert!(options.follow && !options.delete_on_interrupt && !options.quiet);
        assert_eq!(long, parsed(&["--follow", "-n", "demo", "--timeout", "1h", "-f", "job.json"]));
        let notify = parsed(&["-f", "job.json", "--notify", "ops,dev"]).unwrap().notify;
        assert_eq!(notify, ["ops", "dev"]);
        assert_eq!(long, parsed(&["--follow", "-n=demo", "--timeout", "1h", "-f=job.json"]));
    }

    #[test]
    fn a_template_has_parameters_overrides_and_a_command() {
        let line = "--from cronjob/etl -p DATE=2026-11-27 -p A=b=c --env MODE= --image etl:1.8 -c main --name etl-1";
        let words: Vec<&str> = line.split(' ').chain(["--", "sh", "-c", "", "--from"]).collect();
        let JobSource::Template(job) = parsed(&words).unwrap().source else { panic!("{words:?}") };
        let pairs = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let expected = TemplateJob {
            template: TemplateName::parse("cronjob/etl").unwrap(),
            job_name: Some("etl-1".to_owned()),
            parameters: pairs(&[("A", "b=c"), ("DATE", "2026-11-27")]),
            container: Some("main".to_owned()),
            image: Some("etl:1.8".to_owned()),
            env: pairs(&[("MODE", "")]),
            command: ["sh", "-c", "", "--from"].map(str::to_owned).to_vec(),
        };
        assert_eq!(job, expected);
    }

    #[test]
    fn errors_name_the_option() {
        for (arguments, named) in [
            (&["-f", "a", "--from", "job/b"][..], "use -f or --from, not both"),
            (&["--from", "etl"], "--from must be cronjob/NAME, job/NAME or preset/NAME"),
            (&["--from", "job/b", "--from", "job/b"], "--from is given twice"),
            (&["--from", "job/b", "-p", "A"], "--parameter must be NAME=VALUE"),
            (&["--from", "job/b", "-p", "A=1", "-p", "A=2"], "--parameter A is given twice"),
            (&["--from", "job/b", "--env", "A=1", "--env", "A=1"], "--env A is given twice"),
            (&["--from", "job/b", "date"], "unexpected argument \"date\""),
            (&["--from", "job/b", "--"], "-- needs a word after it"),
            (&["-f", "a", "-p", "A=1"], "--parameter needs --from"),
            (&["-f", "a", "--notify", "ops,"], "--notify must be NAME or NAME,NAME"),
            (&["-f", "a", "--env", "A=1"], "--env needs --from"),
            (&["-f", "a", "--image", "b"], "--image needs --from"),
            (&["-f", "a", "-c", "b"], "--container needs --from"),
            (&["-f", "a", "--name", "b"], "--name needs --from"),
            (&["-f", "a", "--", "b"], "a command after -- needs --from"),
            (&["-f"], "-f needs a value"),
            (&[], "-f is missing"),
            (&["-f", "a", "b"], "unexpected argument \"b\""),
            (&["-f", "a", "--follow=yes"], "--follow takes no value"),
            (&["-f", "a", "--quiet=yes"], "--quiet takes no value"),
            (&["-f", "a", "--keyfile", "b"], "unknown option \"--keyfile\" (did you mean --key-file?)"),
            (&["-f", "a", "--cert", "b"], "--cert needs --key"),
            (&["-f", "a", "--key", "b"], "--key needs --cert"),
            (&["-f", "a", "--prefix"], "--prefix needs --follow"),
            (&["-f", "a", "-x"], "unknown option \"-x\""),
            (&["-f", "a", "--file", "b"], "--file is given twice"),
            (&["-f", "a", "--timeout", "1"], "--timeout must be"),
            (&["-f", "a", "--idempotency-key", "ü"], "--idempotency-key must be 1 to 255 printable ASCII"),
            (&["-f", "a", "--url", "127.0.0.1"], "--url or EKS_API_URL must be"),
        ] {
            assert!(parsed(arguments).unwrap_err().contains(named), "{arguments:?}: {:?}", parsed(arguments));
        }
    }
}
