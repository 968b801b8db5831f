//! The settings: [`Settings::read`] parses and checks all variables at once.

pub mod access;
pub mod clusters;
pub mod dotenv;
pub mod duration;
pub mod history;
pub mod limits;
pub mod line;
pub mod moment;
pub mod pattern;
mod reader;
pub mod tls;
mod variables;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use access::Auth;
use clusters::ClusterSource;
use history::HistoryConfig;
use limits::Limits;
use pattern::Patterns;
pub use reader::SettingsErrors;
use reader::{Reader, hosts, level, origins, seconds};
use tls::TlsFiles;
pub use variables::{CLIENT_VARIABLES, VARIABLES, Variable};

/// The namespaces that a cluster needs to work.
const PROTECTED: &str = "kube-system,kube-public,kube-node-lease,default";

#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub struct Settings {
    pub clusters: ClusterSource,
    pub presets: Option<PathBuf>,
    pub listen: SocketAddr,
    /// Whether `EKS_API_AUTH` is set. It must be set beyond loopback.
    pub is_access_chosen: bool,
    pub tls: Option<TlsFiles>,
    pub log: Log,
    pub metrics: bool,
    pub metrics_namespaces: bool,
    pub docs: bool,
    pub cors_origins: Vec<String>,
    pub auto_create_namespace: bool,
    pub protected_namespaces: Patterns,
    pub allowed_namespaces: Option<Patterns>,
    pub request_timeout: Duration,
    pub auth: Auth,
    pub allowed_hosts: Vec<String>,
    pub limits: Limits,
    /// None without `EKS_API_STATE_DIR`.
    pub history: Option<HistoryConfig>,
    /// `EKS_API_*` names that are not settings. Most are typing errors, so they are logged.
    pub unknown: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    pub level: log::LevelFilter,
    pub json: bool,
}

