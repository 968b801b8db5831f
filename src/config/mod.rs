//! The settings: every variable by name, its default and what it may be. Owns reading and judging them, all at once;
//! where the variables come from (environment, `.env`, arguments) is the caller's.

pub mod access;
pub mod dotenv;
pub mod duration;
pub mod pattern;
mod reader;
pub mod tls;
mod variables;

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use access::{Auth, Limits, hosts};
use pattern::Patterns;
use reader::{Reader, choice, is_cluster_name, is_region, level, origins, protected, seconds};
use tls::TlsFiles;
pub use variables::{VARIABLES, Variable};

#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub struct Settings {
    pub cluster: String,
    pub region: String,
    pub listen: SocketAddr,
    /// Whether who may call was written out, as it must be beyond loopback.
    pub is_access_chosen: bool,
    pub tls: Option<TlsFiles>,
    pub log: Log,
    pub metrics: bool,
    pub docs: bool,
    pub cors_origins: Vec<String>,
    pub auto_create_namespace: bool,
    pub protected_namespaces: Patterns,
    pub allowed_namespaces: Option<Patterns>,
    pub request_timeout: Duration,
    pub auth: Auth,
    pub allowed_hosts: Vec<String>,
    pub limits: Limits,
    /// `EKS_API_*` names that nothing reads: almost always a typing mistake, so they are logged.
    pub unknown: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    pub level: log::LevelFilter,
    pub json: bool,
}

/// Everything that is wrong with the settings, one line each, never with the value of a secret.
#[derive(Debug, PartialEq, Eq)]
pub struct SettingsErrors(Vec<String>);

impl fmt::Display for SettingsErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for SettingsErrors {}

impl Settings {
    /// Judges the given variables; an empty value counts as not set.
    pub fn read(environment: impl IntoIterator<Item = (String, String)>) -> Result<Self, SettingsErrors> {
        let mut read = Reader::new(environment);
        let listen = read.or(
            "EKS_API_LISTEN",
            "an address and port, such as 127.0.0.1:8000",
            |v| v.parse().ok(),
            || SocketAddr::from((Ipv4Addr::LOCALHOST, 8000)),
        );
        let settings = Self {
            cluster: read.required(&["EKS_CLUSTER_NAME"], "the name of the EKS cluster", is_cluster_name),
            region: read.required(
                &["EKS_REGION", "AWS_REGION", "AWS_DEFAULT_REGION"],
                "the cluster's AWS region, such as us-east-1",
                is_region,
            ),
            listen,
            is_access_chosen: read.value("EKS_API_AUTH").is_some(),
            tls: TlsFiles::read(&mut read),
            log: Log {
                level: read
                    .or("LOG_LEVEL", "DEBUG, INFO, WARNING, ERROR or CRITICAL", level, || log::LevelFilter::Info),
                json: read.or("EKS_API_LOG_FORMAT", "text or json", |v| choice(v, "text", "json"), || false),
            },
            metrics: read.or("EKS_API_METRICS", "true or false", |v| choice(v, "false", "true"), || true),
            docs: read.or("EKS_API_DOCS", "true or false", |v| choice(v, "false", "true"), || true),
            cors_origins: read.or(
                "EKS_API_CORS_ORIGINS",
                "a comma-separated list of origins, such as https://tools.example.com (no *, no path)",
                origins,
                Vec::new,
            ),
            auto_create_namespace: read.or(
                "EKS_API_AUTO_CREATE_NAMESPACE",
                "true or false",
                |v| choice(v, "false", "true"),
                || true,
            ),
            protected_namespaces: read.patterns("EKS_API_PROTECTED_NAMESPACES").unwrap_or_else(protected),
            allowed_namespaces: read.patterns("EKS_API_ALLOWED_NAMESPACES"),
            request_timeout: read.or("EKS_API_REQUEST_TIMEOUT", "a time from 1s to 5m, such as 30s", seconds, || {
                Duration::from_secs(30)
            }),
            auth: Auth::read(&mut read, listen),
            allowed_hosts: read.or(
                "EKS_API_ALLOWED_HOSTS",
                "a comma-separated list of host names without ports, such as jobs.example.com",
                hosts,
                Vec::new,
            ),
            limits: Limits::read(&mut read),
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
        assert!(settings.auto_create_namespace && settings.allowed_namespaces.is_none());
        for name in ["kube-system", "kube-public", "kube-node-lease", "default"] {
            assert!(settings.protected_namespaces.matches(name), "{name}");
        }
    }

    #[test]
    fn of_a_variable_that_is_there_twice_the_last_value_counts() {
        let twice =
            |first, last| read(&[("EKS_API_AUTH", first), ("EKS_API_AUTH", last), ("EKS_API_LISTEN", "[::]:80")]);
        assert!(twice("", "none").is_ok());
        let told = twice("none", "").unwrap_err().to_string();
        assert!(told.contains("set EKS_API_AUTH"), "an empty value is none: {told}");
    }

    #[test]
    fn the_region_falls_back_in_order() {
        let region = |extra: &[(&str, &str)]| read(extra).map(|settings| settings.region);
        assert_eq!(region(&[("AWS_REGION", "eu-west-1")]).unwrap(), "us-east-1");
        let both = [("EKS_REGION", ""), ("AWS_REGION", "eu-west-1"), ("AWS_DEFAULT_REGION", "us-west-2")];
        assert_eq!(region(&both).unwrap(), "eu-west-1");
        assert_eq!(region(&[("EKS_REGION", ""), ("AWS_DEFAULT_REGION", "us-west-2")]).unwrap(), "us-west-2");
    }

    #[test]
    fn all_mistakes_are_told_together_each_with_its_variable() {
        let bad = [
            ("EKS_CLUSTER_NAME", "../x"),
            ("EKS_REGION", "us-east-1.evil.example"),
            ("LOG_LEVEL", "loud"),
            ("EKS_API_LISTEN", "8000"),
            ("EKS_API_LOG_FORMAT", "xml"),
            ("EKS_API_METRICS", "on"),
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
        ];
        let told = read(&bad).unwrap_err().to_string();
        assert_eq!(told.lines().count(), bad.len(), "{told}");
        for (name, _) in bad {
            assert!(told.lines().any(|line| line.starts_with(name)), "{name} in {told}");
        }
    }

    #[test]
    fn beyond_loopback_it_must_be_told_who_may_call() {
        let told = read(&[("EKS_API_LISTEN", "0.0.0.0:8000")]).unwrap_err().to_string();
        assert!(told.contains("set EKS_API_AUTH"), "{told}");
        assert!(read(&[("EKS_API_LISTEN", "0.0.0.0:8000"), ("EKS_API_AUTH", "none")]).is_ok());
        assert!(read(&[("EKS_API_LISTEN", "[::1]:8000")]).is_ok());
    }

    #[test]
    fn a_certificate_and_its_key_come_together_and_before_a_client_ca() {
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
            let told = given(&files).unwrap_err().to_string();
            assert!(told.starts_with(&files[0].0) && told.contains(&missing.0), "{told}");
        }
    }

    #[test]
    fn unknown_settings_are_noticed_but_not_what_kubernetes_injects() {
        let extra =
            [("EKS_API_LISTN", "x"), ("EKS_API_SERVICE_HOST", "10.0.0.1"), ("EKS_API_PORT", "tcp://10.0.0.1:80")];
        assert_eq!(read(&extra).unwrap().unknown, ["EKS_API_LISTN"]);
    }
}
