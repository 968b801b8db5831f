//! The settings that say who may call and how much: [`Auth`] and [`Limits`].

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::config::reader::{Reader, count};

/// How callers authenticate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    None,
    ApiKey { keys: PathBuf },
    Kubernetes,
}

/// The limits on requests and connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Requests a second of one caller. 0 means no limit.
    pub by_caller: u32,
    /// Requests a second of one address. 0 means no limit.
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
    /// Everyone who reaches the port can run containers. So an address beyond loopback needs `EKS_API_AUTH`.
    pub(super) fn read(read: &mut Reader, listen: SocketAddr) -> Self {
        let keys = read.value(KEYS_FILE).map(PathBuf::from);
        let auth = match (read.value("EKS_API_AUTH"), keys.clone()) {
            (None, _) if !listen.ip().is_loopback() => {
                read.error(format!(
                    "EKS_API_LISTEN is {listen}, which others can reach: set EKS_API_AUTH to api-key or kubernetes (or \
                     to none if everyone may call), or listen on 127.0.0.1"
                ));
                Self::None
            }
            (None | Some("none"), _) => Self::None,
            (Some("kubernetes"), _) => Self::Kubernetes,
            (Some("api-key"), Some(keys)) => Self::ApiKey { keys },
            (Some("api-key"), None) => {
                read.error(format!("{KEYS_FILE} is not set: EKS_API_AUTH=api-key needs the file with the keys"));
                Self::None
            }
            (Some(other), _) => {
                read.error(format!("EKS_API_AUTH is {other:?}: it must be none, api-key or kubernetes"));
                Self::None
            }
        };
        if keys.is_some() && read.value("EKS_API_AUTH") != Some("api-key") {
            read.error(format!("{KEYS_FILE} is set, but only EKS_API_AUTH=api-key reads it"));
        }
        auth
    }
}

impl Limits {
    pub(super) fn read(read: &mut Reader) -> Self {
        const NUMBER: &str = "a number from 1 to 1000000";
        const RATE: &str = "a number of requests a second from 1 to 1000000, or off";
        let rate = |value: &str| if value == "off" { Some(0) } else { count(value) };
        let size = |value: &str| count(value).map(|size| size as usize);
        Self {
            by_caller: read.optional("EKS_API_RATE_LIMIT", RATE, rate, 500),
            by_peer: read.optional("EKS_API_PEER_RATE_LIMIT", RATE, rate, 1000),
            connections: read.optional("EKS_API_MAX_CONNECTIONS", NUMBER, size, 4096),
            connections_per_peer: read.optional("EKS_API_MAX_CONNECTIONS_PER_PEER", NUMBER, size, 2048),
            requests: read.optional("EKS_API_MAX_REQUESTS", NUMBER, count, 1024),
            waits: read.optional("EKS_API_MAX_WAITS", NUMBER, count, 2048),
            streams: read.optional("EKS_API_MAX_STREAMS", NUMBER, count, 2048),
            writes: read.optional("EKS_API_MAX_WRITES", NUMBER, count, 64),
        }
    }
}
