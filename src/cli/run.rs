//! `eks-api run`: its arguments and its help. The run itself is `client`'s.

use std::path::PathBuf;

use crate::app::{Error, print, split_option};
use crate::client::exit::Exit;
use crate::client::options::{Options, Url};
use crate::config::duration::{self, Upto};

/// What the arguments ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    Help,
    Run(Box<Options>),
}

pub const HELP: &str = "\
eks-api run: runs a job by a service that is up, and ends as the job does

Usage:
  eks-api run -f FILE [OPTIONS]

Options:
  -f, --file FILE         the Job's manifest, in JSON; - is stdin
  -n, --namespace NAME    the job's namespace [the manifest's, else default]
      --follow            write the job's log to stdout as it comes
      --quiet             say nothing unless the job fails; then why, and the log's last 50 lines
      --timeout TIME      wait no longer: 90s, 10m, 1h [without end]
      --url URL           where the service is [EKS_API_URL, else http://127.0.0.1:8000]
      --key-file FILE     the API key, or the token; read again for each call [EKS_API_KEY or EKS_API_TOKEN]
      --ca-file FILE      the CAs that the service's certificate may be of [the system's]
      --idempotency-key KEY
                          runs with the same key and manifest are one job [a new key each time]
      --delete-on-interrupt
                          delete the job on Ctrl-C or SIGTERM [it goes on]

stdout has the log alone, of each of the job's pods one after another: of the container that the annotation
kubectl.kubernetes.io/default-container names, else of the first. All else is told on stderr.
A job that makes no progress for 10 seconds is explained there: a quota, an image, no node, suspended.
A service that is away or busy is tried again until the time is up; without --timeout for 2 minutes.
No wait and no log is idle for more than 20 seconds, so a proxy with an idle limit of 30 seconds does not cut it.

Exit codes:
    0  the job completed
    1  it failed, or was deleted before it completed
       if it failed and an exit code decided that, the code is taken instead of 1: the code of its containers that
       failed, without sidecars and injected containers
    2  wrong arguments, or a file that cannot be read; nothing was sent
   65  the service refused the job (400, 409, 413, 422 and the like), or would refuse the manifest
   69  the service cannot be reached, or not be trusted, or does not answer as it should; also if the time is up
       and no request was ever sent
   74  stdout cannot be written; a reader that leaves, as head does, is no error
   75  a quota refused the job (403, exceeded quota); try again later
   77  the service did not let us (401, 403)
  124  the time is up; the job goes on
  130  Ctrl-C (143: SIGTERM); the job goes on without --delete-on-interrupt";

/// The options that take a value, by both of their names.
const VALUED: [(&str, &str); 7] = [
    ("--file", "-f"),
    ("--namespace", "-n"),
    ("--timeout", ""),
    ("--url", ""),
    ("--key-file", ""),
    ("--ca-file", ""),
    ("--idempotency-key", ""),
];

pub fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Wanted, Error> {
    let mut values: [Option<String>; VALUED.len()] = Default::default();
    let (mut follow, mut delete_on_interrupt, mut quiet) = (false, false, false);
    while let Some(argument) = arguments.next() {
        let (option, inline) = split_option(argument);
        match (option.as_str(), &inline) {
            ("--help" | "-h", None) => return Ok(Wanted::Help),
            ("--follow", None) => follow = true,
            ("--quiet", None) => quiet = true,
            ("--delete-on-interrupt", None) => delete_on_interrupt = true,
            (name, _) => {
                let known = VALUED.iter().position(|(long, short)| !name.is_empty() && [*long, *short].contains(&name));
                let at =
                    known.ok_or_else(|| wrong(format!("{argument:?} is no option", argument = shortened(name))))?;
                let value = inline.or_else(|| arguments.next()).filter(|value| !value.is_empty());
                let value = value.ok_or_else(|| wrong(format!("{name} needs a value")))?;
                if values[at].replace(value).is_some() {
                    return Err(wrong(format!("{name} is given twice")));
                }
            }
        }
    }
    let [file, namespace, timeout, url, key_file, ca_file, idempotency_key] = values;
    let timeout = timeout.map(|text| {
        duration::parse(&text, Upto::Hours).ok_or_else(|| wrong("--timeout must be a time such as 90s, 10m or 1h"))
    });
    let named = url.or_else(|| std::env::var("EKS_API_URL").ok().filter(|url| !url.is_empty()));
    let url = named.as_deref().unwrap_or("http://127.0.0.1:8000");
    Ok(Wanted::Run(Box::new(Options {
        file: file.ok_or_else(|| wrong("-f is missing: the manifest's file, or - for stdin"))?,
        namespace,
        follow,
        timeout: timeout.transpose()?,
        url: Url::parse(url).map_err(|why| wrong(format!("--url or EKS_API_URL {why}")))?,
        key_file: key_file.map(PathBuf::from),
        ca_file: ca_file.map(PathBuf::from),
        idempotency_key,
        delete_on_interrupt,
        quiet,
    })))
}

/// An argument as an error repeats it: one that is no option may be anything.
fn shortened(argument: &str) -> String {
    argument.chars().take(40).collect()
}

fn wrong(what: impl std::fmt::Display) -> Error {
    Error::Run(Exit::usage(format!("{what}; see eks-api run --help")))
}

pub fn run(wanted: &Wanted) -> Result<(), Error> {
    let Wanted::Run(options) = wanted else {
        print(HELP);
        return Ok(());
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Start)?;
    let ended = runtime.block_on(crate::client::run(options));
    // What stdout's reader does not take is not waited for.
    runtime.shutdown_background();
    ended.map_err(Error::Run)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Wanted, String> {
        parse(arguments.iter().map(|a| (*a).to_owned())).map_err(|error| error.to_string())
    }

    #[test]
    fn options_have_short_names_and_values_after_an_equals_sign() {
        let long = parsed(&["--file=job.json", "--namespace=demo", "--timeout=1h", "--follow"]);
        let Ok(Wanted::Run(options)) = &long else { panic!("{long:?}") };
        assert_eq!((options.file.as_str(), options.namespace.as_deref()), ("job.json", Some("demo")));
        assert!(options.follow && !options.delete_on_interrupt && !options.quiet);
        assert_eq!(long, parsed(&["--follow", "-n", "demo", "--timeout", "1h", "-f", "job.json"]));
        assert_eq!(parsed(&["-f", "job.json", "--help"]), Ok(Wanted::Help));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (arguments, named) in [
            (&["-f"][..], "-f needs a value"),
            (&[], "-f is missing"),
            (&["-f", "a", "b"], "\"b\" is no option"),
            (&["-f", "a", "--follow=yes"], "\"--follow\" is no option"),
            (&["-f", "a", "--quiet=yes"], "\"--quiet\" is no option"),
            (&["-f", "a", "--file", "b"], "--file is given twice"),
            (&["-f", "a", "--timeout", "1"], "--timeout must be"),
            (&["-f", "a", "--url", "127.0.0.1"], "--url or EKS_API_URL must be"),
        ] {
            assert!(parsed(arguments).unwrap_err().contains(named), "{arguments:?}: {:?}", parsed(arguments));
        }
    }

    #[test]
    fn help_names_every_option() {
        assert!(VALUED.iter().all(|(long, short)| HELP.contains(long) && HELP.contains(short)));
    }
}
