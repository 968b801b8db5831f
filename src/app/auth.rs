//! Makes the authentication that `EKS_API_AUTH` chooses: [`auth`]. [`check_keys_file`] only reads its file.

use std::path::Path;
use std::sync::Arc;

use crate::app::error::Error;
use crate::app::reload::Reload;
use crate::auth::Auth;
use crate::auth::access_review_cache::AccessReviewCache;
use crate::auth::keyring::Keyring;
use crate::config::{Settings, access};

/// Reads the API keys if they are used, and reads them again at each reload.
pub(super) fn auth(settings: &Settings, reload: &mut Reload) -> Result<Auth, Error> {
    match &settings.auth {
        access::Auth::None => Ok(Auth::None),
        access::Auth::ApiKey { keys } => {
            let keyring = Arc::new(keyring(keys)?);
            let reloaded = Arc::clone(&keyring);
            reload.add("keys", move || reloaded.reload());
            Ok(Auth::ApiKey(keyring))
        }
        access::Auth::Kubernetes => {
            let reviews = AccessReviewCache::new(settings.request_timeout);
            let reviews =
                reviews.ok_or_else(|| Error::Failed("the system's random number generator failed".to_owned()))?;
            Ok(Auth::Kubernetes(Box::new(reviews)))
        }
    }
}

/// Reads the keys file, if the settings have one, only to find its mistakes. Returns warnings about keys without a cluster.
pub fn check_keys_file(settings: &Settings, clusters: &[String]) -> Result<Vec<String>, Error> {
    let access::Auth::ApiKey { keys } = &settings.auth else { return Ok(Vec::new()) };
    Ok(unmatched_clusters(&keyring(keys)?, clusters))
}

/// Returns a warning for each key whose `clusters=` matches none of these clusters.
pub fn unmatched_clusters(keyring: &Keyring, names: &[String]) -> Vec<String> {
    let mut warnings = Vec::new();
    for (key, clusters) in keyring.keys().grants_with_clusters() {
        if !names.iter().any(|name| clusters.matches(name)) {
            let known = names.join(", ");
            warnings.push(format!(
                "clusters= of key {key} is {clusters}, which matches no cluster ({known}): its calls are refused"
            ));
        }
    }
    warnings
}

fn keyring(path: &Path) -> Result<Keyring, Error> {
    Keyring::open(path).map_err(|error| Error::Config(format!("EKS_API_KEYS_FILE is {}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn api_keys_without_a_file_are_an_error_and_never_open_access() {
        let variables = [
            ("EKS_CLUSTER_NAME", "lab"),
            ("EKS_REGION", "us-east-1"),
            ("EKS_API_AUTH", "api-key"),
            ("EKS_API_KEYS_FILE", "/nonexistent"),
        ];
        let settings = Settings::read(variables.map(|(name, value)| (name.to_owned(), value.to_owned()))).unwrap();
        assert!(matches!(auth(&settings, &mut Reload::default()), Err(Error::Config(_))));
    }
}
