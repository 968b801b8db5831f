//! The lists that are read in pages, as they were when their first page was.

use std::collections::VecDeque;
use std::sync::Arc;

use super::object::Object;
use super::resource::Resource;

/// More lists than tests read at the same time. The oldest goes, as a real server forgets too.
const LIMIT: usize = 16;

#[derive(Debug)]
struct Snapshot {
    resource: Resource,
    /// Nothing for a list of all namespaces.
    namespace: Option<String>,
    revision: u64,
    objects: Arc<[Object]>,
}

#[derive(Debug, Default)]
pub struct Snapshots {
    kept: VecDeque<Snapshot>,
}

impl Snapshots {
    pub fn find(&self, resource: Resource, namespace: Option<&str>, revision: u64) -> Option<Arc<[Object]>> {
        let wanted = |kept: &&Snapshot| {
            kept.resource == resource && kept.namespace.as_deref() == namespace && kept.revision == revision
        };
        self.kept.iter().find(wanted).map(|kept| Arc::clone(&kept.objects))
    }

    pub fn keep(&mut self, resource: Resource, namespace: Option<&str>, revision: u64, objects: Arc<[Object]>) {
        if self.find(resource, namespace, revision).is_some() {
            return;
        }
        if self.kept.len() == LIMIT {
            self.kept.pop_front();
        }
        self.kept.push_back(Snapshot { resource, namespace: namespace.map(str::to_owned), revision, objects });
    }

    pub fn clear(&mut self) {
        self.kept.clear();
    }
}