impl Settings {
    pub fn read(environment: impl IntoIterator<Item = (String, String)>) -> Result<Self, SettingsErrors> {
        let mut read = Reader::new(environment);
        let listen = read.optional(
            "EKS_API_LISTEN",
            "an address and port, such as 127.0.0.1:8000",
            |value| value.parse().ok(),
            SocketAddr::from((Ipv4Addr::LOCALHOST, 8000)),
        );
        let default = Patterns::parse(PROTECTED).unwrap_or_else(|bad| unreachable!("{bad} is a pattern"));
        let json = |value: &str| ["text", "json"].contains(&value).then_some(value == "json");
        let settings = Self {
            clusters: ClusterSource::read(&mut read),
            presets: read.value("EKS_API_PRESETS_DIR").map(PathBuf::from),
            listen,
            is_access_chosen: read.value("EKS_API_AUTH").is_some(),
            tls: TlsFiles::read(&mut read),
            log: Log {
                level: read.optional(
                    "LOG_LEVEL",
                    "DEBUG, INFO, WARNING, ERROR or CRITICAL",
                    level,
                    log::LevelFilter::Info,
                ),
                json: read.optional("EKS_API_LOG_FORMAT", "text or json", json, false),
            },
            metrics: read.switch("EKS_API_METRICS", true),
            metrics_namespaces: read.switch("EKS_API_METRICS_NAMESPACES", false),
            docs: read.switch("EKS_API_DOCS", true),
            cors_origins: read.optional(
                "EKS_API_CORS_ORIGINS",
                "a comma-separated list of origins, such as https://tools.example.com (no *, no path)",
                origins,
                Vec::new(),
            ),
            auto_create_namespace: read.switch("EKS_API_AUTO_CREATE_NAMESPACE", true),
            protected_namespaces: read.patterns("EKS_API_PROTECTED_NAMESPACES").unwrap_or(default),
            allowed_namespaces: read.patterns("EKS_API_ALLOWED_NAMESPACES"),
            request_timeout: read.optional(
                "EKS_API_REQUEST_TIMEOUT",
                "a time from 1s to 5m, such as 30s",
                seconds,
                Duration::from_secs(30),
            ),
            auth: Auth::read(&mut read, listen),
            allowed_hosts: read.optional(
                "EKS_API_ALLOWED_HOSTS",
                "a comma-separated list of host names without ports, such as jobs.example.com",
                hosts,
                Vec::new(),
            ),
            limits: Limits::read(&mut read),
            history: HistoryConfig::read(&mut read),
            unknown: read.unknown(),
        };
        read.finish(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(extra: &[(&str, &str)]) -> Result<Settings, SettingsErrors> {
        let base = [("EKS_CLUSTER_NAME", "lab"), ("EKS_REGION", "us-east-1")];
        let chosen = base.iter().filter(|(name, _)| extra.iter().all(|(other, _)| name != other)).chain(extra);
        Settings::read(chosen.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    #[test]
    fn two_variables_are_enough() {
        let settings = read(&[]).unwrap();
        assert_eq!(settings.listen.to_string(), "127.0.0.1:8000");
        assert!(settings.metrics && !settings.metrics_namespaces && settings.presets.is_none());
        assert!(settings.auto_create_namespace && settings.allowed_namespaces.is_none());
        for name in ["kube-system", "kube-public", "kube-node-lease", "default"] {
            assert!(settings.protected_namespaces.matches(name), "{name}");
        }
    }

    #[test]
    fn the_last_value_of_a_variable_counts() {
        let twice =
            |first, last| read(&[("EKS_API_AUTH", first), ("EKS_API_AUTH", last), ("EKS_API_LISTEN", "[::]:80")]);
        assert!(twice("", "none").is_ok());
        let text = twice("none", "").unwrap_err().to_string();
        assert!(text.contains("set EKS_API_AUTH"), "an empty value counts as not set: {text}");
    }

    #[test]
    fn the_region_falls_back_in_order() {
        let region = |extra: &[_]| read(extra).map(|settings| settings.clusters.load().unwrap().remove(0).region);
        assert_eq!(region(&[("AWS_REGION", "eu-west-1")]).unwrap(), "us-east-1");
        let both = [("EKS_REGION", ""), ("AWS_REGION", "eu-west-1"), ("AWS_DEFAULT_REGION", "us-west-2")];
        assert_eq!(region(&both).unwrap(), "eu-west-1");
        assert_eq!(region(&[("EKS_REGION", ""), ("AWS_DEFAULT_REGION", "us-west-2")]).unwrap(), "us-west-2");
    }

    #[test]
    fn a_clusters_file_replaces_the_name_and_the_region() {
        let file = ("EKS_API_CLUSTERS_FILE", "/etc/eks-api/clusters");
        let none = [("EKS_CLUSTER_NAME", ""), ("EKS_REGION", "")];
        for extra in [&[][..], &[("AWS_REGION", "eu-west-1"), ("AWS_DEFAULT_REGION", "eu-west-1")]] {
            let settings = read(&[&[file], &none[..], extra].concat()).unwrap();
            assert_eq!(settings.clusters, ClusterSource::File("/etc/eks-api/clusters".into()));
        }
        let text = read(&[file]).unwrap_err().to_string();
        for (line, name) in text.lines().zip(["EKS_CLUSTER_NAME", "EKS_REGION"]) {
            assert!(line.starts_with(&format!("EKS_API_CLUSTERS_FILE and {name} are set: remove {name}")), "{text}");
        }
        assert_eq!([text, read(&[file, none[1]]).unwrap_err().to_string()].map(|text| text.lines().count()), [2, 1]);
    }

    #[test]
    fn all_errors_are_reported_together_each_with_its_variable() {
        let bad = [
            ("EKS_CLUSTER_NAME", "../x"),
            ("EKS_REGION", "us-east-1.evil.example"),
            ("LOG_LEVEL", "loud"),
            ("EKS_API_LISTEN", "8000"),
            ("EKS_API_LOG_FORMAT", "xml"),
            ("EKS_API_METRICS", "on"),
            ("EKS_API_METRICS_NAMESPACES", "1"),
            ("EKS_API_DOCS", "yes"),
            ("EKS_API_CORS_ORIGINS", "*"),
            ("EKS_API_AUTO_CREATE_NAMESPACE", "maybe"),
            ("EKS_API_PROTECTED_NAMESPACES", "A"),
            ("EKS_API_ALLOWED_NAMESPACES", "a/b"),
            ("EKS_API_REQUEST_TIMEOUT", "30"),
            ("EKS_API_MAX_CONNECTIONS", "0"),
            ("EKS_API_MAX_CONNECTIONS_PER_PEER", "-1"),
            ("EKS_API_MAX_REQUESTS", "-1"),
            ("EKS_API_MAX_WAITS", "many"),
            ("EKS_API_MAX_STREAMS", "0"),
            ("EKS_API_AUTH", "password"),
            ("EKS_API_KEYS_FILE", "/etc/eks-api/keys"),
            ("EKS_API_RATE_LIMIT", "0"),
            ("EKS_API_PEER_RATE_LIMIT", "fast"),
            ("EKS_API_MAX_WRITES", "0"),
            ("EKS_API_ALLOWED_HOSTS", "a:80"),
            ("EKS_API_TLS_CERT_FILE", "/etc/cert.pem"),
            ("EKS_API_STATE_DIR", "state"),
            ("EKS_API_HISTORY_KEEP", "90"),
            ("EKS_API_HISTORY_MAX_SIZE", "1GB"),
        ];
        let text = read(&bad).unwrap_err().to_string();
        assert_eq!(text.lines().count(), bad.len(), "{text}");
        for (name, _) in bad {
            assert!(text.lines().any(|line| line.starts_with(name)), "{name} in {text}");
        }
    }

    #[test]
    fn beyond_loopback_eks_api_auth_must_be_set() {
        let text = read(&[("EKS_API_LISTEN", "0.0.0.0:8000")]).unwrap_err().to_string();
        assert!(text.contains("set EKS_API_AUTH"), "{text}");
        assert!(read(&[("EKS_API_LISTEN", "0.0.0.0:8000"), ("EKS_API_AUTH", "none")]).is_ok());
        assert!(read(&[("EKS_API_LISTEN", "[::1]:8000")]).is_ok());
    }

    #[test]
    fn a_certificate_needs_its_key_and_a_client_ca_needs_both() {
        let [cert, key, ca] =
            ["CERT", "KEY", "CLIENT_CA"].map(|kind| (format!("EKS_API_TLS_{kind}_FILE"), format!("/etc/{kind}.pem")));
        let given = |files: &[&(String, String)]| {
            read(&files.iter().map(|(name, file)| (name.as_str(), file.as_str())).collect::<Vec<_>>())
        };
        assert_eq!(given(&[]).unwrap().tls, None);
        let whole = given(&[&cert, &key, &ca]).unwrap().tls.unwrap();
        assert_eq!(whole.client_ca, Some("/etc/CLIENT_CA.pem".into()));
        assert_eq!(given(&[&cert, &key]).unwrap().tls, Some(TlsFiles { client_ca: None, ..whole }));
        for (files, missing) in [(vec![&cert], &key), (vec![&key, &ca], &cert), (vec![&ca], &cert)] {
            let text = given(&files).unwrap_err().to_string();
            assert!(text.starts_with(&files[0].0) && text.contains(&missing.0), "{text}");
        }
    }

    #[test]
    fn unknown_settings_are_found_except_the_clients_and_those_that_kubernetes_injects() {
        let extra =
            [("EKS_API_LISTN", "x"), ("EKS_API_SERVICE_HOST", "10.0.0.1"), ("EKS_API_PORT", "tcp://10.0.0.1:80")];
        let client = CLIENT_VARIABLES.map(|variable| (variable.name, "x"));
        assert_eq!(read(&[&extra[..], &client].concat()).unwrap().unknown, ["EKS_API_LISTN"]);
    }
}
