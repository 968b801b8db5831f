//! What a run is asked for: the values of its options, each in a form that can be used. Reading arguments is `app::run`'s.

use std::path::PathBuf;
use std::time::Duration;

use hyper::Uri;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The manifest's file, or `-` for stdin.
    pub file: String,
    pub namespace: Option<String>,
    pub follow: bool,
    pub timeout: Option<Duration>,
    pub url: Url,
    pub key_file: Option<PathBuf>,
    pub ca_file: Option<PathBuf>,
    pub idempotency_key: Option<String>,
    pub delete_on_interrupt: bool,
    /// Nothing is said of a run that goes well.
    pub quiet: bool,
}

/// Where the service is, without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    text: String,
    pub is_tls: bool,
    /// Whether what is sent does not leave the machine.
    pub is_local: bool,
}

impl Url {
    /// Takes `http` and `https`, with a path if the service is behind one. A name or password in it is refused, as a
    /// command line is for all to read; so the error does not repeat it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let form = "must be a URL such as http://127.0.0.1:8000 or https://jobs.example.com:8443";
        let uri: Uri = text.parse().map_err(|_| form.to_owned())?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return Err(form.to_owned()) };
        if authority.as_str().contains('@') {
            return Err(format!("{form}, without a user; see --key-file"));
        }
        if !["http", "https"].contains(&scheme) || uri.query().is_some() || authority.host().is_empty() {
            return Err(form.to_owned());
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
    fn what_is_no_url_of_a_service_is_refused_and_not_repeated() {
        for text in ["", "127.0.0.1:8000", "/api", "ftp://a", "http://", "http://a/?b", "http://user:hunter2@a"] {
            assert!(!Url::parse(text).unwrap_err().contains("hunter2"), "{text}");
        }
    }
}
