//! The setting that says who may call: [`Auth`].

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::config::reader::Reader;

/// How callers authenticate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    None,
    ApiKey { keys: PathBuf },
    Kubernetes,
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
