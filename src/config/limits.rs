//! The settings that bound requests and connections: [`Limits`].

use crate::config::reader::{Reader, count};

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
