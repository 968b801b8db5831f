//! [`Caller`]: its name, its method of authentication and its rights.

use std::net::IpAddr;
use std::sync::Arc;

use crate::auth::denied::Denied;
use crate::auth::keys::{Grant, Hash, Holder, sha256};
use crate::auth::role::Role;
use crate::config::pattern::Patterns;
use crate::kube::bearer::Bearer;
use crate::kube::names::Namespace;
use crate::util::hex;
use crate::util::template_name::TemplateName;

#[derive(Clone, Debug)]
pub enum Caller {
    /// Not identified yet, or by no valid credential. It has no right.
    Unauthenticated,
    /// No credential is required.
    Anonymous,
    /// No credential is required. The name is that of the client certificate.
    Certificate(Arc<str>),
    /// A line of the keys file grants the rights.
    Granted(Arc<Grant>, Holder),
    /// The cluster decides, by the token. The name is that of the client certificate.
    Cluster(Bearer, Option<Arc<str>>),
}

/// The identity of a caller, for limits and summaries: the name of a key or certificate, the hash of a token, or the
/// address of a caller without them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CallerId {
    Key(Arc<str>),
    Token(Hash),
    Certificate(Arc<str>),
    Address(IpAddr),
}

pub(super) const UNAUTHENTICATED: Denied = Denied::Missing("the caller is not authenticated: send a credential");

/// The namespaces of a caller that is not authenticated.
static NO_NAMESPACES: Patterns = Patterns::NONE;

