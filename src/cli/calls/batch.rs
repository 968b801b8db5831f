//! `eks-api batch`: its row of the table. `client::batch` submits the batch and follows it.

use crate::cli::calls::connection::{CA_FILE, CERT, CLUSTER, KEY, KEY_FILE, TIMEOUT, URL, connection, execute};
use crate::cli::calls::run::{COMMAND, ENV, FROM, IMAGE, NOTIFY, PARAMETER, idempotency_key, notify, source};
use crate::cli::options::{Arguments, option};
use crate::cli::spec::{CommandSpec, NO_OUTPUT};
use crate::client::batch;
use crate::client::options::{BatchOptions, JobSource};

/// The options that only jobs from a template have.
const OF_TEMPLATE: [&str; 4] = ["parameter", "env", "image", "container"];

pub static SPEC: CommandSpec = CommandSpec {
    name: "batch",
    usage: "-f FILE | --from TEMPLATE [--jobs FILE] [OPTIONS] [-- COMMAND...]",
    summary: "submit many jobs as one batch, and exit as they do with --follow",
    options: &[
        option("f", "file", "FILE", "the batch, in JSON or YAML: the body of create-batch; - is stdin"),
        FROM,
        option("", "jobs", "FILE", "the jobs as JSON lines, each an item of jobs in the body; - is stdin"),
        option("n", "namespace", "NAME", "the namespace [the file's, the manifest's or preset's, else default]"),
        option("", "name", "NAME", "the name of the batch [the file's, else one that the service makes]"),
        PARAMETER,
        ENV,
        IMAGE,
        option("c", "container", "NAME", "with --from: the container of these options"),
        COMMAND,
        option("", "on-error", "stop|continue", "after a refused job send no more jobs, or the others [stop]"),
        option("", "follow", "", "show the progress until all jobs have ended, then the jobs that failed"),
        option("", "retry-failed", "NAME", "run the failed and missing jobs of this batch again, as a new batch"),
        NOTIFY,
        CLUSTER,
        TIMEOUT,
        URL,
        KEY_FILE,
        CA_FILE,
        CERT,
        KEY,
        option("", "idempotency-key", "KEY", "the same key and body make one batch [the name, else a new key]"),
    ],
    help: "\
Without --follow it prints the name of the batch when all jobs are created, and does not wait for them.
If the service is down or busy, or a quota has no room, the request is repeated until the timeout. Without --timeout \
it is repeated for 2 minutes after the last progress. It creates only the jobs that are missing.
The progress goes to stderr: a bar on a terminal, else a line for each change. With --follow stdout has only a table \
of the jobs that failed or are missing. Refused jobs come first, in a table of their own.
If jobs are refused for good, the exit code is 65, and the created jobs go on. With --follow and --on-error continue \
the command waits for their end.
With --jobs the file of -f has no jobs of its own. It may then also be the manifest of a Job, which all jobs share. \
Empty lines are skipped. A batch has at most 1,000 jobs.
A value of a file and that of an option must be equal.
An example for a template with the parameter DATE: seq -w 30 | jq -Rc '{id: ., parameters: {DATE: \"2026-11-\\(.)\"}}' | \
eks-api batch --from cronjob/etl -n demo --name november --jobs - --follow
--retry-failed needs the jobs of that batch again, by -f or --jobs. They are found by their ids, else by their order. \
The new batch is NAME-retry-DIGITS, or --name. The same command again does not run them twice.",
    exit_codes: &[
        (0, "all jobs are created; with --follow: all completed. With --retry-failed also: no job has failed."),
        (1, "only with --follow: a job failed or is missing, or the batch was deleted"),
        (2, "wrong arguments, or a file that cannot be read or does not fit; nothing was created"),
        (
            65,
            "the service refused the batch or one of its jobs, or would refuse it; or there is no such batch or \
             cluster. The jobs that are created stay.",
        ),
        (
            69,
            "the service cannot be reached, is not trusted, or sends an unexpected reply; or some jobs cannot \
             be created",
        ),
        NO_OUTPUT,
        (75, "a quota has no room for some jobs; try again later"),
        (77, "the service denied access (401, 403)"),
        (124, "the time is up; the batch goes on"),
        (130, "Ctrl-C (143: SIGTERM); the batch goes on"),
    ],
    is_client: true,
    run: |arguments| execute(batch::run(&parse(arguments).map_err(|text| SPEC.usage_error(text))?)),
};

fn parse(arguments: &Arguments) -> Result<BatchOptions, String> {
    arguments.without_positional()?;
    let text = |name: &str| arguments.value(name).map(str::to_owned);
    let (source, jobs) = (source(arguments, &OF_TEMPLATE)?, text("jobs"));
    match (&source, jobs.as_deref()) {
        (JobSource::Template(_), None) => return Err("--from needs --jobs: the jobs as JSON lines".to_owned()),
        (JobSource::File(file), Some("-")) if file == "-" => {
            return Err("-f and --jobs cannot both read stdin".to_owned());
        }
        _ => {}
    }
    Ok(BatchOptions {
        source,
        jobs,
        namespace: text("namespace"),
        name: text("name"),
        on_error: text("on-error"),
        notify: notify(arguments)?,
        idempotency_key: idempotency_key(arguments)?,
        follow: arguments.has("follow"),
        retry_failed: text("retry-failed"),
        connection: connection(arguments)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<BatchOptions, String> {
        let arguments = arguments.iter().map(|argument| (*argument).to_owned());
        Arguments::parse(SPEC.options, arguments).and_then(|arguments| parse(&arguments))
    }

    #[test]
    fn a_batch_is_a_file_or_a_template_with_jobs() {
        let line = "-f batch.json -n demo --name nightly --on-error continue --follow --retry-failed old --notify ops";
        let options = parsed(&line.split(' ').collect::<Vec<_>>()).unwrap();
        assert_eq!(options.source, JobSource::File("batch.json".to_owned()));
        let texts = [options.namespace, options.name, options.on_error, options.retry_failed, options.jobs];
        let expected = [Some("demo"), Some("nightly"), Some("continue"), Some("old"), None];
        assert_eq!(texts.each_ref().map(Option::as_deref), expected);
        assert_eq!((options.follow, &options.notify[..]), (true, &["ops".to_owned()][..]));
        let options = parsed(&["--from", "cronjob/etl", "--jobs=-", "--image", "etl:2", "--", "sh"]).unwrap();
        let JobSource::Template(job) = options.source else { panic!("{:?}", options.source) };
        assert_eq!((job.image.as_deref(), &job.command[..]), (Some("etl:2"), &["sh".to_owned()][..]));
        assert_eq!((options.jobs.as_deref(), options.follow), (Some("-"), false));
    }

    #[test]
    fn errors_name_the_option() {
        for (arguments, named) in [
            (&["--from", "job/b"][..], "--from needs --jobs"),
            (&["-f", "-", "--jobs", "-"], "-f and --jobs cannot both read stdin"),
            (&["--jobs", "-"], "-f is missing"),
            (&["-f", "a", "--from", "job/b"], "use -f or --from, not both"),
            (&["-f", "a", "--image", "b"], "--image needs --from"),
            (&["-f", "a", "--on-error", "b"], "--on-error must be stop or continue"),
            (&["-f", "a", "--idempotency-key", "ü"], "--idempotency-key must be 1 to 255 printable ASCII"),
            (&["-f", "a", "b"], "unexpected argument \"b\""),
        ] {
            assert!(parsed(arguments).unwrap_err().contains(named), "{arguments:?}: {:?}", parsed(arguments));
        }
    }
}
