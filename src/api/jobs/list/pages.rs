//! Reads jobs from the API server's list.

use std::sync::Arc;

use crate::api::context::RequestContext;
use crate::api::jobs::list::pagination::expired;
use crate::http::response::problem::Problem;
use crate::jobs::batches::membership::{HEAD_LABEL, MEMBER_LABEL};
use crate::jobs::filter::Filter;
use crate::jobs::status::Status;
use crate::jobs::store::LABEL_SELECTOR;
use crate::kube::error::Error;
use crate::kube::types::{Job, List};
use crate::kube::url::Path;

/// The kind of objects that a list reads.
#[derive(Clone, Copy, Debug)]
pub(in crate::api) enum Listed {
    Jobs,
    BatchHeads,
}

impl Listed {
    fn selector(self, filter: &Filter) -> String {
        let (batch, own) = match self {
            Self::BatchHeads => (Some(format!("{HEAD_LABEL}=true")), String::new()),
            Self::Jobs => {
                (filter.batch.as_ref().map(|batch| format!("{MEMBER_LABEL}={batch}")), filter.selector.to_string())
            }
        };
        let own = Some(own).filter(|own| !own.is_empty());
        let parts: Vec<String> = [Some(LABEL_SELECTOR.to_owned()), batch, own].into_iter().flatten().collect();
        parts.join(",")
    }

    fn matches(self, filter: &Filter, status: &Status) -> bool {
        match self {
            Self::Jobs => filter.matches(status),
            Self::BatchHeads => status.is_batch_head() && filter.selects(status.namespace(), status.name()),
        }
    }
}

/// The most jobs of a page, as many as kubectl asks for.
pub(in crate::api) const MAX_PAGE: u32 = 500;

/// Returns the jobs of one page that match, and the page's `continue`.
pub(in crate::api) async fn page(
    ctx: &mut RequestContext,
    listed: Listed,
    filter: &Filter,
    limit: usize,
    token: Option<&str>,
) -> Result<(Vec<Arc<Status>>, Option<String>), Problem> {
    let limit = u32::try_from(limit).unwrap_or(MAX_PAGE);
    let path = Path::jobs_page(filter.namespace.as_ref(), &listed.selector(filter), limit, token);
    let list: List<Job> = match ctx.client()?.get(&path).await {
        Err(Error::Refused(refusal)) if refusal.code == 410 => return Err(expired()),
        list => list?,
    };
    let statuses = list.items.unwrap_or_default().into_iter().map(|job| ctx.store().status(&job));
    let matching = statuses.filter(|status| listed.matches(filter, status)).map(Arc::new).collect();
    Ok((matching, Some(list.metadata.r#continue).filter(|token| !token.is_empty())))
}
