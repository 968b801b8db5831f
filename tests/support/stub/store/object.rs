//! One version of one object. It never changes, so that the store, the history and the snapshots of
//! lists share it instead of copying it.

use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use hyper::body::Bytes;
use serde::Serializer;
use serde_json::Value;

use super::text;

pub type Object = Arc<Stored>;

#[derive(Debug)]
pub struct Stored {
    value: Value,
    item: OnceLock<Bytes>,
}

impl Stored {
    pub fn new(value: Value) -> Object {
        Arc::new(Self { value, item: OnceLock::new() })
    }

    pub fn namespace(&self) -> &str {
        text(&self.value["metadata"]["namespace"])
    }

    pub fn name(&self) -> &str {
        text(&self.value["metadata"]["name"])
    }

    /// The JSON of an item of a list, which does not repeat what the list's own kind says. It is
    /// written once, as most objects of a large store are listed many times between two changes.
    pub fn item(&self) -> &Bytes {
        self.item.get_or_init(|| {
            let members = self.value.as_object().into_iter().flatten();
            let members = members.filter(|(name, _)| !["kind", "apiVersion"].contains(&name.as_str()));
            let mut written = Vec::new();
            serde_json::Serializer::new(&mut written).collect_map(members).unwrap();
            Bytes::from(written)
        })
    }
}

impl Deref for Stored {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.value
    }
}
