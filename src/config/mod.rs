//! The settings: every variable by name, its default and what it may be. Owns reading and judging them, all at once;
//! where the variables come from (environment, `.env`, arguments) is the caller's.

pub mod dotenv;
pub mod pattern;
mod reader;
mod variables;

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use pattern::Patterns;
use reader::{Reader, choice, count, is_cluster_name, is_region, level, origins, protected, seconds};
pub use variables::{VARIABLES, Variable};

#[derive(Clone, Debug)]
pub struct Settings {
    pub cluster: String,
    pub region: String,
    pub listen: SocketAddr,
    pub log: Log,
    pub cors_origins: Vec<String>,
    pub auto_create_namespace: bool,
    pub protected_namespaces: Patterns,
    pub allowed_namespaces: Option<Patterns>,
    pub request_timeout: Duration,
    pub max_connections: usize,
    pub max_requests: u32,
    pub max_waits: u32,
    pub max_streams: u32,
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
pub struct Mistakes(Vec<String>);

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for Mistakes {}

impl Settings {
    /// Judges the given variables; an empty value counts as not set.
    pub fn read(environment: impl IntoIterator<Item = (String, String)>) -> Result<Self, Mistakes> {
        let mut read = Reader::new(environment);
        let settings = Self {
            cluster: read.required(&["EKS_CLUSTER_NAME"], "the name of the EKS cluster", is_cluster_name),
            region: read.required(
                &["EKS_REGION", "AWS_REGION", "AWS_DEFAULT_REGION"],
                "the cluster's AWS region, such as us-east-1",
                is_region,
            ),
            listen: read.or(
                "EKS_API_LISTEN",
                "an address and port, such as 127.0.0.1:8000",
                |v| v.parse().ok(),
                || SocketAddr::from((Ipv4Addr::LOCALHOST, 8000)),
            ),
            log: Log {
                level: read
                    .or("LOG_LEVEL", "DEBUG, INFO, WARNING, ERROR or CRITICAL", level, || log::LevelFilter::Info),
                json: read.or("EKS_API_LOG_FORMAT", "text or json", |v| choice(v, "text", "json"), || false),
            },
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
            request_timeout: read.or("EKS_API_REQUEST_TIMEOUT", "a time of 1s to 300s, such as 30s", seconds, || {
                Duration::from_secs(30)
            }),
            max_connections: read.or(
                "EKS_API_MAX_CONNECTIONS",
                "a number from 1 to 1000000",
                |v| count(v).map(|n| n as usize),
                || 10_240,
            ),
            max_requests: read.or("EKS_API_MAX_REQUESTS", "a number from 1 to 1000000", count, || 512),
            max_waits: read.or("EKS_API_MAX_WAITS", "a number from 1 to 1000000", count, || 4096),
            max_streams: read.or("EKS_API_MAX_STREAMS", "a number from 1 to 1000000", count, || 4096),
            unknown: read.unknown(),
        };
        read.access(settings.listen);
        read.finish(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(extra: &[(&str, &str)]) -> Result<Settings, Mistakes> {
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
            ("EKS_API_CORS_ORIGINS", "*"),
            ("EKS_API_AUTO_CREATE_NAMESPACE", "maybe"),
            ("EKS_API_PROTECTED_NAMESPACES", "A"),
            ("EKS_API_ALLOWED_NAMESPACES", "a/b"),
            ("EKS_API_REQUEST_TIMEOUT", "30"),
            ("EKS_API_MAX_CONNECTIONS", "0"),
            ("EKS_API_MAX_REQUESTS", "-1"),
            ("EKS_API_MAX_WAITS", "many"),
            ("EKS_API_MAX_STREAMS", "0"),
            ("EKS_API_AUTH", "api-key"),
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
        assert!(told.contains("EKS_API_AUTH=none"), "{told}");
        assert!(read(&[("EKS_API_LISTEN", "0.0.0.0:8000"), ("EKS_API_AUTH", "none")]).is_ok());
        assert!(read(&[("EKS_API_LISTEN", "[::1]:8000")]).is_ok());
    }

    #[test]
    fn unknown_settings_are_noticed_but_not_what_kubernetes_injects() {
        let extra =
            [("EKS_API_LISTN", "x"), ("EKS_API_SERVICE_HOST", "10.0.0.1"), ("EKS_API_PORT", "tcp://10.0.0.1:80")];
        assert_eq!(read(&extra).unwrap().unknown, ["EKS_API_LISTN"]);
    }
}
