//! Reads jobs from the API server's list.

use std::sync::Arc;

use crate::api::context::RequestContext;
use crate::api::jobs::list::pagination::expired;
use crate::http::response::problem::Problem;
use crate::jobs::batches::membership::MEMBER_LABEL;
use crate::jobs::filter::Filter;
use crate::jobs::status::Status;
use crate::jobs::store::LABEL_SELECTOR;
use crate::kube::error::Error;
use crate::kube::types::{Job, List};
use crate::kube::url::Path;

/// The most jobs of a page, as many as kubectl asks for.
pub(in crate::api) const MAX_PAGE: u32 = 500;

/// Returns the jobs of one page that match, and the page's `continue`.
pub(super) async fn page(
    ctx: &mut RequestContext,
    filter: &Filter,
    limit: usize,
    token: Option<&str>,
) -> Result<(Vec<Arc<Status>>, Option<String>), Problem> {
    let batch = filter.batch.as_ref().map(|batch| format!("{MEMBER_LABEL}={batch}"));
    let own = Some(filter.selector.to_string()).filter(|own| !own.is_empty());
    let selector: Vec<String> = [Some(LABEL_SELECTOR.to_owned()), batch, own].into_iter().flatten().collect();
    let selector = selector.join(",");
    let limit = u32::try_from(limit).unwrap_or(MAX_PAGE);
    let path = Path::jobs_page(filter.namespace.as_ref(), &selector, limit, token);
    let list: List<Job> = match ctx.client()?.get(&path).await {
        Err(Error::Refused(refusal)) if refusal.code == 410 => return Err(expired()),
        list => list?,
    };
    let statuses = list.items.unwrap_or_default().into_iter().map(|job| ctx.store().status(&job));
    let matching = statuses.filter(|status| filter.matches(status)).map(Arc::new).collect();
    Ok((matching, Some(list.metadata.r#continue).filter(|token| !token.is_empty())))
}
