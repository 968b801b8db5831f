//! A caller: its name, its method of authentication and its rights.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use crate::auth::denied::Denied;
use crate::auth::keys::{Grant, Hash, Holder, hex, sha256};
use crate::auth::role::Role;
use crate::config::pattern::Patterns;
use crate::kube::bearer::Bearer;
use crate::kube::names::Namespace;

#[derive(Clone, Debug)]
pub struct Caller {
    pub method: Method,
    /// The name of a key or of a certificate.
    name: Option<Arc<str>>,
    pub(super) right: Right,
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

/// The method of authentication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// No credential was required, or none was valid.
    None,
    ApiKey,
    /// A token, which the cluster checks.
    Kubernetes,
    Certificate,
}

/// The rights of a caller.
#[derive(Clone, Debug)]
pub(super) enum Right {
    Everything,
    Granted(Arc<Grant>, Holder),
    /// The cluster decides.
    Cluster(Bearer),
}

impl Caller {
    pub fn anonymous() -> Self {
        Self::new(Method::None, None, Right::Everything)
    }

    pub(super) fn new(method: Method, name: Option<&Arc<str>>, right: Right) -> Self {
        Self { method, name: name.cloned(), right }
    }

    /// The name of its key or certificate. Without one, the beginning of its token's hash. An anonymous caller has none.
    pub fn name(&self) -> Arc<str> {
        match (&self.name, &self.right) {
            (Some(name), _) => Arc::clone(name),
            (None, Right::Cluster(bearer)) => format!("token:{}", hex(&sha256(bearer.token())[..6])).into(),
            (None, _) => Arc::default(),
        }
    }

    /// The identity. The address is used for an anonymous caller only.
    pub fn id(&self, address: IpAddr) -> CallerId {
        match (&self.right, &self.name) {
            (Right::Granted(grant, Holder::Key(_)), _) => CallerId::Key(Arc::clone(&grant.name)),
            (Right::Granted(_, Holder::Certificate(name)), _) | (Right::Everything, Some(name)) => {
                CallerId::Certificate(Arc::clone(name))
            }
            (Right::Cluster(bearer), _) => CallerId::Token(sha256(bearer.token())),
            (Right::Everything, None) => CallerId::Address(address),
        }
    }

    /// Whether its role suffices. Only API keys and named certificates have roles.
    pub fn may(&self, needs: Role) -> Result<(), Denied> {
        match &self.right {
            Right::Granted(grant, _) if grant.role < needs => Err(Denied::Role { has: grant.role, needs }),
            _ => Ok(()),
        }
    }

    /// The only namespaces that it may use, if they are restricted.
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

    /// The token for requests to the cluster, in place of the service's own.
    pub fn bearer(&self) -> Option<&Bearer> {
        match &self.right {
            Right::Cluster(bearer) => Some(bearer),
            _ => None,
        }
    }
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
    fn a_caller_is_identified_by_its_token_its_certificate_or_its_address() {
        let (here, there) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let token = |text| Caller::new(Method::Kubernetes, None, Right::Cluster(Bearer::parse(text).unwrap()));
        assert_eq!(token("one").id(here), token("one").id(there));
        assert_ne!(token("one").id(here), token("two").id(here));
        let certificate = |name: &str| Caller::new(Method::Certificate, Some(&name.into()), Right::Everything);
        assert_eq!(certificate("ci").id(here), certificate("ci").id(there));
        assert_ne!(certificate("ci").id(here), certificate("ops").id(here));
        assert_ne!(Caller::anonymous().id(here), Caller::anonymous().id(there));
    }

    #[test]
    fn a_token_is_named_by_its_sha256() {
        let bearer = Bearer::parse("one").unwrap();
        let caller = Caller::new(Method::Kubernetes, None, Right::Cluster(bearer));
        assert_eq!(&*caller.name(), "token:7692c3ad3540");
        assert!(!format!("{caller:?}").contains("one\""), "{caller:?}");
    }
}
