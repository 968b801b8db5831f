//! Reads `EKS_API_WEBHOOKS_FILE`: [`load`].

use std::path::Path;
use std::sync::Arc;

use crate::webhooks::endpoint::Endpoint;

/// Returns the endpoints of the file. The error has all mistakes, one a line, each with the number of its line.
pub(super) fn load(path: &Path) -> Result<Vec<Arc<Endpoint>>, String> {
    Err(format!("EKS_API_WEBHOOKS_FILE is {}: it cannot be read yet", path.display()))
}
