//! The options of the commands: [`Options`] of a run, [`BatchOptions`] and [`Command`]. `cli` parses them.

use std::path::PathBuf;
use std::time::Duration;

use hyper::Uri;

use crate::client::template::TemplateJob;
use crate::util::text::truncate;

#[allow(clippy::struct_excessive_bools, reason = "they are switches of the command line")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    pub source: JobSource,
    pub namespace: Option<String>,
    /// The webhooks that get the end of the job.
    pub notify: Vec<String>,
    pub follow: bool,
    /// Show the logs of all pods at the same time, each line after its pod and container.
    pub prefix: bool,
    pub connection: Connection,
    pub idempotency_key: Option<String>,
    pub delete_on_interrupt: bool,
    /// Write nothing unless the job fails.
    pub quiet: bool,
}

/// The source of a run's job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobSource {
    /// The manifest's file, or `-` for stdin.
    File(String),
    Template(TemplateJob),
}

/// The options of `eks-api batch`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchOptions {
    /// The file of the batch, or the template of its jobs.
    pub source: JobSource,
    /// The file of the jobs as JSON lines, or `-` for stdin.
    pub jobs: Option<String>,
    pub namespace: Option<String>,
    pub name: Option<String>,
    pub on_error: Option<String>,
    /// The webhooks that get the end of the batch.
    pub notify: Vec<String>,
    pub idempotency_key: Option<String>,
    /// Wait for the end of all jobs.
    pub follow: bool,
    /// The batch whose failed jobs are run again.
    pub retry_failed: Option<String>,
    pub connection: Connection,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Status,
    List,
    Logs,
    Delete,
    Wait,
    Templates,
}

/// The options of the commands for jobs that exist, and of the list of templates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    pub action: Action,
    pub connection: Connection,
    pub namespace: Option<String>,
    /// The names of the jobs.
    pub jobs: Vec<String>,
    pub selector: Option<String>,
    pub state: Option<String>,
    /// Print the replies of the service as they come.
    pub json: bool,
    /// Print only the names of the templates.
    pub names: bool,
    pub log: LogQuery,
    /// Show the logs of all pods at the same time, each line after its pod and container.
    pub prefix: bool,
}

/// The options that all commands have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    pub url: Url,
    /// The cluster of all calls. Without it the service uses its default.
    pub cluster: Option<String>,
    pub key_file: Option<PathBuf>,
    pub ca_file: Option<PathBuf>,
    pub certificate: Option<ClientCertificate>,
    pub timeout: Option<Duration>,
}

/// The parameters of get-job-logs. Each is sent as it is given.
#[allow(clippy::struct_excessive_bools, reason = "they are parameters of the API")]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogQuery {
    pub pod: Option<String>,
    pub container: Option<String>,
    pub tail_lines: Option<String>,
    pub since_seconds: Option<String>,
    pub all: bool,
    pub follow: bool,
    pub previous: bool,
    pub timestamps: bool,
}

/// The files of the certificate that the client sends if the service asks for one, and of its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    pub cert: PathBuf,
    pub key: PathBuf,
}

/// The address of the service, without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    text: String,
    pub is_tls: bool,
    /// Whether requests stay on this machine.
    pub is_local: bool,
}

impl Url {
    /// Accepts `http` and `https`, with an optional path. A user or password is refused, because other users can read a
    /// command line. The error does not repeat it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let form = "--url or EKS_API_URL must be a URL such as http://127.0.0.1:8000 or https://jobs.example.com:8443";
        let uri: Uri = text.parse().map_err(|_| form.to_owned())?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return Err(form.to_owned()) };
        // A password may have a slash, so an @ after the authority counts too.
        if text.contains('@') {
            return Err(format!("{form}, without a user; see --key-file"));
        }
        // The parser drops a fragment.
        if uri.query().is_some() || text.contains('#') {
            return Err(format!("{form}, without ? and #"));
        }
        if !["http", "https"].contains(&scheme) || authority.host().is_empty() {
            return Err(form.to_owned());
        }
        // With an invalid port, hyper connects to the default port.
        if let Some(port) = authority.as_str().strip_prefix(authority.host()).and_then(|rest| rest.strip_prefix(':'))
            && !port.parse::<u16>().is_ok_and(|number| number > 0)
        {
            let wrong = truncate(port, 40);
            return Err(format!("--url or EKS_API_URL: {wrong:?} is not a port: use a number from 1 to 65535"));
        }
        let host = authority.host().trim_matches(['[', ']']);
        let is_local = host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
        let text = format!("{scheme}://{authority}{}", uri.path().trim_end_matches('/'));
        Ok(Self { text, is_tls: scheme == "https", is_local })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_kept_without_its_last_slash() {
        for (text, kept, is_tls, is_local) in [
            ("http://127.0.0.1:8000", "http://127.0.0.1:8000", false, true),
            ("http://localhost:1/", "http://localhost:1", false, true),
            ("http://[::1]:8000", "http://[::1]:8000", false, true),
            ("https://jobs.example.com/eks/", "https://jobs.example.com/eks", true, false),
        ] {
            let url = Url::parse(text).unwrap();
            assert_eq!((url.as_str(), url.is_tls, url.is_local), (kept, is_tls, is_local));
        }
    }

    #[test]
    fn other_urls_are_refused_and_not_repeated() {
        for text in ["", "127.0.0.1:8000", "/api", "ftp://a", "http://", "http://a/?b", "http://user:hunter2@a"] {
            assert!(!Url::parse(text).unwrap_err().contains("hunter2"), "{text}");
        }
        for text in ["http://user:hunter2/x@a", "http://user:hunter2?x@a", "http://user:hunter2#x@a", "http://a/#b"] {
            assert!(!Url::parse(text).unwrap_err().contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn a_port_is_a_number_from_1_to_65535() {
        for (text, port) in [
            ("http://127.0.0.1:80O0", "80O0"),
            ("http://127.0.0.1:99999/eks", "99999"),
            ("https://jobs.example.com:abc", "abc"),
            ("http://[::1]:0", "0"),
            ("http://127.0.0.1:", ""),
        ] {
            let why = format!("--url or EKS_API_URL: {port:?} is not a port: use a number from 1 to 65535");
            assert_eq!(Url::parse(text), Err(why), "{text}");
        }
    }
}
