//! Lists: which objects, in which pages. All pages of one list show the store as it was when the
//! first one was read.

mod page;
mod token;

use std::sync::Arc;

use hyper::body::Bytes;
use serde_json::{Value, json};

use super::routes::Call;
use super::selector::Selector;
use super::status::{self, Reply};
use super::store::{Object, Resource, Store};
use page::Page;
use token::Token;

const TOO_OLD: &str = "The provided continue parameter is too old to display a consistent list result. You can start a \
     new list without the continue parameter, or use the continue token in this response to retrieve the remainder of \
     the results. Continuing with the provided token results in an inconsistent list - objects that were created, \
     modified, or deleted between the time the first chunk was returned and now may show up in the list.";

pub fn list(store: &mut Store, call: &Call, resource: Resource, namespace: Option<&str>) -> Reply {
    read(store, call, resource, namespace).unwrap_or_else(|refused| refused)
}

fn read(store: &mut Store, call: &Call, resource: Resource, namespace: Option<&str>) -> Result<Reply, Reply> {
    let selector = Selector::of(call)?;
    let limit = call.parameter("limit").and_then(|limit| limit.parse().ok()).filter(|limit| *limit > 0);
    let token = match call.parameter("continue").unwrap_or_default() {
        "" => None,
        given => Some(Token::read(given)?),
    };
    let revision = token.as_ref().and_then(|token| token.revision).unwrap_or_else(|| store.revision());
    let objects: Arc<[Object]> = match &token {
        // A token that an earlier 410 gave has no revision: it goes on with the store of today.
        Some(token) if token.revision.is_some() => {
            let kept = store.snapshots.find(resource, namespace, revision);
            kept.ok_or_else(|| expired(token))?
        }
        _ => store.list(resource, namespace).cloned().collect(),
    };
    let start = token.map(|token| token.after);
    let page = Page::read(&objects, start.as_deref(), limit.unwrap_or(usize::MAX), &selector);

    let mut metadata = json!({"resourceVersion": revision.to_string()});
    if let Some(last) = page.last {
        metadata["continue"] = json!(Token { revision: Some(revision), after: page::place(last) }.write());
        if selector.is_empty() {
            metadata["remainingItemCount"] = json!(page.left);
        }
        store.snapshots.keep(resource, namespace, revision, Arc::clone(&objects));
    }
    Ok(Reply::written(200, written(resource, &metadata, &page.items)))
}

fn expired(token: &Token) -> Reply {
    let mut refused = status::failure(410, "Expired", TOO_OLD, None);
    let inconsistent = Token { revision: None, after: token.after.clone() };
    refused.body["metadata"]["continue"] = json!(inconsistent.write());
    refused
}

fn written(resource: Resource, metadata: &Value, items: &[&Object]) -> Bytes {
    let (kind, api_version) = (resource.kind(), resource.api_version());
    let head = format!(r#"{{"kind":"{kind}List","apiVersion":"{api_version}","metadata":{metadata},"items":["#);
    let length: usize = items.iter().map(|item| item.item().len() + 1).sum();
    let mut list = Vec::with_capacity(head.len() + length + 2);
    list.extend_from_slice(head.as_bytes());
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            list.push(b',');
        }
        list.extend_from_slice(item.item());
    }
    list.extend_from_slice(b"]}");
    Bytes::from(list)
}
