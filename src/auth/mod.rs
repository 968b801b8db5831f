//! Who calls, and whether they may. Owns the kinds of callers and the decision; what a route needs is `http::access`',
//! and how a caller's word comes in (headers, certificates) is `http`'s.

pub mod access_review_cache;
mod caller;
mod denied;
pub mod keyring;
pub mod keys;
pub mod role;

use std::sync::Arc;
use std::time::Duration;

use crate::auth::access_review_cache::{AccessReviewCache, NoVerdict, Verdict};
use crate::auth::caller::Right;
pub use crate::auth::caller::{Caller, CallerId, Method};
pub use crate::auth::denied::Denied;
use crate::auth::keyring::Keyring;
use crate::auth::keys::Holder;
use crate::kube::access_review::Permission;
use crate::kube::bearer::Bearer;
use crate::kube::names::Namespace;
use crate::util::secret::Secret;

/// How often it is asked again whether a stream or a wait may go on.
const RECHECK: Duration = Duration::from_mins(1);

const NO_TOKEN: Denied =
    Denied::Missing("send a token of the cluster's as Authorization: Bearer, such as aws eks get-token gives");

/// Who may call at all, as the settings say.
#[derive(Debug)]
pub enum Auth {
    /// Whoever reaches the address.
    None,
    ApiKey(Arc<Keyring>),
    /// Whoever the cluster lets, by a token of its own.
    Kubernetes(Box<AccessReviewCache>),
}

/// What a caller shows of itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Credentials<'a> {
    pub bearer: Option<Secret<&'a str>>,
    pub api_key: Option<Secret<&'a str>>,
    /// Whose name the connection has proved.
    pub certificate: Option<&'a Arc<str>>,
}

/// What a caller wants to see, as RBAC would say it: one object or all, in one namespace or in all.
#[derive(Clone, Copy, Debug)]
pub struct AccessRequest<'a> {
    pub permission: Permission,
    pub namespace: Option<&'a Namespace>,
    pub name: Option<&'a str>,
}

impl Credentials<'_> {
    pub const fn is_empty(&self) -> bool {
        self.bearer.is_none() && self.api_key.is_none() && self.certificate.is_none()
    }
}

impl Auth {
    /// Whether a caller may be told what goes wrong inside, as far as that is known without asking. Whether a token is any
    /// good, only the cluster could say, and that may be what is wrong.
    pub fn trusts(&self, caller: &Caller) -> bool {
        match self {
            Self::None => true,
            Self::ApiKey(_) => caller.method != Method::None,
            Self::Kubernetes(_) => false,
        }
    }

    /// Who it is that shows this.
    pub fn identify(&self, shown: Credentials<'_>) -> Result<Caller, Denied> {
        match self {
            Self::None => Ok(shown
                .certificate
                .map_or_else(Caller::nobody, |name| Caller::new(Method::Certificate, Some(name), Right::Everything))),
            Self::ApiKey(keyring) => {
                let keys = keyring.keys();
                let (grant, name, holder) = if let Some(key) = shown.api_key.or(shown.bearer) {
                    let key = key.expose();
                    let (hash, grant) = keys.find(key).ok_or(Denied::Unknown("this API key is not known"))?;
                    (grant, &grant.name, Holder::Key(hash))
                } else if let Some(name) = shown.certificate {
                    let grant = keys.find_certificate(name).ok_or(Denied::NotNamed)?;
                    (grant, name, Holder::Certificate(Arc::clone(name)))
                } else {
                    let missing = "send an API key, as Authorization: Bearer or as X-API-Key";
                    return Err(Denied::Missing(missing));
                };
                let method = if matches!(holder, Holder::Key(_)) { Method::ApiKey } else { Method::Certificate };
                Ok(Caller::new(method, Some(name), Right::Granted(Arc::clone(grant), holder)))
            }
            Self::Kubernetes(_) => {
                let token = shown.bearer.ok_or(NO_TOKEN)?;
                let bearer = Bearer::parse(token.expose()).ok_or(Denied::Unknown("this is not a bearer token"))?;
                Ok(Caller::new(Method::Kubernetes, shown.certificate, Right::Cluster(bearer)))
            }
        }
    }

    /// Whether the caller may see this: the answer, if it is known at once.
    pub fn authorize_cached(&self, caller: &Caller, asked: &AccessRequest<'_>) -> Option<Result<(), Denied>> {
        let Self::Kubernetes(reviews) = self else { return Some(Ok(())) };
        let Some(bearer) = caller.bearer() else { return Some(Err(NO_TOKEN)) };
        reviews.remembered(bearer, asked).map(|verdict| judged(verdict, asked))
    }

    /// Whether the caller may see all of this.
    pub async fn authorize(&self, caller: &Caller, asked: &[AccessRequest<'_>]) -> Result<(), Denied> {
        let Self::Kubernetes(reviews) = self else { return Ok(()) };
        let bearer = caller.bearer().ok_or(NO_TOKEN)?;
        for asked in asked {
            match reviews.judge(bearer, asked).await {
                Ok(verdict) => judged(verdict, asked)?,
                Err(NoVerdict::Unsure) => return Err(Denied::Cluster(asked.told())),
                Err(NoVerdict::Unanswered(error)) => return Err(Denied::Unanswered(error)),
            }
        }
        Ok(())
    }

    /// Returns when the caller may not see this any more.
    pub async fn lost(&self, caller: &Caller, asked: &[AccessRequest<'_>]) -> Denied {
        loop {
            self.time_to_ask().await;
            if let Err(denied) = self.reauthorize(caller, asked).await {
                return denied;
            }
        }
    }

    /// Returns when it is to be asked again whether a caller may go on.
    pub async fn time_to_ask(&self) {
        if matches!(self, Self::None) {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(RECHECK).await;
    }

    /// Whether the caller may see this still.
    pub async fn reauthorize(&self, caller: &Caller, asked: &[AccessRequest<'_>]) -> Result<(), Denied> {
        if let (Self::ApiKey(keyring), Right::Granted(grant, holder)) = (self, &caller.right)
            && !keyring.keys().grants(grant, holder)
        {
            return Err(Denied::Unknown("what was granted to this caller has changed"));
        }
        // Boxed, as a thousand who wait keep room for it, and one at a time needs it.
        Box::pin(self.authorize(caller, asked)).await
    }
}

fn judged(verdict: Verdict, asked: &AccessRequest<'_>) -> Result<(), Denied> {
    match verdict {
        Verdict::Allowed => Ok(()),
        Verdict::Denied => Err(Denied::Cluster(asked.told())),
        Verdict::Unauthorized => Err(Denied::Unknown("the cluster does not accept this token")),
    }
}

impl AccessRequest<'_> {
    /// In the words of the cluster's own refusals.
    fn told(&self) -> String {
        let Permission { verb, resource, group, .. } = self.permission;
        let name = self.name.map(|name| format!(" {name:?}")).unwrap_or_default();
        let place = match self.namespace {
            Some(namespace) => format!("in the namespace {:?}", namespace.as_str()),
            None => "in all namespaces; name one that is allowed".to_owned(),
        };
        let dot = if group.is_empty() { "" } else { "." };
        format!("{resource}{dot}{group}{name} is forbidden: the cluster does not let you {verb} {resource} {place}")
    }
}

#[cfg(test)]
#[path = "auth_tests.rs"]
mod tests;
