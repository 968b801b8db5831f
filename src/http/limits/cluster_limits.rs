//! [`ClusterLimits`]: the permits for calls to one cluster. They come from its reserve, or from what all clusters share.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::auth::CallerId;
use crate::http::limits::bounds::{BATCH_PROCESSING_BYTES, PROCESSING_BYTES, SMALL_BODY_BYTES};
use crate::http::limits::caller_semaphores::CallerSemaphores;
use crate::http::limits::limiter::{Bounds, Limiter, Limiters, overloaded};
use crate::http::response::problem::Problem;
use crate::kube::client::permit::WritePermit;
use crate::util::share::{self, Permits, Share};

pub type Permit = Permits;

/// How long a change waits for a permit. Beyond it the change is refused with 503.
pub(super) const WRITE_QUEUE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a list waits for the caller's other lists. Beyond it the list is refused with 503.
pub(super) const LIST_QUEUE_TIMEOUT: Duration = Duration::from_secs(10);

/// Holds the limits of one cluster. A call may share if the last probe of its cluster succeeded.
#[derive(Debug)]
pub struct ClusterLimits {
    reserved: Part,
    shared: Arc<Part>,
    limiters: Arc<Limiters>,
    /// One list from this cluster for each caller: a list can read thousands of jobs. The other clusters have their own.
    lists_by_caller: CallerSemaphores,
    /// The bytes of large bodies that are sent to this cluster.
    bodies: Arc<Semaphore>,
    /// The same for create-batch.
    batch_bodies: Arc<Semaphore>,
}

/// The permits of one part: the reserve of a cluster, or what all clusters share.
#[derive(Debug)]
pub(super) struct Part {
    requests: Arc<Semaphore>,
    waits: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    writes: Arc<Semaphore>,
    /// Half of the part's writes for each caller. The other half is for the other callers.
    writes_by_caller: CallerSemaphores,
    /// The changes that wait for a permit, each with its request permit: at most half of the part's requests, so reads go
    /// on. The waiting changes of a broken cluster fill the queue of its own reserve only.
    queue: Arc<Semaphore>,
    /// A quarter of the part's requests for each caller.
    queue_by_caller: CallerSemaphores,
}

impl Part {
    pub(super) fn new(bounds: Bounds) -> Self {
        let semaphore = |permits: u32| Arc::new(Semaphore::new(permits as usize));
        Self {
            requests: semaphore(bounds.requests),
            waits: semaphore(bounds.waits),
            streams: semaphore(bounds.streams),
            writes: semaphore(bounds.writes),
            writes_by_caller: CallerSemaphores::new(half(bounds.writes)),
            queue: semaphore(half(bounds.requests)),
            queue_by_caller: CallerSemaphores::new(half(half(bounds.requests))),
        }
    }

    /// Changes the size. Calls in progress keep their permits, and a smaller part takes no call until it has room.
    pub(super) fn resize(&self, from: Bounds, to: Bounds) {
        share::resize(&self.requests, from.requests, to.requests);
        share::resize(&self.waits, from.waits, to.waits);
        share::resize(&self.streams, from.streams, to.streams);
        share::resize(&self.writes, from.writes, to.writes);
        self.writes_by_caller.resize(half(to.writes));
        share::resize(&self.queue, half(from.requests), half(to.requests));
        self.queue_by_caller.resize(half(half(to.requests)));
    }
}

impl ClusterLimits {
    pub(super) fn new(reserved: Bounds, shared: Arc<Part>, limiters: Arc<Limiters>) -> Self {
        let semaphore = |bytes| Arc::new(Semaphore::new(bytes));
        Self {
            reserved: Part::new(reserved),
            shared,
            limiters,
            lists_by_caller: CallerSemaphores::new(1),
            bodies: semaphore(PROCESSING_BYTES),
            batch_bodies: semaphore(BATCH_PROCESSING_BYTES),
        }
    }

    pub(super) fn resize(&self, from: Bounds, to: Bounds) {
        self.reserved.resize(from, to);
    }

    /// A permit for a call. 503 if there are too many.
    pub fn begin(&self, may_share: bool) -> Result<Permit, Problem> {
        self.try_acquire(&self.limiters.requests, |part| &part.requests, may_share)
    }

    /// A permit for a call that continues as a wait.
    pub fn begin_wait(&self, may_share: bool) -> Result<Permit, Problem> {
        self.try_acquire(&self.limiters.waits, |part| &part.waits, may_share)
    }

    /// A permit for a call that continues as a stream.
    pub fn begin_stream(&self, may_share: bool) -> Result<Permit, Problem> {
        self.try_acquire(&self.limiters.streams, |part| &part.streams, may_share)
    }

    /// A permit for a change. 503 if none is free within the time limit, or if too many changes wait already.
    pub async fn acquire_write(&self, caller: CallerId, may_share: bool) -> Result<WritePermit, Problem> {
        let writes = &self.limiters.writes;
        let queue = self.share(|part| vec![part.queue_by_caller.get(caller.clone()), Arc::clone(&part.queue)]);
        let _place = queue.try_acquire(may_share).ok_or_else(|| writes.refuse())?;
        let share = self.share(|part| {
            let own = part.writes_by_caller.get(caller.clone());
            vec![own, Arc::clone(&part.writes), Arc::clone(&writes.open)]
        });
        timeout(WRITE_QUEUE_TIMEOUT, WritePermit::acquire(share, may_share)).await.map_err(|_| writes.refuse())
    }

    /// A permit for a list from the cluster. 503 if the caller's other lists take too long.
    pub async fn acquire_list(&self, caller: CallerId) -> Result<Permit, Problem> {
        let acquired = timeout(LIST_QUEUE_TIMEOUT, self.lists_by_caller.get(caller).acquire_owned()).await;
        let detail = "this caller's other lists are still being read from the cluster; try again";
        acquired.ok().and_then(Result::ok).map(|permit| vec![permit]).ok_or_else(|| overloaded(detail))
    }

    /// Takes the bytes of a body, or `None` for a small body. 503 if they are not free.
    pub fn hold_body(&self, bytes: usize, is_batch: bool) -> Result<Option<OwnedSemaphorePermit>, Problem> {
        if bytes <= SMALL_BODY_BYTES {
            return Ok(None);
        }
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let bodies = if is_batch { &self.batch_bodies } else { &self.bodies };
        let held = Arc::clone(bodies).try_acquire_many_owned(bytes);
        held.map(Some).map_err(|_| overloaded("too many large request bodies for this cluster at a time; try again"))
    }

    fn try_acquire(
        &self,
        limiter: &Limiter,
        semaphore: impl Fn(&Part) -> &Arc<Semaphore>,
        may_share: bool,
    ) -> Result<Permit, Problem> {
        let share = self.share(|part| vec![Arc::clone(semaphore(part)), Arc::clone(&limiter.open)]);
        share.try_acquire(may_share).ok_or_else(|| limiter.refuse())
    }

    /// Returns these semaphores of the reserve, and the same of the shared part.
    fn share(&self, semaphores: impl Fn(&Part) -> Vec<Arc<Semaphore>>) -> Share {
        Share { reserved: semaphores(&self.reserved), shared: semaphores(&self.shared) }
    }
}

/// Returns half of it, and at least one of one.
fn half(bound: u32) -> u32 {
    (bound / 2).max(bound.min(1))
}
