//! A caller: its name, its method of authentication and its rights.

use std::net::IpAddr;
use std::sync::Arc;

use crate::auth::denied::Denied;
use crate::auth::keys::{Grant, Hash, Holder, sha256};
use crate::auth::role::Role;
use crate::config::pattern::Patterns;
use crate::kube::bearer::Bearer;
use crate::kube::names::Namespace;
use crate::util::hex;

#[derive(Clone, Debug)]
pub enum Caller {
    /// No credential was required, or none was valid.
    Anonymous,
    /// No credential was required. The name is that of the client certificate.
    Certificate(Arc<str>),
    /// A line of the keys file grants the rights.
    Granted(Arc<Grant>, Holder),
    /// The cluster decides, by the token. The name is that of the client certificate.
    Cluster(Bearer, Option<Arc<str>>),
}

/// The identity of a caller, for limits and summaries: the name of a key or certificate, the hash of a token, or the
/// address of an anonymous caller.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CallerId {
    Key(Arc<str>),
    Token(Hash),
    Certificate(Arc<str>),
    Address(IpAddr),
}

impl Caller {
    pub const fn anonymous() -> Self {
        Self::Anonymous
    }

    /// The method of authentication.
    pub const fn method(&self) -> &'static str {
        match self {
            Self::Anonymous => "none",
            Self::Granted(_, Holder::Key(_)) => "api-key",
            Self::Certificate(_) | Self::Granted(_, Holder::Certificate(_)) => "certificate",
            Self::Cluster(..) => "kubernetes",
        }
    }

    /// The name of its key or certificate. Without one, the beginning of its token's hash. An anonymous caller has none.
    pub fn name(&self) -> Arc<str> {
        match self {
            Self::Anonymous => Arc::default(),
            Self::Granted(grant, Holder::Key(_)) => Arc::clone(&grant.name),
            Self::Certificate(name) | Self::Granted(_, Holder::Certificate(name)) | Self::Cluster(_, Some(name)) => {
                Arc::clone(name)
            }
            Self::Cluster(bearer, None) => format!("token:{}", hex::encode(&sha256(bearer.token())[..6])).into(),
        }
    }

    /// The identity. The address is used for an anonymous caller only.
    pub fn id(&self, address: IpAddr) -> CallerId {
        match self {
            Self::Anonymous => CallerId::Address(address),
            Self::Granted(grant, Holder::Key(_)) => CallerId::Key(Arc::clone(&grant.name)),
            Self::Certificate(name) | Self::Granted(_, Holder::Certificate(name)) => {
                CallerId::Certificate(Arc::clone(name))
            }
            Self::Cluster(bearer, _) => CallerId::Token(sha256(bearer.token())),
        }
    }

    /// Whether its role suffices. Only callers from the keys file have roles.
    pub fn may(&self, needs: Role) -> Result<(), Denied> {
        match self {
            Self::Granted(grant, _) if grant.role < needs => Err(Denied::Role { has: grant.role, needs }),
            _ => Ok(()),
        }
    }

    /// The only namespaces that it may use, if they are restricted.
    pub fn namespaces(&self) -> Option<&Patterns> {
        match self {
            Self::Granted(grant, _) => Some(&grant.namespaces),
            _ => None,
        }
    }

    pub fn may_use(&self, namespace: &Namespace) -> Result<(), Denied> {
        match self.namespaces().filter(|allowed| !allowed.matches(namespace.as_str())) {
            Some(allowed) => Err(Denied::Namespace { namespace: namespace.to_string(), allowed: allowed.to_string() }),
            None => Ok(()),
        }
    }

    /// The token for requests to the cluster, in place of the service's own.
    pub const fn bearer(&self) -> Option<&Bearer> {
        match self {
            Self::Cluster(bearer, _) => Some(bearer),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_is_identified_by_its_token_its_certificate_or_its_address() {
        let (here, there) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let token = |text| Caller::Cluster(Bearer::parse(text).unwrap(), None);
        assert_eq!(token("one").id(here), token("one").id(there));
        assert_ne!(token("one").id(here), token("two").id(here));
        let certificate = |name: &str| Caller::Certificate(name.into());
        assert_eq!(certificate("ci").id(here), certificate("ci").id(there));
        assert_ne!(certificate("ci").id(here), certificate("ops").id(here));
        assert_ne!(Caller::anonymous().id(here), Caller::anonymous().id(there));
    }

    #[test]
    fn a_token_is_named_by_its_sha256() {
        let caller = Caller::Cluster(Bearer::parse("one").unwrap(), None);
        assert_eq!(&*caller.name(), "token:7692c3ad3540");
        assert!(!format!("{caller:?}").contains("one\""), "{caller:?}");
    }
}
