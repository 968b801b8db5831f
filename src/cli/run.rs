//! `eks-api run`: its row of the table. `client` runs the job.

use crate::cli::connection::{CA_FILE, CERT, CLUSTER, KEY, KEY_FILE, TIMEOUT, URL, connection, execute};
use crate::cli::options::{Arguments, option};
use crate::cli::spec::{CommandSpec, NO_OUTPUT};
use crate::client;
use crate::client::options::Options;
use crate::jobs::idempotency::IdempotencyKey;

pub static SPEC: CommandSpec = CommandSpec {
    name: "run",
    usage: "-f FILE [OPTIONS]",
    summary: "run a job on a running service, and exit as the job does",
    options: &[
        option("f", "file", "FILE", "the manifest of the Job, in JSON or YAML; - is stdin"),
        option("n", "namespace", "NAME", "the job's namespace [the manifest's, else default]"),
        option("", "follow", "", "write the job's log to stdout while it is written"),
        option("", "prefix", "", "with --follow: all pods at the same time, each line after its pod/container"),
        option("", "quiet", "", "write nothing unless the job fails; then the reason and the log's last 50 lines"),
        CLUSTER,
        TIMEOUT,
        URL,
        KEY_FILE,
        CA_FILE,
        CERT,
        KEY,
        option("", "idempotency-key", "KEY", "runs with the same key and manifest share one job [a new key each time]"),
        option("", "delete-on-interrupt", "", "delete the job on Ctrl-C or SIGTERM [the job goes on]"),
    ],
    help: "\
stdout has only the log: each pod of the job, one after another without --prefix. The container is the one that the annotation \
kubectl.kubernetes.io/default-container names, else the first. All other messages go to stderr.
With --quiet and --follow the log is written all the same.
After 10 seconds without progress they say why: a quota, an image, no node, suspended.
If the service is down or busy, requests are repeated until the timeout; without --timeout for 2 minutes.
No connection is idle for more than 20 seconds. A proxy with an idle timeout of 30 seconds does not cut it.",
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
    if arguments.value("idempotency-key").is_some_and(|key| IdempotencyKey::parse(key).is_none()) {
        return Err("--idempotency-key must be 1 to 255 printable ASCII characters".to_owned());
    }
    Ok(Options {
        file: text("file").ok_or("-f is missing: the manifest's file, or - for stdin")?,
        namespace: text("namespace"),
        follow: arguments.has("follow"),
        prefix: arguments.has("prefix"),
        connection: connection(arguments)?,
        idempotency_key: text("idempotency-key"),
        delete_on_interrupt: arguments.has("delete-on-interrupt"),
        quiet: arguments.has("quiet"),
    })
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
        assert_eq!((options.file.as_str(), options.namespace.as_deref()), ("job.json", Some("demo")));
        assert!(options.follow && !options.delete_on_interrupt && !options.quiet);
        assert_eq!(long, parsed(&["--follow", "-n", "demo", "--timeout", "1h", "-f", "job.json"]));
        assert_eq!(long, parsed(&["--follow", "-n=demo", "--timeout", "1h", "-f=job.json"]));
    }

    #[test]
    fn errors_name_the_option() {
        for (arguments, named) in [
            (&["-f"][..], "-f needs a value"),
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
