//! `eks-api run`: its row of the table. `client` runs the job.

use std::path::PathBuf;

use crate::app::error::Error;
use crate::cli::options::{Arguments, option};
use crate::cli::spec::CommandSpec;
use crate::client::options::{ClientCertificate, Options, Url};
use crate::config::duration::{self, Upto};

pub static SPEC: CommandSpec = CommandSpec {
    name: "run",
    usage: "-f FILE [OPTIONS]",
    summary: "run a job on a running service, and exit as the job does",
    options: &[
        option("f", "file", "FILE", "the manifest of the Job, in JSON or YAML; - is stdin"),
        option("n", "namespace", "NAME", "the job's namespace [the manifest's, else default]"),
        option("", "follow", "", "write the job's log to stdout while it is written"),
        option("", "quiet", "", "write nothing unless the job fails; then the reason and the log's last 50 lines"),
        option("", "timeout", "TIME", "stop waiting after this time: 90s, 10m, 1h [never]"),
        option("", "url", "URL", "the service's address [EKS_API_URL, else http://127.0.0.1:8000]"),
        option(
            "",
            "key-file",
            "FILE",
            "an API key or token; read again for each request [EKS_API_KEY or EKS_API_TOKEN]",
        ),
        option("", "ca-file", "FILE", "the CAs that may sign the service's certificate [the system's]"),
        option("", "cert", "FILE", "your certificate, for mutual TLS [EKS_API_CLIENT_CERT]"),
        option("", "key", "FILE", "the private key of --cert; only you can read it [EKS_API_CLIENT_KEY]"),
        option("", "idempotency-key", "KEY", "runs with the same key and manifest share one job [a new key each time]"),
        option("", "delete-on-interrupt", "", "delete the job on Ctrl-C or SIGTERM [the job goes on]"),
    ],
    help: "\
stdout has only the log: each pod of the job, one after another. The container is the one that the annotation \
kubectl.kubernetes.io/default-container names, else the first. All other messages go to stderr.
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
        (65, "the service refused the job (400, 409, 413, 422 and the like), or would refuse the manifest"),
        (
            69,
            "the service cannot be reached, is not trusted, or sends an unexpected reply; also if the time is up and no \
              request was sent",
        ),
        (74, "stdout cannot be written; a reader that leaves early, as head does, is not an error"),
        (75, "a quota refused the job (403, exceeded quota); try again later"),
        (77, "the service denied access (401, 403)"),
        (124, "the time is up; the job goes on"),
        (130, "Ctrl-C (143: SIGTERM); the job goes on without --delete-on-interrupt"),
    ],
    is_client: true,
    run: |arguments| run(&parse(arguments).map_err(|text| SPEC.usage_error(text))?),
};

fn parse(arguments: &Arguments) -> Result<Options, String> {
    arguments.without_positional()?;
    let text = |name: &str| arguments.value(name).map(str::to_owned);
    let timeout = arguments
        .value("timeout")
        .map(|text| duration::parse(text, Upto::Hours).ok_or("--timeout must be a time such as 90s, 10m or 1h"));
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let certificate = client_certificate(
        text("cert").or_else(|| variable("EKS_API_CLIENT_CERT")),
        text("key").or_else(|| variable("EKS_API_CLIENT_KEY")),
    );
    let url = text("url").or_else(|| variable("EKS_API_URL"));
    let url = url.as_deref().unwrap_or("http://127.0.0.1:8000");
    Ok(Options {
        file: text("file").ok_or("-f is missing: the manifest's file, or - for stdin")?,
        namespace: text("namespace"),
        follow: arguments.has("follow"),
        timeout: timeout.transpose()?,
        url: Url::parse(url).map_err(|why| format!("--url or EKS_API_URL {why}"))?,
        key_file: text("key-file").map(PathBuf::from),
        ca_file: text("ca-file").map(PathBuf::from),
        certificate: certificate?,
        idempotency_key: text("idempotency-key"),
        delete_on_interrupt: arguments.has("delete-on-interrupt"),
        quiet: arguments.has("quiet"),
    })
}

/// A certificate and its key need each other.
fn client_certificate(cert: Option<String>, key: Option<String>) -> Result<Option<ClientCertificate>, &'static str> {
    match (cert, key) {
        (None, None) => Ok(None),
        (Some(cert), Some(key)) => Ok(Some(ClientCertificate { cert: cert.into(), key: key.into() })),
        (Some(_), None) => Err("--cert needs --key (or EKS_API_CLIENT_KEY)"),
        (None, Some(_)) => Err("--key needs --cert (or EKS_API_CLIENT_CERT); an API key is for --key-file"),
    }
}

fn run(options: &Options) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Start)?;
    let ended = runtime.block_on(crate::client::run(options));
    // A write to stdout may still block; it is not waited for.
    runtime.shutdown_background();
    Ok(ended?)
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
            (&["-f", "a", "-x"], "unknown option \"-x\""),
            (&["-f", "a", "--file", "b"], "--file is given twice"),
            (&["-f", "a", "--timeout", "1"], "--timeout must be"),
            (&["-f", "a", "--url", "127.0.0.1"], "--url or EKS_API_URL must be"),
        ] {
            assert!(parsed(arguments).unwrap_err().contains(named), "{arguments:?}: {:?}", parsed(arguments));
        }
    }
}
