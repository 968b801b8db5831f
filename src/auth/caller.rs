//! A caller: what it is called, how it was known, and what it may do.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use ring::digest::{SHA256, digest};

use crate::auth::denied::Denied;
use crate::auth::keys::{Grant, Holder};
use crate::auth::role::Role;
use crate::config::pattern::Patterns;
use crate::kube::bearer::Bearer;
use crate::kube::names::Namespace;
use crate::util::hex;

/// Who makes a call.
#[derive(Clone, Debug)]
pub struct Caller {
    pub method: Method,
    /// A key's or a certificate's.
    name: Option<Arc<str>>,
    pub(super) right: Right,
}

/// Which caller it is, for the limits and for what is summed up: a key by its name, a token by its hash, a certificate by its
/// name, or an address where nothing else is known.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CallerId {
    Key(Arc<str>),
    Token([u8; 32]),
    Certificate(Arc<str>),
    Address(IpAddr),
}

/// How a caller was known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Nobody was asked, or who was asked gave nothing that was accepted.
    None,
    ApiKey,
    /// By a token of the cluster's, which the cluster judges.
    Kubernetes,
    Certificate,
}

/// What a caller may do.
#[derive(Clone, Debug)]
pub(super) enum Right {
    Everything,
    Granted(Arc<Grant>, Holder),
    /// What the cluster lets it.
    Cluster(Bearer),
}

impl Caller {
    pub fn nobody() -> Self {
        Self::new(Method::None, None, Right::Everything)
    }

    pub(super) fn new(method: Method, name: Option<&Arc<str>>, right: Right) -> Self {
        Self { method, name: name.cloned(), right }
    }

    /// The name of its key or certificate; else the beginning of its token's hash, by which its calls can be told from
    /// those of others; else nothing.
    pub fn name(&self) -> Arc<str> {
        match (&self.name, &self.right) {
            (Some(name), _) => Arc::clone(name),
            (None, Right::Cluster(bearer)) => format!("token:{}", hex::encode(&hash(bearer.token())[..6])).into(),
            (None, _) => Arc::default(),
        }
    }

    /// Which caller it is. The address counts only where nothing else is known.
    pub fn id(&self, address: IpAddr) -> CallerId {
        match (&self.right, &self.name) {
            (Right::Granted(grant, Holder::Key(_)), _) => CallerId::Key(Arc::clone(&grant.name)),
            (Right::Granted(_, Holder::Certificate(name)), _) | (Right::Everything, Some(name)) => {
                CallerId::Certificate(Arc::clone(name))
            }
            (Right::Cluster(bearer), _) => CallerId::Token(hash(bearer.token())),
            (Right::Everything, None) => CallerId::Address(address),
        }
    }

    /// Whether its role is enough. Where the cluster judges, there is none.
    pub fn may(&self, needs: Role) -> Result<(), Denied> {
        match &self.right {
            Right::Granted(grant, _) if grant.role < needs => Err(Denied::Role { has: grant.role, needs }),
            _ => Ok(()),
        }
    }

    /// The namespaces that it is confined to.
    pub fn namespaces(&self) -> Option<&Patterns> {
        match &self.right {
            Right::Granted(grant, _) => Some(&grant.namespaces),
            _ => None,
        }
    }

    pub fn may_use(&self, namespace: &Namespace) -> Result<(), Denied> {
        match self.namespaces().filter(|allowed| !allowed.matches(namespace.as_str())) {
            Some(allowed) => Err(Denied::Namespace { namespace: namespace.to_string(), allowed: allowed.to_string() }),
            None => Ok(()),
        }
    }

    /// The token in whose name the cluster is asked, if not in the service's own.
    pub fn bearer(&self) -> Option<&Bearer> {
        match &self.right {
            Right::Cluster(bearer) => Some(bearer),
            _ => None,
        }
    }
}

fn hash(token: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, token).as_ref());
    hash
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::ApiKey => "api-key",
            Self::Kubernetes => "kubernetes",
            Self::Certificate => "certificate",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_is_its_token_its_certificate_or_its_address() {
        let (here, there) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let token = |text| Caller::new(Method::Kubernetes, None, Right::Cluster(Bearer::parse(text).unwrap()));
        assert_eq!(token("one").id(here), token("one").id(there));
        assert_ne!(token("one").id(here), token("two").id(here));
        let certificate = |name: &str| Caller::new(Method::Certificate, Some(&name.into()), Right::Everything);
        assert_eq!(certificate("ci").id(here), certificate("ci").id(there));
        assert_ne!(certificate("ci").id(here), certificate("ops").id(here));
        assert_ne!(Caller::nobody().id(here), Caller::nobody().id(there));
    }

    #[test]
    fn a_token_is_called_by_the_hash_that_sha256sum_would_print() {
        let bearer = Bearer::parse("one").unwrap();
        let caller = Caller::new(Method::Kubernetes, None, Right::Cluster(bearer));
        assert_eq!(&*caller.name(), "token:7692c3ad3540");
        assert!(!format!("{caller:?}").contains("one\""), "{caller:?}");
    }
}
