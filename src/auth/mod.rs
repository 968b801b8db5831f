//! Authenticates and authorizes callers. `api::routes::access` holds what a route needs, and `http::request::credentials`
//! reads the headers.

pub mod access_request;
pub mod access_review_cache;
mod caller;
mod denied;
pub mod keyring;
pub mod keys;
pub mod role;
pub mod templates;

use std::sync::Arc;
use std::time::Duration;

pub use crate::auth::access_request::AccessRequest;
use crate::auth::access_review_cache::{AccessReviewCache, ReviewResult};
use crate::auth::caller::UNAUTHENTICATED;
pub use crate::auth::caller::{Caller, CallerId};
pub use crate::auth::denied::Denied;
use crate::auth::keyring::Keyring;
use crate::auth::keys::Holder;
use crate::kube::access_review::Decision;
use crate::kube::api_server::ApiServer;
use crate::kube::bearer::Bearer;
use crate::kube::error::Error;
use crate::util::secret::Secret;

/// How often the right of a stream or a wait is checked again.
const RECHECK_INTERVAL: Duration = Duration::from_mins(1);

const NO_TOKEN: Denied =
    Denied::Missing("send a token of the cluster as Authorization: Bearer, for example from aws eks get-token");

/// The method of authentication that the settings name.
#[derive(Debug)]
pub enum Auth {
    /// Everyone may call.
    None,
    ApiKey(Arc<Keyring>),
    /// The named cluster decides, by the caller's own token.
    Kubernetes(Box<AccessReviewCache>),
}

/// The credentials of a request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Credentials<'a> {
    pub bearer: Option<Secret<&'a str>>,
    pub api_key: Option<Secret<&'a str>>,
    /// The name in the verified client certificate of the connection.
    pub certificate: Option<&'a Arc<str>>,
}

impl Credentials<'_> {
    pub const fn is_empty(&self) -> bool {
        self.bearer.is_none() && self.api_key.is_none() && self.certificate.is_none()
    }
}

impl Auth {
    /// Whether a caller may see internal causes of failures. Asks nobody, so it is false for every token: only the
    /// cluster can check a token, and the cluster may be what has failed.
    pub fn may_see_diagnostics(&self, caller: &Caller) -> bool {
        match self {
            Self::None => true,
            Self::ApiKey(_) => matches!(caller, Caller::Granted(..)),
            Self::Kubernetes(_) => false,
        }
    }

    /// The caller with these credentials.
    pub fn identify(&self, credentials: Credentials<'_>) -> Result<Caller, Denied> {
        let Credentials { bearer, api_key, certificate } = credentials;
        match self {
            Self::None => Ok(certificate.map_or(Caller::Anonymous, |name| Caller::Certificate(Arc::clone(name)))),
            Self::ApiKey(keyring) => {
                let keys = keyring.keys();
                if let Some(key) = api_key.or(bearer) {
                    let (hash, grant) = keys.find(key.expose()).ok_or(Denied::Unknown("this API key is not known"))?;
                    return Ok(Caller::Granted(Arc::clone(grant), Holder::Key(hash)));
                }
                let missing = Denied::Missing("send an API key, as Authorization: Bearer or as X-API-Key");
                let name = certificate.ok_or(missing)?;
                let grant = keys.find_certificate(name).ok_or(Denied::NotNamed)?;
                Ok(Caller::Granted(Arc::clone(grant), Holder::Certificate(Arc::clone(name))))
            }
            Self::Kubernetes(_) => {
                let token = bearer.ok_or(NO_TOKEN)?;
                let bearer = Bearer::parse(token.expose()).ok_or(Denied::Unknown("this is not a bearer token"))?;
                Ok(Caller::Cluster(bearer, certificate.cloned()))
            }
        }
    }

    /// Whether the caller may see this, or `None` if only the cluster can tell.
    pub fn authorize_cached(
        &self,
        cluster: &ApiServer,
        caller: &Caller,
        request: &AccessRequest<'_>,
    ) -> Option<Result<(), Denied>> {
        match self.reviews(caller) {
            Ok(Some((reviews, bearer))) => {
                reviews.cached(cluster, bearer, request).map(|result| check(result, request))
            }
            Ok(None) => Some(Ok(())),
            Err(denied) => Some(Err(denied)),
        }
    }

    /// Whether the caller may see all of this in the cluster.
    pub async fn authorize(
        &self,
        cluster: &Arc<ApiServer>,
        caller: &Caller,
        requests: &[AccessRequest<'_>],
    ) -> Result<(), Denied> {
        let Some((reviews, bearer)) = self.reviews(caller)? else { return Ok(()) };
        for request in requests {
            check(reviews.review(cluster, bearer, request).await, request)?;
        }
        Ok(())
    }

    /// The cluster's decisions and the caller's token, if the cluster decides. Otherwise role and namespaces suffice. An
    /// error for a caller that another method has identified, or none.
    fn reviews<'a>(&'a self, caller: &'a Caller) -> Result<Option<(&'a AccessReviewCache, &'a Bearer)>, Denied> {
        match (self, caller) {
            (Self::Kubernetes(reviews), Caller::Cluster(bearer, _)) => Ok(Some((reviews.as_ref(), bearer))),
            (Self::ApiKey(_), Caller::Granted(..)) | (Self::None, Caller::Anonymous | Caller::Certificate(_)) => {
                Ok(None)
            }
            _ => Err(UNAUTHENTICATED),
        }
    }

    /// Returns when the caller may no longer see this.
    pub async fn wait_until_revoked(
        &self,
        cluster: &Arc<ApiServer>,
        caller: &Caller,
        requests: &[AccessRequest<'_>],
    ) -> Denied {
        loop {
            self.recheck_due().await;
            if let Err(denied) = self.reauthorize(cluster, caller, requests).await {
                return denied;
            }
        }
    }

    /// Returns when a caller's right has to be checked again. Without authentication there is nothing to check.
    pub async fn recheck_due(&self) {
        if matches!(self, Self::None) {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(RECHECK_INTERVAL).await;
    }

    /// Whether the caller may still see this.
    pub async fn reauthorize(
        &self,
        cluster: &Arc<ApiServer>,
        caller: &Caller,
        requests: &[AccessRequest<'_>],
    ) -> Result<(), Denied> {
        if let (Self::ApiKey(keyring), Caller::Granted(grant, holder)) = (self, caller)
            && !keyring.keys().grants(grant, holder)
        {
            return Err(Denied::Unknown("the permissions of this caller have changed; call again"));
        }
        // Boxed: each of a thousand waiting calls keeps room for this future, and few use it at a time.
        Box::pin(self.authorize(cluster, caller, requests)).await
    }
}

fn check(result: ReviewResult, request: &AccessRequest<'_>) -> Result<(), Denied> {
    match result {
        Ok(Decision::Allowed) => Ok(()),
        Ok(Decision::Denied | Decision::Unsure) => Err(Denied::Cluster(request.refusal())),
        Err(error) if matches!(*error, Error::CallerUnauthorized) => {
            Err(Denied::Unknown("the cluster does not accept this token"))
        }
        Err(error) => Err(Denied::ReviewFailed(error)),
    }
}

#[cfg(test)]
#[path = "auth_tests.rs"]
mod tests;
