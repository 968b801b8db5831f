//! Who may call, and how often: the settings of `auth` and of the limits. Owns reading and judging them.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::config::reader::{Reader, count};

/// How callers are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    None,
    ApiKey { keys: PathBuf },
    Kubernetes,
}

/// The bounds on how much callers may ask at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Calls a second of one caller; 0 for no limit.
    pub by_caller: u32,
    /// Calls a second of one address, whoever it says to be; 0 for no limit.
    pub by_peer: u32,
    pub connections: usize,
    pub connections_per_peer: usize,
    pub requests: u32,
    pub waits: u32,
    pub streams: u32,
    pub writes: u32,
}

const KEYS_FILE: &str = "EKS_API_KEYS_FILE";

impl Auth {
    /// Whoever reaches the port can run containers, so nothing but loopback is served without a decision written out.
    pub(super) fn read(read: &mut Reader, listen: SocketAddr) -> Self {
        let keys = read.value(KEYS_FILE).map(PathBuf::from);
        let auth = match (read.value("EKS_API_AUTH"), keys.clone()) {
            (None, _) if !listen.ip().is_loopback() => {
                read.mistake(format!(
                    "EKS_API_LISTEN is {listen}, which others can reach: set EKS_API_AUTH to api-key or kubernetes (or \
                     to none, if everybody may call), or listen on 127.0.0.1"
                ));
                Self::None
            }
            (None | Some("none"), _) => Self::None,
            (Some("kubernetes"), _) => Self::Kubernetes,
            (Some("api-key"), Some(keys)) => Self::ApiKey { keys },
            (Some("api-key"), None) => {
                read.mistake(format!("{KEYS_FILE} is not set: EKS_API_AUTH=api-key needs the file of the keys"));
                Self::None
            }
            (Some(other), _) => {
                read.mistake(format!("EKS_API_AUTH is {other:?}: it must be none, api-key or kubernetes"));
                Self::None
            }
        };
        if keys.is_some() && read.value("EKS_API_AUTH") != Some("api-key") {
            read.mistake(format!("{KEYS_FILE} is set, but only EKS_API_AUTH=api-key reads it"));
        }
        auth
    }
}

impl Limits {
    pub(super) fn read(read: &mut Reader) -> Self {
        const NUMBER: &str = "a number from 1 to 1000000";
        const RATE: &str = "a number of calls a second from 1 to 1000000, or off";
        let rate = |value: &str| if value == "off" { Some(0) } else { count(value) };
        Self {
            by_caller: read.or("EKS_API_RATE_LIMIT", RATE, rate, || 500),
            by_peer: read.or("EKS_API_PEER_RATE_LIMIT", RATE, rate, || 1000),
            connections: read.or("EKS_API_MAX_CONNECTIONS", NUMBER, |v| count(v).map(|n| n as usize), || 4096),
            connections_per_peer: read.or(
                "EKS_API_MAX_CONNECTIONS_PER_PEER",
                NUMBER,
                |v| count(v).map(|n| n as usize),
                || 2048,
            ),
            requests: read.or("EKS_API_MAX_REQUESTS", NUMBER, count, || 1024),
            waits: read.or("EKS_API_MAX_WAITS", NUMBER, count, || 2048),
            streams: read.or("EKS_API_MAX_STREAMS", NUMBER, count, || 2048),
            writes: read.or("EKS_API_MAX_WRITES", NUMBER, count, || 64),
        }
    }
}

/// Host names, as a Host header has them, without ports.
pub(super) fn hosts(list: &str) -> Option<Vec<String>> {
    let items = list.split(',').map(str::trim).filter(|item| !item.is_empty());
    let sane = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    items.map(|item| item.chars().all(sane).then(|| item.to_owned())).collect()
}