impl Caller {
    /// The method of authentication.
    pub const fn method(&self) -> &'static str {
        match self {
            Self::Unauthenticated | Self::Anonymous => "none",
            Self::Granted(_, Holder::Key(_)) => "api-key",
            Self::Certificate(_) | Self::Granted(_, Holder::Certificate(_)) => "certificate",
            Self::Cluster(..) => "kubernetes",
        }
    }

    /// The name of its key or certificate, or the beginning of its token's hash. Empty if it has none of them.
    pub fn name(&self) -> Arc<str> {
        match self {
            Self::Unauthenticated | Self::Anonymous => Arc::default(),
            Self::Granted(grant, Holder::Key(_)) => Arc::clone(&grant.name),
            Self::Certificate(name) | Self::Granted(_, Holder::Certificate(name)) | Self::Cluster(_, Some(name)) => {
                Arc::clone(name)
            }
            Self::Cluster(bearer, None) => {
                format!("token:{}", hex::encode(&sha256(bearer.token().expose())[..6])).into()
            }
        }
    }

    /// The identity. The address counts only without a credential.
    pub fn id(&self, address: IpAddr) -> CallerId {
        match self {
            Self::Unauthenticated | Self::Anonymous => CallerId::Address(address),
            Self::Granted(grant, Holder::Key(_)) => CallerId::Key(Arc::clone(&grant.name)),
            Self::Certificate(name) | Self::Granted(_, Holder::Certificate(name)) => {
                CallerId::Certificate(Arc::clone(name))
            }
            Self::Cluster(bearer, _) => CallerId::Token(sha256(bearer.token().expose())),
        }
    }

    /// Whether its role suffices. Only callers from the keys file have roles.
    pub fn may(&self, needs: Role) -> Result<(), Denied> {
        match self {
            Self::Unauthenticated => Err(UNAUTHENTICATED),
            Self::Granted(grant, _) if grant.role < needs => Err(Denied::Role { has: grant.role, needs }),
            Self::Granted(..) | Self::Anonymous | Self::Certificate(_) | Self::Cluster(..) => Ok(()),
        }
    }

    /// Whether it may create jobs from templates only.
    pub fn is_limited_to_templates(&self) -> bool {
        matches!(self, Self::Granted(grant, _) if grant.role == Role::Run)
    }

    /// Whether it may create jobs from this template.
    pub fn may_use_template(&self, template: &TemplateName) -> Result<(), Denied> {
        match self {
            Self::Granted(grant, _) if grant.role == Role::Run && !grant.templates.matches(template) => {
                Err(Denied::Template { template: template.to_string(), allowed: grant.templates.to_string() })
            }
            _ => self.may(Role::Run),
        }
    }

    /// The only namespaces that it may use, if they are restricted.
    pub fn namespaces(&self) -> Option<&Patterns> {
        match self {
            Self::Unauthenticated => Some(&NO_NAMESPACES),
            Self::Granted(grant, _) => Some(&grant.namespaces),
            Self::Anonymous | Self::Certificate(_) | Self::Cluster(..) => None,
        }
    }

    pub fn may_use(&self, namespace: &Namespace) -> Result<(), Denied> {
        match self.namespaces().filter(|allowed| !allowed.matches(namespace.as_str())) {
            Some(_) if matches!(self, Self::Unauthenticated) => Err(UNAUTHENTICATED),
            Some(allowed) => Err(Denied::Namespace { namespace: namespace.to_string(), allowed: allowed.to_string() }),
            None => Ok(()),
        }
    }

    /// Whether it may use the cluster with this name. A line without `clusters=` is for the default cluster only.
    pub fn may_use_cluster(&self, name: &str, is_default: bool) -> Result<(), Denied> {
        match self {
            Self::Unauthenticated => Err(UNAUTHENTICATED),
            Self::Granted(grant, _) => match &grant.clusters {
                Some(allowed) if allowed.matches(name) => Ok(()),
                None if is_default => Ok(()),
                _ => Err(Denied::cluster_not_allowed(name)),
            },
            Self::Anonymous | Self::Certificate(_) | Self::Cluster(..) => Ok(()),
        }
    }

    /// Whether it may use all clusters. Only such a caller learns that a cluster does not exist.
    pub fn sees_all_clusters(&self) -> bool {
        match self {
            Self::Unauthenticated => false,
            Self::Granted(grant, _) => grant.clusters.as_ref().is_some_and(Patterns::is_star),
            Self::Anonymous | Self::Certificate(_) | Self::Cluster(..) => true,
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
    use crate::auth::templates::TemplatePatterns;

    fn granted(clusters: Option<&str>, holder: Holder) -> Caller {
        let parse = |list| Patterns::parse(list).unwrap();
        let grant = Grant {
            name: "ci".into(),
            role: Role::Admin,
            namespaces: parse("*"),
            clusters: clusters.map(parse),
            templates: TemplatePatterns::default(),
        };
        Caller::Granted(Arc::new(grant), holder)
    }

    /// Whether the caller may use the default cluster `prod`, the clusters `eu-1` and `lab`, and an unknown one.
    fn usable(caller: &Caller) -> [bool; 4] {
        let clusters = [("prod", true), ("eu-1", false), ("lab", false), ("none", false)];
        clusters.map(|(name, is_default)| caller.may_use_cluster(name, is_default).is_ok())
    }

    #[test]
    fn a_grant_is_for_the_default_cluster_only_or_for_those_that_it_lists() {
        for holder in [Holder::Key([0; 32]), Holder::Certificate("ci".into())] {
            for (clusters, expected, sees_all) in [
                (None, [true, false, false, false], false),
                (Some("*"), [true; 4], true),
                (Some("*,lab"), [true; 4], false),
                (Some("lab"), [false, false, true, false], false),
                (Some("eu-*,lab"), [false, true, true, false], false),
                (Some("prod,eu-1"), [true, true, false, false], false),
            ] {
                let caller = granted(clusters, holder.clone());
                assert_eq!((usable(&caller), caller.sees_all_clusters()), (expected, sees_all), "{clusters:?}");
            }
        }
    }

    #[test]
    fn callers_without_a_grant_may_use_all_clusters_or_none() {
        let token = || Bearer::parse("one").unwrap();
        for (caller, expected) in [
            (Caller::Anonymous, true),
            (Caller::Certificate("ci".into()), true),
            (Caller::Cluster(token(), None), true),
            (Caller::Cluster(token(), Some("ci".into())), true),
            (Caller::Unauthenticated, false),
        ] {
            assert_eq!((usable(&caller), caller.sees_all_clusters()), ([expected; 4], expected), "{caller:?}");
        }
        let denied = Caller::Unauthenticated.may_use_cluster("prod", true);
        assert!(matches!(denied, Err(Denied::Missing(_))));
    }

    #[test]
    fn a_refused_cluster_is_named_and_no_other() {
        let caller = granted(Some("secret-*"), Holder::Key([0; 32]));
        let refusal = |name| caller.may_use_cluster(name, false).unwrap_err().to_string();
        let expected = "you may not use the cluster eu; ask for a key with clusters= that includes it";
        assert_eq!(refusal("eu"), expected);
        assert_eq!(Denied::cluster_not_allowed("eu").to_string(), expected);
        assert_eq!(caller.may_use_cluster("eu", true).unwrap_err().to_string(), expected);
        let long = refusal(&"e\n\u{1b}".repeat(1_000));
        assert!(long.len() < 150 && !long.contains(char::is_control), "{long:?}");
    }

    #[test]
    fn a_caller_is_identified_by_its_token_its_certificate_or_its_address() {
        let (here, there) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let token = |text| Caller::Cluster(Bearer::parse(text).unwrap(), None);
        assert_eq!(token("one").id(here), token("one").id(there));
        assert_ne!(token("one").id(here), token("two").id(here));
        let certificate = |name: &str| Caller::Certificate(name.into());
        assert_eq!(certificate("ci").id(here), certificate("ci").id(there));
        assert_ne!(certificate("ci").id(here), certificate("ops").id(here));
        assert_ne!(Caller::Anonymous.id(here), Caller::Anonymous.id(there));
    }

    #[test]
    fn a_caller_that_is_not_authenticated_has_no_right() {
        let caller = Caller::Unauthenticated;
        for role in [Role::Read, Role::Run, Role::Write, Role::Admin] {
            assert!(matches!(caller.may(role), Err(Denied::Missing(_))), "{role}");
        }
        assert!(matches!(caller.may_use(&Namespace::parse("a").unwrap()), Err(Denied::Missing(_))));
        assert!(caller.namespaces().is_some_and(|allowed| !allowed.matches("a")), "a list shows it nothing");
        assert!(caller.bearer().is_none());
    }

    #[test]
    fn a_token_is_named_by_its_sha256() {
        let caller = Caller::Cluster(Bearer::parse("one").unwrap(), None);
        assert_eq!(&*caller.name(), "token:7692c3ad3540");
        assert!(!format!("{caller:?}").contains("one\""), "{caller:?}");
    }
}
